//! Orders as a Shopify shop sends them, signed: for the demo, the benchmark and tests.

use domain::address::Person;
use jiff::Timestamp;
use partners::http::{Method, Request};
use partners::shops::shopify;
use partners::signature::hmac_base64;
use serde_json::{Value, json};

/// How an order is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payment {
    /// Paid by card.
    Card,
    /// The courier collects.
    CashOnDelivery,
    /// Awaited from the bank: the order must be held.
    BankTransfer,
}

/// The shop that an order comes from.
#[derive(Clone, PartialEq, Eq)]
pub struct Shop {
    /// Its `….myshopify.com`.
    pub domain: String,
    /// What it signs webhooks with.
    pub secret: String,
}

impl std::fmt::Debug for Shop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shop").field("domain", &self.domain).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
struct Line {
    sku: String,
    title: String,
    quantity: u32,
    price_minor: i64,
    discount_minor: i64,
}

/// An order being put together, in EUR.
#[derive(Debug, Clone)]
pub struct ShopOrder {
    id: u64,
    number: u32,
    placed_at: Timestamp,
    shopper: Person,
    lines: Vec<Line>,
    shipping_minor: i64,
    payment: Payment,
    note: Option<String>,
}

impl ShopOrder {
    /// An order without lines, paid by card, with delivery for 5.90 EUR. `id` is Shopify's, `number` the one people use.
    #[must_use]
    pub fn new(id: u64, number: u32, placed_at: Timestamp, shopper: Person) -> Self {
        Self {
            id,
            number,
            placed_at,
            shopper,
            lines: Vec::new(),
            shipping_minor: 590,
            payment: Payment::Card,
            note: None,
        }
    }

    /// With one more line; `price_minor` is of one unit, in cents. An empty `sku` is a line without one.
    #[must_use]
    pub fn line(mut self, sku: &str, title: &str, quantity: u32, price_minor: i64) -> Self {
        self.lines.push(Line { sku: sku.into(), title: title.into(), quantity, price_minor, discount_minor: 0 });
        self
    }

    /// With a discount in cents on the whole of the last line.
    #[must_use]
    pub fn discount(mut self, minor: i64) -> Self {
        if let Some(line) = self.lines.last_mut() {
            line.discount_minor += minor;
        }
        self
    }

    /// Paid in another way.
    #[must_use]
    pub fn payment(mut self, payment: Payment) -> Self {
        self.payment = payment;
        self
    }

    /// With a note of the shopper's.
    #[must_use]
    pub fn note(mut self, note: &str) -> Self {
        self.note = Some(note.to_owned());
        self
    }

    /// What the shopper pays in all, in cents.
    #[must_use]
    pub fn total_minor(&self) -> i64 {
        self.goods_minor() + self.shipping_minor
    }

    fn goods_minor(&self) -> i64 {
        self.lines.iter().map(|line| line.price_minor * i64::from(line.quantity) - line.discount_minor).sum()
    }

    /// The order as `orders/create` carries it.
    #[must_use]
    pub fn body(&self) -> Value {
        let (financial_status, gateway, outstanding) = match self.payment {
            Payment::Card => ("paid", "shopify_payments", 0),
            Payment::CashOnDelivery => ("pending", "Cash on Delivery (COD)", self.total_minor()),
            Payment::BankTransfer => ("pending", "Bank Deposit", self.total_minor()),
        };
        let person = &self.shopper;
        let address = &person.address;
        let (first, last) = person.name.split_once(' ').unwrap_or((&person.name, ""));
        let discounts: i64 = self.lines.iter().map(|line| line.discount_minor).sum();
        let lines: Vec<Value> = (1..).zip(&self.lines).map(|(n, line)| self.line_item(n, line)).collect();
        json!({
            "id": self.id,
            "admin_graphql_api_id": format!("gid://shopify/Order/{}", self.id),
            "cancelled_at": null,
            "confirmed": true,
            "contact_email": person.email,
            "created_at": self.placed_at.to_string(),
            "currency": "EUR",
            "customer": { "id": self.id / 7, "email": person.email, "first_name": first, "last_name": last, "phone": null },
            "discount_codes": if discounts > 0 { json!([{ "code": "ПРОЛЕТ", "amount": decimal(discounts), "type": "fixed_amount" }]) } else { json!([]) },
            "email": person.email,
            "financial_status": financial_status,
            "fulfillment_status": null,
            "line_items": lines,
            "name": format!("#{}", self.number),
            "note": self.note,
            "number": self.number,
            "order_number": self.number,
            "payment_gateway_names": [gateway],
            "phone": null,
            "presentment_currency": "EUR",
            "processed_at": self.placed_at.to_string(),
            "shipping_address": {
                "name": person.name, "first_name": first, "last_name": last, "company": person.company, "phone": person.phone,
                "address1": address.line1, "address2": address.line2, "city": address.city, "province": address.region,
                "zip": address.postal_code, "country_code": address.country,
            },
            "shipping_lines": [{
                "id": self.id / 3, "code": "До адрес", "title": "Куриер до адрес", "price": decimal(self.shipping_minor),
                "discounted_price": decimal(self.shipping_minor), "is_removed": false, "source": "shopify",
            }],
            "source_name": "web",
            "subtotal_price": decimal(self.goods_minor()),
            "taxes_included": true,
            "test": false,
            "total_discounts": decimal(discounts),
            "total_outstanding": decimal(outstanding),
            "total_price": decimal(self.total_minor()),
            "total_price_set": money_set(self.total_minor()),
            "updated_at": self.placed_at.to_string(),
        })
    }

    fn line_item(&self, n: u64, line: &Line) -> Value {
        let id = self.id * 100 + n;
        let discounts = if line.discount_minor > 0 {
            json!([{ "amount": decimal(line.discount_minor), "amount_set": money_set(line.discount_minor), "discount_application_index": 0 }])
        } else {
            json!([])
        };
        json!({
            "id": id,
            "admin_graphql_api_id": format!("gid://shopify/LineItem/{id}"),
            "current_quantity": line.quantity,
            "discount_allocations": discounts,
            "fulfillable_quantity": line.quantity,
            "fulfillment_service": "manual",
            "fulfillment_status": null,
            "gift_card": false,
            "grams": 250,
            "name": line.title,
            "price": decimal(line.price_minor),
            "price_set": money_set(line.price_minor),
            "product_exists": true,
            "quantity": line.quantity,
            "requires_shipping": true,
            "sku": line.sku,
            "title": line.title,
            "total_discount": "0.00",
        })
    }
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn money_set(minor: i64) -> Value {
    let money = json!({ "amount": decimal(minor), "currency_code": "EUR" });
    json!({ "shop_money": money, "presentment_money": money })
}

/// The signed `orders/create` webhook of an order, to be posted to `url`. Sent twice, both have the same webhook id.
#[must_use]
pub fn shopify_order(order: &ShopOrder, shop: &Shop, url: &str, sent_at: Timestamp) -> Request {
    signed_webhook(order.body().to_string().into_bytes(), &order.id.to_string(), shop, url, sent_at)
}

/// Any bytes as a signed `orders/create` webhook; `key` stands for the event in the webhook's id.
#[must_use]
pub fn signed_webhook(body: Vec<u8>, key: &str, shop: &Shop, url: &str, sent_at: Timestamp) -> Request {
    let id = |what: &str| {
        let hex = domain::ids::digest(&[what, &shop.domain, key], 32);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    };
    let signature = hmac_base64(shop.secret.as_bytes(), &[&body]);
    let request = Request::new(Method::Post, url.to_owned())
        .with_header("content-type", "application/json")
        .with_header(shopify::HMAC, signature)
        .with_header(shopify::TOPIC, "orders/create")
        .with_header(shopify::SHOP_DOMAIN, &shop.domain)
        .with_header(shopify::WEBHOOK_ID, id("webhook"))
        .with_header(shopify::EVENT_ID, id("event"))
        .with_header(shopify::API_VERSION_HEADER, shopify::API_VERSION)
        .with_header(shopify::TRIGGERED_AT, sent_at.to_string());
    Request { body, ..request }
}
