//! Bad input on every route, and the list's pages.

use crate::world::{World, actor, allocate};
use domain::account::Scope;
use domain::{PickTaskId, Sku};
use pick_pack::PickPack;
use platform::Function;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use testkit::request::RequestBuilder;
use testkit::{read, request};

const POSTS: [&str; 5] = ["claim", "scans", "short-picks", "pack", "put-back"];

fn body_of(step: &str) -> Value {
    match step {
        "scans" => json!({"barcode": "TEA", "actor": actor("ann")}),
        "short-picks" => json!({"sku": "TEA", "quantity": 1, "actor": actor("ann")}),
        "pack" => json!({
            "parcel": {"weight_grams": 1, "length_mm": 1, "width_mm": 1, "height_mm": 1}, "actor": actor("ann"),
        }),
        _ => json!({"actor": actor("ann")}),
    }
}

async fn call(world: &World, asked: RequestBuilder) -> (u16, Value) {
    read(PickPack.http(&world.stack.deps, asked.build()).await)
}

/// Every route about `task`, without a key.
fn routes(task: &impl ToString) -> Vec<RequestBuilder> {
    let posts = POSTS.iter().map(|step| {
        request(&format!("POST /v1/pick-tasks/{{task}}/{step}")).path("task", task.to_string()).json(&body_of(step))
    });
    posts.chain([request("GET /v1/pick-tasks/{task}").path("task", task.to_string())]).collect()
}

#[tokio::test]
async fn nobody_gets_in_without_the_right_key() {
    let world = World::released(&[("TEA", 1)]).await;
    let shop = world.stack.api_key(&world.merchant, Scope::Merchant).await;
    let stranger = world.stack.merchant("Other").await;
    let strangers = world.stack.api_key(&stranger, Scope::Floor).await;
    for asked in routes(&world.task) {
        assert_eq!(call(&world, asked.clone()).await.0, 401);
        assert_eq!(call(&world, asked.clone().key("sklad_nobody_nothing")).await.0, 401);
        assert_eq!(call(&world, asked.clone().key(&shop)).await.0, 403);
        let (status, problem) = call(&world, asked.key(&strangers)).await;
        assert_eq!((status, problem["type"].as_str()), (404, Some("urn:sklad:problem:not-found")));
    }
    let list = request("GET /v1/pick-tasks").query("location", "SOF1");
    assert_eq!(call(&world, list.clone()).await.0, 401);
    assert_eq!(call(&world, list.clone().key(&shop)).await.0, 403);
    let (status, page) = call(&world, list.key(&strangers)).await;
    assert_eq!(
        (status, page["items"].as_array().map(Vec::len)),
        (200, Some(0)),
        "another merchant's work is not listed"
    );
    assert_eq!(world.task().await.version, 1);
}

#[tokio::test]
async fn a_task_that_does_not_exist_is_not_found() {
    let world = World::released(&[("TEA", 1)]).await;
    let unknown = PickTaskId::of(&world.order, 9);
    for task in [unknown.as_str(), "ord_1_2", "x", ""] {
        for asked in routes(&task) {
            assert_eq!(call(&world, asked.key(&world.key)).await.0, 404, "{task}");
        }
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_names_the_field() {
    let world = World::released(&[("TEA", 1)]).await;
    let check = async |step: &str, body: Value, pointer: &str| {
        let refusal = world.refused(step, body.clone(), 400, "invalid-field").await;
        assert_eq!(refusal["pointer"], pointer, "{body} → {refusal}");
    };
    for step in POSTS {
        let asked = request(&format!("POST /v1/pick-tasks/{{task}}/{step}")).path("task", &world.task).key(&world.key);
        let (status, problem) = call(&world, asked.body("{\"actor\":")).await;
        assert_eq!((status, problem["type"].as_str()), (400, Some("urn:sklad:problem:malformed-json")));
        let with = |pointer: &str, value: Value| {
            let mut body = body_of(step);
            *body.pointer_mut(pointer).expect("a field") = value;
            body
        };
        check(step, with("/actor/person", json!("")), "/actor/person").await;
        check(step, with("/actor/person", json!("a\u{7}b")), "/actor/person").await;
        check(step, with("/actor/station", json!("x".repeat(65))), "/actor/station").await;
        check(step, with("/actor/station", json!(7)), "/actor/station").await;
        let mut unknown = body_of(step);
        unknown["colour"] = json!("red");
        check(step, unknown, "/colour").await;
    }
    let scan = |field: &str, value: Value| {
        let mut body = body_of("scans");
        body[field] = value;
        body
    };
    for quantity in [json!(0), json!(-1), json!(1.5), json!(5_000_000_000_u64)] {
        check("scans", scan("quantity", quantity), "/quantity").await;
    }
    check("scans", scan("barcode", json!("  ")), "/barcode").await;
    check("scans", scan("bin", json!("")), "/bin").await;
    check("scans", scan("expiry", json!("31.01.2027")), "/expiry").await;
    let mut serials = scan("serial", json!("S1"));
    serials["quantity"] = json!(2);
    check("scans", serials, "/quantity").await;
    check("short-picks", json!({"sku": "", "quantity": 1, "actor": actor("ann")}), "/sku").await;
    check("short-picks", json!({"sku": "TEA", "quantity": 0, "actor": actor("ann")}), "/quantity").await;
    assert_eq!(world.task().await.version, 1);
}

#[tokio::test]
async fn the_list_is_read_by_pages_from_the_oldest() {
    let world = World::released(&[("TEA", 1)]).await;
    let mut expected = vec![world.task.to_string()];
    for number in ["1002", "1003", "1004", "1005"] {
        world.stack.clock.advance(Duration::from_secs(60));
        let known = BTreeSet::from([Sku::parse("TEA").unwrap()]);
        let order = allocate(&world.stack, &world.merchant, &world.location, number, &[("TEA", 1)], known).await;
        world.deliver().await;
        expected.push(PickTaskId::of(&order, 1).to_string());
    }
    let mut listed = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut asked = request("GET /v1/pick-tasks").query("location", "SOF1").query("limit", 2).key(&world.key);
        if let Some(cursor) = &cursor {
            asked = asked.query("cursor", cursor);
        }
        let (status, page) = call(&world, asked).await;
        assert_eq!(status, 200, "{page}");
        listed.extend(page["items"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap().to_owned()));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn a_wrong_parameter_of_the_list_is_named() {
    let world = World::released(&[("TEA", 1)]).await;
    let check = async |name: &str, value: &str, pointer: &str| {
        let asked = request("GET /v1/pick-tasks").query("location", "SOF1").query(name, value).key(&world.key);
        let (status, problem) = call(&world, asked).await;
        assert_eq!((status, problem["pointer"].as_str()), (400, Some(pointer)), "{problem}");
    };
    check("location", "", "?location").await;
    check("limit", "0", "?limit").await;
    check("limit", "many", "?limit").await;
    check("cursor", "§", "?cursor").await;
    let (status, problem) = call(&world, request("GET /v1/pick-tasks").key(&world.key)).await;
    assert_eq!((status, problem["pointer"].as_str()), (400, Some("?location")));
}

#[test]
fn the_description_has_every_route() {
    let description = serde_json::to_value(pick_pack::openapi()).unwrap();
    let mut routes = testkit::routes::described(&description);
    routes.sort();
    let mut expected: Vec<String> = POSTS.iter().map(|step| format!("POST /v1/pick-tasks/{{task}}/{step}")).collect();
    expected
        .extend(["start", "count", "review", "cancel"].map(|step| format!("POST /v1/count-tasks/{{count}}/{step}")));
    expected.push("POST /v1/count-tasks".to_owned());
    for (list, one) in [("pick-tasks", "task"), ("count-tasks", "count")] {
        expected.extend([format!("GET /v1/{list}"), format!("GET /v1/{list}/{{{one}}}")]);
    }
    expected.sort();
    assert_eq!(routes, expected);
}
