//! Merchants, channels, carrier accounts.

use crate::World;
use platform::items::{SealedCarrierAccount, SealedChannel, merchant_key};
use serde_json::json;
use testkit::api::{new_carrier_account, new_channel, refused, with};
use testkit::request;

#[tokio::test]
async fn a_merchant_is_created_once_and_read_back() {
    let world = World::new().await;
    let create = request("POST /v1/merchants")
        .header("idempotency-key", "k1")
        .json(&json!({"name": "Чаена ООД", "allocation_rule": "split"}));
    let (status, merchant) = world.platform(create.clone()).await;
    assert_eq!(status, 201, "{merchant}");
    assert_eq!(merchant["return_window_days"], 14);
    assert_eq!(world.platform(create.clone()).await, (201, merchant.clone()));
    let other = create.json(&json!({"name": "Another"}));
    refused(world.platform(other).await, 422, "idempotency-key-reused", "");
    let id = merchant["id"].as_str().unwrap();
    let read = request("GET /v1/merchants/{merchant}").path("merchant", id).key(testkit::stack::ADMINISTRATOR_KEY);
    let response = world.send(read).await;
    assert!(response.headers.contains(&("etag".to_owned(), "\"1\"".to_owned())), "{response:?}");
    assert_eq!(testkit::read(Ok(response)), (200, merchant.clone()));
    let list = request("GET /v1/merchants").query("limit", 1).key(testkit::stack::ADMINISTRATOR_KEY);
    let pages = world.pages(list).await;
    assert!(pages.iter().all(|page| page.len() == 1), "{pages:?}");
    assert_eq!(pages.len(), 3);
    assert!(pages.iter().flatten().any(|listed| *listed == merchant));
}

#[tokio::test]
async fn a_merchant_with_a_wrong_field_is_refused_with_the_pointer() {
    let world = World::new().await;
    let create = async |body| world.platform(request("POST /v1/merchants").json(&body)).await;
    refused(create(json!({"name": ""})).await, 400, "invalid-field", "/name");
    refused(create(json!({"name": 5})).await, 400, "invalid-field", "/name");
    refused(create(json!({"name": "A", "return_window_days": -1})).await, 400, "invalid-field", "/return_window_days");
    refused(create(json!({"name": "A", "return_window_days": 1.5})).await, 400, "invalid-field", "/return_window_days");
    refused(
        create(json!({"name": "A", "return_window_days": 3651})).await,
        400,
        "invalid-field",
        "/return_window_days",
    );
    refused(create(json!({"name": "A", "allocation_rule": "x"})).await, 400, "invalid-field", "/allocation_rule");
    refused(create(json!({"name": "A", "colour": "red"})).await, 400, "invalid-field", "/colour");
}

#[tokio::test]
async fn a_channels_secrets_are_stored_sealed_and_never_answered() {
    let world = World::new().await;
    let create = request("POST /v1/channels").header("idempotency-key", "k1").json(&new_channel());
    let (status, channel) = world.admin(create.clone()).await;
    assert_eq!(status, 201, "{channel}");
    let id: domain::ChannelId = channel["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(channel["webhook_path"], format!("/webhooks/shops/{id}"));
    assert_eq!(world.admin(create).await, (201, channel.clone()));
    let merchants = World::key(&world.merchant, domain::account::Scope::Merchant);
    let read = request("GET /v1/channels/{channel}").path("channel", &id).key(&merchants);
    assert_eq!(testkit::read(Ok(world.send(read).await)), (200, channel.clone()));
    let listed = world.pages(request("GET /v1/channels").key(&merchants)).await;
    assert_eq!(listed, vec![vec![channel.clone()]]);
    assert!(!format!("{channel}{listed:?}").contains("hush"));
    let stored = world.stack.deps.store.load::<SealedChannel>(&SealedChannel::key_of(&id)).await.unwrap().unwrap().body;
    assert!(!format!("{stored:?}").contains("hush"));
    let secrets = &world.stack.deps.secrets;
    assert_eq!(secrets.open(id.as_str(), &stored.webhook_secrets[0]).unwrap(), "shpss_hush");
    assert_eq!(secrets.open(id.as_str(), stored.access_token.as_ref().unwrap()).unwrap(), "shpat_hush");
}

#[tokio::test]
async fn a_channel_with_a_wrong_field_is_refused_with_the_pointer() {
    let world = World::new().await;
    let check = async |change, pointer| {
        let body = with(&new_channel(), &change);
        refused(world.admin(request("POST /v1/channels").json(&body)).await, 400, "invalid-field", pointer);
    };
    check(json!({"platform": "geocities"}), "/platform").await;
    check(json!({"name": ""}), "/name").await;
    check(json!({"shop_domain": "https://acme.myshopify.com"}), "/shop_domain").await;
    check(json!({"api_url": "http://acme.myshopify.com"}), "/api_url").await;
    check(json!({"api_url": null}), "/api_url").await;
    check(json!({"access_token": null}), "/access_token").await;
    check(json!({"webhook_secrets": []}), "/webhook_secrets").await;
    check(json!({"webhook_secrets": ["a", "b", "c", "d", "e", "f"]}), "/webhook_secrets").await;
    check(json!({"webhook_secrets": ["good", ""]}), "/webhook_secrets/1").await;
    check(json!({"platform": "own", "webhook_secrets": ["not-whsec"]}), "/webhook_secrets/0").await;
    check(json!({"id": "chn_mine"}), "/id").await;
}

#[tokio::test]
async fn a_shop_of_ones_own_needs_no_api_and_sends_its_orders_to_ours() {
    let world = World::new().await;
    let change = json!({
        "platform": "own", "api_url": null, "access_token": null, "webhook_secrets": [testkit::stack::WEBHOOK_SECRET],
    });
    let (status, channel) = world.admin(request("POST /v1/channels").json(&with(&new_channel(), &change))).await;
    assert_eq!(status, 201, "{channel}");
    assert_eq!(channel["webhook_path"], "/v1/orders");
}

#[tokio::test]
async fn a_default_carrier_account_is_set_on_the_merchant_in_the_same_commit() {
    let world = World::new().await;
    let default = async || {
        let key = merchant_key(&world.merchant);
        let merchant = world.stack.deps.store.load::<domain::account::Merchant>(&key).await.unwrap().unwrap();
        (merchant.body.default_carrier_account.unwrap().to_string(), merchant.version)
    };
    let (before, _) = default().await;
    let (status, plain) = world.admin(request("POST /v1/carrier-accounts").json(&new_carrier_account())).await;
    assert_eq!(status, 201, "{plain}");
    assert_eq!(default().await.0, before);
    let body = with(&new_carrier_account(), &json!({"default": true}));
    let create = request("POST /v1/carrier-accounts").header("idempotency-key", "k1").json(&body);
    let (status, account) = world.admin(create.clone()).await;
    assert_eq!(status, 201, "{account}");
    let id = account["id"].as_str().unwrap();
    assert_eq!(account["webhook_path"], format!("/webhooks/carriers/{id}"));
    assert_eq!(default().await, (id.to_owned(), 2));
    // The repetition changes nothing, also after another account became the default.
    assert_eq!(world.admin(create.clone()).await, (201, account.clone()));
    let (_, third) = world.admin(request("POST /v1/carrier-accounts").json(&body)).await;
    assert_eq!(world.admin(create).await, (201, account.clone()));
    assert_eq!(default().await, (third["id"].as_str().unwrap().to_owned(), 3));
    let sealed = SealedCarrierAccount::key_of(&id.parse().unwrap());
    let stored = world.stack.deps.store.load::<SealedCarrierAccount>(&sealed).await.unwrap().unwrap().body;
    assert_eq!(world.stack.deps.secrets.open(id, &stored.api_key).unwrap(), "carrier-hush");
    let read = request("GET /v1/carrier-accounts/{carrier_account}").path("carrier_account", id);
    assert_eq!(world.admin(read).await, (200, account.clone()));
    let (_, list) = world.admin(request("GET /v1/carrier-accounts")).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
    assert!(!list.to_string().contains("hush"));
}

#[tokio::test]
async fn a_carrier_account_with_a_wrong_field_is_refused_with_the_pointer() {
    let world = World::new().await;
    let check = async |change, pointer| {
        let body = with(&new_carrier_account(), &change);
        refused(world.admin(request("POST /v1/carrier-accounts").json(&body)).await, 400, "invalid-field", pointer);
    };
    check(json!({"carrier": "pigeon"}), "/carrier").await;
    check(json!({"name": " "}), "/name").await;
    check(json!({"service": ""}), "/service").await;
    check(json!({"api_url": "gopher://carrier"}), "/api_url").await;
    check(json!({"api_key": ""}), "/api_key").await;
    check(json!({"webhook_secrets": []}), "/webhook_secrets").await;
    check(json!({"carrier": "easypost", "default": true}), "/default").await;
}

#[tokio::test]
async fn nothing_is_created_for_a_merchant_that_does_not_exist() {
    let world = World::new().await;
    let creates = [
        ("POST /v1/channels", new_channel()),
        ("POST /v1/carrier-accounts", new_carrier_account()),
        ("POST /v1/locations", testkit::api::new_location("SOF1")),
        ("POST /v1/items", testkit::api::new_item("TEA")),
    ];
    for (route, body) in creates {
        let nobody = request(route).json(&body).header("sklad-merchant", "mer_nobody");
        refused(world.platform(nobody).await, 422, "unknown-merchant", "");
        refused(world.platform(request(route).json(&body)).await, 400, "merchant-missing", "");
    }
}
