//! Shoppers: an order comes in by the shop's webhook or by our own API.

use domain::address::{Address, Person};
use fastrand::Rng;
use serde_json::{Value, json};

use super::{Merchant, Stage};
use crate::sandbox::{Payment, ShopOrder, shopify_order};

/// Places one order at some time within `spread_s` seconds.
pub(crate) async fn shopper(stage: Stage, mut rng: Rng, merchant: Merchant, number: usize, spread_s: u64) {
    stage.wait(rng.u64(0..=spread_s)).await;
    let lines = basket(&mut rng, &merchant);
    let order = if rng.f64() < 0.7 {
        by_webhook(&stage, &mut rng, &merchant, number, &lines).await
    } else {
        by_api(&stage, &merchant, number, &lines).await
    };
    if let Some(order) = order {
        stage.progress.borrow_mut().accepted.push(order);
    }
}

fn basket(rng: &mut Rng, merchant: &Merchant) -> Vec<(String, u32)> {
    let mut items = merchant.items.clone();
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
    let request = shopify_order(&order, &merchant.shop, &merchant.webhook_url, stage.core.clock.now());
    let answer = stage.door.insist(&request).await;
    answer.is_success().then(|| answer.text("/id"))
}

async fn by_api(stage: &Stage, merchant: &Merchant, number: usize, lines: &[(String, u32)]) -> Option<String> {
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
    let answer = stage.post(&merchant.operations, "/v1/orders", &format!("order-{number}"), &body).await;
    answer.is_success().then(|| answer.text("/id"))
}
