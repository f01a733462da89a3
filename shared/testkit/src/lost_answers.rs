//! Answers that are lost after the call took effect.

use crate::connector::{Call, Fault, Faults};
use std::sync::{Mutex, PoisonError};

/// Operations of DynamoDB that write.
pub const WRITES: &[&str] = &["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"];

/// Loses the answers of some calls, once it is armed.
#[derive(Debug, Default)]
pub struct LostAnswers(Mutex<(&'static [&'static str], u32)>);

impl LostAnswers {
    /// Loses the answers of the next `times` calls of any of `operations`.
    pub fn arm(&self, operations: &'static [&'static str], times: u32) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (operations, times);
    }

    /// How many answers are still to be lost.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

impl Faults for LostAnswers {
    fn after(&self, call: &Call) -> Option<Fault> {
        let mut armed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (operations, left) = *armed;
        if left == 0 || !operations.contains(&call.operation) {
            return None;
        }
        armed.1 = left - 1;
        Some(Fault::Connection)
    }
}
