//! From a fulfilment order to its pick task.

use super::{PickLine, PickTask, PickTaskState, PickedKit};
use crate::aggregate::{Decision, History};
use crate::catalogue::Item;
use crate::ids::{PickTaskId, Sku};
use crate::message::MessageKind;
use crate::order::{AllocatedGoods, AllocatedLine, FulfillmentOrder, Order};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A fulfilment order that no task can be made of: a broken invariant, since only lines with an item are allocated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the fulfilment order has no item: it must not have been allocated")]
pub struct PlanError {
    /// The order line's number.
    pub line: u32,
}

impl PickTask {
    /// The task of `fulfillment_order`, on the floor's list; for an order that is being cancelled, one that is cancelled
    /// already and gives its reservation back, so that no task of it can begin later.
    ///
    /// # Errors
    /// [`PlanError`] when a line has no item.
    pub fn create(
        order: &Order,
        fulfillment_order: &FulfillmentOrder,
        items: &BTreeMap<Sku, Item>,
        at: Timestamp,
    ) -> Result<Decision<Self>, PlanError> {
        let mut task = Self {
            id: PickTaskId::of(&order.id, fulfillment_order.number),
            order: order.id.clone(),
            number: fulfillment_order.number,
            location: fulfillment_order.location.clone(),
            state: PickTaskState::Released,
            lines: lines(order, fulfillment_order, items)?,
            kits: kits(order, fulfillment_order),
            assigned_to: None,
            parcel: None,
            created_at: at,
            history: History::default(),
        };
        if order.cancel_requested {
            task.state = PickTaskState::Cancelled;
            task.history.record(at, "cancelled", None);
            let release = task.message(MessageKind::Release { task: task.id.clone() });
            return Ok(Decision::of(task).with_messages([release]));
        }
        task.history.record(at, "released", None);
        Ok(Decision::of(task))
    }
}

/// The lines that are kits, and were when they were allocated.
fn kits(order: &Order, fulfillment_order: &FulfillmentOrder) -> Vec<PickedKit> {
    let goods = order.goods_of(fulfillment_order);
    let kit = |line: u32| {
        let kit = order.kit_of(line);
        let is_whole = |sku: &Sku| kit.iter().any(|component| component.sku == *sku);
        let components = kit.to_vec();
        goods
            .iter()
            .filter(|goods| goods.line == line)
            .all(|goods| is_whole(&goods.sku))
            .then_some(PickedKit { line, components })
    };
    let lines = fulfillment_order.lines.iter().map(|allocated| allocated.line);
    lines.filter(|line| !order.kit_of(*line).is_empty()).filter_map(kit).collect()
}

fn lines(
    order: &Order,
    fulfillment_order: &FulfillmentOrder,
    items: &BTreeMap<Sku, Item>,
) -> Result<Vec<PickLine>, PlanError> {
    let has_item = |line: u32| order.line(line).is_some_and(|line| line.sku.is_some());
    if let Some(broken) = fulfillment_order.lines.iter().find(|allocated| !has_item(allocated.line)) {
        return Err(PlanError { line: broken.line });
    }
    let mut lines: Vec<PickLine> = Vec::new();
    for AllocatedGoods { line, sku, lot, quantity } in order.goods_of(fulfillment_order) {
        let allocated = AllocatedLine { line, quantity };
        match lines.iter_mut().find(|line| line.sku == sku && line.lot == lot) {
            Some(line) => line.lines.push(allocated),
            None => lines.push(PickLine {
                serial_tracked: items.get(&sku).is_some_and(|item| item.serial_tracked),
                barcodes: items.get(&sku).map(|item| item.barcodes.clone()).unwrap_or_default(),
                sku,
                lot,
                lines: vec![allocated],
                short: 0,
                scans: Vec::new(),
            }),
        }
    }
    Ok(lines)
}
