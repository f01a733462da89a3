//! Editing an order: other quantities, another priority; compensated by the stage that the units are in, or refused.
//!
//! | Where a line's unit is | Taking it off |
//! |---|---|
//! | not reserved, or waiting for stock | nothing to give back; the order leaves the queue, and is tried anew for the rest |
//! | `ON_HOLD` fulfilment order | reserved → available |
//! | `OPEN`, its task not created yet | as below; the task is created with what is left, so that none with more can come late |
//! | `OPEN`, its task untouched | off the task, reserved → available; a task without units is cancelled |
//! | `OPEN`, picking has begun | refused, `picking-started`: the units are in somebody's hands |
//! | packed | refused, `packed`; with a label bought or being bought, `label-purchased` |
//! | handed over | refused, `handed-over`: a return takes it back |
//!
//! Units that are easier to take off go first. All of an edit is one transaction of order, tasks and levels: a picker's
//! scan at the same moment has it decided anew. More units than before are reserved as any that a line lacks.

use super::{AllocatedGoods, AllocatedLine, FulfillmentOrder, FulfillmentOrderStatus, FulfilmentState, Order};
use crate::aggregate::{Decision, Rejected};
use crate::catalogue::Item;
use crate::ids::Sku;
use crate::incoming::{PRIORITY_MAX, QUANTITY_MAX};
use crate::message::MessageKind;
use crate::pick_task::PickTask;
use crate::shipment::ShipmentState;
use crate::stock::StockChange;
use crate::sweep::Parts;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Another quantity of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineEdit {
    /// The line's number.
    pub line: u32,
    /// Units that are ordered from now on; 0 removes the line.
    pub quantity: u32,
}

/// What is to be another; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// Who is served first when stock is short.
    pub priority: Option<u32>,
    /// Quantities.
    pub lines: Vec<LineEdit>,
    /// What the shopper pays in all, minor units.
    pub total_minor: Option<i64>,
    /// What the courier must collect, minor units: to be said when the lines of an order that is paid at the door change.
    pub cash_on_delivery_minor: Option<i64>,
}

/// What an edit comes to, in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Edited {
    /// The order, and what it gives back.
    pub order: Decision<Order>,
    /// Tasks that pick less, by number; those that did not exist are created so.
    pub tasks: BTreeMap<u32, Decision<PickTask>>,
    /// Items whose queue it leaves: it is tried anew, and enters again for what it lacks, at its place.
    pub leaves_queue: Vec<Sku>,
}

impl Order {
    /// Edits the order. `parts` are the tasks and shipments of its active fulfilment orders (they may be left out when no
    /// line changes), `items` those of its lines.
    ///
    /// # Errors
    /// `invalid-field`; `order-cancelled`, `order-handed-over`, `nothing-left`; and by stage `picking-started`, `packed`,
    /// `label-purchased`, `handed-over`.
    pub fn edit(
        &self,
        edit: &Edit,
        parts: &Parts,
        items: &BTreeMap<Sku, Item>,
        at: Timestamp,
    ) -> Result<Edited, Rejected> {
        if self.cancel_requested || self.fulfilment == FulfilmentState::Cancelled {
            return Err(Rejected::new("order-cancelled", "the order is cancelled: nothing of it can be changed"));
        }
        if self.is_settled() {
            return Err(Rejected::new(
                "order-handed-over",
                "everything left the warehouse: take goods back by a return, send more by a new order",
            ));
        }
        self.check_edit(edit)?;
        let mut next = self.clone();
        let mut edited = Edited { order: Decision::of(self.clone()), tasks: BTreeMap::new(), leaves_queue: Vec::new() };
        let mut cuts: BTreeMap<u32, Vec<AllocatedLine>> = BTreeMap::new();
        let mut notes = Vec::new();
        for (index, change) in edit.lines.iter().enumerate() {
            let Some(line) = self.line(change.line) else { continue };
            if line.quantity == change.quantity {
                continue;
            }
            notes.push(format!("line {}: {} → {}", line.number, line.quantity, change.quantity));
            let cut = line.quantity.saturating_sub(change.quantity);
            let from = self
                .take_off(line.number, cut.saturating_sub(self.unallocated(line)), parts)
                .map_err(|rejected| rejected.at(format!("/lines/{index}/quantity")))?;
            for (number, quantity) in from {
                cuts.entry(number).or_default().push(AllocatedLine { line: line.number, quantity });
            }
            next.lines
                .iter_mut()
                .filter(|own| own.number == line.number)
                .for_each(|own| own.quantity = change.quantity);
        }
        let changes_lines = !notes.is_empty();
        if next.lines.iter().all(|line| line.quantity == 0) {
            return Err(Rejected::new("nothing-left", "no unit would be left: cancel the order instead").at("/lines"));
        }
        if changes_lines {
            self.may_collect_otherwise(edit, parts)?;
        }
        let mut stock = Vec::new();
        for (number, cuts) in &cuts {
            let Some(own) = next.fulfillment_orders.iter_mut().find(|f| f.number == *number) else { continue };
            let goods: Vec<AllocatedGoods> = cuts.iter().flat_map(|cut| self.goods_of_cut(own, cut)).collect();
            if own.status == FulfillmentOrderStatus::Open {
                let task = match parts.tasks.get(number) {
                    Some(task) => task.clone(),
                    None => PickTask::create(self, own, items, at).map_err(unplanned)?.next,
                };
                edited.tasks.insert(*number, task.reduced(&goods, at)?);
            }
            take_out(own, cuts, &goods);
            let location = own.location.clone();
            let back = |of: AllocatedGoods| StockChange::release(&of.sku, &location, of.quantity).of_lot(of.lot);
            stock.extend(goods.into_iter().map(back));
        }
        if let Some(priority) = edit.priority.filter(|priority| *priority != self.priority) {
            notes.push(format!("priority {} → {priority}", self.priority));
            next.priority = priority;
        }
        if let Some(total) = edit.total_minor.filter(|total| *total != self.total_minor) {
            notes.push("total".to_owned());
            next.total_minor = total;
        }
        if edit.cash_on_delivery_minor.is_some() && edit.cash_on_delivery_minor != self.cash_on_delivery_minor {
            notes.push("cash on delivery".to_owned());
            next.cash_on_delivery_minor = edit.cash_on_delivery_minor;
        }
        if notes.is_empty() {
            return Ok(edited);
        }
        next.history.record(at, "edited", Some(short(notes.join(", "))));
        let tried = self.fulfilment != FulfilmentState::Received && self.fulfilment != FulfilmentState::Validated;
        if changes_lines && tried {
            next.settle_fulfilment();
            next.settle_money();
        }
        // An entry says how much is lacking and stands at its place: both are another now.
        let requeued = changes_lines || next.priority != self.priority;
        if requeued {
            edited.leaves_queue = std::mem::take(&mut next.waits_for);
        }
        let messages = if requeued && next.may_reserve().is_ok() && next.needs_stock() {
            vec![self.message(MessageKind::Reserve { order: self.id.clone() })]
        } else {
            vec![]
        };
        edited.order = Decision::of(next).with_stock(StockChange::merged(stock)).with_messages(messages);
        Ok(edited)
    }

    fn check_edit(&self, edit: &Edit) -> Result<(), Rejected> {
        let invalid = |pointer: String, detail: String| Err(Rejected::new("invalid-field", detail).at(pointer));
        if edit.priority.is_some_and(|priority| priority > PRIORITY_MAX) {
            return invalid("/priority".into(), format!("a priority is 0 to {PRIORITY_MAX}, higher first"));
        }
        if edit.total_minor.is_some_and(|total| total < 0) {
            return invalid("/total_minor".into(), "the total is not negative".into());
        }
        let mut seen = BTreeSet::new();
        for (index, change) in edit.lines.iter().enumerate() {
            if self.line(change.line).is_none() {
                let detail = format!("the order has no line {}: see its `lines`", change.line);
                return invalid(format!("/lines/{index}/line"), detail);
            }
            if !seen.insert(change.line) {
                return invalid(format!("/lines/{index}/line"), "this line is named twice".into());
            }
            if change.quantity > QUANTITY_MAX {
                let detail = format!("a quantity is 0 to {QUANTITY_MAX}; 0 removes the line");
                return invalid(format!("/lines/{index}/quantity"), detail);
            }
        }
        let is_collected = self.cash_on_delivery_minor.is_some();
        let changes_lines =
            edit.lines.iter().any(|change| self.line(change.line).is_some_and(|line| line.quantity != change.quantity));
        let pointer = || "/cash_on_delivery_minor".to_owned();
        match edit.cash_on_delivery_minor {
            Some(_) if !is_collected => {
                invalid(pointer(), "nothing is collected at the door for this order: leave it out".into())
            }
            Some(..=0) => invalid(pointer(), "what the courier collects is positive".into()),
            None if is_collected && changes_lines => {
                invalid(pointer(), "say what the courier collects for the changed lines".into())
            }
            _ => Ok(()),
        }
    }

    /// From which fulfilment orders `units` allocated units of a line come off, those that are easiest first.
    fn take_off(&self, line: u32, units: u32, parts: &Parts) -> Result<Vec<(u32, u32)>, Rejected> {
        let mut having: Vec<(&FulfillmentOrder, u32)> = self
            .fulfillment_orders
            .iter()
            .filter(|f| f.status != FulfillmentOrderStatus::Cancelled)
            .map(|f| (f, f.lines.iter().filter(|own| own.line == line).map(|own| own.quantity).sum()))
            .filter(|(_, quantity)| *quantity > 0)
            .collect();
        having.sort_by_key(|(f, _)| (effort(f, parts), u32::MAX - f.number));
        let (mut left, mut from) = (units, Vec::new());
        for (f, quantity) in having {
            if left == 0 {
                break;
            }
            may_take_off(f, parts)?;
            let taken = quantity.min(left);
            from.push((f.number, taken));
            left -= taken;
        }
        Ok(from)
    }

    /// A parcel that is packed collects a share of the amount that the shopper was told: it cannot change any more.
    fn may_collect_otherwise(&self, edit: &Edit, parts: &Parts) -> Result<(), Rejected> {
        let fixed = |f: &FulfillmentOrder| match f.status {
            FulfillmentOrderStatus::Closed => true,
            FulfillmentOrderStatus::Cancelled => false,
            _ => parts.tasks.get(&f.number).is_some_and(|task| task.parcel.is_some()),
        };
        if edit.cash_on_delivery_minor.is_some() && self.fulfillment_orders.iter().any(fixed) {
            return Err(Rejected::new(
                "packed",
                "a parcel of the order is packed, with its share of what the courier collects: cancel what has not left",
            )
            .at("/cash_on_delivery_minor"));
        }
        Ok(())
    }

    /// The goods of a fulfilment order that serve `cut`, units of one of its lines: of every item (a kit has several) its
    /// share, last lots first.
    fn goods_of_cut(&self, own: &FulfillmentOrder, cut: &AllocatedLine) -> Vec<AllocatedGoods> {
        let of_line = |line: &&AllocatedLine| line.line == cut.line;
        let allocated: u32 = own.lines.iter().filter(of_line).map(|line| line.quantity).sum();
        let goods: Vec<AllocatedGoods> =
            self.goods_of(own).into_iter().filter(|goods| goods.line == cut.line).collect();
        let mut left: BTreeMap<Sku, u64> = BTreeMap::new();
        for goods in &goods {
            *left.entry(goods.sku.clone()).or_default() += u64::from(goods.quantity);
        }
        for units in left.values_mut() {
            *units = *units * u64::from(cut.quantity) / u64::from(allocated.max(1));
        }
        let mut taken = Vec::new();
        for goods in goods.into_iter().rev() {
            let Some(left) = left.get_mut(&goods.sku) else { continue };
            let quantity = goods.quantity.min(u32::try_from(*left).unwrap_or(u32::MAX));
            *left -= u64::from(quantity);
            if quantity > 0 {
                taken.push(AllocatedGoods { quantity, ..goods });
            }
        }
        taken
    }
}

/// Takes `cuts` off the lines of a fulfilment order, and `goods` off what serves them. One without lines is cancelled.
fn take_out(own: &mut FulfillmentOrder, cuts: &[AllocatedLine], goods: &[AllocatedGoods]) {
    for cut in cuts {
        own.lines.iter_mut().filter(|line| line.line == cut.line).for_each(|line| line.quantity -= cut.quantity);
    }
    own.lines.retain(|line| line.quantity > 0);
    for cut in goods {
        let same = |own: &&mut AllocatedGoods| own.line == cut.line && own.sku == cut.sku && own.lot == cut.lot;
        if let Some(own) = own.goods.iter_mut().find(same) {
            own.quantity = own.quantity.saturating_sub(cut.quantity);
        }
    }
    own.goods.retain(|goods| goods.quantity > 0);
    if own.lines.is_empty() {
        own.status = FulfillmentOrderStatus::Cancelled;
    }
}

/// Less is easier to take off.
fn effort(f: &FulfillmentOrder, parts: &Parts) -> u8 {
    match (f.status, parts.tasks.get(&f.number)) {
        (FulfillmentOrderStatus::OnHold, _) => 0,
        (FulfillmentOrderStatus::Open, None) => 1,
        (FulfillmentOrderStatus::Open, Some(task)) if task.may_change().is_ok() => 2,
        _ => 3,
    }
}

fn may_take_off(f: &FulfillmentOrder, parts: &Parts) -> Result<(), Rejected> {
    if f.status == FulfillmentOrderStatus::Closed {
        return Err(Rejected::new("handed-over", "these units were handed over: take them back by a return"));
    }
    let Some(task) = parts.tasks.get(&f.number) else { return Ok(()) };
    let bought = parts.shipments.get(&f.number).is_some_and(|shipment| match shipment.state {
        ShipmentState::BookingRefused | ShipmentState::Voided => false,
        ShipmentState::BookingIntent
        | ShipmentState::BookingUnknown
        | ShipmentState::LabelPurchased
        | ShipmentState::HandedOver
        | ShipmentState::VoidRequested => true,
    });
    if bought {
        let detail = format!("a label of {} is bought or being bought for these units: cancel the order", task.id);
        return Err(Rejected::new("label-purchased", detail));
    }
    task.may_change()
}

fn unplanned(error: crate::pick_task::PlanError) -> Rejected {
    Rejected::new("no-item", error.to_string())
}

/// A note of a timeline, cut at a length that keeps the head small.
fn short(mut note: String) -> String {
    if note.len() > 200 {
        let cut = (0..=200).rev().find(|at| note.is_char_boundary(*at)).unwrap_or(0);
        note.truncate(cut);
    }
    note
}

#[cfg(test)]
mod tests;
