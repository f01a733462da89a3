//! The return (RMA): goods that come back, from the request to what becomes of them and of the money.
//!
//! | Command or event | from | to | elsewhere |
//! |---|---|---|---|
//! | `request` | nothing | `approved` by policy; a warranty claim `requested`, for a person | – |
//! | `refused` (the carrier turns an outbound parcel round) | nothing | `in_transit` | – |
//! | `unannounced` (a parcel that nobody can match) | nothing | `received` | – |
//! | `approve` | `requested` | `approved` | ended: refused; further on: no-op |
//! | `decline` (never a withdrawal) | `requested` | `declined` | `declined`: no-op; else refused |
//! | `label_booked` | `approved` | `label_issued` | the shipment is noted while the goods are still expected; else no-op |
//! | `label_refused` | `approved` | `approved`, noted | no-op |
//! | `parcel_moved`: on its way | `approved`, `label_issued`, `lost_in_return` | `in_transit` | no-op |
//! | `parcel_moved`: lost | `approved`, `label_issued`, `in_transit` | `lost_in_return` | no-op |
//! | `receive` | `requested` … `partially_received`, `lost_in_return` | `partially_received`, `received` | refused |
//! | `inspect` | `partially_received`, `received` | `inspected` → `closed` in one step | refused |
//! | `expire` | `approved`, `label_issued` after `send_by` | `expired_unsent` | no-op |
//!
//! `delivered` on a return's leg only says that the carrier was at our dock: received is what a person counted there.
//! `declined`, `closed`, `expired_unsent` and `sent_back_to_shopper` are final. Nothing leads to `sent_back_to_shopper` yet:
//! it is the field's name for goods of a claim that was declined after they had come.
//!
//! Goods of an item that is kept by lot come back into their lot. Where nobody can say which it is, they are kept in the lot
//! [`crate::lot_record::UNKNOWN_LOT`], and are never sold again: they are quarantined or written off.
//!
//! Units are conserved: a unit of an order is claimed by one return at most, what was received is in the location's term
//! `inspection` until it is inspected, and exactly what was received is disposed of.

mod dock;
mod open;
mod parcel;
#[cfg(test)]
mod tests;

pub use dock::{Arrival, ArrivedSerial, Inspected, NOTE_CHARS_MAX};
pub use open::{AskedLine, LineReference, Opened, PolicyFacts, ReturnRequest, STATUTORY_DAYS, WARRANTY_DAYS};

use crate::aggregate::{Actor, Decision, History, Rejected};
use crate::allocation::Component;
use crate::ids::{LocationId, MerchantId, OrderId, ReturnId, ShipmentId, Sku};
use crate::message::{Message, MessageKind};
use crate::money::Currency;
use crate::order::AllocatedLine;
use crate::stock::Lot;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How long the shopper has to send an approved return before it expires.
pub const SEND_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Most lines of one return: it is one item, and its receipt one transaction.
pub const LINES_MAX: usize = crate::incoming::LINES_MAX;

/// Why goods come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReturnKind {
    /// Statutory withdrawal: not the merchant's to decline.
    Withdrawal,
    /// The goods are faulty: a person judges the claim.
    Warranty,
    /// The merchant takes back more than the law asks for.
    Policy,
    /// The shopper did not take the parcel: no refund, and both freight legs are charged.
    Refused,
    /// A parcel that nobody can match.
    Unidentified,
}

/// States of a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReturnState {
    /// Waits for a person.
    Requested,
    /// A label is being booked.
    Approved,
    /// Its units may be returned otherwise.
    Declined,
    /// The shopper has a label.
    LabelIssued,
    /// The carrier has the parcel.
    InTransit,
    /// Some of it was counted at the dock.
    PartiallyReceived,
    /// All of it was counted at the dock.
    Received,
    /// Passed through on the way to `closed`; kept in the timeline.
    Inspected,
    /// Disposed of, and the refund is instructed where one is due.
    Closed,
    /// The shopper sent nothing in time; its units may be returned otherwise.
    ExpiredUnsent,
    /// The carrier lost it; a scan or its arrival finds it again.
    LostInReturn,
    /// The shopper got the goods back.
    SentBackToShopper,
}

impl ReturnState {
    /// Every state.
    pub const ALL: [Self; 12] = [
        Self::Requested,
        Self::Approved,
        Self::Declined,
        Self::LabelIssued,
        Self::InTransit,
        Self::PartiallyReceived,
        Self::Received,
        Self::Inspected,
        Self::Closed,
        Self::ExpiredUnsent,
        Self::LostInReturn,
        Self::SentBackToShopper,
    ];

    /// Whether nothing follows any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Declined | Self::Closed | Self::ExpiredUnsent | Self::SentBackToShopper)
    }

    /// Its name, as it is stored and answered.
    #[must_use]
    pub fn name(self) -> String {
        crate::order::serde_plain(&self)
    }
}

impl std::str::FromStr for ReturnState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or_else(|| {
            let names: Vec<String> = Self::ALL.into_iter().map(Self::name).collect();
            format!("there is no such state: one of {}", names.join(", "))
        })
    }
}

/// The shopper's reason. A fixed list: free text would carry personal data into places that must have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ReturnReason {
    ChangedMind,
    DoesNotFit,
    NotAsDescribed,
    WrongItem,
    Damaged,
    Defective,
    ArrivedLate,
    Other,
}

/// What becomes of returned goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Sellable again.
    Restock,
    /// Set aside.
    Quarantine,
    /// Leaves the stock.
    WriteOff,
}

/// Units of one item in a return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReturnLine {
    /// The order line's number; absent when the order is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The item.
    pub sku: Sku,
    /// Units of the item in one kit, where the order line is a kit: its components come back one by one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub per_kit: u32,
    /// Units announced (or, of a parcel that nobody announced, counted).
    pub quantity: u32,
    /// Units counted at the dock.
    #[serde(default)]
    pub received: u32,
    /// Of these, sellable again.
    #[serde(default)]
    pub restocked: u32,
    /// Of these, set aside.
    #[serde(default)]
    pub quarantined: u32,
    /// Of these, written off.
    #[serde(default)]
    pub written_off: u32,
    /// The shopper's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReturnReason>,
}

fn is_zero(units: &u32) -> bool {
    *units == 0
}

impl ReturnLine {
    fn announced(line: u32, sku: &Sku, quantity: u32, reason: Option<ReturnReason>) -> Self {
        Self {
            line: Some(line),
            sku: sku.clone(),
            per_kit: 0,
            quantity,
            received: 0,
            restocked: 0,
            quarantined: 0,
            written_off: 0,
            reason,
        }
    }

    /// What comes back of `quantity` units of an order line: the units, or the components of as many kits.
    fn exploded(self, kit: &[Component]) -> Vec<Self> {
        let part = |component: &Component| Self {
            sku: component.sku.clone(),
            per_kit: component.quantity,
            quantity: self.quantity * component.quantity,
            ..self.clone()
        };
        if kit.is_empty() { vec![self] } else { kit.iter().map(part).collect() }
    }

    /// Units received and not yet disposed of, all in the term `inspection`.
    #[must_use]
    pub fn in_inspection(&self) -> u32 {
        self.received.saturating_sub(self.restocked + self.quarantined + self.written_off)
    }
}

/// Units of a lot that were counted at the dock and are not disposed of yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReturnedLot {
    /// The item.
    pub sku: Sku,
    /// The lot.
    pub lot: Lot,
    /// Units.
    pub quantity: u32,
}

/// A unit of an item that is kept by serial number, as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReturnedSerial {
    /// The item.
    pub sku: Sku,
    /// Its number; absent when it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Whether it is the unit that was sent: another one is not sold again.
    pub known: bool,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<Disposition>,
}

/// What is paid back for one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefundLine {
    /// The order line's number.
    pub line: u32,
    /// Units.
    pub quantity: u32,
    /// For all of them, minor units.
    pub amount_minor: i64,
}

/// The instruction to pay back. We hold no payment keys: the merchant carries it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refund {
    /// In all, minor units, positive.
    pub amount_minor: i64,
    /// The order's currency.
    pub currency: Currency,
    /// By line.
    pub lines: Vec<RefundLine>,
    /// When it was instructed, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub instructed_at: Timestamp,
}

/// A return. It carries no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Return {
    /// Its id: derived from the order, or from the receipt of a parcel that nobody could match.
    pub id: ReturnId,
    /// The order; absent when it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The number that people use.
    #[schema(example = "#1001-R1")]
    pub number: String,
    /// Kind.
    pub kind: ReturnKind,
    /// State.
    pub state: ReturnState,
    /// Lines.
    pub lines: Vec<ReturnLine>,
    /// What is in inspection of items that are kept by lot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<ReturnedLot>,
    /// Units that came of items that are kept by serial number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serials: Vec<ReturnedSerial>,
    /// The parcel: the return's own label, or the outbound parcel that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipment: Option<ShipmentId>,
    /// Where it is received.
    pub location: LocationId,
    /// The refund instruction, recorded once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<Refund>,
    /// Until when an approved return must be sent, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub send_by: Option<Timestamp>,
    /// When it was opened, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the sweeper looks at it next, UTC; absent until it did for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_look_at: Option<Timestamp>,
    /// Timeline.
    #[serde(default)]
    pub history: History,
}

impl Return {
    /// The merchant.
    #[must_use]
    pub fn merchant(&self) -> MerchantId {
        self.id.merchant()
    }

    /// What follows it through the logs: its order, where that is known.
    #[must_use]
    pub fn correlation_id(&self) -> String {
        self.order.as_ref().map_or_else(|| self.id.to_string(), ToString::to_string)
    }

    /// The units of the order that it claims.
    #[must_use]
    pub fn claimed(&self) -> Vec<AllocatedLine> {
        self.units(|line| line.quantity)
    }

    /// The units of the order that came: of kits those that are whole.
    #[must_use]
    pub fn arrived(&self) -> Vec<AllocatedLine> {
        self.units(|line| line.received)
    }

    /// The units of the order that it claims and that did not come.
    #[must_use]
    pub fn missing(&self) -> Vec<AllocatedLine> {
        let arrived: BTreeMap<u32, u32> = self.arrived().into_iter().map(|line| (line.line, line.quantity)).collect();
        let missing = |claimed: AllocatedLine| AllocatedLine {
            quantity: claimed.quantity.saturating_sub(arrived.get(&claimed.line).copied().unwrap_or(0)),
            ..claimed
        };
        self.claimed().into_iter().map(missing).filter(|line| line.quantity > 0).collect()
    }

    fn units(&self, of: impl Fn(&ReturnLine) -> u32) -> Vec<AllocatedLine> {
        let mut kits: BTreeMap<u32, Vec<Component>> = BTreeMap::new();
        for (line, part) in
            self.lines.iter().filter(|part| part.per_kit > 0).filter_map(|part| Some((part.line?, part)))
        {
            kits.entry(line).or_default().push(Component { sku: part.sku.clone(), quantity: part.per_kit });
        }
        let goods = self.lines.iter().filter_map(|line| Some((line.line?, &line.sku, of(line))));
        crate::kit::lines_of(goods, |line| kits.get(&line).map_or(&[], Vec::as_slice))
    }

    /// Approves it: a label is booked.
    ///
    /// # Errors
    /// `return-ended` when it was declined or has expired.
    pub fn approve(&self, actor: Option<&Actor>, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        match self.state {
            ReturnState::Requested => {
                let mut next = self.clone();
                let message = next.approved(actor, at);
                Ok(Decision::of(next).with_messages([message]))
            }
            ReturnState::Declined | ReturnState::ExpiredUnsent | ReturnState::SentBackToShopper => Err(self.ended()),
            _ => Ok(Decision::of(self.clone())),
        }
    }

    fn approved(&mut self, actor: Option<&Actor>, at: Timestamp) -> Message {
        self.state = ReturnState::Approved;
        self.send_by = Some(at + SEND_WITHIN);
        self.record(at, "approved", None, actor);
        self.message(MessageKind::BookReturn { return_id: self.id.clone() })
    }

    /// Declines it; the caller gives its units free ([`Self::claimed`]) when the state changed.
    ///
    /// # Errors
    /// `withdrawal-not-declinable`; `return-not-declinable` when it was approved or the goods are on their way.
    pub fn decline(&self, reason: &str, actor: Option<&Actor>, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        if self.kind == ReturnKind::Withdrawal {
            return Err(Rejected::new(
                "withdrawal-not-declinable",
                "a withdrawal is the shopper's right: approve it; only its refund may be reduced",
            ));
        }
        match self.state {
            ReturnState::Declined => Ok(Decision::of(self.clone())),
            ReturnState::Requested => {
                let mut next = self.clone();
                next.state = ReturnState::Declined;
                next.record(at, "declined", Some(reason.to_owned()), actor);
                Ok(Decision::of(next))
            }
            _ => Err(Rejected::new(
                "return-not-declinable",
                format!("the return is {}: only a requested one can be declined", self.state.name()),
            )),
        }
    }

    /// The shopper sent nothing in time; the caller gives its units free ([`Self::claimed`]) when the state changed.
    #[must_use]
    pub fn expire(&self, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        let open = matches!(self.state, ReturnState::Approved | ReturnState::LabelIssued);
        if open && self.send_by.is_some_and(|send_by| send_by <= at) {
            next.state = ReturnState::ExpiredUnsent;
            next.record(at, "expired_unsent", None, None);
            // Its label must not be used beside that of another return for the same units.
            if self.state == ReturnState::LabelIssued {
                let void = self.message(MessageKind::Void { shipment: self.id.shipment() });
                return Decision::of(next).with_messages([void]);
            }
        }
        Decision::of(next)
    }

    /// When it expires unless the parcel moves.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.send_by.filter(|_| matches!(self.state, ReturnState::Approved | ReturnState::LabelIssued))
    }

    fn ended(&self) -> Rejected {
        Rejected::new("return-ended", format!("the return is {}: open another one", self.state.name()))
    }

    fn message(&self, kind: MessageKind) -> Message {
        kind.for_merchant(&self.merchant(), self.correlation_id())
    }

    fn record(&mut self, at: Timestamp, event: &str, note: Option<String>, actor: Option<&Actor>) {
        match actor {
            Some(actor) => self.history.record_by(at, event, note, actor),
            None => self.history.record(at, event, note),
        }
    }
}
