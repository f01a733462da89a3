//! Fewer units to pick, while nothing was picked yet.

use super::{PickTask, PickTaskState};
use crate::aggregate::{Decision, Rejected};
use crate::order::AllocatedGoods;
use jiff::Timestamp;

impl PickTask {
    /// Whether nothing of it was picked or found missing yet, so that its lines may still change.
    ///
    /// # Errors
    /// `picking-started`, `packed`; `task-ended` when there is nothing left to change.
    pub fn may_change(&self) -> Result<(), Rejected> {
        let untouched = self.lines.iter().all(|line| line.scans.is_empty() && line.short == 0);
        match self.state {
            PickTaskState::Released | PickTaskState::Assigned if untouched => Ok(()),
            PickTaskState::Released | PickTaskState::Assigned | PickTaskState::InProgress | PickTaskState::Picked => {
                Err(Rejected::new(
                    "picking-started",
                    format!("units of {} are in the picker's hands: cancel the order, or let them ship", self.id),
                ))
            }
            PickTaskState::Packed => Err(Rejected::new(
                "packed",
                format!("the units of {} are packed: cancel the order, or let them ship and open a return", self.id),
            )),
            PickTaskState::ShortPicked | PickTaskState::PutBack | PickTaskState::Cancelled => {
                Err(Rejected::new("task-ended", format!("{} has ended: read the order again", self.id)))
            }
        }
    }

    /// Takes `cuts` off what is to be picked; a task that keeps nothing is cancelled. The caller
    /// gives the units back in the same transaction, so no release follows.
    ///
    /// # Errors
    /// As [`PickTask::may_change`].
    pub fn reduced(&self, cuts: &[AllocatedGoods], at: Timestamp) -> Result<Decision<Self>, Rejected> {
        self.may_change()?;
        let mut next = self.clone();
        for cut in cuts {
            let mut left = cut.quantity;
            let lines = next
                .lines
                .iter_mut()
                .filter(|line| line.sku == cut.sku && line.lot == cut.lot)
                .flat_map(|line| &mut line.lines);
            for line in lines.filter(|line| line.line == cut.line) {
                let taken = line.quantity.min(left);
                line.quantity -= taken;
                left -= taken;
            }
        }
        for line in &mut next.lines {
            line.lines.retain(|line| line.quantity > 0);
        }
        next.lines.retain(|line| !line.lines.is_empty());
        let units: u32 = cuts.iter().map(|cut| cut.quantity).sum();
        next.history.record(at, "reduced", Some(format!("{units} units less")));
        if next.lines.is_empty() {
            next.state = PickTaskState::Cancelled;
            next.history.record(at, "cancelled", None);
        }
        Ok(Decision::of(next))
    }
}
