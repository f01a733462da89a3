//! People and addresses. Personal data: stored in the `people` table and under `orders/<id>/` only, never in a queue or a log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A postal address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Default)]
pub struct Address {
    /// Street, number, flat: first line.
    pub line1: String,
    /// Second line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    /// Settlement.
    pub city: String,
    /// Region, state or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Postal code, as the country writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2 country code.
    #[schema(example = "BG")]
    pub country: String,
}

/// Whom a parcel goes to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Default)]
pub struct Person {
    /// Full name, in any script.
    pub name: String,
    /// Company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Telephone number, E.164 where it could be resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Where the parcel goes.
    pub address: Address,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({}, personal)", self.country)
    }
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(personal)")
    }
}

impl Address {
    /// What is missing for a parcel to be sent here: the field's name, for a hold or an error.
    #[must_use]
    pub fn missing(&self) -> Option<&'static str> {
        let blank = |text: &str| text.trim().is_empty();
        if blank(&self.line1) {
            Some("line1")
        } else if blank(&self.city) {
            Some("city")
        } else if self.country.len() != 2 || !self.country.bytes().all(|b| b.is_ascii_uppercase()) {
            Some("country")
        } else {
            None
        }
    }
}

impl Person {
    /// Whether `email` is this person's, regardless of case and surrounding space.
    #[must_use]
    pub fn has_email(&self, email: &str) -> bool {
        let normal = |text: &str| text.trim().to_lowercase();
        self.email.as_deref().is_some_and(|own| normal(own) == normal(email))
    }
}
