//! Lots: receipts and corrections, and what is seen of them.

use crate::World;
use domain::lot_record::LotRecord;
use domain::stock::{LevelId, Lot, Term};
use domain::{Decision, LocationId, RecallId, Sku};
use platform::items::lot_key;
use platform::level::{MovementOutbox, level_of};
use platform::{Failure, Operation, Versioned};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::api::{new_adjustment, new_item, new_receipt, refused, with};
use testkit::request;

async fn world() -> World {
    let world = World::new().await;
    world.stack.location(&world.merchant, "SOF1").await;
    let tea = with(&new_item("TEA"), &json!({"lot_tracked": true, "safety_stock": 0}));
    let (status, item) = world.ops(request("POST /v1/items").json(&tea)).await;
    assert_eq!((status, item["lot_tracked"].as_bool()), (201, Some(true)), "{item}");
    world
}

async fn receive(world: &World, quantity: i64, goods: Value) -> (u16, Value) {
    let body = with(&new_receipt("TEA", "SOF1", quantity), &json!({ "goods": goods }));
    world.ops(request("POST /v1/receipts").json(&body)).await
}

async fn adjust(world: &World, quantity: i64, goods: Value) -> (u16, Value) {
    let body = with(&new_adjustment("TEA", "SOF1", quantity), &json!({ "goods": goods }));
    world.ops(request("POST /v1/adjustments").json(&body)).await
}

async fn units(world: &World, code: &str, expiry: &str, term: Term) -> i64 {
    let lot = Lot { code: code.to_owned(), expiry: Some(expiry.parse().unwrap()) };
    let (sku, location) = (Sku::parse("TEA").unwrap(), LocationId::parse("SOF1").unwrap());
    let level = world.stack.level_of(&world.merchant, &LevelId { sku, location, lot: Some(lot) }).await;
    assert!(level.is_sound(), "{level:?}");
    level.get(term)
}

#[tokio::test]
async fn a_receipt_names_its_lot_and_goes_to_its_level() {
    let world = world().await;
    refused(receive(&world, 5, json!({})).await, 422, "lot-needed", "/goods/lot");
    refused(receive(&world, 5, json!({"lot": "UNKNOWN"})).await, 400, "invalid-field", "/goods/lot");
    let _ = world.stack.stream_records();
    let (status, receipt) = receive(&world, 5, json!({"lot": "L8", "expiry": "2099-06-30"})).await;
    assert_eq!((status, receipt["movement"]["to"].as_str()), (201, Some("available")), "{receipt}");
    let records = world.stack.stream_records();
    let entry = records.iter().find(|record| record.text("movement").is_some()).expect("a movement in the level");
    let outbox: MovementOutbox = serde_json::from_str(entry.text("movement").unwrap()).unwrap();
    let level = level_of(&Sku::parse("TEA").unwrap(), &entry.sk).unwrap();
    assert_eq!(outbox.movements[0].goods.of_lot(), level.lot);
    assert_eq!(receive(&world, 2, json!({"lot": "L8"})).await.0, 201, "a known lot needs no date");
    assert_eq!(receive(&world, 3, json!({"lot": "L7", "expiry": "2099-01-31"})).await.0, 201);
    let differs = receive(&world, 1, json!({"lot": "L7", "expiry": "2099-02-01"})).await;
    assert!(differs.1["detail"].as_str().unwrap().contains("2099-01-31"), "{differs:?}");
    refused(differs, 409, "lot-expiry-differs", "/goods/expiry");
    let (_, stock) = world.ops(request("GET /v1/stock-levels/{sku}").path("sku", "TEA")).await;
    let seen = stock["levels"].as_array().unwrap().iter();
    let seen: Vec<_> = seen
        .map(|level| (level["lot"]["code"].as_str(), level["lot"]["expiry"].as_str(), level["available"].as_i64()))
        .collect();
    let expect = [(Some("L7"), Some("2099-01-31"), Some(3)), (Some("L8"), Some("2099-06-30"), Some(7))];
    assert_eq!((seen.as_slice(), stock["sellable"].as_i64()), (expect.as_slice(), Some(10)));
}

#[tokio::test]
async fn what_comes_in_expired_is_never_available() {
    let world = world().await;
    let _ = world.stack.outbox();
    let (status, receipt) = receive(&world, 4, json!({"lot": "OLD", "expiry": "2020-01-31"})).await;
    assert_eq!((status, receipt["movement"]["to"].as_str()), (201, Some("expired")), "{receipt}");
    assert_eq!(world.stack.outbox(), [], "nobody can be served from it");
    assert_eq!(units(&world, "OLD", "2020-01-31", Term::Expired).await, 4);
    assert_eq!(adjust(&world, -4, json!({"lot": "OLD"})).await.0, 201);
    assert_eq!(units(&world, "OLD", "2020-01-31", Term::OnHand).await, 0);
}

#[tokio::test]
async fn a_correction_changes_the_lot_that_it_names() {
    let world = world().await;
    receive(&world, 5, json!({"lot": "L7", "expiry": "2099-01-31"})).await;
    assert_eq!(adjust(&world, -2, json!({"lot": "L7"})).await.0, 201);
    assert_eq!(units(&world, "L7", "2099-01-31", Term::Available).await, 3);
    refused(adjust(&world, -4, json!({"lot": "L7"})).await, 409, "insufficient-stock", "/quantity");
    refused(adjust(&world, -1, json!({"lot": "L9"})).await, 422, "unknown-lot", "/goods/lot");
    refused(adjust(&world, 1, json!({})).await, 422, "lot-needed", "/goods/lot");
    refused(adjust(&world, -1, json!({})).await, 409, "insufficient-stock", "/quantity");
    refused(
        adjust(&world, 1, json!({"lot": "L7", "expiry": "2099-02-01"})).await,
        409,
        "lot-expiry-differs",
        "/goods/expiry",
    );
    assert_eq!(adjust(&world, 1, json!({"lot": "L9", "expiry": "2099-03-31"})).await.0, 201, "found on the shelf");
    assert_eq!(units(&world, "L9", "2099-03-31", Term::Available).await, 1);
}

#[tokio::test]
async fn a_repeated_receipt_of_a_lot_counts_once() {
    let world = world().await;
    let body = with(&new_receipt("TEA", "SOF1", 5), &json!({"goods": {"lot": "L7", "expiry": "2099-01-31"}}));
    let send = || world.ops(request("POST /v1/receipts").header("idempotency-key", "k1").json(&body));
    let first = send().await;
    world.stack.clock.advance(Duration::from_secs(60));
    assert_eq!((first.0, send().await), (201, first));
    assert_eq!(units(&world, "L7", "2099-01-31", Term::Available).await, 5);
}

#[tokio::test]
async fn the_lot_of_an_item_that_is_not_kept_by_lot_is_a_note() {
    let world = world().await;
    world.stack.item(&world.merchant, "CUP").await;
    let body = with(&new_receipt("CUP", "SOF1", 5), &json!({"goods": {"lot": "L7", "expiry": "2020-01-31"}}));
    let (status, receipt) = world.ops(request("POST /v1/receipts").json(&body)).await;
    assert_eq!((status, receipt["movement"]["to"].as_str()), (201, Some("available")), "{receipt}");
    let (sku, location) = (Sku::parse("CUP").unwrap(), LocationId::parse("SOF1").unwrap());
    assert_eq!(world.stack.level(&world.merchant, &sku, &location).await.get(Term::Available), 5);
}

#[tokio::test]
async fn what_comes_in_late_of_a_recalled_lot_is_counted_apart() {
    let world = world().await;
    let goods = json!({"lot": "L7", "expiry": "2099-01-31"});
    receive(&world, 5, goods.clone()).await;
    let key = lot_key(&world.merchant, &Sku::parse("TEA").unwrap(), "L7");
    let recall = RecallId::derive(&world.merchant, &["1"]);
    let decide = async |stored: Option<&Versioned<LotRecord>>| {
        Ok::<_, Failure>(Decision::of(stored.unwrap().body.recalled(&recall)?))
    };
    world.stack.deps.store.change(&key, &Operation::of(&["test", "recall"]), decide).await.unwrap();
    assert_eq!(receive(&world, 2, goods).await.1["movement"]["to"], "recalled");
    assert_eq!(units(&world, "L7", "2099-01-31", Term::Recalled).await, 2);
}
