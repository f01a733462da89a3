//! What is late, and was not before: told once for each order and parcel, by the look that finds it so.
//!
//! An item's looks come at growing distances, so that the last one before a deadline knows that nobody looks again in time:
//! that is the one which counts. It may be some hours early, and never counts twice.

use crate::order::{FulfilmentState, Order};
use crate::sweep::FIRST_LOOK;
use crate::tracker::Tracker;
use jiff::{SignedDuration, Timestamp};

/// Within how long an order that nothing holds leaves the warehouse.
pub const LEAVES_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// Within how long a parcel comes to its end, from the first that was heard of it.
pub const ARRIVES_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Whether the step from `before` to `now` is the last look at an order in time, and the order should have left. One that waits
/// for stock, for money or for a person is not late: its merchant knows.
#[must_use]
pub fn order_turned_late(before: &Order, now: &Order) -> bool {
    let due = |order: &Order| Some(order.next_look_at.unwrap_or(order.created_at + FIRST_LOOK));
    let in_hand = match now.fulfilment {
        FulfilmentState::Received
        | FulfilmentState::Validated
        | FulfilmentState::Allocated
        | FulfilmentState::InProgress => true,
        FulfilmentState::PartiallyAllocated
        | FulfilmentState::Backordered
        | FulfilmentState::PartiallyFulfilled
        | FulfilmentState::Fulfilled
        | FulfilmentState::PartiallyCancelled
        | FulfilmentState::Cancelled => false,
    };
    let expected = in_hand && now.holds.is_empty() && !now.cancel_requested;
    expected && passes(due(before), due(now), now.created_at + LEAVES_WITHIN)
}

/// Whether the step from `before` to `now` is the last question about a parcel in time, and it is still under way to its shopper.
#[must_use]
pub fn parcel_turned_late(before: &Tracker, now: &Tracker) -> bool {
    let outbound = now.shipment.as_ref().is_some_and(|shipment| shipment.return_id().is_none());
    let under_way = !now.status.is_terminal() && !now.status.comes_back();
    outbound && under_way && passes(before.poll_at, now.poll_at, now.created_at + ARRIVES_WITHIN)
}

fn passes(before: Option<Timestamp>, now: Option<Timestamp>, deadline: Timestamp) -> bool {
    before.is_some_and(|due| due <= deadline) && now.is_none_or(|due| due > deadline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CarrierAccountId, MerchantId, OrderId, ReturnId, ShipmentId};
    use crate::order::{Hold, HoldReason};
    use crate::sweep::next_look;
    use proptest::prelude::*;

    fn start() -> Timestamp {
        Timestamp::from_second(1_760_000_000).unwrap()
    }

    fn order(fulfilment: FulfilmentState) -> Order {
        let order: Order = serde_json::from_value(serde_json::json!({
            "id": id(), "source_id": "1", "number": "#1", "content": "c", "placed_at": start(), "created_at": start(),
            "currency": "EUR", "total_minor": 100, "rule": "split", "fulfilment": "received", "delivery": "none",
            "money": "not_due", "lines": [],
        }))
        .unwrap();
        Order { fulfilment, ..order }
    }

    fn id() -> OrderId {
        OrderId::derive(&MerchantId::derive(&["acme"]), &["1"])
    }

    fn after(due: Timestamp, delay_s: u32) -> Timestamp {
        due + SignedDuration::from_secs(i64::from(delay_s))
    }

    /// Looks at the order whenever it is due, each late by the next of `delays`, seconds; gives how often it turned late.
    fn order_looked_at(mut order: Order, delays: &[u32]) -> usize {
        let mut count = 0;
        for delay in delays {
            let now = after(order.next_look_at.unwrap_or(order.created_at + FIRST_LOOK), *delay);
            let next = Order { next_look_at: Some(next_look(order.created_at, now)), ..order.clone() };
            count += usize::from(order_turned_late(&order, &next));
            order = next;
        }
        count
    }

    fn parcel_looked_at(shipment: &ShipmentId, delays: &[u32]) -> usize {
        let account = CarrierAccountId::derive(&id().merchant(), &["sandbox"]);
        let mut tracker = Tracker::new(account, "T1", start()).link(shipment, start()).next;
        let mut count = 0;
        for delay in delays {
            let Some(due) = tracker.poll_due_at() else { break };
            let next = tracker.polled(after(due, *delay)).next;
            count += usize::from(parcel_turned_late(&tracker, &next));
            tracker = next;
        }
        count
    }

    proptest! {
        #[test]
        fn an_order_turns_late_once_however_late_the_sweeper_comes(delays in prop::collection::vec(0_u32..7_200, 24)) {
            use FulfilmentState as S;
            for state in [S::Received, S::Validated, S::Allocated, S::InProgress] {
                prop_assert_eq!(order_looked_at(order(state), &delays), 1);
                let hold = Hold { reason: HoldReason::AwaitingPayment, note: None };
                let held = Order { holds: vec![hold], ..order(state) };
                prop_assert_eq!(order_looked_at(held, &delays), 0);
            }
            for state in [S::Backordered, S::PartiallyAllocated, S::Fulfilled, S::Cancelled] {
                prop_assert_eq!(order_looked_at(order(state), &delays), 0);
            }
        }

        #[test]
        fn a_parcel_turns_late_once_on_its_way_out(delays in prop::collection::vec(0_u32..7_200, 40)) {
            prop_assert_eq!(parcel_looked_at(&ShipmentId::of(&id(), 1), &delays), 1);
            prop_assert_eq!(parcel_looked_at(&ReturnId::of(&id(), 1).shipment(), &delays), 0);
        }
    }
}
