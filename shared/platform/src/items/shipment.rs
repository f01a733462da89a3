//! Shipments.

use super::{list_partition, shard, sort_instant};
use crate::metrics::{Metric, Sample};
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::ShipmentId;
use domain::shipment::Shipment;

/// The key of a shipment.
#[must_use]
pub fn shipment_key(shipment: &ShipmentId) -> Key {
    Key::new(Table::Shipments, format!("{}#{shipment}", shipment.merchant()), "shipment")
}

impl Stored for Shipment {
    fn key(&self) -> Key {
        shipment_key(&self.id)
    }

    fn indexes(&self, shards: u32) -> Vec<(&'static str, String)> {
        let mut keys = Vec::new();
        let shard = shard(self.id.as_str(), shards);
        if let (true, Some(account)) = (self.awaits_close_out(), &self.carrier_account) {
            keys.push(("closeout_pk", list_partition(&[self.merchant().as_str(), account.as_str()], shard)));
            keys.push(("closeout_sk", format!("{}#{}", sort_instant(self.created_at), self.id)));
        }
        if let Some(due) = self.reconcile_due_at() {
            keys.push(("due_pk", shard.to_string()));
            keys.push(("due_sk", format!("{}#{}", sort_instant(due), self.id)));
        }
        keys
    }

    fn counted(&self, before: Option<&Self>) -> Vec<Sample> {
        let entered = before.is_none_or(|before| before.state != self.state);
        entered.then(|| Sample::entered(Metric::ShipmentsEntered, self.state)).into_iter().collect()
    }
}
