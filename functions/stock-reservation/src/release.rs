//! Promises taken back: what a cancelled task's fulfilment order held is available again.

use crate::wish::{task_of, visible};
use domain::order::Order;
use domain::pick_task::PickTaskState;
use domain::stock::StockChange;
use domain::{Decision, Message, PickTaskId};
use platform::items::order_key;
use platform::{Deps, Failure, Operation, Step};

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
            let now = deps.clock.now();
            let released = task
                .held()
                .map(|line| StockChange::release(&line.sku, &task.location, line.held()).of_lot(line.lot.clone()));
            Ok(order.fulfillment_order_cancelled(task.number, now).with_stock(released).into())
        })
        .await
        .map(drop)
}
