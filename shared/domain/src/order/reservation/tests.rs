//! Every interleaving of what may happen to unpaid orders that compete for one item.

use super::super::tests::received;
use super::*;
use crate::order::{AllocatedLine, Allocation, OrderLine};
use proptest::prelude::*;
use std::ops::ControlFlow;

const UNITS: i64 = 3;
const MINUTES: u32 = 30;

fn start() -> Timestamp {
    "2026-11-02T08:00:00Z".parse().unwrap()
}

/// An order of 2 × TEA that is held for 30 minutes, as intake leaves it.
fn unpaid() -> Order {
    let mut order = received();
    order.lines.truncate(1);
    order.hold_unpaid_stock_minutes = MINUTES;
    order.place_hold(Hold { reason: HoldReason::AwaitingPayment, note: None }, start()).unwrap().next
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Reserve,
    Pay,
    Expire,
    PersonReleases,
    Extend,
    Cancel,
    OtherHold,
    OtherRelease,
}

const EVENTS: [Event; 8] = [
    Event::Reserve,
    Event::Pay,
    Event::Expire,
    Event::PersonReleases,
    Event::Extend,
    Event::Cancel,
    Event::OtherHold,
    Event::OtherRelease,
];

/// One level, and what the orders' commits do to it.
#[derive(Debug, Clone)]
struct World {
    orders: Vec<Order>,
    available: i64,
    reserved: i64,
    now: Timestamp,
}

impl World {
    fn new(orders: Vec<Order>) -> Self {
        Self { orders, available: UNITS, reserved: 0, now: start() }
    }

    /// As `stock-reservation` does it: all or nothing here, from one location.
    fn reserve(&self, order: &Order) -> Option<Decision<Order>> {
        order.may_reserve().ok()?;
        let line = &order.lines[0];
        let quantity = order.unallocated(line);
        if quantity == 0 || i64::from(quantity) > self.available {
            return (quantity > 0).then(|| order.allocated(vec![], &String::new(), self.now));
        }
        let location = crate::ids::LocationId::parse("SOF1").unwrap();
        let change = StockChange::reserve(line.sku.as_ref().unwrap(), &location, quantity);
        let lines = vec![AllocatedLine { line: line.number, quantity }];
        Some(order.allocated(vec![Allocation::plain(location, lines)], &String::new(), self.now).with_stock([change]))
    }

    fn step(&mut self, index: usize, event: Event) {
        let order = self.orders[index].clone();
        let released = |reason| order.release_hold(reason, self.now).ok();
        let decision = match event {
            Event::Reserve => self.reserve(&order),
            Event::Pay => released(HoldReason::AwaitingPayment),
            Event::Expire => {
                // Time passes for all.
                self.now = self.now.max(order.reserved_until.unwrap_or(self.now));
                order.expire_reservation(self.now).map(|expiry| expiry.order)
            }
            Event::PersonReleases => released(HoldReason::InventoryOutOfStock),
            Event::Extend => order.extend_reservation(self.now + SignedDuration::from_hours(2), self.now).ok(),
            Event::Cancel => order.request_cancel(self.now).ok(),
            Event::OtherHold => {
                order.place_hold(Hold { reason: HoldReason::MerchantRequest, note: None }, self.now).ok()
            }
            Event::OtherRelease => released(HoldReason::MerchantRequest),
        };
        let Some(decision) = decision else { return };
        for change in &decision.stock {
            assert!(change.is_balanced());
            self.available += change.deltas[&crate::stock::Term::Available];
            self.reserved += change.deltas[&crate::stock::Term::Reserved];
        }
        check(&order, event, &decision);
        self.orders[index] = decision.next;
        self.is_sound(event);
    }

    /// What holds after every step, whatever came before.
    fn is_sound(&self, event: Event) {
        assert!(self.available >= 0, "oversold by {event:?}");
        assert_eq!(self.available + self.reserved, UNITS);
        let promised: u32 = self
            .orders
            .iter()
            .flat_map(|order| order.fulfillment_orders.iter().filter(|f| f.is_active()))
            .flat_map(|f| &f.lines)
            .map(|line| line.quantity)
            .sum();
        assert_eq!(
            i64::from(promised),
            self.reserved,
            "the level counts what the orders were promised, after {event:?}"
        );
        for order in &self.orders {
            let is_paid = !order.has_hold(HoldReason::AwaitingPayment);
            let active = |status| order.fulfillment_orders.iter().any(|f| f.status == status);
            assert!(is_paid || !active(FulfillmentOrderStatus::Open), "what is not paid is not picked");
            assert!(order.reserved_until.is_none() || !is_paid, "a deadline outlives its payment");
            assert!(!order.reservation_expired || order.cancel_requested || !order.holds.is_empty(), "moves by itself");
            assert!(!(order.holds.is_empty() && active(FulfillmentOrderStatus::OnHold)), "nobody opens it any more");
            assert_eq!(
                order.cancel_requested && !active(FulfillmentOrderStatus::Open),
                order.fulfilment == FulfilmentState::Cancelled
            );
        }
    }
}

/// What one step may do.
fn check(before: &Order, event: Event, decision: &Decision<Order>) {
    let after = &decision.next;
    let held: u32 = before
        .fulfillment_orders
        .iter()
        .filter(|f| f.status == FulfillmentOrderStatus::OnHold)
        .flat_map(|f| &f.lines)
        .map(|line| line.quantity)
        .sum();
    let given: i64 = decision.stock.iter().map(|change| change.deltas[&crate::stock::Term::Available]).sum();
    let creates = decision.messages.iter().any(|message| matches!(message.kind, MessageKind::CreatePickTasks { .. }));
    match event {
        Event::Expire => {
            assert_eq!(given, i64::from(held), "exactly what was held is given back");
            assert!(after.reservation_expired && after.reserved_until.is_none() && after.look_due_at().is_some());
            assert_eq!(after.holds, before.holds, "it stays on its hold");
        }
        Event::Cancel => assert_eq!(given, i64::from(held), "what is not being picked is given back at once"),
        Event::Pay if before.reservation_expired => {
            assert!(after.has_hold(HoldReason::InventoryOutOfStock), "a late payment waits for a person");
            assert!(decision.messages.is_empty());
        }
        Event::Pay | Event::PersonReleases | Event::OtherRelease => {
            assert_eq!(creates, held > 0 && after.holds.is_empty(), "held goods are picked once nothing holds them");
            assert_eq!(given, 0);
        }
        Event::Reserve => assert!(given <= 0),
        Event::Extend | Event::OtherHold => assert_eq!(given, 0),
    }
}

/// Every sequence of events of one order, up to this length.
fn every(length: usize, events: &[Event], visit: &mut impl FnMut(&[Event])) {
    let mut sequence = vec![0; length];
    loop {
        let chosen: Vec<Event> = sequence.iter().map(|index| events[*index]).collect();
        visit(&chosen);
        let carried = sequence.iter_mut().try_for_each(|index| {
            *index += 1;
            if *index < events.len() {
                return ControlFlow::Break(());
            }
            *index = 0;
            ControlFlow::Continue(())
        });
        if carried.is_continue() {
            return;
        }
    }
}

#[test]
fn every_sequence_of_six_events_keeps_the_stock_and_the_hold() {
    let (mut late, mut confirmed) = (0, 0);
    every(5, &EVENTS, &mut |events| {
        let mut world = World::new(vec![unpaid()]);
        world.step(0, Event::Reserve);
        events.iter().for_each(|event| world.step(0, *event));
        let has = |name| world.orders[0].history.0.iter().any(|entry| entry.event == name);
        late += usize::from(has("paid_late"));
        confirmed += usize::from(has("reservation_confirmed"));
    });
    assert!(late > 100 && confirmed > 100, "{late} late, {confirmed} confirmed");
}

proptest! {
    /// Two orders want two of three units each: whoever comes first, no unit is promised twice.
    #[test]
    fn two_unpaid_orders_never_share_a_unit(steps in proptest::collection::vec((0_usize..2, 0_usize..EVENTS.len()), 1..40)) {
        let mut world = World::new(vec![unpaid(), unpaid()]);
        for (index, event) in steps {
            world.step(index, EVENTS[event]);
        }
    }

    #[test]
    fn the_waiting_queue_serves_the_higher_priority_then_the_older(
        (first, second) in ((0_u32..=9999, 0_i64..4_000_000_000), (0_u32..=9999, 0_i64..4_000_000_000))
    ) {
        let of = |(priority, millisecond): (u32, i64)| {
            let mut order = received();
            order.priority = priority;
            order.placed_at = Timestamp::from_millisecond(millisecond * 1000 + millisecond % 1000).unwrap();
            order
        };
        let (one, other) = (of(first), of(second));
        let expect = other.priority.cmp(&one.priority).then(one.placed_at.cmp(&other.placed_at));
        prop_assert_eq!(one.waiting_rank().cmp(&other.waiting_rank()), expect);
    }
}

fn step(order: &Order, event: Event) -> Order {
    let mut world = World::new(vec![order.clone()]);
    world.reserved = 0;
    world.step(0, event);
    world.orders[0].clone()
}

#[test]
fn an_unpaid_order_is_reserved_at_once_and_not_picked() {
    let order = unpaid();
    assert_eq!(order.reserved_until, Some(start() + SignedDuration::from_mins(30)));
    assert!(order.may_reserve().is_ok() && order.may_move().is_err());
    let decision = World::new(vec![]).reserve(&order).unwrap();
    assert_eq!(decision.next.fulfillment_orders[0].status, FulfillmentOrderStatus::OnHold);
    assert_eq!(decision.next.fulfilment, FulfilmentState::Allocated);
    assert_eq!(decision.messages, [], "no pick task");
    assert_eq!(decision.next.look_due_at(), Some(start() + SignedDuration::from_mins(10)));
}

#[test]
fn a_merchant_that_holds_nothing_leaves_unpaid_orders_alone() {
    let mut order = received();
    order = order.place_hold(Hold { reason: HoldReason::AwaitingPayment, note: None }, start()).unwrap().next;
    assert_eq!(order.reserved_until, None);
    assert!(order.may_reserve().is_err());
    let paid = order.release_hold(HoldReason::AwaitingPayment, start()).unwrap();
    assert_eq!(paid.messages.len(), 1);
    assert!(!paid.next.history.0.iter().any(|entry| entry.event == "reservation_confirmed"));
}

#[test]
fn the_clock_starts_when_nothing_but_the_payment_is_missing() {
    let mut order = received();
    order.hold_unpaid_stock_minutes = MINUTES;
    order.holds = vec![
        Hold { reason: HoldReason::IncorrectAddress, note: None },
        Hold { reason: HoldReason::AwaitingPayment, note: None },
    ];
    assert!(order.may_reserve().is_err());
    let later = start() + SignedDuration::from_hours(5);
    let decision = order.release_hold(HoldReason::IncorrectAddress, later).unwrap();
    assert_eq!(decision.next.reserved_until, Some(later + SignedDuration::from_mins(30)));
    assert_eq!(decision.messages[0].kind, MessageKind::Reserve { order: order.id });
}

#[test]
fn a_payment_of_an_order_that_was_picked_before_starts_no_clock() {
    let mut world = World::new(vec![received()]);
    world.orders[0].hold_unpaid_stock_minutes = MINUTES;
    world.orders[0].lines.truncate(1);
    world.step(0, Event::Reserve);
    let order = &world.orders[0];
    let held = order.place_hold(Hold { reason: HoldReason::AwaitingPayment, note: None }, start()).unwrap().next;
    assert_eq!(held.reserved_until, None, "its goods are in somebody's hands");
}

#[test]
fn an_extension_is_later_than_now_and_not_too_far() {
    let order = step(&unpaid(), Event::Reserve);
    let minutes = SignedDuration::from_mins;
    let pointer = |until| order.extend_reservation(until, start()).unwrap_err().pointer;
    assert_eq!(pointer(start() + minutes(29)).as_deref(), Some("/until"));
    assert_eq!(pointer(start() + EXTENSION_MAX + minutes(1)).as_deref(), Some("/until"));
    let extended = order.extend_reservation(start() + minutes(60), start()).unwrap().next;
    assert_eq!(extended.reserved_until, Some(start() + minutes(60)));
    assert_eq!(extended.expire_reservation(start() + minutes(59)), None);
    assert_eq!(extended.extend_reservation(start() + minutes(60), start()).unwrap().next, extended, "once is enough");
    let refused = |order: &Order| order.extend_reservation(start() + minutes(90), start()).unwrap_err().code;
    assert_eq!(refused(&received()), "nothing-reserved");
    let expired = extended.expire_reservation(start() + minutes(60)).unwrap().order.next;
    assert_eq!(refused(&expired), "reservation-expired");
    assert_eq!(refused(&extended.request_cancel(start()).unwrap().next), "order-cancelled");
}

#[test]
fn an_expired_order_is_not_backordered_and_leaves_the_queue() {
    let waiting = World { available: 0, ..World::new(vec![]) }.reserve(&unpaid()).unwrap().next;
    assert_eq!(waiting.fulfilment, FulfilmentState::Backordered);
    let expiry = waiting.expire_reservation(start() + SignedDuration::from_hours(1)).unwrap();
    assert_eq!(expiry.stops_waiting, waiting.waits_for.iter().cloned().collect());
    assert_eq!(expiry.stops_waiting.len(), 1);
    assert_eq!(expiry.order.next.fulfilment, FulfilmentState::Received);
    assert!(expiry.order.stock.is_empty());
}

#[test]
fn an_expiry_that_no_transaction_takes_comes_in_parts_and_stays_due_until_the_last() {
    let mut order = unpaid();
    let line = order.lines[0].clone();
    order.lines = (1..=80).map(|number| OrderLine { number, ..line.clone() }).collect();
    let at = |location: &str| {
        Allocation::plain(
            crate::ids::LocationId::parse(location).unwrap(),
            (1..=80).map(|line| AllocatedLine { line, quantity: 1 }).collect(),
        )
    };
    let order = order.allocated(vec![at("SOF1"), at("VAR1")], &String::new(), start()).next;
    let due = order.reserved_until.unwrap();
    let first = order.expire_reservation(due).unwrap().order;
    assert_eq!(first.stock.len(), 80);
    assert!(first.next.reservation_expired && first.next.look_due_at().unwrap() <= due);
    let paid = first.next.release_hold(HoldReason::AwaitingPayment, due).unwrap();
    assert!(paid.messages.is_empty(), "what is half given back is picked by nobody");
    let second = paid.next.expire_reservation(due).unwrap().order;
    assert_eq!(second.stock.len(), 80);
    assert_eq!((second.next.reserved_until, second.next.fulfilment), (None, FulfilmentState::Received));
    let cancelled = order.request_cancel(start()).unwrap();
    assert_eq!((cancelled.stock.len(), cancelled.messages.len()), (80, 1), "the rest goes the way of pick tasks");
}
