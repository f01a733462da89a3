//! Recalls are declared here, once. How one goes on is the sweeper's to show, and what comes in late the receipts'.

use crate::world::{World, actor};
use domain::account::Scope;
use domain::stock::{LevelId, Lot};
use pick_pack::PickPack;
use platform::Function;
use serde_json::{Value, json};
use testkit::{read, request};

async fn declare(world: &World, key: &str, idempotency: &str, body: &Value) -> (u16, Value) {
    let asked = request("POST /v1/recalls").key(key).header("idempotency-key", idempotency).json(body).build();
    read(PickPack.http(&world.stack.deps, asked).await)
}

fn problem(answer: &(u16, Value)) -> (u16, &str, &str) {
    let text = |name: &str| answer.1[name].as_str().unwrap_or_default();
    (answer.0, text("type").trim_start_matches("urn:sklad:problem:"), text("pointer"))
}

#[tokio::test]
async fn a_lot_is_recalled_once() {
    let world = World::allocated(&[("TEA", 1)]).await;
    let office = world.stack.api_key(&world.merchant, Scope::Operations).await;
    let lot = Some(Lot { code: "L7".to_owned(), expiry: None });
    let level = LevelId { sku: "TEA".to_owned().try_into().unwrap(), location: world.location.clone(), lot };
    world.stack.stock_of(&world.merchant, &level, 5).await;
    let recall = |lot: &str, reason: &str| json!({"sku": "TEA", "lot": lot, "reason": reason, "actor": actor("boss")});
    let unknown = declare(&world, &office, "k0", &recall("L8", "mould")).await;
    assert_eq!(problem(&unknown), (422, "unknown-lot", "/lot"));
    assert_eq!(problem(&declare(&world, &office, "k0", &recall("L7", "")).await).2, "/reason");
    assert_eq!(declare(&world, &world.key, "k0", &recall("L7", "mould")).await.0, 403, "the floor does not recall");
    let (status, first) = declare(&world, &office, "k1", &recall("L7", "mould")).await;
    assert_eq!((status, first["state"].as_str()), (201, Some("declared")), "{first}");
    assert_eq!(declare(&world, &office, "k1", &recall("L7", "mould")).await.1, first, "a repeated request");
    let again = declare(&world, &office, "k2", &recall("L7", "mould")).await;
    assert_eq!(problem(&again), (409, "lot-recalled", "/lot"));
    let seen = async |key: &str| {
        let asked = request("GET /v1/recalls/{recall}").path("recall", first["id"].as_str().unwrap()).key(key).build();
        read(PickPack.http(&world.stack.deps, asked).await)
    };
    let (status, view) = seen(&world.key).await;
    assert_eq!((status, &view["orders"], view["lot"]["code"].as_str()), (200, &json!([]), Some("L7")), "{view}");
    let stranger = world.stack.merchant("Other").await;
    assert_eq!(seen(&world.stack.api_key(&stranger, Scope::Operations).await).await.0, 404);
}
