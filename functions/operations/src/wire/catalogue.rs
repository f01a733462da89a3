//! Locations, items, and the import of items.

use domain::account::Location;
use domain::allocation::Component;
use domain::catalogue::Item;
use domain::{LocationId, Sku};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A warehouse's address.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Street, number: first line.
    pub line1: String,
    /// Second line.
    #[serde(default)]
    pub line2: Option<String>,
    /// Settlement.
    pub city: String,
    /// Region, state or province.
    #[serde(default)]
    pub region: Option<String>,
    /// Postal code, as the country writes it.
    #[serde(default)]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2 country code.
    #[schema(example = "BG")]
    pub country: String,
}

/// A warehouse to be created.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLocation {
    /// Its code.
    pub id: LocationId,
    /// Name for people.
    pub name: String,
    /// Where parcels are sent from.
    #[schema(inline)]
    pub address: Address,
    /// Telephone for the carrier.
    #[serde(default)]
    pub phone: Option<String>,
    /// Countries that it serves as if they were its own, ISO 3166-1 alpha-2.
    #[serde(default)]
    #[schema(example = json!(["RO", "GR"]))]
    pub serves: Vec<String>,
    /// What a parcel from here costs, minor units of the currency that all of the merchant's locations are compared in. Of several
    /// locations that are equally near the cheaper one ships.
    #[serde(default)]
    #[schema(maximum = 1_000_000)]
    pub parcel_cost_minor: u32,
    /// Of several locations that are equally near and equally dear the one with the lower number ships.
    #[serde(default)]
    pub priority: u32,
}

impl From<Address> for domain::address::Address {
    fn from(sent: Address) -> Self {
        let Address { line1, line2, city, region, postal_code, country } = sent;
        Self { line1, line2, city, region, postal_code, country }
    }
}

impl From<NewLocation> for Location {
    fn from(new: NewLocation) -> Self {
        let NewLocation { id, name, address, phone, serves, parcel_cost_minor, priority } = new;
        Self { id, name, address: address.into(), phone, serves, parcel_cost_minor, priority, closed: false }
    }
}

/// A warehouse as it is to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocationEdit {
    /// Name for people.
    pub name: String,
    /// Where parcels are sent from.
    #[schema(inline)]
    pub address: Address,
    /// Telephone for the carrier.
    #[serde(default)]
    pub phone: Option<String>,
    /// Countries that it serves as if they were its own, ISO 3166-1 alpha-2.
    #[serde(default)]
    #[schema(example = json!(["RO", "GR"]))]
    pub serves: Vec<String>,
    /// What a parcel from here costs, minor units of the currency that all of the merchant's locations are compared in. Of several
    /// locations that are equally near the cheaper one ships.
    #[serde(default)]
    #[schema(maximum = 1_000_000)]
    pub parcel_cost_minor: u32,
    /// Of several locations that are equally near and equally dear the one with the lower number ships.
    #[serde(default)]
    pub priority: u32,
    /// Whether it is closed: refused while anything is in it. A closed one receives nothing, and nothing is allocated from it.
    #[serde(default)]
    pub closed: bool,
}

impl LocationEdit {
    /// The location with this code as it is to be.
    #[must_use]
    pub fn of(self, id: LocationId) -> Location {
        let Self { name, address, phone, serves, parcel_cost_minor, priority, closed } = self;
        Location { id, name, address: address.into(), phone, serves, parcel_cost_minor, priority, closed }
    }
}

/// A warehouse.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LocationView {
    /// The location.
    #[serde(flatten)]
    pub location: Location,
    /// Its version.
    pub version: u64,
}

/// An item to be created.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// The merchant's code.
    pub sku: Sku,
    /// Name, printed on packing slips: 1 to 200 characters.
    pub name: String,
    /// Barcodes of one unit, up to 20.
    #[serde(default)]
    pub barcodes: Vec<String>,
    /// Weight of one unit, grams.
    #[serde(default)]
    pub weight_grams: u32,
    /// Whether a shopper may not send it back.
    #[serde(default)]
    pub non_returnable: bool,
    /// The shop's own id of the item, where stock is published by it.
    #[serde(default)]
    pub shop_item: Option<String>,
    /// Whether it is kept by lot: receipts name the lot, the first to expire is promised first, scans must match.
    #[serde(default)]
    pub lot_tracked: bool,
    /// Whether each unit is kept by its serial number: receipts and scans name it.
    #[serde(default)]
    pub serial_tracked: bool,
    /// Units that are never published as sellable.
    #[serde(default)]
    pub safety_stock: u32,
    /// Days from ordering the item at its supplier to having it in stock, up to 365.
    #[serde(default)]
    #[schema(maximum = 365)]
    pub lead_time_days: u32,
    /// Units at or below which the item is to be ordered again; absent: what sells within the lead time, and the safety stock.
    #[serde(default)]
    pub reorder_point: Option<u32>,
    /// What one kit is made of, up to 20 items that are no kits; left out for an item that is no kit.
    #[serde(default)]
    pub kit: Vec<Component>,
}

impl From<NewItem> for Item {
    fn from(new: NewItem) -> Self {
        Self {
            sku: new.sku,
            name: new.name,
            barcodes: new.barcodes,
            weight_grams: new.weight_grams,
            non_returnable: new.non_returnable,
            shop_item: new.shop_item,
            lot_tracked: new.lot_tracked,
            serial_tracked: new.serial_tracked,
            safety_stock: new.safety_stock,
            lead_time_days: new.lead_time_days,
            reorder_point: new.reorder_point,
            kit: new.kit,
        }
    }
}

/// An item.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ItemView {
    /// The item.
    #[serde(flatten)]
    pub item: Item,
    /// Its version: also the `ETag`.
    pub version: u64,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcome {
    /// There was no such item.
    Created,
    /// The item was there with other values.
    Updated,
    /// The item was there just so: nothing was written.
    Unchanged,
    /// The line was left out: see `column` and `reason`.
    Refused,
}

/// The report of one line.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportLine {
    /// Line of the file where the record begins, from 1; the header is line 1.
    pub line: u64,
    /// The item, if the line names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// What became of it.
    pub outcome: ImportOutcome,
    /// The column at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What is wrong and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The report of an import.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct ImportReport {
    /// Lines that made an item.
    pub created: usize,
    /// Lines that changed an item.
    pub updated: usize,
    /// Lines that changed nothing.
    pub unchanged: usize,
    /// Lines that were left out.
    pub refused: usize,
    /// Every line, in the order of the file.
    pub lines: Vec<ImportLine>,
}
