//! One look: load consistently, decide, store.

use crate::{Swept, polls};
use domain::order::Order;
use domain::pick_task::PickTask;
use domain::shipment::Shipment;
use domain::sweep::Parts;
use domain::tracker::Tracker;
use domain::{Decision, LocationId, MerchantId, PickTaskId, Sku};
use jiff::Timestamp;
use platform::items::{pick_task_key, shipment_key};
use platform::{Deps, Failure, Key, Operation, Stored, Versioned};
use std::collections::BTreeSet;

/// A run under way.
pub(crate) struct Run {
    pub(crate) now: Timestamp,
    pub(crate) swept: Swept,
    /// Levels that the orders looked at count on.
    pub(crate) levels: BTreeSet<(MerchantId, Sku, LocationId)>,
    /// Carriers that do not answer: not asked again in this run.
    pub(crate) silent: BTreeSet<String>,
}

impl Run {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { now, swept: Swept::default(), levels: BTreeSet::new(), silent: BTreeSet::new() }
    }
}

pub(crate) async fn look(deps: &Deps, run: &mut Run, key: &Key) -> Result<(), Failure> {
    match key.sk.as_str() {
        "order" => look_at_order(deps, run, key).await,
        "shipment" => look_at_shipment(deps, run, key).await,
        "tracker" => look_at_tracker(deps, run, key).await,
        other => Err(Failure::bug(format!("a `{other}` has no due instant"))),
    }
}

/// The item that an index entry stands for, if it is due indeed: index reads are hints.
async fn due<T: Stored>(
    deps: &Deps,
    run: &Run,
    key: &Key,
    due_at: impl Fn(&T) -> Option<Timestamp>,
) -> Result<Option<Versioned<T>>, Failure> {
    let loaded = deps.store.load::<T>(key).await?;
    Ok(loaded.filter(|loaded| due_at(&loaded.body).is_some_and(|due| due <= run.now)))
}

async fn look_at_order(deps: &Deps, run: &mut Run, key: &Key) -> Result<(), Failure> {
    let Some(order) = due(deps, run, key, Order::look_due_at).await? else { return Ok(()) };
    let merchant = order.body.merchant();
    let mut parts = Parts::default();
    for active in order.body.fulfillment_orders.iter().filter(|f| f.is_active()) {
        let task = PickTaskId::of(&order.body.id, active.number);
        if let Some(shipment) = deps.store.load::<Shipment>(&shipment_key(&task.shipment())).await? {
            parts.shipments.insert(active.number, shipment.body);
        }
        if let Some(task) = deps.store.load::<PickTask>(&pick_task_key(&task)).await? {
            parts.tasks.insert(active.number, task.body);
        }
        let skus = active.lines.iter().filter_map(|line| order.body.line(line.line)?.sku.clone());
        run.levels.extend(skus.map(|sku| (merchant.clone(), sku, active.location.clone())));
    }
    let decision = order.body.look(&parts, run.now);
    store(deps, run, order, decision).await
}

async fn look_at_shipment(deps: &Deps, run: &mut Run, key: &Key) -> Result<(), Failure> {
    let Some(shipment) = due(deps, run, key, Shipment::reconcile_due_at).await? else { return Ok(()) };
    let decision = shipment.body.look(run.now);
    store(deps, run, shipment, decision).await
}

async fn look_at_tracker(deps: &Deps, run: &mut Run, key: &Key) -> Result<(), Failure> {
    let Some(tracker) = due(deps, run, key, Tracker::poll_due_at).await? else { return Ok(()) };
    if tracker.body.is_silent(run.now) && !polls::ask(deps, run, &tracker.body).await? {
        // It stays due: the carrier is asked again in a minute.
        return Ok(());
    }
    let decision = tracker.body.look(run.now);
    store(deps, run, tracker, decision).await
}

async fn store<T: Stored>(
    deps: &Deps,
    run: &mut Run,
    mut loaded: Versioned<T>,
    decision: Decision<T>,
) -> Result<(), Failure> {
    let operation = Operation::of(&["sweep"]);
    // Looks must not push out what callers repeat their requests by: an item remembers the last one only.
    loaded.operations.retain(|mark| *mark != operation.mark());
    let owed = decision.messages.clone();
    let (writes, _) = deps.store.write_of(Some(&loaded), decision, &operation)?;
    match deps.store.apply(writes).await {
        Ok(()) => {
            for message in &owed {
                tracing::info!(correlation_id = message.correlation_id, message = ?message.kind, "sent again");
                run.swept.messages += 1;
            }
            Ok(())
        }
        // It moved by itself at this moment, so it is not stuck.
        Err(Failure::Conflict(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}
