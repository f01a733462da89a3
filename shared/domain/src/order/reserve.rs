//! What a reservation does to the order's head. Which location gives what is decided elsewhere.

use super::{
    AllocatedGoods, AllocatedLine, DeliveryState, FulfillmentOrder, FulfillmentOrderStatus, FulfilmentState, Order,
};
use crate::aggregate::Decision;
use crate::allocation::{Nearness, Reason};
use crate::ids::{LocationId, Sku};
use crate::message::MessageKind;
use crate::stock::TakeId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
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
    /// The same as goods: components of kits, lots.
    pub goods: Vec<AllocatedGoods>,
    /// Why this location.
    pub reason: Reason,
}

impl Allocation {
    /// An allocation of lines that are neither kits nor kept by lot, to the one location that there is.
    #[must_use]
    pub fn plain(location: LocationId, lines: Vec<AllocatedLine>) -> Self {
        let reason = Reason { nearness: Nearness::Elsewhere, cost: 0, parcels: 1, candidates: 1 };
        Self { location, lines, goods: Vec::new(), reason }
    }
}

impl Order {
    /// Adds fulfilment orders for `allocations` (none: nothing could be had) that are claimed from `take`, and sets the
    /// fulfilment axis and what it waits for (of a kit the kit itself: the caller knows its components). The caller has
    /// taken the units out of the inventory levels.
    #[must_use]
    pub fn allocated(&self, allocations: Vec<Allocation>, take: &TakeId, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        let first = u32::try_from(self.fulfillment_orders.len()).unwrap_or(u32::MAX) + 1;
        let added = allocations.len();
        let reasons: Vec<String> =
            allocations.iter().map(|allocation| format!("{}: {}", allocation.location, allocation.reason)).collect();
        // Held until it is paid (or until another hold is released): no pick task is made of it before.
        let status = if self.holds.is_empty() { FulfillmentOrderStatus::Open } else { FulfillmentOrderStatus::OnHold };
        for (number, allocation) in (first..).zip(allocations) {
            next.fulfillment_orders.push(FulfillmentOrder {
                number,
                goods: self.told_apart(&allocation),
                location: allocation.location,
                status,
                delivery: DeliveryState::None,
                comes_back: false,
                lines: allocation.lines,
                take: take.clone(),
            });
        }
        let lacking = next.lines.iter().filter(|line| next.unallocated(line) > 0);
        let waits_for: BTreeSet<Sku> = lacking.filter_map(|line| line.sku.clone()).collect();
        next.waits_for = waits_for.into_iter().collect();
        next.settle_fulfilment();
        let name = super::serde_plain(&next.fulfilment);
        if next.fulfilment != self.fulfilment || added > 0 {
            next.history.record(at, &name, (!reasons.is_empty()).then(|| reasons.join("; ")));
        }
        let messages = if added > 0 && status == FulfillmentOrderStatus::Open {
            vec![self.message(MessageKind::CreatePickTasks { order: self.id.clone() })]
        } else {
            vec![]
        };
        Decision::of(next).with_messages(messages)
    }

    /// The goods of an allocation where its lines do not say the same: lots, kits.
    fn told_apart(&self, allocation: &Allocation) -> Vec<AllocatedGoods> {
        let plain = allocation.goods.len() <= allocation.lines.len()
            && allocation.goods.iter().zip(&allocation.lines).all(|(goods, line)| {
                let sku = self.line(line.line).and_then(|line| line.sku.as_ref());
                goods.lot.is_none()
                    && goods.line == line.line
                    && goods.quantity == line.quantity
                    && sku == Some(&goods.sku)
            });
        if plain { Vec::new() } else { allocation.goods.clone() }
    }

    /// What a fulfilment order ships, as goods.
    #[must_use]
    pub fn goods_of(&self, fulfillment_order: &FulfillmentOrder) -> Vec<AllocatedGoods> {
        if !fulfillment_order.goods.is_empty() {
            return fulfillment_order.goods.clone();
        }
        let of_line = |line: &AllocatedLine| {
            let sku = self.line(line.line)?.sku.clone()?;
            Some(AllocatedGoods { line: line.line, sku, lot: None, quantity: line.quantity })
        };
        fulfillment_order.lines.iter().filter_map(of_line).collect()
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
    /// They are unallocated again. A fulfilment order that loses everything is cancelled. `left` is what it still ships, as goods.
    #[must_use]
    pub fn short_picked(
        &self,
        number: u32,
        missing: &[AllocatedLine],
        left: Vec<AllocatedGoods>,
        at: Timestamp,
    ) -> Self {
        let mut next = self.clone();
        if let Some(fulfillment_order) = next.fulfillment_orders.iter_mut().find(|f| f.number == number) {
            for short in missing {
                if let Some(line) = fulfillment_order.lines.iter_mut().find(|line| line.line == short.line) {
                    line.quantity = line.quantity.saturating_sub(short.quantity);
                }
            }
            fulfillment_order.lines.retain(|line| line.quantity > 0);
            if !fulfillment_order.goods.is_empty() {
                fulfillment_order.goods = left;
            }
            if fulfillment_order.lines.is_empty() {
                fulfillment_order.status = FulfillmentOrderStatus::Cancelled;
            }
        }
        let units: u32 = missing.iter().map(|line| line.quantity).sum();
        next.history.record(at, "short_picked", Some(format!("{units} missing at fulfilment order {number}")));
        next.settle_fulfilment();
        // Nothing of it was there to be put back: that ends a cancellation too.
        next.record_if_cancelled(at);
        next
    }
}
