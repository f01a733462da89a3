//! Lots: the first to expire is promised first, and nothing of a recalled lot is promised again.

use std::collections::{BTreeMap, BTreeSet};

use domain::order::Order;
use domain::pick_task::{PickLine, PickTask};
use domain::stock::{Level, Term};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::goods::{level_key, of_parcel};
use super::levels::Levels;
use super::{Found, Moment};

/// A reservation decides on what it read this long ago at most.
const DECIDES_WITHIN_US: u64 = 60_000_000;
/// The same where one may be frozen meanwhile.
const FROZEN_WITHIN_US: u64 = 15 * DECIDES_WITHIN_US;

/// What is remembered of levels that are kept by lot.
#[derive(Debug, Default)]
pub(super) struct Lots {
    /// Since when something has been available without a break, by partition and sort key.
    available_since_us: BTreeMap<(String, String), u64>,
    /// Levels of recalled lots.
    pub(super) recalled: BTreeSet<(String, String)>,
    may_freeze: bool,
}

impl Lots {
    pub(super) fn record(&mut self, moment: Moment, (pk, sk): (&str, &str), item: &Value, level: &Level) -> Found {
        self.may_freeze |= moment.may_freeze;
        let mut found = Found::new();
        if sk.split('#').count() < 4 {
            return found;
        }
        let key = (pk.to_owned(), sk.to_owned());
        if level.get(Term::Available) > 0 {
            self.available_since_us.entry(key.clone()).or_insert(moment.now_us);
        } else {
            self.available_since_us.remove(&key);
        }
        let is_recalled = item["lot_recalled"] == true;
        if is_recalled && level.get(Term::OpenTakes) > 0 && self.recalled.contains(&key) {
            found.push(("nothing of a recalled lot is promised", format!("{pk} {sk}: {:?}", level.0)));
        }
        if is_recalled && level.get(Term::OpenTakes) == 0 {
            self.recalled.insert(key);
        }
        found
    }

    /// What an order was promised anew, held against what else lay there, and would have expired before.
    pub(super) fn promised(
        &self,
        moment: Moment,
        (levels, tasks): (&Levels, &BTreeMap<String, PickTask>),
        before: Option<&Order>,
        next: &Order,
    ) -> Found {
        let mut found = Found::new();
        let within_us = if self.may_freeze { FROZEN_WITHIN_US } else { DECIDES_WITHIN_US };
        // Where a picker of the order did not find a lot it is not served from that again.
        let was_short = |pk: &str, sk: &str| {
            let of_level = |task: &PickTask, line: &PickLine| {
                let key = level_key(task.location.as_str(), line.lot.as_ref());
                line.short > 0 && key == sk && format!("{}#{}", next.merchant(), line.sku) == pk
            };
            let mut own = tasks.values().filter(|task| task.order == next.id);
            own.any(|task| task.lines.iter().any(|line| of_level(task, line)))
        };
        let known = before.map_or(0, |before| before.fulfillment_orders.len());
        for parcel in next.fulfillment_orders.iter().skip(known) {
            for ((sku, sk), _) in of_parcel(next, parcel) {
                let pk = format!("{}#{sku}", next.merchant());
                let earlier = self.available_since_us.iter().find(|((its_pk, its_sk), since_us)| {
                    *its_pk == pk
                        && before_of(its_sk, &sk)
                        && is_good(its_sk, moment.now_us)
                        && !self.recalled.contains(&(pk.clone(), its_sk.clone()))
                        && **since_us + within_us < moment.now_us
                        && !was_short(its_pk, its_sk)
                });
                if let Some((key, _)) = earlier {
                    let evidence = format!(
                        "{} was promised {sk} while {key:?} had {:?}",
                        next.id,
                        levels.0.get(key).map(|level| &level.0)
                    );
                    found.push(("the first to expire goes first", evidence));
                }
            }
        }
        found
    }
}

/// Location, expiry date and code of a level that is kept by lot.
fn parts(sk: &str) -> Option<(&str, &str)> {
    sk.strip_prefix("level#")?.split_once('#')
}

/// Whether both are lots at one location, and the first expires before the other.
fn before_of(sk: &str, other: &str) -> bool {
    match (parts(sk), parts(other)) {
        (Some((here, lot)), Some((there, other))) => here == there && lot.get(..10) < other.get(..10),
        _ => false,
    }
}

fn is_good(sk: &str, now_us: u64) -> bool {
    let today = i64::try_from(now_us).ok().and_then(|now_us| Timestamp::from_microsecond(now_us).ok());
    let today = today.map(|now| now.to_zoned(TimeZone::UTC).date().to_string());
    parts(sk).and_then(|(_, lot)| lot.get(..10)).map(str::to_owned) >= today
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_are_compared_by_their_last_good_day_at_one_location_only() {
        let check = |sk: &str, other: &str, expect: bool| assert_eq!(before_of(sk, other), expect, "{sk} {other}");
        check("level#A#2026-11-05#Z", "level#A#2027-03-01#A", true);
        check("level#A#2026-11-05#Z", "level#B#2027-03-01#A", false);
        check("level#A#2026-11-05#A", "level#A#2026-11-05#Z", false);
        check("level#A#2026-11-05#A", "level#A#9999-99-99#Z", true);
        check("level#A", "level#A#2027-03-01#A", false);
    }

    #[test]
    fn a_lot_is_good_on_its_last_day() {
        // 2026-11-02T08:00:00Z
        let now_us = 1_793_606_400_000_000;
        assert!(is_good("level#A#2026-11-02#L", now_us) && is_good("level#A#9999-99-99#L", now_us));
        assert!(!is_good("level#A#2026-11-01#L", now_us));
    }
}
