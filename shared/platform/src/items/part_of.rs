//! Which kits an item is a component of: what `facts` asks when its stock changes.

use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::{MerchantId, Sku};
use serde::{Deserialize, Serialize};

/// That an item is a component of a kit. Written and deleted by the transaction that changes what the kit is made of, which
/// also counts the item's kits ([`super::StoredItem::kits`]): so nobody asks about an item that is in none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartOf {
    /// The merchant.
    pub merchant: MerchantId,
    /// The component.
    pub sku: Sku,
    /// The kit.
    pub kit: Sku,
}

/// The partition of the kits that an item is a component of: apart from the hot one of its levels.
#[must_use]
pub fn kits_partition(merchant: &MerchantId, sku: &Sku) -> String {
    format!("{merchant}#{sku}#kits")
}

/// Sort key prefix of the kits that an item is a component of.
#[must_use]
pub fn part_of_prefix() -> &'static str {
    "kit#"
}

impl Stored for PartOf {
    fn key(&self) -> Key {
        Key::new(Table::Stock, kits_partition(&self.merchant, &self.sku), format!("{}{}", part_of_prefix(), self.kit))
    }
}
