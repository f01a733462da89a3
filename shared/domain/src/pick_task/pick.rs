//! Claim, scan, short pick.

use super::{PickLine, PickTask, PickTaskState, Scanned};
use crate::aggregate::{Actor, Decision, Rejected};
use crate::ids::Sku;
use crate::message::MessageKind;
use crate::stock::{Bins, DEFAULT_BIN, Goods, Level, LevelId, Lot, Movement, MovementKind, StockChange, Term};
use jiff::Timestamp;

/// Most different scans (by station, bin, lot, expiry, serial) that a task keeps: an item has a size.
pub const SCANS_MAX: usize = 500;

/// Most serial numbers that a task scans: each has a record, and a transaction has 100 items.
pub const SERIALS_MAX: usize = 50;

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
    /// `not-claimed`, `task-claimed`; `wrong-item`, `wrong-lot` with what is expected; `over-scan` for more units than are left;
    /// `serial-needed`, `serial-scanned`; `too-many-scans`; `already-picked`, `order-cancelled`, `task-ended` when there is nothing to pick.
    pub fn scan(&self, scan: &Scan, actor: &Actor, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        self.check_picking(actor)?;
        let index = self.meant(scan)?;
        // Of an item that is kept by lot the ledger is told of the promised lot, also of an expiry that was not scanned.
        let (lot, expiry) = match &self.lines[index].lot {
            Some(lot) => (Some(lot.code.clone()), lot.expiry),
            None => (scan.goods.lot.clone(), scan.goods.expiry),
        };
        let scanned = Scanned {
            quantity: scan.quantity,
            station: actor.station.clone(),
            bin: (scan.goods.bin != DEFAULT_BIN).then(|| scan.goods.bin.clone()),
            lot,
            expiry,
            serial: scan.goods.serial.clone(),
        };
        let mut next = self.clone();
        let kept: usize = self.lines.iter().map(|line| line.scans.len()).sum();
        let line = &mut next.lines[index];
        if scan.quantity == 0 || scan.quantity > line.remaining() {
            let detail = format!("{} of {} left to scan: put the others back", line.remaining(), line.sku);
            return Err(Rejected::new("over-scan", detail).at("/quantity"));
        }
        if line.serial_tracked && scanned.serial.is_none() {
            let detail = format!("units of {} are kept by serial number: scan it too", line.sku);
            return Err(Rejected::new("serial-needed", detail).at("/serial"));
        }
        if line.serial_tracked && self.serials().len() >= SERIALS_MAX {
            let detail = format!("a task scans {SERIALS_MAX} serial numbers at most: split the order");
            return Err(Rejected::new("too-many-scans", detail).at("/serial"));
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

    /// Reports units that are not where they should be: they become `count_suspect`, the kits that they belong to are given
    /// up, and the rest of the task goes on.
    ///
    /// # Errors
    /// As [`PickTask::scan`]; `over-short` for more units than are left; `lot-needed` when several lots are to be picked.
    pub fn short_pick(
        &self,
        sku: &Sku,
        lot: Option<&str>,
        quantity: u32,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<Decision<Self>, Rejected> {
        self.check_picking(actor)?;
        let mut next = self.clone();
        let line = &mut next.lines[self.missed(sku, lot)?];
        if quantity == 0 || quantity > line.remaining() {
            let detail = format!("{} of {} left to pick: no more can be missing", line.remaining(), line.sku);
            return Err(Rejected::new("over-short", detail).at("/quantity"));
        }
        line.short += quantity;
        let lot = line.lot.clone();
        let of_lot = lot.as_ref().map(|lot| format!(" of lot {}", lot.code)).unwrap_or_default();
        next.history.record_by(at, "short_picked", Some(format!("{quantity} × {sku}{of_lot} missing")), actor);
        let movement = Movement {
            goods: Goods::default().in_lot(lot.as_ref()),
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
        let change = StockChange::shift(sku, &self.location, quantity, Term::Reserved, Term::CountSuspect);
        let change = change.of_lot(lot).moved([movement]);
        let mut stock = vec![change];
        stock.extend(next.break_kits());
        let message = self.message(MessageKind::ShortPicked { task: self.id.clone() });
        Ok(next.settled(actor, at).with_stock(stock).with_messages([message]))
    }

    /// The level that a short pick is of.
    ///
    /// # Errors
    /// `wrong-item`; `lot-needed` when several lots are to be picked.
    pub fn missed_level(&self, sku: &Sku, lot: Option<&str>) -> Result<LevelId, Rejected> {
        Ok(self.level_of(&self.lines[self.missed(sku, lot)?]))
    }

    /// A short pick in a named bin: the bin is frozen until it is counted, and what else it should hold is suspect as far as it
    /// is not promised; promised units go short when somebody comes for them. `level` and `bins` are on record now.
    ///
    /// Gives the decision, and how many units of the bin became suspect.
    ///
    /// # Errors
    /// As [`PickTask::short_pick`].
    pub fn short_pick_in_bin(
        &self,
        bin: &str,
        (level, bins): (&Level, &Bins),
        (sku, lot, quantity): (&Sku, Option<&str>, u32),
        actor: &Actor,
        at: Timestamp,
    ) -> Result<(Decision<Self>, u32), Rejected> {
        let of = self.missed_level(sku, lot)?;
        let mut decision = self.short_pick(sku, lot, quantity, actor, at)?;
        for movement in decision.stock.iter_mut().flat_map(|change| change.movements.iter_mut()) {
            if movement.to == Some(Term::CountSuspect) {
                movement.goods.bin = bin.to_owned();
            }
        }
        // What this task has scanned there leaves the record with its last scan.
        let scans = self.lines.iter().filter(|line| self.level_of(line) == of).flat_map(|line| &line.scans);
        let scanned: u32 = scans.filter(|scan| scan.bin.as_deref() == Some(bin)).map(|scan| scan.quantity).sum();
        let rest = bins.units_in(bin, level) - i64::from(quantity) - i64::from(scanned);
        let others = u32::try_from(rest.min(level.get(Term::Available))).unwrap_or(0);
        let mut change = StockChange::within(&of).freezing(bin, true);
        if others > 0 {
            let (from, to) = (Term::Available, Term::CountSuspect);
            let movement = Movement {
                goods: Goods { bin: bin.to_owned(), ..Goods::default() }.in_lot(of.lot.as_ref()),
                actor: Some(actor.clone()),
                reason: Some("bin to be counted".to_owned()),
                ..Movement::new(MovementKind::StatusChange, others, Some(from), Some(to), self.id.as_str(), at)
            };
            let shift = StockChange::shift(sku, &self.location, others, from, to).of_lot(of.lot.clone());
            change.deltas = shift.deltas;
            change.movements.push(movement);
        }
        decision.stock.push(change);
        Ok((decision, quantity + others))
    }

    /// The task as it is once nothing is left to pick, if so.
    pub(super) fn settled(mut self, actor: &Actor, at: Timestamp) -> Decision<Self> {
        if !self.is_picked() {
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

    pub(super) fn check_owner(&self, actor: &Actor) -> Result<(), Rejected> {
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

    /// The line that a scan means. Two items may share a barcode by mistake: the one that is still wanted is meant.
    fn meant(&self, scan: &Scan) -> Result<usize, Rejected> {
        let of_barcode = |line: &&PickLine| line.is_meant_by(&scan.barcode);
        let fits = |line: &PickLine| line.lot.as_ref().is_none_or(|lot| is_lot(lot, &scan.goods));
        self.first(|line| of_barcode(&line) && fits(line)).ok_or_else(|| {
            let mut expected = self.lines.iter().filter(of_barcode).peekable();
            if expected.peek().is_some() { wrong_lot(expected) } else { self.wrong_item("/barcode") }
        })
    }

    /// The line of which units are missing.
    fn missed(&self, sku: &Sku, lot: Option<&str>) -> Result<usize, Rejected> {
        let of_item = |line: &&PickLine| line.sku == *sku;
        if !self.lines.iter().any(|line| of_item(&line)) {
            return Err(self.wrong_item("/sku"));
        }
        let open = || self.lines.iter().filter(of_item).filter(|line| line.remaining() > 0);
        if lot.is_none() && open().count() > 1 && open().all(|line| line.lot.is_some()) {
            let detail = format!("several lots of it are to be picked: say which is missing: {}", lots(open()));
            return Err(Rejected::new("lot-needed", detail).at("/lot"));
        }
        let fits = |line: &PickLine| match (lot, &line.lot) {
            (Some(code), Some(own)) => own.code == code,
            (None, Some(_)) => open().all(|line| line.lot.is_some()),
            (_, None) => true,
        };
        self.first(|line| of_item(&line) && fits(line)).ok_or_else(|| wrong_lot(self.lines.iter().filter(of_item)))
    }

    /// The first line that fits: rather one of which units are left, and rather one of a lot.
    fn first(&self, fits: impl Fn(&PickLine) -> bool) -> Option<usize> {
        let fitting = self.lines.iter().enumerate().filter(|(_, line)| fits(line));
        fitting.min_by_key(|(_, line)| (line.remaining() == 0, line.lot.is_none())).map(|(index, _)| index)
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

/// Whether goods are of this lot: its code must be scanned, its expiry may be.
fn is_lot(lot: &Lot, goods: &Goods) -> bool {
    goods.lot.as_deref() == Some(lot.code.as_str()) && (goods.expiry.is_none() || goods.expiry == lot.expiry)
}

fn wrong_lot<'a>(lines: impl Iterator<Item = &'a PickLine>) -> Rejected {
    let detail = format!("not a lot that was promised: put it back; expected {}", lots(lines));
    Rejected::new("wrong-lot", detail).at("/lot")
}

/// The lots of lines in words, those first of which units are left.
fn lots<'a>(lines: impl Iterator<Item = &'a PickLine>) -> String {
    let mut lines: Vec<&PickLine> = lines.collect();
    lines.sort_by_key(|line| line.remaining() == 0);
    let of = |line: &&PickLine| {
        let lot = line.lot.as_ref()?;
        let expires = lot.expiry.map(|expiry| format!(", expires {expiry}")).unwrap_or_default();
        Some(format!("{} × {} lot {}{expires}", line.remaining(), line.sku, lot.code))
    };
    lines.iter().filter_map(of).take(EXPECTED_MAX).collect::<Vec<_>>().join("; ")
}
