//! The sweeper's decisions: what a stuck order, shipment or tracker is owed again, and when it is looked at next.
//!
//! What follows from a commit is a message, and a message can be lost with its stream record. The state still says what
//! should have followed, so it is derived from the state again, and stored as the outbox of the look itself.
//!
//! | Seen | Sent again | Why once more does no harm |
//! |---|---|---|
//! | units without fulfilment order, nothing holds the order | `reserve` | reserves what is unallocated, which is nothing the second time |
//! | fulfilment order without task | `create_pick_tasks` | a task is created by a conditional put under an id derived from the order |
//! | cancelling, and a task is missing or not ended | `cancel_pick_tasks` | an ended task stays as it is; a packed one asks again for its void |
//! | cancelled task, fulfilment order active | `release` | an ended fulfilment order gives nothing back |
//! | task short of units that the fulfilment order counts on | `short_picked` | the reader compares the two, and takes off the difference |
//! | packed task without shipment | `book` | the shipment is created by a conditional put before anything is bought |
//! | purchase begun or its answer lost, long ago | `reconcile` | the carrier is asked for our reference before anything is bought |
//! | void asked for, label still there | `void` | a voided label is voided already |
//! | handed over or voided, fulfilment order active | `shipment_changed` | an ended fulfilment order stays as it is |
//! | parcel not at its end | `tracker_changed`, `parcel_refused` | the order takes over the same status; a parcel has one return |
//!
//! Not stuck: an order on hold, a booking that was refused, units to be put back. They wait for a person, and a list shows them.

use crate::aggregate::Decision;
use crate::message::{Message, MessageKind};
use crate::order::{FulfillmentOrder, Order};
use crate::pick_task::{PickTask, PickTaskState};
use crate::shipment::{Shipment, ShipmentState};
use crate::tracker::Tracker;
use crate::tracking_status::TrackingStatus;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How long something may take before it is looked at for the first time, and the least time between two looks.
pub const FIRST_LOOK: SignedDuration = SignedDuration::from_mins(10);
/// The most time between two looks.
pub const LOOK_AT_LEAST_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// When to look again at what began at `since` and is looked at `now`: as much later as it is old, so that the time between
/// two looks doubles, from [`FIRST_LOOK`] to [`LOOK_AT_LEAST_EVERY`].
#[must_use]
pub fn next_look(since: Timestamp, now: Timestamp) -> Timestamp {
    now + since.duration_until(now).clamp(FIRST_LOOK, LOOK_AT_LEAST_EVERY)
}

/// What an order's head does not say: tasks and shipments of its active fulfilment orders, by number.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Tasks.
    pub tasks: BTreeMap<u32, PickTask>,
    /// Shipments.
    pub shipments: BTreeMap<u32, Shipment>,
}

impl Order {
    /// When the sweeper looks at it; never once nothing more happens to it by itself.
    #[must_use]
    pub fn look_due_at(&self) -> Option<Timestamp> {
        (!self.is_settled()).then(|| self.next_look_at.unwrap_or(self.created_at + FIRST_LOOK))
    }

    /// The sweeper's look: what is owed is sent again, and the next look comes later.
    #[must_use]
    pub fn look(&self, parts: &Parts, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        next.next_look_at = Some(next_look(self.created_at, at));
        let merchant = self.merchant();
        Decision::of(next)
            .with_messages(self.owed(parts, at).into_iter().map(|kind| kind.for_merchant(&merchant, &self.id)))
    }

    fn owed(&self, parts: &Parts, at: Timestamp) -> Vec<MessageKind> {
        let mut owed = Vec::new();
        if self.may_move().is_ok() && self.lines.iter().any(|line| line.sku.is_some() && self.unallocated(line) > 0) {
            owed.push(MessageKind::Reserve { order: self.id.clone() });
        }
        for active in self.fulfillment_orders.iter().filter(|f| f.is_active()) {
            let (task, shipment) = (parts.tasks.get(&active.number), parts.shipments.get(&active.number));
            if let Some(kind) = self.owed_to(active, task, shipment, at)
                && !owed.contains(&kind)
            {
                owed.push(kind);
            }
        }
        owed
    }

    fn owed_to(
        &self,
        active: &FulfillmentOrder,
        task: Option<&PickTask>,
        shipment: Option<&Shipment>,
        at: Timestamp,
    ) -> Option<MessageKind> {
        let cancel = MessageKind::CancelPickTasks { order: self.id.clone() };
        let Some(task) = task else {
            let create = MessageKind::CreatePickTasks { order: self.id.clone() };
            return Some(if self.cancel_requested { cancel } else { create });
        };
        let gone = shipment.filter(|shipment| shipment.state == ShipmentState::HandedOver);
        if let Some(shipment) = gone {
            return Some(MessageKind::ShipmentChanged { shipment: shipment.id.clone() });
        }
        let short = MessageKind::ShortPicked { task: task.id.clone() };
        match task.state {
            PickTaskState::Cancelled => Some(MessageKind::Release { task: task.id.clone() }),
            PickTaskState::ShortPicked => Some(short),
            PickTaskState::PutBack => None,
            _ if self.cancel_requested => Some(cancel),
            _ if counts_on_more(active, task) => Some(short),
            PickTaskState::Released | PickTaskState::Assigned | PickTaskState::InProgress | PickTaskState::Picked => {
                None
            }
            PickTaskState::Packed => match shipment {
                Some(shipment) => shipment.owed(at),
                None if self.holds.is_empty() => Some(MessageKind::Book { task: task.id.clone() }),
                None => None,
            },
        }
    }
}

/// Whether the fulfilment order ships more than its task can give.
fn counts_on_more(active: &FulfillmentOrder, task: &PickTask) -> bool {
    let counted: u32 = active.lines.iter().map(|line| line.quantity).sum();
    let given: u32 = task.shipping().iter().map(|line| line.quantity).sum();
    counted > given
}

impl Shipment {
    /// The sweeper's look at a purchase whose outcome is unknown.
    #[must_use]
    pub fn look(&self, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        next.next_look_at = Some(next_look(self.attempted_at, at));
        let owed = self.reconcile_due_at().map(|_| MessageKind::Reconcile { shipment: self.id.clone() });
        Decision::of(next).with_messages(owed.map(|kind| kind.for_merchant(&self.merchant(), &self.order)))
    }

    /// What a packed task's shipment waits for, when it waits for nobody.
    fn owed(&self, at: Timestamp) -> Option<MessageKind> {
        let reconcile = MessageKind::Reconcile { shipment: self.id.clone() };
        match self.state {
            ShipmentState::BookingIntent => (!self.call_may_last(at)).then_some(reconcile),
            ShipmentState::LabelPurchased => (!self.surplus.is_empty()).then_some(reconcile),
            ShipmentState::VoidRequested => Some(MessageKind::Void { shipment: self.id.clone() }),
            ShipmentState::Voided | ShipmentState::HandedOver => {
                Some(MessageKind::ShipmentChanged { shipment: self.id.clone() })
            }
            // The first is due by itself, the second waits for a person.
            ShipmentState::BookingUnknown | ShipmentState::BookingRefused => None,
        }
    }
}

impl Tracker {
    /// The sweeper's look, after the carrier was asked (if it had to be): what the status means is said again.
    #[must_use]
    pub fn look(&self, at: Timestamp) -> Decision<Self> {
        let again: Vec<Message> = match self.status {
            TrackingStatus::Unknown => Vec::new(),
            _ => self.follows(TrackingStatus::Unknown),
        };
        self.polled(at).with_messages(again)
    }
}

#[cfg(test)]
mod tests;
