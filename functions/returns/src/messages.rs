//! What happens to parcels, as the queue tells it.

use domain::order::Order;
use domain::returns::Return;
use domain::shipment::{Shipment, ShipmentState};
use domain::tracker::Tracker;
use domain::{CarrierAccountId, Message, ReturnId, ShipmentId};
use platform::items::{order_key, return_key, shipment_key, tracker_key};
use platform::{Deps, Failure, Key, Operation, Step, Stored, Versioned};

/// The carrier turned the parcel round.
pub(crate) async fn parcel_refused(deps: &Deps, shipment: &ShipmentId) -> Result<(), Failure> {
    open_refused(deps, shipment).await.map_err(|failure| match failure {
        // The hand-over's own message may still be under way.
        Failure::Rejected(rejected) if rejected.code == "not-shipped" => Failure::unavailable(rejected.detail),
        failure => failure,
    })
}

/// Opens the return of a parcel that the carrier turned round: once, however often it is said.
pub(crate) async fn open_refused(deps: &Deps, shipment: &ShipmentId) -> Result<(), Failure> {
    let (order, _) =
        shipment.order().ok_or_else(|| Failure::NotFound(format!("the order of {shipment}, as an outbound parcel")))?;
    let operation = Operation::of(&["parcel_refused", shipment.as_str()]);
    let now = deps.clock.now();
    let changed = deps
        .store
        .change(&order_key(&order), &operation, async |loaded: Option<&Versioned<Order>>| {
            let loaded = loaded.ok_or_else(|| Failure::NotFound(format!("order {order}")))?;
            let opened = Return::refused(&loaded.body, shipment, now)?;
            let also = deps.store.write_of(None, opened.back, &operation)?.0;
            Ok::<_, Failure>(Step { decision: opened.order, also })
        })
        .await?;
    let returns = changed.value.body.returns;
    tracing::info!(%shipment, returns, replayed = changed.replayed, "refused parcel comes back");
    Ok(())
}

/// The return follows its parcel.
pub(crate) async fn parcel_moved(
    deps: &Deps,
    message: &Message,
    id: &ReturnId,
    account: &CarrierAccountId,
    tracking_number: &str,
) -> Result<(), Failure> {
    let tracker = cause::<Tracker>(deps, message, &tracker_key(account, tracking_number)).await?;
    follow(deps, message, id, |back| back.parcel_moved(tracker.status, deps.clock.now())).await
}

/// The return's label was booked, or the carrier refused to.
pub(crate) async fn label_booked(
    deps: &Deps,
    message: &Message,
    id: &ReturnId,
    shipment: &ShipmentId,
) -> Result<(), Failure> {
    let parcel = cause::<Shipment>(deps, message, &shipment_key(shipment)).await?;
    follow(deps, message, id, |back| {
        let now = deps.clock.now();
        match parcel.state {
            ShipmentState::LabelPurchased | ShipmentState::HandedOver => back.label_booked(shipment, now),
            ShipmentState::BookingRefused => back.label_refused(shipment, now),
            ShipmentState::BookingIntent
            | ShipmentState::BookingUnknown
            | ShipmentState::VoidRequested
            | ShipmentState::Voided => domain::Decision::of(back.clone()),
        }
    })
    .await
}

/// The item whose commit caused the message, at least as new as it was then.
async fn cause<T: Stored>(deps: &Deps, message: &Message, key: &Key) -> Result<T, Failure> {
    match deps.store.load::<T>(key).await? {
        Some(stored) if stored.version >= message.version => Ok(stored.body),
        Some(_) | None => Err(Failure::unavailable("not yet visible")),
    }
}

async fn follow(
    deps: &Deps,
    message: &Message,
    id: &ReturnId,
    decide: impl Fn(&Return) -> domain::Decision<Return>,
) -> Result<(), Failure> {
    let operation = Operation::of_message(message);
    let changed = deps
        .store
        .change(&return_key(id), &operation, async |loaded: Option<&Versioned<Return>>| {
            let loaded = loaded.ok_or_else(|| Failure::NotFound(format!("return {id}")))?;
            Ok::<_, Failure>(decide(&loaded.body))
        })
        .await?;
    tracing::info!(return_id = %id, state = changed.value.body.state.name(), "return follows its parcel");
    Ok(())
}
