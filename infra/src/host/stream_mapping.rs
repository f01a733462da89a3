//! A table's stream that invokes a function: in order, at least once, from a checkpoint that outlives the host.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::batch_failures::{self, Report};
use super::environments::{InvokeError, Pool};
use super::logs::Logs;
use super::moment;
use super::names::function_arn;
use super::services::{ServiceError, Services, StreamRecord};
use super::stream_progress::{Limits, Outcome, Progress, Step};
use crate::template::filter;
use crate::template::model::{StartingPosition, StreamSource};

/// Pause after something other than the function failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// Pauses between attempts: doubled from the first to the second.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// How often a stream is looked at although nothing was written.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);
/// Most records of one read.
const READ_MAX: usize = 1_000;

/// One event source mapping from a stream.
pub(crate) struct StreamMapping {
    pub(crate) source: StreamSource,
    pub(crate) pool: Arc<Pool>,
    pub(crate) services: Services,
    pub(crate) logs: Logs,
    /// Where the position is kept.
    pub(crate) checkpoint: PathBuf,
    /// Told every position that is kept, for whoever trims the stream.
    pub(crate) position: watch::Sender<Option<String>>,
    /// True once no more records shall be taken.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// What stops a mapping for a moment.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error("the checkpoint {path} cannot be kept: {source}")]
    Checkpoint { path: PathBuf, source: std::io::Error },
}

impl StreamMapping {
    /// Runs until `stopping`.
    pub(crate) async fn run(&self) {
        let mut stopping = self.stopping.clone();
        let mut written = self.services.written(&self.source.table);
        while !*stopping.borrow() {
            let failure = match self.follow(&mut written, &mut stopping).await {
                Ok(()) => return,
                Err(error) => error,
            };
            self.logs.host(format!("stream of {} to {}: {failure}", self.source.table, self.pool.function().name));
            tokio::select! {
                () = tokio::time::sleep(FAILURE_PAUSE) => {}
                _ = stopping.changed() => {}
            }
        }
    }

    async fn follow(
        &self,
        written: &mut watch::Receiver<u64>,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<(), StreamError> {
        let mut position = self.start().await?;
        while !*stopping.borrow() {
            written.mark_unchanged();
            let records = self.gather(position.as_deref(), written, stopping).await?;
            if records.is_empty() {
                tokio::select! {
                    changed = written.changed() => if changed.is_err() { tokio::time::sleep(FAILURE_PAUSE).await },
                    () = tokio::time::sleep(LOOK_ANYWAY) => {}
                    _ = stopping.changed() => {}
                }
                continue;
            }
            let done = self.process(&records, stopping).await?;
            if let Some(last) = done.checked_sub(1).and_then(|last| records.get(last)) {
                position = Some(last.sequence_number.clone());
            }
        }
        Ok(())
    }

    /// The position to go on from; `None` is the stream's beginning.
    async fn start(&self) -> Result<Option<String>, StreamError> {
        match tokio::fs::read_to_string(&self.checkpoint).await {
            Ok(kept) => {
                let kept = kept.trim();
                let position = (!kept.is_empty()).then(|| kept.to_owned());
                self.position.send_replace(position.clone());
                return Ok(position);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(StreamError::Checkpoint { path: self.checkpoint.clone(), source });
            }
        }
        let mut position = None;
        if self.source.starting_position == StartingPosition::Latest {
            loop {
                let records = self.services.records(&self.source.table, position.clone(), READ_MAX).await?;
                match records.last() {
                    Some(last) => position = Some(last.sequence_number.clone()),
                    None => break,
                }
            }
        }
        self.keep(position.clone()).await?;
        Ok(position)
    }

    /// Reads a batch; waits for more of it until the window is over.
    async fn gather(
        &self,
        after: Option<&str>,
        written: &mut watch::Receiver<u64>,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<Vec<StreamRecord>, StreamError> {
        let full = usize::try_from(self.source.batch_size).unwrap_or(READ_MAX).clamp(1, READ_MAX);
        let window = Duration::from_secs(self.source.batching_window_s.into());
        let mut until = None;
        loop {
            let records = self.services.records(&self.source.table, after.map(str::to_owned), full).await?;
            if records.is_empty() || records.len() >= full || window.is_zero() || *stopping.borrow() {
                return Ok(records);
            }
            let until = *until.get_or_insert_with(|| Instant::now() + window);
            tokio::select! {
                changed = written.changed() => if changed.is_err() { return Ok(records) },
                () = tokio::time::sleep_until(until) => return Ok(records),
                _ = stopping.changed() => return Ok(records),
            }
        }
    }

    /// Works through a batch; how many of its records are done or given up.
    async fn process(
        &self,
        records: &[StreamRecord],
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<usize, StreamError> {
        let limits = Limits {
            retries_max: self.source.maximum_retry_attempts,
            bisect: self.source.bisect_batch_on_function_error,
        };
        let mut progress = Progress::new(records.len(), limits);
        while let Some(part) = progress.part() {
            if *stopping.borrow() {
                break;
            }
            let expired = self.expired(records, part.clone());
            if expired > part.start {
                self.give_up(records, part.start..expired, "RecordAgeExceeded", progress.failures()).await?;
                progress.expire(expired);
                self.keep_done(records, progress.done()).await?;
                continue;
            }
            let outcome = match self.invoke(records, part).await {
                Ok(outcome) => outcome,
                // The function never saw the records: that is no attempt.
                Err(InvokeError::ShuttingDown) => break,
                Err(_) => {
                    tokio::select! {
                        () = async {
                            tokio::time::sleep(FAILURE_PAUSE).await;
                            self.pool.startable().await;
                        } => {}
                        _ = stopping.changed() => {}
                    }
                    continue;
                }
            };
            match progress.report(outcome) {
                Step::Continue => {}
                Step::GiveUp { records: range, invocations } => {
                    self.give_up(records, range, "RetryAttemptsExhausted", invocations).await?;
                }
                Step::Retry => {
                    self.keep_done(records, progress.done()).await?;
                    let doubled = 2_u32.saturating_pow(progress.failures().clamp(1, 16) - 1);
                    tokio::select! {
                        () = tokio::time::sleep(RETRY_PAUSE.0.saturating_mul(doubled).min(RETRY_PAUSE.1)) => {}
                        _ = stopping.changed() => {}
                    }
                    continue;
                }
            }
            self.keep_done(records, progress.done()).await?;
        }
        Ok(progress.done())
    }

    /// Position after the records, at the part's beginning, that are too old.
    fn expired(&self, records: &[StreamRecord], part: Range<usize>) -> usize {
        let Some(age_max_s) = self.source.maximum_record_age_s else {
            return part.start;
        };
        let born_s_min = moment::now().as_second().saturating_sub(age_max_s.into());
        let old = records[part.clone()].iter().take_while(|record| created_s(record) < born_s_min).count();
        part.start + old
    }

    /// Invokes the function with what the filters admit. An error means that the function never saw the records.
    async fn invoke(&self, records: &[StreamRecord], part: Range<usize>) -> Result<Outcome, InvokeError> {
        let admitted: Vec<&Value> = records[part.clone()]
            .iter()
            .map(|record| &record.event)
            .filter(|event| {
                self.source.filters.is_empty()
                    || self.source.filters.iter().any(|pattern| filter::matches(pattern, event))
            })
            .collect();
        if admitted.is_empty() {
            return Ok(Outcome::Done);
        }
        let event = json!({ "Records": admitted }).to_string();
        let answer = match self.pool.invoke(moment::request_id(), event.into()).await {
            Ok(answer) => answer,
            Err(error @ (InvokeError::Init(_) | InvokeError::ShuttingDown)) => return Err(error),
            Err(InvokeError::Function(_) | InvokeError::TimedOut(_) | InvokeError::Crashed(_)) => {
                return Ok(Outcome::Failed);
            }
        };
        if !self.source.report_batch_item_failures {
            return Ok(Outcome::Done);
        }
        let place = |sequence: &str| part.clone().find(|place| records[*place].sequence_number == sequence);
        Ok(match batch_failures::read(&answer, |sequence| place(sequence).is_some()) {
            Report::AllDone => Outcome::Done,
            Report::WholeBatch => Outcome::Failed,
            Report::Failed(sequences) => {
                sequences.iter().filter_map(|sequence| place(sequence)).min().map_or(Outcome::Failed, Outcome::FailedAt)
            }
        })
    }

    /// Tells the on-failure queue of records that are given up.
    async fn give_up(
        &self,
        records: &[StreamRecord],
        range: Range<usize>,
        condition: &str,
        invocations: u32,
    ) -> Result<(), StreamError> {
        let given_up = &records[range];
        let (Some(first), Some(last)) = (given_up.first(), given_up.last()) else {
            return Ok(());
        };
        let function = &self.pool.function().name;
        self.logs.host(format!(
            "stream of {} to {function}: {} records given up: {condition}",
            self.source.table,
            given_up.len()
        ));
        let Some(queue) = &self.source.on_failure_queue else {
            return Ok(());
        };
        let arrival = |record: &StreamRecord| {
            jiff::Timestamp::from_second(created_s(record)).map(|at| format!("{at:.3}")).unwrap_or_default()
        };
        let document = json!({
            "version": "1.0",
            "timestamp": format!("{:.3}", moment::now()),
            "requestContext": {
                "requestId": moment::request_id(),
                "functionArn": format!("{}:$LATEST", function_arn(function)),
                "condition": condition,
                "approximateInvokeCount": invocations,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "DDBStreamBatchInfo": {
                "shardId": format!("shardId-00000001-{}", self.source.table),
                "startSequenceNumber": first.sequence_number,
                "endSequenceNumber": last.sequence_number,
                "approximateArrivalOfFirstRecord": arrival(first),
                "approximateArrivalOfLastRecord": arrival(last),
                "batchSize": given_up.len(),
                "streamArn": first.event["eventSourceARN"],
            },
        });
        self.services.send(queue, document.to_string()).await?;
        Ok(())
    }

    async fn keep_done(&self, records: &[StreamRecord], done: usize) -> Result<(), StreamError> {
        match done.checked_sub(1).and_then(|last| records.get(last)) {
            Some(last) => self.keep(Some(last.sequence_number.clone())).await,
            None => Ok(()),
        }
    }

    /// Keeps the position. A reader sees the old one or the new one, never half of it.
    async fn keep(&self, position: Option<String>) -> Result<(), StreamError> {
        let text = position.clone().unwrap_or_default();
        let mut new = self.checkpoint.clone().into_os_string();
        new.push(".new");
        let kept = async {
            tokio::fs::write(&new, text).await?;
            tokio::fs::rename(&new, &self.checkpoint).await
        };
        kept.await.map_err(|source| StreamError::Checkpoint { path: self.checkpoint.clone(), source })?;
        self.position.send_replace(position);
        Ok(())
    }
}

/// When the change was made, seconds since the epoch; a record that does not say it counts as new.
fn created_s(record: &StreamRecord) -> i64 {
    let created = &record.event["dynamodb"]["ApproximateCreationDateTime"];
    created.as_i64().or_else(|| created.as_f64().map(|seconds| seconds as i64)).unwrap_or(i64::MAX)
}
