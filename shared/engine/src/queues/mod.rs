//! The SQS of the local AWS: standard queues as a sans-I/O core with an injected clock, kept in SQLite.
//!
//! [`Queues`] is the typed interface for the process that owns the queues; [`call`] speaks SQS's AWS JSON 1.0
//! protocol on top of it. Nothing here waits or reads the time: a host that wants to wait is told of arrivals
//! ([`Queues::on_arrival`]) and of the next moment worth looking ([`Queues::next_visible_at_ms`]).
//!
//! Delivery is at least once, as on AWS: a message is hidden while it is in flight and comes back when its
//! visibility time-out passes. Ids follow from the seed, so that the same calls give the same ids.

mod administration;
mod attributes;
mod digest;
mod error;
mod ids;
mod message;
mod moves;
mod naming;
mod protocol;
mod receive;
mod send;
mod store;
#[cfg(test)]
mod tests;

pub use attributes::{
    AttributeChanges, QueueAttributes, RedriveAllowPolicy, RedrivePolicy, VISIBILITY_SECONDS_MAX, WAIT_SECONDS_MAX,
};
pub use error::QueueError;
pub use message::{
    AttributeValue, DELAY_SECONDS_MAX, MESSAGE_BYTES_MAX, MessageAttribute, OutgoingMessage, ReceivedMessage,
    SentMessage,
};
pub use moves::MoveTask;
pub use naming::{ACCOUNT_ID, name_of_url};
pub use protocol::{LongPoll, Reply, call};

use crate::clock::Clock;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The most entries of a batch and messages of a receive.
pub const BATCH_ENTRIES_MAX: usize = 10;

/// Told the name of a queue in which a message became available, or will become so sooner than before.
pub type ArrivalHook = Arc<dyn Fn(&str) + Send + Sync>;

/// What the queues are called, and what their ids are drawn from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where message ids and receipt handles come from. A file keeps the first seed it was opened with.
    pub seed: u64,
    /// The region in ARNs.
    pub region: String,
    /// Host and port in queue URLs.
    pub authority: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, region: "eu-central-1".into(), authority: "127.0.0.1:4566".into() }
    }
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Ready to be received.
    pub visible: u64,
    /// Received and neither deleted nor timed out.
    pub in_flight: u64,
    /// Sent with a delay that has not passed.
    pub delayed: u64,
}

/// All queues of one local AWS. Clones share them.
#[derive(Clone)]
pub struct Queues {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    core: Mutex<Core>,
    hooks: RwLock<Vec<ArrivalHook>>,
}

/// The state behind the lock. `queues` mirrors the table and changes after a commit only.
struct Core {
    connection: Connection,
    ids: ids::Ids,
    naming: naming::Naming,
    queues: BTreeMap<String, store::Queue>,
    next_sequence: i64,
}

type Arrivals = BTreeSet<String>;

impl Queues {
    /// Opens the queues in a file, or starts an empty one. One process at a time can have it open.
    ///
    /// # Errors
    /// If the file cannot be opened, is in use, or was written by another version.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, settings: Settings) -> Result<Self, QueueError> {
        Self::start(Some(path), clock, settings)
    }

    /// Queues that end with the last clone.
    ///
    /// # Errors
    /// If SQLite cannot start.
    pub fn memory(clock: Arc<dyn Clock>, settings: Settings) -> Result<Self, QueueError> {
        Self::start(None, clock, settings)
    }

    fn start(path: Option<&Path>, clock: Arc<dyn Clock>, settings: Settings) -> Result<Self, QueueError> {
        let connection = store::open(path)?;
        let core = Core {
            ids: ids::Ids { seed: store::seed(&connection, settings.seed)? },
            naming: naming::Naming { region: settings.region, authority: settings.authority },
            queues: store::load_queues(&connection)?,
            next_sequence: store::next_sequence(&connection)?,
            connection,
        };
        Ok(Self { inner: Arc::new(Inner { clock, core: Mutex::new(core), hooks: RwLock::default() }) })
    }

    /// Adds a hook, called after each call that made a message available or brought the next availability
    /// forward (a delayed message, a shortened time-out), outside the lock: it may call the queues. Messages
    /// that appear by the passing of time alone are not announced; see [`Self::next_visible_at_ms`].
    pub fn on_arrival(&self, hook: ArrivalHook) {
        self.inner.hooks.write().unwrap_or_else(PoisonError::into_inner).push(hook);
    }

    /// Sets the host and port that queue URLs show from now on.
    pub fn set_authority(&self, authority: &str) {
        self.lock().naming.authority = authority.to_owned();
    }

    /// The URL of a queue of this name, whether it exists or not.
    pub fn url(&self, name: &str) -> String {
        self.lock().naming.url(name)
    }

    /// The ARN of a queue of this name, whether it exists or not.
    pub fn arn(&self, name: &str) -> String {
        self.lock().naming.arn(name)
    }

    /// The name of the queue that an ARN of this region and account points to.
    pub fn name_of_arn(&self, arn: &str) -> Option<String> {
        self.lock().naming.name_of_arn(arn).map(str::to_owned)
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic in another thread rolled its transaction back, so the state is whole.
        self.inner.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one call under the lock, then tells the hooks of what it made available.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Core, u64, &mut Arrivals) -> Result<T, QueueError>,
    ) -> Result<T, QueueError> {
        let mut arrivals = Arrivals::new();
        let answer = {
            let mut core = self.lock();
            // Read under the lock, so that calls see a time that never runs backwards between them.
            let now = self.inner.clock.now_ms();
            let answer = work(&mut core, now, &mut arrivals);
            if matches!(&answer, Err(error) if !error.is_sender_fault()) {
                core.queues = store::load_queues(&core.connection)?;
            }
            answer
        };
        if answer.is_ok() && !arrivals.is_empty() {
            let hooks = self.inner.hooks.read().unwrap_or_else(PoisonError::into_inner).clone();
            for name in &arrivals {
                for hook in &hooks {
                    hook(name);
                }
            }
        }
        answer
    }
}

impl Core {
    fn queue(&self, name: &str) -> Result<&store::Queue, QueueError> {
        self.queues.get(name).ok_or_else(|| no_such_queue(name))
    }

    /// Drops the queue's messages whose retention has passed.
    fn sweep(&mut self, name: &str, now: u64) -> Result<(), QueueError> {
        let queue = self.queues.get_mut(name).ok_or_else(|| no_such_queue(name))?;
        let retention_ms = u64::from(queue.attributes.retention_seconds) * 1_000;
        let Some(limit) = now.checked_sub(retention_ms) else {
            return Ok(());
        };
        if queue.oldest_sent_at_ms.is_none_or(|oldest| oldest > limit) {
            return Ok(());
        }
        self.connection.execute("DELETE FROM messages WHERE queue = ?1 AND sent_at_ms <= ?2", (queue.key, limit))?;
        queue.oldest_sent_at_ms =
            self.connection
                .query_row("SELECT MIN(sent_at_ms) FROM messages WHERE queue = ?1", [queue.key], |row| row.get(0))?;
        Ok(())
    }
}

impl store::Queue {
    fn note_sent_at(&mut self, sent_at_ms: u64) {
        let oldest = self.oldest_sent_at_ms.map_or(sent_at_ms, |oldest| oldest.min(sent_at_ms));
        self.oldest_sent_at_ms = Some(oldest);
    }
}

fn no_such_queue(name: &str) -> QueueError {
    QueueError::NoSuchQueue { name: name.to_owned() }
}

fn check_batch_length(count: usize) -> Result<(), QueueError> {
    match count {
        0 => Err(QueueError::EmptyBatch),
        1..=BATCH_ENTRIES_MAX => Ok(()),
        _ => Err(QueueError::TooManyEntries { count }),
    }
}
