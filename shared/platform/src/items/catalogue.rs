//! Items and locations of a merchant.

use super::shard;
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::account::Location;
use domain::catalogue::Item;
use domain::{LocationId, MerchantId, Sku};
use serde::{Deserialize, Serialize};

/// Over how many partitions a merchant's catalogue is spread. Part of the key: it never changes.
pub(super) const ITEM_SHARDS: u32 = 8;

/// An item with its merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredItem {
    /// The merchant.
    pub merchant: MerchantId,
    /// The item.
    #[serde(flatten)]
    pub item: Item,
}

/// A location with its merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLocation {
    /// The merchant.
    pub merchant: MerchantId,
    /// The location.
    #[serde(flatten)]
    pub location: Location,
}

/// The partition that lists a share of the merchant's items.
#[must_use]
pub fn items_partition(merchant: &MerchantId, shard: u32) -> String {
    format!("{merchant}#items#{shard}")
}

/// The key of an item.
#[must_use]
pub fn item_key(merchant: &MerchantId, sku: &Sku) -> Key {
    Key::new(Table::Catalogue, items_partition(merchant, shard(sku.as_str(), ITEM_SHARDS)), sku.as_str())
}

/// The partition of the merchant's locations: a handful.
#[must_use]
pub fn locations_partition(merchant: &MerchantId) -> String {
    format!("{merchant}#locations")
}

/// The key of a location.
#[must_use]
pub fn location_key(merchant: &MerchantId, location: &LocationId) -> Key {
    Key::new(Table::Catalogue, locations_partition(merchant), location.as_str())
}

impl Stored for StoredItem {
    fn key(&self) -> Key {
        item_key(&self.merchant, &self.item.sku)
    }
}

impl Stored for StoredLocation {
    fn key(&self) -> Key {
        location_key(&self.merchant, &self.location.id)
    }
}
