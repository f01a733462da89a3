//! Receiving, and what a receipt handle allows: deleting and changing the visibility.

use super::attributes::{RedrivePolicy, VISIBILITY_SECONDS_MAX};
use super::ids::Receipt;
use super::{Arrivals, BATCH_ENTRIES_MAX, Core, QueueError, Queues, ReceivedMessage, check_batch_length, store};
use rusqlite::{Connection, OptionalExtension};

/// A visible message that a receive may take.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    sequence: i64,
    receives_here: u32,
}

/// The visible messages of one group, soonest visible first.
struct Lane {
    group: String,
    candidates: Vec<Candidate>,
}

impl Queues {
    /// Takes up to `count_max` (1 to 10) messages and hides them for `visibility_seconds`, or as long as the
    /// queue's attribute says. Groups are served in turn, one message each, going on where the last receive
    /// ended; messages without a group share one turn. Messages that were received too often are moved to the
    /// dead-letter queue instead.
    ///
    /// # Errors
    /// If the queue does not exist or a parameter is out of range.
    pub fn receive(
        &self,
        name: &str,
        count_max: usize,
        visibility_seconds: Option<u32>,
    ) -> Result<Vec<ReceivedMessage>, QueueError> {
        self.with(|core, now, arrivals| {
            core.queue(name)?;
            if !(1..=BATCH_ENTRIES_MAX).contains(&count_max) {
                return Err(QueueError::InvalidParameter {
                    name: "MaxNumberOfMessages",
                    reason: format!("must be 1 to {BATCH_ENTRIES_MAX}"),
                });
            }
            check_visibility(visibility_seconds.unwrap_or(0))?;
            core.sweep(name, now)?;
            core.receive(name, count_max, visibility_seconds, now, arrivals)
        })
    }

    /// Deletes the message that was delivered with this handle. Answers whether it was there: an older handle
    /// of a message that was received again does nothing, as does a second delete.
    ///
    /// # Errors
    /// If the queue does not exist or never issued the handle.
    pub fn delete(&self, name: &str, receipt_handle: &str) -> Result<bool, QueueError> {
        match self.delete_batch(name, &[receipt_handle])?.pop() {
            Some(answer) => answer,
            None => Err(QueueError::EmptyBatch),
        }
    }

    /// Deletes up to ten messages, each as [`Self::delete`] does.
    ///
    /// # Errors
    /// If the queue does not exist, or the batch is empty or holds too many handles.
    pub fn delete_batch(
        &self,
        name: &str,
        receipt_handles: &[&str],
    ) -> Result<Vec<Result<bool, QueueError>>, QueueError> {
        self.with(|core, now, _| {
            core.queue(name)?;
            check_batch_length(receipt_handles.len())?;
            core.sweep(name, now)?;
            let key = core.queue(name)?.key;
            let transaction = core.connection.unchecked_transaction()?;
            let mut answers = Vec::with_capacity(receipt_handles.len());
            {
                let mut statement = transaction
                    .prepare_cached("DELETE FROM messages WHERE sequence = ?1 AND queue = ?2 AND receives = ?3")?;
                for handle in receipt_handles {
                    answers.push(match core.receipt(key, handle) {
                        Ok(receipt) => {
                            let deleted = statement.execute((receipt.sequence, key, receipt.receive))?;
                            Ok(deleted > 0)
                        }
                        Err(refused) => Err(refused),
                    });
                }
            }
            transaction.commit()?;
            Ok(answers)
        })
    }

    /// Hides an in-flight message for `seconds` from now on; 0 makes it available at once.
    ///
    /// # Errors
    /// If the queue does not exist or never issued the handle, if the message is gone or no longer in flight,
    /// or would be hidden for more than 12 hours since its receive.
    pub fn change_visibility(&self, name: &str, receipt_handle: &str, seconds: u32) -> Result<(), QueueError> {
        let mut answers = self.change_visibility_batch(name, &[(receipt_handle, seconds)])?;
        answers.pop().unwrap_or(Err(QueueError::EmptyBatch))
    }

    /// Changes up to ten messages, each as [`Self::change_visibility`] does.
    ///
    /// # Errors
    /// If the queue does not exist, or the batch is empty or holds too many handles.
    pub fn change_visibility_batch(
        &self,
        name: &str,
        changes: &[(&str, u32)],
    ) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        self.with(|core, now, arrivals| {
            core.queue(name)?;
            check_batch_length(changes.len())?;
            core.sweep(name, now)?;
            let key = core.queue(name)?.key;
            let transaction = core.connection.unchecked_transaction()?;
            let mut answers = Vec::with_capacity(changes.len());
            for (handle, seconds) in changes {
                match core.change_visibility(key, handle, *seconds, now) {
                    Err(failed) if !failed.is_sender_fault() => return Err(failed),
                    answer => answers.push(answer),
                }
            }
            transaction.commit()?;
            if answers.iter().any(Result::is_ok) {
                arrivals.insert(name.to_owned());
            }
            Ok(answers)
        })
    }

    /// When a message of the queue is or becomes available, UTC epoch milliseconds; a time not after now means
    /// that one is available already. `None` if the queue is empty.
    ///
    /// # Errors
    /// If the queue does not exist.
    pub fn next_visible_at_ms(&self, name: &str) -> Result<Option<u64>, QueueError> {
        self.with(|core, now, _| {
            core.sweep(name, now)?;
            let key = core.queue(name)?.key;
            let next = core
                .connection
                .prepare_cached("SELECT MIN(visible_at_ms) FROM messages WHERE queue = ?1")?
                .query_row([key], |row| row.get(0))?;
            Ok(next)
        })
    }
}

impl Core {
    fn receive(
        &mut self,
        name: &str,
        count_max: usize,
        visibility_seconds: Option<u32>,
        now: u64,
        arrivals: &mut Arrivals,
    ) -> Result<Vec<ReceivedMessage>, QueueError> {
        let queue = self.queue(name)?;
        let visibility = visibility_seconds.unwrap_or(queue.attributes.visibility_timeout_seconds);
        let redrive = queue.attributes.redrive_policy.clone().and_then(|policy| {
            // Without its dead-letter queue a message stays, since dropping it would lose it.
            let target = self.queues.get(&policy.dead_letter_queue)?.key;
            Some((policy, target))
        });
        let transaction = self.connection.unchecked_transaction()?;
        let mut moved_sent_at_ms = None;
        // Moving dead letters away makes room, so look again until only deliverable ones are picked.
        let (picks, last_group) = loop {
            let lanes = lanes(&transaction, queue.key, &queue.last_group, now, count_max)?;
            let (picks, last_group) = take_turns(&lanes, count_max);
            let Some((policy, target)) = &redrive else {
                break (picks, last_group);
            };
            let dead: Vec<i64> = picks
                .iter()
                .filter(|pick| pick.receives_here >= policy.max_receive_count)
                .map(|pick| pick.sequence)
                .collect();
            if dead.is_empty() {
                break (picks, last_group);
            }
            let oldest = move_to_dead_letters(&transaction, name, *target, &dead, now)?;
            moved_sent_at_ms = [moved_sent_at_ms, oldest].into_iter().flatten().min();
        };
        let mut received = Vec::with_capacity(picks.len());
        for pick in &picks {
            received.push(self.deliver(queue.key, pick.sequence, visibility, now)?);
        }
        transaction.commit()?;
        self.note_dead_letters(redrive.map(|(policy, _)| policy), moved_sent_at_ms, arrivals);
        if let (Some(group), Some(queue)) = (last_group, self.queues.get_mut(name)) {
            queue.last_group = group;
        }
        Ok(received)
    }

    fn note_dead_letters(
        &mut self,
        policy: Option<RedrivePolicy>,
        oldest_sent_at_ms: Option<u64>,
        arrivals: &mut Arrivals,
    ) {
        let (Some(policy), Some(sent_at_ms)) = (policy, oldest_sent_at_ms) else {
            return;
        };
        if let Some(target) = self.queues.get_mut(&policy.dead_letter_queue) {
            target.note_sent_at(sent_at_ms);
        }
        arrivals.insert(policy.dead_letter_queue);
    }

    /// Marks a message as received and reads it.
    fn deliver(
        &self,
        queue: i64,
        sequence: i64,
        visibility_seconds: u32,
        now: u64,
    ) -> Result<ReceivedMessage, QueueError> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE messages SET
               visible_at_ms = ?2,
               received_at_ms = ?3,
               first_received_at_ms = COALESCE(first_received_at_ms, ?3),
               receives = receives + 1,
               receives_here = receives_here + 1
             WHERE sequence = ?1
             RETURNING id, body, attributes, trace_header, group_id, sent_at_ms, first_received_at_ms,
               receives, dead_letter_source",
        )?;
        let visible_at_ms = now + u64::from(visibility_seconds) * 1_000;
        let mut rows = statement.query((sequence, visible_at_ms, now))?;
        let row = rows.next()?.ok_or(QueueError::Corrupt { what: "message" })?;
        let receive: u32 = row.get(7)?;
        let group: String = row.get(4)?;
        let source: Option<String> = row.get(8)?;
        let received = ReceivedMessage {
            message_id: row.get(0)?,
            receipt_handle: self.ids.receipt_handle(Receipt { queue, sequence, receive }),
            body: row.get(1)?,
            attributes: store::read_attributes(row, 2)?,
            trace_header: row.get(3)?,
            group_id: (!group.is_empty()).then_some(group),
            sent_at_ms: row.get(5)?,
            first_received_at_ms: row.get(6)?,
            receive_count: receive,
            dead_letter_source_arn: source.map(|source| self.naming.arn(&source)),
        };
        // Step the statement to its end: one left half-way counts as failed.
        if rows.next()?.is_some() {
            return Err(QueueError::Corrupt { what: "message" });
        }
        Ok(received)
    }

    fn change_visibility(&self, queue: i64, handle: &str, seconds: u32, now: u64) -> Result<(), QueueError> {
        check_visibility(seconds)?;
        let receipt = self.receipt(queue, handle)?;
        let found: Option<(u64, Option<u64>, u32)> = self
            .connection
            .prepare_cached(
                "SELECT visible_at_ms, received_at_ms, receives FROM messages
                 WHERE sequence = ?1 AND queue = ?2",
            )?
            .query_row((receipt.sequence, queue), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((visible_at_ms, received_at_ms, receives)) = found else {
            return Err(QueueError::InvalidParameter {
                name: "ReceiptHandle",
                reason: "the message does not exist any more".into(),
            });
        };
        if receives != receipt.receive || visible_at_ms <= now {
            return Err(QueueError::MessageNotInFlight);
        }
        let until = now + u64::from(seconds) * 1_000;
        let latest = received_at_ms.unwrap_or(now) + u64::from(VISIBILITY_SECONDS_MAX) * 1_000;
        if until > latest {
            return Err(QueueError::InvalidParameter {
                name: "VisibilityTimeout",
                reason: format!(
                    "a message stays invisible for at most {VISIBILITY_SECONDS_MAX} seconds after its receive"
                ),
            });
        }
        self.connection
            .prepare_cached("UPDATE messages SET visible_at_ms = ?2 WHERE sequence = ?1")?
            .execute((receipt.sequence, until))?;
        Ok(())
    }

    fn receipt(&self, queue: i64, handle: &str) -> Result<Receipt, QueueError> {
        if handle.is_empty() {
            return Err(QueueError::MissingParameter { name: "ReceiptHandle" });
        }
        self.ids
            .read_receipt_handle(handle)
            .filter(|receipt| receipt.queue == queue)
            .ok_or(QueueError::ReceiptHandleIsInvalid)
    }
}

fn check_visibility(seconds: u32) -> Result<(), QueueError> {
    if seconds <= VISIBILITY_SECONDS_MAX {
        return Ok(());
    }
    Err(QueueError::InvalidParameter {
        name: "VisibilityTimeout",
        reason: format!("must be 0 to {VISIBILITY_SECONDS_MAX} seconds"),
    })
}

/// The groups with visible messages, starting after `last_group` and going round. It jumps from group to group
/// along the index, so that one group's backlog costs the others nothing, and stops when each of enough groups
/// can give one message.
fn lanes(
    connection: &Connection,
    queue: i64,
    last_group: &str,
    now: u64,
    count_max: usize,
) -> Result<Vec<Lane>, QueueError> {
    let mut first =
        connection.prepare_cached("SELECT MIN(group_id) FROM messages WHERE queue = ?1 AND group_id >= ?2")?;
    let mut following =
        connection.prepare_cached("SELECT MIN(group_id) FROM messages WHERE queue = ?1 AND group_id > ?2")?;
    let mut visible = connection.prepare_cached(
        "SELECT sequence, receives_here FROM messages
         WHERE queue = ?1 AND group_id = ?2 AND visible_at_ms <= ?3
         ORDER BY visible_at_ms, sequence LIMIT ?4",
    )?;
    let mut lanes = Vec::new();
    let mut wrapped = false;
    let mut next: Option<String> = following.query_row((queue, last_group), |row| row.get(0))?;
    while lanes.len() < count_max {
        let Some(group) = next else {
            if wrapped {
                break;
            }
            wrapped = true;
            next = first.query_row((queue, ""), |row| row.get(0))?;
            continue;
        };
        if wrapped && group.as_str() > last_group {
            break;
        }
        let candidates = visible
            .query_map((queue, &group, now, count_max), |row| {
                Ok(Candidate { sequence: row.get(0)?, receives_here: row.get(1)? })
            })?
            .collect::<Result<Vec<_>, _>>()?;
        next = following.query_row((queue, &group), |row| row.get(0))?;
        if !candidates.is_empty() {
            lanes.push(Lane { group, candidates });
        }
    }
    Ok(lanes)
}

/// One message of each lane in turn, until there are enough; and the group that came last.
fn take_turns(lanes: &[Lane], count_max: usize) -> (Vec<Candidate>, Option<String>) {
    let mut picks = Vec::with_capacity(count_max);
    let mut last_group = None;
    for round in 0..count_max {
        for lane in lanes {
            if picks.len() == count_max {
                break;
            }
            if let Some(candidate) = lane.candidates.get(round) {
                picks.push(*candidate);
                last_group = Some(&lane.group);
            }
        }
    }
    (picks, last_group.cloned())
}

/// Moves messages with their ids and send times, and answers the oldest send time.
fn move_to_dead_letters(
    connection: &Connection,
    source: &str,
    target: i64,
    sequences: &[i64],
    now: u64,
) -> Result<Option<u64>, QueueError> {
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET queue = ?2, visible_at_ms = ?3, receives_here = 0, dead_letter_source = ?4
         WHERE sequence = ?1",
    )?;
    let mut sent = connection.prepare_cached("SELECT sent_at_ms FROM messages WHERE sequence = ?1")?;
    let mut oldest: Option<u64> = None;
    for sequence in sequences {
        statement.execute((sequence, target, now, source))?;
        let sent_at_ms: u64 = sent.query_row([sequence], |row| row.get(0))?;
        oldest = Some(oldest.map_or(sent_at_ms, |oldest| oldest.min(sent_at_ms)));
    }
    Ok(oldest)
}
