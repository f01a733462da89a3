//! The one stock equation, and the two ledgers.
//!
//! `on_hand = available + open_takes + reserved + picked + blocked`, per merchant, item and location; `incoming` lies
//! outside. A level only ever changes by a [`StockChange`] that keeps the equation: its deltas sum up, or it is no change.

use crate::actor::Actor;
use crate::ids::{LocationId, Sku};
use jiff::Timestamp;
use jiff::civil::Date;
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
    /// What is added to each term; never zero, and in balance with the equation.
    pub deltas: BTreeMap<Term, i64>,
    /// The movements of goods that this is; empty for promises (reserve, release, expire).
    pub movements: Vec<Movement>,
    /// Whether waiting orders may be filled from it: the commit adds the message that says so.
    pub stock_arrived: bool,
}

impl StockChange {
    /// Moves `quantity` units from one term to another.
    #[must_use]
    pub fn shift(sku: &Sku, location: &LocationId, quantity: u32, from: Term, to: Term) -> Self {
        let quantity = i64::from(quantity);
        Self {
            sku: sku.clone(),
            location: location.clone(),
            deltas: BTreeMap::from([(from, -quantity), (to, quantity)]),
            movements: Vec::new(),
            stock_arrived: to == Term::Available,
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

    /// Goods come in: `on_hand` and `term` grow.
    #[must_use]
    pub fn add(sku: &Sku, location: &LocationId, quantity: u32, term: Term) -> Self {
        let quantity = i64::from(quantity);
        Self {
            sku: sku.clone(),
            location: location.clone(),
            deltas: BTreeMap::from([(Term::OnHand, quantity), (term, quantity)]),
            movements: Vec::new(),
            stock_arrived: term == Term::Available,
        }
    }

    /// Goods leave: `on_hand` and `term` fall.
    #[must_use]
    pub fn remove(sku: &Sku, location: &LocationId, quantity: u32, term: Term) -> Self {
        let quantity = i64::from(quantity);
        Self {
            sku: sku.clone(),
            location: location.clone(),
            deltas: BTreeMap::from([(Term::OnHand, -quantity), (term, -quantity)]),
            movements: Vec::new(),
            stock_arrived: false,
        }
    }

    /// Says which movements of goods this change is.
    #[must_use]
    pub fn moved(mut self, movements: impl IntoIterator<Item = Movement>) -> Self {
        self.movements.extend(movements);
        self
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

    /// One change per item and location, in key order: a transaction may touch an item once.
    #[must_use]
    pub fn merged(changes: Vec<Self>) -> Vec<Self> {
        let mut by_key: BTreeMap<(Sku, LocationId), Self> = BTreeMap::new();
        for change in changes {
            let key = (change.sku.clone(), change.location.clone());
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
                }
            }
        }
        by_key.into_values().collect()
    }
}

/// Kinds of movement in the ledger of goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)]
pub enum MovementKind {
    Receipt,
    Putaway,
    Move,
    Replenish,
    Pick,
    Unpick,
    Stage,
    Ship,
    TransferOut,
    TransferIn,
    StatusChange,
    CountAdjust,
    WriteOff,
    ReturnReceipt,
    KitBuild,
    KitUnbuild,
    Sample,
    OwnerChange,
}

/// Condition of goods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Condition {
    #[default]
    New,
    Opened,
    Damaged,
}

/// Bin that goods are in until bins are told apart.
pub const DEFAULT_BIN: &str = "MAIN";

fn default_bin() -> String {
    DEFAULT_BIN.to_owned()
}

fn is_default_bin(bin: &String) -> bool {
    bin == DEFAULT_BIN
}

/// The physical side of goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Goods {
    /// Bin, `MAIN` unless said otherwise.
    #[serde(default = "default_bin", skip_serializing_if = "is_default_bin")]
    pub bin: String,
    /// Lot (batch).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// Expiry date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub expiry: Option<Date>,
    /// Serial number, for a quantity of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Condition.
    #[serde(default)]
    pub condition: Condition,
}

impl Default for Goods {
    fn default() -> Self {
        Self { bin: default_bin(), lot: None, expiry: None, serial: None, condition: Condition::New }
    }
}

/// Who pays for an adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum LiableParty {
    Warehouse,
    Merchant,
    Carrier,
    Supplier,
}

/// One entry of the ledger of goods: `quantity` units moved from one term of the equation to another
/// (`from` absent: they came in; `to` absent: they left).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Movement {
    /// Kind.
    #[serde(rename = "type")]
    pub kind: MovementKind,
    /// Units, at least 1.
    pub quantity: u32,
    /// The term that the units left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Term>,
    /// The term that the units entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Term>,
    /// Bin, lot, expiry, serial, condition.
    #[serde(flatten)]
    pub goods: Goods,
    /// Id of what caused it: pick task, shipment, receipt, return.
    pub cause: String,
    /// When, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Person and station, where a person did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// Who pays, for adjustments and write-offs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liable: Option<LiableParty>,
    /// Reason in words, for adjustments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Movement {
    /// A movement of ordinary goods without person: fill in the rest by struct update.
    #[must_use]
    pub fn new(
        kind: MovementKind,
        quantity: u32,
        from: Option<Term>,
        to: Option<Term>,
        cause: &str,
        at: Timestamp,
    ) -> Self {
        Self {
            kind,
            quantity,
            from,
            to,
            goods: Goods::default(),
            cause: cause.to_owned(),
            at,
            actor: None,
            liable: None,
            reason: None,
        }
    }
}

/// What was done for a merchant: what 3PL billing and reports are computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivityFact {
    /// Activity: `pick`, `pack`, `ship`, `receive`, `return_receive`, `inspect`, …
    pub activity: String,
    /// How much.
    pub quantity: u32,
    /// Of what: `unit`, `parcel`, `label`, `line`.
    pub unit: String,
    /// Id of what caused it.
    pub cause: String,
    /// When, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Person and station, where a person did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
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
