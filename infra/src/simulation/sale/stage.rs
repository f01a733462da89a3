//! A shop over an engine, on one thread and a virtual clock, before anything has happened.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use domain::order::Order;
use engine::Engine;
use platform::{Deps, Table};
use testkit::connector::Gate;

use super::super::SimulationError;
use super::super::clock::{SeededIds, VirtualClock};
use super::super::core::Core;
use super::super::executor::{Executor, Spawner};
use super::super::faults::Profile;
use super::super::trace::Trace;
use super::pool::dependencies;
use super::shop::Shop;
use super::world::{self, finished};
use crate::template::Stack;

/// The shop, and what runs it.
pub(super) struct Stage {
    pub(super) core: Arc<Core>,
    pub(super) stack: Stack,
    pub(super) spawner: Spawner,
    pub(super) executor: Executor,
    pub(super) shop: Rc<Shop>,
    ids: Arc<SeededIds>,
}

impl Stage {
    /// A stage for a shop of so many items.
    pub(super) fn new(template: &Path, seed: u64, items: usize) -> Result<Self, SimulationError> {
        fastrand::seed(seed);
        let clock = VirtualClock::new();
        let engine = Engine::memory(Arc::new(clock.clone()), seed)?;
        let stack = world::stack(template)?;
        crate::host::provision::all(&engine, &stack)?;
        let core = Arc::new(Core::new(seed, engine, clock, Profile::none(), Trace::none()));
        let spawner = Spawner::default();
        let executor = Executor::new(core.agenda.clone(), core.reins.clone(), spawner.clone());
        let shop = Rc::new(Shop::new(items)?);
        Ok(Self { core, stack, spawner, executor, shop, ids: Arc::new(SeededIds::new(seed)) })
    }

    /// Dependencies of a function.
    pub(super) fn deps(&self, function: &str, gate: Option<Arc<dyn Gate>>) -> Result<Deps, SimulationError> {
        dependencies(&self.core, &self.stack, function, Arc::clone(&self.ids), gate)
    }

    /// Registers the shop with so many units of each item, and stores orders as intake leaves them.
    pub(super) fn open(&mut self, stock: u32, orders: Vec<Order>) -> Result<(), SimulationError> {
        let (deps, shop) = (self.deps("operations", None)?, Rc::clone(&self.shop));
        let opened = self.finish(async move {
            shop.open(&deps, stock).await?;
            deps.store.put_all(Table::Orders, &orders).await
        })?;
        opened.map_err(|failure| SimulationError::Setup(failure.to_string()))
    }

    /// Runs a future to its end.
    pub(super) fn finish<T: 'static>(&mut self, work: impl Future<Output = T> + 'static) -> Result<T, SimulationError> {
        finished(&mut self.executor, &self.core, &self.spawner, work)
    }
}
