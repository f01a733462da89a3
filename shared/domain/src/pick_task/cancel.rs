//! Cancelling by stage: what is only promised is given back at once, what was scanned goes back into its bin first,
//! and what is packed waits until its label is voided.

use super::{PickTask, PickTaskState};
use crate::aggregate::{Actor, Decision, Rejected};
use crate::message::MessageKind;
use crate::stock::{MovementKind, Term};
use jiff::Timestamp;

/// What is known of a packed task's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// There may be one, or it may still be bought.
    Possible,
    /// It is voided (or will never be bought).
    Voided,
}

impl PickTask {
    /// The order is to be cancelled. Repeating it changes nothing, except that a packed task asks again for its label
    /// to be voided.
    #[must_use]
    pub fn request_cancel(&self, label: Label, at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        match self.state {
            PickTaskState::Released | PickTaskState::Assigned => next.cancelled(at),
            PickTaskState::InProgress | PickTaskState::Picked => next.into_put_back(at),
            PickTaskState::Packed if label == Label::Voided => next.into_put_back(at),
            PickTaskState::Packed => {
                if next.history.0.last().is_none_or(|entry| entry.event != "void_requested") {
                    next.history.record(at, "void_requested", None);
                }
                let void = self.message(MessageKind::Void { shipment: self.id.shipment() });
                Decision::of(next).with_messages([void])
            }
            // Late or repeated: it is being put back, or was. What was short picked alone holds nothing.
            PickTaskState::PutBack | PickTaskState::Cancelled | PickTaskState::ShortPicked => Decision::of(next),
        }
    }

    /// What was to be put back lies in its bins again. Of a cancelled task that is every scanned unit: it ends and gives its
    /// reservation back. Of any other it is the surplus of kits that lack a component: that is given back, and it goes on.
    ///
    /// # Errors
    /// `nothing-to-put-back` unless the task was cancelled with units scanned, or has a surplus; `task-claimed` when the
    /// surplus is another person's.
    pub fn put_back(&self, actor: &Actor, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        if self.state == PickTaskState::InProgress && self.surplus() > 0 {
            return self.put_surplus_back(actor, at);
        }
        if self.state != PickTaskState::PutBack {
            return Err(Rejected::new(
                "nothing-to-put-back",
                "the task has nothing to put back: only a cancelled order's scanned units are, and those of a kit that cannot be completed",
            ));
        }
        let mut next = self.clone();
        // Units become `picked` all at once, by the last scan: before that they are still `reserved`.
        let stock = if self.is_picked() {
            self.shift_scanned(MovementKind::Unpick, (Term::Picked, Term::Reserved), Some(actor), at)
        } else {
            next.give_back_surplus()
        };
        for line in &mut next.lines {
            line.scans.clear();
        }
        next.history.record_by(at, "put_back", None, actor);
        Ok(next.cancelled(at).with_stock(stock))
    }

    fn put_surplus_back(&self, actor: &Actor, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        self.check_owner(actor)?;
        let mut next = self.clone();
        next.history.record_by(at, "put_back", Some(format!("{} units of incomplete kits", self.surplus())), actor);
        let stock = next.give_back_surplus();
        if next.picked() == 0 {
            next.state = PickTaskState::Assigned;
        }
        Ok(next.settled(actor, at).with_stock(stock))
    }

    fn into_put_back(mut self, at: Timestamp) -> Decision<Self> {
        self.state = PickTaskState::PutBack;
        self.history.record(at, "put_back_requested", None);
        Decision::of(self)
    }

    fn cancelled(mut self, at: Timestamp) -> Decision<Self> {
        self.state = PickTaskState::Cancelled;
        self.history.record(at, "cancelled", None);
        let release = self.message(MessageKind::Release { task: self.id.clone() });
        Decision::of(self).with_messages([release])
    }
}
