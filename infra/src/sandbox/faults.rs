//! What goes wrong on request, as it does with real partners.

use super::{ApiError, Shared, lock};
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultKind {
    /// Answered rightly, after a wait.
    Slow,
    /// Nothing done, status 500.
    #[serde(rename = "error_5xx")]
    Error5xx,
    /// Done, but the connection breaks before the answer: only purchases and changes are hit.
    AnswerLostAfterPurchase,
    /// Done, but the answer is cut short.
    Malformed,
    /// Nothing done, told to wait a second.
    RateLimited,
}

/// One order for faults.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    kind: FaultKind,
    /// How many calls it hits.
    #[serde(default = "one")]
    count: u32,
    /// How long a slow answer takes.
    #[serde(default = "three_seconds")]
    delay_ms: u64,
}

fn one() -> u32 {
    1
}

fn three_seconds() -> u64 {
    3000
}

/// Faults still to come, by account. Not kept across a restart.
#[derive(Default)]
pub(super) struct Faults(HashMap<String, VecDeque<Fault>>);

impl Faults {
    pub(super) fn add(&mut self, account: &str, fault: Fault) {
        if fault.count > 0 {
            self.0.entry(account.to_owned()).or_default().push_back(fault);
        }
    }

    pub(super) fn list(&self, account: &str) -> Vec<Fault> {
        self.0.get(account).into_iter().flatten().cloned().collect()
    }

    pub(super) fn clear(&mut self, account: &str) {
        self.0.remove(account);
    }

    fn take(&mut self, account: &str, changes: bool) -> Option<Fault> {
        let queue = self.0.get_mut(account)?;
        let at = queue.iter().position(|fault| changes || fault.kind != FaultKind::AnswerLostAfterPurchase)?;
        let fault = queue[at].clone();
        queue[at].count -= 1;
        if queue[at].count == 0 {
            queue.remove(at);
        }
        Some(fault)
    }
}

/// How a partner says that the caller is too fast.
pub(super) type Throttled = fn() -> Response;

/// `429` with `Retry-After`.
pub(super) fn too_many_requests() -> Response {
    let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited");
    ApiError { retry_after_seconds: Some(1), ..error }.into_response()
}

/// Answers a call of `account` through the faults ordered for it. `changes` says whether the call buys or changes something.
pub(super) async fn answer(
    shared: &Shared,
    account: &str,
    changes: bool,
    throttled: Throttled,
    work: impl FnOnce() -> Response,
) -> Response {
    let fault = lock(&shared.faults).take(account, changes);
    let Some(fault) = fault else { return work() };
    match fault.kind {
        FaultKind::Slow => {
            tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
            work()
        }
        FaultKind::Error5xx => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error").into_response(),
        FaultKind::RateLimited => throttled(),
        FaultKind::AnswerLostAfterPurchase => {
            work();
            torn()
        }
        FaultKind::Malformed => cut_short(work()).await,
    }
}

/// An answer that never arrives whole: the server breaks the connection when the body fails.
fn torn() -> Response {
    let failing =
        futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("answer lost on request")) });
    Body::from_stream(failing).into_response()
}

/// The same answer with half of its body.
async fn cut_short(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            let mut cut = (parts.status, bytes.slice(..bytes.len() / 2)).into_response();
            if let Some(kind) = parts.headers.get("content-type") {
                cut.headers_mut().insert("content-type", kind.clone());
            }
            cut
        }
        Err(_) => torn(),
    }
}
