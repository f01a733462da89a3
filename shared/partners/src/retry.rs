//! What to do after a partner said no.

/// What the caller should do after an error. Every error of this crate has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request gets the same answer: record the reason, a person decides.
    Never,
    /// Nothing was done: send the same request again, not before so many seconds when the partner said how many.
    Later {
        /// Seconds to wait at least; `None` when the partner did not say.
        after_seconds: Option<u32>,
    },
    /// It is unknown whether it was done, or the state moved on: look first, never repeat blindly.
    LookFirst,
}
