//! Environments of a sale, and the event sources that invoke them: the queue in batches as large as wished, and the
//! stream of stock through the relay.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use platform::Deps;
use serde_json::{Value, json};
use testkit::connector::{EngineConnector, Gate};

use super::super::SimulationError;
use super::super::clock::{SeededIds, lock};
use super::super::core::Core;
use super::super::environment;
use super::super::executor::Spawner;
use super::super::functions;
use super::super::gate::{Fate, Running};
use super::super::mappings::done;
use super::Sale;
use super::gate::SaleGate;
use super::world::Ledger;
use crate::host::services::{Message, for_function};
use crate::template::{Stack, filter};

/// Messages of one receive (SQS's limit).
const RECEIVE_MAX: usize = 10;
/// How long a batch is gathered.
const WINDOW_US: u64 = 300_000;
/// Most invocations at the same time: what an account has by default.
const CONCURRENCY_MAX: usize = 1000;
/// The shortest freeze, seconds: past the time at which its messages come again.
const SHORTEST_FREEZE_S: u64 = 131;

struct Environment {
    deps: Rc<Deps>,
    running: Arc<Mutex<Running>>,
}

/// The environments. Clones share them.
#[derive(Clone)]
pub(super) struct Pool {
    pub(super) core: Arc<Core>,
    pub(super) spawner: Spawner,
    stack: Rc<Stack>,
    pub(super) ledger: Arc<Ledger>,
    /// Messages of one invocation, at most.
    batch: usize,
    ids: Arc<SeededIds>,
    idle: Rc<RefCell<BTreeMap<&'static str, Vec<Environment>>>>,
    busy: Rc<Cell<usize>>,
    most: Rc<Cell<usize>>,
    relay_behind: Rc<Cell<bool>>,
    /// Whether every order's message is sent.
    pub(super) crowd_is_in: Rc<Cell<bool>>,
}

/// Dependencies of a function over the engine, every call of theirs through the gate.
pub(super) fn dependencies(
    core: &Core,
    stack: &Stack,
    function: &str,
    ids: Arc<SeededIds>,
    gate: Option<Arc<dyn Gate>>,
) -> Result<Deps, SimulationError> {
    let declared = stack.functions.get(function).ok_or_else(|| SimulationError::NoFunction(function.to_owned()))?;
    let mut connector = EngineConnector::new(core.engine.clone());
    if let Some(gate) = gate {
        connector = connector.gate(gate);
    }
    environment::deps(declared, connector, &core.clock, core.agenda.clone(), &ids)
}

/// The queue that `stock-reservation` reads.
pub(super) fn queue_of(stack: &Stack) -> Result<String, SimulationError> {
    let name = "stock-reservation";
    let source = stack.functions.get(name).and_then(|function| function.queue_sources.first());
    source.map(|source| source.queue.clone()).ok_or_else(|| SimulationError::NoFunction(name.to_owned()))
}

/// Counts an invocation that ends, in whatever way.
struct Busy(Rc<Cell<usize>>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Pool {
    pub(super) fn new(core: Arc<Core>, stack: Stack, spawner: Spawner, ledger: Arc<Ledger>, sale: &Sale) -> Self {
        Self {
            core,
            spawner,
            stack: Rc::new(stack),
            ledger,
            batch: sale.batch,
            ids: Arc::new(SeededIds::new(sale.seed)),
            idle: Rc::default(),
            busy: Rc::default(),
            most: Rc::default(),
            relay_behind: Rc::default(),
            crowd_is_in: Rc::default(),
        }
    }

    /// Invocations that ran at the same time, at most.
    pub(super) fn most(&self) -> usize {
        self.most.get()
    }

    /// The queue that the function reads.
    pub(super) fn queue(&self) -> Result<String, SimulationError> {
        queue_of(&self.stack)
    }

    /// Whether nothing runs, is queued, or is still to be relayed.
    pub(super) fn is_drained(&self) -> bool {
        // Asked at every event: the queue is counted only when all else is at rest.
        if self.busy.get() > 0 || self.relay_behind.get() || !self.crowd_is_in.get() {
            return false;
        }
        let depth = self.queue().ok().and_then(|queue| self.core.engine.queues().depth(&queue).ok());
        depth.is_some_and(|depth| depth.visible + depth.in_flight + depth.delayed == 0)
    }

    /// Dependencies of a function: with a gate, or without latency and faults for the world's own work.
    pub(super) fn deps(&self, function: &str, running: Option<&Arc<Mutex<Running>>>) -> Result<Deps, SimulationError> {
        let gate = running.map(|running| -> Arc<dyn Gate> {
            Arc::new(SaleGate {
                core: Arc::clone(&self.core),
                running: Arc::clone(running),
                ledger: Arc::clone(&self.ledger),
            })
        });
        dependencies(&self.core, &self.stack, function, Arc::clone(&self.ids), gate)
    }

    /// Invokes a function; `then` gets its answer, `None` when it died or failed.
    fn invoke(&self, function: &'static str, event: Value, then: impl FnOnce(Option<Value>) + 'static) {
        let found = self.idle.borrow_mut().entry(function).or_default().pop();
        let environment = match found {
            Some(environment) => environment,
            None => {
                let running: Arc<Mutex<Running>> = Arc::default();
                match self.deps(function, Some(&running)) {
                    Ok(deps) => Environment { deps: Rc::new(deps), running },
                    Err(error) => {
                        self.core.say(format!("{function}: {error}"));
                        return then(None);
                    }
                }
            }
        };
        self.busy.set(self.busy.get() + 1);
        self.most.set(self.most.get().max(self.busy.get()));
        let busy = Busy(Rc::clone(&self.busy));
        let (pool, deps, running) = (self.clone(), Rc::clone(&environment.deps), Arc::clone(&environment.running));
        let task = self.spawner.spawn(async move {
            let _busy = busy;
            let answer = functions::invoke(function, deps, event).await;
            pool.idle.borrow_mut().entry(function).or_default().push(environment);
            then(answer.ok());
        });
        let drawn = Fate::drawn(&self.core, SHORTEST_FREEZE_S, || {
            // Among its first calls, or anywhere: a batch makes a claim for each of its orders.
            if self.core.chance(0.5) { 12 } else { 12 + self.batch as u64 }
        });
        *lock(&running) = Running { task: Some(task), calls: 0, fate: drawn };
    }

    /// Reads the queue in batches, for ever.
    pub(super) async fn read_queue(self, queue: String) {
        let batch = self.batch;
        let core = Arc::clone(&self.core);
        let mut gathered: Vec<Message> = Vec::new();
        let mut since_us = 0;
        loop {
            let most = RECEIVE_MAX.min(batch - gathered.len());
            let received = core.engine.queues().receive(&queue, most, None).unwrap_or_default();
            let empty = received.is_empty();
            if gathered.is_empty() {
                since_us = core.clock.now_us();
            }
            gathered.extend(received.into_iter().map(|message| for_function(message, &queue)));
            let over = !gathered.is_empty() && core.clock.now_us() >= since_us + WINDOW_US;
            if (gathered.len() >= batch || over) && self.busy.get() < CONCURRENCY_MAX {
                self.deliver(&queue, std::mem::take(&mut gathered));
            } else if empty || gathered.len() >= batch {
                core.agenda.pass(self.pause(&queue, !gathered.is_empty())).await;
            }
        }
    }

    /// Until the queue may have something: until a message is due again, but not so long that new ones wait.
    fn pause(&self, queue: &str, gathering: bool) -> Duration {
        const SHORT: Duration = Duration::from_millis(5);
        let due_ms = self.core.engine.queues().next_visible_at_ms(queue).ok().flatten();
        let left_ms = due_ms.map_or(u64::MAX, |due_ms| due_ms.saturating_sub(self.core.clock.now_us() / 1000));
        if gathering || !self.crowd_is_in.get() {
            return SHORT;
        }
        Duration::from_millis(left_ms).clamp(SHORT, 100 * SHORT)
    }

    fn deliver(&self, queue: &str, batch: Vec<Message>) {
        let core = Arc::clone(&self.core);
        let duplicate = core.profile().duplicate;
        for message in &batch {
            if core.chance(duplicate)
                && core.engine.queues().change_visibility(queue, &message.receipt_handle, 0).is_ok()
            {
                core.fault("message delivered twice");
            }
        }
        let records: Vec<&Value> = batch.iter().map(|message| &message.record).collect();
        let event = json!({ "Records": records });
        let queue = queue.to_owned();
        self.invoke("stock-reservation", event, move |answer| {
            let Some(answer) = answer else { return };
            for handle in done(&batch, &answer, true) {
                if let Err(error) = core.engine.queues().delete(&queue, handle) {
                    core.say(format!("{queue}: not deleted: {error}"));
                }
            }
        });
    }

    /// Relays what the level's writes announce, some 100 to 250 ms later.
    pub(super) async fn relay(self) {
        let source = self
            .stack
            .functions
            .get("relay")
            .and_then(|relay| relay.stream_sources.iter().find(|source| source.table.contains("stock")).cloned());
        let Some(source) = source else { return };
        let core = Arc::clone(&self.core);
        let mut position: Option<String> = None;
        loop {
            // Once the crowd is in, little is left to relay.
            let pause = if self.crowd_is_in.get() { core.draw_ms(500, 1000) } else { core.draw_ms(100, 250) };
            core.agenda.pass(pause).await;
            let records =
                core.engine.dynamodb().stream_records(&source.table, position.as_deref(), 1000).unwrap_or_default();
            let Some(last) = records.last() else {
                self.relay_behind.set(false);
                continue;
            };
            self.relay_behind.set(true);
            let wanted: Vec<&Value> = records
                .iter()
                .map(|record| &record.event)
                .filter(|event| source.filters.iter().any(|pattern| filter::matches(pattern, event)))
                .collect();
            if !wanted.is_empty() {
                let (relayed, event) = (Rc::new(Cell::new(false)), json!({ "Records": wanted }));
                let told = Rc::clone(&relayed);
                self.invoke("relay", event, move |answer| told.set(answer.is_some()));
                // The shard waits for its reader; one that died is asked again.
                for _ in 0..40 {
                    if relayed.get() {
                        break;
                    }
                    core.agenda.pass(Duration::from_millis(25)).await;
                }
                if !relayed.get() {
                    continue;
                }
            }
            position = Some(last.sequence_number.clone());
            let trimmed = core.engine.dynamodb().trim_stream(&source.table, &last.sequence_number);
            if let Err(error) = trimmed {
                core.say(format!("stream not trimmed: {error}"));
            }
        }
    }
}
