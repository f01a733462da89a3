//! What is to be booked: from the packed task, or from the approved return.

use crate::{account, purchase, request, settle};
use domain::order::{AllocatedGoods, FulfillmentOrder, FulfillmentOrderStatus, Order};
use domain::pick_task::{PickTask, PickTaskState};
use domain::returns::{Return, ReturnState};
use domain::shipment::{Leg, Shipment, ShipmentPlan, ShippedLine};
use domain::{Message, PickTaskId, ReturnId, ShipmentId};
use platform::items::{SealedCarrierAccount, order_key, pick_task_key, return_key, shipment_key};
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
    // What the courier collects is shared out by what each parcel carries: the order must know of missing units first.
    let counted = order.fulfillment_order(task.number).map(|f| f.lines.clone()).unwrap_or_default();
    if counted.iter().map(|line| line.quantity).sum::<u32>() > task.shipping().iter().map(|line| line.quantity).sum() {
        return Err(Failure::unavailable("the order does not know yet that units were missing"));
    }
    let (_, account) = account::default_of(deps, &task.merchant()).await?;
    begin(deps, outbound(&task, &order, account.as_ref())?).await
}

/// Books an approved return's parcel: what was sent out comes back the same way, in the box that it came in.
pub(crate) async fn book_return(deps: &Deps, message: &Message, return_id: &ReturnId) -> Result<(), Failure> {
    let id = return_id.shipment();
    if deps.store.load::<Shipment>(&shipment_key(&id)).await?.is_some() {
        return settle::settle(deps, &id).await;
    }
    let back = visible(deps.store.load::<Return>(&return_key(return_id)).await?, message)?;
    if back.state != ReturnState::Approved {
        // Declined or expired meanwhile, or the goods are on their way without our label.
        tracing::info!(%return_id, state = ?back.state, "no label to book: the return is not approved any more");
        return Ok(());
    }
    let order_id =
        back.order.clone().ok_or_else(|| Failure::bug(format!("{return_id} is approved without an order")))?;
    let order = deps.store.require::<Order>(&order_key(&order_id), &order_id).await?.body;
    let sent = back.lines.iter().find_map(|line| sent_in(&order, line.line?));
    let sent = sent.ok_or_else(|| Failure::bug(format!("{return_id} returns what no shipment carried")))?;
    let sent = deps.store.require::<Shipment>(&shipment_key(&sent), &sent).await?.body;
    let (_, account) = account::default_of(deps, &back.merchant()).await?;
    let contents = back.lines.iter();
    let contents = contents.filter_map(|line| {
        Some(ShippedLine { line: line.line?, sku: line.sku.clone(), lot: None, quantity: line.quantity })
    });
    let plan = ShipmentPlan {
        id,
        order: order_id,
        leg: Leg::Return(return_id.clone()),
        location: back.location.clone(),
        carrier_account: account.as_ref().map(|sealed| sealed.account.id.clone()),
        service: account.map(|sealed| sealed.account.service).unwrap_or_default(),
        parcel: sent.parcel,
        contents: contents.collect(),
        cash_on_delivery_minor: None,
    };
    begin(deps, plan).await
}

/// The shipment that carried an order line (or its first units).
fn sent_in(order: &Order, line: u32) -> Option<ShipmentId> {
    let carried = |f: &&FulfillmentOrder| {
        f.status == FulfillmentOrderStatus::Closed && f.lines.iter().any(|own| own.line == line)
    };
    order.fulfillment_orders.iter().find(carried).map(|f| order.shipment(f.number))
}

/// Whether tables were restored a while ago, so that no shipment is taken for new before its carrier was asked.
const ASK_FIRST: &str = "ASK_CARRIERS_FIRST";
/// Why a booking waits for a person meanwhile.
const LOOK_YOURSELF: &str = "tables were restored and this carrier cannot be asked for our reference: look there for a label, then book again or cancel";

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
        request::Preparation::Cancelled => {
            tracing::info!(shipment = %id, "nothing to book: the order is cancelled");
            return Ok(());
        }
    };
    let operation = Operation::of(&["book", id.as_str()]);
    if deps.settings.get(ASK_FIRST) == Some("true") {
        // The tables were restored: a shipment that is not in them may have its label.
        let decision = match prepared.account.carrier.look_up {
            Some(_) => Shipment::to_be_looked_up(plan, now),
            None => Shipment::unbookable(plan, LOOK_YOURSELF, now),
        };
        deps.store.create(&operation, decision).await?;
        return settle::settle(deps, &id).await;
    }
    let claim = deps.ids.random(16);
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
    let shipped = |goods: AllocatedGoods| {
        let AllocatedGoods { line, sku, lot, quantity } = goods;
        ShippedLine { line, sku, lot, quantity }
    };
    let contents = task.contents().into_iter().map(shipped).collect();
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
