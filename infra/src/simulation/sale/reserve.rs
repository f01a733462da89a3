//! What one reservation costs: the real `stock-reservation` over the real SDK and the engine, one batch after the other,
//! without latency and faults.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::queues::OutgoingMessage;
use fastrand::Rng;
use http::Response;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use testkit::connector::{Call, Gate, Verdict, Wait};

use super::super::SimulationError;
use super::super::core::Core;
use super::super::functions;
use super::super::mappings::done;
use super::Costs;
use super::pool::queue_of;
use super::stage::Stage;
use crate::host::services::{Message, for_function};

/// Messages of one request to SQS, at most.
const MESSAGES_MAX: usize = 10;
/// Items of [`Basket::Spread`].
const ITEMS: usize = 200;

/// What is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basket {
    /// One line of one item that everybody wants.
    Hot,
    /// Three lines of different items, drawn from 200.
    Spread,
    /// One line of an item that is sold out: the order is told to wait.
    SoldOut,
}

impl Basket {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hot, Self::Spread, Self::SoldOut];

    fn items(self) -> usize {
        if self == Self::Spread { ITEMS } else { 1 }
    }

    fn lines(self, rng: &mut Rng) -> Vec<usize> {
        match self {
            Self::Hot | Self::SoldOut => vec![0],
            Self::Spread => rng.choose_multiple(0..ITEMS, 3),
        }
    }
}

/// What it cost. All but the time repeats exactly.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Orders that were reserved or told to wait.
    pub orders: u64,
    /// Units and requests of DynamoDB.
    pub costs: Costs,
    /// Its requests by operation.
    pub operations: BTreeMap<String, u64>,
    /// Requests to SQS by the function itself.
    pub function_sqs: u64,
    /// Requests to SQS by the event source: receives and deletions of ten messages each.
    pub source_sqs: u64,
    /// CPU time of the thread per order in microseconds, without the engine: the median of the batches.
    pub cpu_us: f64,
    /// The engine's, which stands in for AWS.
    pub engine_cpu_us: f64,
}

/// Lets every call through at once, and counts the CPU time between its arrival and its answer: the engine's.
#[derive(Default)]
struct Stopwatch {
    began_ns: AtomicU64,
    engine_ns: AtomicU64,
}

impl Gate for Stopwatch {
    fn arrive<'a>(&'a self, _: &'a Call<'a>) -> Wait<'a, Verdict> {
        Box::pin(async {
            self.began_ns.store(thread_cpu_ns(), Ordering::Relaxed);
            Verdict::Pass
        })
    }

    fn answer<'a>(&'a self, _: &'a Call<'a>, _: &'a Response<Vec<u8>>) -> Wait<'a, Verdict> {
        // Nothing else is polled in between: the engine's own wait is over at once.
        let took_ns = thread_cpu_ns().saturating_sub(self.began_ns.load(Ordering::Relaxed));
        self.engine_ns.fetch_add(took_ns, Ordering::Relaxed);
        Box::pin(std::future::ready(Verdict::Pass))
    }
}

/// CPU time that this thread has used.
fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Reserves so many orders in batches, and counts.
///
/// # Errors
/// [`SimulationError`], also when an order was not dealt with.
pub fn measure(template: &Path, basket: Basket, batch: usize, orders: u64) -> Result<Measured, SimulationError> {
    let setup = |error: String| SimulationError::Setup(error);
    let mut stage = Stage::new(template, 1, basket.items())?;
    let (core, shop) = (Arc::clone(&stage.core), Rc::clone(&stage.shop));
    let (now, mut rng) = (core.clock.now(), Rng::with_seed(1));
    let placed =
        (0..orders).map(|number| shop.order(number, &basket.lines(&mut rng), now)).collect::<Result<Vec<_>, _>>()?;
    let messages: Vec<OutgoingMessage> = placed.iter().map(|order| shop.message(&order.id)).collect();
    let stock = if basket == Basket::SoldOut { 0 } else { u32::try_from(orders).unwrap_or(u32::MAX) };
    stage.open(stock, placed)?;
    let queue = queue_of(&stage.stack)?;
    for part in messages.chunks(MESSAGES_MAX) {
        core.engine.queues().send_batch(&queue, part).map_err(|error| setup(error.to_string()))?;
    }
    let stopwatch = Arc::new(Stopwatch::default());
    let gate: Arc<dyn Gate> = Arc::clone(&stopwatch) as _;
    let deps = Rc::new(stage.deps("stock-reservation", Some(gate))?);
    let (before, from) = (Costs::so_far(&core), core.engine.meter().snapshot());
    let (mut source_sqs, mut dealt_with) = (0, 0);
    let (mut own_us, mut engine_us) = (Vec::new(), Vec::new());
    loop {
        let (gathered, receives) = gather(&core, &queue, batch)?;
        if gathered.is_empty() {
            break;
        }
        let records: Vec<&Value> = gathered.iter().map(|message| &message.record).collect();
        let (event, deps) = (json!({ "Records": records }), Rc::clone(&deps));
        let (began_ns, engine_began_ns) = (thread_cpu_ns(), stopwatch.engine_ns.load(Ordering::Relaxed));
        let answer = stage.finish(functions::invoke("stock-reservation", deps, event))?;
        let answer = answer.map_err(|error| setup(error.to_string()))?;
        let engine_ns = stopwatch.engine_ns.load(Ordering::Relaxed) - engine_began_ns;
        let own_ns = (thread_cpu_ns() - began_ns).saturating_sub(engine_ns);
        own_us.push(own_ns as f64 / 1000.0 / gathered.len() as f64);
        engine_us.push(engine_ns as f64 / 1000.0 / gathered.len() as f64);
        let handles = done(&gathered, &answer, true);
        dealt_with += handles.len() as u64;
        source_sqs += receives;
        for part in handles.chunks(MESSAGES_MAX) {
            core.engine.queues().delete_batch(&queue, part).map_err(|error| setup(error.to_string()))?;
            source_sqs += 1;
        }
    }
    if dealt_with != orders {
        return Err(setup(format!("{} of {orders} orders were not dealt with", orders - dealt_with)));
    }
    let to = core.engine.meter().snapshot();
    Ok(Measured {
        orders,
        costs: Costs::so_far(&core).since(before),
        operations: grown(&from.dynamodb, &to.dynamodb),
        function_sqs: grown(&from.sqs, &to.sqs).values().sum(),
        source_sqs,
        cpu_us: median(own_us),
        engine_cpu_us: median(engine_us),
    })
}

/// A batch, and how many receives it took.
fn gather(core: &Core, queue: &str, batch: usize) -> Result<(Vec<Message>, u64), SimulationError> {
    let (mut gathered, mut receives) = (Vec::new(), 0);
    while gathered.len() < batch {
        let most = MESSAGES_MAX.min(batch - gathered.len());
        let received = core.engine.queues().receive(queue, most, None);
        let received = received.map_err(|error| SimulationError::Setup(error.to_string()))?;
        if received.is_empty() {
            break;
        }
        receives += 1;
        gathered.extend(received.into_iter().map(|message| for_function(message, queue)));
    }
    Ok((gathered, receives))
}

fn grown(from: &BTreeMap<String, u64>, to: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let grown = |(name, count): (&String, &u64)| (name.clone(), count - from.get(name).copied().unwrap_or(0));
    to.iter().map(grown).filter(|(_, count)| *count > 0).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
