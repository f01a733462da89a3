//! The carrier takes the parcel: the goods leave the stock.

use super::{Leg, Shipment, ShipmentState};
use crate::aggregate::{Actor, Decision, Rejected};
use crate::ids::Sku;
use crate::message::MessageKind;
use crate::stock::{ActivityFact, Goods, Lot, Movement, MovementKind, StockChange, Term};
use jiff::Timestamp;
use std::collections::BTreeMap;

impl Shipment {
    /// The carrier took the parcel, as a person saw. `on_hand` and `picked` fall by what is inside.
    ///
    /// # Errors
    /// `shipment-not-outbound` for a return's label; `shipment-handed-over` when it was before;
    /// `shipment-not-labelled` in every other state but `label_purchased`.
    pub fn hand_over(&self, actor: &Actor, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        if self.leg != Leg::Outbound {
            return Err(Rejected::new(
                "shipment-not-outbound",
                "a return's label is handed over by the shopper: leave it out of the close-out",
            ));
        }
        match self.state {
            ShipmentState::LabelPurchased => {}
            ShipmentState::HandedOver => {
                return Err(Rejected::new("shipment-handed-over", "the carrier has this parcel already"));
            }
            ShipmentState::BookingIntent
            | ShipmentState::BookingUnknown
            | ShipmentState::BookingRefused
            | ShipmentState::VoidRequested
            | ShipmentState::Voided => {
                return Err(Rejected::new(
                    "shipment-not-labelled",
                    "the shipment has no valid label: keep the parcel and see the shipment's `state`",
                ));
            }
        }
        let mut next = self.clone();
        next.state = ShipmentState::HandedOver;
        next.handed_over_at = Some(at);
        next.history.record_by(at, "handed_over", None, actor);
        let mut units: BTreeMap<(&Sku, Option<&Lot>), u32> = BTreeMap::new();
        for line in &self.contents {
            *units.entry((&line.sku, line.lot.as_ref())).or_default() += line.quantity;
        }
        let stock = units.into_iter().filter(|(_, quantity)| *quantity > 0).map(|((sku, lot), quantity)| {
            let movement = Movement {
                goods: Goods::default().in_lot(lot),
                actor: Some(actor.clone()),
                ..Movement::new(MovementKind::Ship, quantity, Some(Term::Picked), None, self.id.as_str(), at)
            };
            StockChange::remove(sku, &self.location, quantity, Term::Picked).of_lot(lot.cloned()).moved([movement])
        });
        let fact = ActivityFact {
            activity: "ship".to_owned(),
            quantity: 1,
            unit: "parcel".to_owned(),
            cause: self.id.to_string(),
            at,
            actor: Some(actor.clone()),
        };
        let messages = [
            self.message(MessageKind::ShipmentChanged { shipment: self.id.clone() }),
            self.message(MessageKind::ReportFulfilment { shipment: self.id.clone() }),
        ];
        Ok(Decision::of(next).with_stock(stock).with_messages(messages).with_facts([fact]))
    }
}
