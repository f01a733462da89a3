//! Reads every table's stream at every step: what the stream mappings deliver, and what the invariants look at.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use engine::Engine;
use engine::dynamodb::StreamRecord;

use super::clock::lock;

/// Most records of one read.
const READ_MAX: usize = 1_000;

#[derive(Default)]
struct Logs {
    by_table: BTreeMap<String, Vec<Arc<StreamRecord>>>,
    waiting: BTreeMap<String, Vec<Waker>>,
}

/// The streams as far as they were written.
pub(crate) struct Watch {
    written: Arc<Mutex<BTreeSet<String>>>,
    logs: Mutex<Logs>,
}

impl Watch {
    pub(crate) fn new(engine: &Engine) -> Self {
        let written: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let noted = Arc::clone(&written);
        engine.dynamodb().on_stream_record(Arc::new(move |table: &str| {
            lock(&noted).insert(table.to_owned());
        }));
        Self { written, logs: Mutex::default() }
    }

    /// Takes in what was written since the last time, and gives it.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) fn take_in(&self, engine: &Engine) -> Result<Vec<Arc<StreamRecord>>, engine::EngineError> {
        let tables = std::mem::take(&mut *lock(&self.written));
        let mut new = Vec::new();
        for table in tables {
            let mut logs = lock(&self.logs);
            loop {
                let log = logs.by_table.entry(table.clone()).or_default();
                let after = log.last().map(|record| record.sequence_number.clone());
                let records = engine.dynamodb().stream_records(&table, after.as_deref(), READ_MAX)?;
                let last = records.len() < READ_MAX;
                for record in records {
                    let record = Arc::new(record);
                    log.push(Arc::clone(&record));
                    new.push(record);
                }
                if last {
                    break;
                }
            }
            for waker in logs.waiting.remove(&table).unwrap_or_default() {
                waker.wake();
            }
        }
        Ok(new)
    }

    /// How many records the table's stream has.
    pub(crate) fn length(&self, table: &str) -> usize {
        lock(&self.logs).by_table.get(table).map_or(0, Vec::len)
    }

    /// Records of a stream from a position on.
    pub(crate) fn records(&self, table: &str, from: usize, most: usize) -> Vec<Arc<StreamRecord>> {
        let logs = lock(&self.logs);
        logs.by_table.get(table).into_iter().flatten().skip(from).take(most).cloned().collect()
    }

    /// Resolves when the stream has more than `position` records.
    pub(crate) async fn beyond(&self, table: &str, position: usize) {
        poll_fn(|context| {
            let mut logs = lock(&self.logs);
            if logs.by_table.get(table).map_or(0, Vec::len) > position {
                return Poll::Ready(());
            }
            logs.waiting.entry(table.to_owned()).or_default().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
