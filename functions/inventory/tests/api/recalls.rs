//! Recalls are declared here, once. How one goes on is the sweeper's to show, and what comes in late the receipts'.

use crate::World;
use domain::stock::{LevelId, Lot};
use serde_json::{Value, json};
use testkit::api::{SCOPES, refused};
use testkit::request;

#[tokio::test]
async fn a_lot_is_recalled_once() {
    let world = World::new().await;
    let (sku, location) =
        (world.stack.item(&world.merchant, "TEA").await, world.stack.location(&world.merchant, "SOF1").await);
    let lot = Some(Lot { code: "L7".to_owned(), expiry: None });
    world.stack.stock_of(&world.merchant, &LevelId { sku, location, lot }, 5).await;
    let declare = async |idempotency: &str, lot: &str, reason: &str| -> (u16, Value) {
        let actor = json!({"person": "boss", "station": "OFFICE"});
        let body = json!({"sku": "TEA", "lot": lot, "reason": reason, "actor": actor});
        world.ops(request("POST /v1/recalls").header("idempotency-key", idempotency).json(&body)).await
    };
    refused(declare("k0", "L8", "mould").await, 422, "unknown-lot", "/lot");
    refused(declare("k0", "L7", "").await, 400, "invalid-field", "/reason");
    let (status, first) = declare("k1", "L7", "mould").await;
    assert_eq!((status, first["state"].as_str()), (201, Some("declared")), "{first}");
    assert_eq!(declare("k1", "L7", "mould").await.1, first, "a repeated request");
    refused(declare("k2", "L7", "mould").await, 409, "lot-recalled", "/lot");
    for scope in SCOPES {
        let asked = request("GET /v1/recalls/{recall}").path("recall", first["id"].as_str().unwrap());
        let (status, view) = testkit::read(Ok(world.send(asked.key(&World::key(&world.merchant, scope))).await));
        assert_eq!((status, &view["orders"], view["lot"]["code"].as_str()), (200, &json!([]), Some("L7")), "{view}");
    }
}
