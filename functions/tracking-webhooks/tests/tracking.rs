//! Carriers' webhooks and what follows from them, over the real SDK and the in-process engine.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use domain::aggregate::Actor;
use domain::order::{DeliveryState, FulfilmentState, MoneyState, Order};
use domain::returns::Return;
use domain::shipment::{Label, Leg, Shipment, ShipmentPlan, ShippedLine};
use domain::tracker::Tracker;
use domain::tracking_status::TrackingStatus;
use domain::{CarrierAccountId, Currency, Decision, MerchantId, Message, MessageKind, Money, ReturnId, ShipmentId};
use partners::carriers::sandbox;
use platform::items::{order_key, shipment_key, tracker_key};
use platform::{Failure, Function, Operation, Request, Versioned};
use serde_json::{Value, json};
use testkit::parcel::PackedParcel;
use testkit::stack::WEBHOOK_SECRET;
use testkit::{Stack, read, request};
use tracking_webhooks::TrackingWebhooks;

const ROUTE: &str = "POST /webhooks/carriers/{carrier_account}";

struct World {
    stack: Stack,
    merchant: MerchantId,
    account: CarrierAccountId,
    parcel: PackedParcel,
}

async fn world(cash: Option<i64>) -> World {
    let stack = Stack::new();
    let merchant = stack.merchant("acme").await;
    let account = stack.carrier_account(&merchant, "http://carrier.test").await;
    let parcel = stack.packed_parcel_with(&merchant, "1001", cash).await;
    World { stack, merchant, account, parcel }
}

fn event(id: &str, code: &str, occurred_at: &str) -> Value {
    json!({"id": id, "code": code, "occurred_at": occurred_at})
}

fn update(tracking_number: &str, events: &[Value]) -> Value {
    json!({"type": "tracking.updated", "data": {"tracking_number": tracking_number, "events": events}})
}

impl World {
    fn signed(&self, body: &Value) -> Request {
        let bytes = body.to_string().into_bytes();
        let headers = sandbox::sign(&[WEBHOOK_SECRET.to_owned()], self.stack.now(), &bytes);
        let built = request(ROUTE).path("carrier_account", &self.account).body(bytes);
        headers.into_iter().fold(built, |built, (name, value)| built.header(&name, value)).build()
    }

    async fn post(&self, request: Request) -> (u16, Value) {
        read(TrackingWebhooks.http(&self.stack.deps, request).await)
    }

    /// Runs every message for this function: those in its queue, and those that commits stored, until none is left.
    /// Gives the kinds of those for others.
    async fn settle(&self) -> Vec<String> {
        let mut others = Vec::new();
        loop {
            let mut messages: Vec<Message> = self
                .stack
                .drain("tracking")
                .into_iter()
                .map(|(body, _)| serde_json::from_value(body).unwrap())
                .collect();
            messages.extend(self.stack.outbox());
            if messages.is_empty() {
                return others;
            }
            for message in messages {
                if message.kind.queue() == domain::Queue::Tracking {
                    TrackingWebhooks.message(&self.stack.deps, message).await.unwrap();
                } else {
                    others.push(serde_json::to_value(&message).unwrap()["kind"].as_str().unwrap().to_owned());
                }
            }
        }
    }

    async fn carrier_says(&self, tracking_number: &str, events: &[Value]) -> Vec<String> {
        let (status, body) = self.post(self.signed(&update(tracking_number, events))).await;
        assert_eq!((status, body["events"].as_u64()), (202, Some(events.len() as u64)));
        self.settle().await
    }

    fn plan(&self, id: ShipmentId, leg: Leg) -> ShipmentPlan {
        ShipmentPlan {
            id,
            order: self.parcel.order.clone(),
            leg,
            location: self.parcel.location.clone(),
            carrier_account: Some(self.account.clone()),
            service: "standard".into(),
            parcel: domain::pick_task::Parcel { weight_grams: 500, length_mm: 300, width_mm: 200, height_mm: 100 },
            contents: vec![ShippedLine { line: 1, sku: self.parcel.sku.clone(), lot: None, quantity: 2 }],
            cash_on_delivery_minor: None,
        }
    }

    async fn labelled(&self, id: ShipmentId, leg: Leg, tracking_number: &str) {
        let now = self.stack.now();
        let label = Label {
            carrier_shipment_id: format!("c-{tracking_number}"),
            tracking_number: tracking_number.into(),
            tracking_url: None,
            cost: Money::new(450, Currency::parse("EUR").unwrap()),
            pdf_key: "label.pdf".into(),
            zpl_key: "label.zpl".into(),
        };
        let shipment =
            Shipment::intend(self.plan(id.clone(), leg), "claim".into(), now).next.label_bought(label, now).next;
        let operation = Operation::of(&["test", id.as_str()]);
        self.stack.deps.store.create(&operation, Decision::of(shipment)).await.unwrap();
        let link = Operation::of(&["test", "link", id.as_str()]);
        let key = tracker_key(&self.account, tracking_number);
        let new = Tracker::new(self.account.clone(), tracking_number, now);
        let linked = self.stack.deps.store.change(&key, &link, async |loaded: Option<&Versioned<Tracker>>| {
            let tracker = loaded.map_or_else(|| new.clone(), |stored| stored.body.clone());
            Ok::<_, Failure>(tracker.link(&id, now))
        });
        linked.await.unwrap();
    }

    async fn labelled_parcel(&self, tracking_number: &str) {
        self.labelled(self.parcel.task.shipment(), Leg::Outbound, tracking_number).await;
    }

    async fn hand_over(&self) -> Vec<String> {
        let actor = Actor { person: "badge-9".into(), station: "DOCK".into() };
        let key = shipment_key(&self.parcel.task.shipment());
        let operation = Operation::of(&["test", "close-out"]);
        let changed = self.stack.deps.store.change(&key, &operation, async |loaded: Option<&Versioned<Shipment>>| {
            Ok::<_, Failure>(loaded.unwrap().body.hand_over(&actor, self.stack.now())?)
        });
        changed.await.unwrap();
        self.settle().await
    }

    async fn order(&self) -> Order {
        self.stack.deps.store.load(&order_key(&self.parcel.order)).await.unwrap().expect("an order").body
    }

    async fn tracker(&self, number: &str) -> Option<Versioned<Tracker>> {
        self.stack.deps.store.load(&tracker_key(&self.account, number)).await.unwrap()
    }
}

#[tokio::test]
async fn a_parcel_is_followed_from_hand_over_to_the_door_in_whatever_order_the_carrier_tells_it() {
    let world = world(Some(2000)).await;
    world.labelled_parcel("T1").await;
    assert_eq!(world.hand_over().await, ["report_fulfilment"]);
    let order = world.order().await;
    assert_eq!((order.fulfilment, order.delivery), (FulfilmentState::Fulfilled, DeliveryState::InTransit));
    let way = [
        event("e3", "delivered", "2026-11-02T12:00:00Z"),
        event("e1", "in_transit", "2026-11-02T09:00:00Z"),
        event("e2", "out_for_delivery", "2026-11-02T10:00:00Z"),
        event("e3", "delivered", "2026-11-02T12:00:00Z"),
    ];
    world.carrier_says("T1", &way).await;
    world.carrier_says("T1", &way[1..]).await;
    let order = world.order().await;
    assert_eq!((order.delivery, order.money), (DeliveryState::Delivered, MoneyState::Collected));
    let told = order.history.0.iter().filter(|entry| entry.event == "delivered").count();
    assert_eq!(told, 1, "{:?}", order.history);
    assert_eq!(world.tracker("T1").await.unwrap().body.events.len(), 3);
}

#[tokio::test]
async fn a_repeated_webhook_writes_nothing() {
    let world = world(None).await;
    world.labelled_parcel("T1").await;
    world.settle().await;
    let events = [event("e1", "in_transit", "2026-11-02T09:00:00Z")];
    world.carrier_says("T1", &events).await;
    let (tracker, order) = (world.tracker("T1").await.unwrap(), world.order().await);
    for _ in 0..3 {
        world.carrier_says("T1", &events).await;
    }
    assert_eq!((world.tracker("T1").await.unwrap(), world.order().await), (tracker, order));
}

#[tokio::test]
async fn a_refused_parcel_opens_a_return_and_nothing_is_collected() {
    let world = world(Some(2000)).await;
    world.labelled_parcel("T1").await;
    world.hand_over().await;
    let others = world.carrier_says("T1", &[event("e1", "refused", "2026-11-02T09:00:00Z")]).await;
    assert_eq!(others, ["parcel_refused"]);
    let others = world.carrier_says("T1", &[event("e2", "return_to_sender", "2026-11-02T10:00:00Z")]).await;
    assert!(others.is_empty(), "it turned round once: {others:?}");
    let order = world.order().await;
    assert_eq!((order.delivery, order.money), (DeliveryState::Refused, MoneyState::NotDue));
}

#[tokio::test]
async fn a_return_that_is_delivered_never_marks_the_order_delivered() {
    let world = world(None).await;
    let return_id = ReturnId::of(&world.parcel.order, 1);
    world.labelled(return_id.shipment(), Leg::Return(return_id), "T2").await;
    world.settle().await;
    let before = world.order().await;
    let others = world.carrier_says("T2", &[event("e1", "delivered", "2026-11-02T09:00:00Z")]).await;
    assert_eq!(others, ["return_parcel_moved"]);
    assert_eq!(world.order().await, before);
    // Nor would a message that claims so.
    let changed = MessageKind::TrackerChanged {
        carrier_account: world.account.clone(),
        tracking_number: "T2".into(),
        shipment: world.parcel.task.shipment(),
    };
    let message = changed.for_merchant(&world.merchant, "test");
    TrackingWebhooks.message(&world.stack.deps, message).await.unwrap();
    assert_eq!(world.order().await, before);
}

#[tokio::test]
async fn tracking_of_an_unknown_parcel_is_kept_and_matched_when_it_is_booked() {
    let world = world(None).await;
    world.carrier_says("T9", &[event("e1", "in_transit", "2026-11-02T09:00:00Z")]).await;
    let kept = world.tracker("T9").await.unwrap().body;
    assert_eq!((kept.shipment, kept.status), (None, TrackingStatus::InTransit));
    world.labelled_parcel("T9").await;
    world.settle().await;
    assert_eq!(world.order().await.delivery, DeliveryState::InTransit);
}

#[tokio::test]
async fn a_status_that_nobody_knows_moves_nothing() {
    let world = world(None).await;
    world.labelled_parcel("T1").await;
    world.settle().await;
    let before = world.order().await;
    world.carrier_says("T1", &[event("e1", "teleported", "2026-11-02T09:00:00Z")]).await;
    assert_eq!(world.order().await, before);
    assert_eq!(world.tracker("T1").await.unwrap().body.events[0].code, "teleported", "kept as evidence");
}

#[tokio::test]
async fn a_cancellation_that_came_too_late_ends_in_the_orders_history() {
    let world = world(None).await;
    world.labelled_parcel("T1").await;
    let key = order_key(&world.parcel.order);
    let operation = Operation::of(&["test", "cancel"]);
    let changed = world.stack.deps.store.change(&key, &operation, async |loaded: Option<&Versioned<Order>>| {
        let mut next = loaded.unwrap().body.clone();
        next.cancel_requested = true;
        Ok::<_, Failure>(Decision::of(next))
    });
    changed.await.unwrap();
    world.hand_over().await;
    let order = world.order().await;
    assert!(!order.cancel_requested);
    assert_eq!(order.fulfilment, FulfilmentState::Fulfilled);
    assert!(order.history.0.iter().any(|entry| entry.event == "cancel_too_late"));
    assert!(order.is_settled());
}

#[tokio::test]
async fn a_return_with_a_refund_shows_in_the_orders_money_once() {
    let world = world(None).await;
    let now = world.stack.now();
    let id = ReturnId::of(&world.parcel.order, 1);
    let closed: Return = serde_json::from_value(json!({
        "id": id, "order": world.parcel.order, "number": "#1001-R1", "kind": "withdrawal", "state": "closed", "lines": [],
        "location": world.parcel.location, "created_at": now,
        "refund": {"amount_minor": 1000, "currency": "EUR", "lines": [], "instructed_at": now},
    }))
    .unwrap();
    let changed = MessageKind::ReturnChanged { return_id: id }.for_merchant(&world.merchant, &world.parcel.order);
    let early = TrackingWebhooks.message(&world.stack.deps, changed.clone()).await;
    assert!(matches!(early, Err(Failure::Unavailable { .. })), "not yet visible");
    world.stack.deps.store.create(&Operation::of(&["test", "return"]), Decision::of(closed)).await.unwrap();
    for _ in 0..3 {
        TrackingWebhooks.message(&world.stack.deps, changed.clone()).await.unwrap();
    }
    let order = world.order().await;
    assert_eq!(order.money, MoneyState::Refunded);
    assert_eq!(order.history.0.iter().filter(|entry| entry.event == "refund_instructed").count(), 1);
}

#[tokio::test]
async fn another_merchants_account_cannot_move_a_parcel() {
    let world = world(None).await;
    world.labelled_parcel("T1").await;
    world.settle().await;
    let stranger = world.stack.merchant("stranger").await;
    let account = world.stack.carrier_account(&stranger, "http://carrier.test").await;
    let body = update("T1", &[event("e1", "delivered", "2026-11-02T09:00:00Z")]).to_string().into_bytes();
    let headers = sandbox::sign(&[WEBHOOK_SECRET.to_owned()], world.stack.now(), &body);
    let built = request(ROUTE).path("carrier_account", &account).body(body);
    let built = headers.into_iter().fold(built, |built, (name, value)| built.header(&name, value)).build();
    assert_eq!(world.post(built).await.0, 202);
    world.settle().await;
    assert_eq!(world.tracker("T1").await.unwrap().body.status, TrackingStatus::Unknown);
    assert_eq!(world.order().await.delivery, DeliveryState::None);
}

#[tokio::test]
async fn a_webhook_is_refused_before_anything_of_it_is_read() {
    let world = world(None).await;
    let good = update("T1", &[event("e1", "delivered", "2026-11-02T09:00:00Z")]);
    let check = async |request: Request, expect: (u16, &str)| {
        let (status, body) = world.post(request).await;
        assert_eq!((status, body["type"].as_str().unwrap_or_default()), expect, "{body}");
        assert!(world.stack.drain("tracking").is_empty());
    };
    let mut unsigned = world.signed(&good);
    unsigned.headers.clear();
    check(unsigned, (401, "urn:sklad:problem:invalid-signature")).await;
    let mut altered = world.signed(&good);
    altered.body.push(b' ');
    check(altered, (401, "urn:sklad:problem:invalid-signature")).await;
    let old = world.signed(&good);
    world.stack.clock.advance(std::time::Duration::from_secs(3600));
    check(old, (401, "urn:sklad:problem:invalid-signature")).await;
    let mut unknown = world.signed(&good);
    let nobodys = CarrierAccountId::derive(&world.merchant, &["nobody's"]);
    unknown.parameters.insert("carrier_account".into(), nobodys.to_string());
    check(unknown, (404, "urn:sklad:problem:not-found")).await;
    let mut nonsense = world.signed(&good);
    nonsense.parameters.insert("carrier_account".into(), "x y".into());
    check(nonsense, (404, "urn:sklad:problem:not-found")).await;
    let incomplete =
        world.signed(&json!({"type": "tracking.updated", "data": {"tracking_number": "T1", "events": [{}]}}));
    check(incomplete, (400, "urn:sklad:problem:invalid-field")).await;
}

#[tokio::test]
async fn a_webhook_about_something_else_is_taken_and_nothing_follows() {
    let world = world(None).await;
    let (status, body) = world.post(world.signed(&json!({"type": "invoice.created", "data": {}}))).await;
    assert_eq!((status, body["events"].as_u64()), (202, Some(0)));
    assert!(world.stack.drain("tracking").is_empty());
}

#[tokio::test]
async fn a_message_of_another_function_is_poison() {
    let world = world(None).await;
    let message = MessageKind::Book { task: world.parcel.task.clone() }.for_merchant(&world.merchant, "x");
    assert!(matches!(TrackingWebhooks.message(&world.stack.deps, message).await, Err(Failure::Malformed(_))));
}
