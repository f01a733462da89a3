//! The sweeper's decisions: what a stuck order, shipment, tracker or return is owed again, and when it is looked at next.
//!
//! What follows from a commit is a message, and a message can be lost with its stream record. The state still says what
//! should have followed, so it is derived from the state again. It becomes the outbox of the item that causes it, whose
//! version grows by that: the message is not taken for the lost one, and its reader waits for the right item.
//!
//! | Seen | Sent again | Why once more does no harm |
//! |---|---|---|
//! | units without fulfilment order, nothing holds the order | `reserve` | reserves what is unallocated, which is nothing the second time |
//! | unpaid order past `reserved_until` | nothing: what was held is given back here | it is given back by the order's own version |
//! | `OPEN` fulfilment order without task | `create_pick_tasks` | a task is created by a conditional put under an id derived from the order |
//! | cancelling, and a task is missing or not ended | `cancel_pick_tasks` | an ended task stays as it is; a packed one asks again for its void |
//! | cancelled task, fulfilment order active | `release` | an ended fulfilment order gives nothing back |
//! | task short of units that the fulfilment order counts on | `short_picked` | the reader compares the two, and takes off the difference |
//! | packed task without shipment | `book` | the shipment is created by a conditional put before anything is bought |
//! | purchase begun or its answer lost, long ago; surplus labels | `reconcile` | the carrier is asked for our reference before anything is bought |
//! | claimed from a take that expired open | `stock_arrived` | its reader settles an expired take, and fills whoever waits |
//! | handed over, fulfilment order active | `shipment_changed`, `report_fulfilment` | an ended fulfilment order stays as it is; a shop is asked before it is told |
//! | parcel not at its end | `tracker_changed`, `parcel_refused` | the order takes over the same status; a parcel has one return |
//! | approved return without label | `book_return` | as `book` |
//! | its label bought or refused, and it does not know | `return_label_booked` | a return has one label |
//!
//! Not stuck: an order on hold (an `ON_HOLD` fulfilment order has no task), a booking that was refused, units to be put back. They wait for a person, and a list shows them.

use crate::aggregate::Decision;
use crate::ids::Sku;
use crate::message::{Message, MessageKind};
use crate::order::{Expiry, FulfillmentOrder, FulfillmentOrderStatus, Order};
use crate::pick_task::{PickTask, PickTaskState};
use crate::returns::{Return, ReturnState, SEND_WITHIN};
use crate::shipment::{Shipment, ShipmentState};
use crate::stock::LevelId;
use crate::tracker::Tracker;
use crate::tracking_status::TrackingStatus;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Levels on which a take that the order claimed from is open, and expired: whoever took did not live to close it.
    pub expired_takes: BTreeSet<LevelId>,
}

/// What a look at an order comes to: all of it in one transaction; usually the order's alone.
#[derive(Debug, Clone)]
pub struct OrderLook {
    /// The order.
    pub order: Decision<Order>,
    /// Tasks that cause a message, by number.
    pub tasks: BTreeMap<u32, Decision<PickTask>>,
    /// Shipments that cause a message, by number.
    pub shipments: BTreeMap<u32, Decision<Shipment>>,
    /// Items for which the order leaves the waiting queue, since its reservation expired.
    pub stops_waiting: BTreeSet<Sku>,
}

/// What a look at a return comes to, in one transaction.
#[derive(Debug, Clone)]
pub struct ReturnLook {
    /// The return.
    pub back: Decision<Return>,
    /// Its shipment, if that causes a message.
    pub shipment: Option<Decision<Shipment>>,
    /// Whether it has expired now: the order gets the claimed units back ([`Order::return_ended`]).
    pub expired: bool,
}

/// A message that is owed, by what causes it.
enum Owed {
    Order(MessageKind),
    Task(MessageKind),
    Shipment(Vec<MessageKind>),
}

impl Order {
    /// When the sweeper looks at it, at the latest when its reservation expires; never once nothing more happens to it by
    /// itself.
    #[must_use]
    pub fn look_due_at(&self) -> Option<Timestamp> {
        if self.is_settled() {
            return None;
        }
        let look = self.next_look_at.unwrap_or(self.created_at + FIRST_LOOK);
        Some(self.reserved_until.map_or(look, |until| look.min(until)))
    }

    /// The sweeper's look: a reservation expires if it is time, or what is owed is sent again; and the next look comes later.
    #[must_use]
    pub fn look(&self, parts: &Parts, at: Timestamp) -> OrderLook {
        if let Some(Expiry { mut order, stops_waiting }) = self.expire_reservation(at) {
            order.next.next_look_at = Some(next_look(self.created_at, at));
            return OrderLook { order, tasks: BTreeMap::new(), shipments: BTreeMap::new(), stops_waiting };
        }
        let mut next = self.clone();
        next.next_look_at = Some(next_look(self.created_at, at));
        let (mut by_order, mut tasks, mut shipments) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let message = |kind: MessageKind| kind.for_merchant(&self.merchant(), &self.id);
        if self.may_reserve().is_ok() && self.needs_stock() {
            by_order.push(message(MessageKind::Reserve { order: self.id.clone() }));
        }
        let places: BTreeSet<_> = parts.expired_takes.iter().map(|level| (&level.sku, &level.location)).collect();
        by_order.extend(places.into_iter().map(|(sku, location)| {
            message(MessageKind::StockArrived { sku: sku.clone(), location: location.clone() })
        }));
        for active in self.fulfillment_orders.iter().filter(|f| f.is_active()) {
            let (task, shipment) = (parts.tasks.get(&active.number), parts.shipments.get(&active.number));
            match (self.owed_to(active, task, shipment, at), task, shipment) {
                (Some(Owed::Order(kind)), _, _) if !by_order.iter().any(|own: &Message| own.kind == kind) => {
                    by_order.push(message(kind));
                }
                (Some(Owed::Task(kind)), Some(task), _) => {
                    tasks.insert(active.number, Decision::of(task.clone()).with_messages([message(kind)]));
                }
                (Some(Owed::Shipment(kinds)), _, Some(shipment)) => {
                    let messages = kinds.into_iter().map(message);
                    shipments.insert(active.number, Decision::of(shipment.clone()).with_messages(messages));
                }
                _ => {}
            }
        }
        OrderLook {
            order: Decision::of(next).with_messages(by_order),
            tasks,
            shipments,
            stops_waiting: BTreeSet::new(),
        }
    }

    fn owed_to(
        &self,
        active: &FulfillmentOrder,
        task: Option<&PickTask>,
        shipment: Option<&Shipment>,
        at: Timestamp,
    ) -> Option<Owed> {
        let cancel = Owed::Order(MessageKind::CancelPickTasks { order: self.id.clone() });
        let Some(task) = task else {
            if active.status == FulfillmentOrderStatus::OnHold && !self.cancel_requested {
                return None;
            }
            let create = Owed::Order(MessageKind::CreatePickTasks { order: self.id.clone() });
            return Some(if self.cancel_requested { cancel } else { create });
        };
        if let Some(shipment) = shipment.filter(|shipment| shipment.state == ShipmentState::HandedOver) {
            // One record carried both: if it was lost, the shop has not heard either.
            let shipment = shipment.id.clone();
            return Some(Owed::Shipment(vec![
                MessageKind::ShipmentChanged { shipment: shipment.clone() },
                MessageKind::ReportFulfilment { shipment },
            ]));
        }
        let short = Owed::Task(MessageKind::ShortPicked { task: task.id.clone() });
        match task.state {
            PickTaskState::Cancelled => Some(Owed::Task(MessageKind::Release { task: task.id.clone() })),
            PickTaskState::ShortPicked => Some(short),
            PickTaskState::PutBack => None,
            // A packed task asks for its label to be voided; once it is, the units are put back.
            _ if self.cancel_requested => Some(cancel),
            _ if counts_on_more(active, task) => Some(short),
            PickTaskState::Released | PickTaskState::Assigned | PickTaskState::InProgress | PickTaskState::Picked => {
                None
            }
            PickTaskState::Packed => match shipment {
                Some(shipment) => shipment.owed(at).map(|kind| Owed::Shipment(vec![kind])),
                None if self.holds.is_empty() => Some(Owed::Task(MessageKind::Book { task: task.id.clone() })),
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

    /// What it waits for, when it waits for nobody.
    fn owed(&self, at: Timestamp) -> Option<MessageKind> {
        let reconcile = match self.state {
            ShipmentState::BookingIntent => !self.call_may_last(at),
            ShipmentState::LabelPurchased => !self.surplus.is_empty(),
            ShipmentState::VoidRequested => true,
            // The first is due by itself, the second waits for a person, the others for nothing.
            ShipmentState::BookingUnknown
            | ShipmentState::BookingRefused
            | ShipmentState::HandedOver
            | ShipmentState::Voided => false,
        };
        reconcile.then(|| MessageKind::Reconcile { shipment: self.id.clone() })
    }
}

impl Return {
    /// When the sweeper looks at it: when it expires, and earlier as long as its label is missing.
    #[must_use]
    pub fn look_due_at(&self) -> Option<Timestamp> {
        let expires = self.expires_at()?;
        let waits_for_label = self.state == ReturnState::Approved && self.shipment.is_none();
        let look = self.next_look_at.unwrap_or(expires - SEND_WITHIN + FIRST_LOOK);
        Some(if waits_for_label { look.min(expires) } else { expires })
    }

    /// The sweeper's look: it expires if it is time, or what its label waits for is sent again.
    #[must_use]
    pub fn look(&self, shipment: Option<&Shipment>, at: Timestamp) -> ReturnLook {
        let back = self.expire(at);
        let expired = back.next.state != self.state;
        let mut look = ReturnLook { back, shipment: None, expired };
        if expired || self.state != ReturnState::Approved {
            return look;
        }
        look.back.next.next_look_at = Some(next_look(self.expires_at().unwrap_or(at) - SEND_WITHIN, at));
        let message = |kind: MessageKind| kind.for_merchant(&self.merchant(), self.correlation_id());
        match shipment {
            None => {
                let book = message(MessageKind::BookReturn { return_id: self.id.clone() });
                look.back = look.back.with_messages([book]);
            }
            Some(shipment) => {
                let decided = matches!(shipment.state, ShipmentState::LabelPurchased | ShipmentState::BookingRefused);
                let owed = if decided {
                    let (return_id, shipment) = (self.id.clone(), shipment.id.clone());
                    Some(MessageKind::ReturnLabelBooked { return_id, shipment })
                } else {
                    shipment.owed(at)
                };
                look.shipment = owed.map(|kind| Decision::of(shipment.clone()).with_messages([message(kind)]));
            }
        }
        look
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
