//! Figures for the tests of this room.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::host::status::{Function, Status};

/// When the host of [`status`] started, seconds since the epoch: 2026-01-01T00:00:00Z.
pub(crate) const START_S: i64 = 1_767_225_600;

/// A host that has just started and has nothing.
pub(crate) fn status() -> Status {
    let start = Timestamp::from_second(START_S).unwrap();
    Status {
        data: "/data".to_owned(),
        started_at: start,
        at: start,
        orders: None,
        metrics: Vec::new(),
        queues: BTreeMap::new(),
        functions: BTreeMap::new(),
        tables: BTreeMap::new(),
    }
}

/// A function that answered so many invocations.
pub(crate) fn function(invocations: u64) -> Function {
    Function {
        invocations,
        errors: 0,
        time_outs: 0,
        cold_starts: 1,
        environments: 1,
        busy: 0,
        environments_max: 4,
        durations: None,
    }
}
