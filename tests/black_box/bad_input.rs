//! Bad input over the wire: refused with a problem that names the field, or put aside with its reason.

use crate::shop::{now, shopper, webhook};
use crate::stack::{Stack, sqs};
use infra::demo::api::{Api, send};
use infra::demo::setup::set_up;
use infra::sandbox::{ShopOrder, shopify_order};
use partners::http::{Method, Request};
use serde_json::{Value, json};

fn at(api: &str, method: Method, path: &str) -> Request {
    Request::new(method, format!("{api}{path}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_that_says_what_to_do() {
    let stack = Stack::start().await;
    let endpoints = &stack.endpoints;
    let world = set_up(endpoints, "Bad input").await.unwrap();
    let other = set_up(endpoints, "Another merchant").await.unwrap();
    let api = endpoints.api.as_str();

    let check = async |what: &str, request: Request, status: u16, kind: &str| -> Value {
        let (got, body) = send(&request).await.unwrap();
        assert_eq!(got, status, "{what}: {body}");
        assert!(body["type"].as_str().is_some_and(|text| text.ends_with(kind)), "{what}: {body}");
        assert!(body["detail"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {body}");
        body
    };
    for (method, path) in [(Method::Get, "/v1/nothing"), (Method::Delete, "/v1/orders")] {
        // The HTTP API's own answer: no function is asked.
        let (status, body) = send(&at(api, method, path)).await.unwrap();
        assert_eq!((status, body), (404, json!({"message": "Not Found"})), "{path}");
    }
    check("no key", at(api, Method::Get, "/v1/orders"), 401, "unauthorised").await;

    let mut large = at(api, Method::Post, "/v1/orders").with_header("authorization", "Bearer sklad_x_y");
    large.body = vec![b' '; 1024 * 1024 + 1];
    check("more than 1 MiB", large, 413, "body-too-large").await;

    let now = self::now();
    let order = ShopOrder::new(1, 1, now, domain::address::Person::default()).line("CUP-BLUE", "Чаша", 1, 100);
    let mut unsigned = shopify_order(&order, &world.shop, &world.webhook_url, now);
    unsigned.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("x-shopify-hmac-sha256"));
    check("missing signature", unsigned, 401, "invalid-signature").await;
    let mut tampered = shopify_order(&order, &world.shop, &world.webhook_url, now);
    tampered.body.push(b' ');
    check("changed body", tampered, 401, "invalid-signature").await;
    let mut nowhere = shopify_order(&order, &world.shop, &world.webhook_url, now);
    nowhere.url = format!("{api}/webhooks/shops/chn_nobody_0");
    check("unknown channel", nowhere, 404, "not-found").await;

    let (held, accepted) = send(&shopify_order(&order, &world.shop, &world.webhook_url, now)).await.unwrap();
    assert_eq!(held, 201, "an order without address is held, not lost: {accepted}");
    let id = accepted["id"].as_str().unwrap();
    let body = world.operations.get(&format!("/v1/orders/{id}")).await.unwrap();
    let reasons: Vec<&str> =
        body["holds"].as_array().unwrap().iter().filter_map(|hold| hold["reason"].as_str()).collect();
    assert!(reasons.contains(&"incorrect_address") && reasons.contains(&"missing_item_data"), "{reasons:?}");
    let stranger = other.operations.get(&format!("/v1/orders/{id}")).await;
    assert!(stranger.is_err_and(|error| error.to_string().contains("404")), "another merchant's order does not exist");
    stack.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_message_is_put_aside_with_its_reason_while_its_neighbours_proceed() {
    let stack = Stack::start().await;
    let endpoints = &stack.endpoints;
    let world = set_up(endpoints, "Poison").await.unwrap();
    world.stock_up(|_, location| if location == "SOF1" { 5 } else { 0 }).await.unwrap();
    let entries =
        json!([{"Id": "a", "MessageBody": "not json"}, {"Id": "b", "MessageBody": "{\"kind\":\"unheard-of\"}"}]);
    let batch = json!({"QueueUrl": stack.reservations_queue_url, "Entries": entries});
    sqs(&stack.aws_url, "SendMessageBatch", &batch).await;

    let order = ShopOrder::new(2, 2, now(), shopper()).line("CUP-BLUE", "Чаша", 1, 100);
    let id = webhook(&world, &order, now()).await;
    world.order_is(&id, "fulfilment", "allocated").await.unwrap();

    let administrator = Api::new(&endpoints.api, &endpoints.administrator_key);
    let reasons = administrator
        .until("both dead letters with their reasons", "/v1/dead-letters?queue=reservations", |body| {
            let reasons: Vec<String> = body["items"]
                .as_array()?
                .iter()
                .filter_map(|letter| letter["reason"].as_str().map(str::to_owned))
                .collect();
            (reasons.len() == 2).then_some(reasons)
        })
        .await
        .unwrap();
    assert!(reasons.iter().all(|reason| reason.contains("not a message of ours")), "{reasons:?}");
    stack.end().await;
}
