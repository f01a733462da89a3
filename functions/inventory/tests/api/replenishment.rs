//! What is to be ordered again, listed and as a feed of alerts.

use crate::World;
use domain::Sku;
use domain::account::Scope;
use domain::catalogue::Item;
use domain::replenishment::{Figures, Replenishment, Stock};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use platform::items::replenishment_key;
use platform::{Operation, feed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::api::{new_item, new_receipt, refused, with};
use testkit::request;

/// Three items with stock: TEA sells two a day, CUP has a reorder point of its own, POT nobody wants.
async fn world() -> World {
    let world = World::new().await;
    world.stack.location(&world.merchant, "SOF1").await;
    for (sku, change) in [
        ("TEA", json!({"lead_time_days": 7, "safety_stock": 6})),
        ("CUP", json!({"reorder_point": 5, "safety_stock": 0})),
        ("POT", json!({"safety_stock": 0})),
    ] {
        assert_eq!(world.ops(request("POST /v1/items").json(&with(&new_item(sku), &change))).await.0, 201);
        let receipt = request("POST /v1/receipts").json(&new_receipt(sku, "SOF1", 20));
        assert_eq!(world.ops(receipt).await.0, 201);
    }
    look(&world, "TEA", 20, 56).await;
    world
}

/// A look as `facts` does it, at an item with so many available that sold so many in 28 days.
async fn look(world: &World, sku: &str, available: u64, sold: u32) {
    let (deps, sku) = (&world.stack.deps, Sku::parse(sku).unwrap());
    let item: Item = serde_json::from_value(json!({"sku": sku, "name": "x", "reorder_point": 5})).unwrap();
    let operation = Operation::of(&["test", &deps.ids.random(8)]);
    feed::change::<Replenishment>(deps, &replenishment_key(&world.merchant, &sku), &operation, async |before, now| {
        let before = before.cloned().unwrap_or_else(|| Replenishment::new(world.merchant.clone(), sku.clone()));
        let today = now.to_zoned(TimeZone::UTC).date();
        let first = before.sales.missing(today).map_or(today, |(first, _)| first);
        let sales = before.sales.summed(&BTreeMap::from([(first, sold)]), today);
        let stock = Stock { on_hand: available, available, ..Stock::default() };
        let figures = Figures::of(&item, stock, sales.rate(today));
        Ok(before.looked_at(sales, figures, SignedDuration::ZERO, now))
    })
    .await
    .unwrap();
}

fn of<'v>(page: &'v Value, sku: &str) -> &'v Value {
    page["items"].as_array().unwrap().iter().find(|item| item["sku"] == sku).unwrap()
}

#[tokio::test]
async fn each_item_has_its_rate_its_days_left_and_its_reorder_point() {
    let world = world().await;
    let (status, page) = world.ops(request("GET /v1/replenishment")).await;
    assert_eq!(status, 200, "{page}");
    let tea = of(&page, "TEA");
    assert_eq!((tea["units_per_day"].as_f64(), tea["sold"].clone()), (Some(2.0), json!({"units": 56, "days": 28})));
    assert_eq!(
        (tea["on_hand"].as_u64(), tea["available"].as_u64(), tea["incoming"].as_u64()),
        (Some(20), Some(20), Some(0))
    );
    assert_eq!((tea["days_left"].as_u64(), tea["reorder_point"].as_u64()), (Some(10), Some(20)));
    assert_eq!((tea["needed"].as_bool(), tea["suggested_quantity"].as_u64()), (Some(true), Some(56)));
    let cup = of(&page, "CUP");
    assert_eq!(
        (cup["reorder_point"].as_u64(), cup["needed"].as_bool(), cup.get("days_left")),
        (Some(5), Some(false), None)
    );
    let (_, needed) = world.ops(request("GET /v1/replenishment").query("needed", true)).await;
    assert_eq!(needed["items"].as_array().unwrap().len(), 1);
    let key = World::key(&world.merchant, Scope::Merchant);
    let pages = world.pages(request("GET /v1/replenishment").query("limit", 2).key(&key)).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn alerts_come_once_a_crossing_and_the_last_one_stands() {
    let world = world().await;
    let read = |cursor: Option<String>| {
        let list = request("GET /v1/replenishment/alerts");
        world.ops(cursor.map_or(list.clone(), |cursor| list.query("cursor", cursor)))
    };
    assert_eq!(read(None).await, (200, json!({"items": [], "more": false})), "no entry yet: nowhere to read on from");
    look(&world, "CUP", 4, 0).await;
    look(&world, "POT", 9, 0).await;
    let (_, page) = read(None).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    let alert = &page["items"][0];
    assert_eq!(
        (alert["sku"].as_str(), alert["state"].as_str(), alert["available"].as_u64()),
        (Some("CUP"), Some("raised"), Some(4))
    );
    world.stack.clock.advance(Duration::from_secs(60));
    look(&world, "CUP", 3, 0).await;
    let (_, page) = read(page["next_cursor"].as_str().map(str::to_owned)).await;
    assert_eq!(page["items"][0]["crossed_at"], alert["crossed_at"], "young then: it comes again, the same");
    let (_, page) = read(page["next_cursor"].as_str().map(str::to_owned)).await;
    assert_eq!(page["items"], json!([]));
    look(&world, "CUP", 30, 0).await;
    let (_, page) = read(page["next_cursor"].as_str().map(str::to_owned)).await;
    assert_eq!((page["items"][0]["sku"].as_str(), page["items"][0]["state"].as_str()), (Some("CUP"), Some("cleared")));
    assert!(page["items"][0]["version"].as_u64() > alert["version"].as_u64());
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let world = World::new().await;
    refused(
        world.ops(request("GET /v1/replenishment").query("needed", "maybe")).await,
        400,
        "invalid-field",
        "?needed",
    );
    for route in ["GET /v1/replenishment", "GET /v1/replenishment/alerts"] {
        refused(world.ops(request(route).query("limit", "101")).await, 400, "invalid-field", "?limit");
        refused(world.ops(request(route).query("cursor", "%%")).await, 400, "invalid-field", "?cursor");
    }
    assert_eq!(world.platform(request("GET /v1/replenishment/alerts")).await.0, 400, "for which merchant?");
}
