//! Cancelling: a request, compensated by stage. What is in the warehouse is put back first; what left it is not cancelled.

use super::reservation::CHANGES_MAX;
use super::{FulfillmentOrderStatus, FulfilmentState, Order};
use crate::aggregate::{Decision, Rejected};
use crate::message::MessageKind;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why an order is cancelled, by Shopify's names. A closed list, since free text invites personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum CancelReason {
    Customer,
    Declined,
    Fraud,
    Inventory,
    Staff,
    Other,
}

impl Order {
    /// Asks for the order to be cancelled, without saying why: as [`Order::request_cancel_because`].
    ///
    /// # Errors
    /// `order-handed-over`.
    pub fn request_cancel(&self, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        self.request_cancel_because(None, at)
    }

    /// Asks for the order to be cancelled. Nothing reserved yet, or only held until a payment: cancelled at once. Otherwise
    /// the pick tasks are stopped, and the order is cancelled when the last of them has given its goods back.
    ///
    /// # Errors
    /// `order-handed-over` when everything left the warehouse already.
    pub fn request_cancel_because(
        &self,
        reason: Option<CancelReason>,
        at: Timestamp,
    ) -> Result<Decision<Self>, Rejected> {
        if self.cancel_requested || self.fulfilment == FulfilmentState::Cancelled {
            return Ok(Decision::of(self.clone()));
        }
        let active = self.fulfillment_orders.iter().any(super::FulfillmentOrder::is_active);
        let waiting = self.lines.iter().any(|line| self.unallocated(line) > 0);
        if !active && !waiting {
            return Err(Rejected::new(
                "order-handed-over",
                "the parcel has left the warehouse: let it be refused, or open a return",
            ));
        }
        let mut next = self.clone();
        next.cancel_requested = true;
        next.holds.clear();
        next.reserved_until = None;
        next.waits_for.clear();
        // What leaves the waiting queue is in the same transaction; what does not fit goes the way of pick tasks.
        let (stock, _) = next.give_back_held(CHANGES_MAX.saturating_sub(self.waits_for.len()), false);
        let active = next.fulfillment_orders.iter().any(super::FulfillmentOrder::is_active);
        next.history.record(at, "cancel_requested", reason.map(|reason| super::serde_plain(&reason)));
        let messages = if active {
            vec![self.message(MessageKind::CancelPickTasks { order: self.id.clone() })]
        } else {
            next.settle_fulfilment();
            next.record_if_cancelled(at);
            vec![]
        };
        Ok(Decision::of(next).with_messages(messages).with_stock(stock))
    }

    /// The fulfilment order numbered `number` gave everything back.
    #[must_use]
    pub fn fulfillment_order_cancelled(&self, number: u32, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        if let Some(fulfillment_order) =
            next.fulfillment_orders.iter_mut().find(|f| f.number == number && f.is_active())
        {
            fulfillment_order.status = FulfillmentOrderStatus::Cancelled;
            next.settle_fulfilment();
            next.record_if_cancelled(at);
        }
        Decision::of(next)
    }

    pub(super) fn record_if_cancelled(&mut self, at: Timestamp) {
        match self.fulfilment {
            FulfilmentState::Cancelled => self.history.record(at, "cancelled", None),
            FulfilmentState::PartiallyCancelled => self.history.record(at, "partially_cancelled", None),
            _ => {}
        }
    }
}
