//! What a batch wishes for: an order that is to be reserved, and what a picker did not find of it.

use crate::offers::Emptied;
use domain::order::{AllocatedLine, Order};
use domain::pick_task::PickTask;
use domain::{Message, OrderId, PickTaskId};
use jiff::Timestamp;
use platform::items::pick_task_key;
use platform::{Deps, Failure, Versioned};

/// One order of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// The order.
    pub(crate) order: OrderId,
    /// At least this version of it must be visible.
    pub(crate) version: u64,
    /// Its tasks of which a picker did not find units.
    pub(crate) short: Vec<PickTask>,
    /// Places of the messages in the batch that ask for it.
    pub(crate) messages: Vec<usize>,
}

impl Wish {
    /// The order as it is without what a picker did not find.
    pub(crate) fn base(&self, stored: &Order, now: Timestamp) -> Order {
        self.short.iter().fold(stored.clone(), |order, task| {
            let short = short_lines(&order, task);
            if short.is_empty() { order } else { order.short_picked(task.number, &short, task.contents(), now) }
        })
    }

    /// Where the order is not to be served from again: a picker found nothing there.
    pub(crate) fn emptied(&self) -> Vec<Emptied> {
        let of_task = |task: &PickTask| {
            let location = task.location.clone();
            let short = task.lines.iter().filter(|line| line.short > 0);
            short.map(move |line| (line.sku.clone(), location.clone(), line.lot.clone())).collect::<Vec<_>>()
        };
        self.short.iter().flat_map(of_task).collect()
    }
}

/// An item that must be visible at `version`, since a message speaks of it.
pub(crate) fn visible<'a, T>(
    loaded: Option<&'a Versioned<T>>,
    version: u64,
    what: &impl std::fmt::Display,
) -> Result<&'a Versioned<T>, Failure> {
    loaded
        .filter(|loaded| loaded.version >= version)
        .ok_or_else(|| Failure::unavailable(format!("{what} is not yet visible at version {version}")))
}

/// The task that caused a message.
pub(crate) async fn task_of(deps: &Deps, message: &Message, task: &PickTaskId) -> Result<PickTask, Failure> {
    let loaded = deps.store.load::<PickTask>(&pick_task_key(task)).await?;
    Ok(visible(loaded.as_ref(), message.version, task)?.body.clone())
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
