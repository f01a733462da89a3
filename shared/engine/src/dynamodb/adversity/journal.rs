//! What items were before their last changes, so that a read can be given an earlier state.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dynoxide::types::Item;

use super::shape::ItemKey;

#[derive(Debug)]
struct Change {
    at_ms: u64,
    table: String,
    key: ItemKey,
    before: Option<Item>,
}

/// The changes of the last moments, oldest first.
#[derive(Debug, Default)]
pub(super) struct Journal {
    changes: VecDeque<Change>,
}

/// Items that were otherwise at some time: as they were then, `None` where there was none.
pub(super) type Earlier = BTreeMap<ItemKey, Option<Item>>;

impl Journal {
    /// Notes a change and forgets those older than `horizon_ms`.
    pub(super) fn note(&mut self, now_ms: u64, horizon_ms: u64, table: &str, key: ItemKey, before: Option<Item>) {
        while self.changes.front().is_some_and(|change| change.at_ms + horizon_ms < now_ms) {
            self.changes.pop_front();
        }
        if horizon_ms > 0 {
            self.changes.push_back(Change { at_ms: now_ms, table: table.to_owned(), key, before });
        }
    }

    /// The items of `table` that have changed since the end of the millisecond `then_ms`, as they were then.
    pub(super) fn as_of(&self, then_ms: u64, table: &str, wanted: impl Fn(&ItemKey) -> bool) -> Earlier {
        let changes = self.since(then_ms, table).filter(|change| wanted(&change.key));
        changes.map(|change| (change.key.clone(), change.before.clone())).collect()
    }

    /// The items of `table` that have changed since `then_ms`, in the order of their keys.
    pub(super) fn changed(&self, then_ms: u64, table: &str) -> BTreeSet<ItemKey> {
        self.since(then_ms, table).map(|change| change.key.clone()).collect()
    }

    /// As [`Journal::as_of`], each item as of a time of its own.
    pub(super) fn as_of_each(&self, table: &str, then_ms: &BTreeMap<ItemKey, u64>) -> Earlier {
        let Some(oldest) = then_ms.values().min() else { return Earlier::new() };
        let late = |change: &&Change| then_ms.get(&change.key).is_some_and(|then_ms| change.at_ms > *then_ms);
        let changes = self.since(*oldest, table).filter(late);
        changes.map(|change| (change.key.clone(), change.before.clone())).collect()
    }

    /// From the newest to the oldest, so that of several changes of an item the last one met tells what was first.
    fn since(&self, then_ms: u64, table: &str) -> impl Iterator<Item = &Change> {
        let recent = self.changes.iter().rev().take_while(move |change| change.at_ms > then_ms);
        recent.filter(move |change| change.table == table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dynoxide::AttributeValue;
    use proptest::prelude::*;

    fn item(value: u64) -> Item {
        Item::from([("value".to_owned(), AttributeValue::N(value.to_string()))])
    }

    proptest! {
        /// Against a full history of snapshots: every state within the horizon can be had again.
        #[test]
        fn any_state_within_the_horizon_comes_back(
            writes in prop::collection::vec((0_u64..30, 0_u8..3, prop::option::of(0_u64..100)), 1..60),
            age_ms in 0_u64..100,
        ) {
            const HORIZON_MS: u64 = 100;
            let mut journal = Journal::default();
            let mut state = BTreeMap::<ItemKey, Item>::new();
            let mut history = vec![(0, state.clone())];
            let mut now_ms = 1000;
            for (pause_ms, name, value) in writes {
                now_ms += pause_ms;
                let key = ItemKey { pk: name.to_string(), sk: String::new() };
                let before = match value {
                    Some(value) => state.insert(key.clone(), item(value)),
                    None => state.remove(&key),
                };
                journal.note(now_ms, HORIZON_MS, "t", key, before);
                history.push((now_ms, state.clone()));
            }
            let then_ms = now_ms - age_ms;
            for (key, before) in journal.as_of(then_ms, "t", |_| true) {
                match before {
                    Some(item) => state.insert(key, item),
                    None => state.remove(&key),
                };
            }
            let expected = history.iter().rev().find(|(at, _)| *at <= then_ms).map(|(_, state)| state);
            prop_assert_eq!(Some(&state), expected);
        }
    }
}
