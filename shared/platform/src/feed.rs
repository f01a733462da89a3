//! Change feeds: items in the order of their last change, read by cursor, each at least once.
//!
//! A feed is a sparse index whose sort key begins with the instant of the change. Such an order has two traps. An entry can
//! come out late: between the reading of the clock and the index lie the write and the index's lag. And an item that changes
//! all the time is never old: whoever waits for entries to settle never sees it. So a reader is given all that there is, and
//! reads what is younger than [`SETTLES_AFTER`] once more with the next round. Writers hold up their end by [`change`]: a
//! stamp that took longer than [`STAMP_LASTS`] to be stored is stamped anew.

use crate::commit::Changed;
use crate::deps::Deps;
use crate::failure::Failure;
use crate::http::Request;
use crate::listing::PageRequest;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::settings::Table;
use crate::store::{Key, Store, Stored, Versioned};
use domain::Decision;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// How old an entry is when no entry before it can come out any more: the time that a stamp may take, the index's lag (usually
/// well below a second), and the difference between two machines' clocks.
pub const SETTLES_AFTER: SignedDuration = SignedDuration::from_secs(5);
/// Longest time from the reading of the clock to the answer of the write.
pub const STAMP_LASTS: SignedDuration = SignedDuration::from_secs(2);
/// How often a write that took too long is stamped anew before the message comes again.
const STAMPS_MAX: u32 = 4;

/// An item that is listed in a change feed.
pub trait FeedItem: Stored {
    /// When it changed last; absent while it is in no feed.
    fn changed_at(&self) -> Option<Timestamp>;

    /// The same with another instant, if it is in a feed.
    #[must_use]
    fn stamped(self, at: Timestamp) -> Self;
}

/// Changes an item of a feed, at most once for `operation`. When the operation was applied before, the run that did so may not
/// have lived to see that its stamp came out in time: the item is stamped anew, and a reader sees it twice rather than never.
///
/// # Errors
/// As [`Store::change`]; [`Failure::Unavailable`] when no stamp is stored in time.
pub async fn change<T: FeedItem>(
    deps: &Deps,
    key: &Key,
    operation: &Operation,
    mut decide: impl AsyncFnMut(Option<&T>, Timestamp) -> Result<T, Failure>,
) -> Result<Versioned<T>, Failure> {
    for attempt in 0..STAMPS_MAX {
        let again;
        let operation = if attempt == 0 {
            operation
        } else {
            again = Operation::of(&[operation.id(), "stamp", &deps.ids.random(16)]);
            &again
        };
        let mut stamp = None;
        let Changed { value, replayed } = deps
            .store
            .change::<T, Decision<T>>(key, operation, async |loaded| {
                let now = deps.clock.now();
                let next = decide(loaded.map(|loaded| &loaded.body), now).await?;
                let next = if attempt == 0 { next } else { next.stamped(now) };
                stamp = next.changed_at().filter(|at| *at == now);
                Ok(Decision::of(next))
            })
            .await?;
        let in_time = |stamp| deps.clock.now().duration_since(stamp) <= STAMP_LASTS;
        if !replayed && stamp.is_none_or(in_time) {
            return Ok(value);
        }
    }
    Err(Failure::unavailable("no entry of a change feed could be stored in time"))
}

/// A page of a change feed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Feed<T> {
    /// The entries, in the order of their last change. One may come more than once: its version tells.
    pub items: Vec<T>,
    /// Send it as `cursor` to read on, now or later; absent only while the feed has never had an entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Whether there is more to read now.
    pub more: bool,
}

impl<T> Feed<T> {
    /// Changes every entry.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Feed<U> {
        Feed { items: self.items.into_iter().map(change).collect(), next_cursor: self.next_cursor, more: self.more }
    }
}

/// Where a reader is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Position {
    /// Index sort key after which it reads on.
    after: Option<String>,
    /// Where the round that it is in has to begin again when it is through: what is younger than that may be incomplete.
    settled: Option<String>,
}

/// Between the two halves of a cursor: in no code and no instant.
const SEPARATOR: char = '\n';

impl Position {
    fn read(text: &str) -> Self {
        let (after, settled) = match text.split_once(SEPARATOR) {
            Some((after, settled)) => (after, Some(settled.to_owned())),
            None => (text, None),
        };
        Self { after: Some(after.to_owned()).filter(|after| !after.is_empty()), settled }
    }

    fn write(&self) -> Option<String> {
        let after = self.after.as_deref().unwrap_or_default();
        match &self.settled {
            Some(settled) => Some(format!("{after}{SEPARATOR}{settled}")),
            None => self.after.clone(),
        }
    }

    /// Where the reader is after a page that ended with `last` and was read at `now`; `more` when the page was full.
    fn next(self, last: Option<&str>, more: bool, now: Timestamp) -> Self {
        // What the round's first page could have missed is what all of its later pages could.
        let settled = self.settled.unwrap_or_else(|| crate::items::sort_instant(now - SETTLES_AFTER));
        let end = last.map(str::to_owned).or(self.after);
        if more {
            Self { after: end, settled: Some(settled) }
        } else {
            Self { after: end.min(Some(settled)), settled: None }
        }
    }
}

/// Which feed.
#[derive(Debug, Clone, Copy)]
pub struct FeedOf<'a> {
    /// The table.
    pub table: Table,
    /// The index.
    pub index: &'a str,
    /// Of what: its partitions are `<parts>#<shard>`.
    pub parts: &'a [&'a str],
}

impl Store {
    /// One page of a change feed, read at `now`, from the place that the request's `cursor` names.
    ///
    /// # Errors
    /// 400 naming the parameter; 503.
    pub async fn feed<T: FeedItem>(
        &self,
        of: &FeedOf<'_>,
        request: &Request,
        now: Timestamp,
    ) -> Result<Feed<Versioned<T>>, Problem> {
        let PageRequest { limit, after } = PageRequest::of(request)?;
        let position = after.as_deref().map(Position::read).unwrap_or_default();
        let page = PageRequest { limit, after: position.after.clone() };
        let (entries, more) = self.index_entries(of.table, of.index, of.parts, &page, false).await?;
        let next = position.next(entries.last().map(|(last, _)| last.as_str()), more, now);
        let keys: Vec<Key> = entries.into_iter().map(|(_, key)| key).collect();
        let items = self.load_many::<T>(&keys).await?;
        Ok(Feed { items, next_cursor: next.write().map(|text| PageRequest::cursor(&text)), more })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    /// An index over items that change: what is written shows up late.
    #[derive(Default)]
    struct Model {
        /// Visible from, item, sort key, version; one item's writes are in order.
        writes: Vec<(i64, usize, String, u64)>,
    }

    impl Model {
        fn page(&self, now: i64, after: Option<&str>, limit: usize) -> (Vec<(String, usize)>, bool) {
            let mut visible: BTreeMap<usize, &str> = BTreeMap::new();
            for (from, item, key, _) in &self.writes {
                if *from <= now {
                    visible.insert(*item, key);
                }
            }
            let mut found: Vec<(String, usize)> =
                visible.into_iter().map(|(item, key)| (key.to_owned(), item)).collect();
            found.retain(|(key, _)| after.is_none_or(|after| key.as_str() > after));
            found.sort();
            let more = found.len() >= limit;
            found.truncate(limit);
            (found, more)
        }
    }

    /// Reads one page and notes the versions that the base table has then.
    fn read(
        model: &Model,
        now: i64,
        limit: usize,
        cursor: &mut Option<String>,
        seen: &mut BTreeMap<usize, u64>,
    ) -> bool {
        let position = cursor.as_deref().map(Position::read).unwrap_or_default();
        let (found, more) = model.page(now, position.after.as_deref(), limit);
        for (_, item) in &found {
            // The items themselves are read consistently: at least what the index shows.
            let newest =
                model.writes.iter().filter(|write| write.1 == *item && write.0 <= now).map(|write| write.3).max();
            seen.insert(*item, newest.unwrap_or(0));
        }
        *cursor = position.next(found.last().map(|(key, _)| key.as_str()), more, at(now)).write();
        more
    }

    proptest! {
        #[test]
        fn a_reader_misses_no_change_however_late_it_comes_out(
            changes in proptest::collection::vec((0_usize..6, 0_i64..3_000, 0_i64..5_000), 1..60),
            polls in proptest::collection::vec(1_i64..4_000, 1..60),
            limit in 1_usize..5,
        ) {
            let mut model = Model::default();
            let (mut now, mut versions, mut visible) = (0, BTreeMap::<usize, u64>::new(), BTreeMap::<usize, i64>::new());
            for (item, pause, lag) in changes {
                now += pause;
                let version = versions.entry(item).or_insert(0);
                *version += 1;
                // Two changes of one item come out in their order.
                let from = (now + lag).max(visible.get(&item).copied().unwrap_or(0));
                visible.insert(item, from);
                let key = format!("{}#item-{item}", crate::items::sort_instant(at(now)));
                model.writes.push((from, item, key, *version));
            }
            let (mut cursor, mut seen, mut time) = (None, BTreeMap::new(), 0);
            for pause in polls {
                time += pause;
                read(&model, time, limit, &mut cursor, &mut seen);
            }
            // When nothing changes any more, a reader that goes on has seen the last version of everything.
            let time = time.max(now) + 20_000;
            // The round that it is in may have begun before the last change came out; the next one has not.
            for _ in 0..2 {
                let mut pages = 0;
                while read(&model, time, limit, &mut cursor, &mut seen) {
                    pages += 1;
                    prop_assert!(pages < 1_000, "the reader goes round in circles");
                }
            }
            prop_assert_eq!(seen, versions);
        }
    }

    #[test]
    fn an_item_that_changes_all_the_time_is_seen_all_the_time() {
        let mut model = Model::default();
        let (mut cursor, mut seen) = (None, BTreeMap::new());
        for version in 1..100_u64 {
            let now = i64::try_from(version).unwrap() * 500;
            model.writes.push((now, 0, format!("{}#item", crate::items::sort_instant(at(now))), version));
            read(&model, now, 10, &mut cursor, &mut seen);
            assert_eq!(seen[&0], version);
        }
    }

    #[test]
    fn a_settled_entry_is_not_read_again() {
        let mut model = Model::default();
        let key = format!("{}#item", crate::items::sort_instant(at(0)));
        model.writes.push((0, 0, key.clone(), 1));
        let (mut cursor, mut seen) = (None, BTreeMap::new());
        read(&model, 1_000, 10, &mut cursor, &mut seen);
        assert!(cursor.as_ref().is_some_and(|cursor| *cursor < key), "it is young: it will be read again");
        read(&model, 6_000, 10, &mut cursor, &mut seen);
        assert_eq!(cursor, Some(key));
        seen.clear();
        read(&model, 9_000, 10, &mut cursor, &mut seen);
        assert!(seen.is_empty());
    }

    #[test]
    fn a_cursor_reads_back() {
        for position in [
            Position { after: None, settled: Some("b".to_owned()) },
            Position { after: Some("a".to_owned()), settled: Some("b".to_owned()) },
            Position { after: Some("a".to_owned()), settled: None },
        ] {
            assert_eq!(position.write().map(|text| Position::read(&text)), Some(position));
        }
        assert_eq!(Position::default().write(), None);
    }
}
