//! What comes in and goes out of the routes of personal data.

use domain::address::Person;
use domain::aggregate::Actor;
use domain::order::Order;
use domain::privacy::{InvoiceHold, PrivacyKind};
use domain::returns::Return;
use domain::shipment::Shipment;
use domain::tracker::Tracker;
use domain::{OrderId, PrivacyRequestId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::orders::wire::Link;

/// What a shopper asks for. Not `Debug`: it may have an e-mail address.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPrivacyRequest {
    /// Erasure or access.
    pub kind: PrivacyKind,
    /// The shopper's orders, 1 to 25; either this, or `order_number` and `email`.
    #[serde(default)]
    pub orders: Vec<OrderId>,
    /// The number that the shopper knows, with or without `#`.
    #[serde(default)]
    #[schema(example = "#1001")]
    pub order_number: Option<String>,
    /// The e-mail address of that order, in whatever case.
    #[serde(default)]
    pub email: Option<String>,
    /// Who enters it.
    pub actor: Actor,
}

/// The merchant's yes.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    /// Who decided.
    pub actor: Actor,
    /// Who keeps what the merchant's books need of the shopper: needed for an erasure.
    #[serde(default)]
    pub invoice: Option<InvoiceHold>,
}

/// The merchant's no.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decline {
    /// Who decided.
    pub actor: Actor,
    /// Why, without personal data.
    pub reason: String,
}

/// A document of an order.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct ExportedDocument {
    /// Its name.
    pub name: String,
    /// Where it can be loaded for some minutes.
    #[serde(flatten)]
    pub link: Link,
}

/// Everything that is stored about the shopper of one order.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct ExportedOrder {
    /// The order: goods, amounts, what happened to it.
    pub order: Order,
    /// Whom it goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Person>,
    /// The shopper's note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What the shop sent, as it came.
    #[schema(value_type = Object)]
    pub as_sent: Value,
    /// Its parcels, there and back.
    pub shipments: Vec<Shipment>,
    /// Where they were.
    pub trackers: Vec<Tracker>,
    /// Its returns.
    pub returns: Vec<Return>,
    /// Labels and packing slips.
    pub documents: Vec<ExportedDocument>,
}

/// A page of an export, by the order's id.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Export {
    /// The request that it answers.
    pub privacy_request: PrivacyRequestId,
    /// Orders.
    pub items: Vec<ExportedOrder>,
    /// Send it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
