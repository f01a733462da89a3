//! What belongs to an order. Ids of children are derived, so nothing is searched for.

use domain::PickTaskId;
use domain::order::Order;
use domain::pick_task::PickTask;
use domain::returns::Return;
use domain::shipment::Shipment;
use domain::tracker::Tracker;
use platform::items::{pick_task_key, return_key, shipment_key, tracker_key};
use platform::{Deps, Failure, Key, Versioned};

pub(crate) async fn tasks(deps: &Deps, order: &Order) -> Result<Vec<Versioned<PickTask>>, Failure> {
    let keys: Vec<Key> =
        order.fulfillment_orders.iter().map(|f| pick_task_key(&PickTaskId::of(&order.id, f.number))).collect();
    deps.store.load_many(&keys).await
}

/// In the order of [`Order::shipments`].
pub(crate) async fn shipments(deps: &Deps, order: &Order) -> Result<Vec<Versioned<Shipment>>, Failure> {
    let keys: Vec<Key> = order.shipments().map(|id| shipment_key(&id)).collect();
    deps.store.load_many(&keys).await
}

pub(crate) async fn returns(deps: &Deps, order: &Order) -> Result<Vec<Versioned<Return>>, Failure> {
    let keys: Vec<Key> = order.return_ids().map(|id| return_key(&id)).collect();
    deps.store.load_many(&keys).await
}

pub(crate) async fn trackers(
    deps: &Deps,
    shipments: &[Versioned<Shipment>],
) -> Result<Vec<Versioned<Tracker>>, Failure> {
    let keys: Vec<Key> = shipments.iter().filter_map(|shipment| key_of_tracker(&shipment.body)).collect();
    deps.store.load_many(&keys).await
}

/// The key of the shipment's tracker, once there is a label.
pub(crate) fn key_of_tracker(shipment: &Shipment) -> Option<Key> {
    let label = shipment.label.as_ref()?;
    Some(tracker_key(shipment.carrier_account.as_ref()?, &label.tracking_number))
}
