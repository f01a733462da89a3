//! The shop before the doors open, the crowd, and the count afterwards.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use domain::OrderId;
use domain::order::{FulfilmentState, Order};
use domain::stock::Term;
use engine::queues::OutgoingMessage;
use platform::items::{StoredLevel, order_key};
use platform::{Failure, Table};
use testkit::connector::Call;

use super::super::SimulationError;
use super::super::clock::lock;
use super::super::core::Core;
use super::super::declared;
use super::super::executor::{Executor, Spawner};
use super::pool::Pool;
use super::shop::Shop;
use super::{Costs, Sale, SaleReport};
use crate::template::{self, Overrides, Stack};

/// Parts of every list, and of the queue of those who come too late: at forty thousand orders a second each part must serve
/// less than a partition can.
const LIST_SHARDS: u32 = 64;

/// The stack, as an operator configures it before a sale. The orders' table has no stream: nobody reads it here, and it
/// would only slow the engine.
pub(super) fn stack(template: &Path) -> Result<Stack, SimulationError> {
    let mut parameters = declared::parameters();
    parameters.insert("ListShards".to_owned(), LIST_SHARDS.to_string());
    let mut stack = template::load(template, &Overrides { parameters, ..Overrides::default() })?;
    for table in stack.tables.iter_mut().filter(|table| table.name.contains("orders")) {
        if let Some(create) = table.create.as_object_mut() {
            create.remove("StreamSpecification");
        }
    }
    Ok(stack)
}

/// What was written, as the gates saw it.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Written>);

#[derive(Default)]
struct Written {
    level_writes: u64,
    /// Those of them whose condition failed: another batch was faster.
    in_vain: u64,
    /// Level writes when the last of them succeeded: from then on nothing was to be had.
    at_last_success: u64,
    last_success_us: u64,
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
                    written.at_last_success = written.level_writes;
                    written.last_success_us = now_us;
                } else {
                    written.in_vain += 1;
                }
            }
            "PutItem" if succeeded => {
                if let Some(key) = order_put(call.request.body()) {
                    written.decided_us.entry(key.to_owned()).or_insert(now_us);
                }
            }
            _ => {}
        }
    }
}

/// The partition key of the order that a put writes, if it writes one. Found as text: a sale makes too many puts to parse
/// them all, and within an item's own texts a quote is escaped.
fn order_put(body: &[u8]) -> Option<&str> {
    let body = std::str::from_utf8(body).ok()?;
    let (_, key) = body.contains(r#""sk":{"S":"order"}"#).then(|| body.split_once(r#""pk":{"S":""#))??;
    key.split('"').next()
}

/// The shop, its orders, and who is in already.
pub(super) struct World {
    shop: Rc<Shop>,
    orders: Rc<Vec<OrderId>>,
    sent: Rc<Cell<u64>>,
}

impl World {
    /// One item, one location, the stock, and the orders as intake has left them.
    pub(super) fn set_up(executor: &mut Executor, pool: &Pool, sale: &Sale) -> Result<Self, SimulationError> {
        let shop = Rc::new(Shop::new(1)?);
        let deps = pool.deps("operations", None)?;
        let now = deps.clock.now();
        let orders = (0..sale.orders).map(|number| shop.order(number, &[0], now)).collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<OrderId> = orders.iter().map(|order| order.id.clone()).collect();
        let (opening, stock) = (Rc::clone(&shop), sale.stock);
        finish(executor, pool, async move {
            opening.open(&deps, stock).await?;
            deps.store.put_all(Table::Orders, &orders).await
        })?;
        Ok(Self { shop, orders: Rc::new(ids), sent: Rc::default() })
    }

    /// The crowd comes in, evenly, and the readers begin.
    pub(super) fn open(&self, pool: &Pool, sale: &Sale) {
        let Ok(queue) = pool.queue() else { return };
        let (core, shop, orders, sent) =
            (pool.core.clone(), Rc::clone(&self.shop), Rc::clone(&self.orders), Rc::clone(&self.sent));
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
                        orders[first..last].iter().map(|order| shop.message(order)).collect();
                    if let Err(error) = core.engine.queues().send_batch(&crowd_queue, &messages) {
                        core.say(format!("not sent: {error}"));
                    }
                    sent.set(last as u64);
                }
            }
            crowd_is_in.set(true);
        });
        pool.spawner.spawn(pool.clone().read_queue(queue));
        pool.spawner.spawn(pool.clone().relay());
    }

    /// Counts what became of every order and of the stock.
    pub(super) fn report(
        &self,
        executor: &mut Executor,
        pool: &Pool,
        sale: &Sale,
        opened_us: u64,
        costs: Costs,
    ) -> Result<SaleReport, SimulationError> {
        let usage = pool.core.engine.dynamodb().partition_usage();
        let deps = pool.deps("stock-reservation", None)?;
        let keys: Vec<_> = self.orders.iter().map(order_key).collect();
        let level_key = self.shop.level_key(0).ok_or_else(|| SimulationError::Setup("no item".to_owned()))?;
        let counter_key = level_key.pk.clone();
        let (orders, level) = finish(executor, pool, async move {
            Ok((deps.store.load_many::<Order>(&keys).await?, deps.store.load::<StoredLevel>(&level_key).await?))
        })?;
        let in_state = |state: FulfilmentState| orders.iter().filter(|order| order.body.fulfilment == state).count();
        let reserved = in_state(FulfilmentState::Allocated) as u64;
        let waiting = in_state(FulfilmentState::Backordered) as u64;
        let level_is_sound = level.is_some_and(|stored| {
            let (level, takes) = (stored.body.level(), stored.body.takes());
            let held = u64::try_from(level.get(Term::Reserved)).ok();
            level.is_sound() && takes.is_empty() && held == Some(reserved) && level.get(Term::OpenTakes) == 0
        });
        let peak = |of_counter: bool| {
            let of = usage
                .iter()
                .filter(|used| (used.partition.index.is_none() && used.partition.key == counter_key) == of_counter);
            of.map(|used| used.writes.peak_units_per_second).fold(0.0, f64::max)
        };
        let written = lock(&pool.ledger.0);
        let sent_us = |number: u64| opened_us + number * 1_000_000 / sale.rate_per_s.max(1);
        let mut waits_ms: Vec<u64> = (0..)
            .zip(self.orders.iter())
            .filter_map(|(number, order)| {
                let decided_us = written.decided_us.get(&order_key(order).pk)?;
                Some(decided_us.saturating_sub(sent_us(number)) / 1000)
            })
            .collect();
        waits_ms.sort_unstable();
        let percentile = |percent: usize| waits_ms.get(waits_ms.len() * percent / 100).copied().unwrap_or(0);
        let last_us = written.decided_us.values().max().copied().unwrap_or(opened_us);
        let refused = written.decided_us.values().filter(|at_us| **at_us > written.last_success_us).count();
        Ok(SaleReport {
            orders: sale.orders,
            reserved,
            waiting,
            oversold: reserved.saturating_sub(u64::from(sale.stock)),
            undersold: sale.orders.min(u64::from(sale.stock)).saturating_sub(reserved),
            lost: sale.orders.saturating_sub(reserved + waiting),
            level_is_sound,
            counter_writes: written.level_writes,
            counter_writes_in_vain: written.in_vain,
            refused_sold_out: refused as u64,
            counter_writes_sold_out: written.level_writes - written.at_last_success,
            counter_peak_units: peak(true),
            other_peak_units: peak(false),
            throttled: usage.iter().map(|used| used.writes.throttled + used.reads.throttled).sum(),
            costs,
            decided_p50_ms: percentile(50),
            decided_p99_ms: percentile(99),
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
    finished(executor, &pool.core, &pool.spawner, work)?.map_err(|failure| SimulationError::Setup(failure.to_string()))
}

/// Runs a future to its end.
pub(super) fn finished<T: 'static>(
    executor: &mut Executor,
    core: &Core,
    spawner: &Spawner,
    work: impl Future<Output = T> + 'static,
) -> Result<T, SimulationError> {
    let outcome: Rc<RefCell<Option<T>>> = Rc::default();
    let told = Rc::clone(&outcome);
    spawner.spawn(async move {
        let found = work.await;
        *told.borrow_mut() = Some(found);
    });
    executor.run(core.clock.now_us() + 60_000_000, || outcome.borrow().is_some());
    let found = outcome.borrow_mut().take();
    found.ok_or_else(|| SimulationError::Setup("it takes more than a minute".to_owned()))
}
