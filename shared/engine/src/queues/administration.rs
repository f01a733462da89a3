//! Queues themselves: creating, changing, listing, purging, deleting.

use super::attributes::{AttributeChanges, QueueAttributes, RedriveAllowPolicy};
use super::naming::{Naming, check_name};
use super::store::{self, Queue};
use super::{Core, Depth, QueueError, Queues, no_such_queue};
use rusqlite::OptionalExtension;
use std::collections::BTreeMap;

/// How long a deleted queue's name stays taken, and how long after a purge the next one may come.
const PAUSE_MS: u64 = 60_000;

impl Queues {
    /// Creates a queue, and answers its URL. If it exists with the same values of the attributes named, that
    /// is fine too.
    ///
    /// # Errors
    /// If the name or a value is refused, an attribute differs, the dead-letter queue does not exist, or the
    /// queue was deleted less than 60 seconds ago.
    pub fn create(&self, name: &str, attributes: &AttributeChanges) -> Result<String, QueueError> {
        self.create_tagged(name, attributes, &BTreeMap::new())
    }

    pub(super) fn create_tagged(
        &self,
        name: &str,
        attributes: &AttributeChanges,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, QueueError> {
        self.with(|core, now, _| {
            check_name(name)?;
            attributes.check()?;
            if let Some(queue) = core.queues.get(name) {
                return match attributes.first_difference(&queue.attributes) {
                    None => Ok(core.naming.url(name)),
                    Some(attribute) => Err(QueueError::QueueNameExists { name: name.to_owned(), attribute }),
                };
            }
            let deleted_at_ms: Option<u64> = core
                .connection
                .query_row("SELECT deleted_at_ms FROM deleted_queues WHERE name = ?1", [name], |row| row.get(0))
                .optional()?;
            if deleted_at_ms.is_some_and(|deleted| now < deleted + PAUSE_MS) {
                return Err(QueueError::QueueDeletedRecently { name: name.to_owned() });
            }
            core.check_redrive(name, attributes)?;
            core.insert_queue(name, attributes, tags, now)
        })
    }

    /// Brings a queue to exactly these attributes, defaults for those not named, creating it if it is not
    /// there: what a template says. Messages stay. Answers the URL.
    ///
    /// # Errors
    /// If the name or a value is refused, or the dead-letter queue does not exist.
    pub fn declare(&self, name: &str, attributes: &AttributeChanges) -> Result<String, QueueError> {
        self.with(|core, now, _| {
            check_name(name)?;
            attributes.check()?;
            core.check_redrive(name, attributes)?;
            if !core.queues.contains_key(name) {
                return core.insert_queue(name, attributes, &BTreeMap::new(), now);
            }
            let wanted = attributes.apply(&QueueAttributes::default());
            core.update_queue(name, now, |queue| queue.attributes = wanted)?;
            Ok(core.naming.url(name))
        })
    }

    /// Changes the attributes named.
    ///
    /// # Errors
    /// If the queue does not exist, a value is refused, or the dead-letter queue does not exist.
    pub fn set_attributes(&self, name: &str, changes: &AttributeChanges) -> Result<(), QueueError> {
        self.with(|core, now, _| {
            core.queue(name)?;
            changes.check()?;
            core.check_redrive(name, changes)?;
            core.update_queue(name, now, |queue| {
                queue.attributes = changes.apply(&queue.attributes);
            })
        })
    }

    /// The attributes of a queue.
    ///
    /// # Errors
    /// If the queue does not exist.
    pub fn attributes(&self, name: &str) -> Result<QueueAttributes, QueueError> {
        self.with(|core, _, _| Ok(core.queue(name)?.attributes.clone()))
    }

    /// All attributes as `GetQueueAttributes` spells them, counts and times included.
    ///
    /// # Errors
    /// If the queue does not exist.
    pub fn describe(&self, name: &str) -> Result<BTreeMap<&'static str, String>, QueueError> {
        self.with(|core, now, _| {
            core.sweep(name, now)?;
            let depth = core.depth(name, now)?;
            let queue = core.queue(name)?;
            let mut all = queue.attributes.describe(&core.naming);
            all.extend([
                ("QueueArn", core.naming.arn(name)),
                ("CreatedTimestamp", (queue.created_at_ms / 1_000).to_string()),
                ("LastModifiedTimestamp", (queue.modified_at_ms / 1_000).to_string()),
                ("ApproximateNumberOfMessages", depth.visible.to_string()),
                ("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string()),
                ("ApproximateNumberOfMessagesDelayed", depth.delayed.to_string()),
            ]);
            Ok(all)
        })
    }

    /// How many messages the queue holds.
    ///
    /// # Errors
    /// If the queue does not exist.
    pub fn depth(&self, name: &str) -> Result<Depth, QueueError> {
        self.with(|core, now, _| {
            core.sweep(name, now)?;
            core.depth(name, now)
        })
    }

    /// When the oldest message of the queue was sent, whether it is visible, in flight or delayed; UTC epoch milliseconds.
    /// `None` if the queue is empty. It reads every message of the queue: for people who look, not for a loop.
    ///
    /// # Errors
    /// If the queue does not exist.
    pub fn oldest_sent_at_ms(&self, name: &str) -> Result<Option<u64>, QueueError> {
        self.with(|core, now, _| {
            core.sweep(name, now)?;
            let key = core.queue(name)?.key;
            let mut statement =
                core.connection.prepare_cached("SELECT MIN(sent_at_ms) FROM messages WHERE queue = ?1")?;
            Ok(statement.query_row([key], |row| row.get(0))?)
        })
    }

    /// The names of all queues that start with `prefix`, in order.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let core = self.lock();
        let from_prefix = core.queues.range(prefix.to_owned()..);
        from_prefix.map(|(name, _)| name.clone()).take_while(|name| name.starts_with(prefix)).collect()
    }

    /// The names of the queues whose dead letters come here, in order.
    ///
    /// # Errors
    /// If the queue does not exist.
    pub fn dead_letter_sources(&self, name: &str) -> Result<Vec<String>, QueueError> {
        self.with(|core, _, _| {
            core.queue(name)?;
            Ok(core.dead_letter_sources(name))
        })
    }

    /// Deletes all messages of the queue, those in flight included.
    ///
    /// # Errors
    /// If the queue does not exist or was purged less than 60 seconds ago.
    pub fn purge(&self, name: &str) -> Result<(), QueueError> {
        self.with(|core, now, _| {
            let mut queue = core.queue(name)?.clone();
            if queue.purged_at_ms.is_some_and(|at| now < at + PAUSE_MS) {
                return Err(QueueError::PurgeInProgress { name: name.to_owned() });
            }
            queue.purged_at_ms = Some(now);
            queue.oldest_sent_at_ms = None;
            let transaction = core.connection.unchecked_transaction()?;
            transaction.execute("DELETE FROM messages WHERE queue = ?1", [queue.key])?;
            store::save_queue(&transaction, name, &queue)?;
            transaction.commit()?;
            core.queues.insert(name.to_owned(), queue);
            Ok(())
        })
    }

    /// Deletes a queue with its messages.
    ///
    /// # Errors
    /// If the queue does not exist.
    pub fn delete_queue(&self, name: &str) -> Result<(), QueueError> {
        self.with(|core, now, _| {
            let key = core.queue(name)?.key;
            let transaction = core.connection.unchecked_transaction()?;
            transaction.execute("DELETE FROM messages WHERE queue = ?1", [key])?;
            transaction.execute("DELETE FROM queues WHERE key = ?1", [key])?;
            transaction
                .execute("INSERT OR REPLACE INTO deleted_queues (name, deleted_at_ms) VALUES (?1, ?2)", (name, now))?;
            transaction.commit()?;
            core.queues.remove(name);
            Ok(())
        })
    }

    /// Drops expired messages of all queues and empties the write-ahead log, so that what was deleted is gone
    /// from the disk. Other calls drop expired messages of the queue they touch only.
    ///
    /// # Errors
    /// If SQLite refuses.
    pub fn sweep(&self) -> Result<(), QueueError> {
        self.with(|core, now, _| {
            let names: Vec<String> = core.queues.keys().cloned().collect();
            for name in names {
                core.sweep(&name, now)?;
            }
            core.connection
                .execute("DELETE FROM deleted_queues WHERE deleted_at_ms <= ?1", [now.saturating_sub(PAUSE_MS)])?;
            core.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        })
    }

    pub(super) fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, QueueError> {
        self.with(|core, _, _| Ok(core.queue(name)?.tags.clone()))
    }

    pub(super) fn change_tags(
        &self,
        name: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> Result<(), QueueError> {
        self.with(|core, now, _| core.update_queue(name, now, |queue| change(&mut queue.tags)))
    }

    pub(super) fn naming(&self) -> Naming {
        self.lock().naming.clone()
    }
}

impl Core {
    fn depth(&self, name: &str, now: u64) -> Result<Depth, QueueError> {
        let key = self.queue(name)?.key;
        let depth = self
            .connection
            .prepare_cached(
                "SELECT
                   (SELECT COUNT(*) FROM messages WHERE queue = ?1 AND visible_at_ms <= ?2),
                   COALESCE(SUM(receives_here > 0), 0),
                   COALESCE(SUM(receives_here = 0), 0)
                 FROM messages WHERE queue = ?1 AND visible_at_ms > ?2",
            )?
            .query_row((key, now), |row| {
                Ok(Depth { visible: row.get(0)?, in_flight: row.get(1)?, delayed: row.get(2)? })
            })?;
        Ok(depth)
    }

    pub(super) fn dead_letter_sources(&self, name: &str) -> Vec<String> {
        let is_source = |queue: &Queue| {
            let policy = queue.attributes.redrive_policy.as_ref();
            policy.is_some_and(|policy| policy.dead_letter_queue == name)
        };
        let sources = self.queues.iter().filter(|(_, queue)| is_source(queue));
        sources.map(|(source, _)| source.clone()).collect()
    }

    /// Refuses a redrive policy whose dead-letter queue is absent, the queue itself, or closed to it.
    fn check_redrive(&self, name: &str, changes: &AttributeChanges) -> Result<(), QueueError> {
        let Some(Some(policy)) = &changes.redrive_policy else {
            return Ok(());
        };
        let refuse =
            |reason: &str| Err(QueueError::InvalidParameter { name: "RedrivePolicy", reason: reason.to_owned() });
        if policy.dead_letter_queue == name {
            return refuse("a queue cannot be its own dead-letter queue");
        }
        let Some(target) = self.queues.get(&policy.dead_letter_queue) else {
            return refuse("the dead-letter queue does not exist: create it first");
        };
        match &target.attributes.redrive_allow_policy {
            RedriveAllowPolicy::AllowAll => Ok(()),
            RedriveAllowPolicy::ByQueue(names) if names.iter().any(|allowed| allowed == name) => Ok(()),
            RedriveAllowPolicy::ByQueue(_) | RedriveAllowPolicy::DenyAll => {
                refuse("the dead-letter queue's RedriveAllowPolicy does not allow this queue")
            }
        }
    }

    fn insert_queue(
        &mut self,
        name: &str,
        attributes: &AttributeChanges,
        tags: &BTreeMap<String, String>,
        now: u64,
    ) -> Result<String, QueueError> {
        let mut queue = Queue {
            key: 0,
            attributes: attributes.apply(&QueueAttributes::default()),
            tags: tags.clone(),
            created_at_ms: now,
            modified_at_ms: now,
            purged_at_ms: None,
            oldest_sent_at_ms: None,
            last_group: String::new(),
        };
        queue.key = store::save_queue(&self.connection, name, &queue)?;
        self.queues.insert(name.to_owned(), queue);
        Ok(self.naming.url(name))
    }

    fn update_queue(&mut self, name: &str, now: u64, change: impl FnOnce(&mut Queue)) -> Result<(), QueueError> {
        let current = self.queues.get(name).ok_or_else(|| no_such_queue(name))?;
        let mut queue = current.clone();
        change(&mut queue);
        queue.modified_at_ms = now;
        store::save_queue(&self.connection, name, &queue)?;
        self.queues.insert(name.to_owned(), queue);
        Ok(())
    }
}
