//! Event source mappings: queues and streams that invoke functions, with what Lambda and SQS do to messages.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use engine::queues::{QueueError, ReceivedMessage};
use serde_json::{Value, json};

use super::clock::lock;
use super::lambda::{Lambda, Outcome};
use super::trace;
use crate::host::batch_failures::{self, Report};
use crate::host::schedule::event as schedule_event;
use crate::host::services::{Message, for_function};
use crate::host::stream_progress::{Limits, Outcome as StreamOutcome, Progress, Step};
use crate::template::filter;
use crate::template::model::{QueueSource, Schedule, StreamSource};

/// A message that nobody understands.
pub(crate) const POISON: &str = r#"{"kind":"poison"}"#;
/// Most messages of one receive.
const RECEIVE_MAX: usize = 10;

/// Tells mappings of messages that arrived.
#[derive(Clone, Default)]
pub(crate) struct Arrivals(Arc<Mutex<BTreeMap<String, Vec<Waker>>>>);

impl Arrivals {
    pub(crate) fn wake(&self, queue: &str) {
        for waker in lock(&self.0).remove(queue).unwrap_or_default() {
            waker.wake();
        }
    }
}

/// A queue that invokes a function, for ever.
pub(crate) async fn queue(lambda: Lambda, function: String, source: QueueSource, arrivals: Arrivals) {
    let core = Arc::clone(&lambda.core);
    loop {
        core.agenda.pass(core.draw_ms(5, 60)).await;
        if !lambda.has_room(&function) {
            core.agenda.pass(Duration::from_millis(500)).await;
            continue;
        }
        let most = usize::try_from(core.draw(1, source.batch_size.max(1).into())).unwrap_or(1);
        match gather(&lambda, &source, most).await {
            Ok(received) if received.is_empty() => wait(&lambda, &source.queue, &arrivals).await,
            Ok(received) => {
                let batch: Vec<Message> =
                    received.into_iter().map(|message| for_function(message, &source.queue)).collect();
                let (lambda, function, source) = (lambda.clone(), function.clone(), source.clone());
                lambda.clone().spawner.spawn(async move { deliver(&lambda, &function, &source, batch).await });
            }
            Err(error) => {
                core.say(format!("queue {}: {error}", source.queue));
                core.agenda.pass(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Receives until there are `most` messages, or the window in which they are gathered is over.
async fn gather(lambda: &Lambda, source: &QueueSource, most: usize) -> Result<Vec<ReceivedMessage>, QueueError> {
    let core = &lambda.core;
    let receive = |most: usize| core.engine.queues().receive(&source.queue, most.min(RECEIVE_MAX), None);
    let mut gathered = receive(most)?;
    if gathered.is_empty() || source.batching_window_s == 0 {
        return Ok(gathered);
    }
    core.agenda.pass(core.draw_ms(0, u64::from(source.batching_window_s) * 1000)).await;
    while gathered.len() < most {
        let more = receive(most - gathered.len())?;
        if more.is_empty() {
            break;
        }
        gathered.extend(more);
    }
    Ok(gathered)
}

/// Until a message arrives or becomes visible.
async fn wait(lambda: &Lambda, queue: &str, arrivals: &Arrivals) {
    let core = &lambda.core;
    let visible_ms = core.engine.queues().next_visible_at_ms(queue).ok().flatten();
    let mut nap = visible_ms.map(|at_ms| Box::pin(core.agenda.until((at_ms * 1000).max(core.clock.now_us() + 1000))));
    let mut noted = false;
    poll_fn(|context| {
        if noted && lock(&arrivals.0).get(queue).is_none_or(|waiting| waiting.is_empty()) {
            return Poll::Ready(());
        }
        if let Some(nap) = &mut nap
            && nap.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(());
        }
        if !noted {
            lock(&arrivals.0).entry(queue.to_owned()).or_default().push(context.waker().clone());
            noted = true;
        }
        Poll::Pending
    })
    .await;
}

/// Invokes with a batch, and deletes what it has done.
async fn deliver(lambda: &Lambda, function: &str, source: &QueueSource, batch: Vec<Message>) {
    let core = &lambda.core;
    if core.traces() {
        let kinds: Vec<String> =
            batch.iter().map(|message| trace::message(message.record["body"].as_str().unwrap_or_default())).collect();
        core.say(format!("{} -> {function}: {}", source.queue, kinds.join(", ")));
    }
    let profile = core.profile();
    let batch: Vec<Message> = batch
        .into_iter()
        .filter(|message| {
            let seconds = u32::try_from(core.draw(5, 120)).unwrap_or(5);
            let delayed = core.chance(profile.delay)
                && core.engine.queues().change_visibility(&source.queue, &message.receipt_handle, seconds).is_ok();
            if delayed {
                core.fault("message delayed");
            }
            !delayed
        })
        .collect();
    if batch.is_empty() {
        return;
    }
    for message in &batch {
        // Delivered once more, to another environment, while this one works on it.
        if core.chance(profile.duplicate)
            && core.engine.queues().change_visibility(&source.queue, &message.receipt_handle, 0).is_ok()
        {
            core.fault("message delivered twice");
        }
    }
    let records: Vec<&Value> = batch.iter().map(|message| &message.record).collect();
    let event = json!({ "Records": records });
    let mut outcome = lambda.invoke(function, event.clone()).await;
    if matches!(outcome, Outcome::Answered(_)) && core.chance(profile.again) {
        core.fault("batch worked on twice");
        outcome = lambda.invoke(function, event).await;
    }
    let handles: Vec<&str> = match &outcome {
        Outcome::Answered(answer) => done(&batch, answer, source.report_batch_item_failures),
        other => {
            core.say(format!("{} -> {function}: {other:?}", source.queue));
            Vec::new()
        }
    };
    core.agenda.pass(core.draw_ms(1, 10)).await;
    for handle in handles {
        if core.chance(profile.lost_delete) {
            core.fault("deletion of a message lost");
            continue;
        }
        // A message that was delivered again meanwhile stays, as on SQS.
        if let Err(error) = core.engine.queues().delete(&source.queue, handle) {
            core.say(format!("{}: not deleted: {error}", source.queue));
        }
    }
}

/// Receipt handles of the messages that a function has done.
pub(crate) fn done<'a>(batch: &'a [Message], answer: &Value, reports: bool) -> Vec<&'a str> {
    let report = if reports {
        batch_failures::read(answer.to_string().as_bytes(), |id| batch.iter().any(|message| message.message_id == id))
    } else {
        Report::AllDone
    };
    batch
        .iter()
        .filter(|message| match &report {
            Report::AllDone => true,
            Report::Failed(failed) => !failed.contains(&message.message_id),
            Report::WholeBatch => false,
        })
        .map(|message| message.receipt_handle.as_str())
        .collect()
}

/// Where the reader of a stream is, for whoever asks whether it has caught up.
pub(crate) type Position = Arc<Mutex<usize>>;

/// A stream that invokes a function, for ever: in order, at least once.
pub(crate) async fn stream(lambda: Lambda, function: String, source: StreamSource, position: Position) {
    let core = Arc::clone(&lambda.core);
    let full = usize::try_from(source.batch_size).unwrap_or(1).max(1);
    loop {
        let from = *lock(&position);
        core.watch.beyond(&source.table, from).await;
        core.agenda.pass(core.draw_ms(20, 250)).await;
        let records = core.watch.records(&source.table, from, full);
        let limits =
            Limits { retries_max: source.maximum_retry_attempts, bisect: source.bisect_batch_on_function_error };
        let mut progress = Progress::new(records.len(), limits);
        while let Some(part) = progress.part() {
            let admitted: Vec<&Value> =
                records[part].iter().map(|record| &record.event).filter(|event| admits(&source, event)).collect();
            let outcome = if admitted.is_empty() {
                StreamOutcome::Done
            } else {
                match lambda.invoke(&function, json!({ "Records": admitted })).await {
                    Outcome::Answered(_) => StreamOutcome::Done,
                    other => {
                        core.say(format!("stream {} -> {function}: {other:?}", source.table));
                        StreamOutcome::Failed
                    }
                }
            };
            match progress.report(outcome) {
                Step::Continue => {}
                Step::Retry => {
                    let doubled = 2_u32.saturating_pow(progress.failures().clamp(1, 16) - 1);
                    core.agenda
                        .pass(Duration::from_millis(100).saturating_mul(doubled).min(Duration::from_secs(10)))
                        .await;
                }
                Step::GiveUp { records, .. } => {
                    core.say(format!("stream {} -> {function}: {records:?} given up", source.table));
                    core.mark("stream records given up");
                }
            }
            *lock(&position) = from + progress.done();
        }
        if core.chance(core.profile().stream_again) {
            core.fault("stream records delivered twice");
            let again: Vec<&Value> =
                records.iter().map(|record| &record.event).filter(|event| admits(&source, event)).collect();
            if !again.is_empty() {
                lambda.invoke(&function, json!({ "Records": again })).await;
            }
        }
    }
}

fn admits(source: &StreamSource, event: &Value) -> bool {
    source.filters.is_empty() || source.filters.iter().any(|pattern| filter::matches(pattern, event))
}

/// Deploys in mid-flight, and messages that nobody understands: looked for every minute, for ever.
pub(crate) async fn disorder(lambda: Lambda) {
    let core = Arc::clone(&lambda.core);
    let functions: Vec<&String> = lambda.declared.stack.functions.keys().collect();
    let queues: Vec<&String> = lambda
        .declared
        .stack
        .functions
        .values()
        .flat_map(|function| &function.queue_sources)
        .map(|source| &source.queue)
        .collect();
    let chosen = |core: &super::core::Core, from: usize| usize::try_from(core.draw(0, from as u64 - 1)).unwrap_or(0);
    loop {
        core.agenda.pass(Duration::from_secs(60)).await;
        let profile = core.profile();
        if core.chance(profile.deploy) {
            let function = functions[chosen(&core, functions.len())];
            core.fault("deploy in mid-flight");
            core.say(format!("{function} is deployed anew"));
            lambda.deploy(function);
        }
        if core.chance(profile.poison) {
            let queue = queues[chosen(&core, queues.len())];
            core.fault("poison message");
            let poison = engine::queues::OutgoingMessage::new(POISON);
            if let Err(error) = core.engine.queues().send(queue, &poison) {
                core.say(format!("{queue}: {error}"));
            }
        }
    }
}

/// A schedule that invokes a function, for ever: every how-manieth of its times.
pub(crate) async fn schedule(lambda: Lambda, function: String, schedule: Schedule, every: u64) {
    let core = Arc::clone(&lambda.core);
    loop {
        core.agenda.pass(Duration::from_secs(schedule.every_s.max(1) * every.max(1))).await;
        let event = schedule_event(&schedule, "schedule", core.clock.now());
        if let outcome @ (Outcome::Failed(_) | Outcome::Crashed | Outcome::TimedOut | Outcome::Throttled) =
            lambda.invoke(&function, event).await
        {
            core.say(format!("schedule -> {function}: {outcome:?}"));
        }
    }
}
