//! The return's parcel: its label, and where the carrier says it is.

use super::{Return, ReturnState};
use crate::aggregate::Decision;
use crate::ids::ShipmentId;
use crate::tracking_status::TrackingStatus;
use jiff::Timestamp;

impl Return {
    /// The label of its own leg was booked.
    #[must_use]
    pub fn label_booked(&self, shipment: &ShipmentId, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        match self.state {
            ReturnState::Approved => {
                next.state = ReturnState::LabelIssued;
                next.shipment = Some(shipment.clone());
                next.record(at, "label_issued", None, None);
            }
            // The parcel was quicker than the message: only the note is missing.
            ReturnState::InTransit | ReturnState::LostInReturn if self.shipment.is_none() => {
                next.shipment = Some(shipment.clone());
            }
            _ => {}
        }
        Decision::of(next)
    }

    /// The carrier refused to book its label: a person repeats the booking on the shipment, or the shopper sends it otherwise.
    #[must_use]
    pub fn label_refused(&self, shipment: &ShipmentId, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        if self.state == ReturnState::Approved {
            next.shipment = Some(shipment.clone());
            next.record(at, "label_refused", None, None);
        }
        Decision::of(next)
    }

    /// Its tracker's status changed.
    #[must_use]
    pub fn parcel_moved(&self, status: TrackingStatus, at: Timestamp) -> Decision<Self> {
        use ReturnState as S;
        let mut next = self.clone();
        let to = match (status, self.state) {
            (TrackingStatus::Unknown | TrackingStatus::PreTransit | TrackingStatus::Cancelled, _) => None,
            (TrackingStatus::Lost, S::Approved | S::LabelIssued | S::InTransit) => Some(S::LostInReturn),
            (TrackingStatus::Lost, _) => None,
            // Also "delivered": the carrier had it. Received is what is counted at the dock.
            (_, S::Approved | S::LabelIssued | S::LostInReturn) => Some(S::InTransit),
            (_, _) => None,
        };
        if let Some(to) = to {
            next.state = to;
            next.record(at, &to.name(), None, None);
        }
        Decision::of(next)
    }
}
