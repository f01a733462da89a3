//! Every unit on hand lies in one bin. Where it was carried is followed here from the movements, and must be what is on record.

use std::collections::BTreeMap;

use domain::stock::{Level, Movement, Term};
use serde_json::Value;

use super::Found;

/// Where units lie of which nobody said, and what is picked.
const MAIN: &str = "MAIN";
const STAGED: &str = "STAGED";

/// Units by bin of every level, by partition and sort key.
#[derive(Debug, Default)]
pub(super) struct Bins(BTreeMap<(String, String), BTreeMap<String, i64>>);

/// The bins that a movement left and entered; outside is none.
fn way(movement: &Movement) -> (Option<&str>, Option<&str>) {
    let bin = movement.goods.bin.as_str();
    let place = |term: Term| if term == Term::Picked { STAGED } else { bin };
    match (movement.from, movement.to, movement.to_bin.as_deref()) {
        (_, _, Some(to)) => (Some(bin), Some(to)),
        (from, to, None) => (from.map(place), to.map(place)),
    }
}

impl Bins {
    pub(super) fn record(&mut self, (pk, sk): (&str, &str), item: &Value, level: &Level, moved: &[Movement]) -> Found {
        let mut found = Found::new();
        let bins = self.0.entry((pk.to_owned(), sk.to_owned())).or_default();
        for movement in moved {
            let (left, entered) = way(movement);
            for (bin, sign) in [(left, -1), (entered, 1)] {
                if let Some(bin) = bin {
                    *bins.entry(bin.to_owned()).or_default() += sign * i64::from(movement.quantity);
                }
            }
        }
        bins.retain(|_, units| *units != 0);
        let stored: BTreeMap<&str, i64> = item
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, units)| Some((name.strip_prefix("bin:")?, units.as_i64()?)))
            .filter(|(_, units)| *units != 0)
            .collect();
        let named: BTreeMap<&str, i64> = bins
            .iter()
            .map(|(bin, units)| (bin.as_str(), *units))
            .filter(|(bin, _)| *bin != MAIN && *bin != STAGED)
            .collect();
        let (all, staged) = (bins.values().sum::<i64>(), bins.get(STAGED).copied().unwrap_or(0));
        if stored != named || all != level.get(Term::OnHand) || staged != level.get(Term::Picked) {
            let evidence = format!("{pk} {sk}: on record {stored:?} of {:?}, carried to {bins:?}", level.0);
            found.push(("bins add up to what is on hand", evidence));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(steps: &[(&str, Value)], expect: usize) {
        let mut bins = Bins::default();
        let found: Vec<_> = steps
            .iter()
            .flat_map(|(movements, item)| {
                let moved: Vec<Movement> = serde_json::from_str(movements).unwrap();
                let terms =
                    [Term::OnHand, Term::Picked].map(|term| (term, item[term.attribute()].as_i64().unwrap_or(0)));
                bins.record(("mer_a#TEA", "level#SOF1"), item, &Level(terms.into()), &moved)
            })
            .collect();
        assert_eq!(found.len(), expect, "{found:?}");
    }

    const CAME: &str =
        r#"[{"type":"RECEIPT","quantity":3,"to":"available","bin":"A","cause":"r","at":"2026-01-01T00:00:00Z"}]"#;
    const CARRIED: &str =
        r#"[{"type":"MOVE","quantity":2,"bin":"A","to_bin":"B","cause":"r","at":"2026-01-01T00:00:00Z"}]"#;
    const PICKED: &str = r#"[{"type":"PICK","quantity":2,"from":"reserved","to":"picked","bin":"B","cause":"t","at":"2026-01-01T00:00:00Z"}]"#;
    const SENT: &str = r#"[{"type":"SHIP","quantity":2,"from":"picked","cause":"s","at":"2026-01-01T00:00:00Z"}]"#;

    #[test]
    fn what_is_carried_is_followed_from_the_door_to_the_lorry() {
        check(
            &[
                (CAME, json!({"on_hand": 3, "bin:A": 3})),
                (CARRIED, json!({"on_hand": 3, "bin:A": 1, "bin:B": 2})),
                (PICKED, json!({"on_hand": 3, "picked": 2, "bin:A": 1, "bin:B": 0})),
                (SENT, json!({"on_hand": 1, "picked": 0, "bin:A": 1})),
            ],
            0,
        );
    }

    #[test]
    fn a_bin_that_nobody_carried_to_is_named() {
        check(&[(CAME, json!({"on_hand": 3, "bin:B": 3}))], 1);
        check(&[(CAME, json!({"on_hand": 3, "bin:A": 3})), ("[]", json!({"on_hand": 3, "bin:A": 2}))], 1);
    }
}
