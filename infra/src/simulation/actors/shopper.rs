//! Shoppers: an order comes in by the shop's webhook or by our own API.

use domain::address::{Address, Person};
use fastrand::Rng;
use partners::http::Method;
use serde_json::{Value, json};

use super::{Merchant, Stage, editor, request};
use crate::sandbox::{Payment, ShopOrder, shopify_order};
use crate::simulation::door::Answer;
use crate::simulation::size::Size;

/// Places one order at some time; may change her mind, hold it, or be impersonated by another merchant's people.
pub(crate) async fn shopper(
    stage: Stage,
    mut rng: Rng,
    merchant: Merchant,
    stranger: Merchant,
    number: usize,
    size: Size,
) {
    stage.wait(rng.u64(0..=size.spread_s)).await;
    let lines = basket(&mut rng, &merchant);
    let order = match merchant.webhook_url.as_deref().filter(|_| rng.f64() < 0.7) {
        Some(url) => by_webhook(&stage, &mut rng, &merchant, url, number, &lines).await,
        None => by_api(&stage, &mut rng, &merchant, number, &lines).await,
    };
    let Some(order) = order else { return };
    {
        let mut progress = stage.progress.borrow_mut();
        progress.accepted.push(order.clone());
        progress.emails.insert(order.clone(), person(number).email.unwrap_or_default());
    }
    if size.only_orders {
        return;
    }
    let path = format!("/v1/orders/{order}");
    if stranger.id != merchant.id && rng.f64() < 0.2 {
        let seen = stage.get(&stranger.operations, &path).await;
        let touched =
            stage.post(&stranger.operations, &format!("{path}/cancel"), &format!("steal-{number}"), &json!({})).await;
        if seen.is_success() || touched.is_success() {
            stage.broken("no tenant sees another", format!("{} saw or touched {order}", stranger.id));
        }
        stage.core.mark("stranger turned away");
    }
    if rng.f64() < 0.1 {
        hold_and_release(&stage, &mut rng, &merchant, &path, number).await;
    }
    if merchant.features.edits && rng.f64() < 0.8 {
        editor::change_mind(&stage, &mut rng, &merchant, &order).await;
    }
    if rng.f64() < 0.2 {
        stage.wait(rng.u64(0..=900)).await;
        let body = json!({"reason": "customer"});
        let answer =
            stage.post(&merchant.operations, &format!("{path}/cancel"), &format!("cancel-{number}"), &body).await;
        stage.core.mark(if answer.is_success() { "order cancelled" } else { "cancellation too late" });
    }
}

async fn hold_and_release(stage: &Stage, rng: &mut Rng, merchant: &Merchant, path: &str, number: usize) {
    let body = json!({"reason": "merchant_request"});
    let key = format!("hold-{number}");
    if !stage.post(&merchant.operations, &format!("{path}/holds"), &key, &body).await.is_success() {
        return;
    }
    stage.core.mark("order held");
    stage.wait(rng.u64(10..=600)).await;
    let release = request(Method::Delete, &merchant.operations, &format!("{path}/holds/merchant_request"));
    stage.door.insist(&release.with_header("idempotency-key", format!("release-{number}"))).await;
}

fn basket(rng: &mut Rng, merchant: &Merchant) -> Vec<(String, u32)> {
    let mut items: Vec<String> = merchant.items.iter().chain(&merchant.kits).cloned().collect();
    rng.shuffle(&mut items);
    items.truncate(rng.usize(1..=2));
    items.into_iter().map(|sku| (sku, rng.u32(1..=3))).collect()
}

/// The shopper of an order.
pub(crate) fn person(number: usize) -> Person {
    Person {
        name: format!("Shopper {number}"),
        company: None,
        email: Some(format!("shopper-{number}@example.org")),
        phone: Some("+359888123456".to_owned()),
        address: Address {
            line1: "ул. „Граф Игнатиев“ 12".to_owned(),
            line2: None,
            city: "София".to_owned(),
            region: None,
            postal_code: Some("1000".to_owned()),
            country: "BG".to_owned(),
        },
    }
}

async fn by_webhook(
    stage: &Stage,
    rng: &mut Rng,
    merchant: &Merchant,
    webhook_url: &str,
    number: usize,
    lines: &[(String, u32)],
) -> Option<String> {
    let id = 1_000_000 + u64::try_from(number).unwrap_or_default();
    let label = u32::try_from(1001 + number).unwrap_or_default();
    let mut order = ShopOrder::new(id, label, stage.core.clock.now(), person(number));
    for (sku, quantity) in lines {
        order = order.line(sku, sku, *quantity, 990);
    }
    if rng.f64() < 0.2 {
        order = order.payment(Payment::CashOnDelivery);
    }
    stage.partners.owner_of_shop(merchant, "/shop/admin/orders", &order.body());
    let request = shopify_order(&order, &merchant.shop, webhook_url, stage.core.clock.now());
    let answer = stage.door.insist(&request).await;
    if rng.f64() < 0.1 {
        let other = order.line("ITEM-1", "Another line", 1, 500);
        let request = shopify_order(&other, &merchant.shop, webhook_url, stage.core.clock.now());
        refused(stage, &stage.door.insist(&request).await, "another body under the same order number");
        let mut forger = merchant.shop.clone();
        forger.secret.push('x');
        let request = shopify_order(&other, &forger, webhook_url, stage.core.clock.now());
        refused(stage, &stage.door.insist(&request).await, "a forged webhook");
    }
    answer.is_success().then(|| answer.text("/id"))
}

fn refused(stage: &Stage, answer: &Answer, what: &str) {
    if answer.is_success() {
        stage.broken("same key, same result", format!("{what} was accepted: {}", answer.body));
    }
    stage.core.mark("wrong request refused");
}

async fn by_api(
    stage: &Stage,
    rng: &mut Rng,
    merchant: &Merchant,
    number: usize,
    lines: &[(String, u32)],
) -> Option<String> {
    let person = person(number);
    let address = &person.address;
    let total: u32 = lines.iter().map(|(_, quantity)| quantity * 990).sum();
    let items: Vec<Value> = lines
        .iter()
        .map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity, "unit_price_minor": 990}))
        .collect();
    let body = json!({
        "source_id": format!("api-{number}"), "placed_at": stage.core.clock.now(), "currency": "EUR",
        "total": {"amount_minor": total, "currency": "EUR"},
        "payment_settled": true, "lines": items,
        "ship_to": {
            "name": person.name, "email": person.email, "phone": person.phone,
            "address": {"line1": address.line1, "city": address.city, "postal_code": address.postal_code, "country": "BG"},
        },
    });
    let key = format!("order-{number}");
    let answer = stage.post(&merchant.operations, "/v1/orders", &key, &body).await;
    if rng.f64() < 0.2 {
        let mut other = body;
        other["source_id"] = json!(format!("other-{number}"));
        refused(
            stage,
            &stage.post(&merchant.operations, "/v1/orders", &key, &other).await,
            "another body under the same key",
        );
    }
    answer.is_success().then(|| answer.text("/id"))
}
