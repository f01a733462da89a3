//! What a reservation does to the order's head. Which location gives what is decided elsewhere.

use super::{AllocatedLine, DeliveryState, FulfillmentOrder, FulfillmentOrderStatus, FulfilmentState, Order};
use crate::aggregate::Decision;
use crate::ids::LocationId;
use crate::message::MessageKind;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to do when no single location has everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AllocationRule {
    /// Wait until one location has everything.
    ShipComplete,
    /// Ship from several locations, but only when together they have everything.
    #[default]
    Split,
    /// Ship what there is, from several locations if need be, and the rest when it comes.
    Backorder,
}

/// Units that one location is to ship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// The location.
    pub location: LocationId,
    /// What it ships, by line.
    pub lines: Vec<AllocatedLine>,
}

impl Order {
    /// Adds fulfilment orders for `allocations` (none: nothing could be had) and sets the fulfilment axis.
    /// The caller adds the changes of inventory levels.
    #[must_use]
    pub fn allocated(&self, allocations: Vec<Allocation>, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        let first = u32::try_from(self.fulfillment_orders.len()).unwrap_or(u32::MAX) + 1;
        let added = allocations.len();
        // Held until it is paid (or until another hold is released): no pick task is made of it before.
        let status = if self.holds.is_empty() { FulfillmentOrderStatus::Open } else { FulfillmentOrderStatus::OnHold };
        for (number, allocation) in (first..).zip(allocations) {
            next.fulfillment_orders.push(FulfillmentOrder {
                number,
                location: allocation.location,
                status,
                delivery: DeliveryState::None,
                lines: allocation.lines,
            });
        }
        next.settle_fulfilment();
        let name = super::serde_plain(&next.fulfilment);
        if next.fulfilment != self.fulfilment || added > 0 {
            let locations: Vec<&str> =
                next.fulfillment_orders[self.fulfillment_orders.len()..].iter().map(|f| f.location.as_str()).collect();
            next.history.record(at, &name, (!locations.is_empty()).then(|| locations.join(", ")));
        }
        let messages = if added > 0 && status == FulfillmentOrderStatus::Open {
            vec![self.message(MessageKind::CreatePickTasks { order: self.id.clone() })]
        } else {
            vec![]
        };
        Decision::of(next).with_messages(messages)
    }

    /// Derives the fulfilment axis from the fulfilment orders and what is unallocated.
    pub(super) fn settle_fulfilment(&mut self) {
        let open = self.fulfillment_orders.iter().filter(|f| f.is_active()).count();
        let closed = self.fulfillment_orders.iter().filter(|f| f.status == FulfillmentOrderStatus::Closed).count();
        let missing = self.lines.iter().any(|line| self.unallocated(line) > 0);
        self.fulfilment = match (self.cancel_requested, open, closed, missing) {
            (true, 0, 0, _) => FulfilmentState::Cancelled,
            (true, 0, _, _) => {
                if self.fulfillment_orders.iter().any(|f| f.status == FulfillmentOrderStatus::Cancelled)
                    || self.has_unshipped_units()
                {
                    FulfilmentState::PartiallyCancelled
                } else {
                    FulfilmentState::Fulfilled
                }
            }
            (true, _, _, _) => self.fulfilment,
            (false, 0, 0, true) => FulfilmentState::Backordered,
            (false, 0, 0, false) => self.fulfilment,
            (false, 0, _, false) => FulfilmentState::Fulfilled,
            (false, _, 0, true) => FulfilmentState::PartiallyAllocated,
            (false, _, 0, false) => FulfilmentState::Allocated,
            (false, _, _, _) => FulfilmentState::PartiallyFulfilled,
        };
    }

    fn has_unshipped_units(&self) -> bool {
        let shipped: u32 = self
            .fulfillment_orders
            .iter()
            .filter(|f| f.status == FulfillmentOrderStatus::Closed)
            .flat_map(|f| &f.lines)
            .map(|line| line.quantity)
            .sum();
        shipped < self.lines.iter().map(|line| line.quantity).sum()
    }

    /// Takes `missing` units (by line) off the fulfilment order numbered `number`, since its location did not have them.
    /// They are unallocated again. A fulfilment order that loses everything is cancelled.
    #[must_use]
    pub fn short_picked(&self, number: u32, missing: &[AllocatedLine], at: Timestamp) -> Self {
        let mut next = self.clone();
        if let Some(fulfillment_order) = next.fulfillment_orders.iter_mut().find(|f| f.number == number) {
            for short in missing {
                if let Some(line) = fulfillment_order.lines.iter_mut().find(|line| line.line == short.line) {
                    line.quantity = line.quantity.saturating_sub(short.quantity);
                }
            }
            fulfillment_order.lines.retain(|line| line.quantity > 0);
            if fulfillment_order.lines.is_empty() {
                fulfillment_order.status = FulfillmentOrderStatus::Cancelled;
            }
        }
        let units: u32 = missing.iter().map(|line| line.quantity).sum();
        next.history.record(at, "short_picked", Some(format!("{units} missing at fulfilment order {number}")));
        next.settle_fulfilment();
        next
    }
}
