//! Bins: receipts and moves say where units lie, and every bin together is what is on hand.

use crate::World;
use serde_json::{Value, json};
use testkit::api::{new_adjustment, new_receipt, refused, with};
use testkit::request;

async fn world() -> World {
    let world = World::new().await;
    world.stack.item(&world.merchant, "TEA").await;
    world.stack.location(&world.merchant, "SOF1").await;
    world
}

async fn receive(world: &World, quantity: i64, bin: &str) -> (u16, Value) {
    let body = with(&new_receipt("TEA", "SOF1", quantity), &json!({"goods": {"bin": bin}}));
    world.ops(request("POST /v1/receipts").json(&body)).await
}

fn carrying(quantity: u32, from: Option<&str>, to: &str) -> Value {
    let actor = json!({"person": "badge-17", "station": "DOCK-1"});
    json!({"sku": "TEA", "location": "SOF1", "quantity": quantity, "from_bin": from, "to_bin": to, "actor": actor})
}

async fn carry(world: &World, quantity: u32, from: Option<&str>, to: &str) -> (u16, Value) {
    world.ops(request("POST /v1/moves").json(&carrying(quantity, from, to))).await
}

/// The bins, which must be what is on hand.
async fn bins(world: &World) -> Value {
    let (_, stock) = world.ops(request("GET /v1/stock-levels/{sku}").path("sku", "TEA")).await;
    let level = &stock["levels"][0];
    let sum: i64 = level["bins"].as_object().unwrap().values().filter_map(Value::as_i64).sum();
    assert_eq!(Some(sum), level["on_hand"].as_i64(), "{level}");
    level["bins"].clone()
}

#[tokio::test]
async fn units_are_put_away_and_carried_once_a_key() {
    let world = world().await;
    assert_eq!(receive(&world, 9, "MAIN").await.0, 201);
    assert_eq!(receive(&world, 4, "A-01").await.0, 201);
    assert_eq!(bins(&world).await, json!({"MAIN": 9, "A-01": 4}));
    let (status, moved) = carry(&world, 7, None, "B-02").await;
    assert_eq!((status, moved["movement"]["type"].as_str()), (201, Some("PUTAWAY")), "{moved}");
    for _ in 0..2 {
        let keyed = request("POST /v1/moves").header("idempotency-key", "k1").json(&carrying(3, Some("A-01"), "B-02"));
        let (status, moved) = world.ops(keyed).await;
        assert_eq!((status, moved["movement"]["type"].as_str()), (201, Some("MOVE")), "{moved}");
    }
    assert_eq!(bins(&world).await, json!({"MAIN": 2, "A-01": 1, "B-02": 10}));
    let away = with(&new_adjustment("TEA", "SOF1", -10), &json!({"goods": {"bin": "B-02"}}));
    assert_eq!(world.ops(request("POST /v1/adjustments").json(&away)).await.0, 201);
    assert_eq!(bins(&world).await, json!({"MAIN": 2, "A-01": 1}));
}

#[tokio::test]
async fn a_wrong_move_is_refused_with_the_field() {
    let world = world().await;
    refused(carry(&world, 1, None, "A-01").await, 409, "not-in-bin", "/quantity");
    assert_eq!(receive(&world, 5, "A-01").await.0, 201);
    refused(carry(&world, 6, Some("A-01"), "B-02").await, 409, "not-in-bin", "/quantity");
    refused(carry(&world, 0, Some("A-01"), "B-02").await, 400, "invalid-field", "/quantity");
    refused(carry(&world, 1, Some("A-01"), "A-01").await, 400, "invalid-field", "/to_bin");
    refused(carry(&world, 1, Some("A-01"), "STAGED").await, 400, "invalid-field", "/to_bin");
    refused(carry(&world, 1, Some(""), "B-02").await, 400, "invalid-field", "/from_bin");
    refused(receive(&world, 1, "STAGED").await, 400, "invalid-field", "/goods/bin");
    let lot = with(&carrying(1, Some("A-01"), "B-02"), &json!({"lot": "L7"}));
    refused(world.ops(request("POST /v1/moves").json(&lot)).await, 422, "unknown-lot", "/lot");
    assert_eq!(bins(&world).await, json!({"A-01": 5}));
}
