//! One file per stored thing: its key, its indexes. Persisted forms are frozen: change them only compatibly.

mod account;
mod audit;
mod catalogue;
mod close_out;
mod count_task;
mod idempotency;
mod lot;
mod movement;
mod order;
mod part_of;
mod person;
mod pick_task;
mod privacy;
mod recall;
mod replenishment;
mod returns;
mod sellable;
mod serial;
mod shipment;
mod shortage;
mod stock;
mod tracker;

pub use account::{
    RevokedKey, SealedCarrierAccount, SealedChannel, api_key_prefix, key_of_api_key, key_prefix, merchant_key,
};
pub use audit::{
    AuditRound, LedgerCheckpoint, ListedAudit, RunningAudit, audit_key, listed_audits_partition,
    running_audits_partition,
};
pub use catalogue::{
    CatalogueRequest, StoredItem, StoredLocation, item_key, items_partition, items_partitions, location_key,
    locations_partition,
};
pub use close_out::{CloseOutOutcome, CloseOutRecord, CloseOutResult, close_out_key};
pub use count_task::{count_parts, count_task_key};
pub use idempotency::IdempotencyRecord;
pub use lot::{is_lot_key, lot_key};
pub use movement::{FACT_SHARDS, StoredFacts, StoredMovement, facts_partition, movements_partition, sort_instant};
pub use order::order_key;
pub use part_of::{PartOf, kits_partition, part_of_prefix};
pub use person::{PERSON_PREFIX, PersonRecord, people_partition, person_key, persons_prefix};
pub use pick_task::{WORK_INDEX, pick_task_key, work_parts};
pub use privacy::{PRIVACY_LIST, privacy_request_key};
pub use recall::{RECALLED_PREFIX, recall_key, recall_partition};
pub use replenishment::{ALERTS_PART, replenishment_key, stock_of};
pub use returns::return_key;
pub use sellable::{CHANGED_INDEX, StockTerms, derived_partition, sellable_key, sellable_prefix};
pub use serial::serial_key;
pub use shipment::shipment_key;
pub use shortage::shortage_key;
pub use stock::{
    Receipt, StoredLevel, TakeRecord, WaitingOrder, level_prefix, receipt_key, stock_partition, waiting_partition,
};
pub use tracker::tracker_key;

use domain::ids::digest;

/// The shard that `id` is listed in.
#[must_use]
pub fn shard(id: &str, shards: u32) -> u32 {
    u32::from_str_radix(&digest(&[id], 8), 16).unwrap_or(0) % shards.max(1)
}

/// Where the partitions of a list begin: one for each shard.
#[must_use]
pub fn list_partition(parts: &[&str], shard: u32) -> String {
    format!("{}#{shard}", parts.join("#"))
}
