//! The shop before the doors open, the crowd, and the count afterwards.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use domain::account::{Location, Merchant};
use domain::address::{Address, Person};
use domain::catalogue::Item;
use domain::incoming::{IncomingLine, IncomingOrder};
use domain::order::{AllocationRule, FulfilmentState, IntakeFacts, Order};
use domain::stock::{Movement, MovementKind, StockChange, Term};
use domain::{Currency, Decision, LocationId, MerchantId, MessageKind, Money, OrderId, ReceiptId, Sku};
use engine::queues::OutgoingMessage;
use platform::items::{Receipt, StoredItem, StoredLevel, StoredLocation, order_key};
use platform::{Deps, Failure, Operation, Table};
use testkit::connector::Call;

use super::super::SimulationError;
use super::super::clock::lock;
use super::super::declared;
use super::super::executor::Executor;
use super::pool::Pool;
use super::{Sale, SaleReport};
use crate::template::{self, Overrides, Stack};

/// Parts of every list, and of the queue of those who come too late: at forty thousand orders a second each part must serve
/// less than a partition can.
const LIST_SHARDS: u32 = 64;

/// The stack, as an operator configures it before a sale.
pub(super) fn stack(template: &Path) -> Result<Stack, SimulationError> {
    let mut parameters = declared::parameters();
    parameters.insert("ListShards".to_owned(), LIST_SHARDS.to_string());
    Ok(template::load(template, &Overrides { parameters, ..Overrides::default() })?)
}

/// What was written, as the gates saw it.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Written>);

#[derive(Default)]
struct Written {
    level_writes: u64,
    /// Level writes when the last successful take was made: what comes later is for orders that came too late.
    at_last_take: u64,
    /// When each order was first decided.
    decided_us: BTreeMap<String, u64>,
}

impl Ledger {
    pub(super) fn wrote(&self, call: &Call<'_>, succeeded: bool, now_us: u64) {
        let mut written = lock(&self.0);
        match call.operation {
            "UpdateItem" => {
                written.level_writes += 1;
                if succeeded {
                    written.at_last_take = written.level_writes;
                }
            }
            "PutItem" if succeeded => {
                let item: serde_json::Value = serde_json::from_slice(call.request.body()).unwrap_or_default();
                if item.pointer("/Item/sk/S").and_then(serde_json::Value::as_str) == Some("order") {
                    let key = item.pointer("/Item/pk/S").and_then(serde_json::Value::as_str).unwrap_or_default();
                    written.decided_us.entry(key.to_owned()).or_insert(now_us);
                }
            }
            _ => {}
        }
    }
}

/// The shop.
pub(super) struct World {
    merchant: MerchantId,
    sku: Sku,
    location: LocationId,
    orders: Rc<Vec<OrderId>>,
    sent: Rc<Cell<u64>>,
}

impl World {
    /// One item, one location, the stock, and the orders as intake has left them.
    pub(super) fn set_up(executor: &mut Executor, pool: &Pool, sale: &Sale) -> Result<Self, SimulationError> {
        let merchant = MerchantId::derive(&["sale"]);
        let setup = |error: String| SimulationError::Setup(error);
        let sku = Sku::parse("DROP").map_err(|error| setup(error.to_string()))?;
        let location = LocationId::parse("SOF1").map_err(|error| setup(error.to_string()))?;
        let deps = pool.deps("operations", None)?;
        let now = deps.clock.now();
        let mut orders = Vec::new();
        for number in 0..sale.orders {
            orders.push(order(&merchant, &sku, number, now)?);
        }
        let ids: Vec<OrderId> = orders.iter().map(|order| order.id.clone()).collect();
        let (made_merchant, made_sku, made_location, stock) =
            (merchant.clone(), sku.clone(), location.clone(), sale.stock);
        finish(executor, pool, async move {
            set_up(&deps, &made_merchant, &made_sku, &made_location, stock).await?;
            deps.store.put_all(Table::Orders, &orders).await
        })?;
        Ok(Self { merchant, sku, location, orders: Rc::new(ids), sent: Rc::default() })
    }

    /// The crowd comes in, evenly, and the readers begin.
    pub(super) fn open(&self, pool: &Pool, sale: &Sale) {
        let Ok(queue) = pool.queue() else { return };
        let (core, merchant, orders, sent) =
            (pool.core.clone(), self.merchant.clone(), Rc::clone(&self.orders), Rc::clone(&self.sent));
        let (crowd_queue, rate, crowd_is_in) = (queue.clone(), sale.rate_per_s, Rc::clone(&pool.crowd_is_in));
        pool.spawner.spawn(async move {
            let started_us = core.clock.now_us();
            while sent.get() < orders.len() as u64 {
                core.agenda.pass(Duration::from_millis(2)).await;
                let due = (core.clock.now_us() - started_us) * rate / 1_000_000;
                while sent.get() < due.min(orders.len() as u64) {
                    let first = usize::try_from(sent.get()).unwrap_or(usize::MAX);
                    let last = usize::try_from(due).unwrap_or(usize::MAX).min(orders.len()).min(first + 10);
                    let messages: Vec<OutgoingMessage> =
                        orders[first..last].iter().map(|order| message(&merchant, order)).collect();
                    if let Err(error) = core.engine.queues().send_batch(&crowd_queue, &messages) {
                        core.say(format!("not sent: {error}"));
                    }
                    sent.set(last as u64);
                }
            }
            crowd_is_in.set(true);
        });
        pool.spawner.spawn(pool.clone().read_queue(queue, sale.batch));
        pool.spawner.spawn(pool.clone().relay());
    }

    pub(super) fn all_sent(&self, sale: &Sale) -> bool {
        self.sent.get() >= sale.orders
    }

    /// Counts what became of every order and of the stock.
    pub(super) fn report(
        &self,
        executor: &mut Executor,
        pool: &Pool,
        sale: &Sale,
        opened_us: u64,
        write_units: f64,
    ) -> Result<SaleReport, SimulationError> {
        let usage = pool.core.engine.dynamodb().partition_usage();
        let deps = pool.deps("stock-reservation", None)?;
        let (keys, level_key) = (
            self.orders.iter().map(order_key).collect::<Vec<_>>(),
            StoredLevel::key_of(&self.merchant, &self.sku, &self.location),
        );
        let counter_key = level_key.pk.clone();
        let (orders, level) = finish(executor, pool, async move {
            Ok((deps.store.load_many::<Order>(&keys).await?, deps.store.load::<StoredLevel>(&level_key).await?))
        })?;
        let reserved = orders.iter().filter(|order| order.body.fulfilment == FulfilmentState::Allocated).count() as u64;
        let waiting =
            orders.iter().filter(|order| order.body.fulfilment == FulfilmentState::Backordered).count() as u64;
        let could = sale.orders.min(u64::from(sale.stock));
        let level = level.map(|stored| stored.body);
        let units = |term| level.as_ref().map_or(0, |level| level.level().get(term));
        let level_is_sound = level.as_ref().is_some_and(|level| level.level().is_sound() && level.takes().is_empty())
            && u64::try_from(units(Term::Reserved)).ok() == Some(reserved)
            && units(Term::OpenTakes) == 0;
        let counter = |key: &str| key == counter_key;
        let peak = |of_counter: bool| {
            let of = usage
                .iter()
                .filter(|used| (used.partition.index.is_none() && counter(&used.partition.key)) == of_counter);
            of.map(|used| used.writes.peak_units_per_second).fold(0.0, f64::max)
        };
        let written = lock(&pool.ledger.0);
        let position: BTreeMap<String, u64> =
            (0_u64..).zip(self.orders.iter()).map(|(number, order)| (order_key(order).pk, number)).collect();
        let mut waits_ms: Vec<u64> = written
            .decided_us
            .iter()
            .filter_map(|(key, at_us)| {
                let sent_us = opened_us + position.get(key)? * 1_000_000 / sale.rate_per_s.max(1);
                Some(at_us.saturating_sub(sent_us) / 1000)
            })
            .collect();
        waits_ms.sort_unstable();
        let percentile = |per_mille: usize| {
            waits_ms.get((waits_ms.len() * per_mille / 1000).min(waits_ms.len().saturating_sub(1))).copied()
        };
        let last_us = written.decided_us.values().max().copied().unwrap_or(opened_us);
        let decided: BTreeSet<&str> = orders.iter().map(|order| order.body.id.as_str()).collect();
        Ok(SaleReport {
            reserved,
            waiting,
            oversold: reserved.saturating_sub(u64::from(sale.stock)),
            undersold: could.saturating_sub(reserved),
            lost: sale.orders - (reserved + waiting).min(decided.len() as u64),
            level_is_sound,
            counter_writes: written.level_writes,
            counter_writes_sold_out: written.level_writes - written.at_last_take,
            counter_peak_units: peak(true),
            other_peak_units: peak(false),
            throttled: usage.iter().map(|used| used.writes.throttled + used.reads.throttled).sum(),
            write_units,
            decided_p50_ms: percentile(500).unwrap_or(0),
            decided_p99_ms: percentile(990).unwrap_or(0),
            lasted_ms: last_us.saturating_sub(opened_us) / 1000,
            concurrency: pool.most(),
        })
    }
}

/// Runs work of the world's own to its end: it takes no virtual time.
fn finish<T: 'static>(
    executor: &mut Executor,
    pool: &Pool,
    work: impl Future<Output = Result<T, Failure>> + 'static,
) -> Result<T, SimulationError> {
    let outcome: Rc<std::cell::RefCell<Option<Result<T, Failure>>>> = Rc::default();
    let told = Rc::clone(&outcome);
    pool.spawner.spawn(async move {
        let found = work.await;
        *told.borrow_mut() = Some(found);
    });
    executor.run(pool.core.clock.now_us() + 60_000_000, || outcome.borrow().is_some());
    match outcome.borrow_mut().take() {
        Some(Ok(value)) => Ok(value),
        Some(Err(failure)) => Err(SimulationError::Setup(failure.to_string())),
        None => Err(SimulationError::Setup("the shop takes more than a minute to set up".to_owned())),
    }
}

async fn set_up(
    deps: &Deps,
    merchant: &MerchantId,
    sku: &Sku,
    location: &LocationId,
    stock: u32,
) -> Result<(), Failure> {
    let now = deps.clock.now();
    let registered = Merchant {
        id: merchant.clone(),
        name: "Sale".to_owned(),
        allocation_rule: AllocationRule::Split,
        return_window_days: 14,
        hold_unpaid_stock_minutes: 0,
        default_carrier_account: None,
        created_at: now,
    };
    deps.store.create(&Operation::of(&["sale", "merchant"]), Decision::of(registered)).await?;
    let item: Item = serde_json::from_value(serde_json::json!({ "sku": sku, "name": "Drop" }))
        .map_err(|error| Failure::bug(error.to_string()))?;
    let item = StoredItem { merchant: merchant.clone(), item, kits: 0 };
    deps.store.create(&Operation::of(&["sale", "item"]), Decision::of(item)).await?;
    let place: Location = serde_json::from_value(serde_json::json!({
        "id": location,
        "name": "Sofia",
        "address": Address { line1: "1 Depot".to_owned(), city: "Sofia".to_owned(), country: "BG".to_owned(), ..Address::default() },
    }))
    .map_err(|error| Failure::bug(error.to_string()))?;
    let place = StoredLocation { merchant: merchant.clone(), location: place };
    deps.store.create(&Operation::of(&["sale", "location"]), Decision::of(place)).await?;
    let id = ReceiptId::derive(merchant, &["sale"]);
    let movement = Movement::new(MovementKind::Receipt, stock, None, Some(Term::Available), id.as_str(), now);
    let change = StockChange::add(sku, location, stock, Term::Available).moved([movement.clone()]);
    let receipt = Receipt { id, sku: sku.clone(), location: location.clone(), movement, reference: None };
    let decision = Decision::of(receipt).with_stock([change]);
    deps.store.create(&Operation::of(&["sale", "stock"]), decision).await.map(drop)
}

fn order(merchant: &MerchantId, sku: &Sku, number: u64, now: jiff::Timestamp) -> Result<Order, SimulationError> {
    let setup = |error: String| SimulationError::Setup(error);
    let currency = Currency::parse("EUR").map_err(|error| setup(error.to_string()))?;
    let address = Address {
        line1: "1 Street".to_owned(),
        city: "Sofia".to_owned(),
        country: "BG".to_owned(),
        ..Address::default()
    };
    let incoming = IncomingOrder {
        source_id: number.to_string(),
        number: format!("#{number}"),
        placed_at: now,
        currency,
        total: Money::new(1000, currency),
        cash_on_delivery: None,
        payment_settled: true,
        lines: vec![IncomingLine {
            source_line_id: "1".to_owned(),
            sku: Some(sku.clone()),
            title: "Drop".to_owned(),
            quantity: 1,
            unit_price_minor: 1000,
        }],
        ship_to: Some(Person { name: "A Buyer".to_owned(), address, ..Person::default() }),
        delivery_method: None,
        note: None,
        priority: 0,
    };
    let facts = IntakeFacts {
        min_remaining_shelf_life_days: 0,
        merchant: merchant.clone(),
        channel: None,
        rule: AllocationRule::Split,
        hold_unpaid_stock_minutes: 0,
        known_skus: [sku.clone()].into(),
        content: number.to_string(),
        now,
    };
    Ok(Order::receive(&incoming, &facts).map_err(|error| setup(error.to_string()))?.next)
}

fn message(merchant: &MerchantId, order: &OrderId) -> OutgoingMessage {
    let message = MessageKind::Reserve { order: order.clone() }.for_merchant(merchant, order);
    OutgoingMessage {
        body: serde_json::to_string(&message).unwrap_or_default(),
        delay_seconds: None,
        group_id: Some(merchant.to_string()),
        attributes: BTreeMap::new(),
        trace_header: None,
    }
}
