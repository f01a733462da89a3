//! Units that are kept by serial number: each number comes in once.

use crate::World;
use serde_json::{Value, json};
use testkit::api::{new_adjustment, new_item, new_receipt, refused, with};
use testkit::request;

async fn world() -> World {
    let world = World::new().await;
    world.stack.location(&world.merchant, "SOF1").await;
    let phone = with(&new_item("PHONE"), &json!({"serial_tracked": true}));
    assert_eq!(world.ops(request("POST /v1/items").json(&phone)).await.0, 201);
    world
}

async fn receive(world: &World, quantity: i64, goods: Value) -> (u16, Value) {
    let body = with(&new_receipt("PHONE", "SOF1", quantity), &json!({ "goods": goods }));
    world.ops(request("POST /v1/receipts").json(&body)).await
}

async fn adjust(world: &World, quantity: i64, goods: Value) -> (u16, Value) {
    let body = with(&new_adjustment("PHONE", "SOF1", quantity), &json!({ "goods": goods }));
    world.ops(request("POST /v1/adjustments").json(&body)).await
}

#[tokio::test]
async fn a_serial_number_comes_in_once() {
    let world = world().await;
    refused(receive(&world, 1, json!({})).await, 422, "serial-needed", "/goods/serial");
    refused(receive(&world, 2, json!({"serial": "S1"})).await, 400, "invalid-field", "/goods/serial");
    let body = with(&new_receipt("PHONE", "SOF1", 1), &json!({"goods": {"serial": "S1"}}));
    let keyed = || world.ops(request("POST /v1/receipts").header("idempotency-key", "k1").json(&body));
    let first = keyed().await;
    assert_eq!((first.0, keyed().await), (201, first), "a repeated request is no second receipt");
    refused(receive(&world, 1, json!({"serial": "S1"})).await, 409, "serial-received", "/goods/serial");
    assert_eq!(receive(&world, 1, json!({"serial": "S2"})).await.0, 201);
    let (_, stock) = world.ops(request("GET /v1/stock-levels/{sku}").path("sku", "PHONE")).await;
    assert_eq!(stock["levels"][0]["available"], 2, "{stock}");
}

#[tokio::test]
async fn a_unit_that_was_taken_off_the_record_may_come_in_again() {
    let world = world().await;
    receive(&world, 1, json!({"serial": "S1"})).await;
    refused(adjust(&world, -1, json!({"serial": "S9"})).await, 409, "serial-not-in-stock", "/goods/serial");
    refused(adjust(&world, -1, json!({})).await, 422, "serial-needed", "/goods/serial");
    assert_eq!(adjust(&world, -1, json!({"serial": "S1"})).await.0, 201);
    refused(adjust(&world, -1, json!({"serial": "S1"})).await, 409, "insufficient-stock", "/quantity");
    assert_eq!(receive(&world, 1, json!({"serial": "S1"})).await.0, 201);
}
