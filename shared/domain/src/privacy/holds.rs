//! Legal holds: what keeps the personal data of an order from being erased, from facts alone.

use super::{InvoiceHold, LegalHoldReason};
use crate::order::{DeliveryState, FulfillmentOrderStatus, MoneyState, Order};
use crate::returns::Return;
use crate::shipment::{Leg, Shipment, ShipmentState};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long a claim may be raised of which nothing is heard: against a carrier all are barred after a year. Also for how long
/// after a recall the shoppers concerned can be told.
pub const CLAIMS_LAST: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Longest time for which books are kept, years after the order.
pub const BOOKS_YEARS_MAX: i16 = 11;

/// A reason, and until when it lasts at the most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct LegalHold {
    /// Why.
    pub reason: LegalHoldReason,
    /// When it has passed at the latest, UTC; absent when an event must end it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// What is known of an order.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Its head.
    pub order: Order,
    /// Its shipments, also those of its returns.
    pub shipments: Vec<Shipment>,
    /// Its returns.
    pub returns: Vec<Return>,
    /// When the lots that it has were recalled, UTC.
    pub recalled_at: Vec<Timestamp>,
}

/// The holds that are in force at `at`, one for each reason, the latest end of it.
#[must_use]
pub fn holds(facts: &Facts, invoice: Option<InvoiceHold>, at: Timestamp) -> Vec<LegalHold> {
    let order = &facts.order;
    let claims_end = order.created_at + CLAIMS_LAST;
    let mut found = Vec::new();
    let mut add = |reason, until: Option<Timestamp>| {
        if until.is_none_or(|until| until > at) {
            found.push(LegalHold { reason, until });
        }
    };
    if !order.is_settled() || facts.shipments.iter().any(is_under_way) {
        add(LegalHoldReason::OpenWork, None);
    }
    for parcel in order.fulfillment_orders.iter().filter(|f| f.status == FulfillmentOrderStatus::Closed) {
        match parcel.delivery {
            DeliveryState::None | DeliveryState::InTransit => add(LegalHoldReason::OpenWork, Some(claims_end)),
            DeliveryState::Lost => add(LegalHoldReason::OpenClaim, Some(claims_end)),
            // What was refused comes back: its return says when that is over.
            DeliveryState::Delivered
            | DeliveryState::PartlyDelivered
            | DeliveryState::Refused
            | DeliveryState::Returned => {}
        }
    }
    for back in facts.returns.iter().filter(|back| !back.state.is_final()) {
        add(LegalHoldReason::OpenClaim, Some(back.created_at + CLAIMS_LAST));
    }
    if order.cash_on_delivery_minor.is_some() && matches!(order.money, MoneyState::Expected | MoneyState::Collected) {
        add(LegalHoldReason::CashOnDelivery, Some(claims_end));
    }
    for recalled_at in &facts.recalled_at {
        add(LegalHoldReason::Recall, Some(*recalled_at + CLAIMS_LAST));
    }
    if let Some(InvoiceHold::Until(day)) = invoice
        && let Some(end) = day.tomorrow().ok().and_then(|day| day.to_zoned(TimeZone::UTC).ok())
    {
        add(LegalHoldReason::Invoice, Some(end.timestamp()));
    }
    latest_of_each(found)
}

/// Whether something may still be bought, found or given back for it, or its goods have not left.
fn is_under_way(shipment: &Shipment) -> bool {
    let unsettled = !shipment.surplus.is_empty() || shipment.reconcile_due_at().is_some();
    unsettled
        || match (&shipment.leg, shipment.state) {
            (_, ShipmentState::HandedOver | ShipmentState::Voided) => false,
            (_, ShipmentState::BookingIntent | ShipmentState::VoidRequested) => true,
            // Of a return its own state says whether it is over: a label that nobody used stays bought.
            (Leg::Return(_), _) => false,
            (Leg::Outbound, _) => true,
        }
}

fn latest_of_each(mut found: Vec<LegalHold>) -> Vec<LegalHold> {
    // An end that an event must bring is later than any day.
    found.sort_by_key(|hold| (hold.reason, hold.until.is_none(), hold.until));
    found.reverse();
    found.dedup_by_key(|hold| hold.reason);
    found.reverse();
    found
}
