//! What goes out of shipments, and the close-out.

use domain::aggregate::Actor;
use domain::pick_task::Parcel;
use domain::shipment::{Leg, Shipment, ShipmentState, ShippedLine};
use domain::tracker::{KeptEvent, Tracker};
use domain::tracking_status::TrackingStatus;
use domain::{CarrierAccountId, LocationId, Money, OrderId, ReturnId, ShipmentId};
use jiff::Timestamp;
use platform::items::{CloseOutOutcome, CloseOutResult};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A shipment: one parcel, its label and its way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ShipmentView {
    /// Its id: also the reference that the carrier keeps.
    pub id: ShipmentId,
    /// The order.
    pub order: OrderId,
    /// The return that it brings back; absent for a parcel to the shopper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_id: Option<ReturnId>,
    /// The warehouse that sends it (or, of a return, takes it in).
    pub location: LocationId,
    /// The account that it is booked with; absent when the merchant had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier_account: Option<CarrierAccountId>,
    /// The carrier's service.
    pub service: String,
    /// The parcel.
    pub parcel: Parcel,
    /// What is inside.
    pub contents: Vec<ShippedLine>,
    /// What the courier must collect, minor units of the order's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash_on_delivery_minor: Option<i64>,
    /// Its state.
    pub state: ShipmentState,
    /// Why the booking waits for a person; then `POST /v1/shipments/{shipment}/retry-booking`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The carrier's tracking number; absent until the label is bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// Where the shopper can follow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_url: Option<String>,
    /// What the label costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// Where the parcel is; absent until the label is bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracker: Option<TrackerView>,
    /// When it was planned, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the carrier took it, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub handed_over_at: Option<Timestamp>,
}

/// Where a parcel is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TrackerView {
    /// Derived from the events.
    pub status: TrackingStatus,
    /// Events as the carrier reported them, oldest first.
    pub events: Vec<KeptEvent>,
}

impl ShipmentView {
    pub(crate) fn new(shipment: &Shipment, tracker: Option<&Tracker>) -> Self {
        let label = shipment.label.as_ref();
        Self {
            id: shipment.id.clone(),
            order: shipment.order.clone(),
            return_id: match &shipment.leg {
                Leg::Outbound => None,
                Leg::Return(id) => Some(id.clone()),
            },
            location: shipment.location.clone(),
            carrier_account: shipment.carrier_account.clone(),
            service: shipment.service.clone(),
            parcel: shipment.parcel,
            contents: shipment.contents.clone(),
            cash_on_delivery_minor: shipment.cash_on_delivery_minor,
            state: shipment.state,
            reason: shipment.reason.clone(),
            tracking_number: label.map(|label| label.tracking_number.clone()),
            tracking_url: label.and_then(|label| label.tracking_url.clone()),
            cost: label.map(|label| label.cost),
            tracker: tracker.map(|tracker| {
                let mut events = tracker.events.clone();
                events.sort_by_key(|event| event.at);
                TrackerView { status: tracker.status, events }
            }),
            created_at: shipment.created_at,
            handed_over_at: shipment.handed_over_at,
        }
    }
}

/// Parcels to hand over to a carrier.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseOutRequest {
    /// The account whose parcels the driver takes.
    pub carrier_account: CarrierAccountId,
    /// Where the driver is.
    pub location: LocationId,
    /// Only these, at most 200; absent: every labelled parcel of the account at the location, the oldest 200.
    #[serde(default)]
    pub shipments: Option<Vec<ShipmentId>>,
    /// Who hands over, and where.
    pub actor: Actor,
}

/// What became of a close-out.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CloseOutReport {
    /// Parcels that the carrier has now.
    pub handed_over: usize,
    /// Parcels to keep.
    pub skipped: usize,
    /// There are more labelled parcels: close out again (under another Idempotency-Key).
    pub more: bool,
    /// Each parcel, oldest first.
    pub shipments: Vec<CloseOutLine>,
}

/// What became of one parcel.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CloseOutLine {
    /// The shipment.
    pub shipment: ShipmentId,
    /// Whether it was handed over.
    pub result: CloseOutResult,
    /// Why it was skipped: `order-on-hold`, `order-cancelled`, `shipment-not-labelled`, `shipment-handed-over`,
    /// `other-carrier-account`, `other-location`, `not-found` or `try-again`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The reason in words, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl CloseOutReport {
    pub(crate) fn new(outcomes: Vec<CloseOutOutcome>, more: bool) -> Self {
        let handed_over = outcomes.iter().filter(|outcome| outcome.result == CloseOutResult::HandedOver).count();
        Self {
            handed_over,
            skipped: outcomes.len() - handed_over,
            more,
            shipments: outcomes
                .into_iter()
                .map(|CloseOutOutcome { shipment, result, reason, detail }| CloseOutLine {
                    shipment,
                    result,
                    reason,
                    detail,
                })
                .collect(),
        }
    }
}
