//! What `template.yaml` says, resolved for one machine: names and references are plain strings, every
//! number has its unit in its name. The host runs this; it never looks at YAML.

use std::collections::BTreeMap;

/// The whole system as the template declares it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stack {
    /// Functions by logical id's kebab-case name (`order-intake`).
    pub functions: BTreeMap<String, Function>,
    /// Tables in the template's order.
    pub tables: Vec<Table>,
    /// Queues in the template's order, dead-letter queues included.
    pub queues: Vec<Queue>,
    /// Bucket names.
    pub buckets: Vec<Bucket>,
}

/// One Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its name: package, folder and binary are called the same.
    pub name: String,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Time-out of one invocation, seconds.
    pub timeout_s: u32,
    /// Environment variables, all references resolved.
    pub environment: BTreeMap<String, String>,
    /// Routes of the HTTP API that invoke it.
    pub routes: Vec<Route>,
    /// Queues that invoke it.
    pub queue_sources: Vec<QueueSource>,
    /// Table streams that invoke it.
    pub stream_sources: Vec<StreamSource>,
    /// Schedules that invoke it.
    pub schedules: Vec<Schedule>,
}

/// A route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path with `{parameter}` segments.
    pub path: String,
}

/// An SQS event source mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSource {
    /// The queue's name.
    pub queue: String,
    /// Most records of one invocation.
    pub batch_size: u32,
    /// How long to gather a batch, seconds.
    pub batching_window_s: u32,
    /// Most concurrent invocations; `None`: no limit of its own.
    pub maximum_concurrency: Option<u32>,
    /// Whether the function answers with `batchItemFailures`.
    pub report_batch_item_failures: bool,
}

/// A DynamoDB Streams event source mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSource {
    /// The table's name.
    pub table: String,
    /// Most records of one invocation.
    pub batch_size: u32,
    /// How long to gather a batch, seconds (fractions are not allowed by AWS).
    pub batching_window_s: u32,
    /// Where a new mapping starts.
    pub starting_position: StartingPosition,
    /// Attempts after the first; `None`: until the record expires.
    pub maximum_retry_attempts: Option<u32>,
    /// Age at which a record is given up, seconds.
    pub maximum_record_age_s: Option<u32>,
    /// Concurrent batches per shard.
    pub parallelization_factor: u32,
    /// Whether a failing batch is split in two.
    pub bisect_batch_on_function_error: bool,
    /// Whether the function answers with `batchItemFailures`.
    pub report_batch_item_failures: bool,
    /// Queue that learns of given-up batches.
    pub on_failure_queue: Option<String>,
    /// Event filter patterns (JSON), any of which admits a record; empty: all.
    pub filters: Vec<serde_json::Value>,
}

/// Where a stream mapping starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartingPosition {
    /// At the oldest record.
    TrimHorizon,
    /// At what comes from now on.
    Latest,
}

/// An EventBridge schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The event's name in the template.
    pub name: String,
    /// Period in seconds (`rate(…)`; `cron(…)` is refused until something needs it).
    pub every_s: u64,
    /// The constant input, if the template gives one.
    pub input: Option<serde_json::Value>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Visibility time-out, seconds.
    pub visibility_timeout_s: u32,
    /// How long a message is kept, seconds.
    pub message_retention_s: u32,
    /// Dead-letter queue and how often a message is received before it goes there.
    pub redrive: Option<Redrive>,
}

/// Where a queue's failed messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The dead-letter queue's name.
    pub dead_letter_queue: String,
    /// Receives before a message goes there.
    pub max_receive_count: u32,
}

/// A table: the CreateTable request the engine takes, and what CloudFormation sets beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// A complete DynamoDB `CreateTable` request.
    pub create: serde_json::Value,
    /// The attribute that holds the expiry, if the table has one.
    pub time_to_live_attribute: Option<String>,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
}
