//! The tracker: where one parcel is, from events that come late, twice, out of order and from skewed clocks.
//!
//! It keeps a bounded set of events and derives the status from that set alone, so that any order, any repetition and
//! any part followed by the whole end in the same state. The rule, from weakest to strongest:
//!
//! | Class | Statuses | Within the class |
//! |---|---|---|
//! | 0 | unknown | says nothing: it displaces no other status |
//! | 1 | on its way: pre_transit … available_for_pickup, damaged, lost, failure, cancelled | the newest |
//! | 2 | outcomes: partly_delivered, delivered, refused, return_to_sender | the newest |
//! | 3 | returned | final: the goods are at our dock |
//!
//! So a scan on the way back does not hide `return_to_sender`, a late `in_transit` does not undo `delivered`, and
//! `delivered` after `return_to_sender` counts when it is newer: the shopper took the parcel after all. (A carrier that
//! calls its delivery back to us "delivered", too, maps that code to `returned`.) A lost parcel that is scanned again is found.
//!
//! Events with a date more than [`SKEW_MAX`] ahead of the clock are kept, but their date is not believed: such an event
//! counts as the oldest of its class, so that any other one displaces it.
//!
//! The set is bounded by [`EVENTS_MAX`]: the weakest go first. What is decisive is the strongest, so it stays.

use crate::aggregate::Decision;
use crate::ids::{CarrierAccountId, MerchantId, OrderId, ShipmentId};
use crate::message::{Message, MessageKind};
use crate::order::DeliveryState;
use crate::seeded_bugs::{SeededBug, is_on};
use crate::tracking_status::{TrackingEvent, TrackingStatus};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most events kept of one parcel.
pub const EVENTS_MAX: usize = 32;
/// How far an event may be ahead of our clock to be believed: a time zone taken wrongly, not a broken clock.
pub const SKEW_MAX: SignedDuration = SignedDuration::from_hours(15);
/// How long after its last event a parcel is asked for.
pub const POLL_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// How long a parcel is asked for at all.
pub const POLL_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// One event, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptEvent {
    /// The carrier's own id of it: equal ids are one event.
    pub id: String,
    /// Our status.
    pub status: TrackingStatus,
    /// The carrier's own code.
    pub code: String,
    /// When it happened, by the carrier's clock, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl KeptEvent {
    /// The fixed order by which the weakest are dropped; it does not depend on our clock.
    fn strength(&self) -> (u8, Timestamp, TrackingStatus, &str, &str) {
        (class(self.status), self.at, self.status, &self.id, &self.code)
    }

    /// The order by which the status is derived at `now`.
    fn weight(&self, now: Timestamp) -> (u8, bool, Timestamp, TrackingStatus, &str) {
        let believed = self.at <= now + SKEW_MAX;
        (class(self.status), believed, if believed { self.at } else { Timestamp::MIN }, self.status, &self.id)
    }
}

/// How strong a status is: see the table above.
fn class(status: TrackingStatus) -> u8 {
    use TrackingStatus as S;
    match status {
        S::Unknown => 0,
        S::PreTransit
        | S::Accepted
        | S::InTransit
        | S::Delayed
        | S::CustomsHold
        | S::OutForDelivery
        | S::DeliveryAttempted
        | S::AvailableForPickup
        | S::Damaged
        | S::Lost
        | S::Failure
        | S::Cancelled => 1,
        S::PartlyDelivered | S::Delivered | S::Refused | S::ReturnToSender => 2,
        S::Returned => 3,
    }
}

impl TrackingStatus {
    /// What it means for the order that the parcel is on its way out of.
    #[must_use]
    pub fn delivery(self) -> DeliveryState {
        match self {
            Self::Unknown | Self::PreTransit | Self::Cancelled => DeliveryState::None,
            Self::Accepted
            | Self::InTransit
            | Self::Delayed
            | Self::CustomsHold
            | Self::OutForDelivery
            | Self::DeliveryAttempted
            | Self::AvailableForPickup
            | Self::Damaged
            | Self::Failure => DeliveryState::InTransit,
            Self::PartlyDelivered => DeliveryState::PartlyDelivered,
            Self::Delivered => DeliveryState::Delivered,
            Self::Refused | Self::ReturnToSender => DeliveryState::Refused,
            Self::Returned => DeliveryState::Returned,
            Self::Lost => DeliveryState::Lost,
        }
    }

    /// Whether nothing more is expected.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Delivered | Self::Returned | Self::Cancelled)
    }

    /// Whether the parcel does not reach the shopper but comes back.
    #[must_use]
    pub fn comes_back(self) -> bool {
        matches!(self, Self::Refused | Self::ReturnToSender | Self::Returned)
    }
}

/// One parcel at one carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tracker {
    /// The account that it was booked with.
    pub carrier_account: CarrierAccountId,
    /// The carrier's tracking number.
    pub tracking_number: String,
    /// Its shipment; absent while nothing was booked here under this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipment: Option<ShipmentId>,
    /// Where it is, derived from the events.
    pub status: TrackingStatus,
    /// Events, strongest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<KeptEvent>,
    /// When the first was heard of it, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When to ask the carrier where it is, UTC. Set when it is linked and when it was asked, not by every event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub poll_at: Option<Timestamp>,
}

impl Tracker {
    /// A parcel of which nothing is known yet.
    #[must_use]
    pub fn new(carrier_account: CarrierAccountId, tracking_number: &str, at: Timestamp) -> Self {
        Self {
            carrier_account,
            tracking_number: tracking_number.to_owned(),
            shipment: None,
            status: TrackingStatus::Unknown,
            events: Vec::new(),
            created_at: at,
            poll_at: None,
        }
    }

    /// The merchant.
    #[must_use]
    pub fn merchant(&self) -> MerchantId {
        self.carrier_account.merchant()
    }

    /// Takes an event in.
    #[must_use]
    pub fn event(&self, event: &TrackingEvent, now: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        next.keep(KeptEvent {
            id: event.event_id.clone(),
            status: event.status,
            code: event.carrier_code.clone(),
            at: event.occurred_at,
        });
        if is_on(SeededBug::TrackingInArrivalOrder) {
            next.status = event.status;
            let messages = next.follows(self.status);
            return Decision::of(next).with_messages(messages);
        }
        next.settle(self.status, now)
    }

    /// A label was bought under this number: the events so far, if any, were about this shipment.
    #[must_use]
    pub fn link(&self, shipment: &ShipmentId, now: Timestamp) -> Decision<Self> {
        if self.shipment.as_ref() == Some(shipment) {
            return Decision::of(self.clone());
        }
        let mut next = self.clone();
        if next.shipment.is_some() {
            // The carrier gave the number anew: what was before belongs to the other parcel.
            next.events.clear();
        }
        next.shipment = Some(shipment.clone());
        next.poll_at = Some(now + POLL_AFTER);
        next.settle(TrackingStatus::Unknown, now)
    }

    /// The carrier was asked (its answer came as events): when to ask again.
    #[must_use]
    pub fn polled(&self, now: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        let newest = self.events.iter().map(|event| event.at).filter(|at| *at <= now).max();
        let asked_too_soon = newest.map(|at| at + POLL_AFTER).filter(|due| *due > now);
        next.poll_at = (now < self.created_at + POLL_FOR).then(|| asked_too_soon.unwrap_or(now + POLL_AFTER));
        next.settle(self.status, now)
    }

    /// When to ask the carrier where it is; never for a parcel that is not ours or has arrived.
    #[must_use]
    pub fn poll_due_at(&self) -> Option<Timestamp> {
        self.poll_at.filter(|_| self.shipment.is_some() && !self.status.is_terminal())
    }

    /// Whether the carrier should be asked at `now`: it is due, and nothing was heard for a while.
    #[must_use]
    pub fn is_silent(&self, now: Timestamp) -> bool {
        let heard = self.events.iter().any(|event| event.at <= now && event.at + POLL_AFTER > now);
        self.poll_due_at().is_some_and(|due| due <= now) && !heard
    }

    /// When the event that the status comes from happened, by the carrier's clock.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.decisive(now).map(|event| event.at)
    }

    fn decisive(&self, now: Timestamp) -> Option<&KeptEvent> {
        self.events.iter().max_by(|a, b| a.weight(now).cmp(&b.weight(now)))
    }

    fn keep(&mut self, event: KeptEvent) {
        match self.events.iter_mut().find(|kept| kept.id == event.id) {
            Some(kept) if kept.strength() >= event.strength() => return,
            Some(kept) => *kept = event,
            None => self.events.push(event),
        }
        self.events.sort_by(|a, b| a.strength().cmp(&b.strength()));
        let surplus = self.events.len().saturating_sub(EVENTS_MAX);
        self.events.drain(..surplus);
    }

    fn settle(mut self, before: TrackingStatus, now: Timestamp) -> Decision<Self> {
        self.status = self.decisive(now).map_or(TrackingStatus::Unknown, |event| event.status);
        let messages = if self.status == before { Vec::new() } else { self.follows(before) };
        Decision::of(self).with_messages(messages)
    }

    /// What follows from a new status.
    pub(crate) fn follows(&self, before: TrackingStatus) -> Vec<Message> {
        let Some(shipment) = &self.shipment else { return Vec::new() };
        let message = |kind: MessageKind, order: Option<OrderId>| {
            let correlation = order.map_or_else(|| shipment.to_string(), |order| order.to_string());
            kind.for_merchant(&self.merchant(), correlation)
        };
        let (carrier_account, tracking_number) = (self.carrier_account.clone(), self.tracking_number.clone());
        if let Some(return_id) = shipment.return_id() {
            let order = return_id.order().map(|(order, _)| order);
            let mut messages = Vec::new();
            if is_on(SeededBug::ReturnLegMovesOrder) {
                let (carrier_account, tracking_number) = (carrier_account.clone(), tracking_number.clone());
                let moved =
                    MessageKind::TrackerChanged { carrier_account, tracking_number, shipment: shipment.clone() };
                messages.push(message(moved, order.clone()));
            }
            messages
                .push(message(MessageKind::ReturnParcelMoved { return_id, carrier_account, tracking_number }, order));
            return messages;
        }
        let order = shipment.order().map(|(order, _)| order);
        let changed = MessageKind::TrackerChanged { carrier_account, tracking_number, shipment: shipment.clone() };
        let mut messages = vec![message(changed, order.clone())];
        if self.status.comes_back() && !before.comes_back() {
            messages.push(message(MessageKind::ParcelRefused { shipment: shipment.clone() }, order));
        }
        messages
    }
}

#[cfg(test)]
mod tests;
