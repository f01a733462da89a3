//! Items and locations of a merchant.

use super::shard;
use crate::failure::Failure;
use crate::listing::{Page, PageRequest};
use crate::operation::Operation;
use crate::partition::PartitionList;
use crate::settings::Table;
use crate::store::{Key, Store, Stored, Versioned};
use domain::account::Location;
use domain::catalogue::Item;
use domain::{LocationId, MerchantId, Sku};
use jiff::{SignedDuration, Timestamp};
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
    /// How many kits it is a component of: it cannot become a kit itself as long.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub kits: u32,
}

fn is_zero(kits: &u32) -> bool {
    *kits == 0
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

/// What an `Idempotency-Key` stood for, where the created object is named by the caller (item, location) or is many (import).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueRequest {
    /// The merchant.
    pub merchant: MerchantId,
    /// The operation's id.
    pub operation: String,
    /// Unix seconds after which DynamoDB may forget it.
    pub expires_at: i64,
}

impl CatalogueRequest {
    /// The record of `operation`, remembered for two days from `now`.
    #[must_use]
    pub fn new(merchant: &MerchantId, operation: &Operation, now: Timestamp) -> Self {
        Self {
            merchant: merchant.clone(),
            operation: operation.id().to_owned(),
            expires_at: (now + SignedDuration::from_hours(48)).as_second(),
        }
    }
}

impl Stored for CatalogueRequest {
    fn key(&self) -> Key {
        Key::new(Table::Catalogue, format!("{}#{}", self.merchant, self.operation), "idempotency")
    }
}

/// The partition that lists a share of the merchant's items.
#[must_use]
pub fn items_partition(merchant: &MerchantId, shard: u32) -> String {
    format!("{merchant}#items#{shard}")
}

/// Every partition of the merchant's items.
#[must_use]
pub fn items_partitions(merchant: &MerchantId) -> Vec<String> {
    (0..ITEM_SHARDS).map(|shard| items_partition(merchant, shard)).collect()
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
impl Store {
    /// One page of a merchant's items, in the order of their SKUs.
    ///
    /// # Errors
    /// As [`Store::list_partitions`].
    pub async fn items(
        &self,
        merchant: &MerchantId,
        page: &PageRequest,
    ) -> Result<Page<Versioned<StoredItem>>, Failure> {
        let partitions = items_partitions(merchant);
        let list = PartitionList { table: Table::Catalogue, partitions: &partitions, prefix: "", descending: false };
        self.list_partitions(&list, page).await
    }
}
