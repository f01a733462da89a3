//! Returns.

use super::{list_partition, shard, sort_instant};
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::ReturnId;
use domain::returns::Return;

/// The key of a return.
#[must_use]
pub fn return_key(id: &ReturnId) -> Key {
    Key::new(Table::Returns, format!("{}#{id}", id.merchant()), "return")
}

impl Stored for Return {
    fn key(&self) -> Key {
        return_key(&self.id)
    }

    fn indexes(&self, shards: u32) -> Vec<(&'static str, String)> {
        let shard = shard(self.id.as_str(), shards);
        let mut keys = vec![
            ("listed_pk", list_partition(&[self.merchant().as_str()], shard)),
            ("listed_sk", format!("{}#{}", sort_instant(self.created_at), self.id)),
        ];
        if let Some(due) = self.look_due_at() {
            keys.push(("due_pk", shard.to_string()));
            keys.push(("due_sk", format!("{}#{}", sort_instant(due), self.id)));
        }
        keys
    }
}
