use crate::world::{World, header, over, world};
use domain::order::{FulfillmentOrderStatus, FulfilmentState, HoldReason};
use domain::stock::Term;
use domain::{Decision, MessageKind, OrderId, Sku};
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::LostAnswers;
use testkit::{Stack, request};

const CANCEL: &str = "POST /v1/orders/{order}/cancel";
const HOLD: &str = "POST /v1/orders/{order}/holds";
const RELEASE: &str = "DELETE /v1/orders/{order}/holds/{reason}";

async fn cancel(world: &World, id: &OrderId) -> (u16, Value) {
    world
        .call(request(CANCEL).key(&world.operations).path("order", id).json(&json!({"reason": "customer"})).build())
        .await
}

async fn hold(world: &World, id: &OrderId, reason: &str) -> (u16, Value) {
    world.call(request(HOLD).key(&world.operations).path("order", id).json(&json!({"reason": reason})).build()).await
}

async fn release(world: &World, id: &OrderId, reason: &str) -> (u16, Value) {
    world.call(request(RELEASE).key(&world.operations).path("order", id).path("reason", reason).build()).await
}

fn kinds(world: &World) -> Vec<MessageKind> {
    world.stack.outbox().into_iter().map(|message| message.kind).collect()
}

#[tokio::test]
async fn an_order_that_nothing_was_done_for_is_cancelled_at_once() {
    let world = world().await;
    let id = world.order("1001").await;
    let _ = kinds(&world);
    let (status, body) = cancel(&world, &id).await;
    assert_eq!((status, body["fulfilment"].as_str()), (202, Some("cancelled")));
    assert_eq!(kinds(&world), []);
}

#[tokio::test]
async fn a_reserved_or_packed_order_stops_its_tasks_and_keeps_its_stock_until_they_gave_it_back() {
    let world = world().await;
    for (number, is_packed) in [("1001", false), ("1002", true)] {
        let id = world.order(number).await;
        world.allocate(&id).await;
        world.task(&id, is_packed).await;
        let before = world.stack.level(&world.merchant, &world.tea, &world.sofia).await;
        let _ = kinds(&world);
        let (status, body) = cancel(&world, &id).await;
        assert_eq!((status, body["fulfilment"].as_str()), (202, Some("allocated")));
        assert_eq!(body["cancel_requested"], true);
        assert_eq!(kinds(&world), [MessageKind::CancelPickTasks { order: id.clone() }]);
        assert_eq!(world.stack.level(&world.merchant, &world.tea, &world.sofia).await, before);
        let (again, _) = cancel(&world, &id).await;
        assert_eq!((again, kinds(&world).len()), (202, 0), "asking twice changes nothing");
    }
}

#[tokio::test]
async fn after_hand_over_a_cancellation_is_refused() {
    let world = world().await;
    let id = world.order("1001").await;
    world.allocate(&id).await;
    let at = world.stack.now();
    world.change_order(&id, |order| order.handed_over(1, at)).await;
    let (status, body) = cancel(&world, &id).await;
    assert_eq!((status, body["type"].as_str()), (409, Some("urn:sklad:problem:order-handed-over")));
}

#[tokio::test]
async fn a_cancellation_needs_no_body_and_takes_no_unknown_reason() {
    let world = world().await;
    let id = world.order("1001").await;
    let bad = request(CANCEL).key(&world.operations).path("order", &id);
    let (status, body) = world.call(bad.json(&json!({"reason": "mood"})).build()).await;
    assert_eq!((status, body["pointer"].as_str()), (400, Some("/reason")));
    let (status, _) = world.call(request(CANCEL).key(&world.merchants).path("order", &id).build()).await;
    assert_eq!(status, 202);
}

#[tokio::test]
async fn a_hold_whose_answer_was_lost_is_placed_once() {
    let faults = Arc::new(LostAnswers::default());
    let world = over(Stack::builder().faults(faults.clone()).build()).await;
    let id = world.order("1001").await;
    let place = || {
        request(HOLD)
            .key(&world.operations)
            .path("order", &id)
            .header("idempotency-key", "k1")
            .json(&json!({"reason": "dispute", "note": "see ticket 5"}))
            .build()
    };
    faults.arm(testkit::lost_answers::WRITES, 1);
    let first = world.answer(place()).await;
    let second = world.answer(place()).await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.body, second.body);
    assert_eq!(header(&second, "idempotent-replayed"), Some("true"));
    let order = world.load(&id).await;
    assert_eq!(order.holds.len(), 1);
    assert_eq!(order.history.0.iter().filter(|entry| entry.event == "hold_placed").count(), 1);
    let other = request(HOLD).key(&world.operations).path("order", &id).header("idempotency-key", "k1");
    assert_eq!(world.call(other.json(&json!({"reason": "other"})).build()).await.0, 422);
}

#[tokio::test]
async fn the_order_moves_on_with_its_last_hold() {
    let world = world().await;
    let id = world.order("1001").await;
    assert_eq!(hold(&world, &id, "dispute").await.0, 200);
    assert_eq!(hold(&world, &id, "merchant_request").await.0, 200);
    let _ = kinds(&world);
    assert_eq!(release(&world, &id, "dispute").await.0, 200);
    assert_eq!(kinds(&world), []);
    assert_eq!(release(&world, &id, "merchant_request").await.0, 200);
    assert_eq!(kinds(&world), [MessageKind::Reserve { order: id.clone() }]);
    assert_eq!(release(&world, &id, "merchant_request").await.0, 404);
    assert_eq!(release(&world, &id, "mood").await.0, 404);
}

#[tokio::test]
async fn an_edit_of_an_older_version_is_refused() {
    let world = world().await;
    let id = world.order("1001").await;
    let read = world.answer(request("GET /v1/orders/{order}").key(&world.operations).path("order", &id).build()).await;
    let etag = header(&read, "etag").unwrap().to_owned();
    assert_eq!(hold(&world, &id, "dispute").await.0, 200);
    let edit = |version: &str| {
        let edit = request(HOLD).key(&world.operations).path("order", &id).header("if-match", version);
        edit.json(&json!({"reason": "other"})).build()
    };
    let (status, body) = world.call(edit(&etag)).await;
    assert_eq!((status, body["status"].as_u64()), (412, Some(412)));
    assert_eq!(world.load(&id).await.holds.len(), 1);
    assert_eq!(world.call(edit("\"2\"")).await.0, 200);
    assert_eq!(world.call(edit("x")).await.0, 400);
}

#[tokio::test]
async fn missing_item_data_is_released_only_when_the_items_exist() {
    let world = world().await;
    let id = world
        .order_with("1001", |incoming| {
            let mut line = incoming.lines[0].clone();
            line.sku = Some(Sku::parse("NEW").unwrap());
            incoming.lines.push(line);
        })
        .await;
    assert_eq!(world.load(&id).await.holds[0].reason, HoldReason::MissingItemData);
    let (status, body) = release(&world, &id, "missing_item_data").await;
    assert_eq!(status, 409);
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains("NEW") && !detail.contains("TEA"), "{detail}");
    world.stack.item(&world.merchant, "NEW").await;
    assert_eq!(release(&world, &id, "missing_item_data").await.0, 200);
    assert!(world.load(&id).await.holds.is_empty());
}

#[tokio::test]
async fn a_line_without_sku_is_never_released() {
    let world = world().await;
    let id = world.order_with("1001", |incoming| incoming.lines[0].sku = None).await;
    let (status, body) = release(&world, &id, "missing_item_data").await;
    assert_eq!((status, body["detail"].as_str().unwrap().contains("line 1")), (409, true));
}

#[tokio::test]
async fn an_order_on_hold_keeps_what_it_reserved() {
    let world = world().await;
    let id = world.order("1001").await;
    world.allocate(&id).await;
    assert_eq!(hold(&world, &id, "dispute").await.0, 200);
    let level = world.stack.level(&world.merchant, &world.tea, &world.sofia).await;
    assert_eq!(level.get(Term::Reserved), 2);
    assert_eq!(world.load(&id).await.fulfilment, FulfilmentState::Allocated);
}

#[tokio::test]
async fn a_parcel_that_was_held_before_its_label_is_booked_after_the_hold() {
    let world = world().await;
    let id = world.order("1001").await;
    world.allocate(&id).await;
    let task = world.task(&id, true).await;
    assert_eq!(hold(&world, &id, "dispute").await.0, 200);
    let _ = kinds(&world);
    assert_eq!(release(&world, &id, "dispute").await.0, 200);
    let sent = kinds(&world);
    assert_eq!(sent.len(), 2);
    for kind in [MessageKind::Reserve { order: id.clone() }, MessageKind::Book { task }] {
        assert!(sent.contains(&kind), "{kind:?} in {sent:?}");
    }
    world.intent(&id).await;
    assert_eq!(hold(&world, &id, "dispute").await.0, 200);
    assert_eq!(release(&world, &id, "dispute").await.0, 200);
    assert_eq!(kinds(&world), [MessageKind::Reserve { order: id.clone() }], "what is being booked is not booked again");
}

#[tokio::test]
async fn edits_need_the_right_key_and_a_well_formed_body() {
    let world = world().await;
    let id = world.order("1001").await;
    let body = json!({"reason": "dispute"});
    let place = |key: &str| request(HOLD).key(key).path("order", &id).json(&body).build();
    assert_eq!(world.call(place(&world.floor)).await.0, 403);
    assert_eq!(world.call(place(&world.stranger)).await.0, 404);
    assert_eq!(world.call(request(CANCEL).key(&world.stranger).path("order", &id).build()).await.0, 404);
    let stranger = request(RELEASE).key(&world.stranger).path("order", &id).path("reason", "dispute").build();
    assert_eq!(world.call(stranger).await.0, 404);
    for (body, pointer) in [
        (json!({"reason": "mood"}), Some("/reason")),
        (json!({"reason": "other", "note": " "}), Some("/note")),
        (json!({"reason": "other", "note": "x".repeat(201)}), Some("/note")),
        (json!({"reason": "other", "extra": 1}), Some("/extra")),
    ] {
        let (status, problem) =
            world.call(request(HOLD).key(&world.operations).path("order", &id).json(&body).build()).await;
        assert_eq!((status, problem["pointer"].as_str()), (400, pointer), "{body}");
    }
    let broken = request(HOLD).key(&world.operations).path("order", &id).body("{").build();
    assert_eq!(world.call(broken).await.0, 400);
    let none = request(HOLD).key(&world.operations).path("order", format!("{id}0")).json(&body).build();
    assert_eq!(world.call(none).await.0, 404);
}

const EXTEND: &str = "POST /v1/orders/{order}/extend-reservation";

/// An unpaid order for which two units are held for thirty minutes.
async fn held_unpaid(world: &World) -> OrderId {
    let id = world.order_with("1001", |incoming| incoming.payment_settled = false).await;
    let until = world.stack.now() + jiff::SignedDuration::from_mins(30);
    world
        .change_order(&id, |order| {
            let mut next = order.clone();
            (next.hold_unpaid_stock_minutes, next.reserved_until) = (30, Some(until));
            Decision::of(next)
        })
        .await;
    world.allocate(&id).await;
    let _ = kinds(world);
    id
}

#[tokio::test]
async fn a_payment_in_time_has_held_goods_picked() {
    let world = world().await;
    let id = held_unpaid(&world).await;
    let (status, body) = release(&world, &id, "awaiting_payment").await;
    assert_eq!((status, body["reserved_until"].is_null()), (200, true));
    assert_eq!(kinds(&world), [MessageKind::CreatePickTasks { order: id.clone() }]);
    assert_eq!(world.load(&id).await.fulfillment_orders[0].status, FulfillmentOrderStatus::Open);
}

#[tokio::test]
async fn a_cancelled_unpaid_order_gives_its_goods_back_at_once() {
    let world = world().await;
    let id = held_unpaid(&world).await;
    let (status, body) = cancel(&world, &id).await;
    assert_eq!((status, body["fulfilment"].as_str()), (202, Some("cancelled")));
    let level = world.stack.level(&world.merchant, &world.tea, &world.sofia).await;
    assert_eq!((level.get(Term::Available), level.get(Term::Reserved)), (100, 0));
    assert!(!kinds(&world).contains(&MessageKind::CancelPickTasks { order: id }));
}

#[tokio::test]
async fn a_late_payment_is_a_person_s_to_decide_and_reserves_anew() {
    let world = world().await;
    let id = held_unpaid(&world).await;
    world.stack.clock.advance(std::time::Duration::from_secs(1800));
    let at = world.stack.now();
    world.change_order(&id, |order| order.expire_reservation(at).unwrap().order).await;
    let _ = kinds(&world);
    let (status, body) = release(&world, &id, "awaiting_payment").await;
    assert_eq!((status, body["reservation_expired"].as_bool()), (200, Some(true)));
    assert_eq!(body["holds"][0]["reason"], "inventory_out_of_stock");
    assert!(body["holds"][0]["note"].as_str().unwrap().contains("release"));
    assert_eq!(kinds(&world), [], "nothing moves by itself");
    let (status, body) = release(&world, &id, "inventory_out_of_stock").await;
    assert_eq!((status, body["reservation_expired"].as_bool()), (200, Some(false)));
    assert_eq!(kinds(&world), [MessageKind::Reserve { order: id }]);
}

#[tokio::test]
async fn a_reservation_is_extended_once_a_key_and_refused_with_its_reason() {
    let world = world().await;
    let id = held_unpaid(&world).await;
    let minutes = |minutes: i64| (world.stack.now() + jiff::SignedDuration::from_mins(minutes)).to_string();
    let extend = |key: &str, body: Value| request(EXTEND).key(key).path("order", &id).json(&body);
    let until = json!({"until": minutes(60)});
    let keyed = || extend(&world.merchants, until.clone()).header("idempotency-key", "k1").build();
    let first = world.answer(keyed()).await;
    let again = world.answer(keyed()).await;
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!((first.body, header(&again, "idempotent-replayed")), (again.body.clone(), Some("true")));
    assert_eq!(world.load(&id).await.reserved_until.unwrap().to_string(), minutes(60));
    let other = extend(&world.merchants, json!({"until": minutes(61)})).header("idempotency-key", "k1").build();
    assert_eq!(world.call(other).await.0, 422);
    for (body, pointer) in [
        (json!({"until": minutes(59)}), "/until"),
        (json!({"until": minutes(60 * 24 * 91)}), "/until"),
        (json!({"until": "tomorrow"}), "/until"),
        (json!({"until": minutes(90), "extra": 1}), "/extra"),
    ] {
        let (status, problem) = world.call(extend(&world.operations, body.clone()).build()).await;
        assert_eq!((status, problem["pointer"].as_str()), (400, Some(pointer)), "{body}");
    }
    let later = json!({"until": minutes(90)});
    assert_eq!(world.call(extend(&world.floor, later.clone()).build()).await.0, 403);
    assert_eq!(world.call(extend(&world.stranger, later.clone()).build()).await.0, 404);
    let stale = extend(&world.operations, later.clone()).header("if-match", "\"1\"").build();
    assert_eq!(world.call(stale).await.0, 412);
    let paid = world.order("1002").await;
    let refused = request(EXTEND).key(&world.operations).path("order", &paid).json(&later).build();
    let (status, problem) = world.call(refused).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:nothing-reserved")));
}
