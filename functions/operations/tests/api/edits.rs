//! Edits of merchants, channels and locations; closing a location.

use crate::World;
use domain::account::Scope;
use domain::stock::StockChange;
use domain::{LocationId, Sku};
use platform::items::SealedChannel;
use serde_json::{Value, json};
use testkit::Stack;
use testkit::api::{new_channel, new_item, new_location, refused, with};
use testkit::request;

const EDIT: &str = "PUT /v1/locations/{location}";

pub(crate) fn merchant_edit() -> Value {
    json!({
        "name": "Чаена ООД", "allocation_rule": "ship_complete", "return_window_days": 30, "hold_unpaid_stock_minutes": 45,
    })
}

pub(crate) fn channel_edit() -> Value {
    json!({"name": "New name", "api_url": "https://new.myshopify.com", "shop_location": "gid://7"})
}

pub(crate) fn location_edit() -> Value {
    with(&new_location("X"), &json!({"id": null, "name": "София 2", "priority": 3}))
}

fn closed() -> Value {
    with(&location_edit(), &json!({"closed": true}))
}

async fn put(world: &World, code: &str, body: &Value) -> (u16, Value) {
    world.ops(request(EDIT).path("location", code).json(body)).await
}

async fn world_with(codes: &[&str]) -> World {
    let world = World::new().await;
    for code in codes {
        assert_eq!(world.ops(request("POST /v1/locations").json(&new_location(code))).await.0, 201);
    }
    assert_eq!(world.ops(request("POST /v1/items").json(&new_item("TEA"))).await.0, 201);
    world
}

#[tokio::test]
async fn a_location_is_edited_at_its_version_once_a_key() {
    let world = world_with(&["SOF1"]).await;
    let edit = || {
        let edit = request(EDIT).path("location", "SOF1").header("if-match", "\"1\"").header("idempotency-key", "k1");
        edit.json(&location_edit())
    };
    let (status, location) = world.ops(edit()).await;
    assert_eq!((status, location["version"].as_u64(), location["name"].as_str()), (200, Some(2), Some("София 2")));
    assert_eq!(world.ops(edit()).await, (200, location.clone()), "the same again, though the version has moved on");
    refused(world.ops(edit().json(&closed())).await, 422, "idempotency-key-reused", "");
    refused(world.ops(edit().header("idempotency-key", "k2")).await, 412, "precondition-failed", "");
    assert_eq!(world.ops(request("GET /v1/locations")).await.1["items"][0], location);
    refused(put(&world, "NONE", &location_edit()).await, 404, "not-found", "");
}

#[tokio::test]
async fn an_edit_of_a_location_with_a_wrong_field_is_refused_with_the_pointer() {
    let world = world_with(&["SOF1"]).await;
    let check = async |change, pointer| {
        refused(put(&world, "SOF1", &with(&location_edit(), &change)).await, 400, "invalid-field", pointer);
    };
    check(json!({"name": ""}), "/name").await;
    check(json!({"address": with(&new_location("A")["address"], &json!({"city": ""}))}), "/address/city").await;
    check(json!({"closed": "yes"}), "/closed").await;
    check(json!({"id": "SOF2"}), "/id").await;
}

#[tokio::test]
async fn reserved_stock_keeps_a_location_open() {
    let world = world_with(&["SOF1"]).await;
    let (tea, sofia) = (Sku::parse("TEA").unwrap(), LocationId::parse("SOF1").unwrap());
    world.stack.stock(&world.merchant, &tea, &sofia, 3).await;
    let reserve = StockChange::reserve(&tea, &sofia, 3);
    world.stack.change_level(&world.merchant, reserve).await;
    let (status, problem) = put(&world, "SOF1", &closed()).await;
    assert_eq!((status, problem["detail"].as_str().unwrap().contains("3 reserved")), (409, true), "{problem}");
}

#[tokio::test]
async fn a_merchant_is_edited_and_keeps_what_no_edit_names() {
    let world = World::new().await;
    let edit = |body: &Value| request("PUT /v1/merchants/{merchant}").path("merchant", &world.merchant).json(body);
    let account = Stack::carrier_account_id(&world.merchant);
    world.stack.carrier_account(&world.merchant, "http://carrier.test").await;
    let body = with(&merchant_edit(), &json!({"default_carrier_account": account}));
    let (status, merchant) = world.admin(edit(&body).header("if-match", "\"1\"")).await;
    assert_eq!(status, 200, "{merchant}");
    assert_eq!(with(&merchant, &json!({"id": null, "created_at": null})), body);
    refused(world.admin(edit(&body).header("if-match", "\"1\"")).await, 412, "precondition-failed", "");
    let check = async |change, status, kind, pointer| {
        refused(world.admin(edit(&with(&body, &change))).await, status, kind, pointer);
    };
    check(json!({"name": ""}), 400, "invalid-field", "/name").await;
    check(json!({"hold_unpaid_stock_minutes": 43_201}), 400, "invalid-field", "/hold_unpaid_stock_minutes").await;
    check(json!({"return_window_days": null}), 400, "invalid-field", "/return_window_days").await;
    check(json!({"allocation_rule": "none"}), 400, "invalid-field", "/allocation_rule").await;
    let foreign = Stack::carrier_account_id(&world.other);
    world.stack.carrier_account(&world.other, "http://carrier.test").await;
    let pointer = "/default_carrier_account";
    check(json!({"default_carrier_account": foreign}), 422, "unknown-carrier-account", pointer).await;
    let (_, cleared) = world.admin(edit(&merchant_edit())).await;
    assert!(cleared["default_carrier_account"].is_null());
}

#[tokio::test]
async fn a_channel_is_edited_and_its_secrets_are_rotated_only_when_they_are_sent() {
    let world = World::new().await;
    let (_, channel) = world.admin(request("POST /v1/channels").json(&new_channel())).await;
    let id: domain::ChannelId = channel["id"].as_str().unwrap().parse().unwrap();
    let edit = |body: &Value| request("PUT /v1/channels/{channel}").path("channel", &id).json(body);
    let stored = async || {
        let stored =
            world.stack.deps.store.load::<SealedChannel>(&SealedChannel::key_of(&id)).await.unwrap().unwrap().body;
        let open = |sealed| world.stack.deps.secrets.open(id.as_str(), sealed).unwrap();
        let secrets: Vec<String> = stored.webhook_secrets.iter().map(open).collect();
        (secrets, open(stored.access_token.as_ref().unwrap()))
    };
    let (status, edited) = world.admin(edit(&channel_edit())).await;
    assert_eq!(
        (status, edited["name"].as_str(), edited["shop_location"].as_str()),
        (200, Some("New name"), Some("gid://7"))
    );
    assert_eq!(edited["shop_domain"], channel["shop_domain"]);
    assert_eq!(stored().await, (vec!["shpss_hush".to_owned()], "shpat_hush".to_owned()));
    let rotation = json!({"webhook_secrets": ["shpss_newer", "shpss_hush"], "access_token": "shpat_newer"});
    let (status, edited) = world.admin(edit(&with(&channel_edit(), &rotation))).await;
    assert_eq!((status, edited.to_string().contains("newer")), (200, false), "never answered");
    assert_eq!(stored().await, (vec!["shpss_newer".to_owned(), "shpss_hush".to_owned()], "shpat_newer".to_owned()));
    let check = async |change, pointer| {
        refused(world.admin(edit(&with(&channel_edit(), &change))).await, 400, "invalid-field", pointer);
    };
    check(json!({"name": ""}), "/name").await;
    check(json!({"api_url": null}), "/api_url").await;
    check(json!({"api_url": "http://new.myshopify.com"}), "/api_url").await;
    check(json!({"webhook_secrets": []}), "/webhook_secrets").await;
    check(json!({"access_token": ""}), "/access_token").await;
    check(json!({"shop_domain": "other.myshopify.com"}), "/shop_domain").await;
    check(json!({"min_remaining_shelf_life_days": 3651}), "/min_remaining_shelf_life_days").await;
    let merchants = World::key(&world.merchant, Scope::Merchant);
    assert_eq!(world.send(edit(&channel_edit()).key(&merchants)).await.status, 403);
}
