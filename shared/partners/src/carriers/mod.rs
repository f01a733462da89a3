//! Carriers: what takes parcels from us and tells where they are.
//!
//! To add a carrier: one file that implements the capabilities it has, fixtures beside it, one row in [`CARRIERS`].

mod answer;
pub mod easypost;
pub mod sandbox;

use crate::http::{Headers, Request, Response};
use crate::{FieldError, Retry, SignatureError};
use domain::address::Person;
use domain::ids::ShipmentId;
use domain::money::Money;
use domain::tracking_status::{TrackingEvent, TrackingStatus};
use jiff::Timestamp;
use std::fmt;

/// What is needed to call a carrier for one merchant. `Debug` shows no credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Where the carrier's API is, for example `https://api.carrier.example`.
    pub base_url: String,
    /// The key that the carrier gave the merchant.
    pub api_key: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Which way a parcel goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// To the shopper.
    Outbound,
    /// Back to the warehouse.
    Return,
}

impl Leg {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Return => "return",
        }
    }
}

/// A packed parcel, as measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parcel {
    /// Grams.
    pub weight_grams: u32,
    /// Millimetres.
    pub length_mm: u32,
    /// Millimetres.
    pub width_mm: u32,
    /// Millimetres.
    pub height_mm: u32,
}

/// One parcel to be booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingRequest {
    /// Our reference: the carrier keeps it and can be asked for it, and tracking may echo it.
    pub reference: ShipmentId,
    /// Which way it goes.
    pub leg: Leg,
    /// The carrier's own code of the service.
    pub service: String,
    /// Where it comes from.
    pub sender: Person,
    /// Where it goes.
    pub recipient: Person,
    /// The parcel.
    pub parcel: Parcel,
    /// What the courier must collect.
    pub cash_on_delivery: Option<Money>,
    /// What is inside, in words.
    pub contents: String,
}

/// A label that was bought. `Debug` leaves the labels out: they show name and address.
#[derive(Clone, PartialEq, Eq)]
pub struct Booked {
    /// The carrier's own id of the shipment.
    pub carrier_shipment_id: String,
    /// Its tracking number.
    pub tracking_number: String,
    /// Where the shopper can follow it.
    pub tracking_url: Option<String>,
    /// What it costs.
    pub cost: Money,
    /// The label as PDF.
    pub label_pdf: Vec<u8>,
    /// The label as ZPL.
    pub label_zpl: String,
}

impl fmt::Debug for Booked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Booked")
            .field("carrier_shipment_id", &self.carrier_shipment_id)
            .field("tracking_number", &self.tracking_number)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

/// A shipment that the carrier knows under our reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The label.
    pub booked: Booked,
    /// Whether it has been voided.
    pub voided: bool,
}

/// What a void came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voided {
    /// What the carrier gives back, if it says.
    pub refund: Option<Money>,
}

/// An offer for a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The carrier's own code of the service.
    pub service: String,
    /// What it costs, surcharges included.
    pub cost: Money,
    /// Days until delivery, if the carrier says.
    pub days: Option<u32>,
}

/// Buys labels. No purchase is repeated blindly: see [`CarrierError::Indeterminate`].
pub trait Book: Sync {
    /// The purchase.
    fn build_booking(&self, account: &Account, booking: &BookingRequest) -> Request;

    /// Reads the answer to a purchase.
    ///
    /// # Errors
    /// [`CarrierError`].
    fn read_booking(&self, response: &Response) -> Result<Booked, CarrierError>;
}

/// Finds what was bought under our reference.
pub trait LookUp: Sync {
    /// The question.
    fn build_lookup(&self, account: &Account, reference: &ShipmentId) -> Request;

    /// Every shipment with that reference, voided ones included; several if it was bought several times.
    ///
    /// # Errors
    /// [`CarrierError`], never `Indeterminate`.
    fn read_lookup(&self, response: &Response) -> Result<Vec<Found>, CarrierError>;
}

/// Gives labels back.
pub trait Void: Sync {
    /// The void.
    fn build_void(&self, account: &Account, carrier_shipment_id: &str) -> Request;

    /// Reads the answer; a shipment that was voided before is a success.
    ///
    /// # Errors
    /// [`CarrierError`]; `Refused` if it is too late. A void may be repeated.
    fn read_void(&self, response: &Response) -> Result<Voided, CarrierError>;
}

/// Offers services and prices.
pub trait Rates: Sync {
    /// The question.
    fn build_rates(&self, account: &Account, booking: &BookingRequest) -> Request;

    /// The offers, cheapest first.
    ///
    /// # Errors
    /// [`CarrierError`], never `Indeterminate`.
    fn read_rates(&self, response: &Response) -> Result<Vec<Rate>, CarrierError>;
}

/// Posts tracking to us.
pub trait Webhook: Sync {
    /// Whether the carrier sent these bytes.
    ///
    /// # Errors
    /// [`SignatureError`], fail closed.
    fn verify_webhook(
        &self,
        secrets: &[String],
        headers: &Headers,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), SignatureError>;

    /// The events in a verified body, none if it is about something else. In no order, and any of them may have come before.
    ///
    /// # Errors
    /// [`FieldError`] naming the field.
    fn parse_webhook(&self, body: &[u8]) -> Result<Vec<TrackingEvent>, FieldError>;
}

/// Can be asked where a parcel is.
pub trait Poll: Sync {
    /// The question.
    fn build_poll(&self, account: &Account, tracking_number: &str) -> Request;

    /// Every event so far.
    ///
    /// # Errors
    /// [`CarrierError`], never `Indeterminate`.
    fn read_poll(&self, response: &Response) -> Result<Vec<TrackingEvent>, CarrierError>;
}

/// Why a carrier did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CarrierError {
    /// The carrier says no, and did nothing.
    #[error("the carrier refused: {reason}{}", .field.as_deref().map(|f| format!(" (field `{f}`)")).unwrap_or_default())]
    Refused {
        /// The carrier's reason, without personal data.
        reason: String,
        /// The field it names.
        field: Option<String>,
    },
    /// The credentials do not work.
    #[error("the carrier did not accept our credentials: correct the carrier account")]
    Unauthorised,
    /// Throttled or down, and nothing was done.
    #[error("the carrier is unavailable or limits our rate")]
    Unavailable {
        /// Seconds to wait, if the carrier said so.
        retry_after_seconds: Option<u32>,
    },
    /// It is unknown whether the label was bought: look it up by reference, never buy again blindly.
    #[error("the carrier's answer does not say whether it was done ({reason}): look it up by reference")]
    Indeterminate {
        /// What was seen.
        reason: String,
    },
    /// An answer to a question that is not what the carrier's API promises.
    #[error("the carrier's answer cannot be read: {reason}")]
    Malformed {
        /// What was seen.
        reason: String,
    },
}

impl CarrierError {
    /// What to do about it.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Refused { .. } | Self::Unauthorised | Self::Malformed { .. } => Retry::Never,
            Self::Unavailable { retry_after_seconds } => Retry::Later { after_seconds: *retry_after_seconds },
            Self::Indeterminate { .. } => Retry::LookFirst,
        }
    }
}

/// One carrier and what it can do.
pub struct Carrier {
    /// Its name in a carrier account's settings.
    pub name: &'static str,
    /// Its name as shoppers know it.
    pub display_name: &'static str,
    /// Every status code that it is known to send, and ours for it. What is not in here is unknown.
    pub statuses: &'static [(&'static str, TrackingStatus)],
    /// Whether its couriers collect cash.
    pub cash_on_delivery: bool,
    /// Whether it sells labels for returns.
    pub returns: bool,
    /// Buys labels.
    pub book: Option<&'static dyn Book>,
    /// Finds them by our reference; without it an unanswered purchase is for a person to settle.
    pub look_up: Option<&'static dyn LookUp>,
    /// Takes labels back.
    pub void: Option<&'static dyn Void>,
    /// Offers prices.
    pub rates: Option<&'static dyn Rates>,
    /// Posts tracking.
    pub webhook: Option<&'static dyn Webhook>,
    /// Answers where a parcel is.
    pub poll: Option<&'static dyn Poll>,
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carrier").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Carrier {
    /// Our status for the carrier's `code`: [`TrackingStatus::Unknown`] for any that is not in its table.
    #[must_use]
    pub fn status(&self, code: &str) -> TrackingStatus {
        status_in(self.statuses, code)
    }
}

/// Our status for `code` by `table`.
fn status_in(table: &[(&str, TrackingStatus)], code: &str) -> TrackingStatus {
    table.iter().find(|(known, _)| *known == code).map_or(TrackingStatus::Unknown, |(_, status)| *status)
}

/// Every carrier there is.
pub static CARRIERS: &[Carrier] = &[
    Carrier {
        name: "sandbox",
        display_name: "Sandbox Carrier",
        statuses: sandbox::STATUSES,
        cash_on_delivery: true,
        returns: true,
        book: Some(&sandbox::Sandbox),
        look_up: Some(&sandbox::Sandbox),
        void: Some(&sandbox::Sandbox),
        rates: Some(&sandbox::Sandbox),
        webhook: Some(&sandbox::Sandbox),
        poll: Some(&sandbox::Sandbox),
    },
    Carrier {
        name: "easypost",
        display_name: "EasyPost",
        statuses: easypost::STATUSES,
        cash_on_delivery: false,
        returns: false,
        book: None,
        look_up: None,
        void: None,
        rates: None,
        webhook: Some(&easypost::EasyPost),
        poll: Some(&easypost::EasyPost),
    },
];

/// The carrier of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Carrier> {
    CARRIERS.iter().find(|carrier| carrier.name == name)
}
