//! Kits: one line of an order, several items of the stock.
//!
//! A kit has no stock of its own. It is taken apart when its order is first to be reserved, and what it was made of then
//! stays on the order's line: a later change of the kit is one of later orders. Whatever becomes of its components, what
//! the order, the shop and the shopper count are whole kits.

use crate::allocation::Component;
use crate::ids::Sku;
use crate::order::{AllocatedLine, FulfillmentOrder, Order, OrderLine};
use std::collections::BTreeMap;

/// Units of order lines that goods (line, item, units) come to: of a kit as many as are whole. Lines with nothing are left out.
pub fn lines_of<'a>(
    goods: impl IntoIterator<Item = (u32, &'a Sku, u32)>,
    kit_of: impl Fn(u32) -> &'a [Component],
) -> Vec<AllocatedLine> {
    let mut by_line: BTreeMap<u32, BTreeMap<&Sku, u32>> = BTreeMap::new();
    for (line, sku, quantity) in goods {
        *by_line.entry(line).or_default().entry(sku).or_default() += quantity;
    }
    let units = |(line, units): (u32, BTreeMap<&Sku, u32>)| {
        let kit = kit_of(line);
        let whole =
            |component: &Component| units.get(&component.sku).map_or(0, |units| units / component.quantity.max(1));
        // Units of the line's own item were allocated before it became a kit.
        let is_kit = units.keys().all(|sku| kit.iter().any(|component| component.sku == **sku));
        let quantity = if is_kit { kit.iter().map(whole).min().unwrap_or(0) } else { units.values().sum() };
        AllocatedLine { line, quantity }
    };
    by_line.into_iter().map(units).filter(|line| line.quantity > 0).collect()
}

impl Order {
    /// Items of lines that may turn out to be kits: nothing was allocated to them yet.
    pub fn unexploded(&self) -> impl Iterator<Item = &Sku> {
        self.lines.iter().filter(|line| self.may_be_exploded(line)).filter_map(|line| line.sku.as_ref())
    }

    /// The order with the kits among these items taken apart, as the catalogue has them now.
    #[must_use]
    pub fn exploded(&self, kits: &BTreeMap<Sku, Vec<Component>>) -> Self {
        let mut next = self.clone();
        for line in &mut next.lines {
            if let Some(kit) = line.sku.as_ref().and_then(|sku| kits.get(sku))
                && self.may_be_exploded(line)
            {
                line.kit.clone_from(kit);
            }
        }
        next
    }

    fn may_be_exploded(&self, line: &OrderLine) -> bool {
        let allocated = |f: &FulfillmentOrder| f.lines.iter().any(|allocated| allocated.line == line.number);
        line.kit.is_empty() && self.unallocated(line) > 0 && !self.fulfillment_orders.iter().any(allocated)
    }

    /// What a line's item is made of, where it is a kit.
    #[must_use]
    pub fn kit_of(&self, line: u32) -> &[Component] {
        self.line(line).map_or(&[], |line| &line.kit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sku(name: &str) -> Sku {
        Sku::parse(name).unwrap()
    }

    #[test]
    fn goods_come_to_whole_kits_and_to_units_of_what_is_no_kit() {
        let kit = [("TEA", 2), ("CUP", 1)].map(|(name, quantity)| Component { sku: sku(name), quantity });
        let check = |goods: &[(u32, &str, u32)], expect: &[(u32, u32)]| {
            let goods: Vec<(u32, Sku, u32)> =
                goods.iter().map(|(line, name, units)| (*line, sku(name), *units)).collect();
            let goods = goods.iter().map(|(line, sku, units)| (*line, sku, *units));
            let lines = lines_of(goods, |line| if line == 1 { &kit[..] } else { &[] });
            let lines: Vec<(u32, u32)> = lines.iter().map(|line| (line.line, line.quantity)).collect();
            assert_eq!(lines, expect);
        };
        check(&[], &[]);
        check(&[(1, "TEA", 4), (1, "CUP", 2), (2, "TEA", 3)], &[(1, 2), (2, 3)]);
        check(&[(1, "TEA", 3), (1, "CUP", 2)], &[(1, 1)]);
        check(&[(1, "TEA", 4)], &[]);
        check(&[(1, "TEA", 1), (1, "CUP", 1), (1, "TEA", 1)], &[(1, 1)]);
        check(&[(1, "SET", 2)], &[(1, 2)]);
    }
}
