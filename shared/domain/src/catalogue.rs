//! Items.

use crate::account::{check_name, check_text};
use crate::aggregate::Rejected;
use crate::allocation::Component;
use crate::ids::Sku;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most barcodes of one item.
pub const BARCODES_MAX: usize = 20;
/// Longest barcode, and longest id of an item in a shop, in bytes.
pub const CODE_BYTES_MAX: usize = 100;
/// Heaviest unit, grams.
pub const WEIGHT_GRAMS_MAX: u32 = 1_000_000;
/// Largest safety stock, units.
pub const SAFETY_STOCK_MAX: u32 = 1_000_000;
/// Longest lead time, days.
pub const LEAD_TIME_DAYS_MAX: u32 = 365;
/// Most items that a kit is made of.
pub const COMPONENTS_MAX: usize = 20;
/// Most units of one item in a kit.
pub const COMPONENT_UNITS_MAX: u32 = 1_000;
/// Highest reorder point, units.
pub const REORDER_POINT_MAX: u32 = 10_000_000;

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
    /// Whether it is kept by lot: receipts name the lot, the first to expire is promised first, scans must match.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lot_tracked: bool,
    /// Whether each unit is kept by its serial number: receipts and scans name it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub serial_tracked: bool,
    /// Units that are never published as sellable.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub safety_stock: u32,
    /// Days from ordering the item at its supplier to having it in stock.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lead_time_days: u32,
    /// Units at or below which the item is to be ordered again; absent: what sells within the lead time, and the safety stock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reorder_point: Option<u32>,
    /// What one kit is made of; empty for an item that is no kit. A kit has no stock: its components have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kit: Vec<Component>,
}

impl Item {
    /// Whether it is sold as one and kept in stock as its components.
    #[must_use]
    pub fn is_kit(&self) -> bool {
        !self.kit.is_empty()
    }

    /// Whether the kit is one by itself; whether its components are items, and no kits, is asked of the catalogue.
    fn check_kit(&self) -> Result<(), Rejected> {
        let invalid = |pointer: String, detail: String| Err(Rejected::new("invalid-field", detail).at(pointer));
        if self.kit.len() > COMPONENTS_MAX {
            return invalid("/kit".to_owned(), format!("a kit is made of at most {COMPONENTS_MAX} items"));
        }
        for (index, component) in self.kit.iter().enumerate() {
            let pointer = format!("/kit/{index}/sku");
            if component.sku == self.sku {
                return Err(Rejected::new("kit-contains-kit", "a kit cannot contain itself: leave it out").at(pointer));
            }
            if self.kit[..index].iter().any(|earlier| earlier.sku == component.sku) {
                return invalid(pointer, "this item is listed twice: list it once, with all its units".to_owned());
            }
            if !(1..=COMPONENT_UNITS_MAX).contains(&component.quantity) {
                let detail = format!("a kit contains 1 to {COMPONENT_UNITS_MAX} units of an item");
                return invalid(format!("/kit/{index}/quantity"), detail);
            }
        }
        Ok(())
    }

    /// Whether the fields are within their limits. A barcode that two items share is not found here: the scan at the pick task,
    /// which knows the item, is what tells them apart.
    ///
    /// # Errors
    /// `invalid-field`, with the pointer of the first field at fault; `kit-contains-kit` for a kit that contains itself.
    pub fn check(&self) -> Result<(), Rejected> {
        check_name("/name", &self.name)?;
        let invalid = |pointer: String, detail: String| Err(Rejected::new("invalid-field", detail).at(pointer));
        if self.barcodes.len() > BARCODES_MAX {
            return invalid("/barcodes".to_owned(), format!("an item has at most {BARCODES_MAX} barcodes"));
        }
        for (index, barcode) in self.barcodes.iter().enumerate() {
            check_text(&format!("/barcodes/{index}"), barcode, CODE_BYTES_MAX)?;
            if self.barcodes[..index].contains(barcode) {
                return invalid(format!("/barcodes/{index}"), "this barcode is listed twice: leave one out".to_owned());
            }
        }
        if self.weight_grams > WEIGHT_GRAMS_MAX {
            return invalid("/weight_grams".to_owned(), format!("one unit weighs at most {WEIGHT_GRAMS_MAX} grams"));
        }
        if self.safety_stock > SAFETY_STOCK_MAX {
            return invalid("/safety_stock".to_owned(), format!("safety stock is at most {SAFETY_STOCK_MAX} units"));
        }
        if self.lead_time_days > LEAD_TIME_DAYS_MAX {
            return invalid("/lead_time_days".to_owned(), format!("lead time is at most {LEAD_TIME_DAYS_MAX} days"));
        }
        if self.reorder_point.is_some_and(|units| units > REORDER_POINT_MAX) {
            return invalid(
                "/reorder_point".to_owned(),
                format!("a reorder point is at most {REORDER_POINT_MAX} units"),
            );
        }
        self.check_kit()?;
        self.shop_item.as_ref().map_or(Ok(()), |shop_item| check_text("/shop_item", shop_item, CODE_BYTES_MAX))
    }
}

fn is_zero(units: &u32) -> bool {
    *units == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Item {
        Item {
            sku: Sku::parse("TEA").unwrap(),
            name: "Зелен чай 🍵".to_owned(),
            barcodes: vec!["3800012345678".to_owned()],
            weight_grams: 120,
            non_returnable: false,
            shop_item: None,
            lot_tracked: false,
            serial_tracked: false,
            safety_stock: 2,
            lead_time_days: 0,
            reorder_point: None,
            kit: Vec::new(),
        }
    }

    fn check(change: impl FnOnce(&mut Item), expect: Option<&str>) {
        let mut item = item();
        change(&mut item);
        assert_eq!(item.check().err().and_then(|rejected| rejected.pointer).as_deref(), expect, "{item:?}");
    }

    #[test]
    fn a_field_past_its_limit_is_named() {
        check(|_| {}, None);
        check(|item| item.name = " ".to_owned(), Some("/name"));
        check(|item| item.name = "я".repeat(201), Some("/name"));
        check(|item| item.name = "я".repeat(200), None);
        check(|item| item.name = "a\u{0}b".to_owned(), Some("/name"));
        check(|item| item.barcodes.push("3800012345678".to_owned()), Some("/barcodes/1"));
        check(|item| item.barcodes.push(String::new()), Some("/barcodes/1"));
        check(|item| item.barcodes = (0..21).map(|n| n.to_string()).collect(), Some("/barcodes"));
        check(|item| item.weight_grams = WEIGHT_GRAMS_MAX + 1, Some("/weight_grams"));
        check(|item| item.safety_stock = SAFETY_STOCK_MAX + 1, Some("/safety_stock"));
        check(|item| item.lead_time_days = LEAD_TIME_DAYS_MAX + 1, Some("/lead_time_days"));
        check(|item| item.reorder_point = Some(REORDER_POINT_MAX + 1), Some("/reorder_point"));
        check(|item| item.reorder_point = Some(0), None);
        check(|item| item.shop_item = Some(String::new()), Some("/shop_item"));
        let part = |sku: &str, quantity| Component { sku: Sku::parse(sku).unwrap(), quantity };
        check(|item| item.kit = vec![part("CUP", 1), part("POT", 1_000)], None);
        check(|item| item.kit = vec![part("CUP", 1), part("TEA", 1)], Some("/kit/1/sku"));
        check(|item| item.kit = vec![part("CUP", 1), part("CUP", 2)], Some("/kit/1/sku"));
        check(|item| item.kit = vec![part("CUP", 0)], Some("/kit/0/quantity"));
        check(|item| item.kit = vec![part("CUP", 1_001)], Some("/kit/0/quantity"));
        check(|item| item.kit = (0..21).map(|n| part(&format!("P{n}"), 1)).collect(), Some("/kit"));
    }
}
