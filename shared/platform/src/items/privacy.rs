//! Requests about personal data. They lie with the orders that they name, and name nobody.

use super::{list_partition, shard, sort_instant};
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::PrivacyRequestId;
use domain::privacy::PrivacyRequest;

/// The key of a request.
#[must_use]
pub fn privacy_request_key(id: &PrivacyRequestId) -> Key {
    Key::new(Table::Orders, format!("{}#{id}", id.merchant()), "privacy-request")
}

/// The list of a merchant's requests, in the index `listed`: apart from that of the orders.
pub const PRIVACY_LIST: &str = "privacy";

impl Stored for PrivacyRequest {
    fn key(&self) -> Key {
        privacy_request_key(&self.id)
    }

    fn indexes(&self, shards: u32) -> Vec<(&'static str, String)> {
        let id = self.id.as_str();
        let shard = shard(id, shards);
        let mut keys = vec![
            ("listed_pk", list_partition(&[self.merchant().as_str(), PRIVACY_LIST], shard)),
            ("listed_sk", format!("{}#{id}", sort_instant(self.created_at))),
        ];
        if let Some(due) = self.next_look_at {
            keys.push(("due_pk", shard.to_string()));
            keys.push(("due_sk", format!("{}#{id}", sort_instant(due))));
        }
        keys
    }
}
