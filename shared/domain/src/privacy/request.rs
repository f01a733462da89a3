//! What a shopper asks of the merchant, who decides: the merchant is the controller, we only carry it out.
//!
//! | State ↓ / command → | confirm | decline | the sweeper looks |
//! |---|---|---|---|
//! | `requested` | erasure: `restricted`, from this instant; access: `granted` | `declined` | nothing |
//! | `restricted` | no-op | refused | each class of each order, once its last legal hold has passed, is `erasing`; `erased` when a later look finds nothing of it; then `erased` |
//! | `granted` | no-op | refused | nothing: the export ends by itself |
//! | `erased` | no-op | refused | nothing |
//! | `declined` | refused | no-op | nothing |
//!
//! A class that is `erasing` has no way back: what is deleted was decided first, and stored, so that a crash between two
//! deletions leaves nothing that looks whole. It is called erased only by a look that comes later than anything that was under
//! way when it began can last, and finds nothing ([`PrivacyRequest::cleared`]).

use super::{BOOKS_YEARS_MAX, DataClass, Facts, LegalHold, gone, holds};
use crate::aggregate::{Actor, Decision, History, Rejected};
use crate::ids::{MerchantId, OrderId, PrivacyRequestId};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Most orders of one request: it is confirmed in one transaction with all of them.
pub const ORDERS_MAX: usize = 25;
/// For how long an export may be read.
pub const EXPORT_LASTS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How fast an erasure goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// For how long something may still be written by a run that began before.
    pub settles: SignedDuration,
    /// How long a request is left alone whose holds something may end that happens.
    pub looks: SignedDuration,
}

impl Default for Pace {
    /// Longer than the longest time-out that Lambda has; and once an hour.
    fn default() -> Self {
        Self { settles: SignedDuration::from_mins(15), looks: SignedDuration::from_hours(1) }
    }
}

/// What is asked for, by the articles of the GDPR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrivacyKind {
    /// Access and portability (articles 15 and 20): an export.
    Access,
    /// Erasure (article 17), with restriction until then (article 18).
    Erasure,
}

/// Who told us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrivacyOrigin {
    /// The merchant, through our API.
    Merchant,
    /// The shop's platform, by a webhook.
    Shop,
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrivacyState {
    /// The merchant has to decide.
    Requested,
    /// The merchant said no.
    Declined,
    /// An export may be read.
    Granted,
    /// The data is used for nothing but what is under way or what a law asks, and erased as soon as it may be.
    Restricted,
    /// Nothing is left.
    Erased,
}

/// Who keeps what the merchant's books need of the shopper. Said on confirming, so that nobody forgets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceHold {
    /// The merchant's shop or books: nothing is held for them here.
    KeptElsewhere,
    /// Nobody else: it is kept here until the end of this day, UTC.
    #[schema(value_type = String, format = Date)]
    Until(Date),
}

/// How far a class is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// A legal hold keeps it.
    Held,
    /// It is being deleted.
    Erasing,
    /// Nothing is left.
    Erased,
}

/// One class of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClassState {
    /// How far it is.
    pub state: ErasureState,
    /// Since when, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// One order of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderErasure {
    /// The order.
    pub order: OrderId,
    /// What keeps its data, as the last look found it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<LegalHold>,
    /// How far each class is; none before the merchant confirmed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub classes: BTreeMap<DataClass, ClassState>,
}

impl OrderErasure {
    /// The classes that are so far.
    pub fn classes_in(&self, state: ErasureState) -> impl Iterator<Item = DataClass> {
        self.classes.iter().filter(move |(_, own)| own.state == state).map(|(class, _)| *class)
    }

    /// Whether nothing of it may be kept any more: then the order says so ([`crate::order::Order::erased`]).
    #[must_use]
    pub fn is_let_go(&self) -> bool {
        !self.classes.is_empty() && self.classes_in(ErasureState::Held).next().is_none()
    }

    /// Whether nothing of it is left.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        !self.classes.is_empty() && self.classes.values().all(|own| own.state == ErasureState::Erased)
    }
}

/// A request. It carries no personal data: it names orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrivacyRequest {
    /// Its id.
    pub id: PrivacyRequestId,
    /// What is asked for.
    pub kind: PrivacyKind,
    /// Who told us.
    pub origin: PrivacyOrigin,
    /// How far it is.
    pub state: PrivacyState,
    /// The shopper's orders.
    pub orders: Vec<OrderErasure>,
    /// What the merchant said of its books.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<InvoiceHold>,
    /// When it came, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Until when its export may be read, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub export_until: Option<Timestamp>,
    /// When nothing was left any more, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub erased_at: Option<Timestamp>,
    /// When the sweeper looks at it next, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_look_at: Option<Timestamp>,
    /// Timeline.
    #[serde(default)]
    pub history: History,
}

impl PrivacyRequest {
    /// A new request about `orders`, which are the merchant's own; `actor` is who entered it.
    ///
    /// # Errors
    /// `invalid-field` when there is none, or more than [`ORDERS_MAX`].
    pub fn open(
        id: PrivacyRequestId,
        (kind, origin): (PrivacyKind, PrivacyOrigin),
        orders: impl IntoIterator<Item = OrderId>,
        actor: Option<&Actor>,
        at: Timestamp,
    ) -> Result<Decision<Self>, Rejected> {
        let mut orders: Vec<OrderId> = orders.into_iter().collect();
        orders.sort();
        orders.dedup();
        if orders.is_empty() || orders.len() > ORDERS_MAX {
            let detail = format!("name 1 to {ORDERS_MAX} orders; of more make several requests");
            return Err(Rejected::new("invalid-field", detail).at("/orders"));
        }
        let mut history = History::default();
        match actor {
            Some(actor) => history.record_by(at, "requested", None, actor),
            None => history.record(at, "requested", None),
        }
        let plain = |order| OrderErasure { order, holds: Vec::new(), classes: BTreeMap::new() };
        Ok(Decision::of(Self {
            id,
            kind,
            origin,
            state: PrivacyState::Requested,
            orders: orders.into_iter().map(plain).collect(),
            invoice: None,
            created_at: at,
            export_until: None,
            erased_at: None,
            next_look_at: None,
            history,
        }))
    }

    /// The merchant.
    #[must_use]
    pub fn merchant(&self) -> MerchantId {
        self.id.merchant()
    }

    /// The merchant says yes. An erasure restricts the data from this instant: the caller marks every order in the same
    /// transaction ([`crate::order::Order::restricted`]) when the state changed.
    ///
    /// # Errors
    /// `privacy-request-declined`; `invalid-field` when what is said of the books is missing, or does not fit.
    pub fn confirm(
        &self,
        invoice: Option<InvoiceHold>,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<Decision<Self>, Rejected> {
        let mut next = self.clone();
        match self.state {
            PrivacyState::Declined => {
                return Err(Rejected::new("privacy-request-declined", "this was declined: make a new request"));
            }
            PrivacyState::Granted | PrivacyState::Restricted | PrivacyState::Erased => return Ok(Decision::of(next)),
            PrivacyState::Requested => {}
        }
        match self.kind {
            PrivacyKind::Access => {
                next.state = PrivacyState::Granted;
                next.export_until = Some(at + EXPORT_LASTS);
            }
            PrivacyKind::Erasure => {
                let invoice = check_invoice(invoice, at)?;
                next.invoice = Some(invoice);
                next.state = PrivacyState::Restricted;
                next.next_look_at = Some(at);
                let held = ClassState { state: ErasureState::Held, since: at };
                for order in &mut next.orders {
                    order.classes = DataClass::ALL.map(|class| (class, held)).into();
                }
            }
        }
        next.history.record_by(at, "confirmed", None, actor);
        next.history.record(at, &crate::order::serde_plain(&next.state), None);
        Ok(Decision::of(next))
    }

    /// The merchant says no, for example because it was not the shopper who asked. A person tells the shopper why.
    ///
    /// # Errors
    /// `privacy-request-confirmed` when it was carried out, or is being so.
    pub fn decline(&self, reason: &str, actor: &Actor, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        let mut next = self.clone();
        match self.state {
            PrivacyState::Declined => {}
            PrivacyState::Requested => {
                next.state = PrivacyState::Declined;
                next.history.record_by(at, "declined", Some(reason.to_owned()), actor);
            }
            PrivacyState::Granted | PrivacyState::Restricted | PrivacyState::Erased => {
                let detail = "this was confirmed, and data may be gone already: it cannot be declined any more";
                return Err(Rejected::new("privacy-request-confirmed", detail));
            }
        }
        Ok(Decision::of(next))
    }

    /// Whether the export may be read now.
    ///
    /// # Errors
    /// `no-export`.
    pub fn may_export(&self, at: Timestamp) -> Result<(), Rejected> {
        match self.export_until {
            Some(until) if at <= until => Ok(()),
            Some(_) => Err(Rejected::new("no-export", "the export could be read for 30 days: make a new request")),
            None => Err(Rejected::new("no-export", "an export is for an access request that the merchant confirmed")),
        }
    }

    /// Orders of which something is held.
    pub fn held(&self) -> impl Iterator<Item = &OrderId> {
        self.orders.iter().filter(|own| own.classes_in(ErasureState::Held).next().is_some()).map(|own| &own.order)
    }

    /// The sweeper's look, first half: what no hold keeps any more is to be erased. `facts` are those of [`Self::held`]; an
    /// order without facts stays as it is.
    #[must_use]
    pub fn look(&self, facts: &BTreeMap<OrderId, Facts>, pace: Pace, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        for own in &mut next.orders {
            let Some(facts) = facts.get(&own.order) else { continue };
            own.holds = holds(facts, self.invoice, at);
            let erasing = ClassState { state: ErasureState::Erasing, since: at };
            for (class, state) in &mut own.classes {
                let is_held = own.holds.iter().any(|hold| class.holds().contains(&hold.reason));
                if state.state == ErasureState::Held && !is_held {
                    *state = erasing;
                }
            }
        }
        next.next_look_at = next.due_after(pace, at);
        Decision::of(next)
    }

    /// The second half: `found` says of what was `erasing` whether the look found (and deleted) something of it. What was
    /// erasing for as long as it takes to settle, and of which nothing was found now, is erased.
    #[must_use]
    pub fn cleared(&self, found: impl Fn(&OrderId, DataClass) -> bool, pace: Pace, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        for own in &mut next.orders {
            for (class, state) in own.classes.iter_mut().filter(|(_, state)| state.state == ErasureState::Erasing) {
                if found(&own.order, *class) {
                    // Somebody wrote it since: the wait begins anew.
                    state.since = at;
                } else if state.since + pace.settles <= at {
                    *state = ClassState { state: ErasureState::Erased, since: at };
                }
            }
        }
        if next.orders.iter().all(OrderErasure::is_erased) && self.state == PrivacyState::Restricted {
            next.state = PrivacyState::Erased;
            next.erased_at = Some(at);
            next.history.record(at, "erased", None);
        }
        next.next_look_at = match next.erasing_since() {
            Some(since) => Some((since + pace.settles).max(at)),
            None => next.due_after(pace, at),
        };
        Decision::of(next)
    }

    /// Since when the class that is erasing for longest is.
    fn erasing_since(&self) -> Option<Timestamp> {
        let states = self.orders.iter().flat_map(|own| own.classes.values());
        states.filter(|own| own.state == ErasureState::Erasing).map(|own| own.since).min()
    }

    /// When a hold may have passed: events are looked for again and again, ends of time once.
    fn due_after(&self, pace: Pace, at: Timestamp) -> Option<Timestamp> {
        if self.erasing_since().is_some() {
            return Some(at);
        }
        let held = self.orders.iter().filter(|own| own.classes_in(ErasureState::Held).next().is_some());
        let ends = held.flat_map(|own| {
            let by_event = own.holds.is_empty() || own.holds.iter().any(LegalHold::may_end_by_event);
            let days = own.holds.iter().filter_map(|hold| hold.until);
            days.chain(by_event.then_some(at + pace.looks))
        });
        ends.min()
    }

    /// Refuses an order of which nothing is left.
    ///
    /// # Errors
    /// `personal-data-erased` at the order's place.
    pub fn check_order(order: &crate::order::Order, pointer: String) -> Result<(), Rejected> {
        if order.is_erased() { Err(gone().at(pointer)) } else { Ok(()) }
    }
}

impl LegalHold {
    /// Whether something that happens may end it before its day.
    fn may_end_by_event(&self) -> bool {
        use super::LegalHoldReason as R;
        match self.reason {
            R::OpenWork | R::OpenClaim | R::CashOnDelivery => true,
            R::Recall | R::Invoice => false,
        }
    }
}

fn check_invoice(invoice: Option<InvoiceHold>, at: Timestamp) -> Result<InvoiceHold, Rejected> {
    let refused = |detail: String| Rejected::new("invalid-field", detail).at("/invoice");
    match invoice {
        None => Err(refused("say who keeps what your books need: `kept_elsewhere`, or `until` a day".to_owned())),
        Some(InvoiceHold::Until(day)) => {
            let today = at.to_zoned(TimeZone::UTC).date();
            let last = today.checked_add(i64::from(BOOKS_YEARS_MAX).years()).unwrap_or(Date::MAX);
            if (today..=last).contains(&day) {
                Ok(InvoiceHold::Until(day))
            } else {
                Err(refused(format!("this day is not between today and {BOOKS_YEARS_MAX} years from now")))
            }
        }
        Some(InvoiceHold::KeptElsewhere) => Ok(InvoiceHold::KeptElsewhere),
    }
}
