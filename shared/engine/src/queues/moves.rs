//! Moving messages out of a dead-letter queue again.

use super::{Core, QueueError, Queues};
use rusqlite::{Connection, Row};

/// How many past tasks are kept per queue; SQS lists at most as many.
pub(super) const TASKS_LISTED_MAX: u32 = 10;
const UNKNOWN_SOURCE: &str = "CouldNotDetermineMessageSource";

/// A move out of a dead-letter queue. It is over when the call that started it returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveTask {
    /// The task's handle.
    pub handle: String,
    /// The dead-letter queue.
    pub source: String,
    /// The queue asked for; `None` sends each message back to where it came from.
    pub destination: Option<String>,
    /// When it ran, UTC epoch milliseconds.
    pub started_at_ms: u64,
    /// How many messages were available to be moved.
    pub to_move: u64,
    /// How many were moved.
    pub moved: u64,
    /// Why the rest stayed.
    pub failure: Option<String>,
}

impl Queues {
    /// Moves all visible messages of a dead-letter queue to `destination`, or each to the queue that it came
    /// from. As on AWS, a moved message is a new one: its id, send time and counts start afresh. Messages whose
    /// origin is unknown or gone stay, and the task says so.
    ///
    /// # Errors
    /// If a queue does not exist, or `source` is not the dead-letter queue of any.
    pub fn start_move(&self, source: &str, destination: Option<&str>) -> Result<MoveTask, QueueError> {
        self.with(|core, now, arrivals| {
            core.queue(source)?;
            if let Some(destination) = destination {
                core.queue(destination)?;
            }
            if core.dead_letter_sources(source).is_empty() {
                return Err(QueueError::InvalidParameter {
                    name: "SourceArn",
                    reason: "must be the dead-letter queue of another queue".into(),
                });
            }
            if destination == Some(source) {
                return Err(QueueError::InvalidParameter {
                    name: "DestinationArn",
                    reason: "must not be the source itself".into(),
                });
            }
            core.sweep(source, now)?;
            let (task, destinations) = core.move_messages(source, destination, now)?;
            for name in destinations {
                if let Some(queue) = core.queues.get_mut(&name) {
                    queue.note_sent_at(now);
                }
                arrivals.insert(name);
            }
            Ok(task)
        })
    }

    /// The latest moves out of this queue, newest first, ten at most.
    ///
    /// # Errors
    /// If the queue does not exist.
    pub fn moves(&self, source: &str) -> Result<Vec<MoveTask>, QueueError> {
        self.with(|core, _, _| {
            core.queue(source)?;
            let mut statement = core.connection.prepare_cached(
                "SELECT key, source, destination, started_at_ms, to_move, moved, failure
                 FROM move_tasks WHERE source = ?1 ORDER BY key DESC LIMIT ?2",
            )?;
            let rows = statement.query_map((source, TASKS_LISTED_MAX), |row| core.read_task(row))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl Core {
    /// Answers the task, and the queues in which messages arrived.
    fn move_messages(
        &mut self,
        source: &str,
        destination: Option<&str>,
        now: u64,
    ) -> Result<(MoveTask, Vec<String>), QueueError> {
        let source_key = self.queue(source)?.key;
        let transaction = self.connection.unchecked_transaction()?;
        let waiting = visible(&transaction, source_key, now)?;
        let to_move = waiting.len();
        let mut destinations: Vec<String> = Vec::new();
        let mut moved = 0_u64;
        let mut failure = None;
        for (sequence, origin) in waiting {
            let target = destination.map(str::to_owned).or(origin);
            let target = target.and_then(|name| self.queues.get(&name).map(|queue| (name, queue.key)));
            let Some((name, key)) = target else {
                failure = Some(UNKNOWN_SOURCE.to_owned());
                continue;
            };
            let new_sequence = self.next_sequence;
            self.next_sequence += 1;
            let id = self.ids.message_id(new_sequence);
            transaction
                .prepare_cached(
                    "INSERT INTO messages
                       (sequence, queue, id, body, attributes, trace_header, group_id, sent_at_ms, visible_at_ms)
                     SELECT ?2, ?3, ?4, body, attributes, trace_header, group_id, ?5, ?5
                     FROM messages WHERE sequence = ?1",
                )?
                .execute((sequence, new_sequence, key, id, now))?;
            transaction.prepare_cached("DELETE FROM messages WHERE sequence = ?1")?.execute([sequence])?;
            moved += 1;
            if !destinations.contains(&name) {
                destinations.push(name);
            }
        }
        transaction.execute(
            "INSERT INTO move_tasks (source, destination, started_at_ms, to_move, moved, failure)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (source, destination, now, to_move, moved, &failure),
        )?;
        let key = transaction.last_insert_rowid();
        transaction.execute(
            "DELETE FROM move_tasks WHERE source = ?1 AND key NOT IN
               (SELECT key FROM move_tasks WHERE source = ?1 ORDER BY key DESC LIMIT ?2)",
            (source, TASKS_LISTED_MAX),
        )?;
        let task = transaction.query_row(
            "SELECT key, source, destination, started_at_ms, to_move, moved, failure
             FROM move_tasks WHERE key = ?1",
            [key],
            |row| self.read_task(row),
        )?;
        transaction.commit()?;
        Ok((task, destinations))
    }

    fn read_task(&self, row: &Row<'_>) -> rusqlite::Result<MoveTask> {
        Ok(MoveTask {
            handle: self.ids.task_handle(row.get(0)?),
            source: row.get(1)?,
            destination: row.get(2)?,
            started_at_ms: row.get(3)?,
            to_move: row.get(4)?,
            moved: row.get(5)?,
            failure: row.get(6)?,
        })
    }
}

/// The visible messages and the queues that they came from, soonest visible first.
fn visible(connection: &Connection, queue: i64, now: u64) -> Result<Vec<(i64, Option<String>)>, QueueError> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, dead_letter_source FROM messages
         WHERE queue = ?1 AND visible_at_ms <= ?2 ORDER BY visible_at_ms, sequence",
    )?;
    let rows = statement.query_map((queue, now), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
