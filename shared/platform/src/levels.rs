//! An item's inventory levels.

use crate::failure::Failure;
use crate::items::{StoredLevel, level_prefix, stock_partition};
use crate::settings::Table;
use crate::store::{Store, Versioned};
use domain::stock::LevelId;
use domain::{MerchantId, Sku};

/// Most levels of an item: a level for each of its locations, or for each lot at each of them.
const LEVELS_MAX: usize = 10_000;

impl Store {
    /// Every inventory level of an item, in the order of their keys, read consistently.
    ///
    /// # Errors
    /// As [`Store::load`]; [`Failure::Bug`] for a level whose key names no location.
    pub async fn levels(
        &self,
        merchant: &MerchantId,
        sku: &Sku,
    ) -> Result<Vec<(LevelId, Versioned<StoredLevel>)>, Failure> {
        let partition = stock_partition(merchant, sku);
        let stored = self.query::<StoredLevel>(Table::Stock, &partition, level_prefix(), LEVELS_MAX).await?;
        let named = stored.into_iter().map(|(key, level)| {
            let unreadable = || Failure::bug(format!("a level that names no location: {}/{}", key.pk, key.sk));
            Ok((level.body.id().ok_or_else(unreadable)?, level))
        });
        named.collect()
    }
}
