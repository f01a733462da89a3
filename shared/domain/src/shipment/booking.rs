//! Buying the label: what may be done next, and what an answer changes.

use super::{Leg, Shipment, ShipmentPlan, ShipmentState};
use crate::aggregate::{Actor, Decision, History, Rejected};
use crate::ids::CarrierAccountId;
use crate::message::{Message, MessageKind};
use jiff::{SignedDuration, Timestamp};

/// How long after its beginning a purchase may still show at the carrier: the call must start within [`START_WITHIN`],
/// is given up after 10 s, and the carrier has the rest to make it findable.
pub const CALL_LASTS: SignedDuration = SignedDuration::from_secs(60);

/// A purchase that was recorded longer ago than this is not sent any more: the function was frozen, and another may have
/// gone on in its place.
pub const START_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// A further purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Unguessable text of who begins it.
    pub claim: String,
    /// The account that the merchant books with now: a person may have changed it since the last attempt.
    pub carrier_account: CarrierAccountId,
    /// The service that the merchant books now.
    pub service: String,
}

/// What follows when the carrier knows no live shipment under our reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterLookUp {
    /// A call may still be under way: ask again then.
    AskAgain(SignedDuration),
    /// Nothing was bought and nothing can be any more: buying is safe.
    Buy,
    /// Nothing is to be bought.
    Nothing,
}

impl Shipment {
    /// A new shipment whose purchase is about to begin; `claim` is unguessable text of who begins it.
    #[must_use]
    pub fn intend(plan: ShipmentPlan, claim: String, at: Timestamp) -> Decision<Self> {
        let mut next = Self::planned(plan, at);
        next.claim = claim;
        next.attempts = 1;
        next.call_open = true;
        next.history.record(at, "booking_intent", None);
        Decision::of(next)
    }

    /// A new shipment whose label may have been bought already, in a time that is not in restored tables: the carrier is asked
    /// before anything is bought.
    #[must_use]
    pub fn to_be_looked_up(plan: ShipmentPlan, at: Timestamp) -> Decision<Self> {
        let mut next = Self::planned(plan, at);
        next.history.record(at, "booking_intent", Some("the carrier is asked first".to_owned()));
        Decision::of(next)
    }

    pub(super) fn planned(plan: ShipmentPlan, at: Timestamp) -> Self {
        Self {
            id: plan.id,
            order: plan.order,
            leg: plan.leg,
            location: plan.location,
            carrier_account: plan.carrier_account,
            service: plan.service,
            parcel: plan.parcel,
            contents: plan.contents,
            cash_on_delivery_minor: plan.cash_on_delivery_minor,
            state: ShipmentState::BookingIntent,
            label: None,
            reason: None,
            attempts: 0,
            attempted_at: at,
            call_open: false,
            claim: String::new(),
            surplus: Vec::new(),
            created_at: at,
            handed_over_at: None,
            next_look_at: None,
            history: History::default(),
        }
    }

    /// A shipment that cannot be booked before a person has done something, for example added a carrier account.
    #[must_use]
    pub fn unbookable(plan: ShipmentPlan, reason: &str, at: Timestamp) -> Decision<Self> {
        Self::planned(plan, at).booking_refused(reason, at)
    }

    /// Whether the last purchase may still be on its way to the carrier at `at`.
    #[must_use]
    pub fn call_may_last(&self, at: Timestamp) -> bool {
        self.call_open && at < self.attempted_at + CALL_LASTS
    }

    /// Whether the purchase that `claim` began may still be sent.
    #[must_use]
    pub fn may_call(&self, claim: &str, at: Timestamp) -> bool {
        self.state == ShipmentState::BookingIntent
            && self.call_open
            && self.claim == claim
            && at < self.attempted_at + START_WITHIN
    }

    /// What follows when the carrier knows no live shipment under our reference (or cannot be asked, and a person or the
    /// carrier's own answer said that nothing was bought).
    #[must_use]
    pub fn nothing_found(&self, at: Timestamp) -> AfterLookUp {
        match self.state {
            ShipmentState::BookingIntent | ShipmentState::BookingUnknown => {
                if self.call_may_last(at) {
                    AfterLookUp::AskAgain(at.duration_until(self.attempted_at + CALL_LASTS))
                } else {
                    AfterLookUp::Buy
                }
            }
            ShipmentState::VoidRequested if self.call_may_last(at) => {
                AfterLookUp::AskAgain(at.duration_until(self.attempted_at + CALL_LASTS))
            }
            ShipmentState::VoidRequested
            | ShipmentState::BookingRefused
            | ShipmentState::LabelPurchased
            | ShipmentState::HandedOver
            | ShipmentState::Voided => AfterLookUp::Nothing,
        }
    }

    /// Begins the next purchase, after the attempt numbered `seen` was found to have bought nothing.
    ///
    /// # Errors
    /// `booking-moved-on` when that is not the last attempt any more or it may still be under way.
    pub fn next_attempt(&self, seen: u32, attempt: Attempt, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        if self.attempts != seen || self.nothing_found(at) != AfterLookUp::Buy {
            return Err(Rejected::new(
                "booking-moved-on",
                "another attempt to book is under way or the shipment is past booking: read it again",
            ));
        }
        let mut next = self.clone();
        next.state = ShipmentState::BookingIntent;
        next.attempts += 1;
        next.attempted_at = at;
        next.next_look_at = None;
        next.call_open = true;
        next.claim = attempt.claim;
        next.carrier_account = Some(attempt.carrier_account);
        next.service = attempt.service;
        next.reason = None;
        next.history.record(at, "booking_intent", Some(format!("attempt {}", next.attempts)));
        Ok(Decision::of(next))
    }

    /// The carrier certainly bought nothing in the attempt numbered `attempt` (not sent, throttled, down): it may be
    /// repeated at once.
    #[must_use]
    pub fn nothing_bought(&self, attempt: u32, reason: &str, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        if self.attempts == attempt && self.call_open {
            next.call_open = false;
            next.history.record(at, "booking_postponed", Some(short(reason)));
        }
        Decision::of(next)
    }

    /// The answer to the attempt numbered `attempt` was lost or cannot be read. Where the carrier cannot be asked for our
    /// reference (`person_reason`), a person decides.
    #[must_use]
    pub fn booking_lost(&self, attempt: u32, person_reason: Option<&str>, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        let own = self.attempts == attempt && self.call_open;
        match self.state {
            ShipmentState::BookingIntent | ShipmentState::BookingUnknown if own => {
                let reason = person_reason.map(short);
                if self.state != ShipmentState::BookingUnknown || self.reason != reason {
                    next.state = ShipmentState::BookingUnknown;
                    next.history.record(at, "booking_unknown", reason.clone());
                    next.reason = reason;
                }
            }
            _ => {}
        }
        Decision::of(next)
    }

    /// The carrier says no, and bought nothing; a person corrects the reason and lets it be booked again.
    #[must_use]
    pub fn booking_refused(&self, reason: &str, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        match self.state {
            ShipmentState::BookingIntent | ShipmentState::BookingUnknown => {
                next.state = ShipmentState::BookingRefused;
                next.call_open = false;
                next.reason = Some(short(reason));
                next.history.record(at, "booking_refused", next.reason.clone());
                let messages = next.return_label_booked();
                Decision::of(next).with_messages(messages)
            }
            _ => Decision::of(next),
        }
    }

    /// As [`Self::booking_refused`], by the answer to the attempt numbered `attempt`: it says nothing about a later one.
    #[must_use]
    pub fn attempt_refused(&self, attempt: u32, reason: &str, at: Timestamp) -> Decision<Self> {
        if self.attempts == attempt { self.booking_refused(reason, at) } else { Decision::of(self.clone()) }
    }

    /// A person has removed what stood in the way (or has seen at the carrier that nothing was bought): book again.
    ///
    /// # Errors
    /// `booking-not-waiting` when the booking waits for nobody; `booking-under-way` while the last purchase may still reach
    /// the carrier.
    pub fn retry_booking(&self, actor: &Actor, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        match self.state {
            ShipmentState::BookingUnknown if self.call_may_last(at) => Err(Rejected::new(
                "booking-under-way",
                "the last purchase may still reach the carrier: repeat the request in a minute",
            )),
            ShipmentState::BookingRefused | ShipmentState::BookingUnknown => {
                let mut next = self.clone();
                next.state = ShipmentState::BookingIntent;
                next.call_open = false;
                next.reason = None;
                next.history.record_by(at, "booking_retried", None, actor);
                let reconcile = next.reconcile_message();
                Ok(Decision::of(next).with_messages([reconcile]))
            }
            ShipmentState::BookingIntent
            | ShipmentState::LabelPurchased
            | ShipmentState::HandedOver
            | ShipmentState::VoidRequested
            | ShipmentState::Voided => Err(Rejected::new(
                "booking-not-waiting",
                "only a booking that was refused or whose outcome is unknown can be tried again: see its `state`",
            )),
        }
    }

    pub(super) fn reconcile_message(&self) -> Message {
        self.message(MessageKind::Reconcile { shipment: self.id.clone() })
    }

    pub(super) fn return_label_booked(&self) -> Vec<Message> {
        match &self.leg {
            Leg::Outbound => Vec::new(),
            Leg::Return(return_id) => {
                vec![self.message(MessageKind::ReturnLabelBooked {
                    return_id: return_id.clone(),
                    shipment: self.id.clone(),
                })]
            }
        }
    }
}

/// A reason as it is kept: a carrier's text may be long.
pub(super) fn short(reason: &str) -> String {
    reason.chars().take(200).collect()
}
