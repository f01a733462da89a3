//! Recalls, and who has units of the recalled lot.

use super::{shard, sort_instant};
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::RecallId;
use domain::recall::{Recall, RecalledUnits};

/// The partition of a recall and its list.
#[must_use]
pub fn recall_partition(id: &RecallId) -> String {
    format!("{}#{id}", id.merchant())
}

/// The key of a recall.
#[must_use]
pub fn recall_key(id: &RecallId) -> Key {
    Key::new(Table::Stock, recall_partition(id), "recall")
}

/// Sort key prefix of the entries of a recall's list.
pub const RECALLED_PREFIX: &str = "units#";

impl Stored for Recall {
    fn key(&self) -> Key {
        recall_key(&self.id)
    }

    fn indexes(&self, shards: u32) -> Vec<(&'static str, String)> {
        let id = self.id.as_str();
        let due = |at| [("due_pk", shard(id, shards).to_string()), ("due_sk", format!("{}#{id}", sort_instant(at)))];
        self.next_look_at.into_iter().flat_map(due).collect()
    }
}

impl Stored for RecalledUnits {
    fn key(&self) -> Key {
        let sk = format!("{RECALLED_PREFIX}{}#{}", self.order, self.number);
        Key::new(Table::Stock, recall_partition(&self.recall), sk)
    }
}
