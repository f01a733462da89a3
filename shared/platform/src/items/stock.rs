//! Inventory levels, receipts, and the orders that wait for stock.

use super::movement::sort_instant;
use crate::level::level_key;
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::stock::{Level, Movement, Term};
use domain::{LocationId, MerchantId, OrderId, ReceiptId, Sku};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A level as it is read. It is never written as a whole: only by guarded arithmetic (`crate::level`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLevel {
    /// Partition key: merchant and SKU.
    pub pk: String,
    /// Sort key: `level#<location>`.
    pub sk: String,
    /// The terms.
    #[serde(flatten)]
    terms: BTreeMap<String, serde_json::Value>,
}

impl StoredLevel {
    /// The location, from the key.
    #[must_use]
    pub fn location(&self) -> Option<LocationId> {
        LocationId::parse(self.sk.strip_prefix("level#")?).ok()
    }

    /// The level.
    #[must_use]
    pub fn level(&self) -> Level {
        Level(
            Term::ALL
                .into_iter()
                .filter_map(|term| Some((term, self.terms.get(term.attribute())?.as_i64()?)))
                .collect(),
        )
    }
}

impl Stored for StoredLevel {
    fn key(&self) -> Key {
        Key::new(Table::Stock, self.pk.clone(), self.sk.clone())
    }
}

/// An order that waits for an item: written with the order's commit, deleted when it is filled or found cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingOrder {
    /// The item it waits for.
    pub sku: Sku,
    /// The order.
    pub order: OrderId,
    /// When the shop took the order: the oldest is filled first.
    pub placed_at: Timestamp,
}

/// The partition of an item's stock: its levels and the orders that wait for it.
#[must_use]
pub fn stock_partition(merchant: &MerchantId, sku: &Sku) -> String {
    format!("{merchant}#{sku}")
}

/// Sort key prefix of levels.
#[must_use]
pub fn level_prefix() -> &'static str {
    "level#"
}

/// Sort key prefix of waiting orders.
#[must_use]
pub fn waiting_prefix() -> &'static str {
    "waiting#"
}

impl Stored for WaitingOrder {
    fn key(&self) -> Key {
        let merchant = self.order.merchant();
        let since = sort_instant(self.placed_at);
        Key::new(Table::Stock, format!("{merchant}#{}", self.sku), format!("waiting#{since}#{}", self.order))
    }
}

/// Goods that came in, or a correction: remembers its operation, so that it counts once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its id.
    pub id: ReceiptId,
    /// The item.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// The movement.
    pub movement: Movement,
    /// What the paper says: delivery note, purchase order, count sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// The key of a receipt.
#[must_use]
pub fn receipt_key(id: &ReceiptId) -> Key {
    Key::new(Table::Stock, format!("{}#{id}", id.merchant()), "receipt")
}

impl Stored for Receipt {
    fn key(&self) -> Key {
        receipt_key(&self.id)
    }
}

impl StoredLevel {
    /// The key of a level.
    #[must_use]
    pub fn key_of(merchant: &MerchantId, sku: &Sku, location: &LocationId) -> Key {
        level_key(merchant, sku, location)
    }
}
