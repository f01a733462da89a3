//! The shortage: goods are gone although orders are promised them, and a person says so by an adjustment.
//!
//! | Step | Level | Beside it |
//! |---|---|---|
//! | it is opened | what is available → `count_suspect`, as far as it is needed | a count task |
//! | a pick task goes short, one transaction each, until enough is suspect | its `reserved` → `count_suspect` | its order is reserved elsewhere or waits |
//! | it is closed | what is missing leaves `count_suspect` and the stock | the adjustment |
//!
//! What is available goes first, so that the orders that lose units are not promised the units that are gone too. Units that
//! were suspect before are the first that are believed to be gone, as in a count. Scanned units are never taken: somebody holds
//! them. A shortage that cannot be closed yet is gone on with by the same request, however far it came.

use crate::aggregate::{Actor, Decision, Rejected};
use crate::ids::{PickTaskId, ReceiptId};
use crate::lot_record::LotRecord;
use crate::pick_task::{PickTask, PickTaskState};
use crate::receiving::{Correction, Entry, Posting, check_correction};
use crate::stock::{Condition, Goods, Level, LevelId, Movement, MovementKind, StockChange, Term};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use utoipa::ToSchema;

/// Most pick tasks that one adjustment makes short: the record has a size.
pub const TASKS_MAX: usize = 1000;

/// A pick task that lost units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShortTask {
    /// The task; its id begins with its order's.
    pub task: PickTaskId,
    /// Units that it lost.
    pub units: u32,
}

/// How far an adjustment is that takes units away from orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// The adjustment's id.
    pub id: ReceiptId,
    /// Where units are gone.
    pub level: LevelId,
    /// How many.
    pub units: u32,
    /// Mark of the request: another body under the same key is refused, also before the adjustment is made.
    pub request: String,
    /// Who said so.
    pub actor: Actor,
    /// Pick tasks that lost units, in that order.
    pub tasks: Vec<ShortTask>,
    /// Whether the adjustment is made: then no task loses any more.
    pub closed: bool,
    /// When it was opened, UTC.
    pub opened_at: Timestamp,
}

/// The terms of what lies on the shelf and is promised to nobody, the first to be taken first.
fn sources(lot: Option<&LotRecord>, at: Timestamp) -> Vec<Term> {
    let shelf = lot.map_or(Term::Available, |record| record.term(Term::Available, at));
    // What has expired is still available until the sweeper has looked.
    if shelf == Term::Available { vec![shelf] } else { vec![Term::Available, shelf] }
}

fn units(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

impl Shortage {
    /// Opens it: `level` is what is there now, of `lot` where one is kept, and `request` the mark of the request.
    ///
    /// # Errors
    /// As [`crate::receiving::correct`]; `invalid-field` for a correction that takes nothing away, or not of good stock;
    /// `insufficient-stock` when there are not as many units without those that are scanned or blocked.
    pub fn open(
        entry: &Entry,
        correction: &Correction,
        (level, lot): (&Level, Option<&LotRecord>),
        request: &str,
    ) -> Result<Decision<Self>, Rejected> {
        check(entry, correction)?;
        let gone = check_correction(entry, correction)?;
        let shortage = Self {
            id: entry.id.clone(),
            level: LevelId {
                sku: entry.sku.clone(),
                location: entry.location.clone(),
                lot: lot.map(|record| record.lot.clone()),
            },
            units: gone,
            request: request.to_owned(),
            actor: entry.actor.clone(),
            tasks: Vec::new(),
            closed: false,
            opened_at: entry.at,
        };
        let mut terms = sources(lot, entry.at);
        terms.extend([Term::CountSuspect, Term::Reserved, Term::OpenTakes]);
        let most: i64 = terms.into_iter().map(|term| level.get(term)).sum();
        if most < i64::from(gone) {
            let detail = format!(
                "{gone} units cannot be gone: {most} are there that are neither picked nor blocked; put picked goods back \
                 first, or take away at most {most}"
            );
            return Err(Rejected::new("insufficient-stock", detail).at("/quantity"));
        }
        let aside = shortage.aside(level, lot, entry.at);
        Ok(Decision::of(shortage).with_stock(aside))
    }

    /// Units that are neither suspect nor free to be taken: so many orders must lose.
    #[must_use]
    pub fn lacking(&self, level: &Level, lot: Option<&LotRecord>, at: Timestamp) -> u32 {
        let free: i64 = sources(lot, at).into_iter().map(|term| level.get(term)).sum();
        units(i64::from(self.units) - level.get(Term::CountSuspect) - free)
    }

    /// What nobody is promised becomes suspect, as far as it is needed.
    fn aside(&self, level: &Level, lot: Option<&LotRecord>, at: Timestamp) -> Vec<StockChange> {
        let mut left = units(i64::from(self.units) - level.get(Term::CountSuspect));
        let mut changes = Vec::new();
        for term in sources(lot, at) {
            let quantity = left.min(units(level.get(term)));
            if quantity == 0 {
                continue;
            }
            left -= quantity;
            let movement = Movement {
                goods: Goods::default().in_lot(self.level.lot.as_ref()),
                actor: Some(self.actor.clone()),
                reason: Some("shortage".to_owned()),
                ..Movement::new(
                    MovementKind::StatusChange,
                    quantity,
                    Some(term),
                    Some(Term::CountSuspect),
                    self.id.as_str(),
                    at,
                )
            };
            let LevelId { sku, location, lot } = &self.level;
            let change = StockChange::shift(sku, location, quantity, term, Term::CountSuspect);
            changes.push(change.of_lot(lot.clone()).moved([movement]));
        }
        changes
    }

    /// A task loses units for it, as far as they are lacking; `None` when it need not, or cannot.
    ///
    /// # Errors
    /// `shortage-too-wide` after [`TASKS_MAX`] tasks.
    pub fn take_from(
        &self,
        task: &PickTask,
        (level, lot): (&Level, Option<&LotRecord>),
        at: Timestamp,
    ) -> Result<Option<(Decision<PickTask>, Self)>, Rejected> {
        if self.closed {
            return Ok(None);
        }
        let lacking = self.lacking(level, lot, at);
        let Some((decision, lost)) = task.go_short(&self.level, lacking, &self.actor, at) else { return Ok(None) };
        if self.tasks.len() >= TASKS_MAX {
            let detail = format!("{TASKS_MAX} pick tasks went short for it: send another adjustment for the rest");
            return Err(Rejected::new("shortage-too-wide", detail).at("/quantity"));
        }
        let mut next = self.clone();
        next.tasks.push(ShortTask { task: task.id.clone(), units: lost });
        Ok(Some((decision, next)))
    }

    /// Units that tasks lost for it.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.tasks.iter().map(|task| task.units).fold(0, u32::saturating_add)
    }

    /// Closes it: the units leave the stock.
    ///
    /// # Errors
    /// `shortage-unfinished` while units are lacking, with what to do.
    pub fn close(
        &self,
        entry: &Entry,
        correction: &Correction,
        (level, lot): (&Level, Option<&LotRecord>),
    ) -> Result<(Posting, Self), Rejected> {
        let gone = check_correction(entry, correction)?;
        let lacking = self.lacking(level, lot, entry.at);
        if lacking > 0 {
            let detail = format!(
                "{} units were taken from pick tasks for it and are kept aside, but {lacking} more are promised to orders \
                 whose pick task does not exist yet, or are scanned: put picked goods back, and repeat the same request \
                 with the same Idempotency-Key in a moment",
                self.lost()
            );
            return Err(Rejected::new("shortage-unfinished", detail).at("/quantity"));
        }
        let LevelId { sku, location, lot: of_lot } = &self.level;
        let movement = Movement {
            goods: entry.goods.clone().in_lot(of_lot.as_ref()),
            actor: Some(entry.actor.clone()),
            liable: Some(correction.liable),
            reason: Some(correction.reason.clone()),
            ..Movement::new(correction.kind, gone, Some(Term::CountSuspect), None, entry.id.as_str(), entry.at)
        };
        let removed = StockChange::remove(sku, location, gone, Term::CountSuspect).of_lot(of_lot.clone());
        let mut changes = self.aside(level, lot, entry.at);
        changes.push(removed.moved([movement.clone()]));
        let change = StockChange::merged(changes).pop();
        let change = change.ok_or_else(|| Rejected::new("invalid-field", "nothing is taken away").at("/quantity"))?;
        Ok((Posting { movement, change, facts: Vec::new() }, Self { closed: true, ..self.clone() }))
    }
}

/// Whether a correction can be a shortage.
///
/// # Errors
/// `invalid-field` at `/shortage`.
pub fn check(entry: &Entry, correction: &Correction) -> Result<(), Rejected> {
    let refused = |detail: &str| Err(Rejected::new("invalid-field", detail).at("/shortage"));
    if correction.quantity >= 0 {
        return refused("a shortage takes units away: send a negative quantity, or leave the flag out");
    }
    match entry.goods.condition {
        Condition::New => Ok(()),
        Condition::Opened | Condition::Damaged => {
            refused("only new goods are promised to orders: leave the flag out for opened and damaged ones")
        }
    }
}

/// Which task loses units first, the least first: one that nobody has begun; then the one whose order has the lowest
/// `priority`; then the newest.
#[must_use]
pub fn turn(task: &PickTask, priority: u32) -> impl Ord + use<> {
    let begun = match task.state {
        PickTaskState::Released => 0_u8,
        PickTaskState::Assigned => 1,
        _ => 2,
    };
    (begun, priority, Reverse(task.created_at), Reverse(task.id.clone()))
}

#[cfg(test)]
mod tests;
