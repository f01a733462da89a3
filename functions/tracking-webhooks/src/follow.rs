//! What follows from a carrier's event, and the order's head after its parcels.

use domain::order::Order;
use domain::returns::Return;
use domain::seeded_bugs::{SeededBug, is_on};
use domain::shipment::{Leg, Shipment, ShipmentState};
use domain::tracker::Tracker;
use domain::tracking_status::TrackingEvent;
use domain::{CarrierAccountId, Decision, Message, OrderId, ReturnId, ShipmentId};
use jiff::Timestamp;
use platform::items::{order_key, return_key, shipment_key, tracker_key};
use platform::{Deps, Failure, Operation, Versioned};

/// A message whose cause is not to be seen yet comes again.
fn visible<T>(loaded: Option<Versioned<T>>, message: &Message) -> Result<T, Failure> {
    match loaded {
        Some(stored) if stored.version >= message.version || is_on(SeededBug::AcknowledgedOnStaleRead) => {
            Ok(stored.body)
        }
        _ => Err(Failure::unavailable("not yet visible")),
    }
}

/// Takes an event into its tracker; a parcel that is not known yet is kept until it is booked.
pub(crate) async fn tracking_event(
    deps: &Deps,
    message: &Message,
    account: &CarrierAccountId,
    event: &TrackingEvent,
) -> Result<(), Failure> {
    if account.merchant() != message.merchant {
        return Err(Failure::Malformed(format!("{account} is not an account of {}", message.merchant)));
    }
    let key = tracker_key(account, &event.tracking_number);
    let operation = Operation::of_message(message);
    let changed = deps.store.change(&key, &operation, async |loaded: Option<&Versioned<Tracker>>| {
        let now = deps.clock.now();
        let new = || Tracker::new(account.clone(), &event.tracking_number, now);
        Ok::<_, Failure>(loaded.map_or_else(new, |own| own.body.clone()).event(event, now))
    });
    let tracker = changed.await?.value.body;
    tracing::info!(status = ?tracker.status, known = tracker.shipment.is_some(), "tracking event taken in");
    Ok(())
}

/// The order is where its outbound parcels are.
pub(crate) async fn tracker_changed(
    deps: &Deps,
    message: &Message,
    account: &CarrierAccountId,
    tracking_number: &str,
    shipment: &ShipmentId,
) -> Result<(), Failure> {
    let key = tracker_key(account, tracking_number);
    let tracker: Tracker = visible(deps.store.load(&key).await?, message)?;
    // A return's leg says nothing about what the shopper got; a number given anew is another parcel's by now.
    let of_return = || shipment.return_id()?.order().filter(|_| is_on(SeededBug::ReturnLegMovesOrder));
    let Some((order, number)) = shipment.order().or_else(of_return).filter(|_| tracker.shipment.as_ref() == Some(shipment)) else {
        return Ok(());
    };
    change_order(deps, message, &order, |own, now| own.parcel_moved(number, tracker.status.delivery(), now)).await
}

/// The carrier has the parcel: the order's part of it is done. What was voided is heard of by the pick task.
pub(crate) async fn shipment_changed(deps: &Deps, message: &Message, id: &ShipmentId) -> Result<(), Failure> {
    let shipment: Shipment = visible(deps.store.load(&shipment_key(id)).await?, message)?;
    match (shipment.state, &shipment.leg, id.order()) {
        (ShipmentState::HandedOver, Leg::Outbound, Some((order, number))) => {
            change_order(deps, message, &order, |own, now| own.handed_over(number, now)).await
        }
        _ => Ok(()),
    }
}

/// The refund of a return was instructed.
pub(crate) async fn return_changed(deps: &Deps, message: &Message, id: &ReturnId) -> Result<(), Failure> {
    let back: Return = visible(deps.store.load(&return_key(id)).await?, message)?;
    match (&back.refund, &back.order) {
        (Some(_), Some(order)) => {
            // Once per return, however often the return changes afterwards.
            let operation = Operation::of(&["refund", id.as_str()]);
            apply(deps, &operation, order, |own, now| own.refund_instructed(now)).await
        }
        _ => Ok(()),
    }
}

async fn change_order(
    deps: &Deps,
    message: &Message,
    order: &OrderId,
    decide: impl Fn(&Order, Timestamp) -> Decision<Order>,
) -> Result<(), Failure> {
    apply(deps, &Operation::of_message(message), order, decide).await
}

async fn apply(
    deps: &Deps,
    operation: &Operation,
    order: &OrderId,
    decide: impl Fn(&Order, Timestamp) -> Decision<Order>,
) -> Result<(), Failure> {
    let key = order_key(order);
    let changed = deps.store.change(&key, operation, async |loaded: Option<&Versioned<Order>>| {
        let own = loaded.ok_or_else(|| Failure::NotFound(order.to_string()))?;
        Ok(decide(&own.body, deps.clock.now()))
    });
    changed.await.map(drop)
}
