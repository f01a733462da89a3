//! The actions on single messages, and receiving.

use super::super::attributes::{VISIBILITY_SECONDS_MAX, WAIT_SECONDS_MAX};
use super::super::message::{
    AttributeValue, DELAY_SECONDS_MAX, MessageAttribute, OutgoingMessage, SentMessage, TRACE_HEADER, WireAttribute,
};
use super::super::{BATCH_ENTRIES_MAX, QueueError, Queues, ReceivedMessage, digest};
use super::{Answer, LongPoll, queue_of, required, seconds};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FIFO_ONLY: &str = "has a meaning for FIFO queues only; leave it out";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Send {
    queue_url: Option<String>,
    message_body: Option<String>,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: BTreeMap<String, WireAttribute>,
    #[serde(default)]
    message_system_attributes: BTreeMap<String, WireAttribute>,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
}

/// What a message is sent with, alone or as the entry of a batch.
pub(super) struct Parts {
    pub(super) body: Option<String>,
    pub(super) delay_seconds: Option<i64>,
    pub(super) attributes: BTreeMap<String, WireAttribute>,
    pub(super) system_attributes: BTreeMap<String, WireAttribute>,
    pub(super) deduplication_id: Option<String>,
    pub(super) group_id: Option<String>,
}

impl Parts {
    pub(super) fn message(self) -> Result<OutgoingMessage, QueueError> {
        if self.deduplication_id.is_some() {
            return Err(QueueError::InvalidParameter { name: "MessageDeduplicationId", reason: FIFO_ONLY.into() });
        }
        let delay = self.delay_seconds.map(|delay| seconds(delay, DELAY_SECONDS_MAX, "DelaySeconds"));
        let attributes =
            self.attributes.into_iter().map(|(name, attribute)| Ok((name, MessageAttribute::try_from(attribute)?)));
        Ok(OutgoingMessage {
            body: required(self.body, "MessageBody")?,
            delay_seconds: delay.transpose()?,
            group_id: self.group_id,
            attributes: attributes.collect::<Result<_, QueueError>>()?,
            trace_header: trace_header(self.system_attributes)?,
        })
    }
}

fn trace_header(attributes: BTreeMap<String, WireAttribute>) -> Result<Option<String>, QueueError> {
    let mut header = None;
    for (name, attribute) in attributes {
        let attribute = MessageAttribute::try_from(attribute)?;
        match (name.as_str(), attribute.data_type.as_str(), attribute.value) {
            (TRACE_HEADER, "String", AttributeValue::Text(text)) => header = Some(text),
            _ => {
                return Err(QueueError::InvalidParameter {
                    name: "MessageSystemAttributes",
                    reason: format!("only {TRACE_HEADER} can be sent, as a String"),
                });
            }
        }
    }
    Ok(header)
}

pub(super) fn describe_sent(sent: SentMessage) -> Value {
    let mut body = json!({
        "MessageId": sent.message_id,
        "MD5OfMessageBody": sent.md5_of_body,
    });
    if let Some(md5) = sent.md5_of_attributes {
        body["MD5OfMessageAttributes"] = md5.into();
    }
    if let Some(md5) = sent.md5_of_system_attributes {
        body["MD5OfMessageSystemAttributes"] = md5.into();
    }
    body
}

pub(super) fn send(queues: &Queues, request: Send) -> Result<Answer, QueueError> {
    let name = queue_of(&request.queue_url)?;
    let parts = Parts {
        body: request.message_body,
        delay_seconds: request.delay_seconds,
        attributes: request.message_attributes,
        system_attributes: request.message_system_attributes,
        deduplication_id: request.message_deduplication_id,
        group_id: request.message_group_id,
    };
    let sent = queues.send(name, &parts.message()?)?;
    Ok(describe_sent(sent).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Receive {
    queue_url: Option<String>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
    receive_request_attempt_id: Option<String>,
}

pub(super) fn receive(queues: &Queues, request: Receive) -> Result<Answer, QueueError> {
    let name = queue_of(&request.queue_url)?;
    if request.receive_request_attempt_id.is_some() {
        return Err(QueueError::InvalidParameter { name: "ReceiveRequestAttemptId", reason: FIFO_ONLY.into() });
    }
    let count_max = usize::try_from(request.max_number_of_messages.unwrap_or(1))
        .ok()
        .filter(|count| (1..=BATCH_ENTRIES_MAX).contains(count))
        .ok_or_else(|| QueueError::InvalidParameter {
            name: "MaxNumberOfMessages",
            reason: format!("must be 1 to {BATCH_ENTRIES_MAX}"),
        })?;
    let visibility = request
        .visibility_timeout
        .map(|timeout| seconds(timeout, VISIBILITY_SECONDS_MAX, "VisibilityTimeout"))
        .transpose()?;
    let wait = request.wait_time_seconds.map(|wait| seconds(wait, WAIT_SECONDS_MAX, "WaitTimeSeconds")).transpose()?;
    let system_names = [request.attribute_names, request.message_system_attribute_names].concat();
    if let Some(unknown) = system_names.iter().find(|name| !is_system_attribute(name)) {
        return Err(QueueError::InvalidAttributeName { name: unknown.clone() });
    }
    let messages = queues.receive(name, count_max, visibility)?;
    if messages.is_empty() {
        let wait = match wait {
            Some(wait) => wait,
            None => queues.attributes(name)?.receive_wait_seconds,
        };
        return Ok(Answer {
            body: Some(json!({})),
            long_poll: (wait > 0).then(|| LongPoll { queue: name.to_owned(), wait_ms: u64::from(wait) * 1_000 }),
        });
    }
    let messages: Vec<Value> = messages
        .into_iter()
        .map(|message| describe(message, &system_names, &request.message_attribute_names))
        .collect();
    Ok(json!({ "Messages": messages }).into())
}

fn describe(mut message: ReceivedMessage, system: &[String], wanted: &[String]) -> Value {
    let everything = system.iter().any(|name| name == "All");
    let mut system_attributes = message.system_attributes();
    system_attributes.retain(|name, _| everything || system.iter().any(|wanted| wanted == name));
    message.attributes.retain(|name, _| wanted.iter().any(|wanted| selects(wanted, name)));
    let mut body = json!({
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": message.md5_of_body(),
    });
    if !system_attributes.is_empty() {
        body["Attributes"] = json!(system_attributes);
    }
    // The digest covers the attributes that are returned, so that the caller can check it.
    if let Some(md5) = digest::of_attributes(&message.attributes) {
        let attributes: BTreeMap<&String, WireAttribute> =
            message.attributes.iter().map(|(name, attribute)| (name, attribute.into())).collect();
        body["MessageAttributes"] = json!(attributes);
        body["MD5OfMessageAttributes"] = md5.into();
    }
    body["Body"] = message.body.into();
    body
}

/// Whether a name asked for (`All`, `.*`, `prefix.*` or the name itself) selects the attribute.
fn selects(wanted: &str, name: &str) -> bool {
    match wanted {
        "All" | ".*" => true,
        _ => match wanted.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => wanted == name,
        },
    }
}

fn is_system_attribute(name: &str) -> bool {
    matches!(
        name,
        "All"
            | "AWSTraceHeader"
            | "ApproximateFirstReceiveTimestamp"
            | "ApproximateReceiveCount"
            | "DeadLetterQueueSourceArn"
            | "MessageDeduplicationId"
            | "MessageGroupId"
            | "SenderId"
            | "SentTimestamp"
            | "SequenceNumber"
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Delete {
    queue_url: Option<String>,
    receipt_handle: Option<String>,
}

pub(super) fn delete(queues: &Queues, request: Delete) -> Result<Answer, QueueError> {
    let name = queue_of(&request.queue_url)?;
    queues.delete(name, &required(request.receipt_handle, "ReceiptHandle")?)?;
    Ok(Answer::default())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ChangeVisibility {
    queue_url: Option<String>,
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
}

pub(super) fn change_visibility(queues: &Queues, request: ChangeVisibility) -> Result<Answer, QueueError> {
    let name = queue_of(&request.queue_url)?;
    let handle = required(request.receipt_handle, "ReceiptHandle")?;
    let timeout = required(request.visibility_timeout, "VisibilityTimeout")?;
    let timeout = seconds(timeout, VISIBILITY_SECONDS_MAX, "VisibilityTimeout")?;
    queues.change_visibility(name, &handle, timeout)?;
    Ok(Answer::default())
}
