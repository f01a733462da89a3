//! Receipts, adjustments, levels, the ledger.

use crate::World;
use domain::stock::{ActivityFact, LevelId, StockChange, Term};
use domain::{LocationId, MessageKind, OrderId, Sku};
use platform::Table;
use platform::items::{StoredFacts, StoredMovement, WaitingOrder};
use platform::level::MovementOutbox;
use platform::store::FactsOutbox;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::api::{new_adjustment, new_item, new_receipt, refused, with};
use testkit::request;
use testkit::request::RequestBuilder;

async fn world() -> (World, Sku, LocationId) {
    let world = World::new().await;
    let sku = world.stack.item(&world.merchant, "TEA").await;
    let location = world.stack.location(&world.merchant, "SOF1").await;
    (world, sku, location)
}

fn receive(quantity: i64) -> RequestBuilder {
    request("POST /v1/receipts").json(&new_receipt("TEA", "SOF1", quantity))
}

fn adjust(quantity: i64) -> RequestBuilder {
    request("POST /v1/adjustments").json(&new_adjustment("TEA", "SOF1", quantity))
}

/// Moves units from available to reserved, as a reservation does.
async fn reserve(world: &World, sku: &Sku, location: &LocationId, quantity: u32) {
    world.stack.change_level(&world.merchant, StockChange::reserve(sku, location, quantity)).await;
}

#[tokio::test]
async fn a_repeated_receipt_counts_once_and_wakes_waiting_orders() {
    let (world, sku, location) = world().await;
    let _ = world.stack.outbox();
    let body = with(
        &new_receipt("TEA", "SOF1", 12),
        &json!({"goods": {"bin": "A-01-2", "lot": "L7", "expiry": "2027-05-31"}, "reference": "DN 77"}),
    );
    let send = || request("POST /v1/receipts").header("idempotency-key", "k1").json(&body);
    let (status, receipt) = world.ops(send()).await;
    assert_eq!(status, 201, "{receipt}");
    assert_eq!(receipt["movement"]["type"], "RECEIPT");
    assert_eq!((receipt["movement"]["bin"].as_str(), receipt["reference"].as_str()), (Some("A-01-2"), Some("DN 77")));
    let woken: Vec<_> = world.stack.outbox().into_iter().map(|message| message.kind).collect();
    assert_eq!(woken, [MessageKind::StockArrived { sku: sku.clone(), location: location.clone() }]);
    world.stack.clock.advance(Duration::from_secs(60));
    let repeated = world.send(send().key(&World::key(&world.merchant, domain::account::Scope::Operations))).await;
    assert!(repeated.headers.contains(&("idempotent-replayed".to_owned(), "true".to_owned())));
    assert_eq!(testkit::read(Ok(repeated)), (201, receipt));
    let level = world.stack.level(&world.merchant, &sku, &location).await;
    assert_eq!((level.get(Term::OnHand), level.get(Term::Available)), (12, 12));
    assert!(world.stack.outbox().is_empty());
    let other = request("POST /v1/receipts").header("idempotency-key", "k1").json(&new_receipt("TEA", "SOF1", 13));
    refused(world.ops(other).await, 422, "idempotency-key-reused", "");
}

#[tokio::test]
async fn two_receipts_without_a_key_are_two() {
    let (world, sku, location) = world().await;
    let (_, first) = world.ops(receive(5)).await;
    let (_, second) = world.ops(receive(5)).await;
    assert_ne!(first["id"], second["id"]);
    assert_eq!(world.stack.level(&world.merchant, &sku, &location).await.get(Term::Available), 10);
}

#[tokio::test]
async fn the_movement_and_the_fact_of_a_receipt_are_stored_with_it() {
    let (world, _, _) = world().await;
    let _ = world.stack.stream_records();
    let (_, receipt) = world.ops(receive(3)).await;
    let records = world.stack.stream_records();
    let movement = records.iter().find_map(|record| record.text("movement")).expect("a movement in the level");
    let movement: MovementOutbox = serde_json::from_str(movement).unwrap();
    let facts = records.iter().find_map(|record| record.text("facts")).expect("facts in the receipt");
    let facts: FactsOutbox = serde_json::from_str(facts).unwrap();
    assert_eq!(movement.movements[0].cause, receipt["id"].as_str().unwrap());
    assert_eq!((facts.facts[0].activity.as_str(), facts.facts[0].quantity), ("receive", 3));
    assert_eq!(facts.operation, movement.operation);
}

#[tokio::test]
async fn damaged_and_opened_goods_are_not_sold() {
    let (world, sku, location) = world().await;
    for condition in ["damaged", "opened"] {
        let body = with(&new_receipt("TEA", "SOF1", 4), &json!({"goods": {"condition": condition}}));
        assert_eq!(world.ops(request("POST /v1/receipts").json(&body)).await.0, 201);
    }
    let level = world.stack.level(&world.merchant, &sku, &location).await;
    assert!(level.is_sound());
    let terms = [Term::OnHand, Term::Available, Term::Damaged, Term::Inspection].map(|term| level.get(term));
    assert_eq!(terms, [8, 0, 4, 4]);
}

#[tokio::test]
async fn a_receipt_with_a_wrong_field_is_refused_with_the_pointer_and_counts_nothing() {
    let (world, sku, location) = world().await;
    let send = async |change: Value| {
        world.ops(request("POST /v1/receipts").json(&with(&new_receipt("TEA", "SOF1", 1), &change))).await
    };
    for quantity in [json!(0), json!(-1), json!(1.5), json!(100_001), json!(1e30), json!("3"), json!(null)] {
        let body = with(&new_receipt("TEA", "SOF1", 1), &json!({}));
        let mut body = body;
        body["quantity"] = quantity.clone();
        refused(world.ops(request("POST /v1/receipts").json(&body)).await, 400, "invalid-field", "/quantity");
    }
    refused(send(json!({"sku": "NONE"})).await, 422, "unknown-item", "/sku");
    refused(send(json!({"location": "NONE"})).await, 422, "unknown-location", "/location");
    refused(send(json!({"sku": "A#B"})).await, 400, "invalid-field", "/sku");
    refused(send(json!({"actor": {"person": "", "station": "D"}})).await, 400, "invalid-field", "/actor/person");
    refused(send(json!({"actor": {"person": "p", "station": " "}})).await, 400, "invalid-field", "/actor/station");
    refused(send(json!({"goods": {"expiry": "31.05.2027"}})).await, 400, "invalid-field", "/goods/expiry");
    refused(send(json!({"goods": {"condition": "eaten"}})).await, 400, "invalid-field", "/goods/condition");
    refused(send(json!({"goods": {"expires": "2027-05-31"}})).await, 400, "invalid-field", "/goods/expires");
    refused(send(json!({"goods": {"bin": ""}})).await, 400, "invalid-field", "/goods/bin");
    let serial = json!({"goods": {"serial": "SN-1"}, "quantity": 2});
    refused(send(serial).await, 400, "invalid-field", "/goods/serial");
    refused(send(json!({"reference": ""})).await, 400, "invalid-field", "/reference");
    assert_eq!(world.stack.level(&world.merchant, &sku, &location).await, domain::stock::Level::default());
}

#[tokio::test]
async fn an_adjustment_counts_once_and_never_takes_what_is_promised() {
    let (world, sku, location) = world().await;
    world.ops(receive(10)).await;
    reserve(&world, &sku, &location, 7).await;
    let (status, problem) = world.ops(adjust(-4)).await;
    assert_eq!(status, 409, "{problem}");
    assert_eq!(problem["type"], "urn:sklad:problem:insufficient-stock");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("3 are available") && detail.contains("7 more are promised"), "{detail}");
    let take = adjust(-3).header("idempotency-key", "k1");
    let (status, adjustment) = world.ops(take.clone()).await;
    assert_eq!((status, adjustment["movement"]["type"].as_str()), (201, Some("COUNT_ADJUST")));
    assert_eq!(world.ops(take).await, (201, adjustment));
    refused(world.ops(adjust(-2).header("idempotency-key", "k1")).await, 422, "idempotency-key-reused", "");
    let level = world.stack.level(&world.merchant, &sku, &location).await;
    assert!(level.is_sound());
    assert_eq!([Term::OnHand, Term::Available, Term::Reserved].map(|term| level.get(term)), [7, 0, 7]);
    assert_eq!(world.ops(adjust(2)).await.0, 201);
    assert_eq!(world.stack.level(&world.merchant, &sku, &location).await.get(Term::Available), 2);
}

#[tokio::test]
async fn adjustments_at_the_same_time_never_take_more_than_there_is() {
    let (world, sku, location) = world().await;
    world.ops(receive(5)).await;
    let (a, b, c) = tokio::join!(world.ops(adjust(-3)), world.ops(adjust(-3)), world.ops(adjust(-2)));
    let level = world.stack.level(&world.merchant, &sku, &location).await;
    let taken: i64 =
        [(&a, 3), (&b, 3), (&c, 2)].into_iter().filter(|(answer, _)| answer.0 == 201).map(|(_, n)| n).sum();
    assert!(level.is_sound(), "{level:?}");
    assert_eq!(level.get(Term::Available), 5 - taken);
    assert_eq!(taken, 5, "{a:?} {b:?} {c:?}");
}

#[tokio::test]
async fn a_write_off_of_damaged_goods_leaves_the_good_ones() {
    let (world, sku, location) = world().await;
    world.ops(receive(5)).await;
    let damaged = json!({"goods": {"condition": "damaged"}});
    world.ops(request("POST /v1/receipts").json(&with(&new_receipt("TEA", "SOF1", 2), &damaged))).await;
    let body =
        with(&new_adjustment("TEA", "SOF1", -2), &json!({"type": "WRITE_OFF", "goods": {"condition": "damaged"}}));
    let (status, adjustment) = world.ops(request("POST /v1/adjustments").json(&body)).await;
    assert_eq!((status, adjustment["movement"]["type"].as_str()), (201, Some("WRITE_OFF")));
    assert_eq!(adjustment["movement"]["liable"], "warehouse");
    let level = world.stack.level(&world.merchant, &sku, &location).await;
    assert_eq!([Term::OnHand, Term::Available, Term::Damaged].map(|term| level.get(term)), [5, 5, 0]);
}

#[tokio::test]
async fn an_adjustment_with_a_wrong_field_is_refused_with_the_pointer() {
    let (world, _, _) = world().await;
    let send = async |change: Value| {
        world.ops(request("POST /v1/adjustments").json(&with(&new_adjustment("TEA", "SOF1", 1), &change))).await
    };
    for quantity in [json!(0), json!(0.5), json!(100_001), json!(-100_001), json!(i64::MIN), json!("1")] {
        refused(send(json!({"quantity": quantity})).await, 400, "invalid-field", "/quantity");
    }
    refused(send(json!({"type": "WRITE_OFF"})).await, 400, "invalid-field", "/quantity");
    refused(send(json!({"type": "SHIP"})).await, 400, "invalid-field", "/type");
    refused(send(json!({"reason": ""})).await, 400, "invalid-field", "/reason");
    refused(send(json!({"liable": "nobody"})).await, 400, "invalid-field", "/liable");
    refused(send(json!({"sku": "NONE"})).await, 422, "unknown-item", "/sku");
    refused(send(json!({"location": "NONE"})).await, 422, "unknown-location", "/location");
}

#[tokio::test]
async fn a_level_shows_every_term_and_what_shops_are_told() {
    let (world, _, _) = world().await;
    world.stack.location(&world.merchant, "VAR1").await;
    // `CUP` keeps a safety stock of 2.
    assert_eq!(world.ops(request("POST /v1/items").json(&new_item("CUP"))).await.0, 201);
    for (location, quantity) in [("SOF1", 5), ("VAR1", 4)] {
        let body = new_receipt("CUP", location, quantity);
        assert_eq!(world.ops(request("POST /v1/receipts").json(&body)).await.0, 201);
    }
    let read = request("GET /v1/stock-levels/{sku}").path("sku", "CUP");
    let key = World::key(&world.merchant, domain::account::Scope::Merchant);
    let first = world.send(read.clone().key(&key)).await;
    let etag = first.headers.iter().find(|(name, _)| name == "etag").cloned();
    let (status, stock) = testkit::read(Ok(first));
    assert_eq!((status, stock["sellable"].as_u64(), stock["safety_stock"].as_u64()), (200, Some(7), Some(2)));
    let levels = stock["levels"].as_array().unwrap();
    assert_eq!(levels.len(), 2);
    assert_eq!((levels[0]["location"].as_str(), levels[0]["version"].as_u64()), (Some("SOF1"), Some(1)));
    for term in Term::ALL {
        assert!(levels[0][term.attribute()].is_i64(), "{}", term.attribute());
    }
    assert_eq!(levels[0]["blocked"], 0);
    // Orders that wait take away from what shops are told, one unit for each.
    for number in ["1", "2"] {
        let order = OrderId::derive(&world.merchant, &[number]);
        let (sku, rank) = (Sku::parse("CUP").unwrap(), number.to_owned());
        let waiting = WaitingOrder { sku, order, rank, units: 1, since: 1, shard: 0 };
        world.stack.deps.store.enter_waiting(&waiting).await.unwrap();
    }
    let (_, stock) = world.ops(read.clone()).await;
    assert_eq!(stock["sellable"], 5);
    world.ops(request("POST /v1/adjustments").json(&new_adjustment("CUP", "VAR1", -1))).await;
    let second = world.send(read.key(&key)).await;
    assert_ne!(second.headers.iter().find(|(name, _)| name == "etag").cloned(), etag);
    assert_eq!(testkit::read(Ok(second)).1["sellable"], 4);
    let (_, one) = world.ops(request("GET /v1/stock-levels").query("sku", "CUP")).await;
    assert_eq!(one["items"][0]["sellable"], 4);
    let (_, all) = world.ops(request("GET /v1/stock-levels")).await;
    let skus: Vec<_> = all["items"].as_array().unwrap().iter().map(|stock| stock["sku"].as_str().unwrap()).collect();
    assert_eq!(skus, ["CUP", "TEA"]);
    assert_eq!(all["items"][1]["levels"], json!([]));
    let (_, none) = world.ops(request("GET /v1/stock-levels").query("sku", "NONE")).await;
    assert_eq!(none, json!({"items": []}));
    assert_eq!(world.ops(request("GET /v1/stock-levels/{sku}").path("sku", "NONE")).await.0, 404);
    refused(world.ops(request("GET /v1/stock-levels").query("sku", "")).await, 400, "invalid-field", "?sku");
}

/// Copies what commits embedded to the ledger, as `facts` does.
async fn copy_out(world: &World, sku: &Sku, location: &LocationId) {
    let store = &world.stack.deps.store;
    let level = LevelId { sku: sku.clone(), location: location.clone(), lot: None };
    for record in world.stack.stream_records() {
        if let Some(text) = record.text("movement") {
            let outbox: MovementOutbox = serde_json::from_str(text).unwrap();
            let movements = StoredMovement::all_of(&world.merchant, &level, outbox);
            store.put_all(Table::Movements, &movements).await.unwrap();
        }
        if let Some(text) = record.text("facts") {
            let outbox: FactsOutbox = serde_json::from_str(text).unwrap();
            let facts = StoredFacts::of(&world.merchant, outbox).unwrap();
            store.put_all(Table::Movements, &[facts]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_ledger_is_read_newest_first_and_the_facts_of_a_day_oldest_first() {
    let (world, sku, location) = world().await;
    for quantity in 1..=7 {
        world.ops(receive(quantity)).await;
        world.stack.clock.advance(Duration::from_millis(500));
    }
    copy_out(&world, &sku, &location).await;
    let key = World::key(&world.merchant, domain::account::Scope::Merchant);
    let list = request("GET /v1/movements").query("sku", "TEA").query("location", "SOF1").query("limit", 3).key(&key);
    let pages = world.pages(list).await;
    let units: Vec<Vec<_>> =
        pages.iter().map(|page| page.iter().map(|entry| entry["quantity"].as_u64().unwrap()).collect()).collect();
    assert_eq!(units, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
    assert_eq!(pages[0][0]["actor"]["person"], "badge-17");
    let list = request("GET /v1/activity-facts").query("day", "2026-11-02").query("limit", 2).key(&key);
    let facts: Vec<Value> = world.pages(list).await.concat();
    let units: Vec<_> = facts.iter().map(|fact| fact["quantity"].as_u64().unwrap()).collect();
    assert_eq!(units, [1, 2, 3, 4, 5, 6, 7]);
    let (_, empty) = world.ops(request("GET /v1/activity-facts").query("day", "2026-11-03")).await;
    assert_eq!(empty, json!({"items": []}));
    for (route, query) in [
        ("GET /v1/movements", vec![("sku", "TEA")]),
        ("GET /v1/movements", vec![("location", "SOF1")]),
        ("GET /v1/movements", vec![("sku", "A#B"), ("location", "SOF1")]),
        ("GET /v1/activity-facts", vec![]),
        ("GET /v1/activity-facts", vec![("day", "yesterday")]),
        ("GET /v1/activity-facts", vec![("day", "2026-02-30")]),
    ] {
        let list = query.into_iter().fold(request(route), |list, (name, value)| list.query(name, value));
        assert_eq!(world.ops(list).await.0, 400, "{route}");
    }
    let _: Vec<ActivityFact> = serde_json::from_value(Value::Array(facts)).expect("facts as they are documented");
}

#[tokio::test]
async fn a_kit_has_no_stock() {
    let (world, ..) = world().await;
    let set = with(&new_item("SET"), &json!({"kit": [{"sku": "TEA", "quantity": 2}]}));
    assert_eq!(world.ops(request("POST /v1/items").json(&set)).await.0, 201);
    refused(
        world.ops(request("POST /v1/receipts").json(&new_receipt("SET", "SOF1", 1))).await,
        422,
        "item-is-kit",
        "/sku",
    );
}

#[tokio::test]
async fn a_kit_shows_what_its_components_allow_and_its_tag_follows_them() {
    let (world, _, _) = world().await;
    world.stack.location(&world.merchant, "VAR1").await;
    for sku in ["CUP", "POT"] {
        let part = with(&new_item(sku), &json!({"barcodes": [], "safety_stock": 0}));
        assert_eq!(world.ops(request("POST /v1/items").json(&part)).await.0, 201);
    }
    let parts = json!([{"sku": "CUP", "quantity": 2}, {"sku": "POT", "quantity": 1}]);
    let set = with(&new_item("SET"), &json!({"barcodes": [], "safety_stock": 0, "kit": parts}));
    assert_eq!(world.ops(request("POST /v1/items").json(&set)).await.0, 201);
    for (sku, location, quantity) in [("CUP", "SOF1", 5), ("POT", "SOF1", 1), ("POT", "VAR1", 9)] {
        let body = new_receipt(sku, location, quantity);
        assert_eq!(world.ops(request("POST /v1/receipts").json(&body)).await.0, 201);
    }
    let key = World::key(&world.merchant, domain::account::Scope::Merchant);
    let read = async || {
        let answer = world.send(request("GET /v1/stock-levels/{sku}").path("sku", "SET").key(&key)).await;
        let tag = answer.headers.iter().find(|(name, _)| name == "etag").cloned();
        (testkit::read(Ok(answer)).1, tag)
    };
    let (kit, before) = read().await;
    assert_eq!((kit["sellable"].as_u64(), &kit["levels"]), (Some(1), &json!([])), "one location has both");
    assert_eq!(world.ops(request("POST /v1/receipts").json(&new_receipt("POT", "SOF1", 4))).await.0, 201);
    let (kit, after) = read().await;
    assert_eq!(kit["sellable"], 2);
    assert_ne!(before, after);
}
