//! Kits: taken apart at reservation, all or nothing, and whole again in what the order counts.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use domain::aggregate::Actor;
use domain::allocation::Component;
use domain::catalogue::Item;
use domain::incoming::{IncomingLine, IncomingOrder};
use domain::order::{AllocatedLine, AllocationRule, FulfilmentState, IntakeFacts, Order};
use domain::pick_task::{PickTask, PickTaskState, Scan};
use domain::stock::{Goods, Term};
use domain::{
    Currency, Decision, LocationId, MerchantId, Message, MessageKind, Money, OrderId, PickTaskId, Queue, Sku,
};
use platform::items::{StoredItem, item_key, order_key, pick_task_key};
use platform::{Function, Operation};
use std::collections::BTreeMap;
use stock_reservation::StockReservation;
use testkit::Stack;

struct World {
    stack: Stack,
    merchant: MerchantId,
    sofia: LocationId,
    varna: LocationId,
}

/// The item SET is one CUP and two TEA.
async fn world() -> World {
    let stack = Stack::new();
    let merchant = stack.merchant_with("acme", AllocationRule::Backorder).await;
    let (sofia, varna) = (stack.location(&merchant, "SOF1").await, stack.location(&merchant, "VAR1").await);
    for code in ["TEA", "CUP", "SET"] {
        stack.item(&merchant, code).await;
    }
    let world = World { stack, merchant, sofia, varna };
    world.make_kit(&[("CUP", 1), ("TEA", 2)]).await;
    world
}

fn sku(code: &str) -> Sku {
    Sku::parse(code).unwrap()
}

fn ann() -> Actor {
    Actor { person: "ann".to_owned(), station: "PICK-1".to_owned() }
}

impl World {
    async fn make_kit(&self, components: &[(&str, u32)]) {
        let kit = components.iter().map(|(code, quantity)| Component { sku: sku(code), quantity: *quantity });
        let kit: Vec<Component> = kit.collect();
        let operation = Operation::of(&["kit", &self.stack.deps.ids.random(8)]);
        let key = item_key(&self.merchant, &sku("SET"));
        let changed = self.stack.deps.store.change::<StoredItem, _>(&key, &operation, async |loaded| {
            let stored = loaded.unwrap().body.clone();
            Ok(Decision::of(StoredItem { item: Item { kit: kit.clone(), ..stored.item.clone() }, ..stored }))
        });
        changed.await.unwrap();
    }

    async fn stock(&self, code: &str, location: &LocationId, quantity: u32) {
        self.stack.stock(&self.merchant, &sku(code), location, quantity).await;
        self.settle().await;
    }

    async fn order(&self, number: &str, lines: &[(&str, u32)]) -> OrderId {
        let currency = Currency::parse("EUR").unwrap();
        let address = domain::address::Address {
            line1: "1 Street".to_owned(),
            city: "Sofia".to_owned(),
            country: "BG".to_owned(),
            ..Default::default()
        };
        let line = |(index, (code, quantity)): (usize, &(&str, u32))| IncomingLine {
            source_line_id: format!("l{index}"),
            sku: Some(sku(code)),
            title: (*code).to_owned(),
            quantity: *quantity,
            unit_price_minor: 500,
        };
        let incoming = IncomingOrder {
            source_id: number.to_owned(),
            number: number.to_owned(),
            placed_at: self.stack.now(),
            currency,
            total: Money::new(1000, currency),
            cash_on_delivery: None,
            payment_settled: true,
            lines: lines.iter().enumerate().map(line).collect(),
            ship_to: Some(domain::address::Person { name: "A".to_owned(), address, ..Default::default() }),
            delivery_method: None,
            note: None,
            priority: 0,
        };
        let facts = IntakeFacts {
            merchant: self.merchant.clone(),
            channel: None,
            rule: AllocationRule::Backorder,
            known_skus: ["TEA", "CUP", "SET"].into_iter().map(sku).collect(),
            content: number.to_owned(),
            now: self.stack.now(),
            hold_unpaid_stock_minutes: 0,
            min_remaining_shelf_life_days: 0,
        };
        let decision = Order::receive(&incoming, &facts).unwrap();
        let id = decision.next.id.clone();
        self.stack.deps.store.create(&Operation::of(&["test", number]), decision).await.unwrap();
        self.settle().await;
        id
    }

    /// Delivers what commits asked of this function, until nothing follows.
    async fn settle(&self) {
        loop {
            let outbox = self.stack.outbox();
            let ours: Vec<Message> = outbox.into_iter().filter(|m| m.kind.queue() == Queue::Reservations).collect();
            if ours.is_empty() {
                return;
            }
            for message in ours {
                StockReservation.message(&self.stack.deps, message).await.unwrap();
            }
        }
    }

    async fn stored(&self, order: &OrderId) -> Order {
        self.stack.deps.store.load::<Order>(&order_key(order)).await.unwrap().unwrap().body
    }

    /// Units of TEA and of CUP in a term at Sofia.
    async fn units(&self, term: Term) -> (i64, i64) {
        let mut units = Vec::new();
        for code in ["TEA", "CUP"] {
            let level = self.stack.level(&self.merchant, &sku(code), &self.sofia).await;
            assert!(level.is_sound(), "{level:?}");
            units.push(level.get(term));
        }
        (units[0], units[1])
    }

    /// The first task of an order, claimed by ann.
    async fn claimed(&self, order: &OrderId) -> PickTask {
        let order = self.stored(order).await;
        let now = self.stack.now();
        let task = PickTask::create(&order, &order.fulfillment_orders[0], &BTreeMap::new(), now).unwrap().next;
        let task = task.claim(&ann(), now).unwrap();
        self.stack.deps.store.create(&Operation::of(&["task", order.id.as_str()]), task).await.unwrap().value.body
    }

    async fn step(&self, task: &PickTaskId, decide: impl Fn(&PickTask) -> Decision<PickTask>) -> PickTask {
        let operation = Operation::of(&["step", &self.stack.deps.ids.random(8)]);
        let key = pick_task_key(task);
        let store = &self.stack.deps.store;
        let changed = store.change::<PickTask, _>(&key, &operation, async |loaded| Ok(decide(&loaded.unwrap().body)));
        let task = changed.await.unwrap().value.body;
        self.settle().await;
        task
    }

    async fn scan(&self, task: &PickTaskId, code: &str, quantity: u32) -> PickTask {
        let scan = Scan { barcode: code.to_owned(), quantity, goods: Goods::default() };
        let now = self.stack.now();
        self.step(task, |task| task.scan(&scan, &ann(), now).unwrap()).await
    }
}

#[tokio::test]
async fn a_kit_reserves_its_components_and_its_line_keeps_what_it_was_made_of() {
    let world = world().await;
    world.stock("TEA", &world.sofia, 10).await;
    world.stock("CUP", &world.sofia, 10).await;
    let order = world.order("1", &[("SET", 2), ("TEA", 1)]).await;
    assert_eq!(world.units(Term::Reserved).await, (5, 2));
    world.make_kit(&[("CUP", 7)]).await;
    let stored = world.stored(&order).await;
    assert_eq!(stored.fulfilment, FulfilmentState::Allocated);
    assert_eq!(stored.lines[0].kit.len(), 2);
    let goods = stored.goods_of(&stored.fulfillment_orders[0]);
    let goods: Vec<_> = goods.iter().map(|goods| (goods.line, goods.sku.as_str(), goods.quantity)).collect();
    assert_eq!(goods, [(1, "CUP", 2), (1, "TEA", 4), (2, "TEA", 1)]);
}

#[tokio::test]
async fn a_kit_is_whole_or_waits_for_its_components() {
    let world = world().await;
    world.stock("TEA", &world.sofia, 3).await;
    world.stock("CUP", &world.varna, 5).await;
    let order = world.order("1", &[("SET", 2)]).await;
    let stored = world.stored(&order).await;
    assert_eq!((stored.fulfilment, stored.waits_for), (FulfilmentState::Backordered, vec![sku("CUP"), sku("TEA")]));
    assert_eq!(world.units(Term::Reserved).await, (0, 0), "no half of a kit is held");
    // What it waits for is what it was made of when it came.
    world.make_kit(&[("CUP", 7)]).await;
    world.stock("CUP", &world.sofia, 2).await;
    assert_eq!(world.stored(&order).await.fulfilment, FulfilmentState::PartiallyAllocated);
    assert_eq!(world.units(Term::Reserved).await, (2, 1));
    world.stock("TEA", &world.varna, 2).await;
    let stored = world.stored(&order).await;
    assert_eq!((stored.fulfilment, stored.waits_for), (FulfilmentState::Allocated, vec![]));
    assert_eq!(stored.fulfillment_orders[1].lines, [AllocatedLine { line: 1, quantity: 1 }]);
}

#[tokio::test]
async fn a_missing_component_frees_the_others_and_the_kit_is_served_elsewhere() {
    let world = world().await;
    world.stock("TEA", &world.sofia, 4).await;
    world.stock("CUP", &world.sofia, 2).await;
    let order = world.order("1", &[("SET", 2)]).await;
    world.stock("TEA", &world.varna, 2).await;
    world.stock("CUP", &world.varna, 1).await;
    let task = world.claimed(&order).await.id;
    world.scan(&task, "TEA", 3).await;
    let now = world.stack.now();
    let short = world.step(&task, |task| task.short_pick(&sku("CUP"), None, 1, &ann(), now).unwrap()).await;
    assert_eq!(short.surplus(), 1);
    let stored = world.stored(&order).await;
    let parcels: Vec<_> =
        stored.fulfillment_orders.iter().map(|f| (f.location.as_str(), f.lines[0].quantity)).collect();
    assert_eq!(parcels, [("SOF1", 1), ("VAR1", 1)]);
    assert_eq!(stored.fulfilment, FulfilmentState::Allocated);
    // The unscanned tea is free at once, the scanned one when it is back in its bin.
    assert_eq!((world.units(Term::Available).await, world.units(Term::Reserved).await), ((1, 0), (3, 1)));
    world.scan(&task, "CUP", 1).await;
    let back = world.step(&task, |task| task.put_back(&ann(), now).unwrap()).await;
    assert_eq!(back.state, PickTaskState::Picked);
    assert_eq!((world.units(Term::Available).await, world.units(Term::Picked).await), ((2, 0), (2, 1)));
    assert_eq!((world.units(Term::Reserved).await, world.units(Term::CountSuspect).await), ((0, 0), (0, 1)));
}

#[tokio::test]
async fn a_cancelled_task_gives_back_every_component() {
    let world = world().await;
    world.stock("TEA", &world.sofia, 4).await;
    world.stock("CUP", &world.sofia, 2).await;
    let order = world.order("1", &[("SET", 2)]).await;
    let task = world.claimed(&order).await.id;
    let operation = Operation::of(&["cancel"]);
    let now = world.stack.now();
    let key = order_key(&order);
    let cancelled = world
        .stack
        .deps
        .store
        .change::<Order, _>(&key, &operation, async |loaded| Ok(loaded.unwrap().body.request_cancel(now)?));
    cancelled.await.unwrap();
    let label = domain::pick_task::Label::Possible;
    world.step(&task, |task| task.request_cancel(label, now)).await;
    assert_eq!((world.units(Term::Available).await, world.units(Term::Reserved).await), ((4, 2), (0, 0)));
    assert_eq!(world.stored(&order).await.fulfilment, FulfilmentState::Cancelled);
}

#[tokio::test]
async fn an_order_for_kits_and_a_message_twice_reserves_once() {
    let world = world().await;
    world.stock("TEA", &world.sofia, 9).await;
    world.stock("CUP", &world.sofia, 9).await;
    let order = world.order("1", &[("SET", 1)]).await;
    let message = MessageKind::Reserve { order: order.clone() }.for_merchant(&world.merchant, &order);
    StockReservation.message(&world.stack.deps, message).await.unwrap();
    assert_eq!(world.units(Term::Reserved).await, (2, 1));
}
