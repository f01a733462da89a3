//! At the dock: counting what came, and saying what becomes of it and of the money.

use super::{Disposition, Refund, RefundLine, Return, ReturnKind, ReturnState};
use crate::aggregate::{Actor, Decision, Rejected};
use crate::ids::{LocationId, Sku};
use crate::message::MessageKind;
use crate::order::{MoneyState, Order};
use crate::stock::{ActivityFact, Condition, Goods, LiableParty, Movement, MovementKind, StockChange, Term};
use jiff::Timestamp;

/// Longest note of a person, characters.
pub const NOTE_CHARS_MAX: usize = 200;

/// Units that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The item.
    pub sku: Sku,
    /// Units, at least 1.
    pub quantity: u32,
    /// As they look before inspection; absent: unopened in a refused parcel, else opened.
    pub condition: Option<Condition>,
}

/// What becomes of units that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The item.
    pub sku: Sku,
    /// What becomes of them.
    pub disposition: Disposition,
    /// Units, at least 1.
    pub quantity: u32,
    /// As they are; absent: unopened from a refused parcel, else opened.
    pub condition: Option<Condition>,
    /// Why, in the inspector's words.
    pub note: Option<String>,
    /// Who pays for a write-off; absent: the carrier for a refused parcel, else the merchant.
    pub liable: Option<LiableParty>,
}

impl Return {
    /// Counts what came at `location`; the goods enter the stock there, in the term `inspection`.
    ///
    /// # Errors
    /// `return-not-receivable` (ended, or all of it came already), `received-elsewhere`, `not-announced`.
    pub fn receive(
        &self,
        location: &LocationId,
        arrivals: &[Arrival],
        actor: &Actor,
        at: Timestamp,
    ) -> Result<Decision<Self>, Rejected> {
        use ReturnState as S;
        match self.state {
            S::Requested | S::Approved | S::LabelIssued | S::InTransit | S::PartiallyReceived | S::LostInReturn => {}
            S::Declined | S::Received | S::Inspected | S::Closed | S::ExpiredUnsent | S::SentBackToShopper => {
                return Err(Rejected::new(
                    "return-not-receivable",
                    format!("the return is {}: receive the goods by POST /v1/return-receipts", self.state.name()),
                ));
            }
        }
        if self.state == S::PartiallyReceived && self.location != *location {
            return Err(Rejected::new(
                "received-elsewhere",
                format!("the rest of this return was received at {}: receive it there", self.location),
            )
            .at("/location"));
        }
        let mut next = self.clone();
        let (mut changes, mut units) = (Vec::new(), 0_u32);
        for (index, arrival) in arrivals.iter().enumerate() {
            let mut counted = arrival.quantity;
            for line in next.lines.iter_mut().filter(|line| line.sku == arrival.sku) {
                let taken = counted.min(line.quantity.saturating_sub(line.received));
                line.received += taken;
                counted -= taken;
            }
            if counted > 0 || arrival.quantity == 0 {
                return Err(Rejected::new(
                    "not-announced",
                    format!(
                        "not as many units of {} are to come: receive the others by POST /v1/return-receipts without \
                             return and tracking number",
                        arrival.sku
                    ),
                )
                .at(format!("/lines/{index}")));
            }
            units = units.saturating_add(arrival.quantity);
            let condition = arrival.condition.unwrap_or(self.usual_condition());
            let (kind, to) = (MovementKind::ReturnReceipt, Some(Term::Inspection));
            let movement = self.movement(kind, arrival.quantity, None, to, condition, actor, at);
            changes
                .push(StockChange::add(&arrival.sku, location, arrival.quantity, Term::Inspection).moved([movement]));
        }
        if units == 0 {
            return Err(Rejected::new("nothing-received", "say what came: at least one unit").at("/lines"));
        }
        next.location = location.clone();
        next.state = if next.lines.iter().all(|line| line.received >= line.quantity) {
            S::Received
        } else {
            S::PartiallyReceived
        };
        next.record(at, &next.state.name(), Some(format!("{units} units")), Some(actor));
        let fact = self.fact("return_receive", units, actor, at);
        Ok(Decision::of(next).with_stock(changes).with_facts([fact]))
    }

    /// Disposes of exactly what was received, closes the return, and instructs the refund where one is due. `order` is the
    /// return's, for what was paid. Units that did not come ([`Self::missing`] of the result) are the caller's to give free.
    ///
    /// # Errors
    /// `return-not-inspectable`, `not-all-disposed`, `damaged-not-sellable`.
    pub fn inspect(
        &self,
        found: &[Inspected],
        order: Option<&Order>,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<Decision<Self>, Rejected> {
        if !matches!(self.state, ReturnState::PartiallyReceived | ReturnState::Received) {
            return Err(Rejected::new(
                "return-not-inspectable",
                format!("the return is {}: only received goods are inspected", self.state.name()),
            ));
        }
        let mut next = self.clone();
        let (mut changes, mut units) = (Vec::new(), 0_u32);
        for (index, found) in found.iter().enumerate() {
            if found.disposition == Disposition::Restock && found.condition == Some(Condition::Damaged) {
                return Err(Rejected::new(
                    "damaged-not-sellable",
                    "damaged goods are not sold as good ones: quarantine them or write them off",
                )
                .at(format!("/lines/{index}/disposition")));
            }
            let mut left = found.quantity;
            for line in next.lines.iter_mut().filter(|line| line.sku == found.sku) {
                let taken = left.min(line.in_inspection());
                match found.disposition {
                    Disposition::Restock => line.restocked += taken,
                    Disposition::Quarantine => line.quarantined += taken,
                    Disposition::WriteOff => line.written_off += taken,
                }
                left -= taken;
            }
            if left > 0 || found.quantity == 0 {
                return Err(Rejected::new(
                    "not-all-disposed",
                    format!("dispose of exactly what was received of {}", found.sku),
                )
                .at(format!("/lines/{index}/quantity")));
            }
            units = units.saturating_add(found.quantity);
            changes.push(self.disposed(found, actor, at));
        }
        if let Some(line) = next.lines.iter().find(|line| line.in_inspection() > 0) {
            return Err(Rejected::new(
                "not-all-disposed",
                format!(
                    "{} units of {} are left: dispose of exactly what was received",
                    line.in_inspection(),
                    line.sku
                ),
            )
            .at("/lines"));
        }
        next.record(at, "inspected", None, Some(actor));
        next.state = ReturnState::Closed;
        next.refund = next.refund.or_else(|| order.and_then(|order| self.refund_for(order, at)));
        if next.refund.is_some() {
            next.record(at, "refund_instructed", None, None);
        }
        next.record(at, "closed", None, None);
        let fact = self.fact("inspect", units, actor, at);
        let message = self.message(MessageKind::ReturnChanged { return_id: self.id.clone() });
        Ok(Decision::of(next).with_stock(changes).with_facts([fact]).with_messages([message]))
    }

    fn disposed(&self, found: &Inspected, actor: &Actor, at: Timestamp) -> StockChange {
        let (kind, to) = match found.disposition {
            Disposition::Restock => (MovementKind::StatusChange, Some(Term::Available)),
            Disposition::Quarantine => (MovementKind::StatusChange, Some(Term::Quarantine)),
            Disposition::WriteOff => (MovementKind::WriteOff, None),
        };
        let mut movement = self.movement(
            kind,
            found.quantity,
            Some(Term::Inspection),
            to,
            found.condition.unwrap_or(self.usual_condition()),
            actor,
            at,
        );
        movement.reason = found.note.clone();
        let change = match to {
            Some(to) => StockChange::shift(&found.sku, &self.location, found.quantity, Term::Inspection, to),
            None => {
                movement.liable = Some(found.liable.unwrap_or(match self.kind {
                    ReturnKind::Refused => LiableParty::Carrier,
                    _ => LiableParty::Merchant,
                }));
                StockChange::remove(&found.sku, &self.location, found.quantity, Term::Inspection)
            }
        };
        change.moved([movement])
    }

    /// What is paid back for what was received: the price of each unit (of a kit only when it is whole), and in all of an order's returns never more than was
    /// paid for it, since every amount is cut in the proportion of what was paid to the sum of the lines.
    fn refund_for(&self, order: &Order, at: Timestamp) -> Option<Refund> {
        match self.kind {
            ReturnKind::Withdrawal | ReturnKind::Warranty | ReturnKind::Policy => {}
            ReturnKind::Refused | ReturnKind::Unidentified => return None,
        }
        let paid = match order.money {
            MoneyState::NotDue | MoneyState::WrittenOff => 0,
            MoneyState::Expected
            | MoneyState::Collected
            | MoneyState::Remitted
            | MoneyState::Settled
            | MoneyState::Refunded => i128::from(order.total_minor),
        };
        let price = |units: u32, unit_price_minor: i64| i128::from(units) * i128::from(unit_price_minor);
        let goods: i128 = order.lines.iter().map(|line| price(line.quantity, line.unit_price_minor)).sum();
        if goods <= 0 || paid <= 0 {
            return None;
        }
        let lines: Vec<RefundLine> = self
            .arrived()
            .into_iter()
            .filter_map(|arrived| {
                let full = price(arrived.quantity, order.line(arrived.line)?.unit_price_minor);
                let amount_minor = i64::try_from(full * paid.min(goods) / goods).ok()?;
                Some(RefundLine { line: arrived.line, quantity: arrived.quantity, amount_minor })
            })
            .collect();
        let amount_minor: i64 = lines.iter().map(|line| line.amount_minor).sum();
        (amount_minor > 0).then_some(Refund { amount_minor, currency: order.currency, lines, instructed_at: at })
    }

    fn usual_condition(&self) -> Condition {
        match self.kind {
            ReturnKind::Refused => Condition::New,
            ReturnKind::Withdrawal | ReturnKind::Warranty | ReturnKind::Policy | ReturnKind::Unidentified => {
                Condition::Opened
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn movement(
        &self,
        kind: MovementKind,
        quantity: u32,
        from: Option<Term>,
        to: Option<Term>,
        condition: Condition,
        actor: &Actor,
        at: Timestamp,
    ) -> Movement {
        Movement {
            goods: Goods { condition, ..Goods::default() },
            actor: Some(actor.clone()),
            ..Movement::new(kind, quantity, from, to, self.id.as_str(), at)
        }
    }

    fn fact(&self, activity: &str, units: u32, actor: &Actor, at: Timestamp) -> ActivityFact {
        ActivityFact {
            activity: activity.to_owned(),
            quantity: units,
            unit: "unit".to_owned(),
            cause: self.id.to_string(),
            at,
            actor: Some(actor.clone()),
        }
    }
}
