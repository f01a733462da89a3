//! Webhooks of a Shopify shop.

use crate::world::{World, shop_order, shop_order_with, world, world_of};
use domain::order::{FulfilmentState, HoldReason, MoneyState, Order};
use domain::{ChannelId, MessageKind};
use order_intake::OrderIntake;
use partners::shops::shopify;
use partners::signature::hmac_base64;
use platform::items::{PersonRecord, SealedChannel};
use platform::{Operation, Versioned};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use testkit::Stack;
use testkit::connector::{Call, Fault, Faults, Service};

#[tokio::test]
async fn a_signed_order_is_durable_when_it_is_answered() {
    let world = world().await;
    let (status, answer) = world.deliver(&shop_order()).await;
    assert_eq!((status, answer["number"].as_str()), (201, Some("#1071")));
    let order = world.order(&answer).await;
    assert_eq!((order.fulfilment, order.money), (FulfilmentState::Received, MoneyState::Expected));
    assert_eq!(order.cash_on_delivery_minor, Some(6130));
    let person = world.person(&order).await.expect("the person is stored");
    assert_eq!(person.person.as_ref().unwrap().name, "Иван Петров");
    assert_eq!(person.inflate(), shop_order().to_string().into_bytes(), "the raw body is kept");
    let messages = world.stack.outbox();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].kind, MessageKind::Reserve { order: order.id.clone() });
    assert_eq!((&messages[0].merchant, messages[0].correlation_id.as_str()), (&world.merchant, order.id.as_str()));
    assert_eq!(messages[0].version, 1);
}

#[tokio::test]
async fn a_duplicate_gets_the_first_answer_and_asks_for_nothing() {
    let world = world().await;
    let first = world.deliver(&shop_order()).await;
    world.stack.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(world.stack.outbox().len(), 1);
    assert_eq!(world.deliver(&shop_order()).await, first);
    assert_eq!(world.stack.outbox(), []);
    assert_eq!((world.count("orders"), world.count("people")), (1, 1));
}

#[tokio::test]
async fn the_same_order_with_another_body_is_a_conflict_and_the_first_stays() {
    let world = world().await;
    let (_, answer) = world.deliver(&shop_order()).await;
    let order = world.order(&answer).await;
    let person = world.person(&order).await;
    let other = shop_order_with("/shipping_address/name", json!("Друг Човек"));
    let (status, problem) = world.deliver(&other).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:order-exists")));
    assert_eq!(world.order(&answer).await, order);
    assert_eq!(world.person(&order).await, person);
    assert!(person.is_some());
    assert_eq!(world.count("people"), 1, "the refused body's person is gone");
    assert_eq!(world.deliver(&shop_order()).await.0, 201, "the first body is still a duplicate");
}

#[tokio::test]
async fn a_wrong_or_missing_signature_is_refused() {
    let world = world().await;
    let body = shop_order().to_string();
    let signature = hmac_base64(b"another secret", &[body.as_bytes()]);
    let wrong = world.delivery(body.as_bytes()).header(shopify::HMAC, signature);
    world.refused(world.send(wrong).await, 401, "invalid-signature", None);
    let mut missing = world.delivery(body.as_bytes()).build();
    missing.headers.remove(shopify::HMAC);
    let answer = testkit::read(platform::Function::http(&OrderIntake, &world.stack.deps, missing).await);
    world.refused(answer, 401, "invalid-signature", None);
    let changed = shop_order_with("/total_price", json!("0.01")).to_string();
    let of_other_body = world.delivery(body.as_bytes()).body(changed);
    world.refused(world.send(of_other_body).await, 401, "invalid-signature", None);
}

#[tokio::test]
async fn the_signature_is_checked_before_the_body_is_read() {
    let world = world().await;
    let unsigned = world.delivery(b"{").header(shopify::HMAC, "AAAA");
    world.refused(world.send(unsigned).await, 401, "invalid-signature", None);
}

#[tokio::test]
async fn malformed_json_is_refused() {
    let world = world().await;
    for body in ["", "{", "[]", "null", "{\"id\": 1,}", "\u{0}"] {
        let (status, problem) = world.send(world.delivery(body.as_bytes())).await;
        assert_eq!(status, 400, "{body}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
    assert_eq!(world.send(world.delivery(&[0xff, 0xfe])).await.0, 400);
    assert_eq!((world.count("orders"), world.count("people")), (0, 0));
}

#[tokio::test]
async fn an_unknown_channel_is_not_found() {
    let world = world().await;
    let body = shop_order().to_string();
    let unknown = ChannelId::derive(&world.merchant, &["no such shop"]);
    for channel in [unknown.as_str(), "chn_x", "nonsense", ""] {
        let request = world.delivery(body.as_bytes()).path("channel", channel);
        world.refused(world.send(request).await, 404, "not-found", None);
    }
}

#[tokio::test]
async fn a_webhook_of_another_shop_is_refused() {
    let world = world().await;
    let body = shop_order().to_string();
    let request = world.delivery(body.as_bytes()).header(shopify::SHOP_DOMAIN, "other.myshopify.com");
    world.refused(world.send(request).await, 401, "invalid-signature", None);
    let (status, _) =
        world.send(world.delivery(body.as_bytes()).header(shopify::SHOP_DOMAIN, "Test-Shop.MyShopify.com")).await;
    assert_eq!(status, 201, "domains have no case");
}

#[tokio::test]
async fn another_merchants_channel_takes_its_own_signature_only_and_makes_its_own_orders() {
    let world = world().await;
    let other = world.stack.merchant("rival").await;
    for sku in ["TEA-GREEN-100", "MUG-01"] {
        world.stack.item(&other, sku).await;
    }
    let channel = world.stack.channel(&other, "https://rival.example").await;
    let key = SealedChannel::key_of(&channel);
    let secret = "whsec_cml2YWxyaXZhbHJpdmFscml2YWxyaXZhbHJpdmFs";
    let sealed = world.stack.deps.secrets.seal(channel.as_str(), secret, &"ab".repeat(12)).unwrap();
    let change = async |stored: Option<&Versioned<SealedChannel>>| {
        let mut next = stored.unwrap().body.clone();
        next.webhook_secrets = vec![sealed.clone()];
        Ok::<_, platform::Failure>(domain::Decision::of(next))
    };
    world.stack.deps.store.change(&key, &Operation::of(&["test"]), change).await.unwrap();

    let body = shop_order().to_string();
    let request = world.delivery(body.as_bytes()).path("channel", &channel);
    world.refused(world.send(request).await, 401, "invalid-signature", None);

    let signature = hmac_base64(secret.as_bytes(), &[body.as_bytes()]);
    let request = world.delivery(body.as_bytes()).path("channel", &channel).header(shopify::HMAC, signature);
    let (status, theirs) = world.send(request).await;
    assert_eq!(status, 201, "{theirs}");
    let (_, ours) = world.deliver(&shop_order()).await;
    assert_ne!(ours["id"], theirs["id"]);
    assert_eq!(world.order(&theirs).await.merchant(), other);
    assert_eq!(world.order(&ours).await.merchant(), world.merchant);
}

#[tokio::test]
async fn a_quantity_that_is_none_is_refused_by_its_place() {
    let world = world().await;
    for quantity in [json!(0), json!(-1), json!(1.5), json!(100_001), json!(1e300), json!("2"), Value::Null] {
        let order = shop_order_with("/line_items/0/quantity", quantity.clone());
        let answer = world.deliver(&order).await;
        let code = answer.1["type"].clone();
        world.refused(answer, 400, "invalid-field", Some("/line_items/0/quantity"));
        assert_eq!(code, "urn:sklad:problem:invalid-field", "{quantity}");
    }
}

#[tokio::test]
async fn the_same_sku_on_two_lines_stays_two_lines() {
    let world = world().await;
    let (_, answer) = world.deliver(&shop_order()).await;
    let order = world.order(&answer).await;
    let mugs: Vec<_> = order
        .lines
        .iter()
        .filter(|line| line.sku.as_ref().is_some_and(|sku| sku.as_str() == "MUG-01"))
        .map(|line| (line.number, line.quantity, line.source_line_id.as_str()))
        .collect();
    assert_eq!(mugs, [(2, 1, "15518907924780"), (3, 1, "15518907924781")]);
    assert_eq!(order.holds, []);
}

async fn held(order: &Value) -> (World, Order) {
    let world = world().await;
    let (status, answer) = world.deliver(order).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(world.stack.outbox(), [], "nothing is reserved for an order on hold");
    let order = world.order(&answer).await;
    (world, order)
}

#[tokio::test]
async fn an_unknown_sku_holds_the_order_and_is_named() {
    let (_, order) = held(&shop_order_with("/line_items/0/sku", json!("TEA-BLUE"))).await;
    assert_eq!(order.holds.len(), 1);
    assert_eq!(order.holds[0].reason, HoldReason::MissingItemData);
    assert!(order.holds[0].note.as_deref().is_some_and(|note| note.contains("TEA-BLUE")));
    assert_eq!(order.waits_as(), Some("on_hold"), "people find it");
    let (_, order) = held(&shop_order_with("/line_items/0/sku", json!(""))).await;
    assert_eq!(order.holds[0].reason, HoldReason::MissingItemData);
}

#[tokio::test]
async fn an_empty_address_holds_the_order() {
    for (pointer, value) in [
        ("/shipping_address", Value::Null),
        ("/shipping_address/address1", json!("  ")),
        ("/shipping_address/city", Value::Null),
        ("/shipping_address/country_code", json!("")),
    ] {
        let (_, order) = held(&shop_order_with(pointer, value)).await;
        let reasons: Vec<_> = order.holds.iter().map(|hold| hold.reason).collect();
        assert_eq!(reasons, [HoldReason::IncorrectAddress], "{pointer}");
    }
}

#[tokio::test]
async fn an_unpaid_order_is_held_until_it_is_paid() {
    let (_, order) = held(&shop_order_with("/payment_gateway_names", json!(["bank"]))).await;
    assert_eq!(order.holds[0].reason, HoldReason::AwaitingPayment);
}

#[tokio::test]
async fn emoji_and_right_to_left_text_come_back_as_they_went_in() {
    let world = world().await;
    let (name, street) = ("مريم\u{200f} 👩🏽‍🚀", "רחוב הרצל 1\u{200f} 🏠");
    let mut order = shop_order_with("/shipping_address/name", json!(name));
    order["shipping_address"]["address1"] = json!(street);
    order["note"] = json!("🎁 \u{202b}هدية\u{202c}");
    let (status, answer) = world.deliver(&order).await;
    assert_eq!(status, 201, "{answer}");
    let record = world.person(&world.order(&answer).await).await.unwrap();
    assert_eq!(record.note.as_deref(), Some("🎁 \u{202b}هدية\u{202c}"));
    let person = record.person.unwrap();
    assert_eq!((person.name.as_str(), person.address.line1.as_str()), (name, street));
}

#[tokio::test]
async fn what_is_no_order_is_understood_and_ignored() {
    let world = world().await;
    let body = shop_order().to_string();
    let (status, answer) = world.send(world.delivery(body.as_bytes()).header(shopify::TOPIC, "app/uninstalled")).await;
    assert_eq!((status, answer["ignored"].as_str()), (200, Some("topic app/uninstalled")));
    let cancelled = shop_order_with("/cancelled_at", json!("2026-03-01T11:12:00+02:00"));
    assert_eq!(world.deliver(&cancelled).await.0, 200);
    let mut digital = shop_order();
    digital["line_items"].as_array_mut().unwrap().retain(|line| line["requires_shipping"] == false);
    assert_eq!(world.deliver(&digital).await.0, 200);
    assert_eq!((world.count("orders"), world.count("people")), (0, 0));
}

#[tokio::test]
async fn no_personal_data_leaves_the_people_table() {
    let world = world().await;
    let (_, answer) = world.deliver(&shop_order()).await;
    let order = world.order(&answer).await;
    let record = world.person(&order).await.unwrap();
    let messages = serde_json::to_string(&world.stack.outbox()).unwrap();
    let shown = format!("{order:?} {record:?} {:?}", record.person);
    let request = format!("{:?}", world.delivery(shop_order().to_string().as_bytes()).build());
    let stored = world.scan("orders").to_string();
    for personal in ["Иван", "Петров", "ivan@example.com", "Витоша", "8123456", "812-3456", "звъннете"]
    {
        for (place, text) in [
            ("order", &stored),
            ("messages", &messages),
            ("debug", &shown),
            ("request", &request),
            ("answer", &answer.to_string()),
        ] {
            assert!(!text.contains(personal), "{personal} in {place}: {text}");
        }
    }
    assert!(world.scan("people").to_string().contains("Петров"));
}

#[tokio::test]
async fn whoever_was_erased_is_brought_back_by_no_late_webhook() {
    let world = world().await;
    let (_, answer) = world.deliver(&shop_order()).await;
    let order = world.order(&answer).await;
    let store = &world.stack.deps.store;
    let operation = Operation::of(&["erase"]);
    store.put_child(&PersonRecord::erased(&order.id, &order.content), &operation).await.unwrap();
    assert_eq!(world.deliver(&shop_order()).await.0, 201, "the first answer again");
    let other = shop_order_with("/shipping_address/address1", json!("бул. Витоша 99"));
    assert_eq!(world.deliver(&other).await.0, 409);
    let stored = world.scan("people").to_string();
    assert_eq!(world.count("people"), 1);
    for personal in ["Петров", "ivan@example.com", "Витоша"] {
        assert!(!stored.contains(personal), "{personal}");
    }
    assert!(world.person(&order).await.unwrap() == PersonRecord::erased(&order.id, &order.content));
}

#[tokio::test]
async fn another_body_of_a_known_order_is_refused_before_anything_of_it_is_written() {
    let writes = Arc::new(PeopleWrites::default());
    let world = world_of(Stack::builder().faults(writes.clone())).await;
    assert_eq!(world.deliver(&shop_order()).await.0, 201);
    assert_eq!(writes.0.load(Ordering::SeqCst), 1);
    let other = shop_order_with("/shipping_address/address1", json!("бул. Витоша 99"));
    assert_eq!(world.deliver(&other).await.0, 409);
    assert_eq!(writes.0.load(Ordering::SeqCst), 1, "a crash could leave it behind");
}

/// Counts what is written to the table of persons.
#[derive(Default)]
struct PeopleWrites(AtomicU32);

impl Faults for PeopleWrites {
    fn before(&self, call: &Call) -> Option<Fault> {
        let writes = call.operation == "PutItem" && String::from_utf8_lossy(call.request.body()).contains("\"people\"");
        self.0.fetch_add(u32::from(writes), Ordering::SeqCst);
        None
    }

    fn after(&self, _: &Call) -> Option<Fault> {
        None
    }
}

/// Fails calls on the orders' heads a number of times, before or after they take effect.
struct HeadFails {
    left: AtomicU32,
    before: bool,
}

impl HeadFails {
    fn times(left: u32, before: bool) -> Arc<Self> {
        Arc::new(Self { left: AtomicU32::new(left), before })
    }

    fn fault(&self, call: &Call) -> Option<Fault> {
        let is_head = call.service == Service::DynamoDb
            && matches!(call.operation, "PutItem" | "TransactWriteItems")
            && String::from_utf8_lossy(call.request.body()).contains("\"orders\"");
        let fails =
            is_head && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        fails.then_some(Fault::Connection)
    }
}

impl Faults for HeadFails {
    fn before(&self, call: &Call) -> Option<Fault> {
        self.before.then(|| self.fault(call)).flatten()
    }

    fn after(&self, call: &Call) -> Option<Fault> {
        (!self.before).then(|| self.fault(call)).flatten()
    }
}

#[tokio::test]
async fn an_order_whose_write_was_not_answered_is_answered_and_stored_once() {
    let world = world_of(Stack::builder().faults(HeadFails::times(1, false))).await;
    let (status, answer) = world.deliver(&shop_order()).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(world.stack.outbox().len(), 1);
    assert_eq!(world.order(&answer).await.history.0.len(), 1);
}

#[tokio::test]
async fn an_order_that_cannot_be_stored_is_not_accepted_and_the_next_delivery_is() {
    let world = world_of(Stack::builder().faults(HeadFails::times(3, true))).await;
    let (status, problem) = world.deliver(&shop_order()).await;
    assert_eq!((status, problem["type"].as_str()), (503, Some("urn:sklad:problem:try-again")));
    assert_eq!(world.count("orders"), 0, "the head makes the order");
    assert_eq!(world.deliver(&shop_order()).await.0, 201);
    assert_eq!((world.count("orders"), world.count("people")), (1, 1));
}
