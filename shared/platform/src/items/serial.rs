//! Records of units that are kept by serial number.

use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::serial_record::SerialRecord;
use domain::{MerchantId, Sku};

/// The key of the record of a unit: a partition of its own, since an item may have very many.
#[must_use]
pub fn serial_key(merchant: &MerchantId, sku: &Sku, serial: &str) -> Key {
    Key::new(Table::Stock, format!("{merchant}#{sku}#serial#{serial}"), "serial")
}

impl Stored for SerialRecord {
    fn key(&self) -> Key {
        serial_key(&self.merchant, &self.sku, &self.serial)
    }
}
