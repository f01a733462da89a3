//! Another merchant's key, on every route: nothing is seen, nothing is changed.

use crate::World;
use crate::edits::{channel_edit, location_edit, merchant_edit};
use crate::routes::ROUTES;
use domain::privacy::{PrivacyKind, PrivacyOrigin, PrivacyRequest};
use domain::{OrderId, PrivacyRequestId};
use platform::listing::PageRequest;
use serde_json::{Value, json};
use testkit::api::{SCOPES, new_carrier_account, new_channel, new_item, new_location};
use testkit::request;
use testkit::request::RequestBuilder;
use testkit::stack::ADMINISTRATOR_KEY;

/// What belongs to the merchant.
struct Owned {
    channel: String,
    carrier_account: String,
    key: String,
    order: OrderId,
    privacy_request: PrivacyRequestId,
}

async fn owned(world: &World) -> Owned {
    let id = |(status, body): (u16, Value)| {
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    };
    id(world.ops(request("POST /v1/locations").json(&new_location("SECRET-LOCATION"))).await);
    assert_eq!(world.ops(request("POST /v1/items").json(&new_item("SECRET-SKU"))).await.0, 201);
    let key = json!({"name": "Dock", "scope": "floor"});
    let order = OrderId::derive(&world.merchant, &["SECRET"]);
    let privacy_request = PrivacyRequestId::derive(&world.merchant, &["SECRET"]);
    let named = (PrivacyKind::Erasure, PrivacyOrigin::Shop);
    let opened = PrivacyRequest::open(privacy_request.clone(), named, [order.clone()], None, world.stack.now());
    let operation = platform::Operation::of(&["world"]);
    world.stack.deps.store.create(&operation, opened.unwrap()).await.unwrap();
    Owned {
        order,
        privacy_request,
        channel: id(world.admin(request("POST /v1/channels").json(&new_channel())).await),
        carrier_account: id(world.admin(request("POST /v1/carrier-accounts").json(&new_carrier_account())).await),
        key: id(world.admin(request("POST /v1/api-keys").json(&key)).await),
    }
}

/// The route, aimed at what is the merchant's.
fn aimed(route: &str, world: &World, owned: &Owned) -> RequestBuilder {
    let request = request(route)
        .path("merchant", &world.merchant)
        .path("channel", &owned.channel)
        .path("carrier_account", &owned.carrier_account)
        .path("key", &owned.key)
        .path("sku", "SECRET-SKU")
        .path("location", "SECRET-LOCATION")
        .path("privacy_request", &owned.privacy_request);
    let actor = json!({"person": "clerk", "station": "DESK"});
    match route {
        "POST /v1/privacy-requests" => {
            request.json(&json!({"kind": "access", "orders": [owned.order], "actor": actor}))
        }
        "POST /v1/privacy-requests/{privacy_request}/confirm" => {
            request.json(&json!({"actor": actor, "invoice": "kept_elsewhere"}))
        }
        "POST /v1/privacy-requests/{privacy_request}/decline" => request.json(&json!({"actor": actor, "reason": "no"})),
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
    for (route, _) in ROUTES.iter().filter(|(route, _)| !creates_ones_own(route)) {
        for scope in SCOPES {
            let foreign = aimed(route, &world, &owned).key(&World::key(&world.other, scope));
            let (status, body) = testkit::read(Ok(world.send(foreign).await));
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
            || route.contains("{merchant}")
            || route.contains("{sku}")
            || route.contains("{location}")
            || route.contains("{privacy_request}")
        {
            let foreign = aimed(route, &world, &owned).key(ADMINISTRATOR_KEY).header("sklad-merchant", &world.other);
            assert_eq!(world.send(foreign).await.status, 404, "{route}");
        }
    }
    let keys = world.admin(request("GET /v1/api-keys")).await.1;
    assert!(keys.to_string().contains(&owned.key), "{keys}");
}

/// Routes that make something of the caller's own: shown to be apart below.
fn creates_ones_own(route: &str) -> bool {
    matches!(route, "POST /v1/locations" | "POST /v1/items" | "POST /v1/items/import")
}

fn page() -> PageRequest {
    PageRequest { limit: 100, after: None }
}

#[tokio::test]
async fn two_merchants_with_the_same_codes_and_the_same_idempotency_key_are_apart() {
    let world = World::new().await;
    let requests =
        [request("POST /v1/locations").json(&new_location("SOF1")), request("POST /v1/items").json(&new_item("TEA"))];
    for merchant in [&world.merchant, &world.other] {
        for request in &requests {
            let key = World::key(merchant, domain::account::Scope::Operations);
            let response = world.send(request.clone().header("idempotency-key", "same").key(&key)).await;
            assert!(!response.headers.iter().any(|(name, _)| name == "idempotent-replayed"));
            let (status, body) = testkit::read(Ok(response));
            assert_eq!(status, 201, "{body}");
        }
        assert_eq!(world.stack.deps.store.items(merchant, &page()).await.unwrap().items.len(), 1);
    }
}
