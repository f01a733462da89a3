//! Who may do what: merchants, connected shops, carrier accounts, API keys. Secrets are not here: they are stored sealed.

use crate::aggregate::Rejected;
use crate::ids::{ApiKeyId, CarrierAccountId, ChannelId, LocationId, MerchantId};
use crate::order::AllocationRule;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most countries that a location serves beside its own: there are no more.
const SERVES_MAX: usize = 300;
/// Dearest parcel, minor units.
const PARCEL_COST_MINOR_MAX: u32 = 1_000_000;
/// Longest name that people give to something, in characters.
pub const NAME_CHARS_MAX: usize = 200;
/// Longest window for returns, days.
pub const RETURN_WINDOW_DAYS_MAX: u32 = 3650;
/// Longest remaining shelf life that a channel may ask for, days.
pub const SHELF_LIFE_DAYS_MAX: u32 = 3650;
/// Days of the window for returns unless said otherwise: what EU law gives a consumer.
pub const RETURN_WINDOW_DAYS_DEFAULT: u32 = 14;
/// Longest time that stock is held for an unpaid order, minutes: 30 days.
pub const HOLD_UNPAID_STOCK_MINUTES_MAX: u32 = 43_200;

fn invalid(pointer: &str, detail: impl Into<String>) -> Rejected {
    Rejected::new("invalid-field", detail).at(pointer)
}

/// Whether a name is one: 1 to [`NAME_CHARS_MAX`] characters, not blank, without control characters.
///
/// # Errors
/// `invalid-field` at `pointer`.
pub fn check_name(pointer: &str, name: &str) -> Result<(), Rejected> {
    let ok = !name.trim().is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
    if ok { Ok(()) } else { Err(invalid(pointer, format!("a name has 1 to {NAME_CHARS_MAX} printable characters"))) }
}

/// Whether a text that machines compare is usable: 1 to `bytes_max` bytes, printable, without space at either end.
///
/// # Errors
/// `invalid-field` at `pointer`.
pub fn check_text(pointer: &str, text: &str, bytes_max: usize) -> Result<(), Rejected> {
    let ok = !text.is_empty() && text.len() <= bytes_max && text.trim() == text && !text.chars().any(char::is_control);
    let detail = || format!("it has 1 to {bytes_max} bytes of printable text, and no space at either end");
    if ok { Ok(()) } else { Err(invalid(pointer, detail())) }
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// A merchant's own systems: orders, stock levels, returns.
    Merchant,
    /// People with scanners: pick, pack, receive.
    Floor,
    /// Ops teams: everything of the merchants' day.
    Operations,
    /// The deployment: merchants, channels, carrier accounts, keys.
    Administrator,
}

/// A merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Merchant {
    /// Its id.
    pub id: MerchantId,
    /// Its name, printed on packing slips.
    pub name: String,
    /// What to do when one location cannot fill an order.
    #[serde(default)]
    pub allocation_rule: AllocationRule,
    /// Days after delivery within which a return may be requested.
    pub return_window_days: u32,
    /// The carrier account that parcels are booked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_carrier_account: Option<CarrierAccountId>,
    /// Minutes for which stock is held for an order that is not paid yet; 0: an unpaid order is not reserved.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hold_unpaid_stock_minutes: u32,
    /// When it was created, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// A connected shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// Its id: part of the webhook's URL.
    pub id: ChannelId,
    /// The shop's platform, for example `shopify`: a row of `partners::shops`.
    pub platform: String,
    /// Name for people.
    pub name: String,
    /// The shop's domain, for example `acme.myshopify.com`: webhooks of another shop are refused.
    pub shop_domain: String,
    /// Base URL of the shop's API.
    pub api_url: String,
    /// The shop's own id of the location whose stock is published, where the platform wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop_location: Option<String>,
    /// Days for which goods with an expiry date must still keep to be sold here: lots that expire sooner are not sellable.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_remaining_shelf_life_days: u32,
    /// When it was created, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A merchant's account with a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CarrierAccount {
    /// Its id: part of the webhook's URL.
    pub id: CarrierAccountId,
    /// The carrier: a row of `partners::carriers`.
    pub carrier: String,
    /// Name for people.
    pub name: String,
    /// Base URL of the carrier's API.
    pub api_url: String,
    /// The carrier's service to book, for example `standard`.
    pub service: String,
    /// When it was created, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// An API key, without the key: only its SHA-256 is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    /// Its public id.
    pub id: ApiKeyId,
    /// Whose it is; the platform's own keys act for the merchant that the header `Sklad-Merchant` names.
    pub merchant: MerchantId,
    /// What it may be used for.
    pub scope: Scope,
    /// Name for people.
    pub name: String,
    /// SHA-256 of the key, hexadecimal.
    pub sha256: String,
    /// When it was created, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Location {
    /// Its code.
    pub id: LocationId,
    /// Name for people.
    pub name: String,
    /// Where parcels are sent from.
    pub address: crate::address::Address,
    /// Telephone for the carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Countries that it serves as if they were its own, ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serves: Vec<String>,
    /// What a parcel from here costs, minor units of the currency that all of the merchant's locations are compared in. Of
    /// several locations that are equally near the cheaper one ships.
    #[serde(default)]
    pub parcel_cost_minor: u32,
    /// Of several locations that are equally near and equally dear the one with the lower number ships.
    #[serde(default)]
    pub priority: u32,
    /// Closed: it has no stock, receives none, and nothing is allocated from it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

impl Channel {
    /// Whether the fields are within their limits.
    ///
    /// # Errors
    /// `invalid-field`, with the pointer of the first field at fault.
    pub fn check(&self) -> Result<(), Rejected> {
        check_name("/name", &self.name)?;
        if let Some(location) = &self.shop_location {
            check_text("/shop_location", location, 200)?;
        }
        if self.min_remaining_shelf_life_days > SHELF_LIFE_DAYS_MAX {
            let detail = format!("it is 0 to {SHELF_LIFE_DAYS_MAX} days");
            return Err(invalid("/min_remaining_shelf_life_days", detail));
        }
        Ok(())
    }
}

impl Merchant {
    /// Whether the fields are within their limits.
    ///
    /// # Errors
    /// `invalid-field`, with the pointer of the first field at fault.
    pub fn check(&self) -> Result<(), Rejected> {
        check_name("/name", &self.name)?;
        if self.return_window_days > RETURN_WINDOW_DAYS_MAX {
            return Err(invalid("/return_window_days", format!("it is 0 to {RETURN_WINDOW_DAYS_MAX} days")));
        }
        if self.hold_unpaid_stock_minutes > HOLD_UNPAID_STOCK_MINUTES_MAX {
            let detail = format!("it is 0 to {HOLD_UNPAID_STOCK_MINUTES_MAX} minutes; 0 holds nothing");
            return Err(invalid("/hold_unpaid_stock_minutes", detail));
        }
        Ok(())
    }
}

impl Location {
    /// Whether the fields are within their limits and a carrier could collect here.
    ///
    /// # Errors
    /// `invalid-field`, with the pointer of the first field at fault.
    pub fn check(&self) -> Result<(), Rejected> {
        check_name("/name", &self.name)?;
        if let Some(field) = self.address.missing() {
            let detail = "a warehouse has a full address: street, settlement, and a country of two capital letters";
            return Err(invalid(&format!("/address/{field}"), detail));
        }
        let address = &self.address;
        let parts = [
            ("line1", Some(&address.line1)),
            ("line2", address.line2.as_ref()),
            ("city", Some(&address.city)),
            ("region", address.region.as_ref()),
            ("postal_code", address.postal_code.as_ref()),
        ];
        for (field, text) in parts.into_iter().filter_map(|(field, text)| Some((field, text?))) {
            check_name(&format!("/address/{field}"), text)?;
        }
        if self.serves.len() > SERVES_MAX {
            return Err(invalid("/serves", format!("a location serves at most {SERVES_MAX} countries")));
        }
        for (index, country) in self.serves.iter().enumerate() {
            let pointer = format!("/serves/{index}");
            if country.len() != 2 || !country.bytes().all(|letter| letter.is_ascii_uppercase()) {
                return Err(invalid(&pointer, "a country is two capital letters, by ISO 3166-1"));
            }
            if self.serves[..index].contains(country) {
                return Err(invalid(&pointer, "this country is listed twice: leave one out"));
            }
        }
        if self.parcel_cost_minor > PARCEL_COST_MINOR_MAX {
            return Err(invalid(
                "/parcel_cost_minor",
                format!("a parcel costs 0 to {PARCEL_COST_MINOR_MAX} minor units"),
            ));
        }
        self.phone.as_ref().map_or(Ok(()), |phone| check_text("/phone", phone, 40))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    fn check(change: impl FnOnce(&mut Location), expect: Option<&str>) {
        let mut location = Location {
            id: LocationId::parse("SOF1").unwrap(),
            name: "София 1".to_owned(),
            address: Address {
                line1: "бул. Цариградско шосе 1".to_owned(),
                city: "София".to_owned(),
                country: "BG".to_owned(),
                ..Address::default()
            },
            phone: None,
            serves: Vec::new(),
            parcel_cost_minor: 0,
            priority: 0,
            closed: false,
        };
        change(&mut location);
        assert_eq!(location.check().err().and_then(|rejected| rejected.pointer).as_deref(), expect);
    }

    #[test]
    fn a_warehouse_without_address_is_refused_with_the_field() {
        check(|_| {}, None);
        check(|location| location.name.clear(), Some("/name"));
        check(|location| location.address.line1 = " ".to_owned(), Some("/address/line1"));
        check(|location| location.address.city.clear(), Some("/address/city"));
        check(|location| location.address.country = "bg".to_owned(), Some("/address/country"));
        check(|location| location.address.line2 = Some("a\nb".to_owned()), Some("/address/line2"));
        check(|location| location.phone = Some(" ".to_owned()), Some("/phone"));
        check(|location| location.serves = vec!["RO".to_owned(), "GR".to_owned()], None);
        check(|location| location.serves = vec!["RO".to_owned(), "gr".to_owned()], Some("/serves/1"));
        check(|location| location.serves = vec!["ROU".to_owned()], Some("/serves/0"));
        check(|location| location.serves = vec!["RO".to_owned(); 2], Some("/serves/1"));
        check(|location| location.serves = vec!["RO".to_owned(); 301], Some("/serves"));
        check(|location| location.parcel_cost_minor = PARCEL_COST_MINOR_MAX + 1, Some("/parcel_cost_minor"));
    }
}
