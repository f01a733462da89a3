//! Pick tasks, and the floor's list of them.

use super::{list_partition, shard, sort_instant};
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::pick_task::PickTask;
use domain::{LocationId, MerchantId, PickTaskId};

/// The index that lists the tasks of a location that need work on the floor.
pub const WORK_INDEX: &str = "work";

/// The key of a pick task.
#[must_use]
pub fn pick_task_key(task: &PickTaskId) -> Key {
    Key::new(Table::Tasks, format!("{}#{task}", task.merchant()), "task")
}

/// The parts of the work list's partitions at a location.
#[must_use]
pub fn work_parts<'a>(merchant: &'a MerchantId, location: &'a LocationId) -> [&'a str; 2] {
    [merchant.as_str(), location.as_str()]
}

impl Stored for PickTask {
    fn key(&self) -> Key {
        pick_task_key(&self.id)
    }

    fn indexes(&self, shards: u32) -> Vec<(&'static str, String)> {
        if !self.needs_floor() {
            return Vec::new();
        }
        // Both keys stay as they are while the task is on the list: an index entry is written when it comes and when it goes.
        let shard = shard(self.id.as_str(), shards);
        vec![
            ("work_pk", list_partition(&work_parts(&self.merchant(), &self.location), shard)),
            ("work_sk", format!("{}#{}", sort_instant(self.created_at), self.id)),
        ]
    }
}
