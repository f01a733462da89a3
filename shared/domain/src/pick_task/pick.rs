//! Claim, scan, short pick.

use super::{PickTask, PickTaskState, Scanned};
use crate::aggregate::{Actor, Decision, Rejected};
use crate::ids::Sku;
use crate::message::MessageKind;
use crate::stock::{DEFAULT_BIN, Goods, Movement, MovementKind, StockChange, Term};
use jiff::Timestamp;

/// Most different scans (by station, bin, lot, expiry, serial) that a task keeps: an item has a size.
pub const SCANS_MAX: usize = 500;

/// Most items that an error lists.
const EXPECTED_MAX: usize = 8;

/// A scan of one or more units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// What the scanner read: a barcode of the item or its SKU.
    pub barcode: String,
    /// Units, at least 1.
    pub quantity: u32,
    /// Bin, lot, expiry, serial.
    pub goods: Goods,
}

impl PickTask {
    /// Claims the task for a person. Claiming one's own task again changes nothing.
    ///
    /// # Errors
    /// `task-claimed` when it is another person's; `order-cancelled` or `task-ended` when there is nothing to pick.
    pub fn claim(&self, actor: &Actor, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        let mut next = self.clone();
        match self.state {
            PickTaskState::Released => {
                next.state = PickTaskState::Assigned;
                next.assigned_to = Some(actor.person.clone());
                next.history.record_by(at, "assigned", None, actor);
                Ok(Decision::of(next))
            }
            PickTaskState::Assigned | PickTaskState::InProgress | PickTaskState::Picked => {
                self.check_owner(actor)?;
                Ok(Decision::of(next))
            }
            PickTaskState::ShortPicked | PickTaskState::Packed | PickTaskState::PutBack | PickTaskState::Cancelled => {
                Err(self.ended())
            }
        }
    }

    /// Takes in a scan. The last one completes the pick: every scanned unit becomes `picked` in the same transaction.
    ///
    /// # Errors
    /// `not-claimed`, `task-claimed`; `wrong-item` with what is expected; `over-scan` for more units than are left;
    /// `serial-scanned`; `too-many-scans`; `already-picked`, `order-cancelled`, `task-ended` when there is nothing to pick.
    pub fn scan(&self, scan: &Scan, actor: &Actor, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        self.check_picking(actor)?;
        // Two items may share a barcode by mistake: the one that is still wanted is meant.
        let meant = |wanted: bool| {
            let is_it = |line: &super::PickLine| line.is_meant_by(&scan.barcode) && (line.remaining() > 0 || !wanted);
            self.lines.iter().position(is_it)
        };
        let index = meant(true).or_else(|| meant(false)).ok_or_else(|| self.wrong_item("/barcode"))?;
        let scanned = Scanned {
            quantity: scan.quantity,
            station: actor.station.clone(),
            bin: (scan.goods.bin != DEFAULT_BIN).then(|| scan.goods.bin.clone()),
            lot: scan.goods.lot.clone(),
            expiry: scan.goods.expiry,
            serial: scan.goods.serial.clone(),
        };
        let mut next = self.clone();
        let kept: usize = self.lines.iter().map(|line| line.scans.len()).sum();
        let line = &mut next.lines[index];
        if scan.quantity == 0 || scan.quantity > line.remaining() {
            let detail = format!("{} of {} left to scan: put the others back", line.remaining(), line.sku);
            return Err(Rejected::new("over-scan", detail).at("/quantity"));
        }
        if scanned.serial.is_some() && line.scans.iter().any(|earlier| earlier.serial == scanned.serial) {
            let detail = "a unit of this item with this serial number was scanned before: scan another unit";
            return Err(Rejected::new("serial-scanned", detail).at("/serial"));
        }
        let alike = |earlier: &&mut Scanned| **earlier == Scanned { quantity: earlier.quantity, ..scanned.clone() };
        match line.scans.iter_mut().find(alike) {
            Some(earlier) => earlier.quantity += scanned.quantity,
            None if kept >= SCANS_MAX => {
                let detail =
                    format!("a task keeps {SCANS_MAX} different scans: scan units alike together, by quantity");
                return Err(Rejected::new("too-many-scans", detail));
            }
            None => line.scans.push(scanned),
        }
        next.state = PickTaskState::InProgress;
        Ok(next.settled(actor, at))
    }

    /// Reports units that are not where they should be: they become `count_suspect`, and the rest of the task goes on.
    ///
    /// # Errors
    /// As [`PickTask::scan`]; `over-short` for more units than are left.
    pub fn short_pick(
        &self,
        sku: &Sku,
        quantity: u32,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<Decision<Self>, Rejected> {
        self.check_picking(actor)?;
        let mut next = self.clone();
        let line = next.lines.iter_mut().find(|line| line.sku == *sku).ok_or_else(|| self.wrong_item("/sku"))?;
        if quantity == 0 || quantity > line.remaining() {
            let detail = format!("{} of {} left to pick: no more can be missing", line.remaining(), line.sku);
            return Err(Rejected::new("over-short", detail).at("/quantity"));
        }
        line.short += quantity;
        next.history.record_by(at, "short_picked", Some(format!("{quantity} × {sku} missing")), actor);
        let movement = Movement {
            actor: Some(actor.clone()),
            reason: Some("short pick".to_owned()),
            ..Movement::new(
                MovementKind::StatusChange,
                quantity,
                Some(Term::Reserved),
                Some(Term::CountSuspect),
                self.id.as_str(),
                at,
            )
        };
        let change =
            StockChange::shift(sku, &self.location, quantity, Term::Reserved, Term::CountSuspect).moved([movement]);
        let message = self.message(MessageKind::ShortPicked { task: self.id.clone() });
        Ok(next.settled(actor, at).with_stock([change]).with_messages([message]))
    }

    /// The task as it is once nothing is left to pick, if so.
    fn settled(mut self, actor: &Actor, at: Timestamp) -> Decision<Self> {
        if self.remaining() > 0 {
            return Decision::of(self);
        }
        if self.picked() == 0 {
            self.state = PickTaskState::ShortPicked;
            return Decision::of(self);
        }
        self.state = PickTaskState::Picked;
        self.history.record_by(at, "picked", None, actor);
        let stock = self.shift_scanned(MovementKind::Pick, (Term::Reserved, Term::Picked), None, at);
        Decision::of(self).with_stock(stock)
    }

    fn check_picking(&self, actor: &Actor) -> Result<(), Rejected> {
        match self.state {
            PickTaskState::Released => Err(Rejected::new("not-claimed", "claim the task first")),
            PickTaskState::Assigned | PickTaskState::InProgress => self.check_owner(actor),
            PickTaskState::Picked => Err(Rejected::new("already-picked", "everything of this task is picked: pack it")),
            PickTaskState::ShortPicked | PickTaskState::Packed | PickTaskState::PutBack | PickTaskState::Cancelled => {
                Err(self.ended())
            }
        }
    }

    fn check_owner(&self, actor: &Actor) -> Result<(), Rejected> {
        match &self.assigned_to {
            Some(owner) if *owner != actor.person => {
                let detail = format!("the task is claimed by {owner}: claim another one");
                Err(Rejected::new("task-claimed", detail).at("/actor/person"))
            }
            _ => Ok(()),
        }
    }

    /// Why nothing more can be picked.
    pub(super) fn ended(&self) -> Rejected {
        match self.state {
            PickTaskState::PutBack => Rejected::new(
                "order-cancelled",
                "the order is cancelled: put the scanned units back into their bins and say so by put-back",
            ),
            PickTaskState::Cancelled => {
                Rejected::new("order-cancelled", "the order is cancelled: there is nothing to pick any more")
            }
            PickTaskState::Packed => Rejected::new("already-packed", "the task is packed: its label follows"),
            _ => Rejected::new(
                "task-ended",
                "nothing of this task was found: it has ended, the order is served elsewhere",
            ),
        }
    }

    fn wrong_item(&self, pointer: &str) -> Rejected {
        let expected: Vec<String> = self
            .lines
            .iter()
            .filter(|line| line.remaining() > 0)
            .take(EXPECTED_MAX)
            .map(|line| format!("{} × {}", line.remaining(), line.sku))
            .collect();
        Rejected::new("wrong-item", format!("not an item of this task: expected {}", expected.join(", "))).at(pointer)
    }
}
