//! The design that lost: one transaction an order, of the order and the level, by the store's own commit.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Decision;
use domain::order::Order;
use engine::dynamodb::adversity::{Adversities, Budgets};
use platform::items::order_key;
use platform::{Failure, Operation, Step};

use super::super::SimulationError;
use super::super::gate::Running;
use super::Costs;
use super::gate::SaleGate;
use super::stage::Stage;
use super::world::Ledger;

/// What it came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rival {
    /// Orders that came in a second.
    pub offered_per_s: u64,
    /// Orders that were reserved in a second, while they came.
    pub served_per_s: f64,
    /// Orders whose six tries were spent, of a hundred: their messages would come again.
    pub spent_percent: f64,
    /// Write units per order that was reserved, those of cancelled transactions included.
    pub write_units: f64,
}

/// Sends orders of one item, each of which is reserved by a transaction of its own, for so many virtual seconds.
///
/// # Errors
/// [`SimulationError`] when the shop cannot be set up.
pub fn transaction_per_order(
    template: &Path,
    seed: u64,
    offered_per_s: u64,
    lasts_s: u64,
) -> Result<Rival, SimulationError> {
    let mut stage = Stage::new(template, seed, 1)?;
    let (core, shop, offered) = (Arc::clone(&stage.core), Rc::clone(&stage.shop), offered_per_s * lasts_s);
    let now = core.clock.now();
    let placed = (0..offered).map(|number| shop.order(number, &[0], now)).collect::<Result<Vec<_>, _>>()?;
    let keys: Vec<_> = placed.iter().map(|order| order_key(&order.id)).collect();
    stage.open(u32::try_from(offered).unwrap_or(u32::MAX), placed)?;
    core.engine.dynamodb().set_adversities(Adversities {
        seed,
        budgets: Some(Budgets::default()),
        ..Adversities::default()
    });
    let gate = SaleGate {
        core: Arc::clone(&core),
        running: Arc::new(Mutex::new(Running::default())),
        ledger: Arc::new(Ledger::default()),
    };
    let deps = Rc::new(stage.deps("stock-reservation", Some(Arc::new(gate)))?);
    let before = Costs::so_far(&core);
    // When each order was reserved, or nothing if its tries were spent.
    let outcomes: Rc<RefCell<Vec<Option<u64>>>> = Rc::default();
    let (opened_us, lasts_us) = (core.clock.now_us(), lasts_s * 1_000_000);
    for (number, key) in (0..).zip(keys) {
        let (deps, shop, core, outcomes) =
            (Rc::clone(&deps), Rc::clone(&shop), Arc::clone(&core), Rc::clone(&outcomes));
        stage.spawner.spawn(async move {
            core.agenda.until(opened_us + number * 1_000_000 / offered_per_s.max(1)).await;
            let operation = Operation::of(&["reserve", &key.pk]);
            let done = deps.store.change::<Order, Step<Order>>(&key, &operation, async |loaded| {
                let order = loaded.ok_or_else(|| Failure::bug("an order is gone"))?.body.clone();
                Ok(Decision::of(order).with_stock(shop.reserves(0)).into())
            });
            let outcome = done.await.ok().map(|_| core.clock.now_us());
            outcomes.borrow_mut().push(outcome);
        });
    }
    stage.executor.run(opened_us + lasts_us + Duration::from_secs(60).as_micros() as u64, || {
        outcomes.borrow().len() as u64 >= offered
    });
    let outcomes = outcomes.borrow();
    let (reserved, in_time) = (
        outcomes.iter().flatten().count(),
        outcomes.iter().flatten().filter(|at_us| **at_us <= opened_us + lasts_us).count(),
    );
    Ok(Rival {
        offered_per_s,
        served_per_s: in_time as f64 / lasts_s as f64,
        spent_percent: (outcomes.len() - reserved) as f64 * 100.0 / offered as f64,
        write_units: Costs::so_far(&core).since(before).write_units / reserved.max(1) as f64,
    })
}
