//! What can go wrong in a queue call, and how SQS spells it.

/// The reason why a queue call was refused or failed. No text of a message is ever part of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// No queue of this name exists.
    #[error("queue {name} does not exist: create it, or check the name in the QueueUrl")]
    NoSuchQueue {
        /// The name asked for.
        name: String,
    },
    /// A queue of this name exists with another value of the attribute.
    #[error("queue {name} exists with another value of {attribute}: use SetQueueAttributes to change it")]
    QueueNameExists {
        /// The queue.
        name: String,
        /// The first attribute that differs.
        attribute: &'static str,
    },
    /// A deleted queue's name is free again after 60 seconds only.
    #[error("queue {name} was deleted less than 60 seconds ago: wait before creating it again")]
    QueueDeletedRecently {
        /// The queue.
        name: String,
    },
    /// The attribute does not exist, or not for standard queues.
    #[error("unknown attribute {name}")]
    InvalidAttributeName {
        /// The attribute as it was given.
        name: String,
    },
    /// A queue attribute's value is out of range or not readable.
    #[error("invalid value for the attribute {name}: {reason}")]
    InvalidAttributeValue {
        /// The attribute.
        name: &'static str,
        /// What is expected.
        reason: String,
    },
    /// A parameter's value is out of range, or has no meaning for a standard queue.
    #[error("invalid value for the parameter {name}: {reason}")]
    InvalidParameter {
        /// The parameter.
        name: &'static str,
        /// What is expected.
        reason: String,
    },
    /// A required parameter is absent or empty.
    #[error("the request must contain the parameter {name}")]
    MissingParameter {
        /// The parameter.
        name: &'static str,
    },
    /// The text holds a character that XML 1.0 does not allow.
    #[error(
        "{place} contains a character that SQS does not carry (allowed: #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to #xFFFD, #x10000 to #x10FFFF)"
    )]
    InvalidMessageContents {
        /// Where the character is: the body or an attribute.
        place: &'static str,
    },
    /// The receipt handle was not issued by this queue.
    #[error("the receipt handle is not one of this queue: use the handle of the latest receive")]
    ReceiptHandleIsInvalid,
    /// The message is not in flight under this handle.
    #[error(
        "the message is not in flight under this receipt handle: its visibility time-out has passed or it was received again"
    )]
    MessageNotInFlight,
    /// A batch without entries.
    #[error("the batch holds no entries: send 1 to 10")]
    EmptyBatch,
    /// A batch of more than ten entries.
    #[error("the batch holds {count} entries: send at most 10")]
    TooManyEntries {
        /// How many were sent.
        count: usize,
    },
    /// Two entries of a batch have the same id.
    #[error("the batch uses the entry id {id} twice: ids must be distinct")]
    BatchEntryIdsNotDistinct {
        /// The repeated id.
        id: String,
    },
    /// An entry's id has a wrong form.
    #[error("a batch entry's id must be 1 to 80 letters, digits, hyphens or underscores")]
    InvalidBatchEntryId,
    /// The entries of a batch are too long together.
    #[error("the batch is {bytes} bytes long: at most {bytes_max} are allowed")]
    BatchTooLong {
        /// Its length with all attributes.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The queue was purged within the last 60 seconds.
    #[error("queue {name} was purged less than 60 seconds ago: wait before purging it again")]
    PurgeInProgress {
        /// The queue.
        name: String,
    },
    /// A feature of SQS that this core does not have.
    #[error("not supported: {what}")]
    Unsupported {
        /// The feature and the way round it.
        what: &'static str,
    },
    /// An ARN or task names nothing that exists.
    #[error("the resource given as {parameter} does not exist")]
    ResourceNotFound {
        /// The parameter.
        parameter: &'static str,
    },
    /// The request's body is not what the action reads.
    #[error("the request cannot be read: {reason}")]
    Malformed {
        /// The place and kind of the mistake, without the request's values.
        reason: String,
    },
    /// SQS has no such action.
    #[error("SQS has no action {action}")]
    UnknownAction {
        /// The action as it was given.
        action: String,
    },
    /// SQLite refused.
    #[error("the queue file cannot be used (is another process using it, is the disk full?): {0}")]
    Storage(#[from] rusqlite::Error),
    /// A stored row cannot be read.
    #[error("the queue file holds an unreadable {what}: restore it or start with an empty one")]
    Corrupt {
        /// The kind of row.
        what: &'static str,
    },
    /// The file was written by another version.
    #[error("the queue file has schema version {found}, this program reads {expected}: start with an empty file")]
    OtherSchema {
        /// The version in the file.
        found: i64,
        /// The version this program writes.
        expected: i64,
    },
}

/// How an error is spelt on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WireCode {
    /// HTTP status.
    pub(super) status: u16,
    /// The shape in the body's `__type`, namespace included.
    pub(super) shape: &'static str,
    /// The code that the old query protocol used, which SDKs match on.
    pub(super) query: &'static str,
}

impl QueueError {
    /// The code as SDKs see it, e.g. `AWS.SimpleQueueService.NonExistentQueue`.
    pub fn code(&self) -> &'static str {
        self.wire().query
    }

    /// Whether the caller is at fault; otherwise the engine is, and the same call may succeed later.
    pub fn is_sender_fault(&self) -> bool {
        self.wire().status < 500
    }

    pub(super) fn wire(&self) -> WireCode {
        let sender = |shape, query| WireCode { status: 400, shape, query };
        match self {
            Self::NoSuchQueue { .. } => {
                sender("com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
            }
            Self::QueueNameExists { .. } => sender("com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists"),
            Self::QueueDeletedRecently { .. } => {
                sender("com.amazonaws.sqs#QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently")
            }
            Self::InvalidAttributeName { .. } => {
                sender("com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName")
            }
            Self::InvalidAttributeValue { .. } => {
                sender("com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue")
            }
            Self::InvalidParameter { .. } => {
                sender("com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue")
            }
            Self::MissingParameter { .. } => {
                sender("com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter")
            }
            Self::InvalidMessageContents { .. } => {
                sender("com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents")
            }
            Self::ReceiptHandleIsInvalid => {
                sender("com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid")
            }
            Self::MessageNotInFlight => {
                sender("com.amazonaws.sqs#MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight")
            }
            Self::EmptyBatch => {
                sender("com.amazonaws.sqs#EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest")
            }
            Self::TooManyEntries { .. } => sender(
                "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            ),
            Self::BatchEntryIdsNotDistinct { .. } => {
                sender("com.amazonaws.sqs#BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
            }
            Self::InvalidBatchEntryId => {
                sender("com.amazonaws.sqs#InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId")
            }
            Self::BatchTooLong { .. } => {
                sender("com.amazonaws.sqs#BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong")
            }
            Self::PurgeInProgress { .. } => {
                sender("com.amazonaws.sqs#PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress")
            }
            Self::Unsupported { .. } => {
                sender("com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation")
            }
            Self::ResourceNotFound { .. } => {
                sender("com.amazonaws.sqs#ResourceNotFoundException", "ResourceNotFoundException")
            }
            Self::Malformed { .. } => {
                sender("com.amazon.coral.service#SerializationException", "SerializationException")
            }
            Self::UnknownAction { .. } => {
                sender("com.amazon.coral.service#UnknownOperationException", "UnknownOperationException")
            }
            Self::Storage(_) | Self::Corrupt { .. } | Self::OtherSchema { .. } => {
                WireCode { status: 500, shape: "com.amazonaws.sqs#InternalFailure", query: "InternalFailure" }
            }
        }
    }
}
