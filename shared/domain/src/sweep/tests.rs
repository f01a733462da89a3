use super::*;
use crate::address::{Address, Person};
use crate::ids::{CarrierAccountId, LocationId, MerchantId, PickTaskId, Sku};
use crate::incoming::{IncomingLine, IncomingOrder};
use crate::money::{Currency, Money};
use crate::order::{AllocatedLine, Allocation, AllocationRule, Hold, HoldReason, IntakeFacts};
use crate::pick_task::Parcel;
use crate::shipment::{Attempt, CALL_LASTS, Leg, ShipmentPlan, ShippedLine};
use crate::tracking_status::TrackingEvent;
use proptest::prelude::*;

fn start() -> Timestamp {
    "2026-05-10T12:00:00Z".parse().unwrap()
}

fn later() -> Timestamp {
    start() + FIRST_LOOK
}

fn sku() -> Sku {
    Sku::parse("TEA").unwrap()
}

fn location(code: &str) -> LocationId {
    LocationId::parse(code).unwrap()
}

fn received(paid: bool) -> Order {
    let merchant = MerchantId::derive(&["acme"]);
    let currency = Currency::parse("EUR").unwrap();
    let address = Address { line1: "ul. 1".into(), city: "Sofia".into(), country: "BG".into(), ..Address::default() };
    let incoming = IncomingOrder {
        source_id: "1001".into(),
        number: "#1001".into(),
        placed_at: start(),
        currency,
        total: Money::new(100, currency),
        cash_on_delivery: None,
        payment_settled: paid,
        lines: vec![IncomingLine {
            source_line_id: "1".into(),
            sku: Some(sku()),
            title: "Tea".into(),
            quantity: 5,
            unit_price_minor: 20,
        }],
        ship_to: Some(Person { name: "A".into(), address, ..Person::default() }),
        delivery_method: None,
        note: None,
        priority: 0,
    };
    let facts = IntakeFacts {
        merchant,
        channel: None,
        rule: AllocationRule::Backorder,
        known_skus: [sku()].into(),
        content: "c".into(),
        now: start(),
        hold_unpaid_stock_minutes: 0,
        min_remaining_shelf_life_days: 0,
    };
    Order::receive(&incoming, &facts).unwrap().next
}

/// Of the five units, three ship from one location and two from another.
fn allocated() -> Order {
    let part = |code, quantity| Allocation::plain(location(code), vec![AllocatedLine { line: 1, quantity }]);
    received(true).allocated(vec![part("SOF1", 3), part("VAR1", 2)], &String::new(), start()).next
}

fn task(order: &Order, number: u32, state: PickTaskState) -> PickTask {
    let fulfillment_order = order.fulfillment_order(number).unwrap();
    let mut task = PickTask::create(order, fulfillment_order, &BTreeMap::new(), start()).unwrap().next;
    task.state = state;
    task
}

fn shipment(order: &Order, number: u32, state: ShipmentState) -> Shipment {
    let plan = ShipmentPlan {
        id: PickTaskId::of(&order.id, number).shipment(),
        order: order.id.clone(),
        leg: Leg::Outbound,
        location: location("SOF1"),
        carrier_account: Some(CarrierAccountId::derive(&order.merchant(), &["sandbox"])),
        service: "standard".into(),
        parcel: Parcel { weight_grams: 500, length_mm: 200, width_mm: 100, height_mm: 50 },
        contents: vec![ShippedLine { line: 1, sku: sku(), lot: None, quantity: 3 }],
        cash_on_delivery_minor: None,
    };
    let mut shipment = Shipment::intend(plan, "mine".into(), start()).next;
    shipment.state = state;
    shipment
}

/// An order whose two tasks are in these states, with the first one's shipment.
fn parts(order: &Order, states: [PickTaskState; 2], first: Option<ShipmentState>) -> Parts {
    Parts {
        tasks: (1..).zip(states).map(|(number, state)| (number, task(order, number, state))).collect(),
        shipments: first.map(|state| (1, shipment(order, 1, state))).into_iter().collect(),
        ..Parts::default()
    }
}

fn owed(order: &Order, parts: &Parts) -> Vec<MessageKind> {
    kinds(&order.look(parts, later()))
}

/// What follows a hand-over.
fn handed_over(shipment: &crate::ids::ShipmentId) -> [MessageKind; 2] {
    let shipment = shipment.clone();
    [MessageKind::ShipmentChanged { shipment: shipment.clone() }, MessageKind::ReportFulfilment { shipment }]
}

/// Every message of a look.
fn kinds(look: &OrderLook) -> Vec<MessageKind> {
    let tasks = look.tasks.values().flat_map(|task| &task.messages);
    let shipments = look.shipments.values().flat_map(|shipment| &shipment.messages);
    look.order.messages.iter().chain(tasks).chain(shipments).map(|message| message.kind.clone()).collect()
}

fn first_task(order: &Order) -> PickTaskId {
    PickTaskId::of(&order.id, 1)
}

#[test]
fn an_order_that_was_not_reserved_is_reserved() {
    let order = received(true);
    assert_eq!(owed(&order, &Parts::default()), [MessageKind::Reserve { order: order.id.clone() }]);
}

#[test]
fn an_order_that_waits_for_stock_is_reserved_again() {
    let order = received(true).allocated(Vec::new(), &String::new(), start()).next;
    assert_eq!(order.waits_as(), Some("backordered"));
    assert_eq!(owed(&order, &Parts::default()), [MessageKind::Reserve { order: order.id.clone() }]);
}

#[test]
fn an_unpaid_or_held_order_waits_for_a_person() {
    assert_eq!(owed(&received(false), &Parts::default()), []);
    let held = Hold { reason: HoldReason::MerchantRequest, note: None };
    let order = allocated().place_hold(held, start()).unwrap().next;
    let packed = parts(&order, [PickTaskState::Packed, PickTaskState::Released], None);
    assert_eq!(owed(&order, &packed), []);
}

#[test]
fn missing_tasks_are_created_by_one_message() {
    let order = allocated();
    assert_eq!(owed(&order, &Parts::default()), [MessageKind::CreatePickTasks { order: order.id.clone() }]);
}

#[test]
fn work_that_people_do_is_not_stuck() {
    let order = allocated();
    for state in [PickTaskState::Released, PickTaskState::Assigned, PickTaskState::InProgress, PickTaskState::Picked] {
        assert_eq!(owed(&order, &parts(&order, [state, state], None)), [], "{state:?}");
    }
}

#[test]
fn a_packed_task_gets_what_its_shipment_waits_for() {
    let order = allocated();
    let check = |state: Option<ShipmentState>, expect: Option<MessageKind>| {
        let parts = parts(&order, [PickTaskState::Packed, PickTaskState::Released], state);
        assert_eq!(owed(&order, &parts), Vec::from_iter(expect), "{state:?}");
    };
    let id = first_task(&order).shipment();
    check(None, Some(MessageKind::Book { task: first_task(&order) }));
    check(Some(ShipmentState::BookingIntent), Some(MessageKind::Reconcile { shipment: id.clone() }));
    check(Some(ShipmentState::BookingUnknown), None);
    check(Some(ShipmentState::BookingRefused), None);
    check(Some(ShipmentState::LabelPurchased), None);
    check(Some(ShipmentState::VoidRequested), Some(MessageKind::Reconcile { shipment: id.clone() }));
    check(Some(ShipmentState::Voided), None);
    let parts = parts(&order, [PickTaskState::Packed, PickTaskState::Released], Some(ShipmentState::HandedOver));
    assert_eq!(owed(&order, &parts), handed_over(&id));
}

#[test]
fn a_purchase_under_way_is_left_alone() {
    let order = allocated();
    let parts = parts(&order, [PickTaskState::Packed, PickTaskState::Released], Some(ShipmentState::BookingIntent));
    assert_eq!(kinds(&order.look(&parts, start() + CALL_LASTS / 2)), []);
}

#[test]
fn units_that_a_task_lacks_are_taken_off_its_fulfilment_order() {
    let order = allocated();
    let mut parts = parts(&order, [PickTaskState::Picked, PickTaskState::Released], None);
    parts.tasks.get_mut(&1).unwrap().lines[0].short = 1;
    assert_eq!(owed(&order, &parts), [MessageKind::ShortPicked { task: first_task(&order) }]);
    let settled = order.short_picked(1, &[AllocatedLine { line: 1, quantity: 1 }], vec![], start());
    assert!(!owed(&settled, &parts).contains(&MessageKind::ShortPicked { task: first_task(&order) }));
}

#[test]
fn a_cancellation_is_carried_on_until_every_task_has_ended() {
    let order = allocated().request_cancel(start()).unwrap().next;
    let cancel = MessageKind::CancelPickTasks { order: order.id.clone() };
    let check = |states: [PickTaskState; 2], expect: &[MessageKind]| {
        assert_eq!(owed(&order, &parts(&order, states, None)), expect, "{states:?}");
    };
    assert_eq!(owed(&order, &Parts::default()), std::slice::from_ref(&cancel));
    check([PickTaskState::Assigned, PickTaskState::Packed], &[cancel]);
    check([PickTaskState::PutBack, PickTaskState::PutBack], &[]);
    let release = MessageKind::Release { task: first_task(&order) };
    check([PickTaskState::Cancelled, PickTaskState::PutBack], &[release]);
}

#[test]
fn a_cancellation_that_came_too_late_ends_with_the_hand_over() {
    let order = allocated().request_cancel(start()).unwrap().next;
    let parts = parts(&order, [PickTaskState::Packed, PickTaskState::PutBack], Some(ShipmentState::HandedOver));
    assert_eq!(owed(&order, &parts), handed_over(&first_task(&order).shipment()));
}

#[test]
fn a_settled_order_is_not_looked_at() {
    let order = allocated();
    assert_eq!(order.look_due_at(), Some(start() + FIRST_LOOK));
    let shipped = order.handed_over(1, start()).next.handed_over(2, start()).next;
    assert_eq!(shipped.look_due_at(), None);
    let cancelled = received(true).request_cancel(start()).unwrap().next;
    assert_eq!(cancelled.look_due_at(), None);
}

#[test]
fn a_booking_of_unknown_outcome_is_reconciled_and_one_that_a_person_settles_is_not() {
    let order = allocated();
    let unknown = shipment(&order, 1, ShipmentState::BookingUnknown);
    let look = unknown.look(later());
    let kinds: Vec<_> = look.messages.iter().map(|message| message.kind.clone()).collect();
    assert_eq!(kinds, [MessageKind::Reconcile { shipment: unknown.id.clone() }]);
    assert_eq!(look.next.reconcile_due_at(), Some(later() + FIRST_LOOK));
    let waits = Shipment { reason: Some("the carrier cannot be asked".into()), ..unknown };
    assert_eq!(waits.look(later()).messages, []);
    assert_eq!(waits.look(later()).next.reconcile_due_at(), None);
}

#[test]
fn the_next_purchase_is_looked_at_on_its_own_time() {
    let order = allocated();
    let unknown = shipment(&order, 1, ShipmentState::BookingUnknown);
    let at = start() + SignedDuration::from_hours(9);
    let attempt = Attempt {
        claim: "other".into(),
        carrier_account: unknown.carrier_account.clone().unwrap(),
        service: unknown.service.clone(),
    };
    let mut again = unknown.look(at).next.next_attempt(1, attempt, at).unwrap().next;
    again.state = ShipmentState::BookingUnknown;
    assert_eq!(again.reconcile_due_at(), Some(at + CALL_LASTS));
}

fn approved(order: &Order) -> Return {
    let mut back = Return::refused(order, &first_task(order).shipment(), start()).unwrap().back.next;
    back.state = ReturnState::Approved;
    back.shipment = None;
    back.send_by = Some(start() + SEND_WITHIN);
    back
}

#[test]
fn an_approved_return_without_label_gets_one() {
    let order = allocated().handed_over(1, start()).next;
    let back = approved(&order);
    assert_eq!(back.look_due_at(), Some(start() + FIRST_LOOK));
    let look = back.look(None, later());
    let sent: Vec<_> = look.back.messages.iter().map(|message| message.kind.clone()).collect();
    assert_eq!(sent, [MessageKind::BookReturn { return_id: back.id.clone() }]);
    assert_eq!(look.back.next.look_due_at(), Some(later() + FIRST_LOOK));
    let check = |state: ShipmentState, expect: Option<MessageKind>| {
        let label = shipment(&order, 1, state);
        let look = back.look(Some(&label), later());
        assert_eq!(look.back.messages, []);
        assert_eq!(look.shipment.map(|decision| decision.messages[0].kind.clone()), expect, "{state:?}");
    };
    let id = shipment(&order, 1, ShipmentState::LabelPurchased).id;
    let told = MessageKind::ReturnLabelBooked { return_id: back.id.clone(), shipment: id.clone() };
    check(ShipmentState::LabelPurchased, Some(told.clone()));
    check(ShipmentState::BookingRefused, Some(told));
    check(ShipmentState::BookingIntent, Some(MessageKind::Reconcile { shipment: id }));
    check(ShipmentState::BookingUnknown, None);
}

#[test]
fn a_return_that_was_not_sent_in_time_expires_once() {
    let order = allocated().handed_over(1, start()).next;
    for state in [ReturnState::Approved, ReturnState::LabelIssued] {
        let back = Return { state, ..approved(&order) };
        let at = start() + SEND_WITHIN;
        assert!(!back.look(None, at - FIRST_LOOK).expired);
        let look = back.look(None, at);
        let voids: Vec<&MessageKind> = look.back.messages.iter().map(|message| &message.kind).collect();
        let label = MessageKind::Void { shipment: back.id.shipment() };
        let expected = if state == ReturnState::LabelIssued { vec![&label] } else { vec![] };
        assert!(look.expired);
        assert_eq!(voids, expected, "a label that was issued is given back");
        assert_eq!(look.back.next.state, ReturnState::ExpiredUnsent);
        assert_eq!(look.back.next.look_due_at(), None);
    }
    let sent = Return { state: ReturnState::InTransit, ..approved(&order) };
    assert_eq!(sent.look_due_at(), None);
}

#[test]
fn a_return_with_its_label_is_looked_at_when_it_expires() {
    let order = allocated().handed_over(1, start()).next;
    let id = shipment(&order, 1, ShipmentState::LabelPurchased).id;
    let back = approved(&order).label_booked(&id, start()).next;
    assert_eq!(back.look_due_at(), Some(start() + SEND_WITHIN));
}

#[test]
fn what_a_tracker_says_is_said_again() {
    let order = allocated();
    let account = CarrierAccountId::derive(&order.merchant(), &["sandbox"]);
    let linked = Tracker::new(account, "T1", start()).link(&first_task(&order).shipment(), start()).next;
    let at = start() + SignedDuration::from_hours(30);
    assert_eq!(linked.look(at).messages, [], "nothing is known of it");
    let refused = TrackingEvent {
        tracking_number: "T1".into(),
        event_id: "e1".into(),
        status: TrackingStatus::Refused,
        carrier_code: "R".into(),
        occurred_at: start(),
        reference: None,
    };
    let told = linked.event(&refused, start());
    let look = told.next.look(at);
    assert_eq!(look.messages, told.messages);
    assert!(look.next.poll_due_at().is_some_and(|due| due > at));
}

proptest! {
    #[test]
    fn looks_double_from_the_first_to_one_a_day(age_s in 0_i64..90 * 86_400) {
        let now = start() + SignedDuration::from_secs(age_s);
        let wait = now.duration_until(next_look(start(), now));
        prop_assert!(wait >= FIRST_LOOK && wait <= LOOK_AT_LEAST_EVERY);
        if SignedDuration::from_secs(age_s) >= FIRST_LOOK && wait < LOOK_AT_LEAST_EVERY {
            prop_assert_eq!(wait, SignedDuration::from_secs(age_s));
        }
    }

    #[test]
    fn a_look_changes_nothing_but_the_time_of_the_next(
        states in (0_usize..8, 0_usize..8),
        first in proptest::option::of(0_usize..7),
        cancelled: bool,
    ) {
        use PickTaskState as T;
        use ShipmentState as S;
        let tasks = [T::Released, T::Assigned, T::InProgress, T::Picked, T::ShortPicked, T::Packed, T::PutBack, T::Cancelled];
        let shipments = [
            S::BookingIntent, S::BookingUnknown, S::BookingRefused, S::LabelPurchased, S::HandedOver, S::VoidRequested, S::Voided,
        ];
        let mut order = allocated();
        if cancelled {
            order = order.request_cancel(start()).unwrap().next;
        }
        let parts = parts(&order, [tasks[states.0], tasks[states.1]], first.map(|state| shipments[state]));
        let look = order.look(&parts, later());
        let sent = kinds(&look);
        for (index, kind) in sent.iter().enumerate() {
            prop_assert!(!sent[..index].contains(kind), "sent twice: {:?}", kind);
        }
        prop_assert!(look.order.messages.iter().all(|message| message.correlation_id == order.id.as_str()));
        prop_assert!(look.order.stock.is_empty() && look.order.facts.is_empty());
        prop_assert_eq!(look.order.next.next_look_at, Some(later() + FIRST_LOOK));
        prop_assert_eq!(Order { next_look_at: None, ..look.order.next }, order.clone());
        prop_assert!(look.tasks.iter().all(|(number, task)| parts.tasks[number] == task.next));
        prop_assert!(look.shipments.iter().all(|(number, shipment)| parts.shipments[number] == shipment.next));
    }
}

#[test]
fn a_take_that_nobody_closed_is_announced_once_for_each_place() {
    let order = allocated();
    let level = |lot: &str| crate::stock::LevelId {
        sku: crate::ids::Sku::parse("TEA").unwrap(),
        location: crate::ids::LocationId::parse("SOF1").unwrap(),
        lot: Some(crate::stock::Lot { code: lot.to_owned(), expiry: None }),
    };
    let mut parts = parts(&order, [PickTaskState::Released, PickTaskState::Released], None);
    parts.expired_takes = [level("A"), level("B")].into();
    let (sku, location) = (level("A").sku, level("A").location);
    assert_eq!(owed(&order, &parts), [MessageKind::StockArrived { sku, location }]);
}
