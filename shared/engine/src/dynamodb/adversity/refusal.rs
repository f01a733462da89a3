//! The answers that dynoxide does not know: throttled, in conflict, in progress.

use dynoxide::DynoxideError;
use dynoxide::errors::CancellationReason;
use http::{Response, StatusCode};
use serde_json::json;

use super::budget::Partition;
use crate::dynamodb::wire;

/// Why a call is not answered as asked.
#[derive(Debug)]
pub(super) enum Refusal {
    /// dynoxide says so.
    Dynoxide(DynoxideError),
    /// A partition has no units left.
    Throttled { writes: bool, exceeded: Vec<Partition> },
    /// A running transaction holds the item.
    Conflict,
    /// A transaction with the same token is running.
    InProgress,
}

impl From<DynoxideError> for Refusal {
    fn from(error: DynoxideError) -> Self {
        Self::Dynoxide(error)
    }
}

pub(super) type Outcome = Result<Vec<u8>, Refusal>;

/// The response for an outcome; ARNs bear `region`.
pub(super) fn respond(operation: &str, region: &str, outcome: Outcome) -> Response<Vec<u8>> {
    let body = match outcome {
        Ok(body) => return wire::respond(operation, Ok(body)),
        Err(Refusal::Dynoxide(error)) => return wire::respond(operation, Err(error)),
        Err(Refusal::Throttled { writes, exceeded }) => json!({
            "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "message": format!("The partition has no units left in this second: {}", names(&exceeded)),
            "ThrottlingReasons": exceeded.iter().map(|p| throttling_reason(region, writes, p)).collect::<Vec<_>>(),
        }),
        Err(Refusal::Conflict) => json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException",
            "message": CONFLICT,
        }),
        Err(Refusal::InProgress) => json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionInProgressException",
            "Message": "A transaction with this ClientRequestToken is in progress.",
        }),
    };
    wire::json(StatusCode::BAD_REQUEST, body.to_string().into_bytes())
}

const CONFLICT: &str = "Transaction is ongoing for the item";

fn throttling_reason(region: &str, writes: bool, partition: &Partition) -> serde_json::Value {
    let kind = if writes { "Write" } else { "Read" };
    let table = format!("arn:aws:dynamodb:{region}:{}:table/{}", dynoxide::streams::LOCAL_ACCOUNT, partition.table);
    match &partition.index {
        None => json!({ "reason": format!("Table{kind}KeyRangeThroughputExceeded"), "resource": table }),
        Some(index) => json!({
            "reason": format!("Index{kind}KeyRangeThroughputExceeded"),
            "resource": format!("{table}/index/{index}"),
        }),
    }
}

fn names(partitions: &[Partition]) -> String {
    let name = |p: &Partition| p.index.as_ref().map_or(p.table.clone(), |index| format!("{}/{index}", p.table));
    partitions.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Why one item of a transaction cancels it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cause {
    None,
    Conflict,
    Throttled,
}

/// The cancellation of a transaction, by the cause of each of its items.
pub(super) fn cancelled(causes: &[Cause]) -> Refusal {
    let reason = |cause: &Cause| {
        let (code, message) = match cause {
            Cause::None => ("None", None),
            Cause::Conflict => ("TransactionConflict", Some(CONFLICT)),
            // As tables on demand have it.
            Cause::Throttled => ("ThrottlingError", Some("The partition has no units left in this second")),
        };
        CancellationReason { code: code.to_owned(), message: message.map(str::to_owned), item: None }
    };
    let reasons: Vec<_> = causes.iter().map(reason).collect();
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code.as_str()).collect();
    let message =
        format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes.join(", "));
    Refusal::Dynoxide(DynoxideError::TransactionCanceledException(message, reasons))
}
