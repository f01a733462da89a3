//! What every state machine here returns: the next state and what follows from it, for one atomic commit.

pub use crate::actor::Actor;
use crate::message::Message;
use crate::stock::{ActivityFact, StockChange};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The next state of an aggregate, and all that must become true together with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<T> {
    /// The state to store.
    pub next: T,
    /// Messages that follow; stored as the item's outbox and sent by the relay.
    pub messages: Vec<Message>,
    /// Changes of inventory levels, in the same transaction.
    pub stock: Vec<StockChange>,
    /// What was done, for billing and reports; copied out by the stream.
    pub facts: Vec<ActivityFact>,
}

impl<T> Decision<T> {
    /// A decision that only changes the state.
    pub fn of(next: T) -> Self {
        Self { next, messages: Vec::new(), stock: Vec::new(), facts: Vec::new() }
    }

    /// Adds messages.
    #[must_use]
    pub fn with_messages(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.messages.extend(messages);
        self
    }

    /// Adds changes of inventory levels.
    #[must_use]
    pub fn with_stock(mut self, changes: impl IntoIterator<Item = StockChange>) -> Self {
        self.stock.extend(changes);
        self
    }

    /// Adds activity facts.
    #[must_use]
    pub fn with_facts(mut self, facts: impl IntoIterator<Item = ActivityFact>) -> Self {
        self.facts.extend(facts);
        self
    }
}

/// The business says no: the command is legal in form but not in this state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Rejected {
    /// Stable code in kebab-case, the tail of the problem's `type`, for example `order-on-hold`.
    pub code: &'static str,
    /// What is wrong and what to do, without personal data.
    pub detail: String,
    /// JSON pointer to the field at fault, where there is one.
    pub pointer: Option<String>,
}

impl Rejected {
    /// A rejection with a stable `code` and a `detail` that says what to do.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), pointer: None }
    }

    /// Names the field at fault by JSON pointer.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }
}

/// One line of an object's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    /// When, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What happened, past tense in snake_case, for example `allocated`.
    pub event: String,
    /// Detail without personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Badge of the person who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Station where it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub station: Option<String>,
}

/// Most entries kept of a timeline: the first ten and the newest.
pub const HISTORY_MAX: usize = 50;

/// An object's timeline, oldest first, bounded by [`HISTORY_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct History(pub Vec<HistoryEntry>);

impl History {
    /// Appends an event that no person caused.
    pub fn record(&mut self, at: Timestamp, event: &str, note: Option<String>) {
        self.push(HistoryEntry { at, event: event.to_owned(), note, person: None, station: None });
    }

    /// Appends an event that a person caused.
    pub fn record_by(&mut self, at: Timestamp, event: &str, note: Option<String>, actor: &Actor) {
        self.push(HistoryEntry {
            at,
            event: event.to_owned(),
            note,
            person: Some(actor.person.clone()),
            station: Some(actor.station.clone()),
        });
    }

    fn push(&mut self, entry: HistoryEntry) {
        if self.0.len() >= HISTORY_MAX {
            self.0.remove(10);
        }
        self.0.push(entry);
    }
}
