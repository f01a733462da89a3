//! The one stock equation, and the two ledgers.
//!
//! `on_hand = available + open_takes + reserved + picked + blocked`, per merchant, item and location; `incoming` lies
//! outside; and `on_hand` is the sum of its bins. A level only ever changes by a [`StockChange`] that keeps the equation: its deltas sum up, or it is no change.

mod bins;
mod lot;
mod movement;
mod take;

pub use bins::{Bins, STAGED_BIN};
pub use lot::{LevelId, Lot};
pub use movement::{ActivityFact, Condition, DEFAULT_BIN, Goods, LiableParty, Movement, MovementKind};
pub use take::{Take, TakeId, TakenFor};

use crate::ids::{LocationId, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A term of the stock equation (or `on_hand`, its left side, or `incoming`, outside of it), in units of the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Term {
    OnHand,
    Available,
    OpenTakes,
    Reserved,
    Picked,
    Receiving,
    Damaged,
    Quarantine,
    Inspection,
    Expired,
    Recalled,
    CountSuspect,
    Compliance,
    Incoming,
}

impl Term {
    /// Every term.
    pub const ALL: [Self; 14] = [
        Self::OnHand,
        Self::Available,
        Self::OpenTakes,
        Self::Reserved,
        Self::Picked,
        Self::Receiving,
        Self::Damaged,
        Self::Quarantine,
        Self::Inspection,
        Self::Expired,
        Self::Recalled,
        Self::CountSuspect,
        Self::Compliance,
        Self::Incoming,
    ];

    /// The attribute that stores it.
    #[must_use]
    pub fn attribute(self) -> &'static str {
        match self {
            Self::OnHand => "on_hand",
            Self::Available => "available",
            Self::OpenTakes => "open_takes",
            Self::Reserved => "reserved",
            Self::Picked => "picked",
            Self::Receiving => "receiving",
            Self::Damaged => "damaged",
            Self::Quarantine => "quarantine",
            Self::Inspection => "inspection",
            Self::Expired => "expired",
            Self::Recalled => "recalled",
            Self::CountSuspect => "count_suspect",
            Self::Compliance => "compliance",
            Self::Incoming => "incoming",
        }
    }
}

/// The inventory level of one item at one location. A term that was never touched is absent and means zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Level(pub BTreeMap<Term, i64>);

impl Level {
    /// Units in `term`.
    #[must_use]
    pub fn get(&self, term: Term) -> i64 {
        self.0.get(&term).copied().unwrap_or(0)
    }

    /// Whether no term is negative and the equation holds.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let parts: i64 = Term::ALL
            .into_iter()
            .filter(|term| !matches!(term, Term::OnHand | Term::Incoming))
            .map(|term| self.get(term))
            .sum();
        self.get(Term::OnHand) == parts && self.0.values().all(|units| *units >= 0)
    }

    /// The level after `change`, if no term becomes negative.
    #[must_use]
    pub fn after(&self, change: &StockChange) -> Option<Self> {
        let mut next = self.clone();
        for (term, delta) in &change.deltas {
            let units = next.0.entry(*term).or_insert(0);
            *units = units.checked_add(*delta)?;
            if *units < 0 {
                return None;
            }
        }
        Some(next)
    }
}

/// A change of one inventory level, applied only if no term becomes negative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockChange {
    /// The item.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// The lot, where the item is kept by lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
    /// What is added to each term; never zero, and in balance with the equation.
    pub deltas: BTreeMap<Term, i64>,
    /// The movements of goods that this is; empty for promises (reserve, release, expire).
    pub movements: Vec<Movement>,
    /// Whether waiting orders may be filled from it: the commit adds the message that says so.
    pub stock_arrived: bool,
    /// Whether its lot is recalled: nothing is promised from the level any more.
    #[serde(default)]
    pub recalls_lot: bool,
    /// Bins that are frozen (true) or may be picked from again (false).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub freezes: BTreeMap<String, bool>,
}

impl StockChange {
    /// Moves `quantity` units from one term to another.
    #[must_use]
    pub fn shift(sku: &Sku, location: &LocationId, quantity: u32, from: Term, to: Term) -> Self {
        let quantity = i64::from(quantity);
        Self {
            sku: sku.clone(),
            location: location.clone(),
            lot: None,
            deltas: BTreeMap::from([(from, -quantity), (to, quantity)]),
            movements: Vec::new(),
            stock_arrived: to == Term::Available,
            recalls_lot: false,
            freezes: BTreeMap::new(),
        }
    }

    /// Promise: `quantity` available units are now reserved for an order.
    #[must_use]
    pub fn reserve(sku: &Sku, location: &LocationId, quantity: u32) -> Self {
        Self::shift(sku, location, quantity, Term::Available, Term::Reserved)
    }

    /// Promise taken back.
    #[must_use]
    pub fn release(sku: &Sku, location: &LocationId, quantity: u32) -> Self {
        Self::shift(sku, location, quantity, Term::Reserved, Term::Available)
    }

    /// Nothing but bins: no term changes.
    #[must_use]
    pub fn within(level: &LevelId) -> Self {
        Self {
            sku: level.sku.clone(),
            location: level.location.clone(),
            lot: level.lot.clone(),
            deltas: BTreeMap::new(),
            movements: Vec::new(),
            stock_arrived: false,
            recalls_lot: false,
            freezes: BTreeMap::new(),
        }
    }

    /// Goods come in: `on_hand` and `term` grow.
    #[must_use]
    pub fn add(sku: &Sku, location: &LocationId, quantity: u32, term: Term) -> Self {
        let quantity = i64::from(quantity);
        Self {
            sku: sku.clone(),
            location: location.clone(),
            lot: None,
            deltas: BTreeMap::from([(Term::OnHand, quantity), (term, quantity)]),
            movements: Vec::new(),
            stock_arrived: term == Term::Available,
            recalls_lot: false,
            freezes: BTreeMap::new(),
        }
    }

    /// Goods leave: `on_hand` and `term` fall.
    #[must_use]
    pub fn remove(sku: &Sku, location: &LocationId, quantity: u32, term: Term) -> Self {
        let quantity = i64::from(quantity);
        Self {
            sku: sku.clone(),
            location: location.clone(),
            lot: None,
            deltas: BTreeMap::from([(Term::OnHand, -quantity), (term, -quantity)]),
            movements: Vec::new(),
            stock_arrived: false,
            recalls_lot: false,
            freezes: BTreeMap::new(),
        }
    }

    /// Says which lot it is of.
    #[must_use]
    pub fn of_lot(mut self, lot: Option<Lot>) -> Self {
        self.lot = lot;
        self
    }

    /// Which level it changes.
    #[must_use]
    pub fn level(&self) -> LevelId {
        LevelId { sku: self.sku.clone(), location: self.location.clone(), lot: self.lot.clone() }
    }

    /// Says that a bin is frozen, or may be picked from again.
    #[must_use]
    pub fn freezing(mut self, bin: &str, frozen: bool) -> Self {
        self.freezes.insert(bin.to_owned(), frozen);
        self
    }

    /// Says which movements of goods this change is.
    #[must_use]
    pub fn moved(mut self, movements: impl IntoIterator<Item = Movement>) -> Self {
        self.movements.extend(movements);
        self
    }

    /// Whether it leaves the level as it is.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.deltas.is_empty() && self.movements.is_empty() && self.freezes.is_empty() && !self.recalls_lot
    }

    /// Whether the deltas keep the stock equation.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let delta = |term| self.deltas.get(&term).copied().unwrap_or(0);
        let parts: i64 = self
            .deltas
            .iter()
            .filter(|(term, _)| !matches!(term, Term::OnHand | Term::Incoming))
            .map(|(_, units)| *units)
            .sum();
        delta(Term::OnHand) == parts
    }

    /// One change per level, in key order: a transaction may touch an item once.
    #[must_use]
    pub fn merged(changes: Vec<Self>) -> Vec<Self> {
        let mut by_key: BTreeMap<LevelId, Self> = BTreeMap::new();
        for change in changes {
            let key = change.level();
            match by_key.get_mut(&key) {
                None => {
                    by_key.insert(key, change);
                }
                Some(merged) => {
                    for (term, delta) in change.deltas {
                        *merged.deltas.entry(term).or_insert(0) += delta;
                    }
                    merged.deltas.retain(|_, delta| *delta != 0);
                    merged.movements.extend(change.movements);
                    merged.stock_arrived |= change.stock_arrived;
                    merged.recalls_lot |= change.recalls_lot;
                    merged.freezes.extend(change.freezes);
                }
            }
        }
        by_key.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> (Sku, LocationId) {
        (Sku::parse("TEA").unwrap(), LocationId::parse("SOF1").unwrap())
    }

    proptest! {
        #[test]
        fn no_change_breaks_the_equation(steps in proptest::collection::vec((0_u8..6, 1_u32..9), 0..60)) {
            let (sku, location) = key();
            let mut level = Level::default();
            for (step, quantity) in steps {
                let change = match step {
                    0 => StockChange::add(&sku, &location, quantity, Term::Available),
                    1 => StockChange::reserve(&sku, &location, quantity),
                    2 => StockChange::release(&sku, &location, quantity),
                    3 => StockChange::shift(&sku, &location, quantity, Term::Reserved, Term::Picked),
                    4 => StockChange::remove(&sku, &location, quantity, Term::Picked),
                    _ => StockChange::add(&sku, &location, quantity, Term::Quarantine),
                };
                prop_assert!(change.is_balanced());
                if let Some(next) = level.after(&change) {
                    level = next;
                }
                prop_assert!(level.is_sound(), "{level:?}");
            }
        }
    }

    #[test]
    fn changes_of_one_level_merge_into_one() {
        let (sku, location) = key();
        let merged = StockChange::merged(vec![
            StockChange::reserve(&sku, &location, 2),
            StockChange::reserve(&sku, &location, 3),
        ]);
        assert_eq!(merged, vec![StockChange::reserve(&sku, &location, 5)]);
    }
}
