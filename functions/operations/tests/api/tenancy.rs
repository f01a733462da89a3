//! Another merchant's key, on every route: nothing is seen, nothing is changed.

use crate::edits::{channel_edit, location_edit, merchant_edit};
use crate::routes::ROUTES;
use crate::{SCOPES, World, new_adjustment, new_carrier_account, new_channel, new_item, new_location, new_receipt};
use domain::stock::Term;
use serde_json::{Value, json};
use testkit::request;
use testkit::request::RequestBuilder;
use testkit::stack::ADMINISTRATOR_KEY;

/// What belongs to the merchant.
struct Owned {
    channel: String,
    carrier_account: String,
    key: String,
    audit: String,
}

async fn owned(world: &World) -> Owned {
    let id = |(status, body): (u16, Value)| {
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    };
    id(world.ops(request("POST /v1/locations").json(&new_location("SECRET-LOCATION"))).await);
    assert_eq!(world.ops(request("POST /v1/items").json(&new_item("SECRET-SKU"))).await.0, 201);
    id(world.ops(request("POST /v1/receipts").json(&new_receipt("SECRET-SKU", "SECRET-LOCATION", 9))).await);
    let key = json!({"name": "Dock", "scope": "floor"});
    let (status, audit) = world.ops(request("POST /v1/stock-audits").json(&json!({"skus": ["SECRET-SKU"]}))).await;
    assert_eq!(status, 202, "{audit}");
    Owned {
        channel: id(world.admin(request("POST /v1/channels").json(&new_channel())).await),
        carrier_account: id(world.admin(request("POST /v1/carrier-accounts").json(&new_carrier_account())).await),
        key: id(world.admin(request("POST /v1/api-keys").json(&key)).await),
        audit: audit["id"].as_str().unwrap().to_owned(),
    }
}

/// The route, aimed at what is the merchant's.
fn aimed(route: &str, world: &World, owned: &Owned) -> RequestBuilder {
    let request = request(route)
        .path("merchant", &world.merchant)
        .path("channel", &owned.channel)
        .path("carrier_account", &owned.carrier_account)
        .path("key", &owned.key)
        .path("audit", &owned.audit)
        .path("sku", "SECRET-SKU")
        .path("location", "SECRET-LOCATION")
        .query("channel", &owned.channel)
        .query("sku", "SECRET-SKU")
        .query("location", "SECRET-LOCATION")
        .query("day", "2026-11-02");
    match route {
        "POST /v1/receipts" => request.json(&new_receipt("SECRET-SKU", "SECRET-LOCATION", 1)),
        "POST /v1/adjustments" => request.json(&new_adjustment("SECRET-SKU", "SECRET-LOCATION", -1)),
        "POST /v1/stock-audits/{audit}/repair" => request.json(&json!({
            "drifts": [{"sku": "SECRET-SKU", "location": "SECRET-LOCATION"}],
            "actor": {"person": "badge-17", "station": "OFFICE"},
        })),
        "PUT /v1/merchants/{merchant}" => request.json(&merchant_edit()),
        "PUT /v1/channels/{channel}" => request.json(&channel_edit()),
        "PUT /v1/locations/{location}" => request.json(&location_edit()),
        _ => request,
    }
}

#[tokio::test]
async fn another_merchants_key_sees_and_changes_nothing_on_any_route() {
    let world = World::new().await;
    let owned = owned(&world).await;
    let before = world.ops(request("GET /v1/stock-levels/{sku}").path("sku", "SECRET-SKU")).await;
    for (route, _) in ROUTES.iter().filter(|(route, _)| !creates_ones_own(route)) {
        for scope in SCOPES {
            let foreign = aimed(route, &world, &owned).key(&World::key(&world.other, scope));
            let (status, body) = crate::read(world.send(foreign).await);
            match status {
                200 => assert_eq!(body["items"], json!([]), "{route} {scope:?}: {body}"),
                403 | 404 | 422 => assert!(!body.to_string().contains("SECRET"), "{route} {scope:?}: {body}"),
                _ => panic!("{route} {scope:?}: {status} {body}"),
            }
        }
        // An administrator who acts for the other merchant meets the same walls.
        if route.contains("{channel}")
            || route.contains("{carrier_account}")
            || route.contains("{key}")
            || route.contains("{audit}")
            || route.contains("{merchant}")
            || route.contains("{sku}")
            || route.contains("{location}")
        {
            let foreign = aimed(route, &world, &owned).key(ADMINISTRATOR_KEY).header("sklad-merchant", &world.other);
            assert_eq!(world.send(foreign).await.status, 404, "{route}");
        }
    }
    assert_eq!(world.ops(request("GET /v1/stock-levels/{sku}").path("sku", "SECRET-SKU")).await, before);
    let keys = world.admin(request("GET /v1/api-keys")).await.1;
    assert!(keys.to_string().contains(&owned.key), "{keys}");
}

/// Routes that make something of the caller's own: shown to be apart below.
fn creates_ones_own(route: &str) -> bool {
    matches!(route, "POST /v1/locations" | "POST /v1/items" | "POST /v1/items/import" | "POST /v1/stock-audits")
}

#[tokio::test]
async fn two_merchants_with_the_same_codes_and_the_same_idempotency_key_are_apart() {
    let world = World::new().await;
    let requests = [
        request("POST /v1/locations").json(&new_location("SOF1")),
        request("POST /v1/items").json(&new_item("TEA")),
        request("POST /v1/receipts").json(&new_receipt("TEA", "SOF1", 5)),
    ];
    let mut ids = Vec::new();
    for merchant in [&world.merchant, &world.other] {
        for request in &requests {
            let key = World::key(merchant, domain::account::Scope::Operations);
            let response = world.send(request.clone().header("idempotency-key", "same").key(&key)).await;
            assert!(!response.headers.iter().any(|(name, _)| name == "idempotent-replayed"));
            let (status, body) = crate::read(response);
            assert_eq!(status, 201, "{body}");
            ids.push(body["id"].clone());
        }
        let (sku, location) = ("TEA".to_owned().try_into().unwrap(), "SOF1".to_owned().try_into().unwrap());
        let level = world.stack.level(merchant, &sku, &location).await;
        assert_eq!(level.get(Term::Available), 5);
    }
    assert_ne!(ids[2], ids[5]);
}
