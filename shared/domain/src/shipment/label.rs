//! Labels that were bought: one is kept, every other one is given back.

use super::booking::short;
use super::{Label, Shipment, ShipmentState};
use crate::aggregate::Decision;
use crate::stock::ActivityFact;
use jiff::Timestamp;

impl Shipment {
    /// The last attempt bought a label. One live label per parcel: any other is kept in mind and given back.
    #[must_use]
    pub fn label_bought(&self, label: Label, at: Timestamp) -> Decision<Self> {
        self.label_of_attempt(self.attempts, label, at)
    }

    /// The attempt numbered `attempt` bought a label; when that is not the last one, the last one may have bought another.
    #[must_use]
    pub fn label_of_attempt(&self, attempt: u32, label: Label, at: Timestamp) -> Decision<Self> {
        self.bought(label, self.call_open && attempt != self.attempts, at)
    }

    /// The carrier has a label under our reference, of whichever attempt.
    #[must_use]
    pub fn label_found(&self, label: Label, at: Timestamp) -> Decision<Self> {
        self.bought(label, self.attempts > 1 && self.call_may_last(at), at)
    }

    fn bought(&self, label: Label, call_open: bool, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        if self.label.as_ref().is_some_and(|own| own.carrier_shipment_id == label.carrier_shipment_id) {
            next.call_open = self.call_open && call_open;
            return Decision::of(next);
        }
        let (state, facts) = match (self.state, &self.label) {
            (ShipmentState::BookingIntent | ShipmentState::BookingUnknown | ShipmentState::BookingRefused, _) => {
                (ShipmentState::LabelPurchased, Some(self.label_fact(at)))
            }
            (ShipmentState::VoidRequested, None) => (ShipmentState::VoidRequested, None),
            (
                ShipmentState::LabelPurchased
                | ShipmentState::HandedOver
                | ShipmentState::VoidRequested
                | ShipmentState::Voided,
                _,
            ) => {
                next.call_open = self.call_open && call_open;
                return next.surplus_found(&label.carrier_shipment_id, at);
            }
        };
        next.history.record(at, "label_purchased", Some(label.tracking_number.clone()));
        next.state = state;
        next.reason = None;
        next.label = Some(label);
        next.call_open = call_open;
        let mut messages = if state == ShipmentState::LabelPurchased { next.return_label_booked() } else { Vec::new() };
        if state == ShipmentState::VoidRequested || call_open {
            messages.push(next.reconcile_message());
        }
        Decision::of(next).with_messages(messages).with_facts(facts)
    }

    fn label_fact(&self, at: Timestamp) -> ActivityFact {
        ActivityFact {
            activity: "label".to_owned(),
            quantity: 1,
            unit: "label".to_owned(),
            cause: self.id.to_string(),
            at,
            actor: None,
        }
    }

    /// The carrier has a live label under our reference that is not the one we keep: it is given back.
    #[must_use]
    pub fn surplus_found(&self, carrier_shipment_id: &str, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        let own = self.label.as_ref().is_some_and(|own| own.carrier_shipment_id == carrier_shipment_id);
        if own || self.surplus.iter().any(|known| known == carrier_shipment_id) {
            return Decision::of(next);
        }
        next.history.record(at, "label_surplus", Some(carrier_shipment_id.to_owned()));
        next.surplus.push(carrier_shipment_id.to_owned());
        let reconcile = next.reconcile_message();
        Decision::of(next).with_messages([reconcile])
    }

    /// A label bought too much was given back (or the carrier does not take it back: `note` says so).
    #[must_use]
    pub fn surplus_voided(&self, carrier_shipment_id: &str, note: Option<&str>, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        next.surplus.retain(|own| own != carrier_shipment_id);
        if next.surplus.len() != self.surplus.len() {
            let event = if note.is_some() { "label_discarded" } else { "surplus_voided" };
            next.history.record(at, event, Some(short(note.unwrap_or(carrier_shipment_id))));
        }
        Decision::of(next)
    }

    /// The last purchase is over, by the clock, and what it may have bought was looked up (after `CALL_LASTS`).
    #[must_use]
    pub fn call_ended(&self, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        next.call_open = self.call_may_last(at);
        Decision::of(next)
    }
}
