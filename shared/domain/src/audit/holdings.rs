//! What an order holds of the stock, by the state of its pick tasks and shipments.

use crate::order::{FulfillmentOrderStatus, Order};
use crate::pick_task::{PickLine, PickTask, PickTaskState};
use crate::shipment::ShipmentState;
use crate::stock::LevelId;
use crate::sweep::Parts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Units of a level that orders hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// Promised.
    pub reserved: i64,
    /// Taken out of their bins.
    pub picked: i64,
}

impl Order {
    /// What its fulfilment orders hold: what a take gave and nobody has picked is `reserved`, also while the take is open.
    /// A cancelled one holds nothing but what its task has scanned too many of, for a kit that lacks a component.
    #[must_use]
    pub fn holds(&self, parts: &Parts) -> BTreeMap<LevelId, Held> {
        let mut held: BTreeMap<LevelId, Held> = BTreeMap::new();
        for own in &self.fulfillment_orders {
            let task = parts.tasks.get(&own.number);
            let surplus = own.status == FulfillmentOrderStatus::Cancelled
                && task.is_some_and(|task| task.state == PickTaskState::InProgress);
            if !own.is_active() && !surplus {
                continue;
            }
            let shipment = parts.shipments.get(&own.number);
            if shipment.is_some_and(|shipment| shipment.state == ShipmentState::HandedOver) {
                continue;
            }
            let Some(task) = task else {
                for goods in self.goods_of(own) {
                    let level = LevelId { sku: goods.sku, location: own.location.clone(), lot: goods.lot };
                    held.entry(level).or_default().reserved += i64::from(goods.quantity);
                }
                continue;
            };
            for line in &task.lines {
                let of_line = task.holds(line);
                let total = held.entry(task.level_of(line)).or_default();
                total.reserved += of_line.reserved;
                total.picked += of_line.picked;
            }
        }
        held.retain(|_, held| *held != Held::default());
        held
    }
}

impl PickTask {
    /// Units become picked all at once, by the task's last scan; a cancelled task holds its units until they are released.
    fn holds(&self, line: &PickLine) -> Held {
        let units = i64::from(line.held());
        let picked = match self.state {
            PickTaskState::Released
            | PickTaskState::Assigned
            | PickTaskState::InProgress
            | PickTaskState::Cancelled => false,
            PickTaskState::Picked | PickTaskState::Packed => true,
            PickTaskState::PutBack => self.is_picked(),
            PickTaskState::ShortPicked => return Held::default(),
        };
        if picked { Held { reserved: 0, picked: units } } else { Held { reserved: units, picked: 0 } }
    }
}
