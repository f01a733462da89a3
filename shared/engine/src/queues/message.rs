//! Messages: what is sent, what is received, and what SQS accepts.

use super::QueueError;
use super::digest;
use super::naming::ACCOUNT_ID;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most bytes of a message, and of all messages of a batch, attributes included.
pub const MESSAGE_BYTES_MAX: usize = 1_048_576;
/// The most seconds by which a message may be delayed.
pub const DELAY_SECONDS_MAX: u32 = 900;
const ATTRIBUTES_MAX: usize = 10;
const GROUP_ID_CHARS_MAX: usize = 128;
/// The one system attribute that a sender may set.
pub(super) const TRACE_HEADER: &str = "AWSTraceHeader";

/// A message attribute's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// The value of a `String` or `Number` attribute.
    Text(String),
    /// The value of a `Binary` attribute.
    Binary(Vec<u8>),
}

/// A message attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, with an optional label after a dot.
    pub data_type: String,
    /// The value, of the kind that the data type says.
    pub value: AttributeValue,
}

/// A message to send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// The text, 1 byte to 1 MiB.
    pub body: String,
    /// Seconds until it becomes available, at most 900; the queue's `DelaySeconds` if absent.
    pub delay_seconds: Option<u32>,
    /// The tenant it belongs to, for fair queues.
    pub group_id: Option<String>,
    /// Up to ten attributes by name.
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// The X-Ray trace header, not counted in the message's size.
    pub trace_header: Option<String>,
}

/// What the queue answers to a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// The message's id, kept on its way through dead-letter queues.
    pub message_id: String,
    /// MD5 of the body, in hexadecimal.
    pub md5_of_body: String,
    /// MD5 of the attributes, if there are any.
    pub md5_of_attributes: Option<String>,
    /// MD5 of the system attributes, if there are any.
    pub md5_of_system_attributes: Option<String>,
}

/// One delivery of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The message's id.
    pub message_id: String,
    /// The handle of this delivery; a later receive of the same message makes it void.
    pub receipt_handle: String,
    /// The text.
    pub body: String,
    /// All attributes by name.
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// The tenant it belongs to.
    pub group_id: Option<String>,
    /// The X-Ray trace header.
    pub trace_header: Option<String>,
    /// When it was sent, UTC epoch milliseconds.
    pub sent_at_ms: u64,
    /// When it was received for the first time, UTC epoch milliseconds.
    pub first_received_at_ms: u64,
    /// How often it was received in all queues, this time included.
    pub receive_count: u32,
    /// In a dead-letter queue: the ARN of the queue that it was moved from.
    pub dead_letter_source_arn: Option<String>,
}

impl ReceivedMessage {
    /// MD5 of the body, in hexadecimal.
    pub fn md5_of_body(&self) -> String {
        digest::of_body(&self.body)
    }

    /// MD5 of all attributes, if there are any.
    pub fn md5_of_attributes(&self) -> Option<String> {
        digest::of_attributes(&self.attributes)
    }

    /// The system attributes as SQS and Lambda's SQS events spell them.
    pub fn system_attributes(&self) -> BTreeMap<&'static str, String> {
        let mut all = BTreeMap::from([
            ("SenderId", ACCOUNT_ID.to_owned()),
            ("SentTimestamp", self.sent_at_ms.to_string()),
            ("ApproximateReceiveCount", self.receive_count.to_string()),
            ("ApproximateFirstReceiveTimestamp", self.first_received_at_ms.to_string()),
        ]);
        let optional = [
            ("MessageGroupId", &self.group_id),
            (TRACE_HEADER, &self.trace_header),
            ("DeadLetterQueueSourceArn", &self.dead_letter_source_arn),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                all.insert(name, value.clone());
            }
        }
        all
    }
}

impl OutgoingMessage {
    /// A message of this body and nothing else.
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// Its length in bytes, as SQS limits it: the body and each attribute's name, type and value.
    pub fn size_bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, attribute)| {
            let value = match &attribute.value {
                AttributeValue::Text(text) => text.len(),
                AttributeValue::Binary(bytes) => bytes.len(),
            };
            name.len() + attribute.data_type.len() + value
        });
        self.body.len() + attributes.sum::<usize>()
    }

    /// Refuses what SQS refuses, `bytes_max` being the queue's limit.
    pub(super) fn check(&self, bytes_max: u32) -> Result<(), QueueError> {
        if self.body.is_empty() {
            return Err(QueueError::MissingParameter { name: "MessageBody" });
        }
        if self.size_bytes() > bytes_max as usize {
            return Err(QueueError::InvalidParameter {
                name: "MessageBody",
                reason: format!("the message with its attributes must be at most {bytes_max} bytes long"),
            });
        }
        check_text(&self.body, "the message body")?;
        if let Some(delay) = self.delay_seconds
            && delay > DELAY_SECONDS_MAX
        {
            return Err(QueueError::InvalidParameter {
                name: "DelaySeconds",
                reason: format!("must be 0 to {DELAY_SECONDS_MAX}"),
            });
        }
        if let Some(group) = &self.group_id {
            check_group_id(group)?;
        }
        if self.attributes.len() > ATTRIBUTES_MAX {
            return Err(QueueError::InvalidParameter {
                name: "MessageAttributes",
                reason: format!("a message has at most {ATTRIBUTES_MAX} attributes"),
            });
        }
        if let Some(header) = &self.trace_header
            && header.is_empty()
        {
            return Err(QueueError::InvalidParameter {
                name: "MessageSystemAttributes",
                reason: "AWSTraceHeader must not be empty".into(),
            });
        }
        self.attributes.iter().try_for_each(|(name, attribute)| check_attribute(name, attribute))
    }

    pub(super) fn answer(&self, message_id: String) -> SentMessage {
        let system = self.trace_header.as_ref().map(|header| {
            let attribute =
                MessageAttribute { data_type: "String".into(), value: AttributeValue::Text(header.clone()) };
            BTreeMap::from([(TRACE_HEADER.to_owned(), attribute)])
        });
        SentMessage {
            message_id,
            md5_of_body: digest::of_body(&self.body),
            md5_of_attributes: digest::of_attributes(&self.attributes),
            md5_of_system_attributes: system.as_ref().and_then(digest::of_attributes),
        }
    }
}

fn check_text(text: &str, place: &'static str) -> Result<(), QueueError> {
    let allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if text.chars().all(allowed) { Ok(()) } else { Err(QueueError::InvalidMessageContents { place }) }
}

fn check_group_id(group: &str) -> Result<(), QueueError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_punctuation();
    if group.is_empty() || group.len() > GROUP_ID_CHARS_MAX || !group.chars().all(allowed) {
        return Err(QueueError::InvalidParameter {
            name: "MessageGroupId",
            reason: "must be 1 to 128 letters, digits or punctuation marks of ASCII".into(),
        });
    }
    Ok(())
}

fn check_attribute(name: &str, attribute: &MessageAttribute) -> Result<(), QueueError> {
    let refuse =
        |reason: &str| Err(QueueError::InvalidParameter { name: "MessageAttributes", reason: reason.to_owned() });
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let lower = name.to_ascii_lowercase();
    if name.is_empty()
        || name.len() > 256
        || !name.chars().all(allowed)
        || name.starts_with('.')
        || name.ends_with('.')
        || name.contains("..")
        || lower.starts_with("aws.")
        || lower.starts_with("amazon.")
    {
        return refuse(
            "a name must be 1 to 256 letters, digits, '_', '-' or single inner periods, and not start with AWS. or Amazon.",
        );
    }
    if attribute.data_type.len() > 256 {
        return refuse("a DataType is at most 256 bytes long");
    }
    check_text(&attribute.data_type, "an attribute's DataType")?;
    let kind = attribute.data_type.split('.').next().unwrap_or_default();
    match (kind, &attribute.value) {
        ("String", AttributeValue::Text(text)) if !text.is_empty() => check_text(text, "a message attribute"),
        ("Number", AttributeValue::Text(text)) if !text.is_empty() => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(()),
            Ok(_) | Err(_) => refuse("the value of a Number attribute must be a number"),
        },
        ("Binary", AttributeValue::Binary(bytes)) if !bytes.is_empty() => Ok(()),
        ("String" | "Number" | "Binary", _) => {
            refuse("a String or Number attribute needs a StringValue and a Binary one a BinaryValue, not empty")
        }
        _ => refuse("a DataType must start with String, Number or Binary"),
    }
}

/// An attribute as JSON, on the wire and in the file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct WireAttribute {
    data_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    #[serde(default, skip_serializing)]
    string_list_values: Vec<String>,
    #[serde(default, skip_serializing)]
    binary_list_values: Vec<String>,
}

impl From<&MessageAttribute> for WireAttribute {
    fn from(attribute: &MessageAttribute) -> Self {
        let mut wire = Self { data_type: attribute.data_type.clone(), ..Self::default() };
        match &attribute.value {
            AttributeValue::Text(text) => wire.string_value = Some(text.clone()),
            AttributeValue::Binary(bytes) => wire.binary_value = Some(STANDARD.encode(bytes)),
        }
        wire
    }
}

impl TryFrom<WireAttribute> for MessageAttribute {
    type Error = QueueError;

    fn try_from(wire: WireAttribute) -> Result<Self, QueueError> {
        let refuse =
            |reason: &str| QueueError::InvalidParameter { name: "MessageAttributes", reason: reason.to_owned() };
        if !wire.string_list_values.is_empty() || !wire.binary_list_values.is_empty() {
            return Err(refuse("SQS does not carry list values; use StringValue or BinaryValue"));
        }
        let value = match (wire.string_value, wire.binary_value) {
            (Some(text), None) => AttributeValue::Text(text),
            (None, Some(encoded)) => {
                AttributeValue::Binary(STANDARD.decode(encoded).map_err(|_| refuse("a BinaryValue must be Base64"))?)
            }
            (None, None) | (Some(_), Some(_)) => {
                return Err(refuse("give either StringValue or BinaryValue"));
            }
        };
        Ok(Self { data_type: wire.data_type, value })
    }
}
