//! A merchant with stock, and orders whose messages are lost.

use domain::address::{Address, Person};
use domain::incoming::{IncomingLine, IncomingOrder};
use domain::order::{AllocatedLine, Allocation, AllocationRule, IntakeFacts, Order};
use domain::pick_task::{Parcel, PickTask, PickTaskState};
use domain::shipment::{Leg, Shipment, ShipmentPlan, ShipmentState, ShippedLine};
use domain::stock::{StockChange, Term};
use domain::{Currency, Decision, LocationId, MerchantId, Message, MessageKind, Money, OrderId, PickTaskId, Sku};
use platform::items::{order_key, pick_task_key};
use platform::{Failure, Key, Operation, Stored, Versioned};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use sweeper::{Swept, sweep};
use testkit::Stack;
use testkit::stack::StackBuilder;

pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) merchant: MerchantId,
    pub(crate) tea: Sku,
    pub(crate) sofia: LocationId,
}

pub(crate) async fn world() -> World {
    world_of(Stack::builder()).await
}

pub(crate) async fn world_of(builder: StackBuilder) -> World {
    let stack = builder.build();
    let merchant = stack.merchant("acme").await;
    let (tea, sofia) = (stack.item(&merchant, "TEA").await, stack.location(&merchant, "SOF1").await);
    World { stack, merchant, tea, sofia }
}

impl World {
    /// A new order of two teas.
    pub(crate) fn decided(&self, number: &str, paid: bool) -> Decision<Order> {
        let currency = Currency::parse("EUR").unwrap();
        let address = Address { line1: "1".into(), city: "Sofia".into(), country: "BG".into(), ..Address::default() };
        let incoming = IncomingOrder {
            source_id: number.to_owned(),
            number: number.to_owned(),
            placed_at: self.stack.now(),
            currency,
            total: Money::new(1000, currency),
            cash_on_delivery: None,
            payment_settled: paid,
            lines: vec![IncomingLine {
                source_line_id: "1".into(),
                sku: Some(self.tea.clone()),
                title: "Tea".into(),
                quantity: 2,
                unit_price_minor: 500,
            }],
            ship_to: Some(Person { name: "A".into(), address, ..Person::default() }),
            delivery_method: None,
            note: None,
            priority: 0,
        };
        let facts = IntakeFacts {
            merchant: self.merchant.clone(),
            channel: None,
            rule: AllocationRule::Split,
            known_skus: [self.tea.clone()].into(),
            content: number.to_owned(),
            now: self.stack.now(),
            hold_unpaid_stock_minutes: 0,
            min_remaining_shelf_life_days: 0,
        };
        Order::receive(&incoming, &facts).unwrap()
    }

    pub(crate) async fn create<T: Stored>(&self, decision: Decision<T>) {
        let key = decision.next.key();
        self.stack.deps.store.create(&Operation::of(&["test", &key.pk]), decision).await.unwrap();
    }

    pub(crate) async fn received(&self, number: &str) -> OrderId {
        let decision = self.decided(number, true);
        let id = decision.next.id.clone();
        self.create(decision).await;
        id
    }

    /// An order that is allocated, with its task in `state` (if it has one).
    pub(crate) async fn allocated(&self, number: &str, state: Option<PickTaskState>) -> OrderId {
        let lines = vec![AllocatedLine { line: 1, quantity: 2 }];
        let received = self.decided(number, true).next;
        let order = received
            .allocated(vec![Allocation::plain(self.sofia.clone(), lines)], &String::new(), self.stack.now())
            .next;
        self.create(Decision::of(order.clone())).await;
        if let Some(state) = state {
            let made = PickTask::create(&order, &order.fulfillment_orders[0], &BTreeMap::new(), self.stack.now());
            let mut task = made.unwrap().next;
            task.state = state;
            self.create(Decision::of(task)).await;
        }
        order.id
    }

    /// The shipment of an order's first task.
    pub(crate) fn shipment(&self, order: &OrderId, state: ShipmentState) -> Shipment {
        let plan = ShipmentPlan {
            id: PickTaskId::of(order, 1).shipment(),
            order: order.clone(),
            leg: Leg::Outbound,
            location: self.sofia.clone(),
            carrier_account: Some(Stack::carrier_account_id(&self.merchant)),
            service: "standard".into(),
            parcel: Parcel { weight_grams: 500, length_mm: 200, width_mm: 100, height_mm: 50 },
            contents: vec![ShippedLine { line: 1, sku: self.tea.clone(), lot: None, quantity: 2 }],
            cash_on_delivery_minor: None,
        };
        let mut shipment = Shipment::intend(plan, "claim".into(), self.stack.now()).next;
        shipment.state = state;
        shipment
    }

    pub(crate) async fn stored(&self, order: &OrderId) -> Versioned<Order> {
        self.load(&order_key(order)).await.expect("an order")
    }

    pub(crate) async fn task(&self, order: &OrderId) -> Versioned<PickTask> {
        self.load(&pick_task_key(&PickTaskId::of(order, 1))).await.expect("a task")
    }

    pub(crate) async fn load<T: Stored>(&self, key: &Key) -> Option<Versioned<T>> {
        self.stack.deps.store.load::<T>(key).await.unwrap()
    }

    pub(crate) async fn change<T: Stored>(&self, key: &Key, name: &str, change: impl Fn(&T) -> Decision<T>) {
        let decide = async |stored: Option<&Versioned<T>>| Ok::<_, Failure>(change(&stored.unwrap().body));
        self.stack.deps.store.change(key, &Operation::of(&["test", name]), decide).await.unwrap();
    }

    pub(crate) fn minutes(&self, minutes: u64) {
        self.stack.clock.advance(Duration::from_secs(minutes * 60));
    }

    /// Messages that were stored and never sent.
    pub(crate) fn lose_messages(&self) -> Vec<Message> {
        self.stack.outbox()
    }

    /// A run, and the messages that it stored.
    pub(crate) async fn sweep(&self) -> (Swept, Vec<MessageKind>) {
        self.lose_messages();
        let (swept, outcome) = sweep(&self.stack.deps).await;
        outcome.unwrap();
        (swept, self.stack.outbox().into_iter().map(|message| message.kind).collect())
    }

    /// A request to the tables past all our code.
    pub(crate) fn dynamodb(&self, operation: &str, body: &Value) {
        let answer = self.stack.engine.dynamodb().call(operation, body.to_string().as_bytes());
        assert!(answer.status().is_success(), "{}", String::from_utf8_lossy(answer.body()));
    }
}

impl World {
    /// An unpaid order of two teas that are held for it for thirty minutes.
    pub(crate) async fn held_unpaid(&self, number: &str) -> OrderId {
        self.stack.stock(&self.merchant, &self.tea, &self.sofia, 2).await;
        let mut order = self.decided(number, false).next;
        order.hold_unpaid_stock_minutes = 30;
        order.reserved_until = Some(self.stack.now() + jiff::SignedDuration::from_mins(30));
        let lines = vec![AllocatedLine { line: 1, quantity: 2 }];
        let allocated =
            order.allocated(vec![Allocation::plain(self.sofia.clone(), lines)], &String::new(), self.stack.now());
        let id = order.id.clone();
        self.create(allocated.with_stock([StockChange::reserve(&self.tea, &self.sofia, 2)])).await;
        id
    }

    /// Units that are available and reserved.
    pub(crate) async fn units(&self) -> (i64, i64) {
        let level = self.stack.level(&self.merchant, &self.tea, &self.sofia).await;
        (level.get(Term::Available), level.get(Term::Reserved))
    }
}
