//! How far adjustments are that take units away from orders.

use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::ReceiptId;
use domain::shortage::Shortage;

/// The key of an adjustment's shortage: beside the adjustment.
#[must_use]
pub fn shortage_key(id: &ReceiptId) -> Key {
    Key::new(Table::Stock, format!("{}#{id}", id.merchant()), "shortage")
}

impl Stored for Shortage {
    fn key(&self) -> Key {
        shortage_key(&self.id)
    }
}
