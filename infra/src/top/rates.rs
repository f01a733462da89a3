//! What happened between two looks, per second.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::host::status::{Status, Units};

/// Rates over the time between two looks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Rates {
    /// Seconds between the looks.
    pub(super) over_s: f64,
    /// Invocations by function.
    pub(super) invocations: BTreeMap<String, f64>,
    /// Units by table.
    pub(super) units: BTreeMap<String, Units>,
}

/// The rates from `before` to `now`; `None` if they are not of the same run, or of the same instant.
pub(super) fn rates(before: &Status, now: &Status) -> Option<Rates> {
    let over_s = now.at.duration_since(before.at).as_secs_f64();
    if before.started_at != now.started_at || over_s <= 0.0 {
        return None;
    }
    let per_second = |before: f64, now: f64| grown(before, now) / over_s;
    let invocations = now.functions.iter().map(|(name, function)| {
        let earlier = before.functions.get(name).map_or(0, |function| function.invocations);
        (name.clone(), per_second(count(earlier), count(function.invocations)))
    });
    let units = now.tables.iter().map(|(name, units)| {
        let earlier = before.tables.get(name).copied().unwrap_or_default();
        let write = per_second(earlier.write, units.write);
        (name.clone(), Units { write, read: per_second(earlier.read, units.read) })
    });
    Some(Rates { over_s, invocations: invocations.collect(), units: units.collect() })
}

/// What a counter gained. One that fell was reset, and has gained since what it shows.
fn grown(before: f64, now: f64) -> f64 {
    if now < before { now } else { now - before }
}

/// A count as a number to reckon with; beyond 2^53 the last digits are lost, which no rate shows.
fn count(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::fixtures::{START_S, function, status};
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn look(after_ms: i64, invocations: u64, write: f64) -> Status {
        let mut look = status();
        look.at = Timestamp::from_millisecond(START_S * 1_000 + after_ms).unwrap();
        look.functions = [("relay".to_owned(), function(invocations))].into();
        look.tables = [("orders".to_owned(), Units { write, read: 2.0 * write })].into();
        look
    }

    proptest! {
        #[test]
        fn a_rate_times_its_time_is_what_was_gained(
            counts in (0_u64..1_000_000, 0_u64..1_000_000),
            units in (0.0..1e6_f64, 0.0..1e6_f64),
            after_ms in (0_i64..1_000, 1_i64..1_000_000),
        ) {
            let before = look(after_ms.0, counts.0, units.0);
            let now = look(after_ms.0 + after_ms.1, counts.0 + counts.1, units.0 + units.1);
            let rates = rates(&before, &now).unwrap();
            prop_assert!((rates.over_s * 1_000.0 - after_ms.1 as f64).abs() < 0.001);
            prop_assert!((rates.invocations["relay"] * rates.over_s - counts.1 as f64).abs() < 0.001);
            prop_assert!((rates.units["orders"].write * rates.over_s - units.1).abs() < 0.001);
            prop_assert!((rates.units["orders"].read * rates.over_s - 2.0 * units.1).abs() < 0.001);
        }

        #[test]
        fn no_rate_is_below_nought(before in 0.0..1e6_f64, now in 0.0..1e6_f64) {
            let rates = rates(&look(0, 0, before), &look(1_000, 0, now)).unwrap();
            prop_assert!(rates.units["orders"].write >= 0.0);
            prop_assert!(now >= before || rates.units["orders"].write == now, "a counter that was reset");
        }
    }

    #[test]
    fn what_is_new_gained_all_of_it() {
        let mut before = look(0, 5, 5.0);
        before.functions.clear();
        before.tables.clear();
        let rates = rates(&before, &look(2_000, 6, 8.0)).unwrap();
        assert_eq!((rates.invocations["relay"], rates.units["orders"].write), (3.0, 4.0));
    }

    #[test]
    fn there_is_no_rate_across_a_restart_or_within_an_instant() {
        let now = look(1_000, 9, 9.0);
        assert_eq!(rates(&now, &now), None);
        assert_eq!(rates(&look(2_000, 9, 9.0), &now), None);
        let mut former = look(0, 5, 5.0);
        former.started_at = Timestamp::from_second(START_S - 60).unwrap();
        assert_eq!(rates(&former, &now), None);
    }
}
