//! Giving the label back, when the order is cancelled before the carrier has the parcel.

use super::booking::short;
use super::{Leg, Shipment, ShipmentPlan, ShipmentState};
use crate::aggregate::Decision;
use crate::message::{Message, MessageKind};
use jiff::Timestamp;

impl Shipment {
    /// A void that came before the booking: the shipment is voided already, so that the booking finds it so.
    #[must_use]
    pub fn tombstone(plan: ShipmentPlan, at: Timestamp) -> Decision<Self> {
        let mut next = Self::planned(plan, at);
        next.end(None, at)
    }

    /// Asks for the label to be given back. Nothing can have been bought: voided at once.
    /// After hand-over it is too late: the order hears that, so that its cancellation ends.
    #[must_use]
    pub fn request_void(&self, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        match self.state {
            ShipmentState::BookingIntent | ShipmentState::BookingUnknown | ShipmentState::BookingRefused
                if !self.call_open && self.attempts == 0 =>
            {
                next.end(None, at)
            }
            ShipmentState::BookingIntent
            | ShipmentState::BookingUnknown
            | ShipmentState::BookingRefused
            | ShipmentState::LabelPurchased => {
                next.state = ShipmentState::VoidRequested;
                next.reason = None;
                next.history.record(at, "void_requested", None);
                Decision::of(next)
            }
            ShipmentState::HandedOver => {
                next.history.record(at, "void_too_late", None);
                let message = next.message(MessageKind::ShipmentChanged { shipment: self.id.clone() });
                Decision::of(next).with_messages([message])
            }
            ShipmentState::VoidRequested | ShipmentState::Voided => Decision::of(next),
        }
    }

    /// There is no live label any more. `note` says why, when the carrier did not take it back and it is thrown away.
    #[must_use]
    pub fn label_voided(&self, note: Option<&str>, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        match self.state {
            ShipmentState::VoidRequested => next.end(note, at),
            ShipmentState::BookingIntent
            | ShipmentState::BookingUnknown
            | ShipmentState::BookingRefused
            | ShipmentState::LabelPurchased
            | ShipmentState::HandedOver
            | ShipmentState::Voided => Decision::of(next),
        }
    }

    fn end(&mut self, note: Option<&str>, at: Timestamp) -> Decision<Self> {
        self.state = ShipmentState::Voided;
        self.call_open = false;
        if let Some(note) = note {
            self.history.record(at, "label_discarded", Some(short(note)));
        }
        self.history.record(at, "voided", None);
        let messages: Vec<Message> = match self.leg {
            Leg::Outbound => vec![
                self.message(MessageKind::CancelPickTasks { order: self.order.clone() }),
                self.message(MessageKind::ShipmentChanged { shipment: self.id.clone() }),
            ],
            Leg::Return(_) => Vec::new(),
        };
        Decision::of(self.clone()).with_messages(messages)
    }
}
