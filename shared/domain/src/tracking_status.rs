//! The one set of tracking statuses (EasyPost's, extended), and the normalised event that carriers' updates become.

use crate::ids::ShipmentId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a parcel is. An unknown carrier status maps to [`TrackingStatus::Unknown`], never to delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum TrackingStatus {
    Unknown,
    PreTransit,
    Accepted,
    InTransit,
    Delayed,
    CustomsHold,
    OutForDelivery,
    DeliveryAttempted,
    AvailableForPickup,
    PartlyDelivered,
    Delivered,
    Refused,
    ReturnToSender,
    Returned,
    Damaged,
    Lost,
    Failure,
    Cancelled,
}

/// One event of a parcel's way, normalised from a carrier's update. Carries no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrackingEvent {
    /// The carrier's tracking number.
    pub tracking_number: String,
    /// The carrier's own id of the event where it gives one, otherwise a hash of the event: equal ids are one event.
    pub event_id: String,
    /// Our status.
    pub status: TrackingStatus,
    /// The carrier's own code, kept as evidence.
    pub carrier_code: String,
    /// When it happened, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub occurred_at: Timestamp,
    /// Our reference, where the carrier echoes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ShipmentId>,
}
