//! SQS's AWS JSON 1.0 protocol as a pure function over [`Queues`].

mod batch;
mod messages;
mod queue_actions;

use super::{QueueError, Queues};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The content type of requests and replies.
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// An empty receive that the caller wants to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongPoll {
    /// The queue to watch.
    pub queue: String,
    /// For how many milliseconds from the first call on.
    pub wait_ms: u64,
}

/// What to answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON, or empty where SQS answers nothing.
    pub body: Vec<u8>,
    /// The value of the header `x-amzn-query-error`, by which SDKs tell errors apart.
    pub query_error: Option<String>,
    /// Set if a `ReceiveMessage` found nothing and asks to wait: the host waits until a message arrives
    /// ([`Queues::on_arrival`]) or becomes visible ([`Queues::next_visible_at_ms`]) and makes the same call
    /// again; when the time is over it sends this reply as it is.
    pub long_poll: Option<LongPoll>,
}

impl Reply {
    /// The headers to send, the request id excepted.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("content-type", CONTENT_TYPE.to_owned())];
        if let Some(error) = &self.query_error {
            headers.push(("x-amzn-query-error", error.clone()));
        }
        headers
    }

    fn error(error: &QueueError) -> Self {
        let wire = error.wire();
        let fault = if error.is_sender_fault() { "Sender" } else { "Receiver" };
        Self {
            status: wire.status,
            body: json!({ "__type": wire.shape, "message": error.to_string() }).to_string().into_bytes(),
            query_error: Some(format!("{};{fault}", wire.query)),
            long_poll: None,
        }
    }
}

/// What an action answers.
#[derive(Default)]
struct Answer {
    body: Option<Value>,
    long_poll: Option<LongPoll>,
}

impl From<Value> for Answer {
    fn from(body: Value) -> Self {
        Self { body: Some(body), long_poll: None }
    }
}

/// Handles one request. `action` is the value of the header `x-amz-target`, with or without its prefix
/// `AmazonSQS.`. Errors are replies, too.
pub fn call(queues: &Queues, action: &str, body: &[u8]) -> Reply {
    let name = action.strip_prefix("AmazonSQS.").unwrap_or(action);
    match dispatch(queues, name, body) {
        Ok(answer) => Reply {
            status: 200,
            body: answer.body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            query_error: None,
            long_poll: answer.long_poll,
        },
        Err(error) => Reply::error(&error),
    }
}

fn dispatch(queues: &Queues, action: &str, body: &[u8]) -> Result<Answer, QueueError> {
    match action {
        "CreateQueue" => queue_actions::create(queues, read(body)?),
        "DeleteQueue" => queue_actions::delete(queues, read(body)?),
        "GetQueueUrl" => queue_actions::url(queues, read(body)?),
        "ListQueues" => queue_actions::list(queues, read(body)?),
        "GetQueueAttributes" => queue_actions::attributes(queues, read(body)?),
        "SetQueueAttributes" => queue_actions::set_attributes(queues, read(body)?),
        "PurgeQueue" => queue_actions::purge(queues, read(body)?),
        "ListDeadLetterSourceQueues" => queue_actions::dead_letter_sources(queues, read(body)?),
        "StartMessageMoveTask" => queue_actions::start_move(queues, read(body)?),
        "ListMessageMoveTasks" => queue_actions::list_moves(queues, read(body)?),
        "CancelMessageMoveTask" => queue_actions::cancel_move(read(body)?),
        "TagQueue" => queue_actions::tag(queues, read(body)?),
        "UntagQueue" => queue_actions::untag(queues, read(body)?),
        "ListQueueTags" => queue_actions::tags(queues, read(body)?),
        "SendMessage" => messages::send(queues, read(body)?),
        "ReceiveMessage" => messages::receive(queues, read(body)?),
        "DeleteMessage" => messages::delete(queues, read(body)?),
        "ChangeMessageVisibility" => messages::change_visibility(queues, read(body)?),
        "SendMessageBatch" => batch::send(queues, read(body)?),
        "DeleteMessageBatch" => batch::delete(queues, read(body)?),
        "ChangeMessageVisibilityBatch" => batch::change_visibility(queues, read(body)?),
        "AddPermission" | "RemovePermission" => {
            Err(QueueError::Unsupported { what: "queue policies: nobody looks at them here; leave the call out" })
        }
        _ => Err(QueueError::UnknownAction { action: action.to_owned() }),
    }
}

/// Parses the request; every field that the action does not know is refused.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, QueueError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        // Only these texts quote names alone; others could quote what the message says.
        let names_only = text.starts_with("unknown field") || text.starts_with("missing field");
        let reason = if names_only {
            text
        } else {
            let kind = if error.is_data() { "a value of the wrong type" } else { "no valid JSON" };
            format!("{kind} at line {} column {}", error.line(), error.column())
        };
        QueueError::Malformed { reason }
    })
}

/// A parameter that the action needs.
fn required<T>(value: Option<T>, name: &'static str) -> Result<T, QueueError> {
    value.ok_or(QueueError::MissingParameter { name })
}

/// The queue's name in a required `QueueUrl`.
fn queue_of(url: &Option<String>) -> Result<&str, QueueError> {
    let url = url.as_deref().filter(|url| !url.is_empty());
    Ok(super::naming::name_of_url(required(url, "QueueUrl")?))
}

/// A parameter whose value must be 0 to `max`.
fn seconds(value: i64, max: u32, name: &'static str) -> Result<u32, QueueError> {
    u32::try_from(value)
        .ok()
        .filter(|seconds| *seconds <= max)
        .ok_or_else(|| QueueError::InvalidParameter { name, reason: format!("must be 0 to {max}") })
}

type Text = BTreeMap<String, String>;

/// A request that names a queue and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct QueueOnly {
    queue_url: Option<String>,
}
