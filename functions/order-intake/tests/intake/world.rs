//! A merchant with a Shopify shop, and ways to send its orders.

use domain::account::Scope;
use domain::order::Order;
use domain::{ChannelId, MerchantId, OrderId};
use order_intake::OrderIntake;
use partners::shops::shopify;
use partners::signature::hmac_base64;
use platform::Function;
use platform::items::{PersonRecord, order_key, person_key};
use serde_json::{Value, json};
use testkit::request::RequestBuilder;
use testkit::stack::{StackBuilder, WEBHOOK_SECRET};
use testkit::{Stack, read, request};

pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) merchant: MerchantId,
    pub(crate) channel: ChannelId,
    pub(crate) key: String,
}

pub(crate) async fn world() -> World {
    world_of(Stack::builder()).await
}

pub(crate) async fn world_of(builder: StackBuilder) -> World {
    let stack = builder.build();
    let merchant = stack.merchant("acme").await;
    for sku in ["TEA-GREEN-100", "MUG-01"] {
        stack.item(&merchant, sku).await;
    }
    let channel = stack.channel(&merchant, "https://shop.example").await;
    let key = stack.api_key(&merchant, Scope::Merchant).await;
    World { stack, merchant, channel, key }
}

/// The shop's order of the fixture, without its line that has no SKU: tea, and the same mug on two lines, cash on delivery.
pub(crate) fn shop_order() -> Value {
    let text = include_str!("../../../../shared/partners/src/shops/shopify/orders_create.json");
    let mut order: Value = serde_json::from_str(text).unwrap();
    order["line_items"].as_array_mut().unwrap().retain(|line| line["sku"] != "");
    order
}

/// The same with another value at `pointer`.
pub(crate) fn shop_order_with(pointer: &str, value: Value) -> Value {
    let mut order = shop_order();
    *order.pointer_mut(pointer).unwrap() = value;
    order
}

/// An order document of our own.
pub(crate) fn own_order() -> Value {
    json!({
        "source_id": "W-77", "placed_at": "2026-11-01T09:30:00+02:00", "currency": "EUR",
        "total": {"amount_minor": 4250, "currency": "EUR"}, "payment_settled": true,
        "lines": [
            {"sku": "TEA-GREEN-100", "quantity": 2, "unit_price_minor": 1500},
            {"sku": "MUG-01", "quantity": 1, "unit_price_minor": 1250}
        ],
        "ship_to": {
            "name": "Иван Петров", "email": "ivan@example.com", "phone": "+359888123456",
            "address": {"line1": "бул. Витоша 15", "city": "София", "postal_code": "1000", "country": "BG"}
        }
    })
}

/// The same with another value at `pointer`, which may be a new field.
pub(crate) fn own_order_with(pointer: &str, value: Value) -> Value {
    let mut order = own_order();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match order.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        parent => parent[name] = value,
    }
    order
}

impl World {
    /// A delivery as Shopify sends it, signed with the channel's secret.
    pub(crate) fn delivery(&self, body: &[u8]) -> RequestBuilder {
        request("POST /webhooks/shops/{channel}")
            .path("channel", &self.channel)
            .header(shopify::TOPIC, "orders/create")
            .header(shopify::SHOP_DOMAIN, "test-shop.myshopify.com")
            .header(shopify::WEBHOOK_ID, "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043")
            .header(shopify::HMAC, hmac_base64(WEBHOOK_SECRET.as_bytes(), &[body]))
            .body(body)
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> (u16, Value) {
        read(OrderIntake.http(&self.stack.deps, request.build()).await)
    }

    /// The shop's order, delivered.
    pub(crate) async fn deliver(&self, order: &Value) -> (u16, Value) {
        self.send(self.delivery(order.to_string().as_bytes())).await
    }

    /// An order document, posted with the merchant's key.
    pub(crate) async fn post(&self, order: &Value) -> (u16, Value) {
        self.send(self.request(order)).await
    }

    pub(crate) fn request(&self, order: &Value) -> RequestBuilder {
        request("POST /v1/orders").key(&self.key).json(order)
    }

    /// The order that an answer names, as stored.
    pub(crate) async fn order(&self, answer: &Value) -> Order {
        let id = OrderId::parse(answer["id"].as_str().unwrap()).unwrap();
        self.find(&id).await.expect("an order")
    }

    pub(crate) async fn find(&self, id: &OrderId) -> Option<Order> {
        self.stack.deps.store.load::<Order>(&order_key(id)).await.unwrap().map(|stored| stored.body)
    }

    pub(crate) async fn person(&self, order: &Order) -> Option<PersonRecord> {
        let key = person_key(&order.id, &order.content);
        self.stack.deps.store.load::<PersonRecord>(&key).await.unwrap().map(|stored| stored.body)
    }

    /// Every item of a table, as the wire has it.
    pub(crate) fn scan(&self, table: &str) -> Value {
        let body = json!({ "TableName": table, "ConsistentRead": true }).to_string();
        let answer = self.stack.engine.dynamodb().call("Scan", body.as_bytes());
        let found: Value = serde_json::from_slice(answer.body()).unwrap();
        assert!(found.get("LastEvaluatedKey").is_none(), "the table has more than one page");
        found
    }

    /// How many items a table has.
    pub(crate) fn count(&self, table: &str) -> u64 {
        self.scan(table)["Count"].as_u64().unwrap()
    }

    /// That a request was refused so, and left nothing behind.
    pub(crate) fn refused(&self, answer: (u16, Value), status: u16, code: &str, pointer: Option<&str>) {
        assert_eq!(answer.0, status, "{}", answer.1);
        assert_eq!(answer.1["type"], format!("urn:sklad:problem:{code}"), "{}", answer.1);
        assert_eq!(answer.1["pointer"].as_str(), pointer, "{}", answer.1);
        assert_eq!((self.count("orders"), self.count("people")), (0, 0), "something was stored");
    }
}
