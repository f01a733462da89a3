//! Shops: what sends us orders and hears back of fulfilments and sellable stock.
//!
//! To add a platform: one file that implements the capabilities it has, fixtures beside it, one row in [`PLATFORMS`].

pub mod own;
pub mod shopify;

use crate::http::{Headers, Request, Response};
use crate::{FieldError, Retry, SignatureError};
use domain::ids::Sku;
use domain::incoming::IncomingOrder;
use domain::privacy::PrivacyKind;
use jiff::Timestamp;
use std::fmt;

/// What is needed to call one shop. `Debug` shows no credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Where the shop's API is, for example `https://acme.myshopify.com`.
    pub base_url: String,
    /// The token that the shop gave us.
    pub access_token: String,
    /// The shop's own id of the location that our sellable stock is published as; `None` when it has just one.
    pub location: Option<String>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("base_url", &self.base_url)
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

/// What a webhook's headers say of it. Only the body is signed: use these for routing and deduplication, never as proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What happened.
    pub topic: Topic,
    /// The shop that it happened in, as the platform names it.
    pub shop: String,
    /// The platform's id of this delivery: the same on every attempt.
    pub delivery_id: String,
    /// The platform's id of the event, shared by deliveries to several endpoints.
    pub event_id: Option<String>,
    /// Version of the platform's API that the body follows.
    pub api_version: Option<String>,
    /// When it happened, UTC.
    pub triggered_at: Option<Timestamp>,
}

/// What happened in a shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// An order was placed.
    OrderCreated,
    /// A shopper asked the shop about personal data.
    PrivacyRequest(PrivacyKind),
    /// The shop has left the platform some time ago: all of its shoppers' data is to go.
    ShopErasure,
    /// Something that we do not handle, in the platform's word: acknowledge it, since a shop repeats what is refused.
    Other(String),
}

/// A fulfilment to report: one parcel with the units of the shop's own lines in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulfilmentReport {
    /// The shop's own id of the order.
    pub order: String,
    /// The shop's own line ids and how many units of each are in the parcel, at least 1.
    pub lines: Vec<(String, u32)>,
    /// The parcel's tracking number: by it a repeated report is recognised.
    pub tracking_number: String,
    /// Where the shopper can follow the parcel.
    pub tracking_url: Option<String>,
    /// The carrier's name as the shopper knows it.
    pub carrier: String,
    /// Whether the shop shall write to the shopper.
    pub notify_shopper: bool,
}

/// The sellable stock of one item, as an absolute quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockUpdate {
    /// The item.
    pub sku: Sku,
    /// Units that may be sold.
    pub quantity: u32,
    /// Names this update: the same for a repetition, another for a later one. One per attempt after a [`ShopError::Conflict`].
    pub operation: String,
}

/// Receives webhooks with orders.
pub trait Orders: Sync {
    /// Whether the shop sent these bytes.
    ///
    /// # Errors
    /// [`SignatureError`], fail closed.
    fn verify(&self, secrets: &[String], headers: &Headers, body: &[u8], now: Timestamp) -> Result<(), SignatureError>;

    /// Reads the headers.
    ///
    /// # Errors
    /// [`SignatureError::Missing`] or [`SignatureError::Malformed`] naming the header.
    fn delivery(&self, headers: &Headers) -> Result<Delivery, SignatureError>;

    /// Reads the body of a [`Topic::OrderCreated`].
    ///
    /// # Errors
    /// [`FieldError`] naming the field; [`FieldError::is_nothing_to_do`] for an order that is right but not ours.
    fn parse_order(&self, body: &[u8]) -> Result<IncomingOrder, FieldError>;

    /// Reads the body of a [`Topic::PrivacyRequest`]: the shop's own ids of the orders that are meant.
    ///
    /// # Errors
    /// [`FieldError`] naming the field.
    fn parse_privacy_request(&self, kind: PrivacyKind, body: &[u8]) -> Result<Vec<String>, FieldError>;
}

/// Takes reports of fulfilments: look up, plan, send each planned request, read each answer.
pub trait Fulfilments: Sync {
    /// Asks what of the order is open and what has been reported.
    fn build_lookup(&self, account: &Account, report: &FulfilmentReport) -> Request;

    /// The requests that are still to be sent, none if all of it has been reported.
    ///
    /// # Errors
    /// [`ShopError`], also when the shop has less open than was sent.
    fn plan(
        &self,
        account: &Account,
        report: &FulfilmentReport,
        looked_up: &Response,
    ) -> Result<Vec<Request>, ShopError>;

    /// The shop's id of the fulfilment that was created.
    ///
    /// # Errors
    /// [`ShopError`]; after [`ShopError::Indeterminate`] or [`ShopError::Conflict`] start again at the look-up.
    fn read_created(&self, response: &Response) -> Result<String, ShopError>;
}

/// Takes sellable stock: look up, plan, send, read.
pub trait Stock: Sync {
    /// Asks for the shop's item of that SKU and its current quantity.
    fn build_lookup(&self, account: &Account, sku: &Sku) -> Request;

    /// The request that sets the quantity, none if the shop has it already.
    ///
    /// # Errors
    /// [`ShopError`], also when the shop does not know the item or does not track its stock.
    fn plan(&self, account: &Account, update: &StockUpdate, looked_up: &Response)
    -> Result<Option<Request>, ShopError>;

    /// Reads the answer.
    ///
    /// # Errors
    /// [`ShopError`]; [`ShopError::Conflict`] if the shop sold in between: start again at the look-up.
    fn read_set(&self, response: &Response) -> Result<(), ShopError>;
}

/// Why a shop did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShopError {
    /// The shop says no.
    #[error("the shop refused: {reason}")]
    Refused {
        /// The shop's code or words, without personal data.
        reason: String,
        /// The input field it names.
        field: Option<String>,
    },
    /// The credentials do not work, or lack a permission.
    #[error("the shop did not accept our credentials or their scopes: connect the channel again")]
    Unauthorised,
    /// Throttled or down, and nothing was done.
    #[error("the shop is unavailable or limits our rate")]
    Unavailable {
        /// Seconds to wait, if the shop said so.
        retry_after_seconds: Option<u32>,
    },
    /// The state in the shop moved on since it was looked up.
    #[error("the shop's state changed in between: look it up again")]
    Conflict,
    /// It is unknown whether it was done.
    #[error("the shop's answer does not say whether it was done ({reason}): look it up")]
    Indeterminate {
        /// What was seen.
        reason: String,
    },
    /// An answer to a question that is not what the platform's API promises.
    #[error("the shop's answer cannot be read: {reason}")]
    Malformed {
        /// What was seen.
        reason: String,
    },
}

impl ShopError {
    /// What to do about it.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Refused { .. } | Self::Unauthorised | Self::Malformed { .. } => Retry::Never,
            Self::Unavailable { retry_after_seconds } => Retry::Later { after_seconds: *retry_after_seconds },
            Self::Conflict | Self::Indeterminate { .. } => Retry::LookFirst,
        }
    }
}

/// One e-shop platform and what it can do.
pub struct Platform {
    /// Its name in a channel's settings.
    pub name: &'static str,
    /// Receives orders.
    pub orders: Option<&'static dyn Orders>,
    /// Takes fulfilments.
    pub fulfilments: Option<&'static dyn Fulfilments>,
    /// Takes sellable stock.
    pub stock: Option<&'static dyn Stock>,
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platform").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Every platform there is.
pub static PLATFORMS: &[Platform] = &[
    Platform {
        name: "shopify",
        orders: Some(&shopify::Shopify),
        fulfilments: Some(&shopify::Shopify),
        stock: Some(&shopify::Shopify),
    },
    // A merchant's own shop: its orders come by `POST /v1/orders` and it hears back by our own webhooks.
    Platform { name: "own", orders: None, fulfilments: None, stock: None },
];

/// The platform of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Platform> {
    PLATFORMS.iter().find(|platform| platform.name == name)
}
