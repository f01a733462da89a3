//! Sums of the ledger of goods.

use crate::stock::{Movement, Term};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What the movements of a level add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ledger {
    /// Units by term; `on_hand` is what came in without what left.
    #[schema(value_type = Object)]
    pub units: BTreeMap<Term, i64>,
    /// Units by named bin.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bins: BTreeMap<String, i64>,
    /// How many movements.
    pub entries: u64,
}

impl Ledger {
    /// Units in `term`.
    #[must_use]
    pub fn get(&self, term: Term) -> i64 {
        self.units.get(&term).copied().unwrap_or(0)
    }

    /// Counts a movement in.
    pub fn add(&mut self, movement: &Movement) {
        self.entries += 1;
        for (bin, units) in movement.bins() {
            self.carry(bin, units);
        }
        let units = i64::from(movement.quantity);
        self.shift(movement.from, -units);
        self.shift(movement.to, units);
        let came = i64::from(movement.from.is_none()) - i64::from(movement.to.is_none());
        self.shift(Some(Term::OnHand), came * units);
    }

    /// Counts in what another part of the ledger adds up to.
    pub fn merge(&mut self, other: &Self) {
        self.entries += other.entries;
        for (term, units) in &other.units {
            self.shift(Some(*term), *units);
        }
        for (bin, units) in &other.bins {
            self.carry(bin, *units);
        }
    }

    fn carry(&mut self, bin: &str, units: i64) {
        *self.bins.entry(bin.to_owned()).or_default() += units;
    }

    fn shift(&mut self, term: Option<Term>, units: i64) {
        if let Some(term) = term.filter(|_| units != 0) {
            *self.units.entry(term).or_default() += units;
        }
    }
}
