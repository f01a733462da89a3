//! Trackers: in the shipments' table, one for each parcel of a carrier account.

use super::{shard, sort_instant};
use crate::metrics::{Metric, Sample};
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::CarrierAccountId;
use domain::late::parcel_turned_late;
use domain::order::DeliveryState;
use domain::tracker::Tracker;

/// The key of a tracker.
#[must_use]
pub fn tracker_key(account: &CarrierAccountId, tracking_number: &str) -> Key {
    Key::new(Table::Shipments, format!("{}#{account}#{tracking_number}", account.merchant()), "tracker")
}

impl Stored for Tracker {
    fn key(&self) -> Key {
        tracker_key(&self.carrier_account, &self.tracking_number)
    }

    fn indexes(&self, shards: u32) -> Vec<(&'static str, String)> {
        let Some(due) = self.poll_due_at() else { return Vec::new() };
        let id = format!("{}#{}", self.carrier_account, self.tracking_number);
        vec![("due_pk", shard(&id, shards).to_string()), ("due_sk", format!("{}#{id}", sort_instant(due)))]
    }

    /// Of parcels on their way out: what comes back is a return's.
    fn counted(&self, before: Option<&Self>) -> Vec<Sample> {
        let was = before.map_or(DeliveryState::None, delivery);
        let now = delivery(self);
        let mut samples = Vec::new();
        if now != was && now != DeliveryState::None {
            samples.push(Sample::entered(Metric::ParcelsEntered, now));
        }
        if before.is_some_and(|before| parcel_turned_late(before, self)) {
            samples.push(Sample::of(Metric::ParcelsLate, 1));
        }
        samples
    }
}

/// Where an outbound parcel of ours is.
fn delivery(tracker: &Tracker) -> DeliveryState {
    match &tracker.shipment {
        Some(shipment) if shipment.return_id().is_none() => tracker.status.delivery(),
        _ => DeliveryState::None,
    }
}
