//! A shop hears of every parcel, once in effect.

use crate::shop::{Shop, URL};
use domain::address::{Address, Person};
use domain::incoming::{IncomingLine, IncomingOrder};
use domain::order::{AllocationRule, IntakeFacts, Order};
use domain::pick_task::Parcel;
use domain::shipment::{Label, Leg, Shipment, ShipmentPlan, ShipmentState, ShippedLine};
use domain::{
    ChannelId, Currency, Decision, MerchantId, Message, MessageKind, Money, OrderId, PickTaskId, ShipmentId, Sku,
};
use facts::Facts;
use platform::failure::QueueAnswer;
use platform::items::SealedChannel;
use platform::{Failure, Function, Operation, Stored, Versioned};
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::Stack;

struct World {
    stack: Stack,
    shop: Shop,
    merchant: MerchantId,
    channel: ChannelId,
    order: OrderId,
}

/// An order of two teas and a cup, which the shop calls lines 11 and 12.
async fn world() -> World {
    let shop = Shop::default();
    shop.state().lines = vec![("11".to_owned(), 2), ("12".to_owned(), 1)];
    let stack = Stack::builder().partner(URL, shop.handler()).faults(Arc::new(shop.clone())).build();
    let merchant = stack.merchant("acme").await;
    let channel = stack.channel(&merchant, URL).await;
    stack.carrier_account(&merchant, "https://carrier.example").await;
    let decision = order(&stack, &merchant, Some(&channel));
    let order = decision.next.id.clone();
    create(&stack, decision).await;
    World { stack, shop, merchant, channel, order }
}

async fn create<T: Stored>(stack: &Stack, decision: Decision<T>) {
    let key = decision.next.key();
    stack.deps.store.create(&Operation::of(&["test", &key.pk]), decision).await.unwrap();
}

fn order(stack: &Stack, merchant: &MerchantId, channel: Option<&ChannelId>) -> Decision<Order> {
    let currency = Currency::parse("EUR").unwrap();
    let address = Address { line1: "1".into(), city: "Sofia".into(), country: "BG".into(), ..Address::default() };
    let line = |id: &str, sku: &str, quantity| IncomingLine {
        source_line_id: id.into(),
        sku: Some(Sku::parse(sku).unwrap()),
        title: sku.into(),
        quantity,
        unit_price_minor: 500,
    };
    let incoming = IncomingOrder {
        source_id: "6200407294252".into(),
        number: "#1071".into(),
        placed_at: stack.now(),
        currency,
        total: Money::new(1500, currency),
        cash_on_delivery: None,
        payment_settled: true,
        lines: vec![line("11", "TEA", 2), line("12", "CUP", 1)],
        ship_to: Some(Person { name: "A".into(), address, ..Person::default() }),
        delivery_method: None,
        note: None,
        priority: 0,
    };
    let facts = IntakeFacts {
        merchant: merchant.clone(),
        channel: channel.cloned(),
        rule: AllocationRule::Split,
        known_skus: ["TEA", "CUP"].map(|sku| Sku::parse(sku).unwrap()).into(),
        content: "c".into(),
        now: stack.now(),
        hold_unpaid_stock_minutes: 0,
        min_remaining_shelf_life_days: 0,
    };
    Order::receive(&incoming, &facts).unwrap()
}

/// A parcel with these units of the order's lines, that the carrier has.
fn handed_over(
    merchant: &MerchantId,
    order: &OrderId,
    number: u32,
    contents: &[(u32, u32)],
    at: jiff::Timestamp,
) -> Shipment {
    let plan = ShipmentPlan {
        id: PickTaskId::of(order, number).shipment(),
        order: order.clone(),
        leg: Leg::Outbound,
        location: domain::LocationId::parse("SOF1").unwrap(),
        carrier_account: Some(Stack::carrier_account_id(merchant)),
        service: "standard".into(),
        parcel: Parcel { weight_grams: 500, length_mm: 200, width_mm: 100, height_mm: 50 },
        contents: contents
            .iter()
            .map(|(line, quantity)| ShippedLine {
                line: *line,
                sku: Sku::parse("TEA").unwrap(),
                lot: None,
                quantity: *quantity,
            })
            .collect(),
        cash_on_delivery_minor: None,
    };
    let mut shipment = Shipment::intend(plan, "claim".into(), at).next;
    shipment.state = ShipmentState::HandedOver;
    shipment.label = Some(Label {
        carrier_shipment_id: format!("c{number}"),
        tracking_number: format!("T{number}"),
        tracking_url: Some(format!("https://track.example/T{number}")),
        cost: Money::new(450, Currency::parse("EUR").unwrap()),
        pdf_key: "p".into(),
        zpl_key: "z".into(),
    });
    shipment
}

impl World {
    async fn parcel(&self, number: u32, contents: &[(u32, u32)]) -> ShipmentId {
        let shipment = handed_over(&self.merchant, &self.order, number, contents, self.stack.now());
        let id = shipment.id.clone();
        create(&self.stack, Decision::of(shipment)).await;
        id
    }

    fn message(&self, shipment: &ShipmentId, version: u64) -> Message {
        let kind = MessageKind::ReportFulfilment { shipment: shipment.clone() };
        Message { version, ..kind.for_merchant(&self.merchant, &self.order) }
    }

    async fn report(&self, shipment: &ShipmentId) -> Result<(), Failure> {
        Facts.message(&self.stack.deps, self.message(shipment, 1)).await
    }
}

#[tokio::test]
async fn a_parcel_that_is_told_twice_is_one_fulfilment() {
    let world = world().await;
    let parcel = world.parcel(1, &[(1, 2), (2, 1)]).await;
    for _ in 0..3 {
        world.report(&parcel).await.unwrap();
    }
    let fulfilments = world.shop.state().fulfilments.clone();
    assert_eq!(fulfilments.len(), 1);
    assert_eq!(fulfilments[0].lines, [("11".to_owned(), 2), ("12".to_owned(), 1)]);
    let tracking = json!({ "company": "Sandbox Carrier", "number": "T1", "url": "https://track.example/T1" });
    assert_eq!(fulfilments[0].tracking, tracking);
}

#[tokio::test]
async fn a_fulfilment_whose_answer_was_lost_is_not_created_again() {
    let world = world().await;
    let parcel = world.parcel(1, &[(1, 2), (2, 1)]).await;
    world.shop.state().lost = 1;
    let failure = world.report(&parcel).await.unwrap_err();
    assert!(matches!(failure.queue_answer(), QueueAnswer::Retry(_)), "{failure}");
    assert_eq!(world.shop.state().fulfilments.len(), 1);
    world.report(&parcel).await.unwrap();
    assert_eq!(world.shop.state().fulfilments.len(), 1);
}

#[tokio::test]
async fn each_parcel_of_an_order_is_a_fulfilment_with_its_own_number() {
    let world = world().await;
    let (first, second) = (world.parcel(1, &[(1, 1)]).await, world.parcel(2, &[(1, 1), (2, 1)]).await);
    for parcel in [&first, &second, &first, &second] {
        world.report(parcel).await.unwrap();
    }
    let told: Vec<_> =
        world.shop.state().fulfilments.iter().map(|own| (own.tracking["number"].clone(), own.lines.clone())).collect();
    let lines = |lines: &[(&str, u64)]| lines.iter().map(|(id, units)| ((*id).to_owned(), *units)).collect::<Vec<_>>();
    assert_eq!(told, [(json!("T1"), lines(&[("11", 1)])), (json!("T2"), lines(&[("11", 1), ("12", 1)]))]);
}

#[tokio::test]
async fn a_shipment_that_is_not_visible_yet_comes_again() {
    let world = world().await;
    let parcel = world.parcel(1, &[(1, 2)]).await;
    let failure = Facts.message(&world.stack.deps, world.message(&parcel, 2)).await.unwrap_err();
    assert!(matches!(failure, Failure::Unavailable { .. }));
    let unknown = PickTaskId::of(&world.order, 7).shipment();
    assert!(matches!(world.report(&unknown).await, Err(Failure::Unavailable { .. })));
    assert_eq!(world.shop.state().calls, 0);
}

#[tokio::test]
async fn a_shop_that_is_down_is_told_later() {
    let world = world().await;
    let parcel = world.parcel(1, &[(1, 2), (2, 1)]).await;
    for status in [500, 503, 429] {
        world.shop.state().status = Some(status);
        let failure = world.report(&parcel).await.unwrap_err();
        assert!(matches!(failure, Failure::Unavailable { .. }), "{status}: {failure}");
    }
    world.shop.state().status = None;
    world.report(&parcel).await.unwrap();
    assert_eq!(world.shop.state().fulfilments.len(), 1);
}

/// The event of one message from the queue.
fn event(world: &World, message: &Message) -> Value {
    let queues = world.stack.engine.queues();
    json!({ "Records": [{
        "messageId": "m1", "receiptHandle": "r1", "body": serde_json::to_string(message).unwrap(), "attributes": {},
        "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": queues.arn("fulfilments"),
    }]})
}

#[tokio::test]
async fn what_a_person_must_set_right_is_kept_with_its_reason() {
    let world = world().await;
    let parcel = world.parcel(1, &[(1, 2), (2, 1)]).await;
    world.shop.state().status = Some(401);
    let message = world.message(&parcel, 1);
    let answer = platform::function::handle(&Facts, &world.stack.deps, event(&world, &message)).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]));
    world.shop.state().status = None;
    world.shop.state().lines[0].1 = 1;
    let answer = platform::function::handle(&Facts, &world.stack.deps, event(&world, &message)).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]));
    let url = world.stack.deps.settings.dead_letters_url(domain::Queue::Fulfilments).unwrap();
    let letters = world.stack.deps.queues.dead_letters(url, 10, 30).await.unwrap();
    let reasons: Vec<String> = letters.into_iter().filter_map(|letter| letter.reason).collect();
    assert_eq!(reasons.len(), 2);
    assert!(reasons.iter().any(|reason| reason.contains("credentials")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("fewer units")), "{reasons:?}");
}

#[tokio::test]
async fn an_order_without_shop_is_told_to_nobody() {
    let world = world().await;
    let decision = order(&world.stack, &world.merchant, None);
    let id = decision.next.id.clone();
    create(&world.stack, decision).await;
    let shipment = handed_over(&world.merchant, &id, 1, &[(1, 2)], world.stack.now());
    let parcel = shipment.id.clone();
    create(&world.stack, Decision::of(shipment)).await;
    world.report(&parcel).await.unwrap();
    assert_eq!(world.shop.state().calls, 0);
}

#[tokio::test]
async fn a_shop_that_was_connected_without_token_is_not_called() {
    let world = world().await;
    let change = async |stored: Option<&Versioned<SealedChannel>>| {
        let mut next = stored.unwrap().body.clone();
        next.access_token = None;
        Ok::<_, Failure>(Decision::of(next))
    };
    let key = SealedChannel::key_of(&world.channel);
    world.stack.deps.store.change(&key, &Operation::of(&["test"]), change).await.unwrap();
    let parcel = world.parcel(1, &[(1, 2)]).await;
    world.report(&parcel).await.unwrap();
    assert_eq!(world.shop.state().calls, 0);
}
