//! Answers that are lost after the write took effect: the SDK tries again by itself, and then the caller does.

use crate::World;
use domain::account::Scope;
use serde_json::json;
use std::sync::Arc;
use testkit::LostAnswers;
use testkit::api::{new_carrier_account, new_channel, new_item, new_location};
use testkit::lost_answers::WRITES;
use testkit::request::{RequestBuilder, request};
use testkit::stack::ADMINISTRATOR_KEY;

#[tokio::test]
async fn a_request_whose_answer_was_lost_takes_effect_once() {
    let faults = Arc::new(LostAnswers::default());
    let world = World::over(testkit::Stack::builder().faults(faults.clone()).build()).await;
    world.stack.item(&world.merchant, "TEA").await;
    let default = testkit::api::with(&new_carrier_account(), &json!({"default": true}));
    let creates = [
        ("POST /v1/merchants", json!({"name": "New"})),
        ("POST /v1/channels", new_channel()),
        ("POST /v1/carrier-accounts", default),
        ("POST /v1/api-keys", json!({"name": "New", "scope": "floor"})),
        ("POST /v1/locations", new_location("VAR1")),
        ("POST /v1/items", new_item("CUP")),
    ];
    for lost in [1, 3] {
        for (route, body) in &creates {
            // With three answers lost the SDK gives up, and only the caller's repetition finds out.
            let body = match (*route, lost) {
                ("POST /v1/locations", 3) => new_location("VAR2"),
                ("POST /v1/items", 3) => new_item("POT"),
                _ => body.clone(),
            };
            let send = || -> RequestBuilder {
                let request = request(route).json(&body).header("idempotency-key", format!("{route}{lost}"));
                request.key(ADMINISTRATOR_KEY).header("sklad-merchant", &world.merchant)
            };
            faults.arm(WRITES, lost);
            let first = testkit::read(Ok(world.send(send()).await));
            faults.arm(WRITES, 0);
            let second = testkit::read(Ok(world.send(send()).await));
            assert_eq!(second.0, 201, "{route} after {lost}: {second:?}");
            if lost == 1 {
                assert_eq!(first, second, "{route}");
            } else {
                assert!(first == second || first.0 == 503, "{route}: {first:?}");
            }
        }
    }
    let key = World::key(&world.merchant, Scope::Operations);
    let skus: Vec<_> = world.pages(request("GET /v1/items").key(&key)).await.concat();
    assert_eq!(skus.len(), 3, "{skus:?}");
}

#[tokio::test]
async fn an_import_whose_answers_were_lost_says_what_it_did() {
    let faults = Arc::new(LostAnswers::default());
    let world = World::over(testkit::Stack::builder().faults(faults.clone()).build()).await;
    let file: String = (0..250).map(|n| format!("SKU-{n},Item\n")).collect();
    let import = request("POST /v1/items/import")
        .header("content-type", "text/csv")
        .header("idempotency-key", "k1")
        .body(format!("sku,name\n{file}"));
    faults.arm(WRITES, 2);
    let (status, report) = world.ops(import).await;
    assert_eq!((status, report["created"].as_u64(), report["unchanged"].as_u64()), (200, Some(250), Some(0)));
}
