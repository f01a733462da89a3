//! Pick tasks follow their order: created when it is allocated, stopped when it is cancelled.

use crate::read::items;
use domain::order::{FulfillmentOrder, FulfillmentOrderStatus, Order};
use domain::pick_task::{Label, PickTask, PickTaskState, PlanError};
use domain::shipment::{Shipment, ShipmentState};
use domain::{Message, OrderId, PickTaskId, Sku};
use platform::items::{order_key, pick_task_key, shipment_key};
use platform::{Deps, Failure, Operation, Versioned};
use std::collections::BTreeMap;

/// Creates the task of every open fulfilment order that has none.
pub(crate) async fn create_pick_tasks(deps: &Deps, message: &Message, order: &OrderId) -> Result<(), Failure> {
    let order = load(deps, order).await?;
    if order.version < message.version {
        return Err(not_yet_visible());
    }
    let order = order.body;
    let is_open = |f: &&FulfillmentOrder| f.status == FulfillmentOrderStatus::Open;
    let open: Vec<&FulfillmentOrder> = order.fulfillment_orders.iter().filter(is_open).collect();
    let skus: Vec<Sku> = open.iter().flat_map(|f| order.goods_of(f)).map(|goods| goods.sku).collect();
    let items = items(deps, &order.merchant(), skus.iter()).await?;
    let operation = Operation::of_message(message);
    for fulfillment_order in open {
        let decision = PickTask::create(&order, fulfillment_order, &items, deps.clock.now()).map_err(broken)?;
        let created = deps.store.create(&operation, decision).await?;
        if !created.replayed {
            let task = &created.value.body;
            tracing::info!(task = %task.id, location = %task.location, state = ?task.state, "pick task created");
        }
    }
    Ok(())
}

/// Stops the tasks of an order that is being cancelled, each by its stage.
///
/// The message comes from the order or from a voided shipment, whose versions have nothing to do with each other:
/// that the order shows its cancellation is what counts.
pub(crate) async fn cancel_pick_tasks(deps: &Deps, message: &Message, order: &OrderId) -> Result<(), Failure> {
    let order = load(deps, order).await?;
    if !order.body.cancel_requested {
        return if order.version < message.version { Err(not_yet_visible()) } else { Ok(()) };
    }
    let order = order.body;
    let operation = Operation::of_message(message);
    let now = deps.clock.now();
    for fulfillment_order in order.fulfillment_orders.iter().filter(|f| f.is_active()) {
        let id = PickTaskId::of(&order.id, fulfillment_order.number);
        let changed = deps
            .store
            .change(&pick_task_key(&id), &operation, async |loaded: Option<&Versioned<PickTask>>| match loaded {
                // Born cancelled: a late `create_pick_tasks` finds it and creates none.
                None => PickTask::create(&order, fulfillment_order, &BTreeMap::new(), now).map_err(broken),
                Some(task) => Ok(task.body.request_cancel(label_of(deps, &task.body).await?, now)),
            })
            .await?;
        tracing::info!(task = %id, state = ?changed.value.body.state, "pick task of a cancelled order");
    }
    Ok(())
}

async fn load(deps: &Deps, order: &OrderId) -> Result<Versioned<Order>, Failure> {
    deps.store.load::<Order>(&order_key(order)).await?.ok_or_else(not_yet_visible)
}

fn not_yet_visible() -> Failure {
    Failure::unavailable("the order is not yet visible as the message says")
}

fn broken(error: PlanError) -> Failure {
    Failure::bug(error.to_string())
}

async fn label_of(deps: &Deps, task: &PickTask) -> Result<Label, Failure> {
    if task.state != PickTaskState::Packed {
        return Ok(Label::Possible);
    }
    let shipment = deps.store.load::<Shipment>(&shipment_key(&task.id.shipment())).await?;
    Ok(match shipment {
        Some(shipment) if shipment.body.state == ShipmentState::Voided => Label::Voided,
        Some(_) | None => Label::Possible,
    })
}
