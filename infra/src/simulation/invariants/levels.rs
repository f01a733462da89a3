//! No oversell and conservation, at every step: no term is negative, the equation holds, and the level is what its
//! movements add up to.

use std::collections::BTreeMap;

use domain::stock::{Level, Term};
use serde_json::Value;

use super::Violation;

/// What is remembered of every level.
#[derive(Debug, Default)]
pub(super) struct Levels {
    before: BTreeMap<String, Level>,
}

impl Levels {
    pub(super) fn record(&mut self, table: &str, keys: &Value, image: &Value) -> Result<(), Violation> {
        let (pk, sk) = (keys["pk"]["S"].as_str().unwrap_or_default(), keys["sk"]["S"].as_str().unwrap_or_default());
        if !table.starts_with("stock") && !table.contains("Stock") || !sk.starts_with("level#") {
            return Ok(());
        }
        let level = Level(
            Term::ALL
                .into_iter()
                .filter_map(|term| Some((term, image[term.attribute()]["N"].as_str()?.parse().ok()?)))
                .collect(),
        );
        if level.0.values().any(|units| *units < 0) {
            return Err(broken("no oversell", format!("{pk} {sk}: {level:?}")));
        }
        if !level.is_sound() {
            return Err(broken("conservation", format!("{pk} {sk}: {level:?}")));
        }
        self.before.insert(format!("{pk} {sk}"), level);
        Ok(())
    }
}

fn broken(invariant: &'static str, evidence: String) -> Violation {
    Violation { invariant, evidence, step: 0 }
}
