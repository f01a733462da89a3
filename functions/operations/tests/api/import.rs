//! Import of items from CSV.

use crate::World;
use platform::items::{StoredItem, item_key};
use serde_json::{Value, json};
use testkit::api::refused;
use testkit::request;
use testkit::request::RequestBuilder;

fn csv(body: impl Into<Vec<u8>>) -> RequestBuilder {
    request("POST /v1/items/import").header("content-type", "text/csv; charset=utf-8").body(body)
}

fn counts(report: &Value) -> [u64; 4] {
    ["created", "updated", "unchanged", "refused"].map(|name| report[name].as_u64().unwrap())
}

async fn version(world: &World, sku: &str) -> u64 {
    let key = item_key(&world.merchant, &domain::Sku::parse(sku).unwrap());
    world.stack.deps.store.load::<StoredItem>(&key).await.unwrap().unwrap().version
}

#[tokio::test]
async fn every_line_is_reported_and_a_bad_one_stops_no_good_one() {
    let world = World::new().await;
    let first = "\u{FEFF}sku,name,barcodes,weight_grams,non_returnable,shop_item,safety_stock\r\n\
        TEA,\"Чай, \"\"зелен\"\" 🍵\",1|2,120,false,gid,3\r\n\
        CUP,Чаша,,-5,,,\r\n\
        POT,Чайник,,900,yes,,\r\n\
        TEA,Twice,,,,,\r\n\
        BAD\r\n\
        BOX,,,,,,\r\n";
    let (status, report) = world.ops(csv(first)).await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(counts(&report), [2, 0, 0, 4]);
    let lines = report["lines"].as_array().unwrap();
    let seen: Vec<_> = lines.iter().map(|line| (line["line"].as_u64(), line["outcome"].as_str())).collect();
    let outcome = |line, outcome| (Some(line), Some(outcome));
    assert_eq!(
        seen,
        [
            outcome(2, "created"),
            outcome(3, "refused"),
            outcome(4, "created"),
            outcome(5, "refused"),
            outcome(6, "refused"),
            outcome(7, "refused"),
        ]
    );
    let columns: Vec<_> = lines.iter().map(|line| line["column"].as_str()).collect();
    assert_eq!(columns, [None, Some("weight_grams"), None, Some("sku"), None, Some("name")]);
    assert!(lines.iter().all(|line| line["outcome"] != "refused" || line["reason"].is_string()));
    let (_, item) = world.ops(request("GET /v1/items/{sku}").path("sku", "TEA")).await;
    assert_eq!(item["name"], "Чай, \"зелен\" 🍵");
    assert_eq!(item["barcodes"], json!(["1", "2"]));
}

#[tokio::test]
async fn the_same_file_again_writes_nothing_and_a_change_writes_what_changed() {
    let world = World::new().await;
    let file = "sku,name,weight_grams\nA,Tea,10\nB,Cup,20\n";
    assert_eq!(counts(&world.ops(csv(file)).await.1), [2, 0, 0, 0]);
    assert_eq!(counts(&world.ops(csv(file)).await.1), [0, 0, 2, 0]);
    assert_eq!((version(&world, "A").await, version(&world, "B").await), (1, 1));
    assert_eq!(counts(&world.ops(csv("sku,name\nA,Tea\nB,Mug\nC,Pot\n")).await.1), [1, 1, 1, 0]);
    assert_eq!((version(&world, "A").await, version(&world, "B").await), (1, 2));
    let (_, mug) = world.ops(request("GET /v1/items/{sku}").path("sku", "B")).await;
    assert_eq!((mug["name"].as_str(), mug["weight_grams"].as_u64()), (Some("Mug"), Some(20)));
}

#[tokio::test]
async fn a_repeated_import_gives_the_first_report_and_undoes_nothing_newer() {
    let world = World::new().await;
    world.ops(csv("sku,name\nB,Old\n")).await;
    let import = |file: &'static str| csv(file).header("idempotency-key", "k1");
    let (status, first) = world.ops(import("sku,name\nA,Tea\nB,New\n")).await;
    assert_eq!((status, counts(&first)), (200, [1, 1, 0, 0]));
    world.ops(csv("sku,name\nB,Newer\n")).await;
    assert_eq!(world.ops(import("sku,name\nA,Tea\nB,New\n")).await, (200, first));
    let (_, item) = world.ops(request("GET /v1/items/{sku}").path("sku", "B")).await;
    assert_eq!(item["name"], "Newer");
    refused(world.ops(import("sku,name\nC,Pot\n")).await, 422, "idempotency-key-reused", "");
    assert_eq!(world.ops(request("GET /v1/items/{sku}").path("sku", "C")).await.0, 404);
}

#[tokio::test]
async fn five_thousand_lines_in_cyrillic_are_taken_with_a_report_for_each() {
    let world = World::new().await;
    let lines: String = (0..5000)
        .map(|n| match n % 1000 {
            7 => format!("SKU-{n},Стока,{n},тежко\r\n"),
            _ => format!("SKU-{n},\"Стока „{n}“ 🍵\",380{n:010},{}\r\n", n % 900),
        })
        .collect();
    let (status, report) = world.ops(csv(format!("sku,name,barcodes,weight_grams\r\n{lines}"))).await;
    assert_eq!((status, counts(&report)), (200, [4995, 0, 0, 5]));
    assert_eq!(report["lines"].as_array().unwrap().len(), 5000);
    assert_eq!(report["lines"][1007]["column"], "weight_grams");
    let (_, last) = world.ops(request("GET /v1/items/{sku}").path("sku", "SKU-4999")).await;
    assert_eq!(last["barcodes"], json!(["3800000004999"]));
}

#[tokio::test]
async fn a_file_that_is_none_is_refused_as_a_whole() {
    let world = World::new().await;
    refused(world.ops(csv("")).await, 400, "invalid-header-row", "");
    refused(world.ops(csv("sku;name\nA;Tea\n")).await, 400, "invalid-header-row", "");
    refused(world.ops(csv("sku,name,colour\nA,Tea,red\n")).await, 400, "invalid-header-row", "");
    refused(world.ops(csv(b"PK\x03\x04\x00\xFF".to_vec())).await, 400, "invalid-header-row", "");
    let json = request("POST /v1/items/import").json(&json!([]));
    refused(world.ops(json).await, 415, "unsupported-media-type", "");
    let (_, items) = world.ops(request("GET /v1/items")).await;
    assert_eq!(items, json!({"items": []}));
}
