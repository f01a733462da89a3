//! What is to be booked: from the packed task, or from the approved return.

use crate::{account, purchase, request, settle};
use domain::order::Order;
use domain::pick_task::{PickTask, PickTaskState};
use domain::shipment::{Leg, Shipment, ShipmentPlan, ShippedLine};
use domain::{Message, PickTaskId};
use platform::items::{SealedCarrierAccount, order_key, pick_task_key, shipment_key};
use platform::{Deps, Failure, Operation, Versioned};

/// A message whose cause is not to be seen yet comes again.
pub(crate) fn visible<T>(loaded: Option<Versioned<T>>, message: &Message) -> Result<T, Failure> {
    match loaded {
        Some(stored) if stored.version >= message.version => Ok(stored.body),
        _ => Err(Failure::unavailable("not yet visible")),
    }
}

/// Books a packed task's parcel.
pub(crate) async fn book(deps: &Deps, message: &Message, task: &PickTaskId) -> Result<(), Failure> {
    let id = task.shipment();
    if deps.store.load::<Shipment>(&shipment_key(&id)).await?.is_some() {
        return settle::settle(deps, &id).await;
    }
    let task = visible(deps.store.load::<PickTask>(&pick_task_key(task)).await?, message)?;
    if task.state != PickTaskState::Packed {
        // Packing is never undone but by a cancellation: there is no parcel any more.
        tracing::info!(task = %task.id, state = ?task.state, "nothing to book: the task is not packed any more");
        return Ok(());
    }
    let order = deps.store.require::<Order>(&order_key(&task.order), &task.order).await?.body;
    order.may_move()?;
    let (_, account) = account::default_of(deps, &task.merchant()).await?;
    begin(deps, outbound(&task, &order, account.as_ref())?).await
}

/// Stores the intent and buys, unless somebody else has begun.
pub(crate) async fn begin(deps: &Deps, plan: ShipmentPlan) -> Result<(), Failure> {
    let id = plan.id.clone();
    let now = deps.clock.now();
    let prepared = match request::prepare(deps, &plan).await? {
        request::Preparation::Ready(prepared) => prepared,
        request::Preparation::Blocked(reason) => {
            let operation = Operation::of(&["book", id.as_str()]);
            let stored = deps.store.create(&operation, Shipment::unbookable(plan, &reason, now)).await?;
            tracing::warn!(shipment = %id, %reason, replayed = stored.replayed, "the parcel cannot be booked");
            return Ok(());
        }
    };
    let claim = deps.ids.random(16);
    let operation = Operation::of(&["book", id.as_str()]);
    let stored = deps.store.create(&operation, Shipment::intend(plan, claim.clone(), now)).await?.value.body;
    if stored.claim == claim {
        purchase::purchase(deps, &stored, prepared).await
    } else {
        settle::settle(deps, &id).await
    }
}

/// The plan of a packed task's parcel.
pub(crate) fn outbound(
    task: &PickTask,
    order: &Order,
    account: Option<&SealedCarrierAccount>,
) -> Result<ShipmentPlan, Failure> {
    let parcel = task.parcel.ok_or_else(|| Failure::bug(format!("{} is packed without a parcel", task.id)))?;
    let sku_of = |line: u32| {
        let held = task.lines.iter().find(|held| held.lines.iter().any(|own| own.line == line));
        held.map(|held| held.sku.clone())
    };
    let contents = task
        .shipping()
        .into_iter()
        .filter_map(|line| Some(ShippedLine { line: line.line, sku: sku_of(line.line)?, quantity: line.quantity }))
        .collect();
    Ok(ShipmentPlan {
        id: task.id.shipment(),
        order: task.order.clone(),
        leg: Leg::Outbound,
        location: task.location.clone(),
        carrier_account: account.map(|sealed| sealed.account.id.clone()),
        service: account.map(|sealed| sealed.account.service.clone()).unwrap_or_default(),
        parcel,
        contents,
        cash_on_delivery_minor: order.cash_on_delivery_of(task.number),
    })
}
