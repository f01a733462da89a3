//! The batch actions: every entry succeeds or fails by itself.

use super::super::attributes::VISIBILITY_SECONDS_MAX;
use super::super::message::WireAttribute;
use super::super::{OutgoingMessage, QueueError, Queues, check_batch_length};
use super::messages::{Parts, describe_sent};
use super::{Answer, queue_of, required, seconds};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Batch<E> {
    queue_url: Option<String>,
    // An absent list counts as an empty one.
    #[serde(default = "Vec::new")]
    entries: Vec<E>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SendEntry {
    id: Option<String>,
    message_body: Option<String>,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: BTreeMap<String, WireAttribute>,
    #[serde(default)]
    message_system_attributes: BTreeMap<String, WireAttribute>,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteEntry {
    id: Option<String>,
    receipt_handle: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ChangeEntry {
    id: Option<String>,
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
}

pub(super) fn send(queues: &Queues, request: Batch<SendEntry>) -> Result<Answer, QueueError> {
    let name = queue_of(&request.queue_url)?;
    let entries = identified(request.entries, |entry| entry.id.take())?;
    run(
        entries,
        |entry| {
            Parts {
                body: entry.message_body,
                delay_seconds: entry.delay_seconds,
                attributes: entry.message_attributes,
                system_attributes: entry.message_system_attributes,
                deduplication_id: entry.message_deduplication_id,
                group_id: entry.message_group_id,
            }
            .message()
        },
        |messages: &[OutgoingMessage]| queues.send_batch(name, messages),
        || queues.attributes(name).map(drop),
        describe_sent,
    )
}

pub(super) fn delete(queues: &Queues, request: Batch<DeleteEntry>) -> Result<Answer, QueueError> {
    let name = queue_of(&request.queue_url)?;
    let entries = identified(request.entries, |entry| entry.id.take())?;
    run(
        entries,
        |entry| required(entry.receipt_handle, "ReceiptHandle"),
        |handles: &[String]| {
            let handles: Vec<&str> = handles.iter().map(String::as_str).collect();
            queues.delete_batch(name, &handles)
        },
        || queues.attributes(name).map(drop),
        |_| json!({}),
    )
}

pub(super) fn change_visibility(queues: &Queues, request: Batch<ChangeEntry>) -> Result<Answer, QueueError> {
    let name = queue_of(&request.queue_url)?;
    let entries = identified(request.entries, |entry| entry.id.take())?;
    run(
        entries,
        |entry| {
            let handle = required(entry.receipt_handle, "ReceiptHandle")?;
            let timeout = required(entry.visibility_timeout, "VisibilityTimeout")?;
            let timeout = seconds(timeout, VISIBILITY_SECONDS_MAX, "VisibilityTimeout")?;
            Ok((handle, timeout))
        },
        |changes: &[(String, u32)]| {
            let changes: Vec<(&str, u32)> =
                changes.iter().map(|(handle, timeout)| (handle.as_str(), *timeout)).collect();
            queues.change_visibility_batch(name, &changes)
        },
        || queues.attributes(name).map(drop),
        |()| json!({}),
    )
}

/// The entries with their ids, or the reason why the whole batch is refused.
fn identified<E>(entries: Vec<E>, take_id: impl Fn(&mut E) -> Option<String>) -> Result<Vec<(String, E)>, QueueError> {
    check_batch_length(entries.len())?;
    let mut seen = BTreeSet::new();
    let mut identified = Vec::with_capacity(entries.len());
    for mut entry in entries {
        let id = required(take_id(&mut entry), "Id")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > 80 || !id.chars().all(allowed) {
            return Err(QueueError::InvalidBatchEntryId);
        }
        if !seen.insert(id.clone()) {
            return Err(QueueError::BatchEntryIdsNotDistinct { id });
        }
        identified.push((id, entry));
    }
    Ok(identified)
}

/// Reads each entry, calls once with those that can be read, and sorts the outcomes. With none left, `probe`
/// still refuses a queue that does not exist.
fn run<E, I, O>(
    entries: Vec<(String, E)>,
    read: impl Fn(E) -> Result<I, QueueError>,
    call: impl Fn(&[I]) -> Result<Vec<Result<O, QueueError>>, QueueError>,
    probe: impl Fn() -> Result<(), QueueError>,
    describe: impl Fn(O) -> Value,
) -> Result<Answer, QueueError> {
    let mut ids = Vec::with_capacity(entries.len());
    let mut inputs = Vec::with_capacity(entries.len());
    let mut failed = Vec::new();
    for (id, entry) in entries {
        match read(entry) {
            Ok(input) => {
                ids.push(id);
                inputs.push(input);
            }
            Err(error) => failed.push(failure(&id, &error)),
        }
    }
    let outcomes = if inputs.is_empty() {
        probe()?;
        Vec::new()
    } else {
        call(&inputs)?
    };
    let mut successful = Vec::with_capacity(outcomes.len());
    for (id, outcome) in ids.into_iter().zip(outcomes) {
        match outcome {
            Ok(output) => {
                let mut entry = describe(output);
                entry["Id"] = id.into();
                successful.push(entry);
            }
            Err(error) => failed.push(failure(&id, &error)),
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }).into())
}

fn failure(id: &str, error: &QueueError) -> Value {
    json!({
        "Id": id,
        "SenderFault": error.is_sender_fault(),
        "Code": error.code(),
        "Message": error.to_string(),
    })
}
