//! Reservations over the real SDK and the in-process engine.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use domain::account::Scope;
use domain::incoming::{IncomingLine, IncomingOrder};
use domain::order::{AllocatedLine, Allocation, AllocationRule, FulfilmentState, Hold, HoldReason, IntakeFacts, Order};
use domain::pick_task::PickTask;
use domain::stock::{LevelId, Lot, Movement, MovementKind, StockChange, Take, TakenFor, Term};
use domain::{Currency, LocationId, MerchantId, Message, MessageKind, Money, OrderId, Sku};
use jiff::Span;
use jiff::tz::TimeZone;
use platform::items::{Receipt, StoredLocation, location_key, order_key};
use platform::{Failure, Function, Operation, Replaced};
use std::collections::BTreeMap;
use stock_reservation::StockReservation;
use testkit::Stack;

struct World {
    stack: Stack,
    merchant: MerchantId,
    tea: Sku,
    cup: Sku,
    sofia: LocationId,
    varna: LocationId,
}

async fn world(rule: AllocationRule) -> World {
    let stack = Stack::new();
    let merchant = stack.merchant_with("acme", rule).await;
    stack.api_key(&merchant, Scope::Operations).await;
    let (tea, cup) = (stack.item(&merchant, "TEA").await, stack.item(&merchant, "CUP").await);
    let (sofia, varna) = (stack.location(&merchant, "SOF1").await, stack.location(&merchant, "VAR1").await);
    World { stack, merchant, tea, cup, sofia, varna }
}

impl World {
    async fn order(&self, number: &str, lines: &[(&Sku, u32)]) -> OrderId {
        self.held_order(number, lines, &[]).await
    }

    async fn held_order(&self, number: &str, lines: &[(&Sku, u32)], holds: &[HoldReason]) -> OrderId {
        self.order_with(number, lines, holds, 0).await
    }

    /// An order on hold, of a channel that asks goods to keep for some days.
    async fn order_with(&self, number: &str, lines: &[(&Sku, u32)], holds: &[HoldReason], days: u32) -> OrderId {
        let currency = Currency::parse("EUR").unwrap();
        let address = domain::address::Address {
            line1: "1 Street".to_owned(),
            city: "Sofia".to_owned(),
            country: "BG".to_owned(),
            ..Default::default()
        };
        let incoming = IncomingOrder {
            source_id: number.to_owned(),
            number: number.to_owned(),
            placed_at: self.stack.now(),
            currency,
            total: Money::new(1000, currency),
            cash_on_delivery: None,
            payment_settled: true,
            lines: lines
                .iter()
                .enumerate()
                .map(|(index, (sku, quantity))| IncomingLine {
                    source_line_id: format!("l{index}"),
                    sku: Some((*sku).clone()),
                    title: sku.to_string(),
                    quantity: *quantity,
                    unit_price_minor: 500,
                })
                .collect(),
            ship_to: Some(domain::address::Person { name: "A".to_owned(), address, ..Default::default() }),
            delivery_method: None,
            note: None,
            priority: 0,
        };
        let rule = self.rule().await;
        let facts = IntakeFacts {
            merchant: self.merchant.clone(),
            channel: None,
            rule,
            known_skus: [self.tea.clone(), self.cup.clone()].into_iter().collect(),
            content: number.to_owned(),
            now: self.stack.now(),
            hold_unpaid_stock_minutes: 0,
            min_remaining_shelf_life_days: days,
        };
        let mut decision = Order::receive(&incoming, &facts).unwrap();
        decision.next.holds = holds.iter().map(|reason| Hold { reason: *reason, note: None }).collect();
        let id = decision.next.id.clone();
        self.stack.deps.store.create(&Operation::of(&["test", number]), decision).await.unwrap();
        id
    }

    async fn rule(&self) -> AllocationRule {
        let key = platform::items::merchant_key(&self.merchant);
        self.stack.deps.store.load::<domain::account::Merchant>(&key).await.unwrap().unwrap().body.allocation_rule
    }

    async fn deliver(&self, message: Message) -> Result<(), Failure> {
        StockReservation.message(&self.stack.deps, message).await
    }

    /// Delivers what commits asked of this function, until nothing follows.
    async fn settle(&self) {
        loop {
            let messages: Vec<Message> = self.stack.outbox();
            let ours: Vec<Message> =
                messages.into_iter().filter(|m| m.kind.queue() == domain::Queue::Reservations).collect();
            if ours.is_empty() {
                return;
            }
            for message in ours {
                self.deliver(message).await.unwrap();
            }
        }
    }

    async fn stored(&self, order: &OrderId) -> Order {
        self.stack.deps.store.load::<Order>(&order_key(order)).await.unwrap().unwrap().body
    }

    async fn level(&self, sku: &Sku, location: &LocationId, term: Term) -> i64 {
        let level = self.stack.level(&self.merchant, sku, location).await;
        assert!(level.is_sound(), "{level:?}");
        level.get(term)
    }
}

#[tokio::test]
async fn an_order_is_reserved_whole_and_its_pick_task_is_asked_for() {
    let world = world(AllocationRule::Split).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 5).await;
    world.stack.stock(&world.merchant, &world.cup, &world.sofia, 5).await;
    let order = world.order("1", &[(&world.tea, 2), (&world.cup, 1)]).await;
    let mut kinds = Vec::new();
    for _ in 0..3 {
        for message in world.stack.outbox() {
            kinds.push(message.kind.clone());
            if message.kind.queue() == domain::Queue::Reservations {
                world.deliver(message).await.unwrap();
            }
        }
    }
    assert_eq!(world.stored(&order).await.fulfilment, FulfilmentState::Allocated);
    assert_eq!(world.level(&world.tea, &world.sofia, Term::Available).await, 3);
    assert_eq!(world.level(&world.tea, &world.sofia, Term::Reserved).await, 2);
    assert_eq!(world.level(&world.cup, &world.sofia, Term::Reserved).await, 1);
    assert!(kinds.contains(&MessageKind::CreatePickTasks { order }), "{kinds:?}");
}

#[tokio::test]
async fn the_same_message_twice_reserves_once() {
    let world = world(AllocationRule::Split).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 5).await;
    let order = world.order("1", &[(&world.tea, 2)]).await;
    let message = MessageKind::Reserve { order: order.clone() }.for_merchant(&world.merchant, &order);
    world.deliver(message.clone()).await.unwrap();
    world.deliver(message).await.unwrap();
    assert_eq!(world.level(&world.tea, &world.sofia, Term::Reserved).await, 2);
}

#[tokio::test]
async fn many_buyers_of_the_last_units_get_no_more_than_there_are() {
    let world = world(AllocationRule::Split).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 10).await;
    let mut orders = Vec::new();
    for number in 0..24 {
        orders.push(world.order(&number.to_string(), &[(&world.tea, 1)]).await);
    }
    let deliveries = orders
        .iter()
        .map(|order| world.deliver(MessageKind::Reserve { order: order.clone() }.for_merchant(&world.merchant, order)));
    // A conflict whose tries are spent comes again from the queue.
    for (order, outcome) in orders.iter().zip(futures_util::future::join_all(deliveries).await) {
        if matches!(outcome, Err(Failure::Conflict(_))) {
            world
                .deliver(MessageKind::Reserve { order: order.clone() }.for_merchant(&world.merchant, order))
                .await
                .unwrap();
        }
    }
    let mut allocated = 0;
    for order in &orders {
        match world.stored(order).await.fulfilment {
            FulfilmentState::Allocated => allocated += 1,
            state => assert_eq!(state, FulfilmentState::Backordered),
        }
    }
    assert_eq!(allocated, 10);
    assert_eq!(world.level(&world.tea, &world.sofia, Term::Available).await, 0);
}

#[tokio::test]
async fn an_order_is_split_over_locations_or_waits_as_its_rule_says() {
    for (rule, expect, parcels) in [
        (AllocationRule::Split, FulfilmentState::Allocated, 2),
        (AllocationRule::ShipComplete, FulfilmentState::Backordered, 0),
    ] {
        let world = world(rule).await;
        world.stack.stock(&world.merchant, &world.tea, &world.sofia, 1).await;
        world.stack.stock(&world.merchant, &world.tea, &world.varna, 1).await;
        let order = world.order("1", &[(&world.tea, 2)]).await;
        world.settle().await;
        let stored = world.stored(&order).await;
        assert_eq!((stored.fulfilment, stored.fulfillment_orders.len()), (expect, parcels), "{rule:?}");
    }
}

#[tokio::test]
async fn a_receipt_fills_waiting_orders_oldest_first_until_it_is_used_up() {
    let world = world(AllocationRule::Split).await;
    let mut orders = Vec::new();
    for number in 0..3 {
        orders.push(world.order(&number.to_string(), &[(&world.tea, 2)]).await);
        world.stack.clock.advance(std::time::Duration::from_secs(1));
    }
    world.settle().await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 4).await;
    world.settle().await;
    let mut states = Vec::new();
    for order in &orders {
        states.push(world.stored(order).await.fulfilment);
    }
    assert_eq!(states, [FulfilmentState::Allocated, FulfilmentState::Allocated, FulfilmentState::Backordered]);
    world.stack.stock(&world.merchant, &world.tea, &world.varna, 2).await;
    world.settle().await;
    assert_eq!(world.stored(&orders[2]).await.fulfilment, FulfilmentState::Allocated);
}

#[tokio::test]
async fn a_backordered_rest_ships_when_it_comes() {
    let world = world(AllocationRule::Backorder).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 1).await;
    let order = world.order("1", &[(&world.tea, 3), (&world.cup, 1)]).await;
    world.settle().await;
    assert_eq!(world.stored(&order).await.fulfilment, FulfilmentState::PartiallyAllocated);
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 5).await;
    world.stack.stock(&world.merchant, &world.cup, &world.sofia, 5).await;
    world.settle().await;
    let stored = world.stored(&order).await;
    assert_eq!(stored.fulfilment, FulfilmentState::Allocated);
    let units: u32 = stored.fulfillment_orders.iter().flat_map(|f| &f.lines).map(|line| line.quantity).sum();
    assert_eq!(units, 4);
    assert_eq!(world.level(&world.tea, &world.sofia, Term::Reserved).await, 3);
}

#[tokio::test]
async fn every_arrival_of_an_item_is_a_try_of_its_own() {
    let world = world(AllocationRule::Backorder).await;
    let order = world.order("1", &[(&world.tea, 5)]).await;
    world.settle().await;
    for quantity in [2, 3] {
        world.stack.stock(&world.merchant, &world.tea, &world.sofia, quantity).await;
        world.settle().await;
    }
    assert_eq!(world.stored(&order).await.fulfilment, FulfilmentState::Allocated);
    assert_eq!(world.level(&world.tea, &world.sofia, Term::Reserved).await, 5);
}

#[tokio::test]
async fn a_held_order_reserves_nothing() {
    let world = world(AllocationRule::Split).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 5).await;
    let order = world.held_order("1", &[(&world.tea, 1)], &[HoldReason::MerchantRequest]).await;
    world.deliver(MessageKind::Reserve { order: order.clone() }.for_merchant(&world.merchant, &order)).await.unwrap();
    assert_eq!(world.level(&world.tea, &world.sofia, Term::Reserved).await, 0);
}

#[tokio::test]
async fn a_message_that_comes_before_its_order_is_visible_comes_again() {
    let world = world(AllocationRule::Split).await;
    let order = OrderId::derive(&world.merchant, &["nowhere"]);
    let mut message = MessageKind::Reserve { order: order.clone() }.for_merchant(&world.merchant, &order);
    message.version = 1;
    assert!(matches!(world.deliver(message).await, Err(Failure::Unavailable { .. })));
}

impl World {
    async fn lot(&self, code: &str, days: i64, units: u32) -> LevelId {
        let day = self.stack.now().to_zoned(TimeZone::UTC).date().saturating_add(Span::new().days(days));
        let lot = Some(Lot { code: code.to_owned(), expiry: Some(day) });
        let level = LevelId { sku: self.tea.clone(), location: self.sofia.clone(), lot };
        self.stack.stock_of(&self.merchant, &level, units).await;
        level
    }

    async fn of_lot(&self, level: &LevelId) -> (i64, i64) {
        let stored = self.stack.level_of(&self.merchant, level).await;
        assert!(stored.is_sound(), "{stored:?}");
        (stored.get(Term::Available), stored.get(Term::Reserved))
    }
}

#[tokio::test]
async fn the_first_lot_to_expire_is_promised_first_and_none_that_is_too_old_for_the_channel() {
    let world = world(AllocationRule::Split).await;
    let (gone, soon, late) = (world.lot("A", -1, 5).await, world.lot("B", 10, 2).await, world.lot("C", 90, 5).await);
    let usual = world.order("1", &[(&world.tea, 3)]).await;
    world.settle().await;
    assert_eq!((world.of_lot(&soon).await, world.of_lot(&late).await), ((0, 2), (4, 1)));
    let stored = world.stored(&usual).await;
    let goods: Vec<_> =
        stored.fulfillment_orders[0].goods.iter().map(|goods| (goods.lot.clone(), goods.quantity)).collect();
    assert_eq!(goods, [(soon.lot.clone(), 2), (late.lot.clone(), 1)]);
    for (number, days, expect) in [("2", 91, FulfilmentState::Backordered), ("3", 90, FulfilmentState::Allocated)] {
        let order = world.order_with(number, &[(&world.tea, 1)], &[], days).await;
        world.settle().await;
        assert_eq!(world.stored(&order).await.fulfilment, expect, "{days} days");
    }
    assert_eq!((world.of_lot(&gone).await, world.of_lot(&late).await), ((5, 0), (3, 2)));
}

#[tokio::test]
async fn a_cancelled_task_gives_each_lot_back() {
    let world = world(AllocationRule::Split).await;
    let (soon, late) = (world.lot("B", 10, 2).await, world.lot("C", 90, 5).await);
    let order = world.order("1", &[(&world.tea, 3)]).await;
    world.settle().await;
    let now = world.stack.now();
    let store = &world.stack.deps.store;
    let cancelled = world.stored(&order).await.request_cancel(now).unwrap().next;
    let task = PickTask::create(&cancelled, &cancelled.fulfillment_orders[0], &BTreeMap::new(), now).unwrap();
    store.create(&Operation::of(&["test", "task"]), task).await.unwrap();
    world.settle().await;
    assert_eq!((world.of_lot(&soon).await, world.of_lot(&late).await), ((2, 0), (5, 0)));
}

#[tokio::test]
async fn nothing_is_promised_from_a_lot_that_is_recalled() {
    let world = world(AllocationRule::Split).await;
    let level = world.lot("A", 90, 5).await;
    let receipt = domain::ReceiptId::derive(&world.merchant, &["recall"]);
    let now = world.stack.now();
    let movement = Movement::new(MovementKind::Move, 1, None, None, "test", now);
    let (sku, location) = (level.sku.clone(), level.location.clone());
    let item = Receipt { id: receipt, sku: sku.clone(), location: location.clone(), movement, reference: None };
    let mut change = StockChange::release(&sku, &location, 1).of_lot(level.lot.clone());
    change.deltas.clear();
    change.recalls_lot = true;
    let decision = domain::Decision::of(item).with_stock([change]);
    world.stack.deps.store.create(&Operation::of(&["test", "recall"]), decision).await.unwrap();
    let order = world.order("1", &[(&world.tea, 1)]).await;
    world.settle().await;
    assert_eq!(world.stored(&order).await.fulfilment, FulfilmentState::Backordered);
    assert_eq!(world.of_lot(&level).await, (5, 0), "what comes back to its shelf waits for the recall");
}

#[tokio::test]
async fn nothing_is_allocated_from_a_closed_location() {
    let world = world(AllocationRule::Split).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 5).await;
    let key = platform::items::location_key(&world.merchant, &world.sofia);
    let set_closed = async |closed: bool| {
        let decide = async |stored: Option<&platform::Versioned<platform::items::StoredLocation>>| {
            let mut next = stored.unwrap().body.clone();
            next.location.closed = closed;
            Ok::<_, Failure>(domain::Decision::of(next))
        };
        let operation = Operation::of(&["test", "closed", &closed.to_string()]);
        world.stack.deps.store.change(&key, &operation, decide).await.unwrap();
    };
    set_closed(true).await;
    let order = world.order("1", &[(&world.tea, 2)]).await;
    world.settle().await;
    assert_eq!(world.stored(&order).await.fulfilment, FulfilmentState::Backordered);
    set_closed(false).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 1).await;
    world.settle().await;
    assert_eq!(world.stored(&order).await.fulfilment, FulfilmentState::Allocated);
}

impl World {
    /// An unpaid order for which stock is held for thirty minutes.
    async fn unpaid(&self, number: &str, units: u32) -> OrderId {
        let order = self.order(number, &[(&self.tea, units)]).await;
        let now = self.stack.now();
        self.change(&order, "unpaid", |order| {
            let mut next = order.clone();
            next.hold_unpaid_stock_minutes = 30;
            next.place_hold(Hold { reason: HoldReason::AwaitingPayment, note: None }, now).unwrap()
        })
        .await;
        order
    }

    async fn change(&self, order: &OrderId, name: &str, decide: impl Fn(&Order) -> domain::Decision<Order>) {
        let decide =
            async |stored: Option<&platform::Versioned<Order>>| Ok::<_, Failure>(decide(&stored.unwrap().body));
        let operation = Operation::of(&["test", order.as_str(), name]);
        self.stack.deps.store.change(&order_key(order), &operation, decide).await.unwrap();
    }

    async fn release(&self, order: &OrderId, reason: HoldReason) {
        let now = self.stack.now();
        self.change(order, &format!("{reason:?}"), |order| order.release_hold(reason, now).unwrap()).await;
    }
}

#[tokio::test]
async fn stock_is_held_for_an_unpaid_order_and_a_late_payment_takes_none_from_others() {
    use domain::order::FulfillmentOrderStatus as Status;
    let world = world(AllocationRule::Split).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 2).await;
    let unpaid = world.unpaid("1", 2).await;
    let other = world.order("2", &[(&world.tea, 2)]).await;
    world.settle().await;
    assert_eq!(world.stored(&unpaid).await.fulfillment_orders[0].status, Status::OnHold);
    assert_eq!(world.stored(&other).await.fulfilment, FulfilmentState::Backordered, "what is held is nobody else's");
    world.stack.clock.advance(std::time::Duration::from_secs(1800));
    let now = world.stack.now();
    world.change(&unpaid, "expire", |order| order.expire_reservation(now).unwrap().order).await;
    world.settle().await;
    assert_eq!(world.stored(&other).await.fulfilment, FulfilmentState::Allocated, "given back, it fills who waits");
    world.release(&unpaid, HoldReason::AwaitingPayment).await;
    world.settle().await;
    assert_eq!(world.stored(&unpaid).await.fulfilment, FulfilmentState::Received, "a person decides");
    world.release(&unpaid, HoldReason::InventoryOutOfStock).await;
    world.settle().await;
    assert_eq!(world.stored(&unpaid).await.fulfilment, FulfilmentState::Backordered, "no oversell");
    assert_eq!(world.level(&world.tea, &world.sofia, Term::Reserved).await, 2);
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 2).await;
    world.settle().await;
    let paid = world.stored(&unpaid).await;
    assert_eq!((paid.fulfilment, paid.fulfillment_orders[1].status), (FulfilmentState::Allocated, Status::Open));
}

#[tokio::test]
async fn a_payment_in_time_opens_what_was_held() {
    use domain::order::FulfillmentOrderStatus as Status;
    let world = world(AllocationRule::Split).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 2).await;
    let unpaid = world.unpaid("1", 2).await;
    world.settle().await;
    world.release(&unpaid, HoldReason::AwaitingPayment).await;
    let order = world.stored(&unpaid).await;
    assert_eq!((order.fulfillment_orders[0].status, order.reserved_until), (Status::Open, None));
    assert_eq!(world.level(&world.tea, &world.sofia, Term::Reserved).await, 2);
}

#[tokio::test]
async fn a_higher_priority_is_filled_before_an_older_order_and_an_edit_gives_another_place() {
    use domain::order::Edit;
    let world = world(AllocationRule::Split).await;
    let (old, young) = (world.order("1", &[(&world.tea, 1)]).await, {
        world.stack.clock.advance(std::time::Duration::from_secs(60));
        world.order("2", &[(&world.tea, 1)]).await
    });
    world.settle().await;
    let entry = |order: &Order| {
        let shards = world.stack.deps.store.list_shards();
        platform::items::WaitingOrder::new(order, world.tea.clone(), 0, 0, shards)
    };
    let before = world.stored(&young).await;
    let now = world.stack.now();
    world
        .change(&young, "urgent", |order| {
            let edit = Edit { priority: Some(5), ..Edit::default() };
            order.edit(&edit, &Default::default(), &Default::default(), now).unwrap().order
        })
        .await;
    let left = platform::Write::Delete(platform::Stored::key(&entry(&before)));
    world.stack.deps.store.apply(vec![left]).await.unwrap();
    world.settle().await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 1).await;
    world.settle().await;
    assert_eq!(world.stored(&young).await.fulfilment, FulfilmentState::Allocated);
    assert_eq!(world.stored(&old).await.fulfilment, FulfilmentState::Backordered);
}

#[tokio::test]
async fn the_cheaper_of_two_near_locations_ships_and_the_timeline_says_why() {
    let world = world(AllocationRule::Split).await;
    for (location, cost, priority) in [(&world.sofia, 500, 0), (&world.varna, 300, 9)] {
        world.stack.stock(&world.merchant, &world.tea, location, 5).await;
        let (key, operation) = (location_key(&world.merchant, location), Operation::of(&["cost", location.as_str()]));
        let changed = world.stack.deps.store.change::<StoredLocation, _>(&key, &operation, async |loaded| {
            let mut next = loaded.unwrap().body.clone();
            (next.location.parcel_cost_minor, next.location.priority) = (cost, priority);
            Ok(domain::Decision::of(next))
        });
        changed.await.unwrap();
    }
    let order = world.order("1", &[(&world.tea, 1)]).await;
    world.settle().await;
    let stored = world.stored(&order).await;
    assert_eq!(stored.fulfillment_orders[0].location, world.varna);
    let notes: Vec<_> = stored.history.0.iter().filter_map(|entry| entry.note.as_deref()).collect();
    assert!(notes.contains(&"VAR1: 1 of 2 locations, same country, cost 300"), "{notes:?}");
}

/// Takes two units for an order and goes no further, as an environment that dies; `claims` says whether after its claim.
async fn dies_with_a_take(world: &World, order: &OrderId, claims: bool) -> LevelId {
    let level = LevelId { sku: world.tea.clone(), location: world.sofia.clone(), lot: None };
    let store = &world.stack.deps.store;
    let loaded = store.load::<Order>(&order_key(order)).await.unwrap().unwrap();
    let share = TakenFor { order: order.clone(), version: loaded.version, units: 2 };
    let take = Take { units: 2, opened_at: world.stack.now(), orders: vec![share] };
    assert!(store.open_take(&world.merchant, &level, "died", take).await.unwrap());
    if claims {
        let lines = vec![AllocatedLine { line: 1, quantity: 2 }];
        let allocation = Allocation::plain(world.sofia.clone(), lines);
        let decision = loaded.body.allocated(vec![allocation], &"died".to_owned(), world.stack.now());
        assert!(matches!(store.replace(&loaded, decision).await.unwrap(), Replaced::Yes(_)));
    }
    level
}

#[tokio::test]
async fn an_expired_take_gives_back_what_nobody_claimed_and_its_order_can_claim_from_it_no_more() {
    let world = world(AllocationRule::Split).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 2).await;
    let order = world.order("1", &[(&world.tea, 2)]).await;
    let before = world.stack.deps.store.load::<Order>(&order_key(&order)).await.unwrap().unwrap();
    dies_with_a_take(&world, &order, false).await;
    world.stack.clock.advance(std::time::Duration::from_secs(41));
    let late = world.order("2", &[(&world.tea, 2)]).await;
    world.deliver(MessageKind::Reserve { order: late.clone() }.for_merchant(&world.merchant, &late)).await.unwrap();
    assert_eq!(world.stored(&late).await.fulfilment, FulfilmentState::Allocated);
    assert_eq!(world.level(&world.tea, &world.sofia, Term::OpenTakes).await, 0);
    let lines = vec![AllocatedLine { line: 1, quantity: 2 }];
    let claim = before.body.allocated(
        vec![Allocation::plain(world.sofia.clone(), lines)],
        &"died".to_owned(),
        world.stack.now(),
    );
    let thawed = world.stack.deps.store.replace(&before, claim).await.unwrap();
    assert!(matches!(thawed, Replaced::No(_)), "the order was fenced");
}

#[tokio::test]
async fn an_expired_take_that_was_claimed_is_reserved_and_its_message_comes_again_until_then() {
    let world = world(AllocationRule::Split).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 3).await;
    let order = world.order("1", &[(&world.tea, 2)]).await;
    dies_with_a_take(&world, &order, true).await;
    let again = MessageKind::Reserve { order: order.clone() }.for_merchant(&world.merchant, &order);
    let early = world.deliver(again.clone()).await.unwrap_err();
    assert!(matches!(early, Failure::Unavailable { after: Some(_), .. }), "{early:?}");
    world.stack.clock.advance(std::time::Duration::from_secs(41));
    world.deliver(again).await.unwrap();
    assert_eq!(world.level(&world.tea, &world.sofia, Term::Reserved).await, 2);
    assert_eq!(world.level(&world.tea, &world.sofia, Term::Available).await, 1);
    assert_eq!(world.level(&world.tea, &world.sofia, Term::OpenTakes).await, 0);
}
