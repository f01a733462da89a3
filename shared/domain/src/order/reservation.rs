//! Stock held for an unpaid order: reserved at once, picked once it is paid, given back when it is not paid in time.
//!
//! | State ↓ / event → | reserve | payment | expiry | release by a person | extension | cancellation |
//! |---|---|---|---|---|---|---|
//! | *unheld*: no deadline | if no hold | its hold is released | no-op | – | refused | as any order |
//! | *held*: `reserved_until`, `awaiting_payment` | fulfilment orders `ON_HOLD` | → *unheld*; `ON_HOLD` → `OPEN`, pick tasks | → *expired*, all given back | – | later deadline | given back at once |
//! | *expired*: `reservation_expired`, `awaiting_payment` | no-op | → *paid late* | no-op | – | refused | at once |
//! | *paid late*: `reservation_expired`, `inventory_out_of_stock` | no-op | refused | no-op | → *unheld*, reserves anew | refused | at once |
//! | cancelled | no-op | refused | no-op | refused | refused | no-op |
//!
//! The clock starts when `awaiting_payment` is the order's only hold and nothing was reserved for it before: at intake, or
//! when the other holds are released. Payment is the release of that hold. Every event is decided on one version of the
//! order and stored with what it does to the stock, so that of two at once one is decided anew, on what the other left.
//! An `ON_HOLD` fulfilment order has no pick task yet, so that nobody but the order's own commit gives its units back.

use super::{FulfillmentOrder, FulfillmentOrderStatus, FulfilmentState, Hold, HoldReason, Order};
use crate::aggregate::{Decision, Rejected};
use crate::ids::Sku;
use crate::message::MessageKind;
use crate::stock::StockChange;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// How far ahead a reservation may be extended.
pub const EXTENSION_MAX: SignedDuration = SignedDuration::from_hours(24 * 90);

/// Most changes of levels and of the waiting queue beside the order in one transaction: DynamoDB takes 100 items.
pub(super) const CHANGES_MAX: usize = 98;

/// What an expiry comes to, in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Expiry {
    /// The order, and what it gives back.
    pub order: Decision<Order>,
    /// Items for which it leaves the waiting queue.
    pub stops_waiting: BTreeSet<Sku>,
}

impl Order {
    /// Whether stock may be reserved for it; otherwise why not. As [`Order::may_move`], and true as well for an order that
    /// waits for nothing but its payment, while its merchant holds stock for it.
    ///
    /// # Errors
    /// `order-on-hold` or `order-cancelled`.
    pub fn may_reserve(&self) -> Result<(), Rejected> {
        let held = self.reserved_until.is_some() && !self.reservation_expired && !self.cancel_requested;
        if held && self.only_awaits_payment() { Ok(()) } else { self.may_move() }
    }

    /// Whether a line lacks units that could be reserved.
    #[must_use]
    pub fn needs_stock(&self) -> bool {
        self.lines.iter().any(|line| line.sku.is_some() && self.unallocated(line) > 0)
    }

    /// The reservation of an unpaid order lasts until `until`, UTC. Saying so twice changes nothing.
    ///
    /// # Errors
    /// `order-cancelled`; `reservation-expired`; `nothing-reserved` when no stock is held for an unpaid order;
    /// `invalid-field` when `until` is earlier than it lasts already, past, or later than [`EXTENSION_MAX`] from now.
    pub fn extend_reservation(&self, until: Timestamp, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        if self.cancel_requested || self.fulfilment == FulfilmentState::Cancelled {
            return Err(Rejected::new("order-cancelled", "the order is cancelled: nothing is reserved for it"));
        }
        if self.reservation_expired {
            return Err(Rejected::new(
                "reservation-expired",
                "its stock was given back: report the payment, and a person decides whether it is reserved anew",
            ));
        }
        let Some(reserved_until) = self.reserved_until else {
            return Err(Rejected::new(
                "nothing-reserved",
                "no stock is held for this order until a payment: only such a reservation is extended",
            ));
        };
        let invalid = |detail: String| Err(Rejected::new("invalid-field", detail).at("/until"));
        if until < reserved_until || until <= at {
            return invalid(format!("send an instant to come, not before {reserved_until}, until which it lasts now"));
        }
        if until > at + EXTENSION_MAX {
            return invalid(format!("a reservation lasts at most {} days from now", EXTENSION_MAX.as_hours() / 24));
        }
        let mut next = self.clone();
        if until > reserved_until {
            next.reserved_until = Some(until);
            next.history.record(at, "reservation_extended", Some(format!("until {until}")));
        }
        Ok(Decision::of(next))
    }

    /// The unpaid order's time is over: all that was held for it is given back, and it stays on its hold. `None` when it is
    /// not time. What does not fit into one transaction is given back by the next call, and the order stays due until then.
    #[must_use]
    pub fn expire_reservation(&self, at: Timestamp) -> Option<Expiry> {
        self.reserved_until.filter(|until| *until <= at)?;
        let mut next = self.clone();
        let stops_waiting: BTreeSet<Sku> = self.waits_for.iter().cloned().collect();
        let (stock, units) = next.give_back_held(CHANGES_MAX, true);
        if !self.reservation_expired || units > 0 {
            next.history.record(at, "reservation_expired", Some(format!("EXPIRE {units} units")));
        }
        next.reservation_expired = true;
        next.settle_fulfilment();
        let rest = next.fulfillment_orders.iter().any(|f| f.status == FulfillmentOrderStatus::OnHold);
        if rest || stock.len() + stops_waiting.len() > CHANGES_MAX {
            return Some(Expiry { order: Decision::of(next).with_stock(stock), stops_waiting: BTreeSet::new() });
        }
        next.reserved_until = None;
        next.waits_for.clear();
        // Nothing is tried for it until a person says so: it is not backordered.
        if next.fulfillment_orders.iter().all(|f| f.status == FulfillmentOrderStatus::Cancelled) {
            next.fulfilment = FulfilmentState::Received;
        }
        Some(Expiry { order: Decision::of(next).with_stock(stock), stops_waiting })
    }

    /// Starts the clock of an unpaid order, if its merchant holds stock for it. Gives whether it did.
    pub(super) fn start_holding(&mut self, at: Timestamp) -> bool {
        let starts = self.hold_unpaid_stock_minutes > 0
            && self.only_awaits_payment()
            && self.reserved_until.is_none()
            && !self.reservation_expired
            && self.fulfillment_orders.is_empty();
        if starts {
            self.reserved_until = Some(at + SignedDuration::from_mins(i64::from(self.hold_unpaid_stock_minutes)));
        }
        starts
    }

    /// What the release of a hold means for stock that is held for the order, and the messages that follow.
    pub(super) fn settle_holding(&mut self, released: HoldReason, at: Timestamp) -> Vec<MessageKind> {
        match released {
            HoldReason::AwaitingPayment if self.reservation_expired => self.hold_for_late_payment(at),
            HoldReason::AwaitingPayment if self.reserved_until.take().is_some() => {
                self.history.record(at, "reservation_confirmed", None);
            }
            HoldReason::InventoryOutOfStock if !self.has_hold(HoldReason::AwaitingPayment) => {
                self.reservation_expired = false;
                self.reserved_until = None;
            }
            _ => {}
        }
        self.start_holding(at);
        let mut opened = false;
        if self.holds.is_empty() {
            for held in self.fulfillment_orders.iter_mut().filter(|f| f.status == FulfillmentOrderStatus::OnHold) {
                held.status = FulfillmentOrderStatus::Open;
                opened = true;
            }
        }
        let mut kinds = Vec::new();
        if opened {
            kinds.push(MessageKind::CreatePickTasks { order: self.id.clone() });
        }
        if self.may_reserve().is_ok() && (self.needs_stock() || !opened) {
            kinds.push(MessageKind::Reserve { order: self.id.clone() });
        }
        kinds
    }

    /// The money came, the stock went back: a person decides what becomes of the order.
    fn hold_for_late_payment(&mut self, at: Timestamp) {
        let note = "paid after its reservation expired: release to reserve anew, or cancel and refund";
        let reason = HoldReason::InventoryOutOfStock;
        self.holds.retain(|hold| hold.reason != reason);
        self.holds.push(Hold { reason, note: Some(note.to_owned()) });
        self.history.record(at, "paid_late", None);
        self.history.record(at, "hold_placed", Some(super::reason_name(reason)));
    }

    /// Cancels fulfilment orders that no pick task was made for, as many as `most` changes of levels can give back;
    /// with `at_least_one` the first even if it takes more. Gives the changes and the units.
    pub(super) fn give_back_held(&mut self, most: usize, at_least_one: bool) -> (Vec<StockChange>, u32) {
        let (mut stock, mut units) = (Vec::new(), 0);
        let promised: Vec<Vec<StockChange>> = self.fulfillment_orders.iter().map(|f| self.given_back(f)).collect();
        let held = self.fulfillment_orders.iter_mut().zip(promised);
        for (held, changes) in held.filter(|(f, _)| f.status == FulfillmentOrderStatus::OnHold) {
            if stock.len() + changes.len() > most && !(at_least_one && stock.is_empty()) {
                break;
            }
            held.status = FulfillmentOrderStatus::Cancelled;
            units += held.lines.iter().map(|line| line.quantity).sum::<u32>();
            stock.extend(changes);
        }
        (stock, units)
    }

    /// What was promised to a fulfilment order, given back.
    fn given_back(&self, fulfillment_order: &FulfillmentOrder) -> Vec<StockChange> {
        let goods = self.goods_of(fulfillment_order).into_iter().filter(|goods| goods.quantity > 0);
        let location = &fulfillment_order.location;
        goods.map(|goods| StockChange::release(&goods.sku, location, goods.quantity).of_lot(goods.lot)).collect()
    }

    fn only_awaits_payment(&self) -> bool {
        matches!(self.holds.as_slice(), [Hold { reason: HoldReason::AwaitingPayment, .. }])
    }

    fn has_hold(&self, reason: HoldReason) -> bool {
        self.holds.iter().any(|hold| hold.reason == reason)
    }
}

#[cfg(test)]
mod tests;
