//! A merchant with delivered (or refused) orders, and hands for the shop, the floor and the office.

use domain::account::Scope;
use domain::address::{Address, Person};
use domain::incoming::{IncomingLine, IncomingOrder};
use domain::order::receive::content_digest;
use domain::order::{
    AllocatedLine, AllocationRule, DeliveryState, FulfillmentOrder, FulfillmentOrderStatus, FulfilmentState,
    IntakeFacts, Order,
};
use domain::pick_task::Parcel;
use domain::returns::Return;
use domain::shipment::{Label, Leg, Shipment, ShipmentPlan};
use domain::stock::Term;
use domain::tracker::Tracker;
use domain::tracking_status::{TrackingEvent, TrackingStatus};
use domain::{
    Currency, Decision, LocationId, MerchantId, Message, MessageKind, Money, OrderId, ReturnId, ShipmentId, Sku,
};
use platform::items::{PersonRecord, order_key, return_key};
use platform::{Failure, Function, Operation, Stored, Versioned};
use returns::Returns;
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::LostAnswers;
use testkit::request::RequestBuilder;
use testkit::{Stack, read, request};

pub(crate) const EMAIL: &str = "Maria@Example.org";

pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) faults: Arc<LostAnswers>,
    pub(crate) merchant: MerchantId,
    pub(crate) sofia: LocationId,
    pub(crate) tea: Sku,
    pub(crate) mug: Sku,
    pub(crate) shop: String,
    pub(crate) floor: String,
    pub(crate) office: String,
}

pub(crate) fn actor() -> Value {
    json!({"person": "badge-17", "station": "DOCK-1"})
}

impl World {
    pub(crate) async fn new() -> Self {
        let faults = Arc::new(LostAnswers::default());
        let stack = Stack::builder().faults(faults.clone()).build();
        let merchant = stack.merchant("Чаена къща").await;
        let sofia = stack.location(&merchant, "SOF1").await;
        let (tea, mug) = (stack.item(&merchant, "TEA").await, stack.item(&merchant, "MUG").await);
        let shop = stack.api_key(&merchant, Scope::Merchant).await;
        let floor = stack.api_key(&merchant, Scope::Floor).await;
        let office = stack.api_key(&merchant, Scope::Operations).await;
        Self { stack, faults, merchant, sofia, tea, mug, shop, floor, office }
    }

    pub(crate) async fn create<T: Stored>(&self, value: T) {
        let key = value.key();
        let operation = Operation::of(&["test", &key.pk, &key.sk]);
        self.stack.deps.store.create(&operation, Decision::of(value)).await.unwrap();
    }

    /// An order of 2 TEA at 3.00 and 1 MUG at 10.00, whose one parcel is where `status` says.
    pub(crate) async fn order(&self, number: &str, status: TrackingStatus) -> OrderId {
        let currency = Currency::parse("EUR").unwrap();
        let line = |(sku, quantity, unit_price_minor): (&Sku, u32, i64)| IncomingLine {
            source_line_id: sku.to_string(),
            sku: Some(sku.clone()),
            title: sku.to_string(),
            quantity,
            unit_price_minor,
        };
        let address = Address {
            line1: "бул. Витоша 1".to_owned(),
            city: "София".to_owned(),
            country: "BG".to_owned(),
            ..Address::default()
        };
        let person =
            Person { name: "Мария".to_owned(), email: Some(EMAIL.to_owned()), address, ..Person::default() };
        let incoming = IncomingOrder {
            source_id: format!("source-{number}"),
            number: number.to_owned(),
            placed_at: self.stack.now(),
            currency,
            total: Money::new(1800, currency),
            cash_on_delivery: None,
            payment_settled: true,
            lines: [(&self.tea, 2, 300), (&self.mug, 1, 1000)].map(line).to_vec(),
            ship_to: Some(person.clone()),
            delivery_method: None,
            note: None,
            priority: 0,
        };
        let content = content_digest(number, "{}");
        let facts = IntakeFacts {
            merchant: self.merchant.clone(),
            channel: None,
            rule: AllocationRule::Split,
            known_skus: [self.tea.clone(), self.mug.clone()].into_iter().collect(),
            content: content.clone(),
            now: self.stack.now(),
            hold_unpaid_stock_minutes: 0,
            min_remaining_shelf_life_days: 0,
        };
        let mut order = Order::receive(&incoming, &facts).unwrap().next;
        order.fulfilment = FulfilmentState::Fulfilled;
        order.delivery = status.delivery();
        let handed_over = order.delivery != DeliveryState::None;
        order.fulfillment_orders = vec![FulfillmentOrder {
            number: 1,
            location: self.sofia.clone(),
            status: if handed_over { FulfillmentOrderStatus::Closed } else { FulfillmentOrderStatus::InProgress },
            delivery: order.delivery,
            comes_back: false,
            lines: vec![AllocatedLine { line: 1, quantity: 2 }, AllocatedLine { line: 2, quantity: 1 }],
            goods: vec![],
            take: String::new(),
        }];
        let id = order.id.clone();
        self.create(order).await;
        let raw = PersonRecord::deflate(b"{}");
        self.create(PersonRecord { order: id.clone(), content, person: Some(person), note: None, raw }).await;
        self.parcel(&ShipmentId::of(&id, 1), &id, Leg::Outbound, &format!("OUT-{number}"), status).await;
        id
    }

    /// A booked shipment, and its tracker at `status`.
    pub(crate) async fn parcel(
        &self,
        id: &ShipmentId,
        order: &OrderId,
        leg: Leg,
        number: &str,
        status: TrackingStatus,
    ) {
        let account = Stack::carrier_account_id(&self.merchant);
        let plan = ShipmentPlan {
            id: id.clone(),
            order: order.clone(),
            leg,
            location: self.sofia.clone(),
            carrier_account: Some(account.clone()),
            service: "standard".to_owned(),
            parcel: Parcel { weight_grams: 500, length_mm: 200, width_mm: 150, height_mm: 100 },
            contents: vec![],
            cash_on_delivery_minor: None,
        };
        let label = Label {
            carrier_shipment_id: number.to_owned(),
            tracking_number: number.to_owned(),
            tracking_url: None,
            cost: Money::new(400, Currency::parse("EUR").unwrap()),
            pdf_key: "p".to_owned(),
            zpl_key: "z".to_owned(),
        };
        let intended = Shipment::intend(plan, "claim".to_owned(), self.stack.now()).next;
        self.create(intended.label_bought(label, self.stack.now()).next).await;
        let tracker = Tracker::new(account, number, self.stack.now()).link(id, self.stack.now()).next;
        let event = TrackingEvent {
            tracking_number: number.to_owned(),
            event_id: "1".to_owned(),
            status,
            carrier_code: "X".to_owned(),
            occurred_at: self.stack.now(),
            reference: None,
        };
        self.create(tracker.event(&event, self.stack.now()).next).await;
    }

    pub(crate) async fn delivered(&self, number: &str) -> OrderId {
        self.order(number, TrackingStatus::Delivered).await
    }

    pub(crate) async fn call(&self, asked: RequestBuilder) -> (u16, Value) {
        read(Returns.http(&self.stack.deps, asked.build()).await)
    }

    pub(crate) fn ask(&self, order_number: &str, lines: Value) -> Value {
        json!({"order_number": order_number, "email": "maria@example.org", "lines": lines})
    }

    pub(crate) fn requesting(&self, body: &Value) -> RequestBuilder {
        request("POST /v1/returns").key(&self.shop).json(body)
    }

    /// A return that must be opened: its id.
    pub(crate) async fn opened(&self, body: &Value) -> ReturnId {
        let (status, answer) = self.call(self.requesting(body)).await;
        assert_eq!(status, 201, "{answer}");
        ReturnId::parse(answer["id"].as_str().unwrap()).unwrap()
    }

    pub(crate) fn step(&self, id: &impl ToString, step: &str, body: &Value) -> RequestBuilder {
        request(&format!("POST /v1/returns/{{return}}/{step}")).path("return", id.to_string()).json(body)
    }

    pub(crate) async fn received(&self, id: &ReturnId, lines: Value) {
        let body = json!({"location": "SOF1", "lines": lines, "actor": actor()});
        let (status, answer) = self.call(self.step(id, "receive", &body).key(&self.floor)).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) async fn deliver(&self, kind: MessageKind) -> Result<(), Failure> {
        let message = Message { version: 1, ..kind.for_merchant(&self.merchant, "test") };
        Returns.message(&self.stack.deps, message).await
    }

    pub(crate) async fn stored(&self, id: &ReturnId) -> Versioned<Return> {
        self.stack.deps.store.load(&return_key(id)).await.unwrap().unwrap()
    }

    pub(crate) async fn order_head(&self, id: &OrderId) -> Order {
        self.stack.deps.store.load::<Order>(&order_key(id)).await.unwrap().unwrap().body
    }

    pub(crate) async fn units(&self, sku: &Sku, term: Term) -> i64 {
        let level = self.stack.level(&self.merchant, sku, &self.sofia).await;
        assert!(level.is_sound(), "{level:?}");
        level.get(term)
    }
}
