//! Records of lots.

use super::{shard, sort_instant, stock_partition};
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::lot_record::LotRecord;
use domain::{MerchantId, Sku};

/// Sort key prefix of records of lots, beside the levels of the item.
const PREFIX: &str = "lot#";

/// The key of the record of a lot.
#[must_use]
pub fn lot_key(merchant: &MerchantId, sku: &Sku, code: &str) -> Key {
    Key::new(Table::Stock, stock_partition(merchant, sku), format!("{PREFIX}{code}"))
}

/// Whether a key of the stock table is a lot's record.
#[must_use]
pub fn is_lot_key(key: &Key) -> bool {
    key.sk.starts_with(PREFIX)
}

impl Stored for LotRecord {
    fn key(&self) -> Key {
        lot_key(&self.merchant, &self.sku, &self.lot.code)
    }

    fn indexes(&self, shards: u32) -> Vec<(&'static str, String)> {
        let id = format!("{}#{}#{}", self.merchant, self.sku, self.lot.code);
        let due = |at| [("due_pk", shard(&id, shards).to_string()), ("due_sk", format!("{}#{id}", sort_instant(at)))];
        self.next_look_at.into_iter().flat_map(due).collect()
    }
}
