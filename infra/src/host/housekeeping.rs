//! What AWS does unasked: expired items and messages go, read stream records go, idle environments end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::environments::Pool;
use super::logs::Logs;
use super::services::Services;

/// How often it is looked whether something is to be done.
const EVERY: Duration = Duration::from_secs(30);

/// How far each table's stream has been read, by reader.
#[derive(Default, Clone)]
pub(crate) struct Readers {
    positions: BTreeMap<String, Vec<watch::Receiver<Option<String>>>>,
}

impl Readers {
    /// Adds a reader of a table's stream.
    pub(crate) fn add(&mut self, table: &str, position: watch::Receiver<Option<String>>) {
        self.positions.entry(table.to_owned()).or_default().push(position);
    }

    /// Up to where all readers of each stream have come; a stream that one of them has not begun is left out.
    fn read_by_all(&self) -> BTreeMap<String, String> {
        self.positions
            .iter()
            .filter_map(|(table, readers)| {
                // Positions are numbers of the same length, which sort as text.
                let positions: Option<Vec<String>> = readers.iter().map(|reader| reader.borrow().clone()).collect();
                Some((table.clone(), positions?.into_iter().min()?))
            })
            .collect()
    }
}

/// Runs until `stopping`.
pub(crate) async fn run(
    services: Services,
    pools: Vec<Arc<Pool>>,
    readers: Readers,
    logs: Logs,
    mut stopping: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !*stopping.borrow() {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopping.changed() => return,
        }
        for pool in &pools {
            pool.reap();
        }
        let read = readers.read_by_all();
        let swept = services
            .with(move |engine| {
                let mut failures = Vec::new();
                let mut note = |what: &str, outcome: Result<(), String>| {
                    failures.extend(outcome.err().map(|error| format!("{what}: {error}")));
                };
                for (table, position) in &read {
                    let trimmed = engine.dynamodb().trim_stream(table, position);
                    note("a stream cannot be trimmed", trimmed.map_err(|error| error.to_string()));
                }
                let trimmed = engine.dynamodb().trim_streams_older_than_a_day();
                note("streams cannot be trimmed", trimmed.map_err(|error| error.to_string()));
                let items = engine.dynamodb().sweep_ttl().map(|_| ());
                note("expired items stay", items.map_err(|error| error.to_string()));
                let shredded = engine.dynamodb().shred().map(|_| ());
                note("what was erased left traces in the file", shredded.map_err(|error| error.to_string()));
                let messages = engine.queues().sweep();
                note("expired messages stay", messages.map_err(|error| error.to_string()));
                failures
            })
            .await;
        match swept {
            Ok(failures) => failures.into_iter().for_each(|failure| logs.host(failure)),
            Err(error) => logs.host(format!("housekeeping: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_trimmed_only_as_far_as_its_slowest_reader() {
        let (fast, slow) = (watch::Sender::new(Some("300".to_owned())), watch::Sender::new(None));
        let mut readers = Readers::default();
        readers.add("orders", fast.subscribe());
        readers.add("orders", slow.subscribe());
        assert!(readers.read_by_all().is_empty());
        slow.send_replace(Some("200".to_owned()));
        assert_eq!(readers.read_by_all()["orders"], "200");
    }
}
