//! The shipment: one parcel, its label and its way. Buying a label is not idempotent at any carrier, so the intent is
//! stored before the call, under a reference of our own (the shipment's id), and nothing is bought twice blindly.
//!
//! | Command | from | to | elsewhere |
//! |---|---|---|---|
//! | `intend` | nothing | `booking_intent` | – (a conditional put) |
//! | `next_attempt` | `booking_intent`, `booking_unknown` | `booking_intent`, one attempt more | refused |
//! | `label_bought`, `label_found` | `booking_intent`, `booking_unknown`, `booking_refused` | `label_purchased` | the label is kept to be voided; the same label again: no-op |
//! | `label_bought`, `label_found` | `void_requested` without label | `void_requested` with it | as above |
//! | `nothing_bought` | `booking_intent` | `booking_intent`, no call under way | no-op |
//! | `booking_lost` | `booking_intent` | `booking_unknown` | no-op |
//! | `booking_refused` | `booking_intent`, `booking_unknown` | `booking_refused` | no-op |
//! | `retry_booking` (a person) | `booking_refused`, `booking_unknown` | `booking_intent`, no call under way | refused |
//! | `request_void` | every state before hand-over | `void_requested`; at once `voided` if nothing can have been bought | `voided`: no-op; `handed_over`: recorded, nothing else |
//! | `label_voided` | `void_requested` | `voided` | no-op |
//! | `hand_over` | `label_purchased` | `handed_over` | refused |
//!
//! `planned` of the field guide is a shipment that is not stored yet. `voided` and `handed_over` are final.

mod booking;
mod hand_over;
mod label;
#[cfg(test)]
mod tests;
mod void;

pub use booking::{AfterLookUp, Attempt, CALL_LASTS, START_WITHIN};

use crate::aggregate::History;
use crate::ids::{CarrierAccountId, LocationId, MerchantId, OrderId, ReturnId, ShipmentId, Sku};
use crate::message::{Message, MessageKind};
use crate::money::Money;
use crate::pick_task::Parcel;
use crate::stock::Lot;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// States of a shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentState {
    /// A label is being bought.
    BookingIntent,
    /// The answer to a purchase was lost: it is looked up by our reference, or waits for a person where the carrier cannot.
    BookingUnknown,
    /// The carrier says no: waits for a person.
    BookingRefused,
    /// There is a label.
    LabelPurchased,
    /// The carrier has the parcel.
    HandedOver,
    /// The label, if there is one, is being given back.
    VoidRequested,
    /// There is no label, and there will be none.
    Voided,
}

/// Which way the parcel goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// To the shopper.
    Outbound,
    /// Back to the warehouse, for this return.
    Return(ReturnId),
}

/// Units of one order line in the parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShippedLine {
    /// The order line's number.
    pub line: u32,
    /// The item.
    pub sku: Sku,
    /// The lot, where the item is kept by lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
    /// Units.
    pub quantity: u32,
}

/// A label that was bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Label {
    /// The carrier's own id of the shipment.
    pub carrier_shipment_id: String,
    /// Its tracking number.
    pub tracking_number: String,
    /// Where the shopper can follow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_url: Option<String>,
    /// What it costs.
    pub cost: Money,
    /// Key of the PDF in the documents bucket.
    pub pdf_key: String,
    /// Key of the ZPL in the documents bucket.
    pub zpl_key: String,
}

/// What is known before anything is bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShipmentPlan {
    /// Its id: also the reference that the carrier keeps.
    pub id: ShipmentId,
    /// The order.
    pub order: OrderId,
    /// Which way it goes.
    pub leg: Leg,
    /// The warehouse that sends it (or, of a return, takes it in).
    pub location: LocationId,
    /// The account to book with; absent when the merchant has none yet.
    pub carrier_account: Option<CarrierAccountId>,
    /// The carrier's service.
    pub service: String,
    /// The parcel.
    pub parcel: Parcel,
    /// What is inside.
    pub contents: Vec<ShippedLine>,
    /// What the courier must collect, minor units of the order's currency.
    pub cash_on_delivery_minor: Option<i64>,
}

/// One parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shipment {
    /// Its id: also the reference that the carrier keeps.
    pub id: ShipmentId,
    /// The order.
    pub order: OrderId,
    /// Which way it goes.
    pub leg: Leg,
    /// The warehouse that sends it (or, of a return, takes it in).
    pub location: LocationId,
    /// The account that it is booked with; absent when the merchant had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier_account: Option<CarrierAccountId>,
    /// The carrier's service.
    pub service: String,
    /// The parcel.
    pub parcel: Parcel,
    /// What is inside.
    pub contents: Vec<ShippedLine>,
    /// What the courier must collect, minor units of the order's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cash_on_delivery_minor: Option<i64>,
    /// Its state.
    pub state: ShipmentState,
    /// The label; absent until it is bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// Why the booking waits for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Purchases begun.
    pub attempts: u32,
    /// When the last purchase was begun, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub attempted_at: Timestamp,
    /// Whether the last purchase may have bought something that is not known here.
    pub call_open: bool,
    /// Who began the last purchase: only it may call the carrier.
    pub claim: String,
    /// The carrier's ids of labels bought too much, still to be voided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surplus: Vec<String>,
    /// When it was planned, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the carrier took it, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub handed_over_at: Option<Timestamp>,
    /// When the sweeper looks at it next, UTC; absent until it did for the first time after a purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_look_at: Option<Timestamp>,
    /// Timeline.
    #[serde(default)]
    pub history: History,
}

impl Shipment {
    /// The merchant.
    #[must_use]
    pub fn merchant(&self) -> MerchantId {
        self.id.merchant()
    }

    /// Whether it waits for the carrier to take it: the close-out lists it.
    #[must_use]
    pub fn awaits_close_out(&self) -> bool {
        self.leg == Leg::Outbound && self.state == ShipmentState::LabelPurchased
    }

    /// When to ask the carrier what became of the purchase, unless a message does: only while that is unknown.
    #[must_use]
    pub fn reconcile_due_at(&self) -> Option<Timestamp> {
        let waits_for_a_person = self.reason.is_some();
        (self.state == ShipmentState::BookingUnknown && !waits_for_a_person)
            .then(|| self.next_look_at.unwrap_or(self.attempted_at + CALL_LASTS))
    }

    /// What was known before anything was bought: what every further purchase is made from.
    #[must_use]
    pub fn plan(&self) -> ShipmentPlan {
        ShipmentPlan {
            id: self.id.clone(),
            order: self.order.clone(),
            leg: self.leg.clone(),
            location: self.location.clone(),
            carrier_account: self.carrier_account.clone(),
            service: self.service.clone(),
            parcel: self.parcel,
            contents: self.contents.clone(),
            cash_on_delivery_minor: self.cash_on_delivery_minor,
        }
    }

    fn message(&self, kind: MessageKind) -> Message {
        kind.for_merchant(&self.merchant(), &self.order)
    }
}
