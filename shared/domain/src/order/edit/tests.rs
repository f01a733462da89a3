//! Edits at every stage.

use super::super::tests::received;
use super::*;
use crate::aggregate::Actor;
use crate::ids::{CarrierAccountId, LocationId, PickTaskId};
use crate::order::{Allocation, DeliveryState, Hold, HoldReason};
use crate::pick_task::{Parcel, PickTaskState, Scan};
use crate::shipment::{Leg, Shipment, ShipmentPlan};
use crate::stock::{Goods, Lot, Term};
use proptest::prelude::*;

fn at() -> Timestamp {
    "2026-11-02T09:00:00Z".parse().unwrap()
}

fn allocate(order: &Order, location: &str, lines: &[(u32, u32)]) -> Order {
    let lines = lines.iter().map(|(line, quantity)| AllocatedLine { line: *line, quantity: *quantity }).collect();
    order.allocated(vec![Allocation::plain(LocationId::parse(location).unwrap(), lines)], &String::new(), at()).next
}

fn task(order: &Order, number: u32) -> PickTask {
    PickTask::create(order, order.fulfillment_order(number).unwrap(), &BTreeMap::new(), at()).unwrap().next
}

fn with_tasks(order: &Order) -> Parts {
    let active = order.fulfillment_orders.iter().filter(|f| f.status == FulfillmentOrderStatus::Open);
    Parts { tasks: active.map(|f| (f.number, task(order, f.number))).collect(), ..Parts::default() }
}

fn lines(lines: &[(u32, u32)]) -> Edit {
    let lines = lines.iter().map(|(line, quantity)| LineEdit { line: *line, quantity: *quantity }).collect();
    Edit { lines, ..Edit::default() }
}

fn edit(order: &Order, edit: &Edit, parts: &Parts) -> Result<Edited, Rejected> {
    order.edit(edit, parts, &BTreeMap::new(), at())
}

/// Units that an edit gives back.
fn given(edited: &Edited) -> i64 {
    edited.order.stock.iter().map(|change| change.deltas[&Term::Available]).sum()
}

fn picker() -> Actor {
    Actor { person: "ann".to_owned(), station: "PICK-1".to_owned() }
}

fn scanned(task: &PickTask, quantity: u32) -> PickTask {
    let claimed = task.claim(&picker(), at()).unwrap().next;
    claimed.scan(&Scan { barcode: "TEA".into(), quantity, goods: Goods::default() }, &picker(), at()).unwrap().next
}

#[test]
fn what_is_not_reserved_is_just_not_ordered() {
    let edited = edit(&received(), &lines(&[(1, 1), (2, 0)]), &Parts::default()).unwrap();
    assert_eq!((given(&edited), edited.tasks.len()), (0, 0));
    let order = edited.order.next;
    assert_eq!(order.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(order.fulfilment, FulfilmentState::Received);
    assert_eq!(order.history.0.last().unwrap().note.as_deref(), Some("line 1: 2 → 1, line 2: 1 → 0"));
}

#[test]
fn a_line_that_waits_for_stock_leaves_the_queue_and_the_rest_is_tried_anew() {
    let waiting = allocate(&received(), "SOF1", &[(2, 1)]);
    assert_eq!(waiting.fulfilment, FulfilmentState::PartiallyAllocated);
    let edited = edit(&waiting, &lines(&[(1, 1)]), &with_tasks(&waiting)).unwrap();
    assert_eq!((&edited.leaves_queue, edited.order.next.waits_for.len()), (&waiting.waits_for, 0));
    assert_eq!(edited.order.messages[0].kind, MessageKind::Reserve { order: waiting.id.clone() });
    let all = edit(&waiting, &lines(&[(1, 0)]), &with_tasks(&waiting)).unwrap();
    assert_eq!(all.leaves_queue, waiting.waits_for);
    assert_eq!((all.order.next.fulfilment, all.order.messages.len()), (FulfilmentState::Allocated, 0));
    assert_eq!((given(&all), all.tasks.len()), (0, 0), "what is picked already is not touched");
}

#[test]
fn an_untouched_task_picks_less_and_its_units_are_free_at_once() {
    let order = allocate(&received(), "SOF1", &[(1, 2), (2, 1)]);
    let edited = edit(&order, &lines(&[(1, 1)]), &with_tasks(&order)).unwrap();
    assert_eq!(given(&edited), 1);
    assert_eq!(edited.tasks[&1].next.shipping().iter().map(|line| line.quantity).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(edited.tasks[&1].next.state, PickTaskState::Released);
    let order = edited.order.next;
    assert_eq!((order.fulfilment, order.fulfillment_orders[0].lines[0].quantity), (FulfilmentState::Allocated, 1));
}

#[test]
fn a_task_that_keeps_nothing_is_cancelled_and_gives_nothing_back_twice() {
    let order = allocate(&allocate(&received(), "SOF1", &[(1, 2)]), "VAR1", &[(2, 1)]);
    let edited = edit(&order, &lines(&[(2, 0)]), &with_tasks(&order)).unwrap();
    assert_eq!(given(&edited), 1);
    let task = &edited.tasks[&2];
    assert_eq!((task.next.state, task.messages.len()), (PickTaskState::Cancelled, 0), "no release follows");
    assert_eq!(task.next.held().count(), 0);
    assert_eq!(edited.order.next.fulfillment_orders[1].status, FulfillmentOrderStatus::Cancelled);
    assert_eq!(edited.order.next.fulfilment, FulfilmentState::Allocated);
}

#[test]
fn a_task_that_is_not_there_yet_is_created_with_what_is_left() {
    let order = allocate(&received(), "SOF1", &[(1, 2), (2, 1)]);
    let edited = edit(&order, &lines(&[(1, 0)]), &Parts::default()).unwrap();
    assert_eq!((given(&edited), edited.tasks[&1].next.remaining()), (2, 1), "none with more can be made late");
}

#[test]
fn what_is_held_for_a_payment_is_given_back_without_a_task() {
    let mut unpaid = received();
    unpaid.hold_unpaid_stock_minutes = 30;
    let unpaid = unpaid.place_hold(Hold { reason: HoldReason::AwaitingPayment, note: None }, at()).unwrap().next;
    let held = allocate(&unpaid, "SOF1", &[(1, 2), (2, 1)]);
    let edited = edit(&held, &lines(&[(1, 1)]), &Parts::default()).unwrap();
    assert_eq!((given(&edited), edited.tasks.len()), (1, 0));
    assert_eq!(edited.order.next.reserved_until, held.reserved_until);
}

/// What an edit is refused with once the first task is in this state.
fn check(change: impl FnOnce(&mut Parts, &Order), expect: Result<(), &str>) {
    let order = allocate(&received(), "SOF1", &[(1, 2), (2, 1)]);
    let mut parts = with_tasks(&order);
    change(&mut parts, &order);
    let refused = edit(&order, &lines(&[(1, 1)]), &parts).map(drop).map_err(|rejected| {
        assert_eq!(rejected.pointer.as_deref(), Some("/lines/0/quantity"));
        rejected.code
    });
    assert_eq!(refused, expect);
}

fn in_state(state: PickTaskState) -> impl FnOnce(&mut Parts, &Order) {
    move |parts, _| parts.tasks.values_mut().for_each(|task| task.state = state)
}

fn labelled(parts: &mut Parts, order: &Order) {
    in_state(PickTaskState::Packed)(parts, order);
    let plan = ShipmentPlan {
        id: PickTaskId::of(&order.id, 1).shipment(),
        order: order.id.clone(),
        leg: Leg::Outbound,
        location: LocationId::parse("SOF1").unwrap(),
        carrier_account: Some(CarrierAccountId::derive(&order.merchant(), &["sandbox"])),
        service: "standard".into(),
        parcel: Parcel { weight_grams: 500, length_mm: 200, width_mm: 100, height_mm: 50 },
        contents: Vec::new(),
        cash_on_delivery_minor: None,
    };
    parts.shipments.insert(1, Shipment::intend(plan, "mine".into(), at()).next);
}

#[test]
fn each_stage_takes_units_off_or_says_why_not() {
    check(in_state(PickTaskState::Released), Ok(()));
    check(in_state(PickTaskState::Assigned), Ok(()));
    check(|parts, _| parts.tasks.values_mut().for_each(|task| *task = scanned(task, 1)), Err("picking-started"));
    check(in_state(PickTaskState::Picked), Err("picking-started"));
    check(in_state(PickTaskState::Packed), Err("packed"));
    check(labelled, Err("label-purchased"));
    check(in_state(PickTaskState::ShortPicked), Err("task-ended"));
    let left = allocate(&received(), "SOF1", &[(1, 2)]).handed_over(1, at()).next;
    assert_eq!(edit(&left, &lines(&[(1, 1)]), &Parts::default()).unwrap_err().code, "handed-over");
    let gone = allocate(&received(), "SOF1", &[(1, 2), (2, 1)]).handed_over(1, at()).next;
    assert_eq!(edit(&gone, &lines(&[(1, 1)]), &Parts::default()).unwrap_err().code, "order-handed-over");
    let cancelled = received().request_cancel(at()).unwrap().next;
    assert_eq!(edit(&cancelled, &lines(&[(1, 1)]), &Parts::default()).unwrap_err().code, "order-cancelled");
}

#[test]
fn a_unit_that_nobody_touched_goes_before_one_in_hand() {
    let order = allocate(&allocate(&received(), "SOF1", &[(1, 1)]), "VAR1", &[(1, 1), (2, 1)]);
    let mut parts = with_tasks(&order);
    let first = parts.tasks.get_mut(&1).unwrap();
    first.state = PickTaskState::Packed;
    let edited = edit(&order, &lines(&[(1, 1)]), &parts).unwrap();
    assert_eq!(edited.tasks.keys().collect::<Vec<_>>(), [&2]);
    assert_eq!(edit(&order, &lines(&[(1, 0)]), &parts).unwrap_err().code, "packed", "all or nothing");
}

#[test]
fn more_units_are_reserved_as_any_that_a_line_lacks() {
    let order = allocate(&received(), "SOF1", &[(1, 2), (2, 1)]);
    let edited = edit(&order, &lines(&[(1, 5)]), &with_tasks(&order)).unwrap();
    assert_eq!(edited.order.next.fulfilment, FulfilmentState::PartiallyAllocated);
    assert_eq!(edited.order.messages[0].kind, MessageKind::Reserve { order: order.id.clone() });
    assert_eq!((given(&edited), edited.tasks.len()), (0, 0));
}

#[test]
fn what_never_came_is_struck_off_after_the_rest_has_left() {
    let left = allocate(&received(), "SOF1", &[(1, 2)]).handed_over(1, at()).next;
    assert_eq!(left.fulfilment, FulfilmentState::PartiallyFulfilled);
    let edited = edit(&left, &lines(&[(2, 0)]), &Parts::default()).unwrap();
    assert_eq!(edited.order.next.fulfilment, FulfilmentState::Fulfilled);
    assert_eq!(edited.leaves_queue.len(), 1);
}

#[test]
fn what_the_courier_collects_is_said_with_the_lines_and_not_after_packing() {
    let mut order = allocate(&received(), "SOF1", &[(1, 2), (2, 1)]);
    order.cash_on_delivery_minor = Some(1500);
    let pointer = |edit_: Edit| edit(&order, &edit_, &with_tasks(&order)).unwrap_err().pointer;
    assert_eq!(pointer(lines(&[(1, 1)])).as_deref(), Some("/cash_on_delivery_minor"));
    assert_eq!(
        pointer(Edit { cash_on_delivery_minor: Some(0), ..Edit::default() }).as_deref(),
        Some("/cash_on_delivery_minor")
    );
    let told = Edit { cash_on_delivery_minor: Some(1000), total_minor: Some(1000), ..lines(&[(1, 1)]) };
    let next = edit(&order, &told, &with_tasks(&order)).unwrap().order.next;
    assert_eq!((next.cash_on_delivery_of(1), next.total_minor), (Some(1000), 1000));
    let split = {
        let mut order = allocate(&allocate(&received(), "SOF1", &[(1, 2)]), "VAR1", &[(2, 1)]);
        order.cash_on_delivery_minor = Some(1500);
        order.handed_over(1, at()).next
    };
    let refused = edit(&split, &Edit { cash_on_delivery_minor: Some(1000), ..lines(&[(2, 0)]) }, &with_tasks(&split));
    assert_eq!(refused.unwrap_err().code, "packed");
}

#[test]
fn an_edit_that_makes_no_sense_is_refused_by_its_field() {
    let order = received();
    let pointer = |edit_: Edit| edit(&order, &edit_, &Parts::default()).unwrap_err().pointer.unwrap();
    assert_eq!(pointer(lines(&[(3, 1)])), "/lines/0/line");
    assert_eq!(pointer(lines(&[(1, 1), (1, 2)])), "/lines/1/line");
    assert_eq!(pointer(lines(&[(1, QUANTITY_MAX + 1)])), "/lines/0/quantity");
    assert_eq!(pointer(lines(&[(1, 0), (2, 0)])), "/lines");
    assert_eq!(pointer(Edit { priority: Some(PRIORITY_MAX + 1), ..Edit::default() }), "/priority");
    assert_eq!(pointer(Edit { total_minor: Some(-1), ..Edit::default() }), "/total_minor");
    assert_eq!(pointer(Edit { cash_on_delivery_minor: Some(5), ..Edit::default() }), "/cash_on_delivery_minor");
}

#[test]
fn another_priority_gives_a_waiting_order_another_place() {
    let waiting = received().allocated(vec![], &String::new(), at()).next;
    let edited = edit(&waiting, &Edit { priority: Some(9), ..Edit::default() }, &Parts::default()).unwrap();
    assert_eq!((edited.leaves_queue.len(), edited.order.messages.len()), (2, 1));
    assert!(edited.order.next.waiting_rank() < waiting.waiting_rank());
    let same = edit(&edited.order.next, &Edit { priority: Some(9), ..Edit::default() }, &Parts::default()).unwrap();
    assert_eq!((&same.order.next, same.order.messages.len()), (&edited.order.next, 0), "once is enough");
    assert_eq!(same.order.next.delivery, DeliveryState::None);
}

#[test]
fn of_a_kit_every_component_is_taken_off_and_the_lots_that_last_longest_first() {
    let sku = |code: &str| Sku::parse(code).unwrap();
    let lot = |code: &str| Some(Lot { expiry: None, code: code.to_owned() });
    let part = |code, lot, quantity| AllocatedGoods { line: 1, sku: sku(code), lot, quantity };
    let mut order = allocate(&received(), "SOF1", &[(1, 2)]);
    // Two kits of three candles, of two lots, and one holder each.
    order.fulfillment_orders[0].goods =
        vec![part("CANDLE", lot("A"), 4), part("CANDLE", lot("B"), 2), part("HOLDER", None, 2)];
    let edited = edit(&order, &lines(&[(1, 1)]), &Parts::default());
    let edited = edited.unwrap();
    let back: Vec<_> =
        edited.order.stock.iter().map(|c| (c.sku.as_str(), c.lot.clone(), c.deltas[&Term::Available])).collect();
    assert_eq!(back, [("CANDLE", lot("A"), 1), ("CANDLE", lot("B"), 2), ("HOLDER", None, 1)]);
    let picked: Vec<(&str, u32)> = edited.tasks[&1].next.lines.iter().map(|l| (l.sku.as_str(), l.quantity())).collect();
    assert_eq!(picked, [("CANDLE", 3), ("HOLDER", 1)], "the task is told apart by lot, and picks what is left");
    let own = &edited.order.next.fulfillment_orders[0];
    assert_eq!(own.goods, [part("CANDLE", lot("A"), 3), part("HOLDER", None, 1)]);
}

proptest! {
    /// Whatever is split, held, picked or packed: an edit is refused and changes nothing, or what is promised afterwards is
    /// what was promised less what is given back, every line has what it asked for, and tasks pick what is promised.
    #[test]
    fn an_edit_gives_back_exactly_what_it_takes_off(
        parts in proptest::collection::vec((0_u32..3, 0_u32..2, 0_usize..5), 0..3), wanted in (0_u32..5, 0_u32..3)
    ) {
        let states = [PickTaskState::Released, PickTaskState::Assigned, PickTaskState::Picked, PickTaskState::Packed];
        let mut order = received();
        let mut tasks = BTreeMap::new();
        for (tea, cup, state) in parts {
            let room = |line: u32, asked: u32| (line, asked.min(order.unallocated(order.line(line).unwrap())));
            let given: Vec<(u32, u32)> = [room(1, tea), room(2, cup)].into_iter().filter(|(_, units)| *units > 0).collect();
            if given.is_empty() { continue; }
            order = allocate(&order, "SOF1", &given);
            let number = order.fulfillment_orders.len() as u32;
            if let Some(state) = states.get(state) {
                let mut task = task(&order, number);
                task.state = *state;
                tasks.insert(number, task);
            }
        }
        let promised = |order: &Order| -> u32 {
            order.fulfillment_orders.iter().filter(|f| f.is_active()).flat_map(|f| &f.lines).map(|line| line.quantity).sum()
        };
        let parts = Parts { tasks, ..Parts::default() };
        if let Ok(edited) = edit(&order, &lines(&[(1, wanted.0), (2, wanted.1)]), &parts) {
            let next = &edited.order.next;
            prop_assert_eq!(i64::from(promised(&order)) - given(&edited), i64::from(promised(next)));
            prop_assert_eq!(next.line(1).unwrap().quantity, wanted.0);
            prop_assert_eq!(next.line(2).unwrap().quantity, wanted.1);
            for line in &next.lines {
                let allocated: u32 = next.fulfillment_orders.iter().filter(|f| f.is_active()).flat_map(|f| &f.lines)
                    .filter(|own| own.line == line.number).map(|own| own.quantity).sum();
                prop_assert!(allocated <= line.quantity, "more is promised than is ordered");
            }
            for active in next.fulfillment_orders.iter().filter(|f| f.is_active()) {
                let task = edited.tasks.get(&active.number).map(|task| &task.next).or(parts.tasks.get(&active.number));
                if let Some(task) = task {
                    prop_assert_eq!(task.shipping(), active.lines.clone());
                }
            }
        }
    }
}
