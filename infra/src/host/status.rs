//! What the host is doing, in figures, at one moment: what `cargo local top` shows. Nothing in it names a person, an order or a
//! merchant. Read when somebody asks; until then it costs a counter here and there.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::meter::TableUsage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::environments::Pool;
use super::metric_sums::MetricSums;
use super::moment;
use super::order_count::OrderCount;
use super::services::{ServiceError, Services};

/// The figures of one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The data directory, as an absolute path: whose figures these are.
    pub data: String,
    /// When the host started, UTC: what all counts are since.
    pub started_at: Timestamp,
    /// When these figures were taken, UTC.
    pub at: Timestamp,
    /// Orders by state now, if the stack has orders.
    pub orders: Option<Orders>,
    /// Sums of the business metrics.
    pub metrics: Vec<Metric>,
    /// Queues by name, dead-letter queues included.
    pub queues: BTreeMap<String, Queue>,
    /// Functions by name.
    pub functions: BTreeMap<String, Function>,
    /// Units by table.
    pub tables: BTreeMap<String, Units>,
}

/// Orders by the state that they are in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// When counting began, UTC. A change during it may count before or after, an order once.
    pub counted_at: Timestamp,
    /// Orders by [`domain::order::FulfilmentState`].
    pub by_state: BTreeMap<String, u64>,
}

/// A metric of the functions' log lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Values of its dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// Its sum since the start.
    pub sum: f64,
}

/// A queue. Counts are of messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Ready to be received.
    pub visible: u64,
    /// Received and neither deleted nor timed out.
    pub in_flight: u64,
    /// Sent with a delay that has not passed.
    pub delayed: u64,
    /// Milliseconds since the oldest message was first sent, whatever became of it: `ApproximateAgeOfOldestMessage` leaves out
    /// what was received three times, and a dead letter's begins when it became one.
    pub oldest_age_ms: Option<u64>,
    /// Its dead-letter queue.
    pub dead_letter_queue: Option<String>,
    /// Whether it is the dead-letter queue of another one, or where a stream's given-up records go.
    pub holds_dead_letters: bool,
}

/// A function. Counts are since the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Invocations that are over.
    pub invocations: u64,
    /// Invocations without an answer of the function's.
    pub errors: u64,
    /// Errors that were time-outs.
    pub time_outs: u64,
    /// Processes that were started.
    pub cold_starts: u64,
    /// Processes there are.
    pub environments: usize,
    /// Those that are at work or starting.
    pub busy: usize,
    /// How many there may be; more invocations wait.
    pub environments_max: usize,
    /// How long the last invocations took, if there were any.
    pub durations: Option<Durations>,
}

/// Durations of the invocations of the last five minutes (the last 512 at most), milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Durations {
    /// How many there were.
    pub count: usize,
    /// Half took no longer.
    pub p50_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// Capacity units of a table and its indexes since the start, or since the meter was reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Units {
    /// Write capacity units.
    pub write: f64,
    /// Read capacity units, but for those of scans: no function has the right to scan, and the count of orders is one.
    pub read: f64,
}

/// Where the figures are.
pub(crate) struct Source {
    pub(crate) data: String,
    pub(crate) started_at: Timestamp,
    pub(crate) services: Services,
    pub(crate) pools: BTreeMap<String, Arc<Pool>>,
    pub(crate) metrics: Arc<MetricSums>,
    pub(crate) orders: OrderCount,
}

impl Source {
    /// Reads all figures.
    ///
    /// # Errors
    /// When the engine fails.
    pub(crate) async fn look(&self) -> Result<Status, ServiceError> {
        let orders = self.orders.now(&self.services).await?;
        let given_up: Vec<String> = self.given_up_queues();
        let queues = self.services.with(move |engine| queues(engine.queues(), &given_up)).await??;
        let now = Instant::now();
        Ok(Status {
            data: self.data.clone(),
            started_at: self.started_at,
            orders,
            metrics: self.metrics.snapshot(),
            queues,
            functions: self.pools.iter().map(|(name, pool)| (name.clone(), pool.status(now))).collect(),
            // Never waits for SQLite, so that it needs no thread of its own.
            tables: self.services.meter().tables.iter().map(|(name, usage)| (name.clone(), units(usage))).collect(),
            at: moment::now(),
        })
    }

    /// Queues that streams give up to.
    fn given_up_queues(&self) -> Vec<String> {
        let sources = self.pools.values().flat_map(|pool| &pool.function().stream_sources);
        sources.filter_map(|source| source.on_failure_queue.clone()).collect()
    }
}

fn queues(
    queues: &engine::queues::Queues,
    given_up: &[String],
) -> Result<BTreeMap<String, Queue>, engine::queues::QueueError> {
    let now_ms = u64::try_from(moment::now_ms()).unwrap_or_default();
    let look = |name: String| -> Result<_, engine::queues::QueueError> {
        let depth = queues.depth(&name)?;
        let queue = Queue {
            visible: depth.visible,
            in_flight: depth.in_flight,
            delayed: depth.delayed,
            oldest_age_ms: queues.oldest_sent_at_ms(&name)?.map(|sent_at| now_ms.saturating_sub(sent_at)),
            dead_letter_queue: queues.attributes(&name)?.redrive_policy.map(|policy| policy.dead_letter_queue),
            holds_dead_letters: given_up.contains(&name) || !queues.dead_letter_sources(&name)?.is_empty(),
        };
        Ok((name, queue))
    };
    queues.names("").into_iter().map(look).collect()
}

fn units(usage: &TableUsage) -> Units {
    let scans = usage.operations.get("Scan").map_or(0.0, |scans| scans.units.total.read);
    Units { write: usage.units.total.write, read: (usage.units.total.read - scans).max(0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::meter::{OperationUsage, Split, Units as Metered};

    #[test]
    fn what_the_count_of_orders_reads_is_left_out() {
        let split = |read, write| Split { total: Metered { read, write }, ..Split::default() };
        let scans = OperationUsage { requests: 1, units: split(4.5, 0.0) };
        let usage = TableUsage {
            units: split(10.0, 7.0),
            operations: BTreeMap::from([("Scan".to_owned(), scans)]),
            ..TableUsage::default()
        };
        assert_eq!(units(&usage), Units { write: 7.0, read: 5.5 });
        assert_eq!(units(&TableUsage::default()), Units::default());
    }
}
