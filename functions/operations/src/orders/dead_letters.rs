//! Dead letters: what could not be processed, and sending it back. Bodies are never shown: only the ids that are in ours.

use domain::account::Scope;
use domain::{ApiKeyId, MerchantId, Message, Queue};
use platform::auth::{Principal, authenticate};
use platform::dead_letters::DeadLetter;
use platform::spec::{ForMerchant, Refusals};
use platform::{Deps, Failure, Problem, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// Most dead letters of one answer.
const LETTERS_MAX: usize = 100;
/// Dead letters of one answer unless asked otherwise.
const LETTERS_DEFAULT: usize = 25;
/// Most dead letters that are looked through for those asked for.
const LOOKED_THROUGH_MAX: usize = 500;
/// Longest time over which one request spreads the letters that it sends back, seconds: they come back to others after [`HIDDEN_S`].
const SPREAD_S_MAX: u32 = 20;
/// For how long letters are hidden from others while they are looked through, seconds.
const HIDDEN_S: i32 = 30;

/// The dead-letter queues of functions that read streams; their letters name records, not messages.
const STREAM_READERS: [&str; 2] = ["relay", "facts"];

/// Which dead letters are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query; it is read by `list_dead_letters`")]
pub(crate) struct DeadLettersQuery {
    /// One queue: `reservations`, `picks`, `bookings`, `tracking`, `returns`, `fulfilments`, `relay` or `facts`; all unless given.
    queue: Option<String>,
    /// Most entries, 1 to 100; 25 unless given.
    limit: Option<usize>,
}

/// A message that could not be processed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DeadLetterView {
    /// The queue whose reader gave up on it.
    pub queue: String,
    /// Its id in the dead-letter queue.
    pub message_id: String,
    /// What it asked for; absent when it is no message of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The order (or other root) that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merchant: Option<MerchantId>,
    /// The ids that it carries, by name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub ids: Map<String, Value>,
    /// Why it is here; absent when the queue itself moved it after too many receives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The function that gave up on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// When that was, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<String>,
}

/// Dead letters. A queue gives a sample: with many letters in it, another request may show others.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DeadLetters {
    /// The letters.
    pub items: Vec<DeadLetterView>,
}

/// Which dead letters to send back.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedriveRequest {
    /// The queue that they are sent back to.
    #[schema(example = "bookings")]
    pub queue: String,
    /// Only these, at most 100; absent: all, at most 100 at a time.
    #[serde(default)]
    pub message_ids: Option<Vec<String>>,
    /// Most letters a second, 1 to 100, for a reader or partner that has just recovered; absent: as fast as it goes. One request sends
    /// back at most twenty seconds' worth.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100)]
    pub messages_per_second: Option<u32>,
}

/// Why letters are thrown away. A word of this list, no free text: it stands in the logs, where no personal data may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DiscardReason {
    /// What it asked for was done otherwise: by the sweeper, by a later message, by hand.
    DoneOtherwise,
    /// What it asked for is no longer wanted.
    Obsolete,
    /// It is no message that any reader knows.
    Unreadable,
    /// It came from a test.
    Test,
}

/// Which dead letters to throw away.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscardRequest {
    /// The queue that they were given up of, also `relay` or `facts`.
    #[schema(example = "relay")]
    pub queue: String,
    /// Which, 1 to 100: who throws away has looked at each.
    pub message_ids: Vec<String>,
    /// Why.
    pub reason: DiscardReason,
}

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LetterResult {
    /// It is in its queue again.
    Redriven,
    /// It stays: see the reason.
    Refused,
    /// It is gone.
    Discarded,
    /// There is none with this id (any more), or it is hidden by another request: try again in half a minute.
    NotFound,
}

/// What became of one dead letter.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LetterLine {
    /// Its id in the dead-letter queue.
    pub message_id: String,
    /// What became of it.
    pub result: LetterResult,
    /// Why it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of the dead letters.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RedriveReport {
    /// Letters that are in their queue again.
    pub redriven: usize,
    /// Each letter.
    pub messages: Vec<LetterLine>,
}

/// What became of the dead letters.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DiscardReport {
    /// Letters that are gone.
    pub discarded: usize,
    /// Each letter.
    pub messages: Vec<LetterLine>,
}

/// List dead letters with their reasons.
///
/// A key that acts for a merchant sees that merchant's only.
#[utoipa::path(
    get, path = "/v1/dead-letters", tag = "operations", params(DeadLettersQuery, ForMerchant),
    responses((status = 200, description = "Dead letters", body = DeadLetters), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_dead_letters(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let limit = request.query::<usize>("limit")?.unwrap_or(LETTERS_DEFAULT);
    if !(1..=LETTERS_MAX).contains(&limit) {
        return Err(Problem::invalid("?limit", format!("limit is 1 to {LETTERS_MAX}")));
    }
    let queues = match request.query.get("queue") {
        None => Source::all(),
        Some(name) => vec![Source::named(name).ok_or_else(|| unknown_queue("?queue"))?],
    };
    let mut items = Vec::new();
    for source in queues {
        let url = source.dead_letters_url(deps)?;
        let wanted = limit - items.len();
        let letters = taken(deps, url, wanted, |letter| sees(&principal, letter)).await?;
        items.extend(letters.iter().map(|letter| view(source.name(), letter)));
        put_back(deps, url, &letters).await;
        if items.len() >= limit {
            break;
        }
    }
    Response::json(200, &DeadLetters { items })
}

/// Send dead letters back to their queue.
///
/// Each step recognises what it has done already, so sending a letter back twice does no harm. Letters of `relay` and `facts` name
/// records of a stream and cannot be sent back.
#[utoipa::path(
    post, path = "/v1/dead-letters/redrive", tag = "operations", params(ForMerchant),
    request_body = RedriveRequest,
    responses(
        (status = 200, description = "What became of each", body = RedriveReport),
        (status = 409, description = "`not-redrivable`", body = platform::Problem, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn redrive_dead_letters(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let sent: RedriveRequest = request.json()?;
    let queue = match Source::named(&sent.queue).ok_or_else(|| unknown_queue("/queue"))? {
        Source::Work(queue) => queue,
        Source::Stream(name) => {
            let detail = format!(
                "letters of `{name}` name records of a stream: what they lack is found by the sweeper, not by sending them back"
            );
            return Err(Problem::new(409, "not-redrivable", detail).at("/queue"));
        }
    };
    let at_once = match sent.messages_per_second {
        None => LETTERS_MAX,
        Some(rate @ 1..=100) => LETTERS_MAX.min(usize::try_from(rate * SPREAD_S_MAX).unwrap_or(LETTERS_MAX)),
        Some(_) => return Err(Problem::invalid("/messages_per_second", "send 1 to 100, or leave the field out")),
    };
    if sent.message_ids.as_ref().is_some_and(|ids| ids.is_empty() || ids.len() > at_once) {
        let detail = format!("name 1 to {at_once} messages (at this rate), or leave the field out for all");
        return Err(Problem::invalid("/message_ids", detail));
    }
    let wanted: Option<BTreeSet<&str>> = sent.message_ids.as_ref().map(|ids| ids.iter().map(String::as_str).collect());
    let from = deps.settings.dead_letters_url(queue)?;
    let limit = wanted.as_ref().map_or(at_once, BTreeSet::len);
    let is_wanted = |letter: &DeadLetter| {
        sees(&principal, letter) && wanted.as_ref().is_none_or(|wanted| wanted.contains(letter.message_id.as_str()))
    };
    let letters = taken(deps, from, limit, is_wanted).await?;
    let mut messages = Vec::with_capacity(letters.len());
    for (number, letter) in letters.iter().enumerate() {
        if let (Some(rate), 1..) = (sent.messages_per_second, number) {
            deps.pause(Duration::from_secs(1) / rate).await;
        }
        messages.push(redriven(deps, queue, letter).await);
    }
    messages.extend(not_found(&letters, wanted.iter().flatten()));
    let redriven = messages.iter().filter(|line| line.result == LetterResult::Redriven).count();
    tracing::info!(queue = queue.name(), redriven, asked = messages.len(), "dead letters sent back");
    Response::json(200, &RedriveReport { redriven, messages })
}

/// Throw dead letters away.
///
/// For letters that need no sending back: those of `relay` and `facts` once their records were made good, those that no reader
/// takes, those that are not wanted any more. Who did it, and why, stands in the logs.
#[utoipa::path(
    post, path = "/v1/dead-letters/discard", tag = "operations", params(ForMerchant),
    request_body = DiscardRequest,
    responses((status = 200, description = "What became of each", body = DiscardReport), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn discard_dead_letters(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let sent: DiscardRequest = request.json()?;
    let source = Source::named(&sent.queue).ok_or_else(|| unknown_queue("/queue"))?;
    if !(1..=LETTERS_MAX).contains(&sent.message_ids.len()) {
        return Err(Problem::invalid("/message_ids", format!("name 1 to {LETTERS_MAX} messages")));
    }
    let wanted: BTreeSet<&str> = sent.message_ids.iter().map(String::as_str).collect();
    let from = source.dead_letters_url(deps)?;
    let is_wanted = |letter: &DeadLetter| sees(&principal, letter) && wanted.contains(letter.message_id.as_str());
    let letters = taken(deps, from, wanted.len(), is_wanted).await?;
    let by = principal.key.as_ref().map_or("bootstrap administrator", ApiKeyId::as_str);
    let mut messages = Vec::with_capacity(letters.len());
    for letter in &letters {
        let (result, reason) = match deps.queues.discard(letter, from).await {
            Ok(()) => {
                let correlation_id = read(letter).map(|message| message.correlation_id);
                let (queue, message_id) = (source.name(), &letter.message_id);
                tracing::info!(correlation_id, queue, message_id, reason = ?sent.reason, by, "dead letter thrown away");
                (LetterResult::Discarded, None)
            }
            Err(failure) => {
                tracing::warn!(reason = %failure, "dead letter not thrown away");
                (LetterResult::Refused, Some(BUSY.to_owned()))
            }
        };
        messages.push(LetterLine { message_id: letter.message_id.clone(), result, reason });
    }
    messages.extend(not_found(&letters, &wanted));
    let discarded = messages.iter().filter(|line| line.result == LetterResult::Discarded).count();
    Response::json(200, &DiscardReport { discarded, messages })
}

const BUSY: &str = "the queue is busy: try again in half a minute";

/// A line for each letter that was asked for and not found.
fn not_found<'a>(found: &[DeadLetter], wanted: impl IntoIterator<Item = &'a &'a str>) -> Vec<LetterLine> {
    let found: BTreeSet<&str> = found.iter().map(|letter| letter.message_id.as_str()).collect();
    let missing = wanted.into_iter().filter(|id| !found.contains(**id));
    missing
        .map(|id| LetterLine { message_id: (*id).to_owned(), result: LetterResult::NotFound, reason: None })
        .collect()
}

async fn redriven(deps: &Deps, queue: Queue, letter: &DeadLetter) -> LetterLine {
    let line = |result, reason: Option<&str>| LetterLine {
        message_id: letter.message_id.clone(),
        result,
        reason: reason.map(str::to_owned),
    };
    let back = async {
        let message = read(letter).filter(|message| message.kind.queue() == queue);
        let Some(message) = message else { return Ok(false) };
        let (from, to) = (deps.settings.dead_letters_url(queue)?, deps.settings.queue_url(queue)?);
        deps.queues.redrive(letter, from, to, message.merchant.as_str()).await?;
        tracing::info!(correlation_id = message.correlation_id, queue = queue.name(), "dead letter sent back");
        Ok::<bool, Failure>(true)
    };
    match back.await {
        Ok(true) => line(LetterResult::Redriven, None),
        Ok(false) => {
            put_back(deps, deps.settings.dead_letters_url(queue).unwrap_or_default(), std::slice::from_ref(letter))
                .await;
            line(LetterResult::Refused, Some("it is no message of this queue: its reader would refuse it again"))
        }
        Err(failure) => {
            tracing::warn!(reason = %failure, "dead letter not sent back");
            line(LetterResult::Refused, Some(BUSY))
        }
    }
}

/// Where dead letters come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Work(Queue),
    Stream(&'static str),
}

impl Source {
    fn all() -> Vec<Self> {
        Queue::ALL.into_iter().map(Self::Work).chain(STREAM_READERS.into_iter().map(Self::Stream)).collect()
    }

    fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|source| source.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Work(queue) => queue.name(),
            Self::Stream(name) => name,
        }
    }

    fn dead_letters_url(self, deps: &Deps) -> Result<&str, Failure> {
        match self {
            Self::Work(queue) => deps.settings.dead_letters_url(queue),
            Self::Stream(name) => deps.settings.require(&format!("{}_DEAD_LETTERS_QUEUE_URL", name.to_uppercase())),
        }
    }
}

fn unknown_queue(pointer: &str) -> Problem {
    let names: Vec<&str> = Source::all().into_iter().map(Source::name).collect();
    Problem::invalid(pointer, format!("send one of {}", names.join(", ")))
}

/// Takes up to `limit` letters that are `wanted`; all others become visible again at once.
async fn taken(
    deps: &Deps,
    url: &str,
    limit: usize,
    wanted: impl Fn(&DeadLetter) -> bool,
) -> Result<Vec<DeadLetter>, Failure> {
    let (mut found, mut others) = (Vec::new(), Vec::new());
    let outcome = loop {
        if found.len() >= limit || found.len() + others.len() >= LOOKED_THROUGH_MAX {
            break Ok(());
        }
        match deps.queues.dead_letters(url, 10, HIDDEN_S).await {
            Ok(letters) if letters.is_empty() => break Ok(()),
            Ok(letters) => {
                for letter in letters {
                    if found.len() < limit && wanted(&letter) { found.push(letter) } else { others.push(letter) }
                }
            }
            Err(failure) => break Err(failure),
        }
    };
    put_back(deps, url, &others).await;
    outcome.map(|()| found)
}

/// Makes letters visible again; where that fails they come back by themselves after [`HIDDEN_S`].
async fn put_back(deps: &Deps, url: &str, letters: &[DeadLetter]) {
    for letter in letters {
        if let Err(error) = deps.queues.retry_after(url, &letter.receipt_handle, 0).await {
            tracing::warn!(%error, "a dead letter stays hidden for a while");
        }
    }
}

fn read(letter: &DeadLetter) -> Option<Message> {
    serde_json::from_str(&letter.body).ok()
}

/// Whether a caller may know of the letter. What is no message of ours is nobody's: the platform's keys see it.
fn sees(principal: &Principal, letter: &DeadLetter) -> bool {
    match &principal.merchant {
        None => true,
        Some(own) => read(letter).is_some_and(|message| message.merchant == *own),
    }
}

fn view(queue: &str, letter: &DeadLetter) -> DeadLetterView {
    let message = read(letter);
    let mut ids = Map::new();
    let mut kind = None;
    if let Some(Ok(Value::Object(fields))) = message.as_ref().map(|message| serde_json::to_value(&message.kind)) {
        for (name, value) in fields {
            match (name.as_str(), &value) {
                ("kind", Value::String(text)) => kind = Some(text.clone()),
                (_, Value::String(_)) => {
                    ids.insert(name, value);
                }
                _ => {}
            }
        }
    }
    DeadLetterView {
        queue: queue.to_owned(),
        message_id: letter.message_id.clone(),
        kind,
        correlation_id: message.as_ref().map(|message| message.correlation_id.clone()),
        merchant: message.map(|message| message.merchant),
        ids,
        reason: letter.reason.clone(),
        function: letter.function.clone(),
        failed_at: letter.failed_at.clone(),
    }
}
