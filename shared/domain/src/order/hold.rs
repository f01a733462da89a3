//! Holds: a set of reasons; the order moves only while it is empty.

use super::{FulfilmentState, Hold, HoldReason, Order, reason_name};
use crate::aggregate::{Decision, Rejected};
use crate::message::MessageKind;
use jiff::Timestamp;

impl Order {
    /// Places a hold. From any state before hand-over; placing it twice changes nothing.
    ///
    /// # Errors
    /// `order-cancelled` when it is (being) cancelled; `order-handed-over` when everything left the warehouse.
    pub fn place_hold(&self, hold: Hold, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        if self.cancel_requested || self.fulfilment == FulfilmentState::Cancelled {
            return Err(Rejected::new("order-cancelled", "the order is cancelled: a hold has no effect"));
        }
        if self.is_settled() {
            return Err(Rejected::new(
                "order-handed-over",
                "nothing of the order is in the warehouse any more: a hold has no effect",
            ));
        }
        let mut next = self.clone();
        if !next.holds.iter().any(|held| held.reason == hold.reason) {
            next.history.record(at, "hold_placed", Some(reason_name(hold.reason)));
            next.holds.push(hold);
        }
        // An unpaid order, of which nothing was reserved yet, may have stock held for it.
        let starts = next.start_holding(at);
        let reserve = starts.then(|| self.message(MessageKind::Reserve { order: self.id.clone() }));
        Ok(Decision::of(next).with_messages(reserve))
    }

    /// Releases the hold with this reason; when it was the last, the order moves on. The release of `awaiting_payment` is
    /// the payment: one that comes after the reservation expired is replaced by a hold that a person releases
    /// (the table of `reservation`).
    ///
    /// # Errors
    /// `hold-not-found` when there is none with this reason.
    pub fn release_hold(&self, reason: HoldReason, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        let mut next = self.clone();
        next.holds.retain(|held| held.reason != reason);
        if next.holds.len() == self.holds.len() {
            return Err(Rejected::new("hold-not-found", "the order has no hold with this reason: see its `holds`"));
        }
        next.history.record(at, "hold_released", Some(reason_name(reason)));
        let messages: Vec<_> = next.settle_holding(reason, at).into_iter().map(|kind| self.message(kind)).collect();
        Ok(Decision::of(next).with_messages(messages))
    }
}
