//! Kits ship whole: what a missing component leaves of its kit is given back.

use super::{PickLine, PickTask};
use crate::allocation::Component;
use crate::stock::StockChange;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An order line of a task that is a kit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PickedKit {
    /// The order line's number.
    pub line: u32,
    /// What one kit is made of.
    pub components: Vec<Component>,
}

impl PickTask {
    /// What an order line's item is made of, where it is a kit.
    #[must_use]
    pub fn kit_of(&self, line: u32) -> &[Component] {
        self.kits.iter().find(|kit| kit.line == line).map_or(&[], |kit| &kit.components)
    }

    /// Takes off the lines what belongs to kits that are not whole any more. Gives back what is reserved for it, except for
    /// units that are scanned: those are surplus from now on.
    pub(super) fn break_kits(&mut self) -> Vec<StockChange> {
        let before: Vec<u32> = self.lines.iter().map(PickLine::held).collect();
        let whole = self.shipping();
        for PickedKit { line, components } in self.kits.clone() {
            let kits = whole.iter().find(|whole| whole.line == line).map_or(0, |whole| whole.quantity);
            for component in &components {
                self.keep(line, component, kits);
            }
        }
        self.lines
            .iter()
            .zip(before)
            .filter(|(line, before)| line.held() < *before)
            .map(|(line, before)| {
                StockChange::release(&line.sku, &self.location, before - line.held()).of_lot(line.lot.clone())
            })
            .collect()
    }

    /// Keeps of a component what `kits` kits of an order line need: what is not scanned goes first.
    fn keep(&mut self, order_line: u32, component: &Component, kits: u32) {
        let of_component = |line: &&mut PickLine| line.sku == component.sku;
        let ships: u32 = self.lines.iter_mut().filter(of_component).map(|line| line.ships_of(order_line)).sum();
        let mut excess = ships.saturating_sub(kits * component.quantity);
        for only_unscanned in [true, false] {
            for line in self.lines.iter_mut().rev().filter(of_component) {
                let most = if only_unscanned { line.remaining() } else { u32::MAX };
                let units = line.ships_of(order_line).min(most).min(excess);
                line.lose(order_line, units);
                excess -= units;
            }
        }
    }

    /// The surplus lies in its bins again: its scans are forgotten, the last ones first, and what was reserved for it is given
    /// back.
    pub(super) fn give_back_surplus(&mut self) -> Vec<StockChange> {
        let mut changes = Vec::new();
        for line in self.lines.iter_mut().filter(|line| line.surplus() > 0) {
            let surplus = line.surplus();
            changes.push(StockChange::release(&line.sku, &self.location, surplus).of_lot(line.lot.clone()));
            let mut left = surplus;
            for scan in line.scans.iter_mut().rev() {
                let units = scan.quantity.min(left);
                scan.quantity -= units;
                left -= units;
            }
            line.scans.retain(|scan| scan.quantity > 0);
        }
        changes
    }
}

impl PickLine {
    /// Units of an order line that ship.
    fn ships_of(&self, order_line: u32) -> u32 {
        self.shipping().filter(|line| line.line == order_line).map(|line| line.quantity).sum()
    }

    /// Takes units off an order line.
    fn lose(&mut self, order_line: u32, mut units: u32) {
        for line in self.lines.iter_mut().filter(|line| line.line == order_line) {
            let lost = line.quantity.min(units);
            line.quantity -= lost;
            units -= lost;
        }
        self.lines.retain(|line| line.quantity > 0);
    }
}
