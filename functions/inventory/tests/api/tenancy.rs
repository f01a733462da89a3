//! Another merchant's key, on every route: nothing is seen, nothing is changed.

use crate::World;
use crate::routes::ROUTES;
use domain::account::Scope;
use domain::stock::{LevelId, Lot, Term};
use serde_json::{Value, json};
use testkit::api::{SCOPES, new_adjustment, new_item, new_location, new_receipt};
use testkit::request;
use testkit::request::RequestBuilder;
use testkit::stack::ADMINISTRATOR_KEY;

/// What belongs to the merchant.
struct Owned {
    channel: String,
    audit: String,
    recall: String,
}

fn actor() -> Value {
    json!({"person": "badge-17", "station": "OFFICE"})
}

async fn owned(world: &World) -> Owned {
    let id = |(status, body): (u16, Value), expected: u16| {
        assert_eq!(status, expected, "{body}");
        body["id"].as_str().unwrap_or_default().to_owned()
    };
    id(world.ops(request("POST /v1/locations").json(&new_location("SECRET-LOCATION"))).await, 201);
    id(world.ops(request("POST /v1/items").json(&new_item("SECRET-SKU"))).await, 201);
    id(world.ops(request("POST /v1/receipts").json(&new_receipt("SECRET-SKU", "SECRET-LOCATION", 9))).await, 201);
    let lot = Some(Lot { code: "SECRET-LOT".to_owned(), expiry: None });
    let (sku, location) =
        ("SECRET-SKU".to_owned().try_into().unwrap(), "SECRET-LOCATION".to_owned().try_into().unwrap());
    world.stack.stock_of(&world.merchant, &LevelId { sku, location, lot }, 5).await;
    let recall = json!({"sku": "SECRET-SKU", "lot": "SECRET-LOT", "reason": "mould", "actor": actor()});
    Owned {
        channel: world.stack.channel(&world.merchant, "https://shop.example").await.to_string(),
        audit: id(world.ops(request("POST /v1/stock-audits").json(&json!({"skus": ["SECRET-SKU"]}))).await, 202),
        recall: id(world.ops(request("POST /v1/recalls").json(&recall)).await, 201),
    }
}

/// The route, aimed at what is the merchant's.
fn aimed(route: &str, owned: &Owned) -> RequestBuilder {
    let request = request(route)
        .path("audit", &owned.audit)
        .path("recall", &owned.recall)
        .path("sku", "SECRET-SKU")
        .query("channel", &owned.channel)
        .query("sku", "SECRET-SKU")
        .query("location", "SECRET-LOCATION")
        .query("day", "2026-11-02");
    match route {
        "POST /v1/receipts" => request.json(&new_receipt("SECRET-SKU", "SECRET-LOCATION", 1)),
        "POST /v1/adjustments" => request.json(&new_adjustment("SECRET-SKU", "SECRET-LOCATION", -1)),
        "POST /v1/moves" => request.json(&json!({
            "sku": "SECRET-SKU", "location": "SECRET-LOCATION", "quantity": 1, "to_bin": "A-01", "actor": actor(),
        })),
        "POST /v1/recalls" => {
            request.json(&json!({"sku": "SECRET-SKU", "lot": "SECRET-LOT", "reason": "mould", "actor": actor()}))
        }
        "POST /v1/stock-audits/{audit}/repair" => request.json(&json!({
            "drifts": [{"sku": "SECRET-SKU", "location": "SECRET-LOCATION"}], "actor": actor(),
        })),
        _ => request,
    }
}

#[tokio::test]
async fn another_merchants_key_sees_and_changes_nothing_on_any_route() {
    let world = World::new().await;
    let owned = owned(&world).await;
    let before = world.ops(request("GET /v1/stock-levels/{sku}").path("sku", "SECRET-SKU")).await;
    // An audit of one's own stock begins whatever others have.
    for (route, _) in ROUTES.iter().filter(|(route, _)| *route != "POST /v1/stock-audits") {
        for scope in SCOPES {
            let foreign = aimed(route, &owned).key(&World::key(&world.other, scope));
            let (status, body) = testkit::read(Ok(world.send(foreign).await));
            match status {
                200 => assert_eq!(body["items"], json!([]), "{route} {scope:?}: {body}"),
                403 | 404 | 422 => assert!(!body.to_string().contains("SECRET"), "{route} {scope:?}: {body}"),
                _ => panic!("{route} {scope:?}: {status} {body}"),
            }
        }
        // An administrator who acts for the other merchant meets the same walls.
        if route.contains('{') {
            let foreign = aimed(route, &owned).key(ADMINISTRATOR_KEY).header("sklad-merchant", &world.other);
            assert_eq!(world.send(foreign).await.status, 404, "{route}");
        }
    }
    assert_eq!(world.ops(request("GET /v1/stock-levels/{sku}").path("sku", "SECRET-SKU")).await, before);
}

#[tokio::test]
async fn two_merchants_with_the_same_codes_and_the_same_idempotency_key_are_apart() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for merchant in [&world.merchant, &world.other] {
        let (sku, location) = (world.stack.item(merchant, "TEA").await, world.stack.location(merchant, "SOF1").await);
        let receipt = request("POST /v1/receipts").json(&new_receipt("TEA", "SOF1", 5));
        let key = World::key(merchant, Scope::Operations);
        let response = world.send(receipt.header("idempotency-key", "same").key(&key)).await;
        assert!(!response.headers.iter().any(|(name, _)| name == "idempotent-replayed"));
        let (status, body) = testkit::read(Ok(response));
        assert_eq!(status, 201, "{body}");
        ids.push(body["id"].clone());
        assert_eq!(world.stack.level(merchant, &sku, &location).await.get(Term::Available), 5);
    }
    assert_ne!(ids[0], ids[1]);
}
