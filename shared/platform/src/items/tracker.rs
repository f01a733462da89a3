//! Trackers: in the shipments' table, one for each parcel of a carrier account.

use super::{shard, sort_instant};
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::CarrierAccountId;
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
}
