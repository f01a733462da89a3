//! Bad input on every route.

use crate::world::{EMAIL, World, actor};
use domain::account::Scope;
use domain::{OrderId, ReturnId};
use serde_json::{Value, json};
use testkit::request;
use testkit::request::RequestBuilder;

fn bodies() -> [(&'static str, Value); 4] {
    [
        ("approve", json!({"actor": actor()})),
        ("decline", json!({"reason": "no", "actor": actor()})),
        ("receive", json!({"location": "SOF1", "lines": [{"sku": "TEA", "quantity": 1}], "actor": actor()})),
        ("inspect", json!({"lines": [{"sku": "TEA", "quantity": 1, "disposition": "restock"}], "actor": actor()})),
    ]
}

/// Every route about a return, without a key.
fn routes(world: &World, id: &impl ToString) -> Vec<RequestBuilder> {
    let posts = bodies().into_iter().map(|(step, body)| world.step(id, step, &body));
    posts.chain([request("GET /v1/returns/{return}").path("return", id.to_string())]).collect()
}

/// Every route about none.
fn collections() -> [RequestBuilder; 3] {
    let lines = json!([{"sku": "TEA", "quantity": 1, "reason": "other"}]);
    [
        request("POST /v1/returns").json(&json!({"order_number": "1001", "email": EMAIL, "lines": lines})),
        request("POST /v1/return-receipts").json(&bodies()[2].1),
        request("GET /v1/returns"),
    ]
}

async fn opened(world: &World) -> ReturnId {
    world.delivered("#1001").await;
    world.opened(&world.ask("1001", json!([{"sku": "TEA", "quantity": 1, "reason": "other"}]))).await
}

#[tokio::test]
async fn nobody_gets_in_without_the_right_key() {
    let world = World::new().await;
    let id = opened(&world).await;
    let stranger = world.stack.merchant("Other").await;
    let strangers = world.stack.api_key(&stranger, Scope::Operations).await;
    for asked in routes(&world, &id) {
        assert_eq!(world.call(asked.clone()).await.0, 401);
        assert_eq!(world.call(asked.clone().key("sklad_nobody_nothing")).await.0, 401);
        let (status, problem) = world.call(asked.key(&strangers)).await;
        assert_eq!((status, problem["type"].as_str()), (404, Some("urn:sklad:problem:not-found")));
    }
    for asked in collections() {
        assert_eq!(world.call(asked).await.0, 401);
    }
    for (step, body) in bodies() {
        assert_eq!(world.call(world.step(&id, step, &body).key(&world.shop)).await.0, 403, "{step}");
    }
    for step in ["approve", "decline"] {
        let (_, body) = bodies().into_iter().find(|(name, _)| *name == step).unwrap();
        assert_eq!(world.call(world.step(&id, step, &body).key(&world.floor)).await.0, 403, "{step}");
    }
    let [requested, received, listed] = collections();
    assert_eq!(world.call(requested.key(&world.floor)).await.0, 403);
    assert_eq!(world.call(received.key(&world.shop)).await.0, 403);
    let (status, page) = world.call(listed.key(&strangers)).await;
    assert_eq!((status, page["items"].as_array().map(Vec::len)), (200, Some(0)));
    assert_eq!(world.stored(&id).await.version, 1);
}

#[tokio::test]
async fn a_parcel_of_another_merchants_return_or_account_is_not_found() {
    let world = World::new().await;
    let stranger = world.stack.merchant("Other").await;
    let theirs = ReturnId::of(&OrderId::derive(&stranger, &["1"]), 1);
    for (field, value) in
        [("return", theirs.to_string()), ("carrier_account", testkit::Stack::carrier_account_id(&stranger).to_string())]
    {
        let mut body = bodies()[2].1.clone();
        body["tracking_number"] = json!("T1");
        body[field] = json!(value);
        let (status, problem) = world.call(request("POST /v1/return-receipts").key(&world.floor).json(&body)).await;
        assert_eq!((status, problem["pointer"].as_str()), (404, Some(format!("/{field}").as_str())));
    }
}

#[tokio::test]
async fn a_return_that_does_not_exist_is_not_found() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    for id in [ReturnId::of(&order, 9).as_str(), "ord_1_2", "x", ""] {
        for asked in routes(&world, &id) {
            assert_eq!(world.call(asked.key(&world.office)).await.0, 404, "{id}");
        }
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_names_the_field() {
    let world = World::new().await;
    let id = opened(&world).await;
    let good = json!({
        "order_number": "1001", "email": EMAIL, "lines": [{"sku": "TEA", "quantity": 1, "reason": "other"}],
    });
    let check = async |asked: RequestBuilder, pointer: &str| {
        let (status, problem) = world.call(asked.key(&world.office)).await;
        assert_eq!((status, problem["pointer"].as_str()), (400, Some(pointer)), "{problem}");
    };
    let with = |body: &Value, pointer: &str, value: Value| {
        let mut body = body.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[field] = value;
        body
    };
    for (pointer, value) in [
        ("/email", json!("")),
        ("/email", json!(7)),
        ("/order_number", json!(" ")),
        ("/order", json!("ord_a_b")),
        ("/kind", json!("refused")),
        ("/kind", json!("theft")),
        ("/lines", json!([])),
        ("/colour", json!("red")),
    ] {
        let expect = if pointer == "/order" { "/order_number" } else { pointer };
        check(request("POST /v1/returns").json(&with(&good, pointer, value)), expect).await;
    }
    for value in [json!(0), json!(-1), json!(1.5), json!(5_000_000_000_u64)] {
        let mut body = good.clone();
        body["lines"][0]["quantity"] = value.clone();
        check(request("POST /v1/returns").json(&body), "/lines/0/quantity").await;
        for step in ["receive", "inspect"] {
            let (_, mut body) = bodies().into_iter().find(|(name, _)| *name == step).unwrap();
            body["lines"][0]["quantity"] = value.clone();
            check(world.step(&id, step, &body), "/lines/0/quantity").await;
        }
        let mut body = bodies()[2].1.clone();
        body["lines"][0]["quantity"] = value;
        check(request("POST /v1/return-receipts").json(&body), "/lines/0/quantity").await;
    }
    let mut neither = good.clone();
    neither["lines"][0] = json!({"quantity": 1, "reason": "other"});
    check(request("POST /v1/returns").json(&neither), "/lines/0").await;
    for (step, body) in bodies() {
        check(world.step(&id, step, &with(&body, "/actor/person", json!(""))), "/actor/person").await;
        check(world.step(&id, step, &with(&body, "/colour", json!("red"))), "/colour").await;
        let (status, problem) =
            world.call(world.step(&id, step, &json!(1)).body("{\"actor\":").key(&world.office)).await;
        assert_eq!((status, problem["type"].as_str()), (400, Some("urn:sklad:problem:malformed-json")));
    }
    let long = with(&bodies()[1].1, "/reason", json!("x".repeat(201)));
    check(world.step(&id, "decline", &long), "/reason").await;
    assert_eq!(world.stored(&id).await.version, 1);
}
