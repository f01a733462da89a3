//! The recall of a lot goes on by itself: stock is blocked, orders are held, and who has units is written down.
//!
//! Who has units is found without reading every order: by the floor's lists of the locations that promised some, by the orders
//! on hold (whose units no task exists for), by the ledger (what was picked or sent), and by what was found before. Whether that
//! is everybody is checked against the levels: [`Recall::look`] goes on only when the sums agree.

use crate::look::{Run, due, levels_of_lot};
use domain::order::{Hold, HoldReason, Order};
use domain::pick_task::PickTask;
use domain::recall::{Found, Recall, RecalledAt, RecalledUnits};
use domain::stock::{Level, MovementKind};
use domain::{LocationId, OrderId, PickTaskId, ShipmentId};
use platform::items::{
    RECALLED_PREFIX, StoredMovement, WORK_INDEX, movements_partition, order_key, recall_partition, sort_instant,
    work_parts,
};
use platform::listing::PageRequest;
use platform::partition::PartitionList;
use platform::{Deps, Failure, Key, Operation, Stored, Table, Versioned};
use std::collections::BTreeSet;

/// Entries read at once.
const PAGE: usize = 100;
/// Pages of a ledger, or of a list, that one look reads.
const PAGES_MAX: usize = 50;
/// Most entries of a recall's list that a look reads again.
const LISTED_MAX: usize = 5000;

pub(crate) async fn look_at_recall(deps: &Deps, run: &mut Run, key: &Key) -> Result<(), Failure> {
    let Some(recall) = due(deps, run, key, |recall: &Recall| recall.next_look_at).await? else { return Ok(()) };
    let body = &recall.body;
    let levels = levels_of_lot(deps, &body.merchant(), &body.sku, &body.lot).await?;
    let found = if body.seeks() { Some(seek(deps, run, body, &levels).await?) } else { None };
    let operation = Operation::of(&["sweep", &key.pk, &recall.version.to_string()]);
    let decision = body.look(&levels, found, run.now);
    tracing::info!(recall = %body.id, state = ?decision.next.state, "recall");
    let (writes, _) = deps.store.write_of(Some(&recall), decision, &operation)?;
    match deps.store.apply(writes).await {
        // Stock moved at this moment: the next look finds it.
        Ok(()) | Err(Failure::Conflict(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Holds every order that has units in the warehouse, and writes down who has some.
async fn seek(deps: &Deps, run: &Run, recall: &Recall, levels: &[(LocationId, Level)]) -> Result<Found, Failure> {
    let mut found = Found { read: recall.read.clone(), to_the_end: true, in_warehouse: 0 };
    let mut orders: BTreeSet<OrderId> = BTreeSet::new();
    let partition = recall_partition(&recall.id);
    let listed = deps.store.query::<RecalledUnits>(Table::Stock, &partition, RECALLED_PREFIX, LISTED_MAX).await?;
    orders.extend(listed.into_iter().map(|(_, entry)| entry.body.order));
    for (location, _) in levels {
        orders.extend(on_the_floor(deps, recall, location).await?);
        orders.extend(in_the_ledger(deps, recall, location, &mut found).await?);
    }
    orders.extend(on_hold(deps, recall).await?);
    let keys: Vec<_> = orders.iter().map(order_key).collect();
    for order in deps.store.load_many::<Order>(&keys).await? {
        let entries = recall.units_of(&order.body);
        let in_warehouse = entries.iter().filter(|entry| entry.at == RecalledAt::Warehouse);
        let units: i64 = in_warehouse.map(|entry| i64::from(entry.units)).sum();
        if units > 0 {
            hold(deps, run, recall, &order.body.id).await?;
        }
        found.in_warehouse += units;
        let operation = Operation::of(&["recall", recall.id.as_str()]);
        for entry in entries {
            deps.store.put_child(&entry, &operation).await?;
        }
    }
    Ok(found)
}

/// Orders whose tasks at a location pick the lot, or put it back.
async fn on_the_floor(deps: &Deps, recall: &Recall, location: &LocationId) -> Result<Vec<OrderId>, Failure> {
    let merchant = recall.merchant();
    let parts = work_parts(&merchant, location);
    let has_lot = |task: &PickTask| {
        task.lines.iter().any(|line| line.sku == recall.sku && line.lot.as_ref() == Some(&recall.lot))
    };
    let tasks = every(deps, Table::Tasks, WORK_INDEX, &parts, has_lot).await?;
    Ok(tasks.into_iter().map(|task| task.body.order).collect())
}

/// Orders on hold that stock is held for: no task is made of them.
async fn on_hold(deps: &Deps, recall: &Recall) -> Result<Vec<OrderId>, Failure> {
    let merchant = recall.merchant();
    let has_lot = |order: &Order| !recall.units_of(order).is_empty();
    let orders = every(deps, Table::Orders, "waiting", &[merchant.as_str(), "on_hold"], has_lot).await?;
    Ok(orders.into_iter().map(|order| order.body.id).collect())
}

async fn every<T: Stored>(
    deps: &Deps,
    table: Table,
    index: &'static str,
    parts: &[&str],
    keep: impl Fn(&T) -> bool,
) -> Result<Vec<Versioned<T>>, Failure> {
    let mut found = Vec::new();
    let mut page = PageRequest { limit: PAGE, after: None };
    for _ in 0..PAGES_MAX {
        let listed = deps.store.list::<T>(table, index, parts, &page, false, &keep).await?;
        found.extend(listed.items);
        match listed.next_cursor.and_then(|cursor| page.following(&cursor)) {
            Some(next) => page = next,
            None => break,
        }
    }
    Ok(found)
}

/// Orders for which units of the lot were picked or sent, as far as the ledger was read now.
async fn in_the_ledger(
    deps: &Deps,
    recall: &Recall,
    location: &LocationId,
    found: &mut Found,
) -> Result<Vec<OrderId>, Failure> {
    let partitions = [movements_partition(&recall.merchant(), &recall.sku, location)];
    let list = PartitionList { table: Table::Movements, partitions: &partitions, prefix: "", descending: false };
    let mut orders = Vec::new();
    for _ in 0..PAGES_MAX {
        let after = found.read.get(location).cloned().unwrap_or_else(|| sort_instant(recall.since));
        let page = PageRequest { limit: PAGE, after: Some(after) };
        let entries = deps.store.list_partitions::<StoredMovement>(&list, &page).await?;
        if let Some(last) = entries.items.last() {
            found.read.insert(location.clone(), last.body.key().sk);
        }
        orders.extend(entries.items.iter().map(|entry| &entry.body).filter_map(|entry| of_order(recall, entry)));
        if entries.next_cursor.is_none() {
            return Ok(orders);
        }
    }
    found.to_the_end = false;
    Ok(orders)
}

fn of_order(recall: &Recall, entry: &StoredMovement) -> Option<OrderId> {
    if entry.lot.as_ref() != Some(&recall.lot) {
        return None;
    }
    let cause = entry.movement.cause.as_str();
    let (order, _) = match entry.movement.kind {
        MovementKind::Pick => PickTaskId::parse(cause).ok()?.order()?,
        MovementKind::Ship => ShipmentId::parse(cause).ok()?.order()?,
        _ => return None,
    };
    Some(order)
}

/// Holds an order, once: a person who releases it has decided.
async fn hold(deps: &Deps, run: &Run, recall: &Recall, order: &OrderId) -> Result<(), Failure> {
    let operation = Operation::of(&["recall", recall.id.as_str(), order.as_str()]);
    let key = order_key(order);
    let held = deps.store.change(&key, &operation, async |loaded: Option<&Versioned<Order>>| {
        let order = loaded.ok_or_else(|| Failure::NotFound("this order".to_owned()))?;
        let note = Some(format!("{}: lot {} of {} is recalled", recall.id, recall.lot.code, recall.sku));
        Ok::<_, Failure>(order.body.place_hold(Hold { reason: HoldReason::ComplianceBlock, note }, run.now)?)
    });
    match held.await {
        // Cancelled: its units come back. Handed over: there is nothing to stop.
        Ok(_) | Err(Failure::Rejected(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}
