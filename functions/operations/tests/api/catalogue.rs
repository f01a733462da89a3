//! Locations and items.

use crate::World;
use serde_json::{Value, json};
use testkit::api::{new_item, new_location, refused, with};
use testkit::request;

#[tokio::test]
async fn a_location_is_created_once_and_listed() {
    let world = World::new().await;
    let create = request("POST /v1/locations").header("idempotency-key", "k1").json(&new_location("SOF1"));
    let (status, location) = world.ops(create.clone()).await;
    assert_eq!((status, location["id"].as_str()), (201, Some("SOF1")));
    assert_eq!(world.ops(create).await, (201, location.clone()));
    let again = request("POST /v1/locations").json(&new_location("SOF1"));
    refused(world.ops(again).await, 409, "location-exists", "/id");
    let reused = request("POST /v1/locations").header("idempotency-key", "k1").json(&new_location("VAR1"));
    refused(world.ops(reused).await, 422, "idempotency-key-reused", "");
    let (_, list) = world.ops(request("GET /v1/locations")).await;
    assert_eq!(list, json!({"items": [location]}));
}

#[tokio::test]
async fn a_location_with_a_wrong_field_is_refused_with_the_pointer() {
    let world = World::new().await;
    let check = async |change, pointer| {
        let body = with(&new_location("SOF1"), &change);
        refused(world.ops(request("POST /v1/locations").json(&body)).await, 400, "invalid-field", pointer);
    };
    let address = |change: Value| json!({"address": with(&new_location("SOF1")["address"], &change)});
    check(json!({"id": "A#B"}), "/id").await;
    check(json!({"id": ""}), "/id").await;
    check(json!({"name": ""}), "/name").await;
    check(address(json!({"line1": " "})), "/address/line1").await;
    check(address(json!({"city": ""})), "/address/city").await;
    check(address(json!({"country": "Bulgaria"})), "/address/country").await;
    check(address(json!({"zip": "1000"})), "/address/zip").await;
    check(json!({"priority": -1}), "/priority").await;
    check(json!({"serves": ["RO", "Greece"]}), "/serves/1").await;
    check(json!({"parcel_cost_minor": 1_000_001}), "/parcel_cost_minor").await;
}

#[tokio::test]
async fn an_item_is_created_once_and_read_with_its_version() {
    let world = World::new().await;
    let create = request("POST /v1/items").header("idempotency-key", "k1").json(&new_item("ЧАЙ/1 🍵"));
    let (status, item) = world.ops(create.clone()).await;
    assert_eq!((status, item["version"].as_u64()), (201, Some(1)));
    assert_eq!(world.ops(create).await, (201, item.clone()));
    refused(world.ops(request("POST /v1/items").json(&new_item("ЧАЙ/1 🍵"))).await, 409, "item-exists", "/sku");
    let (status, read) = world.ops(request("GET /v1/items/{sku}").path("sku", "ЧАЙ/1 🍵")).await;
    assert_eq!((status, read), (200, item));
    assert_eq!(world.ops(request("GET /v1/items/{sku}").path("sku", "NONE")).await.0, 404);
    assert_eq!(world.ops(request("GET /v1/items/{sku}").path("sku", "a#b")).await.0, 404);
}

#[tokio::test]
async fn a_key_that_made_one_item_makes_no_other() {
    let world = World::new().await;
    let send =
        async |sku| world.ops(request("POST /v1/items").header("idempotency-key", "k1").json(&new_item(sku))).await;
    assert_eq!(send("A").await.0, 201);
    refused(send("B").await, 422, "idempotency-key-reused", "");
    assert_eq!(world.ops(request("GET /v1/items/{sku}").path("sku", "B")).await.0, 404);
    let long = request("POST /v1/items").header("idempotency-key", "k".repeat(129)).json(&new_item("C"));
    refused(world.ops(long).await, 400, "invalid-header", "");
}

#[tokio::test]
async fn an_item_with_a_wrong_field_is_refused_with_the_pointer() {
    let world = World::new().await;
    let check = async |change, pointer| {
        let body = with(&new_item("TEA"), &change);
        refused(world.ops(request("POST /v1/items").json(&body)).await, 400, "invalid-field", pointer);
    };
    check(json!({"sku": ""}), "/sku").await;
    check(json!({"sku": "a".repeat(65)}), "/sku").await;
    check(json!({"name": "\u{1}"}), "/name").await;
    check(json!({"weight_grams": -1}), "/weight_grams").await;
    check(json!({"weight_grams": 0.5}), "/weight_grams").await;
    check(json!({"weight_grams": 99_999_999_999_u64}), "/weight_grams").await;
    check(json!({"safety_stock": 1_000_001}), "/safety_stock").await;
    check(json!({"lead_time_days": 366}), "/lead_time_days").await;
    check(json!({"reorder_point": 10_000_001}), "/reorder_point").await;
    check(json!({"reorder_point": -1}), "/reorder_point").await;
    check(json!({"barcodes": ["1", ""]}), "/barcodes/1").await;
    check(json!({"barcodes": ["1", "1"]}), "/barcodes/1").await;
    check(json!({"price": 5}), "/price").await;
    let malformed = request("POST /v1/items").body("{\"sku\": ");
    refused(world.ops(malformed).await, 400, "malformed-json", "");
}

#[tokio::test]
async fn items_are_listed_in_order_over_pages_none_twice_and_none_left_out() {
    let world = World::new().await;
    let file: String = (0..57).map(|n| format!("SKU-{n:03},Item {n}\n")).collect();
    let import = request("POST /v1/items/import").header("content-type", "text/csv").body(format!("sku,name\n{file}"));
    assert_eq!(world.ops(import).await.0, 200);
    let key = World::key(&world.merchant, domain::account::Scope::Merchant);
    let pages = world.pages(request("GET /v1/items").query("limit", 10).key(&key)).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10, 10, 10, 7]);
    let skus: Vec<&str> = pages.iter().flatten().filter_map(|item| item["sku"].as_str()).collect();
    assert_eq!(skus, (0..57).map(|n| format!("SKU-{n:03}")).collect::<Vec<_>>());
    for (name, value) in [("limit", "0"), ("limit", "101"), ("limit", "-1"), ("limit", "x"), ("cursor", "%%%")] {
        let list = request("GET /v1/items").query(name, value);
        refused(world.ops(list).await, 400, "invalid-field", &format!("?{name}"));
    }
    // Cursors that are well encoded but of nobody's list.
    for sort_key in ["", &"x".repeat(2000)] {
        let cursor = platform::listing::PageRequest::cursor(sort_key);
        assert_eq!(world.ops(request("GET /v1/items").query("cursor", cursor)).await.0, 400);
    }
    let cursor = platform::listing::PageRequest::cursor("chn_foreign");
    assert_eq!(world.admin(request("GET /v1/channels").query("cursor", cursor)).await.0, 400);
}

fn kit(sku: &str, components: &[(&str, u32)]) -> Value {
    let part = |(sku, quantity): &(&str, u32)| json!({"sku": sku, "quantity": quantity});
    let components: Vec<Value> = components.iter().map(part).collect();
    with(&new_item(sku), &json!({"kit": components, "barcodes": []}))
}

async fn import(world: &World, file: &str) -> Value {
    let import = request("POST /v1/items/import").header("content-type", "text/csv").body(file.to_owned());
    world.ops(import).await.1
}

#[tokio::test]
async fn a_kit_is_made_of_items_that_are_no_kits() {
    let world = World::new().await;
    let post = async |item: &Value| world.ops(request("POST /v1/items").json(item)).await;
    for sku in ["TEA", "CUP"] {
        let item = with(&new_item(sku), &json!({"barcodes": []}));
        assert_eq!(post(&item).await.0, 201);
    }
    let set = kit("SET", &[("TEA", 2), ("CUP", 1)]);
    let (status, created) = post(&set).await;
    assert_eq!((status, &created["kit"]), (201, &set["kit"]));
    assert_eq!(world.ops(request("GET /v1/items/{sku}").path("sku", "SET")).await.1, created);
    let refuse = async |item: Value, status, code: &str, pointer: &str| {
        refused(post(&item).await, status, code, pointer);
    };
    refuse(kit("ALL", &[("TEA", 1), ("SET", 1)]), 409, "kit-contains-kit", "/kit/1/sku").await;
    refuse(kit("ALL", &[("TEA", 1), ("ALL", 1)]), 409, "kit-contains-kit", "/kit/1/sku").await;
    refuse(kit("ALL", &[("NONE", 1)]), 409, "unknown-item", "/kit/0/sku").await;
    refuse(kit("ALL", &[("TEA", 1), ("TEA", 1)]), 400, "invalid-field", "/kit/1/sku").await;
    refuse(kit("ALL", &[("TEA", 0)]), 400, "invalid-field", "/kit/0/quantity").await;
    refuse(with(&kit("ALL", &[]), &json!({"kit": [{"sku": "TEA"}]})), 400, "invalid-field", "/kit/0/quantity").await;
    assert_eq!(world.ops(request("GET /v1/items/{sku}").path("sku", "ALL")).await.0, 404);
}

#[tokio::test]
async fn an_import_makes_and_changes_kits_and_a_component_becomes_none() {
    let world = World::new().await;
    let report = import(&world, "sku,name,kit\nSET,Set,TEA*2|CUP\nTEA,Tea,\nCUP,Cup,\n").await;
    assert_eq!((report["created"].as_u64(), report["refused"].as_u64()), (Some(3), Some(0)), "{report}");
    let refusal = async |file: &str, reason: &str| {
        let report = import(&world, file).await;
        let line = &report["lines"][0];
        assert_eq!((line["outcome"].as_str(), line["column"].as_str()), (Some("refused"), Some("kit")), "{report}");
        assert!(line["reason"].as_str().unwrap().contains(reason), "{report}");
    };
    refusal("sku,name,kit\nTEA,Tea,CUP\n", "component of 1 kits").await;
    refusal("sku,name,kit\nBIG,Big,SET\n", "is a kit").await;
    refusal("sku,name,kit\nBIG,Big,TEA*x\n", "no item").await;
    // The set loses its tea: that may be a kit now.
    let report = import(&world, "sku,name,kit\nSET,Set,CUP*3\n").await;
    assert_eq!(report["updated"].as_u64(), Some(1), "{report}");
    let report = import(&world, "sku,name,kit\nTEA,Tea,CUP\nSET,Set,\n").await;
    assert_eq!(report["updated"].as_u64(), Some(2), "{report}");
    let (_, set) = world.ops(request("GET /v1/items/{sku}").path("sku", "SET")).await;
    assert!(set.get("kit").is_none(), "{set}");
}

#[tokio::test]
async fn what_has_stock_becomes_no_kit() {
    let world = World::new().await;
    import(&world, "sku,name,kit\nTEA,Tea,\n").await;
    let (cup, location) =
        (world.stack.item(&world.merchant, "CUP").await, world.stack.location(&world.merchant, "SOF1").await);
    world.stack.stock(&world.merchant, &cup, &location, 1).await;
    let report = import(&world, "sku,name,kit\nCUP,Cup,TEA\n").await;
    assert!(report["lines"][0]["reason"].as_str().unwrap().contains("in stock"), "{report}");
}
