//! A flash sale: one item at one location, thousands of orders a second, stock for a part of them. The real
//! `stock-reservation` and `relay` over the real SDK, against an engine whose partitions serve what DynamoDB's do.

mod fairness;
mod gate;
mod pool;
mod report;
mod reserve;
mod rival;
mod shop;
mod stage;
mod world;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use engine::dynamodb::adversity::Budgets;
use engine::meter::Units;

use super::SimulationError;
use super::clock::VirtualClock;
use super::core::Core;
use super::executor::{Executor, Spawner};
use super::faults::Profile;
use super::side_by_side::{processors, side_by_side};
use super::trace::Trace;
use pool::Pool;
use world::{Ledger, World};

pub use fairness::{Fairness, fairness};
pub use report::print;
pub use reserve::{Basket, Measured, measure};
pub use rival::{Rival, transaction_per_order};

/// Which sale to hold.
#[derive(Debug, Clone)]
pub struct Sale {
    /// The template.
    pub template: PathBuf,
    /// The seed.
    pub seed: u64,
    /// Orders, each for one unit.
    pub orders: u64,
    /// Units there are.
    pub stock: u32,
    /// Orders that arrive in a second.
    pub rate_per_s: u64,
    /// Messages that are reserved together: the batch of the event source.
    pub batch: usize,
    /// What goes wrong.
    pub profile: Profile,
}

/// What a sale came to.
#[derive(Debug, Clone, PartialEq)]
pub struct SaleReport {
    /// Orders there were.
    pub orders: u64,
    /// Orders that were reserved.
    pub reserved: u64,
    /// Orders that were told to wait.
    pub waiting: u64,
    /// Orders that were promised units which there are not.
    pub oversold: u64,
    /// Units left over while orders wait.
    pub undersold: u64,
    /// Orders that nobody decided.
    pub lost: u64,
    /// Whether the level keeps the stock equation, holds what the orders hold, and has no open take at the end.
    pub level_is_sound: bool,
    /// Writes of the level: takes and closes, also those whose condition failed.
    pub counter_writes: u64,
    /// Those whose condition failed.
    pub counter_writes_in_vain: u64,
    /// Orders that were decided after the last write of the level that succeeded: all units were reserved by then.
    pub refused_sold_out: u64,
    /// Writes of the level after that one.
    pub counter_writes_sold_out: u64,
    /// Write units of the level's partition in its busiest second.
    pub counter_peak_units: f64,
    /// Write units of the busiest other partition, table or index, in its busiest second.
    pub other_peak_units: f64,
    /// Calls that a partition refused for want of units.
    pub throttled: u64,
    /// What it cost.
    pub costs: Costs,
    /// Virtual milliseconds from an order's message to its decision: the median.
    pub decided_p50_ms: u64,
    /// The 99th percentile.
    pub decided_p99_ms: u64,
    /// Virtual milliseconds from the first message to the last decision.
    pub lasted_ms: u64,
    /// Invocations that ran at the same time, at most.
    pub concurrency: usize,
}

/// Units and requests of DynamoDB, all tables and indexes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Costs {
    /// Write units.
    pub write_units: f64,
    /// Read units.
    pub read_units: f64,
    /// Requests.
    pub requests: u64,
}

impl Costs {
    /// What the engine's meter has counted so far.
    fn so_far(core: &Core) -> Self {
        let snapshot = core.engine.meter().snapshot();
        let units = |of: fn(&Units) -> f64| snapshot.tables.values().map(|table| of(&table.units.total)).sum();
        Self {
            write_units: units(|units| units.write),
            read_units: units(|units| units.read),
            requests: snapshot.dynamodb.values().sum(),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            write_units: self.write_units - before.write_units,
            read_units: self.read_units - before.read_units,
            requests: self.requests - before.requests,
        }
    }
}

impl SaleReport {
    /// Whether nothing was oversold, undersold or lost.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.oversold == 0 && self.undersold == 0 && self.lost == 0 && self.level_is_sound
    }
}

/// By then everything that failed has come again.
const DRAINED_WITHIN: Duration = Duration::from_secs(3600);

/// Holds a sale.
///
/// # Errors
/// [`SimulationError`] when there is no sale to speak of.
pub fn hold(sale: &Sale) -> Result<SaleReport, SimulationError> {
    fastrand::seed(sale.seed);
    let clock = VirtualClock::new();
    let engine = Engine::memory(Arc::new(clock.clone()), sale.seed)?;
    let stack = world::stack(&sale.template)?;
    crate::host::provision::all(&engine, &stack)?;
    let core = Arc::new(Core::new(sale.seed, engine, clock, Profile::none(), Trace::none()));
    let spawner = Spawner::default();
    let mut executor = Executor::new(core.agenda.clone(), core.reins.clone(), spawner.clone());
    let ledger = Arc::new(Ledger::default());
    let pool = Pool::new(Arc::clone(&core), stack, spawner, Arc::clone(&ledger), sale);
    let world = World::set_up(&mut executor, &pool, sale)?;
    // Reservation reads consistently: what lags is the rest of the chain, which is not here.
    core.begin_within(Profile { stale: 0.0, ..sale.profile.clone() }, Some(Budgets::default()));
    let before = Costs::so_far(&core);
    let open_at_us = core.clock.now_us();
    world.open(&pool, sale);
    executor.run(core.clock.after_us(DRAINED_WITHIN), || pool.is_drained());
    core.heal();
    executor.run(core.clock.now_us() + 600_000_000, || pool.is_drained());
    let costs = Costs::so_far(&core).since(before);
    world.report(&mut executor, &pool, sale, open_at_us, costs)
}

/// Holds several sales, as many at a time as there are processors. Gives their reports in the same order.
///
/// # Errors
/// The first that [`hold`] has.
pub fn hold_all(sales: &[Sale]) -> Result<Vec<SaleReport>, SimulationError> {
    side_by_side(sales, processors(), hold).into_iter().collect()
}
