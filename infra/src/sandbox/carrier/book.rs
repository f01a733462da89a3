//! What can be booked, and for how much.

use super::tracking::Event;
use crate::sandbox::ApiError;
use crate::sandbox::labels::LabelFacts;
use domain::address::{Address, Person};
use domain::money::{Currency, Money};
use jiff::Timestamp;
use partners::FieldError;
use partners::json::{Field, FieldProblem, parse};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Services: code, base price, price of each further kilogram, days. Prices in euro cents.
const SERVICES: &[(&str, i64, i64, u32)] =
    &[("pickup_point", 290, 40, 3), ("standard", 390, 60, 2), ("express", 690, 90, 1)];
const COUNTRIES: &[&str] = &[
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];
const WEIGHT_GRAMS_MAX: u64 = 50_000;
const SIDE_MM_MAX: u64 = 2000;
/// Most that a courier carries home, in minor units.
const CASH_MAX: u64 = 500_000;
const TEXT_MAX: usize = 255;

/// A booking, checked.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Booking {
    pub(in crate::sandbox) reference: String,
    pub(in crate::sandbox) leg: String,
    pub(super) service: String,
    sender: Person,
    recipient: Person,
    weight_grams: u64,
    volumetric_grams: u64,
    cash_on_delivery: Option<Money>,
    contents: String,
}

/// A label that was bought.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Shipment {
    pub(in crate::sandbox) id: String,
    pub(super) account: String,
    pub(in crate::sandbox) booking: Booking,
    pub(in crate::sandbox) tracking_number: String,
    pub(super) cost: Money,
    pub(in crate::sandbox) voided: bool,
    pub(super) created_at: Timestamp,
    pub(in crate::sandbox) events: Vec<Event>,
}

impl Shipment {
    pub(super) fn label_facts(&self) -> LabelFacts<'_> {
        LabelFacts {
            sender: &self.booking.sender,
            recipient: &self.booking.recipient,
            service: &self.booking.service,
            weight_grams: self.booking.weight_grams,
            reference: &self.booking.reference,
            tracking_number: &self.tracking_number,
            cash_on_delivery: self.booking.cash_on_delivery,
        }
    }
}

impl Booking {
    /// Reads and checks a booking; the first field that is wrong is named.
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        let value = parse(body)?;
        let root = Field::root(&value);
        let leg = root.get("leg");
        if !matches!(leg.text()?, "outbound" | "return") {
            return Err(leg.error(FieldProblem::Choice { allowed: "outbound, return" }).into());
        }
        let parcel = root.get("parcel");
        let side = |name: &str| parcel.get(name).at_least_one(u64::MAX);
        let sides = [side("length_mm")?, side("width_mm")?, side("height_mm")?];
        if sides.iter().any(|side| *side > SIDE_MM_MAX) {
            return Err(ApiError::refused("parcel_too_long", "parcel.length_mm"));
        }
        let weight_grams = parcel.get("weight_grams").at_least_one(u64::MAX)?;
        if weight_grams > WEIGHT_GRAMS_MAX {
            return Err(ApiError::refused("parcel_too_heavy", "parcel.weight_grams"));
        }
        let recipient = person(&root.get("recipient"))?;
        if !COUNTRIES.contains(&recipient.address.country.as_str()) {
            return Err(ApiError::refused("country_not_served", "recipient.country"));
        }
        let cash_on_delivery = cash(&root.get("cash_on_delivery"))?;
        if cash_on_delivery.is_some() && leg.text()? == "return" {
            return Err(ApiError::refused("no_cash_on_returns", "cash_on_delivery"));
        }
        Ok(Self {
            reference: root.get("reference").filled(100)?.to_owned(),
            leg: leg.text()?.to_owned(),
            service: root.get("service").filled(100)?.to_owned(),
            sender: person(&root.get("sender"))?,
            recipient,
            weight_grams,
            volumetric_grams: sides.iter().product::<u64>() / 5000,
            cash_on_delivery,
            contents: root.get("contents").filled(TEXT_MAX)?.to_owned(),
        })
    }

    /// What the service asked for costs.
    pub(super) fn price(&self) -> Result<Money, ApiError> {
        match SERVICES.iter().find(|(code, ..)| *code == self.service) {
            Some((_, base, per_kilogram, _)) => self.priced(*base, *per_kilogram),
            None => Err(ApiError::refused("unknown_service", "service")),
        }
    }

    /// All services for this parcel, whatever service it names.
    pub(super) fn rates(&self) -> Result<Vec<Value>, ApiError> {
        let offer = |(code, base, per_kilogram, days): &(&str, i64, i64, u32)| {
            Ok(json!({ "service": code, "cost": self.priced(*base, *per_kilogram)?, "days": days }))
        };
        SERVICES.iter().map(offer).collect()
    }

    /// By the greater of weight and volumetric weight, each started kilogram after the first; 1.2 % of what is collected.
    fn priced(&self, base: i64, per_kilogram: i64) -> Result<Money, ApiError> {
        let grams = self.weight_grams.max(self.volumetric_grams);
        let further = i64::try_from(grams.div_ceil(1000).saturating_sub(1)).unwrap_or(i64::MAX / per_kilogram / 2);
        let collecting = self.cash_on_delivery.map_or(0, |cash| (cash.amount_minor * 12 + 999) / 1000);
        let currency = Currency::parse("EUR").map_err(|_| ApiError::refused("no_currency", "cash_on_delivery"))?;
        Ok(Money::new(base + further * per_kilogram + collecting, currency))
    }
}

fn cash(field: &Field<'_>) -> Result<Option<Money>, ApiError> {
    let Some(field) = field.clone().present() else { return Ok(None) };
    let amount = field.get("amount_minor").at_least_one(CASH_MAX)?;
    let currency = field.get("currency").currency()?;
    let minor =
        i64::try_from(amount).map_err(|_| ApiError::refused("invalid_field", "cash_on_delivery.amount_minor"))?;
    Ok(Some(Money::new(minor, currency)))
}

fn person(field: &Field<'_>) -> Result<Person, FieldError> {
    let optional = |name: &str| field.get(name).optional_text(TEXT_MAX).map(|text| text.map(str::to_owned));
    Ok(Person {
        name: field.get("name").filled(TEXT_MAX)?.to_owned(),
        company: optional("company")?,
        email: optional("email")?,
        phone: optional("phone")?,
        address: Address {
            line1: field.get("line1").filled(TEXT_MAX)?.to_owned(),
            line2: optional("line2")?,
            city: field.get("city").filled(TEXT_MAX)?.to_owned(),
            region: optional("region")?,
            postal_code: optional("postal_code")?,
            country: field.get("country").filled(2)?.to_owned(),
        },
    })
}

/// A tracking number: `SBX`, eleven digits that do not tell how many labels were sold, a check digit (Luhn).
pub(super) fn tracking_number(account: &str, reference: &str, now: Timestamp, attempt: usize) -> String {
    let hash = domain::ids::digest(&[account, reference, &now.to_string(), &attempt.to_string()], 12);
    let number = u64::from_str_radix(&hash, 16).unwrap_or_default() % 100_000_000_000;
    let digits = format!("{number:011}");
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            if place % 2 == 1 {
                digit
            } else if digit > 4 {
                digit * 2 - 9
            } else {
                digit * 2
            }
        })
        .sum();
    format!("SBX{digits}{}", (10 - sum % 10) % 10)
}
