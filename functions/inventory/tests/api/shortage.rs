//! Adjustments below what is promised: refused, or by a flag at the cost of orders.

use crate::World;
use domain::count_task::CountTask;
use domain::order::{AllocatedGoods, Order};
use domain::pick_task::{PickTask, PickTaskState, Scan};
use domain::stock::{Goods, Level, LevelId, Lot, StockChange, Term};
use domain::{Decision, LocationId, MerchantId, MessageKind, PickTaskId, Sku};
use platform::items::{WORK_INDEX, count_parts, order_key, pick_task_key};
use platform::level::MovementOutbox;
use platform::listing::PageRequest;
use platform::{Failure, Operation, Table, Versioned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use testkit::api::{new_adjustment, new_item, new_receipt, refused, with};
use testkit::lost_answers::WRITES;
use testkit::parcel::packer;
use testkit::request::RequestBuilder;
use testkit::{LostAnswers, request};

fn names() -> (Sku, LocationId) {
    (Sku::parse("TEA").unwrap(), LocationId::parse("SOF1").unwrap())
}

/// A world with `units` of the tea in Sofia.
async fn world(units: i64) -> World {
    over(testkit::Stack::new(), units).await
}

async fn over(stack: testkit::Stack, units: i64) -> World {
    let world = World::over(stack).await;
    for merchant in [&world.merchant, &world.other] {
        world.stack.item(merchant, "TEA").await;
        world.stack.location(merchant, "SOF1").await;
    }
    assert_eq!(world.ops(request("POST /v1/receipts").json(&new_receipt("TEA", "SOF1", units))).await.0, 201);
    world
}

fn adjust(quantity: i64, key: &str) -> RequestBuilder {
    let body = with(&new_adjustment("TEA", "SOF1", quantity), &json!({"type": "WRITE_OFF", "shortage": true}));
    request("POST /v1/adjustments").json(&body).header("idempotency-key", key)
}

/// Two units are promised to an order of this priority, whose pick task is not made yet.
async fn promise(world: &World, merchant: &MerchantId, number: &str, priority: u32) -> Order {
    let (order, sku, location) = world.stack.allocated_order(merchant, number, None).await;
    let operation = Operation::of(&["test", "promise", number]);
    let key = order_key(&order.id);
    let changed = world.stack.deps.store.change(&key, &operation, async |stored| {
        let stored: &Versioned<Order> = stored.unwrap();
        let next = Order { priority, ..stored.body.clone() };
        Ok::<_, Failure>(Decision::of(next).with_stock([StockChange::reserve(&sku, &location, 2)]))
    });
    changed.await.unwrap().value.body
}

/// Its pick task, with so many units scanned.
async fn release(world: &World, order: &Order, scanned: u32) -> PickTaskId {
    world.stack.clock.advance(Duration::from_secs(1));
    let now = world.stack.now();
    let task = PickTask::create(order, &order.fulfillment_orders[0], &BTreeMap::new(), now).unwrap().next;
    let decision = if scanned == 0 {
        Decision::of(task)
    } else {
        let scan = Scan { barcode: "TEA".to_owned(), quantity: scanned, goods: Goods::default() };
        task.claim(&packer(), now).unwrap().next.scan(&scan, &packer(), now).unwrap()
    };
    let operation = Operation::of(&["test", "task", order.id.as_str()]);
    world.stack.deps.store.create(&operation, decision).await.unwrap().value.body.id
}

async fn released(world: &World, number: &str, priority: u32) -> PickTaskId {
    let order = promise(world, &world.merchant, number, priority).await;
    release(world, &order, 0).await
}

async fn task(world: &World, id: &PickTaskId) -> PickTask {
    world.stack.deps.store.require::<PickTask>(&pick_task_key(id), id).await.unwrap().body
}

async fn level(world: &World, merchant: &MerchantId) -> Level {
    let (sku, location) = names();
    let level = world.stack.level(merchant, &sku, &location).await;
    assert!(level.is_sound(), "{level:?}");
    level
}

fn terms(level: &Level) -> [i64; 5] {
    [Term::OnHand, Term::Available, Term::Reserved, Term::Picked, Term::CountSuspect].map(|term| level.get(term))
}

fn short(answer: &Value) -> Vec<(String, u64)> {
    let tasks = answer["short_picked"].as_array().cloned().unwrap_or_default();
    tasks.iter().map(|t| (t["task"].as_str().unwrap().to_owned(), t["units"].as_u64().unwrap())).collect()
}

#[tokio::test]
async fn without_the_flag_orders_keep_what_they_are_promised_and_with_it_they_lose_what_is_not_free() {
    let world = world(10).await;
    let urgent = released(&world, "1", 5).await;
    let old = released(&world, "2", 0).await;
    let new = released(&world, "3", 0).await;
    refused(
        world.ops(request("POST /v1/adjustments").json(&new_adjustment("TEA", "SOF1", -7))).await,
        409,
        "insufficient-stock",
        "/quantity",
    );
    assert_eq!(terms(&level(&world, &world.merchant).await), [10, 4, 6, 0, 0]);
    let _ = world.stack.outbox();
    let (status, adjustment) = world.ops(adjust(-7, "k1")).await;
    assert_eq!(status, 201, "{adjustment}");
    assert_eq!(short(&adjustment), [(new.to_string(), 2), (old.to_string(), 1)]);
    let movement = &adjustment["movement"];
    let of = |name: &str| movement[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(movement["quantity"], 7);
    let expect = ["WRITE_OFF", "count_suspect", "warehouse", "cycle count"];
    assert_eq!(["type", "from", "liable", "reason"].map(of), expect);
    assert_eq!(terms(&level(&world, &world.merchant).await), [3, 0, 3, 0, 0]);
    let told: Vec<MessageKind> = world.stack.outbox().into_iter().map(|message| message.kind).collect();
    let lost = |task: &PickTaskId| MessageKind::ShortPicked { task: task.clone() };
    assert_eq!(told, [lost(&new), lost(&old)], "their orders are reserved elsewhere, or wait");
    assert_eq!(task(&world, &new).await.state, PickTaskState::ShortPicked);
    let half = task(&world, &old).await;
    assert_eq!((half.state, half.remaining()), (PickTaskState::Released, 1));
    assert_eq!(half.history.0.last().unwrap().person.as_deref(), Some("badge-17"), "in the person's name");
    assert_eq!(task(&world, &urgent).await.remaining(), 2);
    world.stack.clock.advance(Duration::from_secs(60));
    assert_eq!(world.ops(adjust(-7, "k1")).await, (201, adjustment), "once");
    refused(world.ops(adjust(-6, "k1")).await, 422, "idempotency-key-reused", "");
    assert_eq!(terms(&level(&world, &world.merchant).await), [3, 0, 3, 0, 0]);
}

#[tokio::test]
async fn the_ledger_adds_up_to_the_level_and_somebody_is_asked_to_count() {
    let world = world(5).await;
    released(&world, "1", 0).await;
    released(&world, "2", 0).await;
    let (_, adjustment) = world.ops(adjust(-4, "k1")).await;
    assert_eq!(short(&adjustment).iter().map(|(_, units)| units).sum::<u64>(), 3, "{adjustment}");
    let mut sums: BTreeMap<Term, i64> = BTreeMap::new();
    for record in world.stack.stream_records() {
        let Some(text) = record.text("movement") else { continue };
        let MovementOutbox { movements, .. } = serde_json::from_str(text).unwrap();
        for movement in movements {
            let units = i64::from(movement.quantity);
            *sums.entry(movement.from.unwrap_or(Term::OnHand)).or_default() -= units;
            *sums.entry(movement.to.unwrap_or(Term::OnHand)).or_default() += units;
        }
    }
    let level = level(&world, &world.merchant).await;
    assert_eq!(terms(&level), [1, 0, 1, 0, 0]);
    assert_eq!(sums[&Term::CountSuspect], 0, "{sums:?}");
    assert_eq!(-sums[&Term::OnHand], level.get(Term::OnHand), "what came in less what left");
    let (_, location) = names();
    let (parts, page) = (count_parts(&world.merchant, &location), PageRequest { limit: 9, after: None });
    let store = &world.stack.deps.store;
    let counts = store.list::<CountTask>(Table::Tasks, WORK_INDEX, &parts, &page, false, |_| true).await.unwrap().items;
    let causes: Vec<&str> = counts.iter().map(|count| count.body.cause.as_str()).collect();
    assert_eq!(causes, [adjustment["id"].as_str().unwrap()]);
}

#[tokio::test]
async fn with_enough_that_is_free_the_flag_changes_nothing() {
    let world = world(5).await;
    let task_id = released(&world, "1", 0).await;
    let (status, adjustment) = world.ops(adjust(-3, "k1")).await;
    assert_eq!((status, adjustment["movement"]["from"].as_str()), (201, Some("available")), "{adjustment}");
    assert_eq!(short(&adjustment), []);
    assert_eq!(task(&world, &task_id).await.remaining(), 2);
    assert_eq!(terms(&level(&world, &world.merchant).await), [2, 0, 2, 0, 0]);
}

#[tokio::test]
async fn a_crash_after_every_write_and_repeated_requests_end_as_one_request_without_crashes() {
    let mut ends = Vec::new();
    for crashes in [false, true] {
        let faults = Arc::new(LostAnswers::default());
        let world = over(testkit::Stack::builder().faults(faults.clone()).build(), 9).await;
        let mut tasks = Vec::new();
        for number in ["1", "2", "3", "4"] {
            tasks.push(released(&world, number, 0).await);
        }
        let mut requests = 0;
        let answer = loop {
            requests += 1;
            // As often as the SDK tries: the request dies after its next write, which took effect.
            faults.arm(WRITES, if crashes { 3 } else { 0 });
            let answer = world.ops(adjust(-6, "k1")).await;
            let _ = level(&world, &world.merchant).await;
            if answer.0 != 503 {
                break answer;
            }
            assert!(requests < 20, "{answer:?}");
        };
        // Opened, three tasks, made; and the request that finds it made.
        assert_eq!(requests, if crashes { 6 } else { 1 });
        let mut left = Vec::new();
        for id in &tasks {
            left.push(task(&world, id).await.remaining());
        }
        ends.push((answer, terms(&level(&world, &world.merchant).await), left));
    }
    assert_eq!(ends[0], ends[1]);
    assert_eq!((ends[0].0.0, ends[0].1, ends[0].2.as_slice()), (201, [3, 0, 3, 0, 0], [2, 1, 0, 0].as_slice()));
}

#[tokio::test]
async fn the_same_request_twice_at_once_takes_no_unit_twice() {
    let world = world(6).await;
    for number in ["1", "2", "3"] {
        released(&world, number, 0).await;
    }
    let (one, other) = tokio::join!(world.ops(adjust(-3, "k1")), world.ops(adjust(-3, "k1")));
    for answer in [&one, &other] {
        assert!([201, 503].contains(&answer.0), "{answer:?}");
    }
    let again = world.ops(adjust(-3, "k1")).await;
    assert_eq!((again.0, short(&again.1).iter().map(|(_, units)| units).sum::<u64>()), (201, 3));
    assert_eq!(terms(&level(&world, &world.merchant).await), [3, 0, 3, 0, 0]);
}

#[tokio::test]
async fn another_merchants_tasks_of_the_same_item_and_location_lose_nothing() {
    let world = world(2).await;
    let (sku, location) = names();
    world.stack.stock(&world.other, &sku, &location, 2).await;
    let theirs = promise(&world, &world.other, "1", 0).await;
    let theirs = release(&world, &theirs, 0).await;
    released(&world, "1", 9).await;
    let before = (task(&world, &theirs).await, level(&world, &world.other).await);
    assert_eq!(world.ops(adjust(-2, "k1")).await.0, 201);
    assert_eq!((task(&world, &theirs).await, level(&world, &world.other).await), before);
    refused(world.ops(adjust(-1, "k2")).await, 409, "insufficient-stock", "/quantity");
    assert_eq!((task(&world, &theirs).await, level(&world, &world.other).await), before);
}

#[tokio::test]
async fn scanned_units_are_never_taken_and_the_request_is_gone_on_with_when_more_can_be() {
    let world = world(7).await;
    let (picked, begun) =
        (promise(&world, &world.merchant, "1", 0).await, promise(&world, &world.merchant, "2", 0).await);
    let late = promise(&world, &world.merchant, "3", 0).await;
    let (picked, begun) = (release(&world, &picked, 2).await, release(&world, &begun, 1).await);
    assert_eq!(terms(&level(&world, &world.merchant).await), [7, 1, 4, 2, 0]);
    let before = level(&world, &world.merchant).await;
    let too_many = world.ops(adjust(-6, "k0")).await;
    assert!(too_many.1["detail"].as_str().unwrap().contains("at most 5"), "{too_many:?}");
    refused(too_many, 409, "insufficient-stock", "/quantity");
    assert_eq!(level(&world, &world.merchant).await, before, "nobody lost anything for nothing");
    let unfinished = world.ops(adjust(-4, "k1")).await;
    let detail = unfinished.1["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("1 units were taken") && detail.contains("2 more are promised"), "{detail}");
    refused(unfinished, 409, "shortage-unfinished", "/quantity");
    assert_eq!(task(&world, &picked).await.picked(), 2);
    let begun = task(&world, &begun).await;
    assert_eq!((begun.state, begun.picked()), (PickTaskState::Picked, 1), "what was scanned ships");
    assert_eq!(terms(&level(&world, &world.merchant).await), [7, 0, 2, 3, 2], "kept aside");
    refused(world.ops(adjust(-3, "k1")).await, 422, "idempotency-key-reused", "");
    let late = release(&world, &late, 0).await;
    let (status, adjustment) = world.ops(adjust(-4, "k1")).await;
    assert_eq!(status, 201, "{adjustment}");
    assert_eq!(short(&adjustment), [(begun.id.to_string(), 1), (late.to_string(), 2)]);
    assert_eq!(terms(&level(&world, &world.merchant).await), [3, 0, 0, 3, 0]);
}

#[tokio::test]
async fn what_cannot_be_short_is_refused_with_the_field() {
    let world = world(5).await;
    let send = async |change: Value| {
        let body = with(&new_adjustment("TEA", "SOF1", -1), &json!({"shortage": true}));
        world.ops(request("POST /v1/adjustments").json(&with(&body, &change))).await
    };
    refused(send(json!({"quantity": 2})).await, 400, "invalid-field", "/shortage");
    refused(send(json!({"goods": {"condition": "damaged"}})).await, 400, "invalid-field", "/shortage");
    refused(send(json!({"shortage": "yes"})).await, 400, "invalid-field", "/shortage");
    refused(send(json!({"sku": "NONE"})).await, 422, "unknown-item", "/sku");
    refused(send(json!({"goods": {"lot": "L7"}, "quantity": -9})).await, 409, "insufficient-stock", "/quantity");
}

#[tokio::test]
async fn only_those_lose_units_who_are_promised_the_lot_that_is_gone() {
    let world = World::new().await;
    let tea = with(&new_item("TEA"), &json!({"lot_tracked": true, "safety_stock": 0}));
    assert_eq!(world.ops(request("POST /v1/items").json(&tea)).await.0, 201);
    let (sku, location) = names();
    let mut tasks = Vec::new();
    for (number, code, expiry) in [("1", "L7", "2099-01-31"), ("2", "L8", "2099-06-30")] {
        world.stack.location(&world.merchant, "SOF1").await;
        let lot = Lot { code: code.to_owned(), expiry: Some(expiry.parse().unwrap()) };
        let level = LevelId { sku: sku.clone(), location: location.clone(), lot: Some(lot.clone()) };
        world.stack.stock_of(&world.merchant, &level, 3).await;
        let (order, ..) = world.stack.allocated_order(&world.merchant, number, None).await;
        let operation = Operation::of(&["test", "promise", number]);
        let key = order_key(&order.id);
        let changed = world.stack.deps.store.change(&key, &operation, async |stored| {
            let stored: &Versioned<Order> = stored.unwrap();
            let mut next = stored.body.clone();
            let goods = AllocatedGoods { line: 1, sku: sku.clone(), lot: Some(lot.clone()), quantity: 2 };
            next.fulfillment_orders[0].goods = vec![goods];
            let reserved = StockChange::reserve(&sku, &location, 2).of_lot(Some(lot.clone()));
            Ok::<_, Failure>(Decision::of(next).with_stock([reserved]))
        });
        let order: Order = changed.await.unwrap().value.body;
        tasks.push((release(&world, &order, 0).await, level));
    }
    let of_lot = |quantity: i64, lot: &str| {
        let goods = json!({"type": "WRITE_OFF", "shortage": true, "goods": {"lot": lot}});
        world.ops(request("POST /v1/adjustments").json(&with(&new_adjustment("TEA", "SOF1", quantity), &goods)))
    };
    let (status, adjustment) = of_lot(-2, "L7").await;
    assert_eq!((status, short(&adjustment)), (201, vec![(tasks[0].0.to_string(), 1)]), "{adjustment}");
    assert_eq!((task(&world, &tasks[0].0).await.remaining(), task(&world, &tasks[1].0).await.remaining()), (1, 2));
    let seven = world.stack.level_of(&world.merchant, &tasks[0].1).await;
    let eight = world.stack.level_of(&world.merchant, &tasks[1].1).await;
    assert_eq!((terms(&seven), terms(&eight)), ([1, 0, 1, 0, 0], [3, 1, 2, 0, 0]));
    refused(of_lot(-4, "L8").await, 409, "insufficient-stock", "/quantity");
}

#[tokio::test]
async fn nobody_loses_a_unit_for_a_serial_number_that_is_not_in_stock() {
    let world = World::new().await;
    world.stack.location(&world.merchant, "SOF1").await;
    let phone = with(&new_item("PHONE"), &json!({"serial_tracked": true, "safety_stock": 0}));
    assert_eq!(world.ops(request("POST /v1/items").json(&phone)).await.0, 201);
    let of_serial = |serial: &str| json!({"goods": {"serial": serial}});
    let receipt = with(&new_receipt("PHONE", "SOF1", 1), &of_serial("SN1"));
    assert_eq!(world.ops(request("POST /v1/receipts").json(&receipt)).await.0, 201);
    let sku = Sku::parse("PHONE").unwrap();
    let (_, location) = names();
    world.stack.change_level(&world.merchant, StockChange::reserve(&sku, &location, 1)).await;
    let gone = |serial: &str| {
        let change = with(&of_serial(serial), &json!({"type": "WRITE_OFF", "shortage": true}));
        world.ops(request("POST /v1/adjustments").json(&with(&new_adjustment("PHONE", "SOF1", -1), &change)))
    };
    let before = world.stack.level(&world.merchant, &sku, &location).await;
    refused(gone("SN2").await, 409, "serial-not-in-stock", "/goods/serial");
    assert_eq!(world.stack.level(&world.merchant, &sku, &location).await, before);
    refused(gone("SN1").await, 409, "shortage-unfinished", "/quantity");
}
