//! `PATCH /v1/orders/{order}`.

use crate::world::{World, actor, header, over, world};
use domain::order::FulfillmentOrderStatus;
use domain::pick_task::{PickTask, PickTaskState};
use domain::stock::Term;
use domain::{MessageKind, OrderId, PickTaskId};
use platform::items::{WaitingOrder, pick_task_key};
use platform::{Operation, Versioned};
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::LostAnswers;
use testkit::{Stack, request};

const EDIT: &str = "PATCH /v1/orders/{order}";

async fn edit(world: &World, id: &OrderId, body: Value) -> (u16, Value) {
    world.call(request(EDIT).key(&world.operations).path("order", id).json(&body).build()).await
}

/// Units that are available and reserved.
async fn units(world: &World) -> (i64, i64) {
    let level = world.stack.level(&world.merchant, &world.tea, &world.sofia).await;
    (level.get(Term::Available), level.get(Term::Reserved))
}

async fn task(world: &World, id: &PickTaskId) -> Versioned<PickTask> {
    world.stack.deps.store.require::<PickTask>(&pick_task_key(id), "task").await.unwrap()
}

fn one() -> Value {
    json!({"lines": [{"line": 1, "quantity": 1}], "total_minor": 500})
}

#[tokio::test]
async fn fewer_units_are_off_the_task_and_available_at_once() {
    let world = world().await;
    let id = world.order("1001").await;
    world.allocate(&id).await;
    let first = world.task(&id, false).await;
    let (status, body) = edit(&world, &id, one()).await;
    assert_eq!((status, body["total_minor"].as_i64()), (200, Some(500)));
    assert_eq!(units(&world).await, (99, 1));
    assert_eq!(task(&world, &first).await.body.remaining(), 1);
    let order = world.load(&id).await;
    assert_eq!((order.lines[0].quantity, order.fulfillment_orders[0].lines[0].quantity), (1, 1));
}

#[tokio::test]
async fn a_task_that_comes_late_finds_one_with_what_is_left() {
    let world = world().await;
    let id = world.order("1001").await;
    world.allocate(&id).await;
    let as_it_was = world.load(&id).await;
    assert_eq!(edit(&world, &id, one()).await.0, 200);
    let id_of_task = PickTaskId::of(&id, 1);
    assert_eq!(task(&world, &id_of_task).await.body.remaining(), 1);
    // A reader that had loaded the order before the edit.
    let late = PickTask::create(&as_it_was, &as_it_was.fulfillment_orders[0], &Default::default(), world.stack.now());
    let created = world.stack.deps.store.create(&Operation::of(&["late"]), late.unwrap()).await.unwrap();
    assert!(created.replayed);
    assert_eq!(created.value.body.remaining(), 1);
}

#[tokio::test]
async fn an_edit_at_a_late_stage_is_refused_and_changes_nothing() {
    for (number, is_labelled, expect) in [("1", false, "packed"), ("2", true, "label-purchased")] {
        let world = world().await;
        let id = if is_labelled {
            world.labelled(number).await.0
        } else {
            let id = world.order(number).await;
            world.allocate(&id).await;
            world.task(&id, true).await;
            id
        };
        let (before, stock) = (world.load(&id).await, units(&world).await);
        let (status, problem) = edit(&world, &id, one()).await;
        assert_eq!((status, problem["type"].as_str()), (409, Some(format!("urn:sklad:problem:{expect}").as_str())));
        assert_eq!(problem["pointer"], "/lines/0/quantity");
        assert_eq!((world.load(&id).await, units(&world).await), (before, stock));
    }
}

#[tokio::test]
async fn a_picker_s_claim_beside_an_edit_picks_what_is_left() {
    let world = world().await;
    let id = world.order("1001").await;
    world.allocate(&id).await;
    let first = world.task(&id, false).await;
    let scan = async {
        let now = world.stack.now();
        let claim = async |loaded: Option<&Versioned<PickTask>>| {
            Ok::<_, platform::Failure>(loaded.unwrap().body.claim(&actor(), now)?)
        };
        world.stack.deps.store.change(&pick_task_key(&first), &Operation::of(&["claim"]), claim).await.unwrap();
    };
    let ((status, _), ()) = tokio::join!(edit(&world, &id, one()), scan);
    assert_eq!(status, 200);
    let task = task(&world, &first).await.body;
    assert_eq!((task.state, task.remaining()), (PickTaskState::Assigned, 1));
    assert_eq!(units(&world).await, (99, 1));
}

#[tokio::test]
async fn a_waiting_order_moves_up_and_more_units_are_reserved() {
    let world = world().await;
    let id = world.order("1001").await;
    let at = world.stack.now();
    world.change_order(&id, |order| order.allocated(vec![], &String::new(), at)).await;
    let store = &world.stack.deps.store;
    let entry = WaitingOrder::new(&world.load(&id).await, world.tea.clone(), 2, 2, store.list_shards());
    store.enter_waiting(&entry).await.unwrap();
    let _ = world.stack.outbox();
    for body in [json!({"priority": 5}), json!({"lines": [{"line": 1, "quantity": 3}]})] {
        assert_eq!(edit(&world, &id, body).await.0, 200);
        assert!(store.waiting(&world.merchant, &world.tea, 10).await.unwrap().is_empty(), "the old place is free");
        let sent: Vec<MessageKind> = world.stack.outbox().into_iter().map(|message| message.kind).collect();
        assert_eq!(sent, [MessageKind::Reserve { order: id.clone() }], "it enters again at its new place");
    }
    assert_eq!((world.load(&id).await.priority, world.load(&id).await.waits_for.len()), (5, 0));
}

#[tokio::test]
async fn an_edit_whose_answer_was_lost_counts_once() {
    let faults = Arc::new(LostAnswers::default());
    let world = over(Stack::builder().faults(faults.clone()).build()).await;
    let id = world.order("1001").await;
    world.allocate(&id).await;
    let edit = |body: Value| {
        request(EDIT).key(&world.operations).path("order", &id).header("idempotency-key", "k1").json(&body).build()
    };
    faults.arm(&["TransactWriteItems"], 1);
    let first = world.answer(edit(one())).await;
    let second = world.answer(edit(one())).await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(header(&second, "idempotent-replayed"), Some("true"));
    assert_eq!(units(&world).await, (99, 1));
    assert_eq!(world.call(edit(json!({"priority": 1}))).await.0, 422);
}

#[tokio::test]
async fn a_bad_edit_is_refused_by_its_field_key_and_version() {
    let world = world().await;
    let id = world.order("1001").await;
    for (body, pointer) in [
        (json!({}), ""),
        (json!({"priority": 10_000}), "/priority"),
        (json!({"priority": -1}), "/priority"),
        (json!({"lines": [{"line": 2, "quantity": 1}]}), "/lines/0/line"),
        (json!({"lines": [{"line": 1}]}), "/lines/0/quantity"),
        (json!({"lines": [{"line": 1, "quantity": 100_001}]}), "/lines/0/quantity"),
        (json!({"total_minor": -1}), "/total_minor"),
        (json!({"cash_on_delivery_minor": 5}), "/cash_on_delivery_minor"),
        (json!({"sku": "CUP"}), "/sku"),
    ] {
        let (status, problem) = edit(&world, &id, body.clone()).await;
        assert_eq!((status, problem["pointer"].as_str()), (400, Some(pointer)), "{body}: {problem}");
    }
    let (status, problem) = edit(&world, &id, json!({"lines": [{"line": 1, "quantity": 0}]})).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:nothing-left")));
    let send = |key: &str| request(EDIT).key(key).path("order", &id).json(&one());
    assert_eq!(world.call(send(&world.floor).build()).await.0, 403);
    assert_eq!(world.call(send(&world.stranger).build()).await.0, 404);
    assert_eq!(world.call(send(&world.merchants).header("if-match", "\"9\"").build()).await.0, 412);
    assert_eq!(world.call(send(&world.merchants).header("if-match", "\"1\"").build()).await.0, 200);
    assert!(world.load(&id).await.fulfillment_orders.iter().all(|f| f.status == FulfillmentOrderStatus::Open));
}
