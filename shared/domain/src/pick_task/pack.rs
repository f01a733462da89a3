//! Packing: what was picked goes into one parcel, which is weighed and measured.

use super::{PickTask, PickTaskState};
use crate::aggregate::{Actor, Decision, Rejected};
use crate::message::MessageKind;
use crate::stock::ActivityFact;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A packed parcel, as weighed and measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Parcel {
    /// Weight, grams: 1 to 1,000,000.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub weight_grams: u32,
    /// Longest side, millimetres: 1 to 10,000.
    #[schema(minimum = 1, maximum = 10_000)]
    pub length_mm: u32,
    /// Width, millimetres: 1 to 10,000.
    #[schema(minimum = 1, maximum = 10_000)]
    pub width_mm: u32,
    /// Height, millimetres: 1 to 10,000.
    #[schema(minimum = 1, maximum = 10_000)]
    pub height_mm: u32,
}

/// A weight or a length that no parcel has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is 1 to {max}")]
pub struct ParcelError {
    /// The field at fault.
    pub field: &'static str,
    /// Its greatest value.
    pub max: u32,
}

impl Parcel {
    /// Greatest weight, grams.
    pub const WEIGHT_GRAMS_MAX: u32 = 1_000_000;
    /// Greatest length of a side, millimetres.
    pub const SIDE_MM_MAX: u32 = 10_000;

    /// Whether every figure is in its range.
    ///
    /// # Errors
    /// [`ParcelError`] names the first field that is not.
    pub fn check(&self) -> Result<(), ParcelError> {
        let fields = [
            ("weight_grams", self.weight_grams, Self::WEIGHT_GRAMS_MAX),
            ("length_mm", self.length_mm, Self::SIDE_MM_MAX),
            ("width_mm", self.width_mm, Self::SIDE_MM_MAX),
            ("height_mm", self.height_mm, Self::SIDE_MM_MAX),
        ];
        match fields.into_iter().find(|(_, value, max)| !(1..=*max).contains(value)) {
            Some((field, _, max)) => Err(ParcelError { field, max }),
            None => Ok(()),
        }
    }
}

impl PickTask {
    /// Packs what was picked into `parcel`; its label is booked next. Whether the order may move is the caller's to ask
    /// ([`crate::order::Order::may_move`]).
    ///
    /// # Errors
    /// `not-picked` while units are left to pick; `already-packed`, `order-cancelled`, `task-ended`.
    pub fn pack(&self, parcel: Parcel, actor: &Actor, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        match self.state {
            PickTaskState::Released | PickTaskState::Assigned | PickTaskState::InProgress => {
                let detail = match self.surplus() {
                    0 => format!("{} units are left to scan: pick them, or report a short pick", self.remaining()),
                    surplus => format!(
                        "{surplus} scanned units belong to kits that cannot be completed: put them back and say so by put-back"
                    ),
                };
                return Err(Rejected::new("not-picked", detail));
            }
            PickTaskState::Picked => {}
            PickTaskState::ShortPicked | PickTaskState::Packed | PickTaskState::PutBack | PickTaskState::Cancelled => {
                return Err(self.ended());
            }
        }
        let mut next = self.clone();
        next.state = PickTaskState::Packed;
        next.parcel = Some(parcel);
        next.history.record_by(at, "packed", Some(format!("{} g", parcel.weight_grams)), actor);
        let picker = self.history.0.iter().rev().find(|entry| entry.event == "picked");
        let picker =
            picker.and_then(|entry| Some(Actor { person: entry.person.clone()?, station: entry.station.clone()? }));
        let fact = |activity: &str, quantity, unit: &str, actor| ActivityFact {
            activity: activity.to_owned(),
            quantity,
            unit: unit.to_owned(),
            cause: self.id.to_string(),
            at,
            actor,
        };
        let facts = [fact("pick", self.picked(), "unit", picker), fact("pack", 1, "parcel", Some(actor.clone()))];
        let book = self.message(MessageKind::Book { task: self.id.clone() });
        Ok(Decision::of(next).with_messages([book]).with_facts(facts))
    }

    /// The order moves again after a hold: a packed task asks for its label anew, since the message that first asked
    /// for it may have found the hold. `None` for a task that is not packed. Whether there is a shipment already is the
    /// caller's to ask.
    #[must_use]
    pub fn resumed(&self) -> Option<Decision<Self>> {
        let book = self.message(MessageKind::Book { task: self.id.clone() });
        (self.state == PickTaskState::Packed).then(|| Decision::of(self.clone()).with_messages([book]))
    }
}
