//! Cancelling, holding and correcting at every stage of the head.

use super::{
    AllocatedLine, Allocation, AllocationRule, CancelReason, DeliveryState, FulfilmentState, Hold, HoldReason,
    MoneyState, Order, OrderLine,
};
use crate::aggregate::{Decision, History, Rejected};
use crate::ids::{LocationId, MerchantId, OrderId, Sku};
use crate::message::MessageKind;
use crate::money::Currency;
use jiff::Timestamp;
use proptest::prelude::*;

fn at() -> Timestamp {
    "2026-11-02T08:00:00Z".parse().unwrap()
}

/// An order of 2 × TEA and 1 × CUP, just received.
pub(crate) fn received() -> Order {
    let line = |number, sku: &str, quantity| OrderLine {
        number,
        source_line_id: number.to_string(),
        sku: Some(Sku::parse(sku).unwrap()),
        quantity,
        unit_price_minor: 500,
        kit: Vec::new(),
        returned: 0,
        undelivered: 0,
    };
    Order {
        id: OrderId::derive(&MerchantId::derive(&["acme"]), &["1001"]),
        channel: None,
        source_id: "1001".to_owned(),
        number: "#1001".to_owned(),
        content: "c".to_owned(),
        placed_at: at(),
        created_at: at(),
        currency: Currency::parse("EUR").unwrap(),
        total_minor: 1500,
        cash_on_delivery_minor: None,
        ship_to_country: Some("BG".to_owned()),
        rule: AllocationRule::Backorder,
        priority: 0,
        hold_unpaid_stock_minutes: 0,
        min_remaining_shelf_life_days: 0,
        reserved_until: None,
        reservation_expired: false,
        fulfilment: FulfilmentState::Received,
        delivery: DeliveryState::None,
        money: MoneyState::Settled,
        holds: Vec::new(),
        lines: vec![line(1, "TEA", 2), line(2, "CUP", 1)],
        fulfillment_orders: Vec::new(),
        waits_for: Vec::new(),
        cancel_requested: false,
        personal_data: None,
        returns: 0,
        next_look_at: None,
        history: History::default(),
    }
}

fn give(order: &Order, location: &str, lines: &[(u32, u32)]) -> Order {
    let lines: Vec<AllocatedLine> =
        lines.iter().map(|(line, quantity)| AllocatedLine { line: *line, quantity: *quantity }).collect();
    if lines.is_empty() {
        return order.clone();
    }
    let allocation = Allocation::plain(LocationId::parse(location).unwrap(), lines);
    order.allocated(vec![allocation], &String::new(), at()).next
}

fn cancel(order: &Order) -> Result<Decision<Order>, Rejected> {
    order.request_cancel_because(Some(CancelReason::Customer), at())
}

fn hold(reason: HoldReason) -> Hold {
    Hold { reason, note: None }
}

/// What a cancellation leads to: the axis, whether pick tasks are told, and what the timeline ends with.
fn check(order: &Order, fulfilment: FulfilmentState, tells_tasks: bool, ends_with: &str) -> Order {
    let decision = cancel(order).unwrap();
    let next = decision.next;
    assert!(next.cancel_requested);
    assert!(next.holds.is_empty(), "a cancelled order waits for nobody");
    assert_eq!(next.fulfilment, fulfilment);
    let tasks = MessageKind::CancelPickTasks { order: order.id.clone() };
    let kinds: Vec<MessageKind> = decision.messages.into_iter().map(|message| message.kind).collect();
    assert_eq!(kinds, if tells_tasks { vec![tasks] } else { vec![] });
    assert_eq!(next.history.0.last().unwrap().event, ends_with);
    assert!(decision.stock.is_empty(), "what is held is given back by the task, never by the head");
    next
}

#[test]
fn nothing_reserved_is_cancelled_at_once() {
    check(&received(), FulfilmentState::Cancelled, false, "cancelled");
}

#[test]
fn an_order_on_hold_is_cancelled_and_waits_for_nobody() {
    let held = received().place_hold(hold(HoldReason::AwaitingPayment), at()).unwrap().next;
    assert_eq!(check(&held, FulfilmentState::Cancelled, false, "cancelled").waits_as(), None);
}

#[test]
fn a_backordered_order_is_cancelled_at_once() {
    let waiting = received().allocated(vec![], &String::new(), at()).next;
    assert_eq!(waiting.fulfilment, FulfilmentState::Backordered);
    check(&waiting, FulfilmentState::Cancelled, false, "cancelled");
}

#[test]
fn a_reserved_order_is_cancelled_when_its_last_task_gave_everything_back() {
    let split = give(&give(&received(), "SOF1", &[(1, 2)]), "VAR1", &[(2, 1)]);
    let asked = check(&split, FulfilmentState::Allocated, true, "cancel_requested");
    let one = asked.fulfillment_order_cancelled(1, at()).next;
    assert_eq!(one.fulfilment, FulfilmentState::Allocated, "the second task still holds goods");
    let both = one.fulfillment_order_cancelled(2, at()).next;
    assert_eq!(both.fulfilment, FulfilmentState::Cancelled);
    assert_eq!(both.fulfillment_order_cancelled(2, at()).next, both, "a repeated message changes nothing");
}

#[test]
fn a_partly_reserved_order_drops_what_it_waits_for() {
    let partly = give(&received(), "SOF1", &[(1, 2)]);
    assert_eq!(partly.fulfilment, FulfilmentState::PartiallyAllocated);
    let asked = check(&partly, FulfilmentState::PartiallyAllocated, true, "cancel_requested");
    assert!(asked.lines.iter().all(|line| asked.unallocated(line) == 0), "nothing more is reserved for it");
    assert_eq!(asked.fulfillment_order_cancelled(1, at()).next.fulfilment, FulfilmentState::Cancelled);
}

#[test]
fn what_was_handed_over_stays_and_the_rest_is_cancelled() {
    let split = give(&give(&received(), "SOF1", &[(1, 2)]), "VAR1", &[(2, 1)]);
    let first_left = split.handed_over(1, at()).next;
    let asked = check(&first_left, FulfilmentState::PartiallyFulfilled, true, "cancel_requested");
    assert_eq!(asked.fulfillment_order_cancelled(2, at()).next.fulfilment, FulfilmentState::PartiallyCancelled);
}

#[test]
fn what_waits_for_stock_after_a_hand_over_is_cancelled_at_once() {
    let left = give(&received(), "SOF1", &[(1, 2)]).handed_over(1, at()).next;
    check(&left, FulfilmentState::PartiallyCancelled, false, "partially_cancelled");
}

#[test]
fn a_person_finds_what_waits_for_stock_after_a_part_has_left() {
    let left = give(&received(), "SOF1", &[(1, 2)]).handed_over(1, at()).next;
    assert_eq!((left.fulfilment, left.waits_as()), (FulfilmentState::PartiallyFulfilled, Some("partially_allocated")));
    let served = give(&left, "VAR1", &[(2, 1)]);
    assert_eq!(served.waits_as(), None);
    assert_eq!(cancel(&left).unwrap().next.waits_as(), None);
}

#[test]
fn a_parcel_that_left_before_it_could_be_stopped_ends_the_cancellation() {
    let asked = cancel(&give(&received(), "SOF1", &[(1, 2), (2, 1)])).unwrap().next;
    assert_eq!(asked.handed_over(1, at()).next.fulfilment, FulfilmentState::Fulfilled);
}

#[test]
fn after_hand_over_nothing_can_be_cancelled_held_or_corrected() {
    let left = give(&received(), "SOF1", &[(1, 2), (2, 1)]).handed_over(1, at()).next;
    assert_eq!(cancel(&left).unwrap_err().code, "order-handed-over");
    assert_eq!(left.place_hold(hold(HoldReason::Other), at()).unwrap_err().code, "order-handed-over");
    assert_eq!(left.recipient_corrected("BG", at()).unwrap_err().code, "order-handed-over");
}

#[test]
fn the_reason_of_a_cancellation_is_in_the_timeline() {
    let next = cancel(&received()).unwrap().next;
    assert!(next.history.0.iter().any(|entry| entry.note.as_deref() == Some("customer")));
}

#[test]
fn the_order_moves_on_when_the_last_hold_is_released() {
    let one = received().place_hold(hold(HoldReason::AwaitingPayment), at()).unwrap().next;
    let two = one.place_hold(hold(HoldReason::MissingItemData), at()).unwrap().next;
    let decision = two.release_hold(HoldReason::AwaitingPayment, at()).unwrap();
    assert!(decision.messages.is_empty());
    let decision = decision.next.release_hold(HoldReason::MissingItemData, at()).unwrap();
    assert_eq!(decision.messages.len(), 1);
    assert_eq!(decision.messages[0].kind, MessageKind::Reserve { order: one.id.clone() });
    assert_eq!(decision.next.release_hold(HoldReason::Other, at()).unwrap_err().code, "hold-not-found");
}

#[test]
fn a_recipient_is_corrected_only_while_the_order_is_on_hold() {
    let order = received();
    assert_eq!(order.recipient_corrected("DE", at()).unwrap_err().code, "order-not-on-hold");
    let held = order.place_hold(hold(HoldReason::IncorrectAddress), at()).unwrap().next;
    let corrected = held.recipient_corrected("DE", at()).unwrap().next;
    assert_eq!(corrected.ship_to_country.as_deref(), Some("DE"));
    assert_eq!(corrected.holds, held.holds, "the hold is released by a person, who has looked");
    let cancelled = cancel(&corrected).unwrap().next;
    assert_eq!(cancelled.recipient_corrected("DE", at()).unwrap_err().code, "order-cancelled");
}

proptest! {
    /// Whatever happened before, and however often it is asked for: a cancellation either says no because all has left,
    /// or ends in a cancelled or fulfilled axis once every fulfilment order is settled, and nothing reopens it.
    #[test]
    fn every_cancellation_ends(steps in proptest::collection::vec(0_u8..6, 0..8), ends in proptest::collection::vec(any::<bool>(), 2)) {
        let mut order = received();
        for step in steps {
            order = match step {
                0 => give(&order, "SOF1", &open(&order, 1)),
                1 => give(&order, "VAR1", &open(&order, 2)),
                2 => order.handed_over(1, at()).next,
                3 => order.place_hold(hold(HoldReason::Other), at()).map_or_else(|_| order.clone(), |held| held.next),
                4 => order.release_hold(HoldReason::Other, at()).map_or_else(|_| order.clone(), |free| free.next),
                _ => order.allocated(vec![], &String::new(), at()).next,
            };
        }
        match cancel(&order) {
            Err(rejected) => {
                prop_assert_eq!(rejected.code, "order-handed-over");
                prop_assert!(order.fulfillment_orders.iter().all(|f| !f.is_active()));
            }
            Ok(decision) => {
                let mut next = decision.next;
                let active: Vec<u32> = next.fulfillment_orders.iter().filter(|f| f.is_active()).map(|f| f.number).collect();
                prop_assert_eq!(decision.messages.len(), usize::from(!active.is_empty()));
                for (index, number) in active.into_iter().enumerate() {
                    let left = ends.get(index).copied().unwrap_or(false);
                    let settled = if left { next.handed_over(number, at()) } else { next.fulfillment_order_cancelled(number, at()) };
                    next = settled.next;
                }
                prop_assert!(matches!(
                    next.fulfilment,
                    FulfilmentState::Cancelled | FulfilmentState::PartiallyCancelled | FulfilmentState::Fulfilled
                ), "{:?}", next.fulfilment);
                prop_assert!(next.is_settled());
                match cancel(&next) {
                    Ok(again) => prop_assert_eq!(&again.next, &next),
                    // Everything had left before it could be stopped: the cancellation is over, and another one comes too late.
                    Err(rejected) => prop_assert_eq!(rejected.code, "order-handed-over"),
                }
            }
        }
    }
}

/// The line's units that are not allocated yet, if there are any.
fn open(order: &Order, number: u32) -> Vec<(u32, u32)> {
    order
        .line(number)
        .map(|line| (number, order.unallocated(line)))
        .filter(|(_, units)| *units > 0)
        .into_iter()
        .collect()
}
