//! The engine's only source of time, injected so that a run can be repeated.

/// A source of the current time.
pub trait Clock: Send + Sync {
    /// Now, in UTC epoch milliseconds.
    fn now_ms(&self) -> u64;
}
