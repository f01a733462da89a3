//! Time and random ids: the only module that asks the machine for either, so that a run can be repeated.

use jiff::Timestamp;
use std::sync::Arc;

/// What time it is.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now, UTC.
    fn now(&self) -> Timestamp;
}

/// Where unguessable text comes from.
pub trait Ids: Send + Sync + std::fmt::Debug {
    /// `length` random hexadecimal digits.
    fn random(&self, length: usize) -> String;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// In whole milliseconds: finer digits tell nothing and are paid for on every item.
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// The machine's secure random numbers.
#[derive(Debug, Clone, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn random(&self, length: usize) -> String {
        let mut bytes = vec![0_u8; length.div_ceil(2)];
        // Without randomness no key can be made: an empty id is refused by every parser, so this fails closed.
        if getrandom::fill(&mut bytes).is_err() {
            return String::new();
        }
        let mut text = hex::encode(bytes);
        text.truncate(length);
        text
    }
}

/// A clock shared by everything in a function.
pub type SharedClock = Arc<dyn Clock>;
/// Ids shared by everything in a function.
pub type SharedIds = Arc<dyn Ids>;
