//! What can go wrong in a step, by what is to be done about it: one classification for queues and HTTP.

use domain::Rejected;
use std::time::Duration;

/// Why a step did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The business says no. Queue: acknowledged, the fact is recorded. HTTP: 409 or 422.
    #[error("{0}")]
    Rejected(#[from] Rejected),
    /// Poison: it can never be processed. Queue: dead-letter queue with the reason. HTTP: 400.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The object does not exist (or is another merchant's). Queue: dead-letter queue. HTTP: 404.
    #[error("{0} does not exist")]
    NotFound(String),
    /// A race whose tries are spent. Queue: again. HTTP: 503.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Throttled or down. Queue: again, later. HTTP: 503.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// What is unavailable.
        reason: String,
        /// When to try again, if the other side said so.
        after: Option<Duration>,
    },
    /// The outcome is unknown. Parked by the handler and reconciled by our reference. HTTP: 202.
    #[error("outcome unknown: {0}")]
    Indeterminate(String),
    /// A broken invariant. Queue: dead-letter queue and alarm. HTTP: 500.
    #[error("bug: {0}")]
    Bug(String),
}

/// What a queue's reader does with a message whose step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueAnswer {
    /// Done with it.
    Acknowledge,
    /// To the dead-letter queue with the reason, now.
    DeadLetter,
    /// Leave it; it becomes visible again after a while.
    Retry(Option<Duration>),
}

impl Failure {
    /// A broken invariant.
    pub fn bug(detail: impl Into<String>) -> Self {
        Self::Bug(detail.into())
    }

    /// Something is down or throttled.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), after: None }
    }

    /// The one classification for queues.
    #[must_use]
    pub fn queue_answer(&self) -> QueueAnswer {
        match self {
            Self::Rejected(_) | Self::Indeterminate(_) => QueueAnswer::Acknowledge,
            Self::Malformed(_) | Self::NotFound(_) | Self::Bug(_) => QueueAnswer::DeadLetter,
            Self::Conflict(_) => QueueAnswer::Retry(None),
            Self::Unavailable { after, .. } => QueueAnswer::Retry(*after),
        }
    }
}
