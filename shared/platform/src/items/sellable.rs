//! What channels may sell, one item per channel and SKU, and the mark that the terms of publishing changed.

use super::{list_partition, shard, sort_instant, stock_partition};
use crate::feed::FeedItem;
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::sellable::Sellable;
use domain::{ChannelId, MerchantId, Sku};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The index that change feeds are read from.
pub const CHANGED_INDEX: &str = "changed";

/// The partition of what is derived from an item's stock. Not the levels' own: those are hot enough.
#[must_use]
pub fn derived_partition(merchant: &MerchantId, sku: &Sku) -> String {
    // Two parts: a ledger's partition has three, that of activity facts four.
    format!("{merchant}#{sku}")
}

/// Sort key prefix of what channels may sell.
#[must_use]
pub fn sellable_prefix() -> &'static str {
    "sellable#"
}

/// The key of what a channel may sell of an item.
#[must_use]
pub fn sellable_key(channel: &ChannelId, sku: &Sku) -> Key {
    Key::new(Table::Movements, derived_partition(&channel.merchant(), sku), format!("{}{channel}", sellable_prefix()))
}

/// The index keys by which an item of the derived partitions is found when it is due.
pub(super) fn due(id: &str, at: Timestamp, shards: u32) -> [(&'static str, String); 2] {
    [("due_pk", shard(id, shards).to_string()), ("due_sk", format!("{}#{id}", sort_instant(at)))]
}

impl Stored for Sellable {
    fn key(&self) -> Key {
        sellable_key(&self.channel, &self.sku)
    }

    fn indexes(&self, shards: u32) -> Vec<(&'static str, String)> {
        let (channel, sku) = (self.channel.as_str(), self.sku.as_str());
        let mut keys = vec![
            ("changed_pk", list_partition(&[channel], shard(sku, shards))),
            ("changed_sk", format!("{}#{sku}", sort_instant(self.changed_at))),
        ];
        keys.extend(self.due_at.into_iter().flat_map(|at| due(&format!("{channel}#{sku}"), at, shards)));
        keys
    }
}

impl FeedItem for Sellable {
    fn changed_at(&self) -> Option<Timestamp> {
        Some(self.changed_at)
    }

    fn stamped(self, at: Timestamp) -> Self {
        Self { changed_at: at, ..self }
    }
}

/// Written beside an item of the catalogue, in the same transaction, when its safety stock, lead time, reorder point or kit changes:
/// the catalogue has no stream, so this is what `facts` hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockTerms {
    /// The merchant.
    pub merchant: MerchantId,
    /// The item.
    pub sku: Sku,
    /// Another text with every change: the attribute that `facts` is woken by.
    #[serde(rename = "sellable")]
    pub change: String,
}

impl Stored for StockTerms {
    fn key(&self) -> Key {
        Key::new(Table::Stock, stock_partition(&self.merchant, &self.sku), "terms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::sellable::Computed;

    #[test]
    fn an_entry_is_found_by_its_channel_in_the_order_of_its_last_change_and_by_the_day_on_which_it_is_due() {
        let merchant = MerchantId::derive(&["acme"]);
        let channel = ChannelId::derive(&merchant, &["1"]);
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let computed = Computed { quantity: 3, due_at: Some(at("2026-04-01T00:00:00Z")) };
        let entry = Sellable::first(&channel, &Sku::parse("TEA").unwrap(), computed, at("2026-03-01T10:00:00.5Z"));
        let keys = entry.indexes(1);
        let of = |name: &str| keys.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()).unwrap();
        assert_eq!(of("changed_pk"), format!("{channel}#0"));
        assert_eq!(of("changed_sk"), "2026-03-01T10:00:00.500Z#TEA");
        assert_eq!((of("due_pk"), of("due_sk")), ("0".to_owned(), format!("2026-04-01T00:00:00.000Z#{channel}#TEA")));
        assert_eq!(entry.key().pk, format!("{merchant}#TEA"));
    }
}
