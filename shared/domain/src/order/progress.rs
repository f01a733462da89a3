//! What happens to the order when its parcels move, and when they come back.

use super::{AllocatedLine, DeliveryState, FulfillmentOrderStatus, FulfilmentState, MoneyState, Order};
use crate::aggregate::{Decision, Rejected};
use crate::ids::ReturnId;
use jiff::Timestamp;

impl Order {
    /// The parcel of the fulfilment order numbered `number` was handed over to the carrier. A cancellation came too late
    /// for it; when everything left, the cancellation is over.
    #[must_use]
    pub fn handed_over(&self, number: u32, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        if let Some(fulfillment_order) =
            next.fulfillment_orders.iter_mut().find(|f| f.number == number && f.is_active())
        {
            fulfillment_order.status = FulfillmentOrderStatus::Closed;
            if fulfillment_order.delivery == DeliveryState::None {
                fulfillment_order.delivery = DeliveryState::InTransit;
            }
            next.settle_fulfilment();
            next.settle_delivery();
            if self.cancel_requested {
                next.history.record(at, "cancel_too_late", Some(format!("fulfilment order {number} had left")));
                next.cancel_requested = next.fulfilment != FulfilmentState::Fulfilled;
            }
            next.history.record(at, &super::serde_plain(&next.fulfilment), None);
        }
        Decision::of(next)
    }

    /// The parcel of the fulfilment order numbered `number` is where its tracker says.
    #[must_use]
    pub fn parcel_moved(&self, number: u32, delivery: DeliveryState, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        if let Some(fulfillment_order) = next.fulfillment_orders.iter_mut().find(|f| f.number == number) {
            if fulfillment_order.delivery == delivery || delivery == DeliveryState::None {
                return Decision::of(next);
            }
            fulfillment_order.delivery = delivery;
            next.settle_delivery();
            if next.delivery != self.delivery {
                next.history.record(at, &super::serde_plain(&next.delivery), None);
            }
            next.settle_money();
        }
        Decision::of(next)
    }

    /// Cash on delivery: expected until every parcel has an outcome and none is still to come; then collected if any was
    /// delivered, otherwise not due. What a person or a payout decided since stays.
    pub(super) fn settle_money(&mut self) {
        let open = matches!(self.money, MoneyState::Expected | MoneyState::Collected | MoneyState::NotDue);
        if self.cash_on_delivery_minor.is_none() || !open {
            return;
        }
        let parcels = self.fulfillment_orders.iter().filter(|f| f.status != FulfillmentOrderStatus::Cancelled);
        let outcomes: Vec<DeliveryState> = parcels.map(|f| f.delivery).collect();
        let to_come = self.lines.iter().any(|line| self.unallocated(line) > 0);
        let under_way = |state: &DeliveryState| matches!(state, DeliveryState::None | DeliveryState::InTransit);
        let delivered =
            |state: &DeliveryState| matches!(state, DeliveryState::Delivered | DeliveryState::PartlyDelivered);
        self.money = if to_come || outcomes.iter().any(under_way) {
            MoneyState::Expected
        } else if outcomes.iter().any(delivered) {
            MoneyState::Collected
        } else {
            MoneyState::NotDue
        };
    }

    fn settle_delivery(&mut self) {
        let parcels: Vec<DeliveryState> = self
            .fulfillment_orders
            .iter()
            .filter(|f| f.status != FulfillmentOrderStatus::Cancelled)
            .map(|f| f.delivery)
            .collect();
        let all = |state| !parcels.is_empty() && parcels.iter().all(|parcel| *parcel == state);
        let any = |state| parcels.contains(&state);
        use DeliveryState as D;
        self.delivery = if let Some(state) =
            [D::Delivered, D::Refused, D::Returned, D::Lost, D::None].into_iter().find(|state| all(*state))
        {
            state
        } else if any(D::Delivered) || any(D::PartlyDelivered) {
            D::PartlyDelivered
        } else if any(D::InTransit) || any(D::None) {
            D::InTransit
        } else if any(D::Lost) {
            D::Lost
        } else {
            D::Refused
        };
    }

    /// Units of each line that reached (or may reach) the shopper and for which no return is open.
    #[must_use]
    pub fn returnable(&self) -> Vec<AllocatedLine> {
        self.lines
            .iter()
            .map(|line| {
                let delivered: u32 = self
                    .fulfillment_orders
                    .iter()
                    .filter(|f| matches!(f.delivery, DeliveryState::Delivered | DeliveryState::PartlyDelivered))
                    .flat_map(|f| &f.lines)
                    .filter(|allocated| allocated.line == line.number)
                    .map(|allocated| allocated.quantity)
                    .sum();
                // What a refused parcel brings back is none of what was delivered.
                let claimed = line.returned.saturating_sub(line.undelivered);
                AllocatedLine { line: line.number, quantity: delivered.saturating_sub(claimed) }
            })
            .filter(|line| line.quantity > 0)
            .collect()
    }

    /// Opens the next return for `lines`, which are claimed so that no unit is returned twice.
    ///
    /// # Errors
    /// `not-returnable` when more is asked for than was shipped and is not being returned already.
    pub fn open_return(&self, lines: &[AllocatedLine], at: Timestamp) -> Result<(ReturnId, Decision<Self>), Rejected> {
        let mut next = self.clone();
        for (index, asked) in lines.iter().enumerate() {
            let shipped: u32 = self
                .fulfillment_orders
                .iter()
                .filter(|f| f.status == FulfillmentOrderStatus::Closed)
                .flat_map(|f| &f.lines)
                .filter(|allocated| allocated.line == asked.line)
                .map(|allocated| allocated.quantity)
                .sum();
            match next.lines.iter_mut().find(|line| line.number == asked.line) {
                Some(line) if line.returned + asked.quantity <= shipped => line.returned += asked.quantity,
                _ => {
                    return Err(Rejected::new(
                        "not-returnable",
                        "more units than were shipped and are not being returned already",
                    )
                    .at(format!("/lines/{index}/quantity")));
                }
            }
        }
        next.returns += 1;
        next.history.record(at, "return_opened", None);
        Ok((ReturnId::of(&self.id, next.returns), Decision::of(next)))
    }

    /// As [`Order::open_return`], for all of a parcel that never reached the shopper: once, however often it is told.
    ///
    /// # Errors
    /// `not-returnable` when its units are being returned already.
    pub fn open_undelivered(&self, number: u32, at: Timestamp) -> Result<(ReturnId, Decision<Self>), Rejected> {
        let parcel = self.fulfillment_order(number).filter(|parcel| !parcel.comes_back);
        let parcel = parcel.ok_or_else(|| Rejected::new("not-returnable", "all of this parcel is being returned"))?;
        let (id, mut decision) = self.open_return(&parcel.lines, at)?;
        for asked in &parcel.lines {
            let lines = decision.next.lines.iter_mut();
            lines.filter(|line| line.number == asked.line).for_each(|line| line.undelivered += asked.quantity);
        }
        let parcels = decision.next.fulfillment_orders.iter_mut();
        parcels.filter(|parcel| parcel.number == number).for_each(|parcel| parcel.comes_back = true);
        Ok((id, decision))
    }

    /// A declined or expired return, or one of which less came, gives units free for another one; `undelivered` says that
    /// they had never reached the shopper.
    #[must_use]
    pub fn return_ended(&self, lines: &[AllocatedLine], undelivered: bool, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        for ended in lines {
            if let Some(line) = next.lines.iter_mut().find(|line| line.number == ended.line) {
                line.returned = line.returned.saturating_sub(ended.quantity);
                if undelivered {
                    line.undelivered = line.undelivered.saturating_sub(ended.quantity);
                }
            }
        }
        next.history.record(at, "return_ended", None);
        Decision::of(next)
    }

    /// A refund instruction was issued for a return.
    #[must_use]
    pub fn refund_instructed(&self, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        next.money = MoneyState::Refunded;
        next.history.record(at, "refund_instructed", None);
        Decision::of(next)
    }
}
