//! The pick task: what one location picks and packs for one fulfilment order.
//!
//! | State ↓ / command → | claim | scan | short pick | pack | cancel | put back |
//! |---|---|---|---|---|---|---|
//! | `released` | `assigned` | refused | refused | refused | `cancelled`, Release | refused |
//! | `assigned` | own: no-op | `in_progress`, `picked` | `assigned`, `short_picked` | refused | `cancelled`, Release | refused |
//! | `in_progress` | own: no-op | `in_progress`, `picked` | `in_progress`, `picked` | refused | `put_back` | of a surplus: `assigned`, `in_progress`, `picked`, `short_picked` |
//! | `picked` | own: no-op | refused | refused | `packed`, Book | `put_back` | refused |
//! | `packed` | refused | refused | refused | refused | Void; label voided: `put_back` | refused |
//! | `put_back` | refused | refused | refused | refused | no-op | `cancelled`, Release |
//! | `short_picked` | refused | refused | refused | refused | no-op | refused |
//! | `cancelled` | refused | refused | refused | refused | no-op | refused |
//!
//! A task is released when it is created, since there are no waves: the field's `created` is not a state that it rests in.
//! The field's `verified` is called `packed`: every unit was checked by its scan, so packing is what follows.
//! `short_picked` is a task of which nothing at all was found: it ends there. One that lacks some units goes on.
//!
//! A kit is picked as its components, and ships whole: a component that is missing makes the whole kit short. What the task
//! holds of its other components is given back, unscanned units at once, scanned ones (the *surplus*) when they were put back;
//! until then the task is not picked.
//!
//! Of every line, `picked + short + remaining = quantity + surplus`. A unit is `reserved` until the last one of the task is scanned
//! (then all are `picked` at once), and a missing one becomes `count_suspect` when it is reported.

mod cancel;
mod create;
mod edit;
mod kits;
mod pack;
mod pick;
#[cfg(test)]
mod tests;

pub use cancel::Label;
pub use create::PlanError;
pub use kits::PickedKit;
pub use pack::{Parcel, ParcelError};
pub use pick::{SCANS_MAX, SERIALS_MAX, Scan};

use crate::aggregate::{Actor, History};
use crate::ids::{FulfillmentOrderNumber, LocationId, MerchantId, OrderId, PickTaskId, Sku};
use crate::message::{Message, MessageKind};
use crate::order::{AllocatedGoods, AllocatedLine};
use crate::stock::{Condition, DEFAULT_BIN, Goods, LevelId, Lot, Movement, MovementKind, StockChange, Term};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// How far a pick task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PickTaskState {
    /// On the floor's list, nobody's yet.
    Released,
    /// Claimed by a person; nothing scanned yet.
    Assigned,
    /// Some units are scanned.
    InProgress,
    /// Every unit that was there is scanned.
    Picked,
    /// Nothing was there. Ended.
    ShortPicked,
    /// In its parcel; the label follows.
    Packed,
    /// The order was cancelled: the scanned units wait to be put back into their bins.
    PutBack,
    /// Everything was given back. Ended.
    Cancelled,
}

/// Units of a line that were scanned alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanned {
    /// Units.
    pub quantity: u32,
    /// Where they were scanned; the person is the one whom the task is assigned to.
    pub station: String,
    /// Bin they were taken from; absent for the default bin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bin: Option<String>,
    /// Lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// Expiry date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Date>,
    /// Serial number of the one unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

impl Scanned {
    /// Bin, lot, expiry, serial and condition. What is sold is new.
    #[must_use]
    pub fn goods(&self) -> Goods {
        Goods {
            bin: self.bin.clone().unwrap_or_else(|| DEFAULT_BIN.to_owned()),
            lot: self.lot.clone(),
            expiry: self.expiry,
            serial: self.serial.clone(),
            condition: Condition::New,
        }
    }
}

/// One item of a pick task, of one lot where it is kept by lot: order lines with the same goods are one line here, since a
/// scan cannot tell them apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickLine {
    /// The item.
    pub sku: Sku,
    /// The lot that was promised: no other may be picked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
    /// Whether each unit is scanned with its serial number.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub serial_tracked: bool,
    /// Barcodes of one unit; the SKU itself is one too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub barcodes: Vec<String>,
    /// Units of each order line, as they were allocated, without what was given back since its kit lacks another component.
    pub lines: Vec<AllocatedLine>,
    /// Units that were not found.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub short: u32,
    /// Units that were scanned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scans: Vec<Scanned>,
}

fn is_zero(units: &u32) -> bool {
    *units == 0
}

impl PickLine {
    /// Units to pick.
    #[must_use]
    pub fn quantity(&self) -> u32 {
        self.lines.iter().map(|line| line.quantity).sum()
    }

    /// Units scanned.
    #[must_use]
    pub fn picked(&self) -> u32 {
        self.scans.iter().map(|scan| scan.quantity).sum()
    }

    /// Units still to be scanned.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        self.quantity().saturating_sub(self.picked()).saturating_sub(self.short)
    }

    /// Units that the task still holds of the stock: all but those that were missing, and what was scanned too many.
    #[must_use]
    pub fn held(&self) -> u32 {
        self.to_ship().max(self.picked())
    }

    /// Units scanned for a kit that lacks another component now: to be put back.
    #[must_use]
    pub fn surplus(&self) -> u32 {
        self.picked().saturating_sub(self.to_ship())
    }

    /// Units that go, or will go, into the parcel.
    fn to_ship(&self) -> u32 {
        self.quantity().saturating_sub(self.short)
    }

    /// Whether a scanned text means this item.
    #[must_use]
    pub fn is_meant_by(&self, barcode: &str) -> bool {
        self.sku.as_str() == barcode || self.barcodes.iter().any(|own| own == barcode)
    }

    /// What the order's lines still get; the last ones go short first.
    fn shipping(&self) -> impl Iterator<Item = AllocatedLine> {
        let mut left = self.to_ship();
        self.lines.iter().filter_map(move |line| {
            let quantity = line.quantity.min(left);
            left -= quantity;
            (quantity > 0).then_some(AllocatedLine { line: line.line, quantity })
        })
    }
}

/// What one location picks and packs for one fulfilment order. No personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickTask {
    /// Its id, derived from order and number.
    pub id: PickTaskId,
    /// The order.
    pub order: OrderId,
    /// Number of the fulfilment order within the order.
    pub number: FulfillmentOrderNumber,
    /// Where it is picked.
    pub location: LocationId,
    /// How far it is.
    pub state: PickTaskState,
    /// What to pick.
    pub lines: Vec<PickLine>,
    /// Which order lines are kits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kits: Vec<PickedKit>,
    /// Badge of the person who claimed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// The parcel, once packed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parcel: Option<Parcel>,
    /// When it was created, UTC.
    pub created_at: Timestamp,
    /// Timeline.
    #[serde(default)]
    pub history: History,
}

impl PickTask {
    /// The merchant.
    #[must_use]
    pub fn merchant(&self) -> MerchantId {
        self.id.merchant()
    }

    /// Whether people on the floor still have to do something with it: it is on their list as long.
    #[must_use]
    pub fn needs_floor(&self) -> bool {
        match self.state {
            PickTaskState::Released
            | PickTaskState::Assigned
            | PickTaskState::InProgress
            | PickTaskState::Picked
            | PickTaskState::PutBack => true,
            PickTaskState::ShortPicked | PickTaskState::Packed | PickTaskState::Cancelled => false,
        }
    }

    /// The level that a line is picked from.
    #[must_use]
    pub fn level_of(&self, line: &PickLine) -> LevelId {
        LevelId { sku: line.sku.clone(), location: self.location.clone(), lot: line.lot.clone() }
    }

    /// Units scanned.
    #[must_use]
    pub fn picked(&self) -> u32 {
        self.lines.iter().map(PickLine::picked).sum()
    }

    /// Units still to be scanned.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        self.lines.iter().map(PickLine::remaining).sum()
    }

    /// Units scanned for kits that lack another component now: to be put back before the task can be packed.
    #[must_use]
    pub fn surplus(&self) -> u32 {
        self.lines.iter().map(PickLine::surplus).sum()
    }

    /// Whether all that ships is scanned, and nothing else: then it is `picked` in the stock.
    #[must_use]
    pub fn is_picked(&self) -> bool {
        self.remaining() == 0 && self.surplus() == 0
    }

    /// What the fulfilment order still ships, by order line: what was allocated without what was missing.
    /// A reader of `short_picked` compares it with the fulfilment order, so that repeated and merged messages do no harm.
    #[must_use]
    pub fn shipping(&self) -> Vec<AllocatedLine> {
        let contents = self.contents();
        crate::kit::lines_of(contents.iter().map(|goods| (goods.line, &goods.sku, goods.quantity)), |line| {
            self.kit_of(line)
        })
    }

    /// The same as goods: what is, or will be, in the parcel.
    #[must_use]
    pub fn contents(&self) -> Vec<AllocatedGoods> {
        let goods = |line: &PickLine, of: AllocatedLine| AllocatedGoods {
            line: of.line,
            sku: line.sku.clone(),
            lot: line.lot.clone(),
            quantity: of.quantity,
        };
        let shipping = self.lines.iter().flat_map(|line| line.shipping().map(move |of| goods(line, of)));
        let mut contents: Vec<AllocatedGoods> = shipping.collect();
        contents.sort_by_key(|goods| goods.line);
        contents
    }

    /// What a cancelled task gives back: lines with the units ([`PickLine::held`]) that are reserved for it. Missing units
    /// are not among them.
    pub fn held(&self) -> impl Iterator<Item = &PickLine> {
        self.lines.iter().filter(|line| line.held() > 0)
    }

    /// Serial numbers scanned of items whose units are kept by them.
    #[must_use]
    pub fn serials(&self) -> BTreeSet<(Sku, String)> {
        let tracked = self.lines.iter().filter(|line| line.serial_tracked);
        let scans = tracked.flat_map(|line| line.scans.iter().map(move |scan| (&line.sku, scan)));
        scans.filter_map(|(sku, scan)| Some((sku.clone(), scan.serial.clone()?))).collect()
    }

    /// Name of its packing slip among the order's documents.
    #[must_use]
    pub fn packing_slip(&self) -> String {
        format!("packing-slip-{}.pdf", self.number)
    }

    fn message(&self, kind: MessageKind) -> Message {
        kind.for_merchant(&self.merchant(), &self.order)
    }

    /// Moves every scanned unit between two terms, with a movement per scan.
    fn shift_scanned(
        &self,
        kind: MovementKind,
        (from, to): (Term, Term),
        actor: Option<&Actor>,
        at: Timestamp,
    ) -> Vec<StockChange> {
        self.lines
            .iter()
            .filter(|line| line.picked() > 0)
            .map(|line| {
                let movements = line.scans.iter().map(|scan| Movement {
                    goods: scan.goods(),
                    actor: actor.cloned().or_else(|| {
                        let person = self.assigned_to.clone()?;
                        Some(Actor { person, station: scan.station.clone() })
                    }),
                    ..Movement::new(kind, scan.quantity, Some(from), Some(to), self.id.as_str(), at)
                });
                StockChange::shift(&line.sku, &self.location, line.picked(), from, to)
                    .of_lot(line.lot.clone())
                    .moved(movements)
            })
            .collect()
    }
}
