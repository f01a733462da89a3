//! Recalls: declared once, and nothing that comes in late is sold. How a recall goes on is the sweeper's to show.

use crate::{World, new_item, new_receipt, refused, with};
use serde_json::{Value, json};
use testkit::request;

async fn world() -> World {
    let world = World::new().await;
    world.stack.location(&world.merchant, "SOF1").await;
    let tea = with(&new_item("TEA"), &json!({"lot_tracked": true}));
    assert_eq!(world.ops(request("POST /v1/items").json(&tea)).await.0, 201);
    world
}

fn recall(lot: &str) -> Value {
    json!({"sku": "TEA", "lot": lot, "reason": "salmonella", "actor": {"person": "badge-1", "station": "DESK-1"}})
}

async fn receive(world: &World) -> (u16, Value) {
    let body = with(&new_receipt("TEA", "SOF1", 5), &json!({"goods": {"lot": "L7", "expiry": "2099-01-31"}}));
    world.ops(request("POST /v1/receipts").json(&body)).await
}

#[tokio::test]
async fn a_lot_is_recalled_once_and_late_receipts_of_it_are_counted_apart() {
    let world = world().await;
    let declare = |body: &Value| request("POST /v1/recalls").header("idempotency-key", "k1").json(body);
    refused(world.ops(declare(&recall("L7"))).await, 422, "unknown-lot", "/lot");
    assert_eq!(receive(&world).await.1["movement"]["to"], "available");
    let (status, first) = world.ops(declare(&recall("L7"))).await;
    assert_eq!((status, first["state"].as_str()), (201, Some("declared")), "{first}");
    assert_eq!(world.ops(declare(&recall("L7"))).await.1, first, "a repeated request is the same recall");
    refused(world.ops(request("POST /v1/recalls").json(&recall("L7"))).await, 409, "lot-recalled", "/lot");
    assert_eq!(receive(&world).await.1["movement"]["to"], "recalled");
    let read = request("GET /v1/recalls/{recall}").path("recall", first["id"].as_str().unwrap());
    let (status, seen) = world.ops(read).await;
    assert_eq!((status, &seen["orders"], seen["lot"]["expiry"].as_str()), (200, &json!([]), Some("2099-01-31")));
}

#[tokio::test]
async fn a_recall_without_reason_or_person_is_refused() {
    let world = world().await;
    receive(&world).await;
    let post = |change: Value| world.ops(request("POST /v1/recalls").json(&with(&recall("L7"), &change)));
    refused(post(json!({"reason": ""})).await, 400, "invalid-field", "/reason");
    refused(post(json!({"actor": {"person": "", "station": "D"}})).await, 400, "invalid-field", "/actor/person");
    let read = request("GET /v1/recalls/{recall}").path("recall", "rcl_nothing_m");
    assert_eq!(world.ops(read).await.0, 404);
}
