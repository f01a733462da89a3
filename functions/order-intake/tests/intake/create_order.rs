//! `POST /v1/orders`.

use crate::world::{World, own_order, own_order_with, world};
use domain::account::Scope;
use domain::order::{FulfilmentState, HoldReason};
use domain::{ChannelId, MessageKind};
use partners::standard_webhooks;
use platform::auth::MERCHANT_HEADER;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::request;
use testkit::request::RequestBuilder;
use testkit::stack::{ADMINISTRATOR_KEY, WEBHOOK_SECRET};

#[tokio::test]
async fn an_order_is_durable_when_it_is_answered() {
    let world = world().await;
    let (status, answer) = world.post(&own_order()).await;
    assert_eq!((status, answer["number"].as_str()), (201, Some("W-77")));
    let order = world.order(&answer).await;
    assert_eq!(
        (order.fulfilment, order.merchant(), &order.channel),
        (FulfilmentState::Received, world.merchant.clone(), &None)
    );
    assert_eq!(world.person(&order).await.unwrap().person.unwrap().address.city, "София");
    let kinds: Vec<_> = world.stack.outbox().into_iter().map(|message| message.kind).collect();
    assert_eq!(kinds, [MessageKind::Reserve { order: order.id }]);
}

#[tokio::test]
async fn a_duplicate_gets_the_first_answer() {
    let world = world().await;
    let first = world.post(&own_order()).await;
    world.stack.clock.advance(Duration::from_secs(60));
    assert_eq!(world.post(&own_order()).await, first);
    assert_eq!(world.stack.outbox().len(), 1);
}

#[tokio::test]
async fn the_same_id_with_another_body_is_a_conflict_and_the_first_stays() {
    let world = world().await;
    let (_, answer) = world.post(&own_order()).await;
    let (order, people) = (world.order(&answer).await, world.scan("people"));
    let (status, problem) = world.post(&own_order_with("/lines/0/quantity", json!(9))).await;
    assert_eq!((status, problem["pointer"].as_str()), (409, Some("/source_id")), "{problem}");
    assert_eq!((world.order(&answer).await, world.scan("people")), (order, people));
}

#[tokio::test]
async fn a_repeated_request_under_its_key_gets_the_first_answer() {
    let world = world().await;
    let first = world.send(world.request(&own_order()).header("idempotency-key", "k1")).await;
    assert_eq!(first.0, 201, "{}", first.1);
    world.stack.clock.advance(Duration::from_secs(60));
    assert_eq!(world.send(world.request(&own_order()).header("idempotency-key", "k1")).await, first);
    assert_eq!(world.stack.outbox().len(), 1);
}

#[tokio::test]
async fn an_idempotency_key_with_another_body_is_refused() {
    let world = world().await;
    let (_, answer) = world.send(world.request(&own_order()).header("idempotency-key", "k1")).await;
    let people = world.scan("people");
    for other in [own_order_with("/lines/0/quantity", json!(9)), own_order_with("/source_id", json!("W-78"))] {
        let (status, problem) = world.send(world.request(&other).header("idempotency-key", "k1")).await;
        assert_eq!((status, problem["type"].as_str()), (422, Some("urn:sklad:problem:idempotency-key-reused")));
    }
    assert_eq!(world.scan("people"), people, "nothing of the refused requests stays");
    assert_eq!(world.order(&answer).await.lines[0].quantity, 2);
    let (status, _) =
        world.send(world.request(&own_order_with("/source_id", json!("W-78"))).header("idempotency-key", "k2")).await;
    assert_eq!(status, 201);
}

#[tokio::test]
async fn one_merchants_idempotency_key_is_nothing_to_another() {
    let world = world().await;
    let rival = world.stack.merchant("rival").await;
    let key = world.stack.api_key(&rival, Scope::Merchant).await;
    let (first, _) = world.send(world.request(&own_order()).header("idempotency-key", "k1")).await;
    let other = own_order_with("/source_id", json!("R-1"));
    let (second, answer) =
        world.send(request("POST /v1/orders").key(&key).header("idempotency-key", "k1").json(&other)).await;
    assert_eq!((first, second), (201, 201));
    assert_eq!(world.order(&answer).await.merchant(), rival);
}

#[tokio::test]
async fn an_idempotency_key_has_a_length() {
    let world = world().await;
    for key in [String::new(), "k".repeat(129)] {
        let request = world.request(&own_order()).header("idempotency-key", key);
        world.refused(world.send(request).await, 400, "invalid-header", None);
    }
}

#[tokio::test]
async fn a_key_is_needed_and_its_scope_counts() {
    let world = world().await;
    let without = request("POST /v1/orders").json(&own_order());
    world.refused(world.send(without).await, 401, "unauthorised", None);
    let forged = request("POST /v1/orders").key(&format!("{}x", world.key)).json(&own_order());
    world.refused(world.send(forged).await, 401, "unauthorised", None);
    let floor = world.stack.api_key(&world.merchant, Scope::Floor).await;
    let request = request("POST /v1/orders").key(&floor).json(&own_order());
    world.refused(world.send(request).await, 403, "forbidden", None);
}

#[tokio::test]
async fn the_merchant_is_the_keys_own() {
    let world = world().await;
    let rival = world.stack.merchant("rival").await;
    let named = world.request(&own_order()).header(MERCHANT_HEADER, &rival);
    world.refused(world.send(named).await, 403, "forbidden", None);
    let nobody = request("POST /v1/orders").key(ADMINISTRATOR_KEY).json(&own_order());
    world.refused(world.send(nobody).await, 400, "merchant-missing", None);
    let on_behalf =
        request("POST /v1/orders").key(ADMINISTRATOR_KEY).header(MERCHANT_HEADER, &rival).json(&own_order());
    let (status, answer) = world.send(on_behalf).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(world.order(&answer).await.merchant(), rival);
}

/// The order, signed by Standard Webhooks `age_s` seconds ago (before now, if negative: ahead).
fn signed(world: &World, channel: &ChannelId, secret: &str, age_s: i64) -> RequestBuilder {
    let body = own_order().to_string();
    let at = world.stack.now() - jiff::SignedDuration::from_secs(age_s);
    let headers = standard_webhooks::sign(&[secret.to_owned()], "msg_1", at, body.as_bytes()).unwrap();
    let request = request("POST /v1/orders").header("sklad-channel", channel).body(body);
    headers.into_iter().fold(request, |request, (name, value)| request.header(&name.to_lowercase(), value))
}

#[tokio::test]
async fn a_signed_request_needs_no_key() {
    let world = world().await;
    let (status, answer) = world.send(signed(&world, &world.channel, WEBHOOK_SECRET, 60)).await;
    assert_eq!(status, 201, "{answer}");
    let order = world.order(&answer).await;
    assert_eq!((order.merchant(), order.channel.as_ref()), (world.merchant.clone(), Some(&world.channel)));
}

#[tokio::test]
async fn an_old_or_future_timestamp_is_refused() {
    let world = world().await;
    for age_s in [301, 3600, -301] {
        let answer = world.send(signed(&world, &world.channel, WEBHOOK_SECRET, age_s)).await;
        world.refused(answer, 401, "invalid-signature", None);
    }
}

#[tokio::test]
async fn a_signature_that_does_not_hold_is_refused() {
    let world = world().await;
    let wrong = "whsec_d3Jvbmd3cm9uZ3dyb25nd3Jvbmd3cm9uZ3dyb25n";
    world.refused(world.send(signed(&world, &world.channel, wrong, 0)).await, 401, "invalid-signature", None);
    let other_body =
        signed(&world, &world.channel, WEBHOOK_SECRET, 0).json(&own_order_with("/source_id", json!("W-78")));
    world.refused(world.send(other_body).await, 401, "invalid-signature", None);
    let mut unnamed = signed(&world, &world.channel, WEBHOOK_SECRET, 0).build();
    unnamed.headers.remove("sklad-channel");
    let answer = testkit::read(platform::Function::http(&order_intake::OrderIntake, &world.stack.deps, unnamed).await);
    world.refused(answer, 401, "invalid-signature", None);
    let unknown = ChannelId::derive(&world.merchant, &["no such shop"]);
    world.refused(world.send(signed(&world, &unknown, WEBHOOK_SECRET, 0)).await, 401, "invalid-signature", None);
}

#[tokio::test]
async fn a_wrong_field_is_refused_by_its_place() {
    let world = world().await;
    for (pointer, value) in [
        ("/lines/0/quantity", json!(0)),
        ("/lines/1/quantity", json!(-3)),
        ("/lines/1/quantity", json!(2.5)),
        ("/lines/1/quantity", json!(100_001)),
        ("/lines/1/quantity", json!(1e300)),
        ("/lines", json!([])),
        ("/lines/0/sku", json!("A#1")),
        ("/colour", json!("red")),
        ("/placed_at", json!("yesterday")),
        ("/total/amount_minor", json!(-1)),
        ("/ship_to/address/country", json!("Bulgaria")),
    ] {
        let answer = world.post(&own_order_with(pointer, value)).await;
        world.refused(answer, 400, "invalid-field", Some(pointer));
    }
}

#[tokio::test]
async fn malformed_json_is_refused() {
    let world = world().await;
    for body in ["", "{", "[]", "\"order\"", "{} {}"] {
        let (status, problem) = world.send(request("POST /v1/orders").key(&world.key).body(body)).await;
        assert_eq!(status, 400, "{body}: {problem}");
    }
    assert_eq!((world.count("orders"), world.count("people")), (0, 0));
}

#[tokio::test]
async fn the_same_sku_on_two_lines_stays_two_lines() {
    let world = world().await;
    let (_, answer) = world.post(&own_order_with("/lines/1/sku", json!("TEA-GREEN-100"))).await;
    let lines: Vec<_> = world.order(&answer).await.lines.into_iter().map(|line| (line.number, line.quantity)).collect();
    assert_eq!(lines, [(1, 2), (2, 1)]);
}

#[tokio::test]
async fn what_a_person_must_look_at_holds_the_order() {
    for (pointer, value, reason) in [
        ("/lines/0/sku", json!("TEA-BLUE"), HoldReason::MissingItemData),
        ("/ship_to", Value::Null, HoldReason::IncorrectAddress),
        ("/payment_settled", json!(false), HoldReason::AwaitingPayment),
    ] {
        let world = world().await;
        let (status, answer) = world.post(&own_order_with(pointer, value)).await;
        assert_eq!(status, 201, "{answer}");
        let reasons: Vec<_> = world.order(&answer).await.holds.into_iter().map(|hold| hold.reason).collect();
        assert_eq!(reasons, [reason]);
        assert_eq!(world.stack.outbox(), []);
    }
}

/// The event that API Gateway sends for an order, through the whole loop.
async fn through_the_gateway(world: &World, body: String, base64: bool) -> Value {
    let event = json!({
        "version": "2.0", "routeKey": "POST /v1/orders", "rawPath": "/v1/orders", "rawQueryString": "",
        "headers": { "authorization": format!("Bearer {}", world.key), "content-type": "application/json" },
        "requestContext": {
            "routeKey": "POST /v1/orders", "requestId": "req-1", "stage": "$default",
            "http": { "method": "POST", "path": "/v1/orders", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test" },
        },
        "body": body, "isBase64Encoded": base64,
    });
    platform::function::handle(&order_intake::OrderIntake, &world.stack.deps, event).await.unwrap()
}

#[tokio::test]
async fn a_body_over_one_mebibyte_is_refused() {
    use base64::Engine as _;
    let world = world().await;
    let long = own_order_with("/note", json!("x".repeat(1024 * 1024))).to_string();
    let encoded = base64::engine::general_purpose::STANDARD.encode(&long);
    for (body, base64) in [(long, false), (encoded, true)] {
        let answer = through_the_gateway(&world, body, base64).await;
        assert_eq!(answer["statusCode"], 413);
        assert_eq!(answer["headers"]["content-type"], "application/problem+json");
        let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(problem["request_id"], "req-1");
        world.refused((413, problem), 413, "body-too-large", None);
    }
}

#[tokio::test]
async fn an_order_comes_through_the_gateway_in_either_encoding() {
    use base64::Engine as _;
    let world = world().await;
    let body = own_order().to_string();
    let encoded = base64::engine::general_purpose::STANDARD.encode(&body);
    let plain = through_the_gateway(&world, body, false).await;
    assert_eq!(plain["statusCode"], 201, "{plain}");
    let again = through_the_gateway(&world, encoded, true).await;
    assert_eq!((again["statusCode"].as_u64(), &again["body"]), (Some(201), &plain["body"]));
    assert_eq!(again["headers"]["idempotent-replayed"], "true");
    let broken = through_the_gateway(&world, "%%".to_owned(), true).await;
    assert_eq!(broken["statusCode"], 400);
}

#[tokio::test]
async fn an_unknown_route_is_a_problem() {
    let world = world().await;
    let (status, problem) = world.send(request("DELETE /v1/orders").key(&world.key)).await;
    assert_eq!((status, problem["type"].as_str()), (404, Some("urn:sklad:problem:no-such-route")));
}

#[tokio::test]
async fn a_priority_is_taken_over_and_zero_unless_said_otherwise() {
    let world = world().await;
    let (_, plain) = world.post(&own_order()).await;
    assert_eq!(world.order(&plain).await.priority, 0);
    let mut urgent = own_order_with("/priority", json!(7));
    urgent["source_id"] = json!("urgent");
    let (status, answer) = world.post(&urgent).await;
    assert_eq!((status, world.order(&answer).await.priority), (201, 7));
    for bad in [json!(-1), json!(10_000), json!("high")] {
        let (status, problem) = world.post(&own_order_with("/priority", bad.clone())).await;
        assert_eq!((status, problem["pointer"].as_str()), (400, Some("/priority")), "{bad}");
    }
}

#[tokio::test]
async fn stock_is_held_for_an_unpaid_order_as_long_as_its_merchant_says() {
    let world = world().await;
    let unpaid = own_order_with("/payment_settled", json!(false));
    let merchant = world.merchant.clone();
    let key = platform::items::merchant_key(&merchant);
    let decide = async |stored: Option<&platform::Versioned<domain::account::Merchant>>| {
        let mut next = stored.unwrap().body.clone();
        next.hold_unpaid_stock_minutes = 45;
        Ok::<_, platform::Failure>(domain::Decision::of(next))
    };
    world.stack.deps.store.change(&key, &platform::Operation::of(&["test"]), decide).await.unwrap();
    let (_, answer) = world.post(&unpaid).await;
    let order = world.order(&answer).await;
    assert_eq!(order.reserved_until, Some(world.stack.now() + jiff::SignedDuration::from_mins(45)));
    assert_eq!(world.stack.outbox()[0].kind, domain::MessageKind::Reserve { order: order.id });
}
