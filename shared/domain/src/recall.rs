//! The recall of a lot: nothing of it is sold any more, what has not left is stopped, and all who got it are listed.
//!
//! | State | what is done at a look | next |
//! |---|---|---|
//! | `declared` | what is available is `recalled`, and no level of the lot is promised from again | `stopped`, once nothing is available or in an open take |
//! | `stopped` | orders that hold units are held (`compliance_block`: packing, booking and hand-over refuse), all are listed | `listed`, once the list accounts for every unit that is promised, and the ledger was read to its end |
//! | `listed` | what was put back is `recalled` | `closed`, once nothing is promised any more |
//! | `closed` | nothing | – |
//!
//! A recall is declared in one transaction with the lot's record, so that no later receipt slips past it.

use crate::aggregate::{Actor, Decision, History};
use crate::ids::{LocationId, MerchantId, OrderId, RecallId, Sku};
use crate::order::{FulfillmentOrderStatus, Order};
use crate::stock::{Goods, Level, Lot, Movement, MovementKind, StockChange, Term};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How far a recall is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecallState {
    /// It is known; stock is being blocked.
    Declared,
    /// Nothing of the lot is promised any more; who has it is being found.
    Stopped,
    /// Everybody who has units is on the list, and what has not left is held.
    Listed,
    /// Nothing of the lot is with an order in the warehouse.
    Closed,
}

/// Where the units of an order are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecalledAt {
    /// Promised, picked or packed: the order is held.
    Warehouse,
    /// The carrier has them, or the shopper.
    HandedOver,
}

/// Units of the lot that a fulfilment order has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecalledUnits {
    /// The recall.
    pub recall: RecallId,
    /// The order.
    pub order: OrderId,
    /// Number of the fulfilment order.
    pub number: u32,
    /// Units of the lot.
    pub units: u32,
    /// Where they were when the list was made.
    pub at: RecalledAt,
}

/// A recall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recall {
    /// Its id.
    pub id: RecallId,
    /// The item.
    pub sku: Sku,
    /// The lot.
    pub lot: Lot,
    /// Why, in words.
    pub reason: String,
    /// How far it is.
    pub state: RecallState,
    /// When the lot first came in, UTC: the ledger is read from there.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Up to where the ledger of each location was read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(ignore)]
    pub read: BTreeMap<LocationId, String>,
    /// When it was declared, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When nothing was promised any more, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub stopped_at: Option<Timestamp>,
    /// When the sweeper looks at it next, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_look_at: Option<Timestamp>,
    /// Timeline.
    #[serde(default)]
    pub history: History,
}

/// What a search for the units of a lot found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Units of fulfilment orders that have not left.
    pub in_warehouse: i64,
    /// Up to where the ledgers were read.
    pub read: BTreeMap<LocationId, String>,
    /// Whether that was their end.
    pub to_the_end: bool,
}

/// Levels of one look: a transaction has 100 items.
const LEVELS_MAX: usize = 80;
/// How long a recall that waits for somebody is left alone.
const LOOK_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// How long the ledger may lag behind the levels.
const LEDGER_LAG: SignedDuration = SignedDuration::from_mins(2);

impl Recall {
    /// Declares a recall of a lot that came in first at `since`.
    #[must_use]
    pub fn declare(
        id: RecallId,
        (sku, lot): (&Sku, &Lot),
        reason: String,
        since: Timestamp,
        actor: &Actor,
        at: Timestamp,
    ) -> Decision<Self> {
        let mut history = History::default();
        history.record_by(at, "declared", None, actor);
        Decision::of(Self {
            id,
            sku: sku.clone(),
            lot: lot.clone(),
            reason,
            state: RecallState::Declared,
            since,
            read: BTreeMap::new(),
            created_at: at,
            stopped_at: None,
            next_look_at: Some(at),
            history,
        })
    }

    /// The merchant.
    #[must_use]
    pub fn merchant(&self) -> MerchantId {
        self.id.merchant()
    }

    /// Whether a look needs to know who has units.
    #[must_use]
    pub fn seeks(&self) -> bool {
        self.state == RecallState::Stopped
    }

    /// The sweeper's look: `levels` are all of the lot's; `found` is what a search found ([`Recall::seeks`]).
    #[must_use]
    pub fn look(&self, levels: &[(LocationId, Level)], found: Option<Found>, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        let sum = |terms: &[Term]| -> i64 {
            levels.iter().flat_map(|(_, level)| terms.iter().map(|term| level.get(*term))).sum()
        };
        let promised = sum(&[Term::Reserved, Term::Picked]);
        let first = self.state == RecallState::Declared;
        let blocks = levels.iter().filter(|(_, level)| first || level.get(Term::Available) > 0);
        let blocked: Vec<StockChange> =
            blocks.take(LEVELS_MAX).map(|(location, level)| self.block(location, level, at)).collect();
        let all_blocked = blocked.len() < LEVELS_MAX && sum(&[Term::OpenTakes]) == 0;
        match self.state {
            RecallState::Declared if all_blocked => {
                next.stopped_at = Some(at);
                next.enter(RecallState::Stopped, at);
            }
            RecallState::Stopped => {
                let found = found.unwrap_or_default();
                let lagged = self.stopped_at.is_none_or(|stopped| stopped + LEDGER_LAG <= at);
                let complete = all_blocked && found.to_the_end && lagged && found.in_warehouse == promised;
                next.read = found.read;
                if complete {
                    next.enter(RecallState::Listed, at);
                }
            }
            RecallState::Listed if all_blocked && promised == 0 => next.enter(RecallState::Closed, at),
            RecallState::Declared | RecallState::Listed | RecallState::Closed => {}
        }
        next.next_look_at = (next.state != RecallState::Closed).then_some(at + LOOK_AGAIN_AFTER);
        Decision::of(next).with_stock(blocked)
    }

    fn enter(&mut self, state: RecallState, at: Timestamp) {
        self.state = state;
        self.history.record(at, &crate::order::serde_plain(&state), None);
    }

    /// What is available at a location is recalled, and nothing more is promised from there.
    fn block(&self, location: &LocationId, level: &Level, at: Timestamp) -> StockChange {
        let quantity = u32::try_from(level.get(Term::Available)).unwrap_or(0);
        let (from, to) = (Term::Available, Term::Recalled);
        let movement = Movement {
            goods: Goods::default().in_lot(Some(&self.lot)),
            reason: Some(self.reason.clone()),
            ..Movement::new(MovementKind::StatusChange, quantity, Some(from), Some(to), self.id.as_str(), at)
        };
        let mut change = StockChange::shift(&self.sku, location, quantity, from, to).of_lot(Some(self.lot.clone()));
        change.deltas.retain(|_, delta| *delta != 0);
        change.recalls_lot = true;
        change.moved((quantity > 0).then_some(movement))
    }

    /// What an order has of the lot.
    #[must_use]
    pub fn units_of(&self, order: &Order) -> Vec<RecalledUnits> {
        let of_lot = |fulfillment_order: &crate::order::FulfillmentOrder| {
            let goods = order.goods_of(fulfillment_order).into_iter();
            let own = goods.filter(|goods| goods.sku == self.sku && goods.lot.as_ref() == Some(&self.lot));
            let units = own.map(|goods| goods.quantity).sum();
            let at = match fulfillment_order.status {
                FulfillmentOrderStatus::Cancelled => return None,
                FulfillmentOrderStatus::Closed => RecalledAt::HandedOver,
                _ => RecalledAt::Warehouse,
            };
            let (recall, order, number) = (self.id.clone(), order.id.clone(), fulfillment_order.number);
            (units > 0).then_some(RecalledUnits { recall, order, number, units, at })
        };
        order.fulfillment_orders.iter().filter_map(of_lot).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(minutes: i64) -> Timestamp {
        "2026-11-02T08:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
    }

    fn declared() -> Recall {
        let lot = Lot { code: "L7".to_owned(), expiry: None };
        let actor = Actor { person: "badge-1".to_owned(), station: "DESK-1".to_owned() };
        let id = RecallId::derive(&MerchantId::derive(&["acme"]), &["1"]);
        Recall::declare(id, (&Sku::parse("TEA").unwrap(), &lot), "salmonella".to_owned(), at(0), &actor, at(0)).next
    }

    fn level(available: i64, takes: i64, reserved: i64, picked: i64) -> Vec<(LocationId, Level)> {
        let terms = [
            (Term::OnHand, available + takes + reserved + picked),
            (Term::Available, available),
            (Term::OpenTakes, takes),
            (Term::Reserved, reserved),
            (Term::Picked, picked),
        ];
        vec![(LocationId::parse("SOF1").unwrap(), Level(terms.into()))]
    }

    fn found(in_warehouse: i64, to_the_end: bool) -> Option<Found> {
        Some(Found { in_warehouse, to_the_end, ..Found::default() })
    }

    #[test]
    fn every_state_goes_on_only_when_its_work_is_done() {
        use RecallState as S;
        let in_state = |state| Recall { state, stopped_at: Some(at(0)), ..declared() };
        let check = |state, levels: &[(LocationId, Level)], found, minutes, expect| {
            let next = in_state(state).look(levels, found, at(minutes)).next;
            assert_eq!(next.state, expect, "{state:?} {levels:?}");
            assert_eq!(next.next_look_at.is_none(), expect == S::Closed);
        };
        check(S::Declared, &level(5, 0, 2, 0), None, 1, S::Stopped);
        check(S::Declared, &level(5, 1, 2, 0), None, 1, S::Declared);
        check(S::Declared, &[], None, 1, S::Stopped);
        check(S::Stopped, &level(0, 0, 2, 1), found(3, true), 5, S::Listed);
        check(S::Stopped, &level(0, 0, 2, 1), found(2, true), 5, S::Stopped);
        check(S::Stopped, &level(0, 0, 2, 1), found(3, false), 5, S::Stopped);
        check(S::Stopped, &level(0, 0, 2, 1), found(3, true), 1, S::Stopped);
        check(S::Stopped, &level(0, 1, 2, 1), found(3, true), 5, S::Stopped);
        check(S::Stopped, &level(0, 0, 0, 0), None, 5, S::Stopped);
        check(S::Listed, &level(1, 0, 2, 0), None, 5, S::Listed);
        check(S::Listed, &level(2, 0, 0, 0), None, 5, S::Closed);
        check(S::Closed, &level(0, 0, 0, 0), None, 5, S::Closed);
    }

    #[test]
    fn a_level_with_nothing_available_is_marked_too_so_that_nothing_is_promised_from_it_again() {
        let decision = declared().look(&level(0, 0, 3, 0), None, at(1));
        let [change] = decision.stock.as_slice() else { panic!("one level: {:?}", decision.stock) };
        assert!(change.recalls_lot && change.deltas.is_empty() && change.movements.is_empty() && !change.stock_arrived);
    }

    proptest! {
        #[test]
        fn nothing_stays_available_and_the_equation_holds(units in (0_i64..9, 0_i64..3, 0_i64..9, 0_i64..9), state in 0..3) {
            let state = [RecallState::Declared, RecallState::Stopped, RecallState::Listed][usize::try_from(state).unwrap()];
            let levels = level(units.0, units.1, units.2, units.3);
            let decision = Recall { state, ..declared() }.look(&levels, found(0, true), at(9));
            let mut after = levels[0].1.clone();
            for change in &decision.stock {
                prop_assert!(change.is_balanced());
                prop_assert_eq!(change.movements.iter().map(|m| i64::from(m.quantity)).sum::<i64>(), units.0);
                after = after.after(change).unwrap();
            }
            prop_assert!(after.is_sound());
            prop_assert_eq!((after.get(Term::Available), after.get(Term::Recalled)), (0, units.0));
        }
    }
}
