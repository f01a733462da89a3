//! Count tasks, and a location's list of them: partitions of their own in the index of work.

use super::{list_partition, shard, sort_instant};
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::count_task::CountTask;
use domain::{CountTaskId, LocationId, MerchantId};

/// The key of a count task.
#[must_use]
pub fn count_task_key(task: &CountTaskId) -> Key {
    Key::new(Table::Tasks, format!("{}#{task}", task.merchant()), "count")
}

/// The parts of the partitions that list what is to be counted at a location.
#[must_use]
pub fn count_parts<'a>(merchant: &'a MerchantId, location: &'a LocationId) -> [&'a str; 3] {
    [merchant.as_str(), location.as_str(), "counts"]
}

impl Stored for CountTask {
    fn key(&self) -> Key {
        count_task_key(&self.id)
    }

    fn indexes(&self, shards: u32) -> Vec<(&'static str, String)> {
        if !self.is_open() {
            return Vec::new();
        }
        let shard = shard(self.id.as_str(), shards);
        vec![
            ("work_pk", list_partition(&count_parts(&self.merchant(), &self.level.location), shard)),
            ("work_sk", format!("{}#{}", sort_instant(self.created_at), self.id)),
        ]
    }
}
