//! At the dock: counting what came, and saying what becomes of it and of the money.

use super::{Disposition, Refund, RefundLine, Return, ReturnKind, ReturnState, ReturnedLot, ReturnedSerial};
use crate::aggregate::{Actor, Decision, Rejected};
use crate::catalogue::Item;
use crate::ids::{LocationId, Sku};
use crate::lot_record::{LotRecord, UNKNOWN_LOT};
use crate::message::MessageKind;
use crate::order::{MoneyState, Order};
use crate::stock::{ActivityFact, Condition, Goods, LiableParty, Lot, Movement, MovementKind, StockChange, Term};
use jiff::Timestamp;

/// Longest note of a person, characters.
pub const NOTE_CHARS_MAX: usize = 200;

/// The serial number of a unit that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivedSerial {
    /// The number; absent when it cannot be read.
    pub serial: Option<String>,
    /// Whether it is the unit that was sent ([`crate::serial_record::SerialRecord::come_back`]).
    pub known: bool,
}

/// Units that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The item.
    pub sku: Sku,
    /// The lot whose level they go to, where the item is kept by lot ([`Arrival::lot_of`]).
    pub lot: Option<Lot>,
    /// The serial number, where units are kept by it.
    pub serial: Option<ArrivedSerial>,
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
    /// Code of their lot; absent: the first of those in inspection.
    pub lot: Option<String>,
    /// Serial number of the one unit; absent: the first of those that came.
    pub serial: Option<String>,
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

impl Arrival {
    /// The lot that returned goods are kept in: the known one that they name, else the one of goods of which nobody knows the
    /// lot; none for an item that is not kept by lot.
    #[must_use]
    pub fn lot_of(item: &Item, known: Option<&LotRecord>) -> Option<Lot> {
        let unknown = || Lot { code: UNKNOWN_LOT.to_owned(), expiry: None };
        item.lot_tracked.then(|| known.map_or_else(unknown, |record| record.lot.clone()))
    }
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
            let mut movement = self.movement(kind, arrival.quantity, None, to, condition, actor, at);
            movement.goods = movement.goods.in_lot(arrival.lot.as_ref());
            movement.goods.serial = arrival.serial.as_ref().and_then(|arrived| arrived.serial.clone());
            let change = StockChange::add(&arrival.sku, location, arrival.quantity, Term::Inspection);
            changes.push(change.of_lot(arrival.lot.clone()).moved([movement]));
            next.note_serials(arrival, actor, at);
            next.lots.extend(arrival.lot.iter().map(|lot| {
                let (sku, lot) = (arrival.sku.clone(), lot.clone());
                ReturnedLot { sku, lot, quantity: arrival.quantity }
            }));
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
    /// return's, for what was paid; `lots` are the records of its lots: what has expired is not sold again. Units that did not
    /// come ([`Self::missing`] of the result) are the caller's to give free.
    ///
    /// # Errors
    /// `return-not-inspectable`, `not-all-disposed`, `damaged-not-sellable`, `lot-unknown`, `serial-unknown`.
    pub fn inspect(
        &self,
        found: &[Inspected],
        order: Option<&Order>,
        lots: &[LotRecord],
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
            next.dispose_of_serials(found, index)?;
            for (lot, quantity) in next.take_from_lots(found, index)? {
                let record = lots.iter().find(|record| record.sku == found.sku && Some(&record.lot) == lot.as_ref());
                let usual = Term::Available;
                let sellable = record.map_or(usual, |record| record.term(usual, at));
                let part = Inspected { quantity, ..found.clone() };
                changes.push(self.disposed(&part, lot, sellable, actor, at));
            }
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

    /// Units that are not those that were sent are flagged in the timeline.
    fn note_serials(&mut self, arrival: &Arrival, actor: &Actor, at: Timestamp) {
        let Some(ArrivedSerial { serial, known }) = &arrival.serial else { return };
        if !known {
            let number = serial.as_deref().unwrap_or("none to be read");
            self.record(
                at,
                "serial_unknown",
                Some(format!("{} × {}: {number}", arrival.quantity, arrival.sku)),
                Some(actor),
            );
        }
        let (sku, serial, known) = (arrival.sku.clone(), serial.clone(), *known);
        let unit = ReturnedSerial { sku, serial, known, disposition: None };
        self.serials.extend((0..arrival.quantity).map(|_| unit.clone()));
    }

    /// Says of each unit what becomes of it; one that is not the unit that was sent is not sold again.
    fn dispose_of_serials(&mut self, found: &Inspected, index: usize) -> Result<(), Rejected> {
        if !self.serials.iter().any(|unit| unit.sku == found.sku) {
            return Ok(());
        }
        let is_meant = |unit: &&mut ReturnedSerial| {
            let named = found.serial.is_none() || found.serial == unit.serial;
            unit.sku == found.sku && unit.disposition.is_none() && named
        };
        let mut left = found.quantity;
        for unit in self.serials.iter_mut().filter(is_meant).take(usize::try_from(found.quantity).unwrap_or(usize::MAX))
        {
            if found.disposition == Disposition::Restock && !unit.known {
                let detail = "not the unit that was sent: quarantine it or write it off";
                return Err(Rejected::new("serial-unknown", detail).at(format!("/lines/{index}/disposition")));
            }
            unit.disposition = Some(found.disposition);
            left -= 1;
        }
        if left == 0 {
            return Ok(());
        }
        let detail = format!("dispose of each unit of {} that came, once", found.sku);
        Err(Rejected::new("not-all-disposed", detail).at(format!("/lines/{index}/serial")))
    }

    /// Takes what is disposed of out of the lots in inspection; `None` stands for units that are not kept by lot.
    fn take_from_lots(&mut self, found: &Inspected, index: usize) -> Result<Vec<(Option<Lot>, u32)>, Rejected> {
        if !self.lots.iter().any(|returned| returned.sku == found.sku) {
            return Ok(vec![(None, found.quantity)]);
        }
        let (mut left, mut taken) = (found.quantity, Vec::new());
        let is_meant = |returned: &&mut ReturnedLot| {
            returned.sku == found.sku && found.lot.as_ref().is_none_or(|code| *code == returned.lot.code)
        };
        for returned in self.lots.iter_mut().filter(is_meant) {
            let units = left.min(returned.quantity);
            returned.quantity -= units;
            left -= units;
            taken.extend((units > 0).then(|| (Some(returned.lot.clone()), units)));
        }
        self.lots.retain(|returned| returned.quantity > 0);
        if left > 0 {
            let detail = format!("dispose of exactly what was received of each lot of {}", found.sku);
            return Err(Rejected::new("not-all-disposed", detail).at(format!("/lines/{index}/lot")));
        }
        let is_unknown = |(lot, _): &(Option<Lot>, u32)| lot.as_ref().is_some_and(|lot| lot.code == UNKNOWN_LOT);
        if found.disposition == Disposition::Restock && taken.iter().any(is_unknown) {
            let detail = "nobody knows which lot these units are of: quarantine them or write them off";
            return Err(Rejected::new("lot-unknown", detail).at(format!("/lines/{index}/disposition")));
        }
        Ok(taken)
    }

    fn disposed(
        &self,
        found: &Inspected,
        lot: Option<Lot>,
        sellable: Term,
        actor: &Actor,
        at: Timestamp,
    ) -> StockChange {
        let (kind, to) = match found.disposition {
            Disposition::Restock => (MovementKind::StatusChange, Some(sellable)),
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
        movement.goods = movement.goods.in_lot(lot.as_ref());
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
        change.of_lot(lot).moved([movement])
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
