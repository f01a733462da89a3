//! Webhooks: whoever does not know the secret is nobody, and yesterday's signature is none.

use super::target::{Answer, Shot, Target};
use crate::shop::{now, shopper};
use infra::demo::api::Api;
use infra::sandbox::{ShopOrder, shopify_order};
use jiff::{SignedDuration, Timestamp};
use partners::carriers::sandbox;
use partners::http::{Method, Request};
use partners::standard_webhooks;
use serde_json::json;

const OWN_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const OTHER_SECRET: &str = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
const CARRIER_SECRET: &str = "carrier-secret-of-this-test";

fn signed(mut request: Request, headers: Vec<(String, String)>) -> Shot {
    request.headers.extend(headers);
    Shot(request)
}

fn without(mut request: Request, header: &str) -> Shot {
    request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(header));
    Shot(request)
}

async fn refused(target: &Target, what: &str, shot: Shot) {
    let answer: Answer = target.send(shot).await;
    assert_eq!(answer.status, 401, "{what}: {}", answer.text);
    assert_eq!(answer.json()["type"], "urn:sklad:problem:invalid-signature", "{what}: {}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn api2_a_shops_webhook_is_taken_by_its_own_signature_only() {
    let target = Target::start("api2-shops").await;
    let (owner, stranger) = (&target.owner.world, &target.stranger.world);
    let number = u32::try_from(now().as_second() % 1_000_000).unwrap();
    let order = ShopOrder::new(u64::from(number), number, now(), shopper()).line("CUP", "Чаша", 1, 100);
    let good = || shopify_order(&order, &owner.shop, &owner.webhook_url, now());
    let mut longer = good();
    longer.body.push(b' ');
    refused(&target, "a changed body", Shot(longer)).await;
    refused(&target, "no signature", without(good(), "x-shopify-hmac-sha256")).await;
    let mut shop = owner.shop.clone();
    shop.secret.clone_from(&stranger.shop.secret);
    refused(&target, "another channel's secret", Shot(shopify_order(&order, &shop, &owner.webhook_url, now()))).await;
    refused(&target, "another channel", Shot(shopify_order(&order, &owner.shop, &stranger.webhook_url, now()))).await;
    shop.secret = String::new();
    refused(&target, "an empty secret", Shot(shopify_order(&order, &shop, &owner.webhook_url, now()))).await;
    let with_a_key = without(good(), "x-shopify-hmac-sha256").key(&target.owner.keys["operations"]);
    refused(&target, "a key in place of the signature", with_a_key).await;
    assert_eq!(target.send(Shot(good())).await.status, 201, "the right one is taken");
    target.stack.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api2_a_signed_order_is_taken_while_its_timestamp_is_fresh() {
    let target = Target::start("api2-own").await;
    let owner = &target.owner.world;
    let administrator = Api::new(&target.stack.endpoints.api, target.administrator());
    let channel =
        json!({"platform": "own", "name": "Own", "shop_domain": "shop.example.org", "webhook_secrets": [OWN_SECRET]});
    let own = administrator.clone().with_header("sklad-merchant", &owner.merchant).post("/v1/channels", &channel).await;
    let own = own.unwrap()["id"].as_str().unwrap().to_owned();
    let theirs = administrator.with_header("sklad-merchant", &target.stranger.world.merchant);
    let theirs = theirs.post("/v1/channels", &channel).await.unwrap()["id"].as_str().unwrap().to_owned();
    let body = json!({
        "source_id": "W-77", "placed_at": "2026-11-01T09:30:00+02:00", "currency": "EUR", "payment_settled": true,
        "total": {"amount_minor": 1500, "currency": "EUR"},
        "lines": [{"sku": "CUP", "quantity": 1, "unit_price_minor": 1500}], "ship_to": shopper(),
    })
    .to_string();
    let to = |channel: &str, id: &str, at: Timestamp, secret: &str| {
        let mut request = Request::new(Method::Post, format!("{}/v1/orders", target.stack.endpoints.api))
            .with_header("content-type", "application/json")
            .with_header("sklad-channel", channel);
        request.body = body.clone().into_bytes();
        signed(request, standard_webhooks::sign(&[secret.to_owned()], id, at, body.as_bytes()).unwrap())
    };
    let minutes = SignedDuration::from_mins;
    refused(&target, "six minutes old", to(&own, "msg_1", now() - minutes(6), OWN_SECRET)).await;
    refused(&target, "six minutes ahead", to(&own, "msg_1", now() + minutes(6), OWN_SECRET)).await;
    refused(&target, "another secret", to(&own, "msg_1", now(), OTHER_SECRET)).await;
    refused(&target, "no such channel", to("chn_nobody_0", "msg_1", now(), OWN_SECRET)).await;
    let mut renamed = to(&own, "msg_1", now(), OWN_SECRET);
    for (name, value) in &mut renamed.0.headers {
        if name.eq_ignore_ascii_case("webhook-id") {
            "msg_2".clone_into(value);
        }
    }
    refused(&target, "another message's signature", renamed).await;
    let changed = to(&own, "msg_1", now(), OWN_SECRET).body(body.replace("\"CUP\"", "\"POT\""));
    refused(&target, "a changed body", changed).await;
    // What is signed for one merchant is that merchant's, whatever key or header comes with it.
    let forged = to(&own, "msg_1", now(), OWN_SECRET)
        .header("sklad-merchant", &target.stranger.world.merchant)
        .key(&target.stranger.keys["operations"]);
    let taken = target.send(forged).await;
    assert_eq!(taken.status, 201, "{}", taken.text);
    let id = taken.json()["id"].as_str().unwrap().to_owned();
    assert!(owner.operations.get(&format!("/v1/orders/{id}")).await.is_ok());
    assert!(target.stranger.world.operations.get(&format!("/v1/orders/{id}")).await.is_err());
    assert_eq!(target.send(to(&theirs, "msg_1", now(), OWN_SECRET)).await.status, 201, "the other channel's own");
    target.stack.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api2_a_carriers_webhook_is_taken_by_a_fresh_signature_of_its_account_only() {
    let target = Target::start("api2-carriers").await;
    let administrator = Api::new(&target.stack.endpoints.api, target.administrator());
    let account = json!({
        "carrier": "sandbox", "name": "A", "api_url": target.stack.endpoints.sandbox, "service": "standard",
        "api_key": "key-of-this-test", "webhook_secrets": [CARRIER_SECRET],
    });
    let account = administrator
        .with_header("sklad-merchant", &target.owner.world.merchant)
        .post("/v1/carrier-accounts", &account)
        .await
        .unwrap();
    let account = account["id"].as_str().unwrap().to_owned();
    let body = json!({"type": "tracking.updated", "data": {"tracking_number": "SBX1", "events": []}}).to_string();
    let to = |account: &str, at: Timestamp, secret: &str| {
        let url = format!("{}/webhooks/carriers/{account}", target.stack.endpoints.api);
        let mut request = Request::new(Method::Post, url).with_header("content-type", "application/json");
        request.body = body.clone().into_bytes();
        signed(request, sandbox::sign(&[secret.to_owned()], at, body.as_bytes()))
    };
    let minutes = SignedDuration::from_mins;
    refused(&target, "six minutes old", to(&account, now() - minutes(6), CARRIER_SECRET)).await;
    refused(&target, "six minutes ahead", to(&account, now() + minutes(6), CARRIER_SECRET)).await;
    refused(&target, "another secret", to(&account, now(), "guess")).await;
    refused(&target, "an empty secret", to(&account, now(), "")).await;
    let theirs = &target.stranger.world.carrier_account;
    refused(&target, "another account", to(theirs, now(), CARRIER_SECRET)).await;
    let changed = to(&account, now(), CARRIER_SECRET).body(body.replace("SBX1", "SBX2"));
    refused(&target, "a changed body", changed).await;
    for header in [sandbox::SIGNATURE, sandbox::TIMESTAMP] {
        let Shot(request) = to(&account, now(), CARRIER_SECRET);
        refused(&target, header, without(request, header)).await;
    }
    let taken = target.send(to(&account, now(), CARRIER_SECRET)).await;
    assert_eq!(taken.status, 202, "{}", taken.text);
    target.stack.end().await;
}
