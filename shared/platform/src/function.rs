//! The one loop that every function runs in: raw event → each record by itself → span → the function → answer.

use crate::deps::Deps;
use crate::failure::{Failure, QueueAnswer};
use crate::http::{Request, Response};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::stream::StreamRecord;
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::dynamodb::EventRecord;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsMessage};
use domain::seeded_bugs::{SeededBug, is_on};
use domain::{Message, Queue};
pub use lambda_runtime::Error;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use std::pin::Pin;
use std::time::Duration;
use tracing::Instrument;

/// A function of Sklad: what it does with each kind of event that the template sends it.
#[allow(async_fn_in_trait, unused_variables)]
pub trait Function {
    /// Its name in the template.
    const NAME: &'static str;

    /// Answers an HTTP request.
    async fn http(&self, deps: &Deps, request: Request) -> Result<Response, Problem> {
        Err(Problem::no_route(&request.route))
    }

    /// Does what one message of a queue asks for.
    async fn message(&self, deps: &Deps, message: Message) -> Result<(), Failure> {
        Err(Failure::Malformed(format!("{} takes no messages", Self::NAME)))
    }

    /// Does what a batch of messages of a queue asks for; gives what became of each, in their order.
    async fn messages(&self, deps: &Deps, messages: Vec<Message>) -> Vec<Result<(), Failure>> {
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            let span = span_of(Self::NAME, &message);
            outcomes.push(self.message(deps, message).instrument(span).await);
        }
        outcomes
    }

    /// Takes in records of a table's stream: all are tried; an error means that the batch comes again.
    async fn records(&self, deps: &Deps, records: Vec<Result<StreamRecord, Failure>>) -> Result<(), Failure> {
        Err(Failure::bug(format!("{} reads no stream", Self::NAME)))
    }

    /// Does its scheduled work.
    async fn scheduled(&self, deps: &Deps) -> Result<(), Failure> {
        Err(Failure::bug(format!("{} has no schedule", Self::NAME)))
    }
}

/// Runs a function on Lambda's runtime until the environment ends.
///
/// # Errors
/// When the environment is incomplete or the runtime API is gone.
pub async fn run<F: Function>(function: F) -> Result<(), Error> {
    let settings = Settings::from_environment();
    crate::telemetry::init(&settings);
    let deps = Deps::of_machine(settings)?;
    let (function, deps) = (&function, &deps);
    // Boxed, since the futures of the SDK nest deeper than the compiler's default limit.
    lambda_runtime::run(lambda_runtime::service_fn(move |event: LambdaEvent<Value>| {
        Box::pin(handle(function, deps, event.payload)) as Pin<Box<dyn Future<Output = Result<Value, Error>>>>
    }))
    .await
}

/// Handles one raw event.
///
/// # Errors
/// When a stream's batch must come again, a schedule failed, or the event is none that Lambda sends.
pub async fn handle<F: Function>(function: &F, deps: &Deps, event: Value) -> Result<Value, Error> {
    if event.pointer("/requestContext/http").is_some() {
        return Ok(serde_json::to_value(handle_http(function, deps, serde_json::from_value(event)?).await)?);
    }
    match event.pointer("/Records/0/eventSource").and_then(Value::as_str) {
        Some("aws:sqs") => {
            let records = event.get("Records").cloned().unwrap_or_default();
            let records: Vec<SqsMessage> = serde_json::from_value(records)?;
            Ok(serde_json::to_value(handle_queue(function, deps, records).await)?)
        }
        Some("aws:dynamodb") => {
            let records = event.get("Records").and_then(Value::as_array).cloned().unwrap_or_default();
            let records = records
                .into_iter()
                .map(|record| {
                    let keys = record.pointer("/dynamodb/Keys").map(ToString::to_string).unwrap_or_default();
                    serde_json::from_value::<EventRecord>(record)
                        .map_err(|error| Failure::Malformed(format!("stream record {keys} cannot be read: {error}")))
                        .and_then(StreamRecord::from_event)
                })
                .collect();
            function.records(deps, records).await?;
            Ok(Value::Null)
        }
        Some(other) => Err(format!("{} takes no events from {other}", F::NAME).into()),
        None => {
            function.scheduled(deps).await?;
            Ok(Value::Null)
        }
    }
}

async fn handle_http<F: Function>(
    function: &F,
    deps: &Deps,
    event: ApiGatewayV2httpRequest,
) -> ApiGatewayV2httpResponse {
    let request_id = event.request_context.request_id.clone().unwrap_or_default();
    let route = event.route_key.clone().unwrap_or_default();
    let span = tracing::info_span!("request", function = F::NAME, request_id, route);
    async {
        let answer = match Request::from_event(event) {
            Ok(request) => function.http(deps, request).await,
            Err(problem) => Err(problem),
        };
        let response = answer.unwrap_or_else(|mut problem| {
            problem.request_id = Some(request_id.clone());
            match problem.status {
                500.. => tracing::error!(status = problem.status, problem = problem.kind, "request failed"),
                _ => tracing::info!(status = problem.status, problem = problem.kind, "request refused"),
            }
            problem.into()
        });
        response.into()
    }
    .instrument(span)
    .await
}

async fn handle_queue<F: Function>(function: &F, deps: &Deps, records: Vec<SqsMessage>) -> SqsBatchResponse {
    let parsed: Vec<Result<Message, Failure>> = records
        .iter()
        .map(|record| {
            serde_json::from_str::<Message>(record.body.as_deref().unwrap_or_default())
                .map_err(|error| Failure::Malformed(format!("not a message of ours: {error}")))
        })
        .collect();
    let messages: Vec<Message> = parsed.iter().filter_map(|message| message.as_ref().ok().cloned()).collect();
    let mut outcomes =
        if messages.is_empty() { Vec::new() } else { function.messages(deps, messages).await }.into_iter();
    let mut response = SqsBatchResponse::default();
    for (record, message) in records.into_iter().zip(parsed) {
        let span = match &message {
            Ok(message) => span_of(F::NAME, message),
            Err(_) => tracing::info_span!("message", function = F::NAME, message_id = record.message_id),
        };
        let outcome = match message {
            Ok(_) => outcomes.next().unwrap_or_else(|| Err(Failure::bug("a message of the batch was left out"))),
            Err(unreadable) => Err(unreadable),
        };
        if let Err(again) = settle(deps, F::NAME, &record, outcome).instrument(span).await {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = record.message_id.clone().unwrap_or_default();
            response.batch_item_failures.push(failure);
            let url = queue_of(deps, &record).and_then(|queue| deps.settings.queue_url(queue).ok());
            if let (Some(url), Some(handle)) = (url, &record.receipt_handle) {
                let receives = receive_count(&record);
                let after = again.0.unwrap_or_else(|| backoff(receives));
                let after_s = i32::try_from(after.as_secs()).unwrap_or(900).clamp(0, 900);
                if let Err(error) = deps.queues.retry_after(url, handle, after_s).await {
                    tracing::warn!(%error, "visibility not changed: the queue's own time-out applies");
                }
            }
        }
    }
    if is_on(SeededBug::WholeBatchAcknowledged) {
        response.batch_item_failures.clear();
    }
    response
}

/// What every log line of a message's step bears.
fn span_of(function: &str, message: &Message) -> tracing::Span {
    let kind = serde_json::to_value(&message.kind).unwrap_or_default();
    let kind = kind.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default();
    tracing::info_span!(
        "message",
        function,
        correlation_id = message.correlation_id,
        merchant = %message.merchant,
        kind,
    )
}

/// The message must come again, if known after this long.
struct Again(Option<Duration>);

/// Acknowledges a message, buries it, or has it come again, by what became of it.
async fn settle(deps: &Deps, function: &str, record: &SqsMessage, outcome: Result<(), Failure>) -> Result<(), Again> {
    let Err(failure) = outcome else { return Ok(()) };
    match failure.queue_answer() {
        QueueAnswer::Acknowledge => {
            tracing::info!(reason = %failure, "message refused");
            Ok(())
        }
        QueueAnswer::Retry(after) => {
            tracing::warn!(reason = %failure, "message comes again");
            Err(Again(after))
        }
        QueueAnswer::DeadLetter => {
            tracing::error!(reason = %failure, "message goes to the dead-letter queue");
            let queue = queue_of(deps, record).ok_or(Again(None))?;
            let body = record.body.as_deref().unwrap_or_default();
            let buried = deps.queues.bury(queue, body, &failure.to_string(), function, deps.clock.now()).await;
            buried.map_err(|error| {
                tracing::error!(%error, "dead letter not sent: the message stays in its queue");
                Again(None)
            })
        }
    }
}

/// The queue that a record came from: the one of the function's own whose URL ends in the name in the record's ARN.
fn queue_of(deps: &Deps, record: &SqsMessage) -> Option<Queue> {
    let name = record.event_source_arn.as_deref()?.rsplit(':').next()?;
    let is_it = |queue: &Queue| deps.settings.queue_url(*queue).is_ok_and(|url| url.rsplit('/').next() == Some(name));
    Queue::ALL.into_iter().find(is_it)
}

fn receive_count(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// Jittered exponential backoff: about 1 s after the first receive, 15 minutes at most, so that the receives which a queue
/// allows outlast a partner's outage.
fn backoff(receives: u32) -> Duration {
    let limit = 1_u64 << receives.clamp(1, 10);
    Duration::from_secs(fastrand::u64(limit / 2..=limit).min(900))
}
