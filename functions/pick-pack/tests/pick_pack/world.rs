//! A merchant with a location, stock, and one allocated order; requests and messages as they come in.

use domain::account::Scope;
use domain::address::{Address, Person};
use domain::incoming::{IncomingLine, IncomingOrder};
use domain::order::{AllocatedLine, Allocation, AllocationRule, IntakeFacts, Order};
use domain::pick_task::PickTask;
use domain::stock::{StockChange, Term};
use domain::{Currency, LocationId, MerchantId, Message, Money, OrderId, PickTaskId, Queue, Sku};
use pick_pack::PickPack;
use platform::items::{PersonRecord, order_key, pick_task_key};
use platform::{Failure, Function, Operation, Versioned};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use testkit::LostAnswers;
use testkit::{Stack, read, request};

pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) faults: Arc<LostAnswers>,
    pub(crate) merchant: MerchantId,
    pub(crate) location: LocationId,
    pub(crate) key: String,
    pub(crate) order: OrderId,
    pub(crate) task: PickTaskId,
}

pub(crate) fn person() -> Person {
    Person {
        name: "Мария Щъркелова".to_owned(),
        phone: Some("+359888123456".to_owned()),
        address: Address {
            line1: "бул. Витоша 1".to_owned(),
            city: "София".to_owned(),
            postal_code: Some("1000".to_owned()),
            country: "BG".to_owned(),
            ..Address::default()
        },
        ..Person::default()
    }
}

pub(crate) fn actor(badge: &str) -> Value {
    json!({"person": badge, "station": "PICK-1"})
}

impl World {
    /// An order for `lines` (by SKU), reserved at `SOF1`; no task yet.
    pub(crate) async fn allocated(lines: &[(&str, u32)]) -> Self {
        let faults = Arc::new(LostAnswers::default());
        let stack = Stack::builder().faults(faults.clone()).build();
        let merchant = stack.merchant("Чаена къща").await;
        let key = stack.api_key(&merchant, Scope::Floor).await;
        let location = stack.location(&merchant, "SOF1").await;
        let codes: BTreeSet<&str> = lines.iter().map(|(code, _)| *code).collect();
        let mut known = BTreeSet::new();
        for code in codes {
            let sku = stack.item_with(&merchant, code, |item| item.serial_tracked = code.starts_with("SERIAL")).await;
            stack.stock(&merchant, &sku, &location, 10).await;
            known.insert(sku);
        }
        let order = allocate(&stack, &merchant, &location, "1001", lines, known).await;
        let task = PickTaskId::of(&order, 1);
        Self { stack, faults, merchant, location, key, order, task }
    }

    /// The same with its task on the floor's list.
    pub(crate) async fn released(lines: &[(&str, u32)]) -> Self {
        let world = Self::allocated(lines).await;
        world.deliver().await;
        world
    }

    /// The same, claimed by `ann` and fully scanned by her.
    pub(crate) async fn picked(lines: &[(&str, u32)]) -> Self {
        let world = Self::released(lines).await;
        world.ok("claim", json!({"actor": actor("ann")})).await;
        for (code, quantity) in lines {
            world.ok("scans", scan(code, *quantity)).await;
        }
        world
    }

    /// Hands the pick messages that are under way to the function; gives the others.
    pub(crate) async fn deliver(&self) -> Vec<Message> {
        let (own, others): (Vec<_>, Vec<_>) =
            self.stack.outbox().into_iter().partition(|message| message.kind.queue() == Queue::Picks);
        for message in own {
            self.send(message).await.unwrap();
        }
        others
    }

    pub(crate) async fn send(&self, message: Message) -> Result<(), Failure> {
        PickPack.message(&self.stack.deps, message).await
    }

    /// Asks for the order to be cancelled, and hands the message over.
    pub(crate) async fn cancel(&self) {
        let now = self.stack.now();
        let change = self.change_order("cancel", |order| order.request_cancel(now).unwrap().next);
        change.await;
        let kind = domain::MessageKind::CancelPickTasks { order: self.order.clone() };
        self.send(kind.for_merchant(&self.merchant, &self.order)).await.unwrap();
    }

    pub(crate) async fn change_order(&self, name: &str, change: impl Fn(&Order) -> Order) {
        let operation = Operation::of(&["test", name]);
        let changed = self
            .stack
            .deps
            .store
            .change(&order_key(&self.order), &operation, async |loaded: Option<&Versioned<Order>>| {
                Ok::<_, Failure>(domain::Decision::of(change(&loaded.unwrap().body)))
            })
            .await;
        changed.unwrap();
    }

    pub(crate) async fn call_as(&self, key: &str, idempotency: &str, step: &str, body: &Value) -> (u16, Value) {
        let asked = request(&format!("POST /v1/pick-tasks/{{task}}/{step}"))
            .path("task", &self.task)
            .key(key)
            .header("idempotency-key", idempotency)
            .json(body)
            .build();
        read(PickPack.http(&self.stack.deps, asked).await)
    }

    pub(crate) async fn post(&self, step: &str, body: Value) -> (u16, Value) {
        let idempotency = self.stack.deps.ids.as_ref().random(16);
        self.call_as(&self.key, &idempotency, step, &body).await
    }

    pub(crate) async fn ok(&self, step: &str, body: Value) -> Value {
        let (status, answer) = self.post(step, body).await;
        assert_eq!(status, 200, "{step}: {answer}");
        answer
    }

    /// Expects a refusal and gives its detail.
    pub(crate) async fn refused(&self, step: &str, body: Value, status: u16, code: &str) -> Value {
        let (got, answer) = self.post(step, body).await;
        assert_eq!(
            (got, answer["type"].as_str().unwrap_or_default()),
            (status, &*format!("urn:sklad:problem:{code}")),
            "{answer}"
        );
        answer
    }

    /// Ids on the floor's list.
    pub(crate) async fn work(&self) -> Vec<String> {
        let asked = request("GET /v1/pick-tasks").query("location", &self.location).key(&self.key).build();
        let (status, page) = read(PickPack.http(&self.stack.deps, asked).await);
        assert_eq!(status, 200, "{page}");
        let tasks = page["items"].as_array().unwrap().iter();
        tasks.map(|task| task["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn task(&self) -> Versioned<PickTask> {
        self.stack.deps.store.load(&pick_task_key(&self.task)).await.unwrap().expect("the task")
    }

    /// Available, reserved, picked, suspect.
    pub(crate) async fn level(&self, code: &str) -> [i64; 4] {
        let level = self.stack.level(&self.merchant, &Sku::parse(code).unwrap(), &self.location).await;
        assert!(level.is_sound(), "{level:?}");
        [Term::Available, Term::Reserved, Term::Picked, Term::CountSuspect].map(|term| level.get(term))
    }
}

pub(crate) fn scan(code: &str, quantity: u32) -> Value {
    json!({"barcode": format!("barcode-{code}"), "quantity": quantity, "actor": actor("ann")})
}

/// Takes an order in and reserves it.
pub(crate) async fn allocate(
    stack: &Stack,
    merchant: &MerchantId,
    location: &LocationId,
    number: &str,
    lines: &[(&str, u32)],
    known_skus: BTreeSet<Sku>,
) -> OrderId {
    let now = stack.now();
    let currency = Currency::parse("EUR").unwrap();
    let incoming = IncomingOrder {
        source_id: number.to_owned(),
        number: format!("#{number}"),
        placed_at: now,
        currency,
        total: Money::new(1_000, currency),
        cash_on_delivery: None,
        payment_settled: true,
        lines: lines
            .iter()
            .enumerate()
            .map(|(index, (code, quantity))| IncomingLine {
                source_line_id: index.to_string(),
                sku: Some(Sku::parse(code).unwrap()),
                title: (*code).to_owned(),
                quantity: *quantity,
                unit_price_minor: 100,
            })
            .collect(),
        ship_to: Some(person()),
        delivery_method: None,
        note: None,
        priority: 0,
    };
    let content = format!("content-{number}");
    let facts = IntakeFacts {
        merchant: merchant.clone(),
        channel: None,
        rule: AllocationRule::Split,
        known_skus,
        content: content.clone(),
        now,
        hold_unpaid_stock_minutes: 0,
        min_remaining_shelf_life_days: 0,
    };
    let received = Order::receive(&incoming, &facts).unwrap();
    let order = received.next.id.clone();
    let record = PersonRecord { order: order.clone(), content, person: incoming.ship_to, note: None, raw: Vec::new() };
    let operation = Operation::of(&["test", "intake", number]);
    stack.deps.store.put_child(&record, &operation).await.unwrap();
    stack.deps.store.create(&operation, received).await.unwrap();
    let allocated = (1..).zip(lines).map(|(line, (_, quantity))| AllocatedLine { line, quantity: *quantity });
    let allocation = Allocation::plain(location.clone(), allocated.collect());
    let reserve: Vec<_> = lines
        .iter()
        .map(|(code, quantity)| StockChange::reserve(&Sku::parse(code).unwrap(), location, *quantity))
        .collect();
    let operation = Operation::of(&["test", "allocate", number]);
    let step = async |loaded: Option<&Versioned<Order>>| {
        let order = &loaded.expect("the order").body;
        Ok::<_, Failure>(order.allocated(vec![allocation.clone()], &String::new(), now).with_stock(reserve.clone()))
    };
    stack.deps.store.change(&order_key(&order), &operation, step).await.unwrap();
    order
}
