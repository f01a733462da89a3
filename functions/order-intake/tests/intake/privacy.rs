//! Requests about personal data that a shop's platform hands on.

use crate::world::{World, shop_order, world};
use domain::order::Order;
use domain::privacy::{PrivacyKind, PrivacyOrigin, PrivacyRequest, PrivacyState};
use partners::shops::shopify;
use partners::signature::hmac_base64;
use platform::items::{order_key, privacy_request_key};
use platform::{Failure, Operation, Versioned};
use serde_json::{Value, json};

fn redact(orders: &Value) -> Value {
    let customer = json!({"id": 191167, "email": "ivan@example.com", "phone": "+359888123456"});
    json!({"shop_id": 1, "shop_domain": "test-shop.myshopify.com", "customer": customer, "orders_to_redact": orders})
}

async fn send(world: &World, topic: &str, body: &Value) -> (u16, Value) {
    world.send(world.delivery(body.to_string().as_bytes()).header(shopify::TOPIC, topic)).await
}

async fn requests(world: &World, answer: &Value) -> Vec<PrivacyRequest> {
    let mut found = Vec::new();
    for id in answer["privacy_requests"].as_array().unwrap() {
        let key = privacy_request_key(&id.as_str().unwrap().parse().unwrap());
        found.push(world.stack.deps.store.load::<PrivacyRequest>(&key).await.unwrap().unwrap().body);
    }
    found
}

#[tokio::test]
async fn a_shoppers_request_waits_for_the_merchant_once_however_often_it_comes() {
    let world = world().await;
    let (_, accepted) = world.deliver(&shop_order()).await;
    let order = world.order(&accepted).await;
    let body = redact(&json!([shop_order()["id"], 4_711]));
    let (status, answer) = send(&world, "customers/redact", &body).await;
    assert_eq!(status, 200, "{answer}");
    let opened = requests(&world, &answer).await;
    assert_eq!(opened.len(), 1, "of an order that is not here nothing is stored");
    let own = &opened[0];
    assert_eq!((own.kind, own.origin, own.state), (PrivacyKind::Erasure, PrivacyOrigin::Shop, PrivacyState::Requested));
    assert!(own.orders.len() == 1 && own.orders[0].order == order.id);
    assert!(world.order(&accepted).await.personal_data.is_none(), "nothing happens before the merchant confirms");
    assert_eq!(send(&world, "customers/redact", &body).await.1, answer);
    let access = json!({"orders_requested": [shop_order()["id"]], "customer": {"email": "ivan@example.com"}});
    let (_, asked) = send(&world, "customers/data_request", &access).await;
    assert_eq!(requests(&world, &asked).await[0].kind, PrivacyKind::Access, "another topic is another request");
    let stored = world.scan("orders").to_string();
    assert!(!stored.contains("ivan@example.com"), "the request names nobody");
}

#[tokio::test]
async fn who_is_unknown_or_erased_needs_no_request() {
    let world = world().await;
    let (_, accepted) = world.deliver(&shop_order()).await;
    let order = world.order(&accepted).await;
    for orders in [json!([]), json!([4_711])] {
        let (status, answer) = send(&world, "customers/redact", &redact(&orders)).await;
        assert!(status == 200 && answer["ignored"].is_string(), "{answer}");
    }
    let at = world.stack.now();
    let erased = async |stored: Option<&Versioned<Order>>| Ok::<_, Failure>(stored.unwrap().body.erased(at));
    world.stack.deps.store.change(&order_key(&order.id), &Operation::of(&["test"]), erased).await.unwrap();
    let (_, answer) = send(&world, "customers/redact", &redact(&json!([shop_order()["id"]]))).await;
    assert!(answer["ignored"].is_string(), "{answer}");
    let (status, answer) = send(&world, "shop/redact", &json!({"shop_id": 1})).await;
    assert!(status == 200 && answer["ignored"].is_string(), "{answer}");
}

#[tokio::test]
async fn a_request_that_the_shop_did_not_sign_or_that_is_none_is_refused() {
    let world = world().await;
    let body = redact(&json!([1])).to_string();
    let forged = world
        .delivery(body.as_bytes())
        .header(shopify::TOPIC, "customers/redact")
        .header(shopify::HMAC, hmac_base64(b"guess", &[body.as_bytes()]));
    assert_eq!(world.send(forged).await.0, 401);
    let answer = send(&world, "customers/redact", &redact(&json!(["x"]))).await;
    world.refused(answer, 400, "invalid-field", Some("/orders_to_redact/0"));
}
