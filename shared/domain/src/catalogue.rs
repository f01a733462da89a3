//! Items.

use crate::ids::Sku;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An item of a merchant's catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Item {
    /// The merchant's code.
    pub sku: Sku,
    /// Name, printed on packing slips.
    pub name: String,
    /// Barcodes of one unit; a scan of any of them (or of the SKU) means one unit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub barcodes: Vec<String>,
    /// Weight of one unit, grams.
    #[serde(default)]
    pub weight_grams: u32,
    /// Whether a shopper may not send it back (hygiene, perishable, made to measure).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub non_returnable: bool,
    /// The shop's own id of the item, where stock is published by it (Shopify: inventory item id).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop_item: Option<String>,
    /// Units that are never published as sellable.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub safety_stock: u32,
}

impl Item {
    /// Units that shops may be told of: what is `available` at all locations together, less the safety stock, less what orders
    /// already wait for (`backordered`, units, as far as known); never below zero. It limits publishing, not reservation.
    #[must_use]
    pub fn sellable(&self, available: i64, backordered: u64) -> u64 {
        u64::try_from(available).unwrap_or(0).saturating_sub(u64::from(self.safety_stock)).saturating_sub(backordered)
    }
}

fn is_zero(units: &u32) -> bool {
    *units == 0
}
