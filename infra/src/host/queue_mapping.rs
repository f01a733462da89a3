//! A queue that invokes a function: takes messages only when they can be worked on, deletes what is done.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::batch_failures::{self, Report};
use super::environments::{InvokeError, Pool};
use super::in_flight::InFlight;
use super::logs::Logs;
use super::moment;
use super::services::{Message, ServiceError, Services};
use crate::template::model::QueueSource;

/// Most messages of one receive (SQS's limit).
const RECEIVE_MAX: usize = 10;
/// Pause after the queue itself failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// How often a queue is looked at although nothing came: a clock that was put back must not stop it for ever.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);

/// One event source mapping from a queue.
#[derive(Clone)]
pub(crate) struct QueueMapping {
    pub(crate) source: QueueSource,
    pub(crate) pool: Arc<Pool>,
    pub(crate) services: Services,
    pub(crate) logs: Logs,
    /// Invocations of this mapping at the same time.
    pub(crate) concurrency: Arc<Semaphore>,
    /// What is being worked on.
    pub(crate) in_flight: InFlight,
    /// True once no more messages shall be taken.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// How many invocations a mapping may have at a time: the template's limit, within the pool, which keeps one
/// environment for requests of people if the function has routes.
pub(crate) fn concurrency(source: &QueueSource, pool: &Pool) -> usize {
    let kept = usize::from(!pool.function().routes.is_empty() && pool.maximum() > 1);
    let room = pool.maximum() - kept;
    source.maximum_concurrency.map_or(room, |limit| room.min(usize::try_from(limit).unwrap_or(room))).max(1)
}

impl QueueMapping {
    /// Runs until `stopping`, and until the batches that were taken are done.
    pub(crate) async fn run(mut self) {
        let limit = concurrency(&self.source, &self.pool);
        self.take_and_work().await;
        let everything = u32::try_from(limit).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = self.concurrency.acquire_many(everything).await;
    }

    async fn take_and_work(&mut self) {
        let mut arrivals = self.services.arrivals(&self.source.queue);
        while !*self.stopping.borrow() {
            // First the means, then the messages: what nobody can work on stays visible to others.
            tokio::select! {
                () = self.pool.healthy() => {}
                _ = self.stopping.changed() => continue,
            }
            let Ok(permit) = Arc::clone(&self.concurrency).acquire_owned().await else {
                return;
            };
            if *self.stopping.borrow() {
                return;
            }
            arrivals.mark_unchanged();
            match self.gather(&mut arrivals).await {
                Ok(batch) if batch.is_empty() => {
                    drop(permit);
                    self.wait(&mut arrivals).await;
                }
                Ok(batch) => {
                    let mapping = self.clone();
                    tokio::spawn(async move {
                        let _permit = permit;
                        mapping.work(batch).await;
                    });
                }
                Err(error) => {
                    drop(permit);
                    self.logs.host(format!("queue {}: {error}", self.source.queue));
                    tokio::time::sleep(FAILURE_PAUSE).await;
                }
            }
        }
    }

    /// Receives until the batch is full, or nothing is left and the window is over.
    async fn gather(&mut self, arrivals: &mut watch::Receiver<u64>) -> Result<Vec<Message>, ServiceError> {
        let full = usize::try_from(self.source.batch_size).unwrap_or(RECEIVE_MAX).max(1);
        let window = Duration::from_secs(self.source.batching_window_s.into());
        let mut batch = Vec::new();
        let mut until = None;
        while batch.len() < full {
            let room = (full - batch.len()).min(RECEIVE_MAX);
            match self.services.receive(&self.source.queue, room).await {
                Ok(received) if received.is_empty() => {
                    let Some(until) = until else { break };
                    tokio::select! {
                        changed = arrivals.changed() => if changed.is_err() { break },
                        () = tokio::time::sleep_until(until) => break,
                        _ = self.stopping.changed() => break,
                    }
                }
                Ok(received) => {
                    batch.extend(received);
                    if window.is_zero() && batch.len() >= RECEIVE_MAX.min(full) {
                        break;
                    }
                    until.get_or_insert_with(|| Instant::now() + window);
                }
                // What was received before is worked on; the failure comes back with the next receive.
                Err(_) if !batch.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(batch)
    }

    /// Sleeps until a message arrives or becomes visible.
    async fn wait(&mut self, arrivals: &mut watch::Receiver<u64>) {
        let visible = match self.services.next_visible_at_ms(&self.source.queue).await {
            Ok(at) => at,
            Err(error) => {
                self.logs.host(format!("queue {}: {error}", self.source.queue));
                tokio::time::sleep(FAILURE_PAUSE).await;
                return;
            }
        };
        let pause = pause(visible, moment::now_ms());
        tokio::select! {
            changed = arrivals.changed() => if changed.is_err() { tokio::time::sleep(FAILURE_PAUSE).await },
            () = tokio::time::sleep(pause) => {}
            _ = self.stopping.changed() => {}
        }
    }

    /// Invokes the function with a batch and deletes what it has done.
    async fn work(&self, batch: Vec<Message>) {
        let records: Vec<&Value> = batch.iter().map(|message| &message.record).collect();
        let event = json!({ "Records": records }).to_string();
        let request_id = moment::request_id();
        if let Err(error) = self.in_flight.begin(&request_id, &batch).await {
            self.logs.host(format!("queue {}: a batch is not noted: {error}", self.source.queue));
        }
        let outcome = self.pool.invoke(request_id.clone(), event.into()).await;
        self.settle(&batch, &outcome).await;
        // What the end of the host broke off is released by the next start.
        if (outcome.is_ok() || !*self.stopping.borrow())
            && let Err(error) = self.in_flight.end(&request_id).await
        {
            self.logs.host(format!("queue {}: a batch stays noted: {error}", self.source.queue));
        }
    }

    async fn settle(&self, batch: &[Message], outcome: &Result<Bytes, InvokeError>) {
        let done = done(batch, outcome, self.source.report_batch_item_failures);
        if done.is_empty() {
            return;
        }
        if let Err(error) = self.services.delete(&self.source.queue, done).await {
            // They come again after their visibility time-out, which every function must stand.
            self.logs.host(format!("queue {}: finished messages are not deleted: {error}", self.source.queue));
        }
    }
}

/// How long to sleep for a message that becomes visible at that time.
fn pause(visible_at_ms: Option<u64>, now_ms: i64) -> Duration {
    let Some(at) = visible_at_ms else {
        return LOOK_ANYWAY;
    };
    let left = at.saturating_sub(u64::try_from(now_ms).unwrap_or_default());
    // At least a moment, so that a message that cannot be received yet is not asked for without end.
    Duration::from_millis(left.max(10)).min(LOOK_ANYWAY)
}

/// Receipt handles of the messages that are to be deleted.
fn done(batch: &[Message], outcome: &Result<Bytes, InvokeError>, reports_failures: bool) -> Vec<String> {
    let Ok(answer) = outcome else {
        return Vec::new();
    };
    let report = if reports_failures {
        batch_failures::read(answer, |id| batch.iter().any(|message| message.message_id == id))
    } else {
        Report::AllDone
    };
    let handles = |keep: &dyn Fn(&Message) -> bool| {
        batch.iter().filter(|message| keep(message)).map(|message| message.receipt_handle.clone()).collect()
    };
    match report {
        Report::AllDone => handles(&|_| true),
        Report::Failed(failed) => handles(&|message| !failed.contains(&message.message_id)),
        Report::WholeBatch => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Vec<Message> {
        ["a", "b"]
            .map(|id| Message {
                message_id: id.to_owned(),
                receipt_handle: format!("handle-{id}"),
                record: Value::Null,
            })
            .into()
    }

    #[track_caller]
    fn check(outcome: Result<&'static str, InvokeError>, reports_failures: bool, expect: &[&str]) {
        let outcome = outcome.map(|answer| Bytes::from_static(answer.as_bytes()));
        assert_eq!(done(&batch(), &outcome, reports_failures), expect);
    }

    #[test]
    fn a_failed_invocation_deletes_nothing() {
        check(Err(InvokeError::TimedOut(3)), true, &[]);
        check(Err(InvokeError::Crashed("signal".to_owned())), false, &[]);
    }

    #[test]
    fn a_successful_one_deletes_all_but_what_it_reports() {
        let partial = r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#;
        check(Ok(r#"{"batchItemFailures":[]}"#), true, &["handle-a", "handle-b"]);
        check(Ok(partial), true, &["handle-b"]);
        check(Ok(partial), false, &["handle-a", "handle-b"]);
        check(Ok(r#"{"batchItemFailures":[{"itemIdentifier":"?"}]}"#), true, &[]);
    }

    #[test]
    fn an_idle_queue_is_left_alone_until_a_message_becomes_visible() {
        assert_eq!(pause(None, 0), LOOK_ANYWAY);
        assert_eq!(pause(Some(1_500), 1_000), Duration::from_millis(500));
        assert_eq!(pause(Some(1_000), 5_000), Duration::from_millis(10));
    }
}
