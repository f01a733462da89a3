//! Promises: reserve, fill waiting orders, take short units off, release.

use crate::offers::Offers;
use domain::allocation::{Need, allocate};
use domain::order::{AllocatedLine, Allocation, Order};
use domain::pick_task::{PickTask, PickTaskState};
use domain::stock::StockChange;
use domain::{Decision, LocationId, Message, MessageKind, OrderId, PickTaskId, Sku};
use jiff::Timestamp;
use platform::items::{StoredLevel, WaitingOrder, order_key, pick_task_key, waiting_prefix};
use platform::{Deps, Failure, Operation, Step, Stored, Table, Versioned, Write};
use std::collections::{BTreeMap, BTreeSet};

/// Most levels and waiting entries of one transaction: DynamoDB takes 100 items, one of them the order.
const WRITES_MAX: usize = 98;
/// Most waiting orders looked at for one arrival.
const WAITING_MAX: usize = 1000;

/// Reserves what an order still needs.
pub(crate) async fn reserve(deps: &Deps, message: &Message, order: &OrderId) -> Result<(), Failure> {
    reserve_as(deps, &Operation::of_message(message), order, message.version).await.map(drop)
}

async fn reserve_as(
    deps: &Deps,
    operation: &Operation,
    order: &OrderId,
    version: u64,
) -> Result<Versioned<Order>, Failure> {
    let changed = deps
        .store
        .change::<Order, Step<Order>>(&order_key(order), operation, async |loaded| {
            let loaded = visible(loaded, version, order)?;
            match loaded.body.may_move() {
                Ok(()) => plan(deps, operation, &loaded.body, &loaded.body, &[], Vec::new()).await,
                // Held or cancelled meanwhile: releasing the hold sends a new message.
                Err(_) => Ok(Decision::of(loaded.body.clone()).into()),
            }
        })
        .await?;
    Ok(changed.value)
}

fn visible<'a, T>(
    loaded: Option<&'a Versioned<T>>,
    version: u64,
    what: &impl std::fmt::Display,
) -> Result<&'a Versioned<T>, Failure> {
    loaded
        .filter(|loaded| loaded.version >= version)
        .ok_or_else(|| Failure::unavailable(format!("{what} is not yet visible at version {version}")))
}

/// Allocates what `next` (a later state of `stored`) still needs, leaving out `emptied`: an item that a picker did not find
/// at a location is not looked for there again.
async fn plan(
    deps: &Deps,
    operation: &Operation,
    stored: &Order,
    next: &Order,
    emptied: &[(Sku, LocationId)],
    released: Vec<StockChange>,
) -> Result<Step<Order>, Failure> {
    let needs: Vec<Need> = next
        .lines
        .iter()
        .filter_map(|line| {
            let quantity = next.unallocated(line);
            let sku = line.sku.clone()?;
            (quantity > 0).then_some(Need { line: line.number, sku, quantity })
        })
        .collect();
    if needs.is_empty() {
        return Ok(Decision::of(next.clone()).with_stock(released).into());
    }
    let merchant = next.merchant();
    let mut offers = Offers::load(deps, &merchant, &needs).await?;
    offers.leave_out(emptied);
    let mut chosen = allocate(&needs, &offers.0, next.rule, next.ship_to_country.as_deref());
    let waited = stored.waits_as().is_some();
    let mut again = false;
    while writes(&chosen, &needs) > WRITES_MAX && chosen.len() > 1 {
        chosen.pop();
        again = true;
    }
    let changes = chosen.iter().flat_map(|allocation| changes(allocation, &needs));
    let stock: Vec<StockChange> = released.into_iter().chain(changes).collect();
    let mut also = Vec::new();
    for (sku, missing) in missing(&needs, &chosen) {
        let entry = WaitingOrder { sku, order: next.id.clone(), placed_at: next.placed_at };
        if missing > 0 && !again {
            also.push(deps.store.put_of(&entry, operation)?);
        } else if waited && missing == 0 {
            also.push(Write::Delete(entry.key()));
        }
    }
    let mut decision = next.allocated(chosen, deps.clock.now()).with_stock(stock);
    if again {
        let kind = MessageKind::Reserve { order: next.id.clone() };
        decision = decision.with_messages([kind.for_merchant(&merchant, &next.id)]);
    }
    // An order that waits already and gets nothing stays as it is: no write for a try in vain.
    if decision.next == *stored && decision.stock.is_empty() {
        also.clear();
    }
    Ok(Step { decision, also })
}

fn writes(chosen: &[Allocation], needs: &[Need]) -> usize {
    chosen.iter().map(|allocation| allocation.lines.len()).sum::<usize>() + needs.len()
}

fn changes(allocation: &Allocation, needs: &[Need]) -> Vec<StockChange> {
    allocation
        .lines
        .iter()
        .filter_map(|line| {
            let sku = &needs.iter().find(|need| need.line == line.line)?.sku;
            Some(StockChange::reserve(sku, &allocation.location, line.quantity))
        })
        .collect()
}

fn missing(needs: &[Need], chosen: &[Allocation]) -> BTreeMap<Sku, u32> {
    let mut missing: BTreeMap<Sku, u32> = BTreeMap::new();
    for need in needs {
        let lines = chosen.iter().flat_map(|allocation| &allocation.lines);
        let got: u32 = lines.filter(|line| line.line == need.line).map(|line| line.quantity).sum();
        *missing.entry(need.sku.clone()).or_default() += need.quantity - got;
    }
    missing
}

/// Fills orders that wait for `sku`, oldest first, until it is used up.
pub(crate) async fn fill_waiting(deps: &Deps, message: &Message, sku: &Sku) -> Result<(), Failure> {
    let partition = format!("{}#{sku}", message.merchant);
    let waiting = deps.store.query::<WaitingOrder>(Table::Stock, &partition, waiting_prefix(), WAITING_MAX).await?;
    for (key, entry) in waiting {
        if available(deps, &partition).await? == 0 {
            return Ok(());
        }
        let order = &entry.body.order;
        // Each arrival is a try of its own; a repeated message repeats the same tries.
        let operation = Operation::of(&[Operation::of_message(message).id(), order.as_str()]);
        let stored = reserve_as(deps, &operation, order, 0).await?;
        let waits =
            stored.body.lines.iter().any(|line| line.sku.as_ref() == Some(sku) && stored.body.unallocated(line) > 0);
        if !waits {
            deps.store.apply(vec![Write::Delete(key)]).await?;
        }
    }
    Ok(())
}

async fn available(deps: &Deps, partition: &str) -> Result<i64, Failure> {
    let levels = deps.store.query::<StoredLevel>(Table::Stock, partition, "level#", WAITING_MAX).await?;
    Ok(levels.iter().map(|(_, level)| level.body.level().get(domain::stock::Term::Available)).sum())
}

async fn task_of(deps: &Deps, message: &Message, task: &PickTaskId) -> Result<PickTask, Failure> {
    let loaded = deps.store.load::<PickTask>(&pick_task_key(task)).await?;
    Ok(visible(loaded.as_ref(), message.version, task)?.body.clone())
}

/// Takes the units that a picker did not find off the fulfilment order, and looks for them elsewhere at once.
pub(crate) async fn short_picked(deps: &Deps, message: &Message, id: &PickTaskId) -> Result<(), Failure> {
    let task = task_of(deps, message, id).await?;
    let operation = Operation::of_message(message);
    deps.store
        .change::<Order, Step<Order>>(&order_key(&task.order), &operation, async |loaded| {
            let order = &visible(loaded, 0, &task.order)?.body;
            let short = short_lines(order, &task);
            if short.is_empty() {
                return Ok(Decision::of(order.clone()).into());
            }
            let next = order.short_picked(task.number, &short, deps.clock.now());
            let emptied: BTreeSet<(Sku, LocationId)> = task
                .lines
                .iter()
                .filter(|line| line.short > 0)
                .map(|line| (line.sku.clone(), task.location.clone()))
                .collect();
            let emptied: Vec<_> = emptied.into_iter().collect();
            plan(deps, &operation, order, &next, &emptied, Vec::new()).await
        })
        .await
        .map(drop)
}

/// What the fulfilment order still counts on beyond what the task can give.
fn short_lines(order: &Order, task: &PickTask) -> Vec<AllocatedLine> {
    let Some(fulfillment_order) = order.fulfillment_order(task.number).filter(|f| f.is_active()) else { return vec![] };
    let shipping = task.shipping();
    fulfillment_order
        .lines
        .iter()
        .filter_map(|allocated| {
            let given = shipping.iter().find(|line| line.line == allocated.line).map_or(0, |line| line.quantity);
            let quantity = allocated.quantity.saturating_sub(given);
            (quantity > 0).then_some(AllocatedLine { line: allocated.line, quantity })
        })
        .collect()
}

/// Gives back what a cancelled task's fulfilment order held: all that the task did not report short.
pub(crate) async fn release(deps: &Deps, message: &Message, id: &PickTaskId) -> Result<(), Failure> {
    let task = task_of(deps, message, id).await?;
    if task.state != PickTaskState::Cancelled {
        return Err(Failure::bug(format!("{id} is to be released but not cancelled")));
    }
    let operation = Operation::of_message(message);
    deps.store
        .change::<Order, Step<Order>>(&order_key(&task.order), &operation, async |loaded| {
            let order = &visible(loaded, 0, &task.order)?.body;
            if !order.fulfillment_order(task.number).is_some_and(domain::order::FulfillmentOrder::is_active) {
                return Ok(Decision::of(order.clone()).into());
            }
            let now: Timestamp = deps.clock.now();
            let held = task.held();
            let released = held.iter().map(|(sku, units)| StockChange::release(sku, &task.location, *units));
            Ok(order.fulfillment_order_cancelled(task.number, now).with_stock(released).into())
        })
        .await
        .map(drop)
}
