//! What channels may sell: of one item, and as a feed that misses nothing.

use crate::World;
use domain::account::Scope;
use domain::sellable::{Computed, Sellable};
use domain::{ChannelId, Sku};
use facts_like::set;
use platform::items::StockTerms;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::api::{new_item, refused, with};
use testkit::request;

/// What `facts` writes.
mod facts_like {
    use super::*;
    use platform::{Operation, feed, items::sellable_key};

    pub(super) async fn set(world: &World, channel: &ChannelId, sku: &str, quantity: u32) {
        let sku = Sku::parse(sku).unwrap();
        let deps = &world.stack.deps;
        let operation = Operation::of(&["test", &deps.ids.random(8)]);
        let computed = Computed { quantity, due_at: None };
        feed::change::<Sellable>(deps, &sellable_key(channel, &sku), &operation, async |before, now| {
            Ok(before
                .map_or_else(|| Sellable::first(channel, &sku, computed, now), |before| before.again(computed, now)))
        })
        .await
        .unwrap();
    }
}

async fn world() -> (World, ChannelId) {
    let world = World::new().await;
    let channel = world.stack.channel(&world.merchant, "https://shop.example").await;
    (world, channel)
}

/// Reads the feed from `cursor` until there is no more for now; applies entries as a shop would.
async fn follow(
    world: &World,
    channel: &ChannelId,
    cursor: &mut Option<String>,
    stock: &mut BTreeMap<String, (u64, u64)>,
) -> usize {
    let mut read = 0;
    loop {
        let list = request("GET /v1/sellable-stock").query("channel", channel).query("limit", 2);
        let list = match &cursor {
            Some(cursor) => list.query("cursor", cursor),
            None => list,
        };
        let (status, page) = world.ops(list).await;
        assert_eq!(status, 200, "{page}");
        for entry in page["items"].as_array().unwrap() {
            let (version, quantity) = (entry["version"].as_u64().unwrap(), entry["quantity"].as_u64().unwrap());
            let known = stock.entry(entry["sku"].as_str().unwrap().to_owned()).or_default();
            *known = (*known).max((version, quantity));
            read += 1;
        }
        *cursor = page["next_cursor"].as_str().map(str::to_owned).or(cursor.take());
        if page["more"] == false {
            return read;
        }
    }
}

#[tokio::test]
async fn a_reader_of_the_feed_ends_with_the_latest_of_every_item_and_reads_what_is_settled_once() {
    let (world, channel) = world().await;
    let (mut cursor, mut stock) = (None, BTreeMap::new());
    assert_eq!(follow(&world, &channel, &mut cursor, &mut stock).await, 0);
    for number in 0..7 {
        set(&world, &channel, &format!("SKU-{number}"), number).await;
        world.stack.clock.advance(Duration::from_millis(300));
    }
    follow(&world, &channel, &mut cursor, &mut stock).await;
    assert_eq!(stock.len(), 7, "young entries are not kept back");
    set(&world, &channel, "SKU-0", 9).await;
    set(&world, &channel, "SKU-0", 4).await;
    world.stack.clock.advance(Duration::from_secs(10));
    set(&world, &channel, "SKU-3", 8).await;
    assert!(follow(&world, &channel, &mut cursor, &mut stock).await >= 2);
    assert_eq!((stock["SKU-0"].1, stock["SKU-3"].1, stock["SKU-6"].1), (4, 8, 6));
    world.stack.clock.advance(Duration::from_secs(10));
    follow(&world, &channel, &mut cursor, &mut stock).await;
    assert_eq!(follow(&world, &channel, &mut cursor, &mut stock).await, 0, "all is settled and read");
    // A computation that changes nothing is no change.
    set(&world, &channel, "SKU-3", 8).await;
    assert_eq!(follow(&world, &channel, &mut cursor, &mut stock).await, 0);
    let mut from_the_start = BTreeMap::new();
    follow(&world, &channel, &mut None, &mut from_the_start).await;
    let quantities = |stock: &BTreeMap<String, (u64, u64)>| stock.values().map(|(_, units)| *units).collect::<Vec<_>>();
    assert_eq!(quantities(&from_the_start), quantities(&stock));
}

#[tokio::test]
async fn the_figure_of_an_item_is_read_for_each_channel() {
    let (world, channel) = world().await;
    world.stack.item(&world.merchant, "TEA").await;
    let read = |sku: &str| request("GET /v1/sellable-stock/{sku}").path("sku", sku);
    assert_eq!(world.ops(read("TEA")).await, (200, json!({"sku": "TEA", "channels": []})));
    set(&world, &channel, "TEA", 5).await;
    let (_, stock) = world.ops(read("TEA")).await;
    let entry = &stock["channels"][0];
    assert_eq!((entry["channel"].as_str(), entry["quantity"].as_u64()), (Some(channel.as_str()), Some(5)));
    assert_eq!((entry["version"].as_u64(), entry["changed_at"].is_string()), (Some(1), true));
    assert_eq!(world.ops(read("CUP")).await.0, 404);
    let others = World::key(&world.other, Scope::Operations);
    assert_eq!(world.send(read("TEA").key(&others)).await.status, 404);
}

#[tokio::test]
async fn a_feed_of_nobody_or_with_a_wrong_parameter_is_refused() {
    let (world, channel) = world().await;
    let list = || request("GET /v1/sellable-stock");
    refused(world.ops(list()).await, 400, "invalid-field", "?channel");
    refused(world.ops(list().query("channel", "shop")).await, 400, "invalid-field", "?channel");
    let of = |channel: &ChannelId| list().query("channel", channel);
    assert_eq!(world.ops(of(&ChannelId::derive(&world.merchant, &["none"]))).await.0, 404);
    let others = World::key(&world.other, Scope::Merchant);
    assert_eq!(world.send(of(&channel).key(&others)).await.status, 404, "another merchant's channel");
    refused(world.ops(of(&channel).query("limit", 0)).await, 400, "invalid-field", "?limit");
    refused(world.ops(of(&channel).query("cursor", "%%")).await, 400, "invalid-field", "?cursor");
    // A cursor that is well encoded but none of ours is a place in the feed, and harms nobody.
    for text in ["", "\n", "\n\n", "zzz", &"x".repeat(3000)] {
        let cursor = platform::listing::PageRequest::cursor(text);
        let (status, answer) = world.ops(of(&channel).query("cursor", cursor)).await;
        assert!([200, 400].contains(&status), "{text:?}: {answer}");
    }
}

#[tokio::test]
async fn facts_hears_of_an_item_whose_terms_changed_and_of_no_other() {
    let world = World::new().await;
    let heard = || -> Vec<String> {
        let records = world.stack.stream_records().into_iter().filter(|record| record.sk == "terms");
        let mut skus: Vec<String> = records.map(|record| record.pk.split('#').nth(1).unwrap().to_owned()).collect();
        skus.sort();
        skus
    };
    let create = |body: &Value| request("POST /v1/items").json(body);
    assert_eq!(world.ops(create(&with(&new_item("TEA"), &json!({"safety_stock": 0})))).await.0, 201);
    assert_eq!(heard(), Vec::<String>::new());
    assert_eq!(world.ops(create(&new_item("CUP"))).await.0, 201);
    assert_eq!(heard(), ["CUP"]);
    let import = |text: &'static str| request("POST /v1/items/import").header("content-type", "text/csv").body(text);
    assert_eq!(world.ops(import("sku,name,safety_stock\nTEA,Tea,0\nCUP,Cup,3")).await.0, 200);
    assert_eq!(heard(), ["CUP"]);
    assert_eq!(world.ops(import("sku,name,reorder_point,lead_time_days\nTEA,Tea,5,\nCUP,Cup,,7")).await.0, 200);
    assert_eq!(heard(), ["CUP", "TEA"]);
    assert_eq!(world.ops(import("sku,name,safety_stock\nCUP,Other name,3")).await.0, 200);
    assert_eq!(heard(), Vec::<String>::new());
    let key = platform::Key::new(platform::Table::Stock, format!("{}#CUP", world.merchant), "terms");
    assert!(world.stack.deps.store.load::<StockTerms>(&key).await.unwrap().is_some());
}

#[tokio::test]
async fn many_items_with_terms_fit_into_an_imports_transactions() {
    let world = World::new().await;
    let file: String = (0..120).map(|n| format!("SKU-{n:03},Item {n},{n}\n")).collect();
    let import = request("POST /v1/items/import")
        .header("content-type", "text/csv")
        .body(format!("sku,name,reorder_point\n{file}"));
    let (status, report) = world.ops(import).await;
    assert_eq!((status, report["created"].as_u64()), (200, Some(120)));
    assert_eq!(world.stack.stream_records().iter().filter(|record| record.sk == "terms").count(), 120);
}
