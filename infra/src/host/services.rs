//! The engine as the host uses it: every call off the async threads, and a way to wait for what is new.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use engine::Engine;
use engine::clock::Clock;
use engine::objects::Credentials;
use engine::queues::{AttributeValue, OutgoingMessage, ReceivedMessage, Settings};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::environment::lock;
use super::moment;
use super::names::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, queue_arn};

pub(crate) use engine::dynamodb::StreamRecord;

/// Messages of one batch request (SQS's limit).
const BATCH_MAX: usize = 10;

/// A message on its way to a function.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) message_id: String,
    pub(crate) receipt_handle: String,
    /// The element of `Records` in the function's event.
    pub(crate) record: Value,
}

/// The engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The engine itself.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
    /// A queue.
    #[error(transparent)]
    Queue(#[from] engine::queues::QueueError),
    /// A request that the host made itself.
    #[error("{operation} of {table}: {message}")]
    Refused {
        /// Which request.
        operation: &'static str,
        /// Of which table.
        table: String,
        /// The engine's reason.
        message: String,
    },
    /// The call panicked.
    #[error("the engine failed: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

/// The engine and its wake-up calls. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Services {
    engine: Arc<Engine>,
    arrivals: Arc<Signals>,
    written: Arc<Signals>,
}

/// One counter per name; a change wakes whoever waits, and is seen by whoever looks later.
#[derive(Debug, Default)]
struct Signals {
    counters: Mutex<BTreeMap<String, watch::Sender<u64>>>,
}

impl Signals {
    fn raise(&self, name: &str) {
        if let Some(counter) = lock(&self.counters).get(name) {
            counter.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    fn subscribe(&self, name: &str) -> watch::Receiver<u64> {
        lock(&self.counters).entry(name.to_owned()).or_default().subscribe()
    }
}

/// The machine's time.
pub(crate) struct MachineClock;

impl Clock for MachineClock {
    fn now_ms(&self) -> u64 {
        u64::try_from(moment::now_ms()).unwrap_or_default()
    }
}

impl Services {
    /// Opens the engine on a directory.
    pub(crate) fn open(directory: &Path, aws: SocketAddr) -> Result<Self, ServiceError> {
        let settings = Settings { seed: fastrand::u64(..), region: REGION.to_owned(), authority: aws.to_string() };
        // What functions sign with: a link to a document is good only if one of them made it.
        let credentials =
            Credentials { access_key_id: ACCESS_KEY_ID.to_owned(), secret_access_key: SECRET_ACCESS_KEY.to_owned() };
        let engine = Engine::open_with(directory, Arc::new(MachineClock), settings)?;
        let engine = Arc::new(engine.with_credentials(credentials));
        let arrivals = Arc::new(Signals::default());
        let written = Arc::new(Signals::default());
        let signals = Arc::clone(&arrivals);
        engine.queues().on_arrival(Arc::new(move |queue: &str| signals.raise(queue)));
        let signals = Arc::clone(&written);
        engine.dynamodb().on_stream_record(Arc::new(move |table: &str| signals.raise(table)));
        Ok(Self { engine, arrivals, written })
    }

    /// Runs something on the engine on a thread that may block.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, ServiceError> {
        let engine = Arc::clone(&self.engine);
        Ok(tokio::task::spawn_blocking(move || run(&engine)).await?)
    }

    /// What was asked of the engine so far.
    pub(crate) fn meter(&self) -> engine::meter::Snapshot {
        self.engine.meter().snapshot()
    }

    /// Tells of messages that came into this queue.
    pub(crate) fn arrivals(&self, queue: &str) -> watch::Receiver<u64> {
        self.arrivals.subscribe(queue)
    }

    /// Tells of writes to this table.
    pub(crate) fn written(&self, table: &str) -> watch::Receiver<u64> {
        self.written.subscribe(table)
    }

    /// Takes up to `most` (at most 10) messages.
    pub(crate) async fn receive(&self, queue: &str, most: usize) -> Result<Vec<Message>, ServiceError> {
        let name = queue.to_owned();
        let received = self.with(move |engine| engine.queues().receive(&name, most, None)).await??;
        Ok(received.into_iter().map(|message| for_function(message, queue)).collect())
    }

    /// Deletes messages that are done. One that was received again meanwhile stays, as on SQS.
    pub(crate) async fn delete(&self, queue: &str, handles: Vec<String>) -> Result<(), ServiceError> {
        let name = queue.to_owned();
        self.with(move |engine| {
            for batch in handles.chunks(BATCH_MAX) {
                let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
                for outcome in engine.queues().delete_batch(&name, &batch)? {
                    outcome?;
                }
            }
            Ok(())
        })
        .await?
    }

    /// Ends the invisibility of messages; those that are done or were handed out again stay as they are. How many.
    pub(crate) async fn make_visible(&self, queue: &str, handles: Vec<String>) -> Result<usize, ServiceError> {
        let name = queue.to_owned();
        self.with(move |engine| {
            let mut changed = 0;
            for batch in handles.chunks(BATCH_MAX) {
                let batch: Vec<(&str, u32)> = batch.iter().map(|handle| (handle.as_str(), 0)).collect();
                // A refusal means that the message is gone or no longer in flight.
                changed += engine.queues().change_visibility_batch(&name, &batch)?.iter().flatten().count();
            }
            Ok(changed)
        })
        .await?
    }

    /// Sends a message.
    pub(crate) async fn send(&self, queue: &str, body: String) -> Result<(), ServiceError> {
        let name = queue.to_owned();
        self.with(move |engine| engine.queues().send(&name, &OutgoingMessage::new(body))).await??;
        Ok(())
    }

    /// When the next message becomes visible, if any is hidden.
    pub(crate) async fn next_visible_at_ms(&self, queue: &str) -> Result<Option<u64>, ServiceError> {
        let name = queue.to_owned();
        Ok(self.with(move |engine| engine.queues().next_visible_at_ms(&name)).await??)
    }

    /// Up to `limit` records of a table's stream after that position.
    pub(crate) async fn records(
        &self,
        table: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<StreamRecord>, ServiceError> {
        let name = table.to_owned();
        Ok(self.with(move |engine| engine.dynamodb().stream_records(&name, after.as_deref(), limit)).await??)
    }
}

/// A message as Lambda hands it to a function.
pub(crate) fn for_function(message: ReceivedMessage, queue: &str) -> Message {
    let attributes: Map<String, Value> = message
        .attributes
        .iter()
        .map(|(name, attribute)| {
            let mut described = json!({
                "dataType": attribute.data_type,
                "stringListValues": [],
                "binaryListValues": [],
            });
            match &attribute.value {
                AttributeValue::Text(text) => described["stringValue"] = json!(text),
                AttributeValue::Binary(bytes) => {
                    use base64::Engine as _;
                    described["binaryValue"] = json!(base64::prelude::BASE64_STANDARD.encode(bytes));
                }
            }
            (name.clone(), described)
        })
        .collect();
    let mut record = json!({
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": message.system_attributes(),
        "messageAttributes": attributes,
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn(queue),
        "awsRegion": REGION,
    });
    if let Some(digest) = message.md5_of_attributes() {
        record["md5OfMessageAttributes"] = json!(digest);
    }
    Message { message_id: message.message_id, receipt_handle: message.receipt_handle, record }
}
