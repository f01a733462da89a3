//! Takes: how a batch of orders shares one write of a level.
//!
//! One conditional write takes units out of `available` into `open_takes` under a name. Then every order claims its share
//! by a write of its own, which bears the take's name and is made only on the version that the order had *before* the take
//! was opened. At last the take is closed: what was claimed becomes `reserved`, the rest `available`.
//!
//! | The one who took | The take |
//! |---|---|
//! | goes on | is closed with what was claimed |
//! | dies | expires; whoever finds it settles it: an order that bears its name has claimed, an order of another version cannot claim any more, an order still at its version gets the next one (a fence), and so cannot either |
//! | is frozen, and thaws after that | every claim fails, since the versions have moved on; its close finds no take |
//!
//! So a unit is claimed once, whoever settles, and *sold out is provisional* while a take is open: what a close gives back
//! is announced as stock that arrived.

use super::{StockChange, Term};
use crate::ids::{LocationId, OrderId, Sku};
use crate::seeded_bugs::{SeededBug, is_on};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of a take: random, since two environments that take for the same orders must not close for each other.
pub type TakeId = String;

/// Units taken out of a level for some orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// Units, at least 1.
    pub units: u32,
    /// When it was opened, UTC.
    pub opened_at: Timestamp,
    /// For whom. Empty in the level when there are many: then an item of its own names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<TakenFor>,
}

/// An order's share of a take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenFor {
    /// The order.
    pub order: OrderId,
    /// Its version before the take was opened: it claims on this one or never.
    pub version: u64,
    /// Its units of this level.
    pub units: u32,
}

impl Take {
    /// Past the time-out of the function that takes (20 s) and before its messages come again (130 s): whoever finds the take then
    /// settles it. Settling a live take does no harm but makes its orders be reserved again.
    pub const EXPIRES_AFTER: SignedDuration = SignedDuration::from_secs(40);

    /// Whether it is to be settled by whoever finds it.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.opened_at + Self::EXPIRES_AFTER <= now
    }
}

impl StockChange {
    /// Opens a take of `units`.
    #[must_use]
    pub fn open_take(sku: &Sku, location: &LocationId, units: u32) -> Self {
        Self::shift(sku, location, units, Term::Available, Term::OpenTakes)
    }

    /// Closes a take of `units` of which `claimed` were claimed.
    #[must_use]
    pub fn close_take(sku: &Sku, location: &LocationId, units: u32, claimed: u32) -> Self {
        let (units, claimed) = (i64::from(units), i64::from(claimed.min(units)));
        let mut deltas =
            BTreeMap::from([(Term::OpenTakes, -units), (Term::Reserved, claimed), (Term::Available, units - claimed)]);
        deltas.retain(|_, delta| *delta != 0);
        Self {
            sku: sku.clone(),
            location: location.clone(),
            lot: None,
            stock_arrived: deltas.contains_key(&Term::Available) && !is_on(SeededBug::SoldOutWhileTakeOpen),
            deltas,
            movements: Vec::new(),
            recalls_lot: false,
            freezes: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::Level;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_take_gives_back_what_nobody_claimed(stock in 0_u32..50, units in 1_u32..50, claimed in 0_u32..60) {
            let (sku, location) = (Sku::parse("TEA").unwrap(), LocationId::parse("SOF1").unwrap());
            let level = Level::default().after(&StockChange::add(&sku, &location, stock, Term::Available)).unwrap();
            let opened = level.after(&StockChange::open_take(&sku, &location, units));
            prop_assert_eq!(opened.is_some(), units <= stock);
            let Some(opened) = opened else { return Ok(()) };
            let change = StockChange::close_take(&sku, &location, units, claimed);
            prop_assert!(change.is_balanced());
            prop_assert_eq!(change.stock_arrived, claimed < units);
            let closed = opened.after(&change).unwrap();
            prop_assert!(closed.is_sound());
            prop_assert_eq!(closed.get(Term::Reserved), i64::from(claimed.min(units)));
            prop_assert_eq!(closed.get(Term::OpenTakes), 0);
        }
    }
}
