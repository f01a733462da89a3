//! The attributes of a queue: what may be set, its limits, and what a caller reads back.

use super::QueueError;
use super::message::{DELAY_SECONDS_MAX, MESSAGE_BYTES_MAX};
use super::naming::Naming;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The most seconds for which a message may stay invisible, from its receive on.
pub const VISIBILITY_SECONDS_MAX: u32 = 43_200;
/// The most seconds for which a receive may wait.
pub const WAIT_SECONDS_MAX: u32 = 20;
const SOURCE_QUEUES_MAX: usize = 10;

/// Where messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedrivePolicy {
    /// The name of the dead-letter queue.
    pub dead_letter_queue: String,
    /// How often a message is delivered before it is moved, 1 to 1000.
    pub max_receive_count: u32,
}

/// Which queues may name this one as their dead-letter queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedriveAllowPolicy {
    /// Every queue.
    #[default]
    AllowAll,
    /// None.
    DenyAll,
    /// The queues of these names.
    ByQueue(Vec<String>),
}

/// All attributes of a queue that can be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueAttributes {
    /// Seconds by which each message is delayed, 0 to 900.
    pub delay_seconds: u32,
    /// The most bytes of a message, 1 KiB to 1 MiB.
    pub maximum_message_bytes: u32,
    /// Seconds after which a message is dropped, 60 to 1,209,600.
    pub retention_seconds: u32,
    /// Seconds for which a receive waits if it does not say, 0 to 20.
    pub receive_wait_seconds: u32,
    /// Seconds for which a received message is invisible, 0 to 43,200.
    pub visibility_timeout_seconds: u32,
    /// Where messages go that were received too often.
    pub redrive_policy: Option<RedrivePolicy>,
    /// Which queues may name this one as their dead-letter queue.
    pub redrive_allow_policy: RedriveAllowPolicy,
    /// Reported as it was set; the local file is not encrypted either way.
    pub sqs_managed_sse: bool,
}

impl Default for QueueAttributes {
    fn default() -> Self {
        Self {
            delay_seconds: 0,
            maximum_message_bytes: 1_048_576,
            retention_seconds: 345_600,
            receive_wait_seconds: 0,
            visibility_timeout_seconds: 30,
            redrive_policy: None,
            redrive_allow_policy: RedriveAllowPolicy::AllowAll,
            sqs_managed_sse: true,
        }
    }
}

/// The attributes that a call names; the others stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeChanges {
    /// See [`QueueAttributes::delay_seconds`].
    pub delay_seconds: Option<u32>,
    /// See [`QueueAttributes::maximum_message_bytes`].
    pub maximum_message_bytes: Option<u32>,
    /// See [`QueueAttributes::retention_seconds`].
    pub retention_seconds: Option<u32>,
    /// See [`QueueAttributes::receive_wait_seconds`].
    pub receive_wait_seconds: Option<u32>,
    /// See [`QueueAttributes::visibility_timeout_seconds`].
    pub visibility_timeout_seconds: Option<u32>,
    /// `Some(None)` takes the policy away. See [`QueueAttributes::redrive_policy`].
    pub redrive_policy: Option<Option<RedrivePolicy>>,
    /// See [`QueueAttributes::redrive_allow_policy`].
    pub redrive_allow_policy: Option<RedriveAllowPolicy>,
    /// See [`QueueAttributes::sqs_managed_sse`].
    pub sqs_managed_sse: Option<bool>,
}

const DELAY: RangeInclusive<u32> = 0..=DELAY_SECONDS_MAX;
const MESSAGE_BYTES: RangeInclusive<u32> = 1_024..=1_048_576;
const RETENTION: RangeInclusive<u32> = 60..=1_209_600;
const WAIT: RangeInclusive<u32> = 0..=WAIT_SECONDS_MAX;
const VISIBILITY: RangeInclusive<u32> = 0..=VISIBILITY_SECONDS_MAX;
const RECEIVE_COUNT: RangeInclusive<u32> = 1..=1_000;

const _: () = assert!(*MESSAGE_BYTES.end() as usize == MESSAGE_BYTES_MAX);

impl AttributeChanges {
    /// Reads the map of strings that the protocol and templates use.
    pub(super) fn read(map: &BTreeMap<String, String>, naming: &Naming) -> Result<Self, QueueError> {
        let mut changes = Self::default();
        for (name, text) in map {
            match name.as_str() {
                "DelaySeconds" => {
                    changes.delay_seconds = Some(number("DelaySeconds", text, &DELAY)?);
                }
                "MaximumMessageSize" => {
                    changes.maximum_message_bytes = Some(number("MaximumMessageSize", text, &MESSAGE_BYTES)?);
                }
                "MessageRetentionPeriod" => {
                    changes.retention_seconds = Some(number("MessageRetentionPeriod", text, &RETENTION)?);
                }
                "ReceiveMessageWaitTimeSeconds" => {
                    changes.receive_wait_seconds = Some(number("ReceiveMessageWaitTimeSeconds", text, &WAIT)?);
                }
                "VisibilityTimeout" => {
                    changes.visibility_timeout_seconds = Some(number("VisibilityTimeout", text, &VISIBILITY)?);
                }
                "RedrivePolicy" => {
                    changes.redrive_policy = Some(read_redrive_policy(text, naming)?);
                }
                "RedriveAllowPolicy" => {
                    changes.redrive_allow_policy = Some(read_allow_policy(text, naming)?);
                }
                "SqsManagedSseEnabled" => {
                    changes.sqs_managed_sse = Some(boolean("SqsManagedSseEnabled", text)?);
                }
                "FifoQueue" if text == "false" => {}
                "FifoQueue" => {
                    return Err(QueueError::Unsupported { what: "FIFO queues; use a standard queue" });
                }
                "Policy" | "KmsMasterKeyId" | "KmsDataKeyReusePeriodSeconds" => {
                    if !text.is_empty() {
                        return Err(QueueError::Unsupported {
                            what: "queue policies and KMS keys: nobody looks at the one here and the file is not encrypted; leave the attribute out",
                        });
                    }
                }
                _ => return Err(QueueError::InvalidAttributeName { name: name.clone() }),
            }
        }
        Ok(changes)
    }

    /// Refuses values out of range, which a typed caller could give.
    pub(super) fn check(&self) -> Result<(), QueueError> {
        let ranges = [
            ("DelaySeconds", self.delay_seconds, &DELAY),
            ("MaximumMessageSize", self.maximum_message_bytes, &MESSAGE_BYTES),
            ("MessageRetentionPeriod", self.retention_seconds, &RETENTION),
            ("ReceiveMessageWaitTimeSeconds", self.receive_wait_seconds, &WAIT),
            ("VisibilityTimeout", self.visibility_timeout_seconds, &VISIBILITY),
        ];
        for (name, value, range) in ranges {
            if let Some(value) = value {
                within(name, value, range)?;
            }
        }
        if let Some(Some(policy)) = &self.redrive_policy {
            within("RedrivePolicy", policy.max_receive_count, &RECEIVE_COUNT)?;
        }
        if let Some(RedriveAllowPolicy::ByQueue(names)) = &self.redrive_allow_policy
            && !(1..=SOURCE_QUEUES_MAX).contains(&names.len())
        {
            return Err(QueueError::InvalidAttributeValue {
                name: "RedriveAllowPolicy",
                reason: format!("byQueue names 1 to {SOURCE_QUEUES_MAX} source queues"),
            });
        }
        Ok(())
    }

    /// The first attribute named here whose value in the queue is another one.
    pub(super) fn first_difference(&self, current: &QueueAttributes) -> Option<&'static str> {
        fn differs<T: PartialEq>(wanted: &Option<T>, current: &T) -> bool {
            wanted.as_ref().is_some_and(|wanted| wanted != current)
        }
        let checks = [
            ("DelaySeconds", differs(&self.delay_seconds, &current.delay_seconds)),
            ("MaximumMessageSize", differs(&self.maximum_message_bytes, &current.maximum_message_bytes)),
            ("MessageRetentionPeriod", differs(&self.retention_seconds, &current.retention_seconds)),
            ("ReceiveMessageWaitTimeSeconds", differs(&self.receive_wait_seconds, &current.receive_wait_seconds)),
            ("VisibilityTimeout", differs(&self.visibility_timeout_seconds, &current.visibility_timeout_seconds)),
            ("RedrivePolicy", differs(&self.redrive_policy, &current.redrive_policy)),
            ("RedriveAllowPolicy", differs(&self.redrive_allow_policy, &current.redrive_allow_policy)),
            ("SqsManagedSseEnabled", differs(&self.sqs_managed_sse, &current.sqs_managed_sse)),
        ];
        checks.into_iter().find_map(|(name, differs)| differs.then_some(name))
    }

    /// The attributes with these changes made.
    pub(super) fn apply(&self, current: &QueueAttributes) -> QueueAttributes {
        fn pick<T: Clone>(wanted: &Option<T>, current: &T) -> T {
            wanted.as_ref().unwrap_or(current).clone()
        }
        QueueAttributes {
            delay_seconds: pick(&self.delay_seconds, &current.delay_seconds),
            maximum_message_bytes: pick(&self.maximum_message_bytes, &current.maximum_message_bytes),
            retention_seconds: pick(&self.retention_seconds, &current.retention_seconds),
            receive_wait_seconds: pick(&self.receive_wait_seconds, &current.receive_wait_seconds),
            visibility_timeout_seconds: pick(&self.visibility_timeout_seconds, &current.visibility_timeout_seconds),
            redrive_policy: pick(&self.redrive_policy, &current.redrive_policy),
            redrive_allow_policy: pick(&self.redrive_allow_policy, &current.redrive_allow_policy),
            sqs_managed_sse: pick(&self.sqs_managed_sse, &current.sqs_managed_sse),
        }
    }
}

impl QueueAttributes {
    /// The attributes that can be set, as SQS spells them; absent policies are left out.
    pub(super) fn describe(&self, naming: &Naming) -> BTreeMap<&'static str, String> {
        let mut all = BTreeMap::from([
            ("DelaySeconds", self.delay_seconds.to_string()),
            ("MaximumMessageSize", self.maximum_message_bytes.to_string()),
            ("MessageRetentionPeriod", self.retention_seconds.to_string()),
            ("ReceiveMessageWaitTimeSeconds", self.receive_wait_seconds.to_string()),
            ("VisibilityTimeout", self.visibility_timeout_seconds.to_string()),
            ("SqsManagedSseEnabled", self.sqs_managed_sse.to_string()),
        ]);
        if let Some(policy) = &self.redrive_policy {
            let value = json!({
                "deadLetterTargetArn": naming.arn(&policy.dead_letter_queue),
                "maxReceiveCount": policy.max_receive_count,
            });
            all.insert("RedrivePolicy", value.to_string());
        }
        let allow = match &self.redrive_allow_policy {
            RedriveAllowPolicy::AllowAll => None,
            RedriveAllowPolicy::DenyAll => Some(json!({ "redrivePermission": "denyAll" })),
            RedriveAllowPolicy::ByQueue(names) => {
                let arns: Vec<String> = names.iter().map(|name| naming.arn(name)).collect();
                Some(json!({ "redrivePermission": "byQueue", "sourceQueueArns": arns }))
            }
        };
        if let Some(allow) = allow {
            all.insert("RedriveAllowPolicy", allow.to_string());
        }
        all
    }
}

/// Every attribute name that a reader may ask for, beyond those that [`QueueAttributes::describe`] fills.
pub(super) fn is_readable(name: &str) -> bool {
    matches!(
        name,
        "All"
            | "ApproximateNumberOfMessages"
            | "ApproximateNumberOfMessagesDelayed"
            | "ApproximateNumberOfMessagesNotVisible"
            | "CreatedTimestamp"
            | "DelaySeconds"
            | "KmsDataKeyReusePeriodSeconds"
            | "KmsMasterKeyId"
            | "LastModifiedTimestamp"
            | "MaximumMessageSize"
            | "MessageRetentionPeriod"
            | "Policy"
            | "QueueArn"
            | "ReceiveMessageWaitTimeSeconds"
            | "RedriveAllowPolicy"
            | "RedrivePolicy"
            | "SqsManagedSseEnabled"
            | "VisibilityTimeout"
    )
}

fn within(name: &'static str, value: u32, range: &RangeInclusive<u32>) -> Result<u32, QueueError> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(QueueError::InvalidAttributeValue { name, reason: format!("must be {} to {}", range.start(), range.end()) })
}

fn number(name: &'static str, text: &str, range: &RangeInclusive<u32>) -> Result<u32, QueueError> {
    let value = text.parse().map_err(|_| QueueError::InvalidAttributeValue {
        name,
        reason: format!("must be a number, {} to {}", range.start(), range.end()),
    })?;
    within(name, value, range)
}

fn boolean(name: &'static str, text: &str) -> Result<bool, QueueError> {
    text.parse().map_err(|_| QueueError::InvalidAttributeValue { name, reason: "must be true or false".into() })
}

fn read_redrive_policy(text: &str, naming: &Naming) -> Result<Option<RedrivePolicy>, QueueError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Wire {
        dead_letter_target_arn: String,
        max_receive_count: Value,
    }
    let refuse = |reason: &str| QueueError::InvalidAttributeValue { name: "RedrivePolicy", reason: reason.to_owned() };
    if text.is_empty() {
        return Ok(None);
    }
    let wire: Wire = serde_json::from_str(text)
        .map_err(|_| refuse("must be a JSON object with deadLetterTargetArn and maxReceiveCount, and nothing else"))?;
    let name = naming
        .name_of_arn(&wire.dead_letter_target_arn)
        .ok_or_else(|| refuse("deadLetterTargetArn must be the ARN of a queue of this region and account"))?;
    // Tools send the count as a number or as a string; SQS takes both.
    let count = match &wire.max_receive_count {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    };
    let count = count
        .parse()
        .ok()
        .filter(|count| RECEIVE_COUNT.contains(count))
        .ok_or_else(|| refuse("maxReceiveCount must be 1 to 1000"))?;
    Ok(Some(RedrivePolicy { dead_letter_queue: name.to_owned(), max_receive_count: count }))
}

fn read_allow_policy(text: &str, naming: &Naming) -> Result<RedriveAllowPolicy, QueueError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Wire {
        redrive_permission: String,
        #[serde(default)]
        source_queue_arns: Vec<String>,
    }
    let refuse =
        |reason: &str| QueueError::InvalidAttributeValue { name: "RedriveAllowPolicy", reason: reason.to_owned() };
    if text.is_empty() {
        return Ok(RedriveAllowPolicy::AllowAll);
    }
    let wire: Wire = serde_json::from_str(text).map_err(|_| refuse("must be a JSON object with redrivePermission"))?;
    match (wire.redrive_permission.as_str(), wire.source_queue_arns.as_slice()) {
        ("allowAll", []) => Ok(RedriveAllowPolicy::AllowAll),
        ("denyAll", []) => Ok(RedriveAllowPolicy::DenyAll),
        ("byQueue", arns) => arns
            .iter()
            .map(|arn| naming.name_of_arn(arn).map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .map(RedriveAllowPolicy::ByQueue)
            .ok_or_else(|| refuse("sourceQueueArns must be ARNs of queues of this region and account")),
        _ => Err(refuse("redrivePermission must be allowAll or denyAll without sourceQueueArns, or byQueue with them")),
    }
}
