//! No oversell and conservation, at every step: no term is negative, the equation holds, and whatever moved goods says
//! so in the same write.

use std::collections::BTreeMap;

use domain::stock::{Level, Movement, Term};
use serde_json::Value;

use super::Found;

/// Terms that promises move among themselves: goods that lie in their bins either way.
pub(super) const PROMISED: [Term; 3] = [Term::Available, Term::OpenTakes, Term::Reserved];

/// What is remembered of every level, by partition and sort key.
#[derive(Debug, Default)]
pub(super) struct Levels(pub(super) BTreeMap<(String, String), Level>);

/// A level as it stands in an item.
fn level(item: &Value) -> Level {
    let terms = Term::ALL.into_iter().filter_map(|term| Some((term, item.get(term.attribute())?.as_i64()?)));
    Level(terms.collect())
}

/// What `movements` add to each term; promises count as one.
pub(super) fn sum<'a>(movements: impl Iterator<Item = &'a Movement>) -> BTreeMap<Term, i64> {
    let mut sum: BTreeMap<Term, i64> = BTreeMap::new();
    for movement in movements {
        let units = i64::from(movement.quantity);
        if let Some(from) = movement.from {
            *sum.entry(joined(from)).or_default() -= units;
        }
        if let Some(to) = movement.to {
            *sum.entry(joined(to)).or_default() += units;
        }
        match (movement.from, movement.to) {
            (None, Some(_)) => *sum.entry(Term::OnHand).or_default() += units,
            (Some(_), None) => *sum.entry(Term::OnHand).or_default() -= units,
            _ => {}
        }
    }
    sum.retain(|_, units| *units != 0);
    sum
}

fn joined(term: Term) -> Term {
    if PROMISED.contains(&term) { Term::Available } else { term }
}

/// The same of a level: its terms with the promised ones as one.
pub(super) fn physical(level: &Level) -> BTreeMap<Term, i64> {
    let mut terms: BTreeMap<Term, i64> = BTreeMap::new();
    for (term, units) in &level.0 {
        if *term != Term::Incoming {
            *terms.entry(joined(*term)).or_default() += units;
        }
    }
    terms.retain(|_, units| *units != 0);
    terms
}

impl Levels {
    /// Takes in a write: what is wrong with it, the level, and the movements that it says.
    pub(super) fn record(&mut self, pk: &str, sk: &str, item: &Value) -> (Found, Level, Vec<Movement>) {
        let next = level(item);
        let mut found = Found::new();
        if next.0.values().any(|units| *units < 0) {
            found.push(("no oversell", format!("{pk} {sk}: {:?}", next.0)));
        } else if !next.is_sound() {
            found.push(("conservation", format!("{pk} {sk}: {:?}", next.0)));
        }
        let before = self.0.insert((pk.to_owned(), sk.to_owned()), next.clone()).unwrap_or_default();
        let mut changed = physical(&next);
        for (term, units) in physical(&before) {
            *changed.entry(term).or_default() -= units;
        }
        changed.retain(|_, units| *units != 0);
        let movements = embedded(item);
        let moved = sum(movements.iter());
        if changed != moved {
            let evidence = format!("{pk} {sk}: changed by {changed:?}, but its movements say {moved:?}");
            found.push(("a change of goods carries its movement", evidence));
        }
        (found, next, movements)
    }
}

/// The movements that a write embedded.
fn embedded(item: &Value) -> Vec<Movement> {
    let text = item.get("movement").and_then(Value::as_str).unwrap_or_default();
    let outbox: Value = serde_json::from_str(text).unwrap_or_default();
    serde_json::from_value(outbox["movements"].clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(items: &[Value], expect: &[&str]) {
        let mut levels = Levels::default();
        let found: Vec<&str> = items
            .iter()
            .flat_map(|item| levels.record("mer_a#TEA", "level#SOF1", item).0)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(found, expect);
    }

    fn receipt() -> Value {
        let movement = r#"{"operation":"o","movements":[{"type":"RECEIPT","quantity":3,"to":"available","cause":"r","at":"2026-01-01T00:00:00Z"}]}"#;
        json!({"on_hand": 3, "available": 3, "movement": movement})
    }

    #[test]
    fn a_sound_history_is_left_alone() {
        check(&[receipt(), json!({"on_hand": 3, "available": 1, "reserved": 2})], &[]);
    }

    #[test]
    fn a_broken_one_is_named() {
        check(&[receipt(), json!({"on_hand": 3, "available": -1, "reserved": 4})], &["no oversell"]);
        check(
            &[receipt(), json!({"on_hand": 3, "available": 3, "reserved": 1})],
            &["conservation", "a change of goods carries its movement"],
        );
        check(&[receipt(), json!({"on_hand": 4, "available": 4})], &["a change of goods carries its movement"]);
        check(
            &[receipt(), json!({"on_hand": 3, "available": 1, "picked": 2})],
            &["a change of goods carries its movement"],
        );
    }
}
