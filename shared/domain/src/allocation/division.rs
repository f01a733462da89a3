//! Kits that are made of the same items, over several locations: whichever takes first can leave the others' kits in halves, so
//! that the ways to divide them are tried.

use super::{Need, Offer, Wanted};
use crate::ids::Sku;
use std::collections::{BTreeMap, BTreeSet};

/// Most steps of the search for one order. An order that would need more waits, as if there were no way.
pub(super) const STEPS_MAX: u32 = 20_000;

/// Units of each need that an offer is to give, by offer and need; more than there are where it does not matter.
pub(super) type Division = Vec<Vec<u32>>;

fn is_kit(need: &Need) -> bool {
    need.components.iter().map(|component| component.quantity).sum::<u32>() > 1
}

/// Whether two kits are made of the same item.
pub(super) fn kits_compete(needs: &[Need]) -> bool {
    let mut seen = BTreeSet::new();
    let mut components = needs.iter().filter(|need| is_kit(need)).flat_map(|need| &need.components);
    !components.all(|component| seen.insert(&component.sku))
}

/// A way by which the offers give everything together, if one is found within the steps that are left.
pub(super) fn division(wanted: &Wanted<'_>, offers: &[&Offer], steps: &mut u32) -> Option<Division> {
    let stock = offers.iter().map(|offer| good_units(wanted, offer)).collect();
    let division = vec![vec![u32::MAX; wanted.needs.len()]; offers.len()];
    let mut search = Search { needs: wanted.needs, stock, division, steps };
    search.divide(0, 0, wanted.needs.first().map_or(0, |need| need.quantity)).then_some(search.division)
}

fn good_units<'a>(wanted: &Wanted<'_>, offer: &'a Offer) -> BTreeMap<&'a Sku, u32> {
    let good = |lots: &[super::LotUnits]| -> u32 {
        lots.iter().filter(|lot| lot.is_good_on(wanted.good_on)).map(|lot| lot.units).sum()
    };
    offer.available.iter().map(|(sku, lots)| (sku, good(lots))).collect()
}

struct Search<'a, 's> {
    needs: &'a [Need],
    /// What each offer has left.
    stock: Vec<BTreeMap<&'a Sku, u32>>,
    division: Division,
    steps: &'s mut u32,
}

impl Search<'_, '_> {
    /// Divides `left` kits of the need `at` over the offers from `offer` on, then the needs after it.
    fn divide(&mut self, at: usize, offer: usize, left: u32) -> bool {
        let Some(next) = self.steps.checked_sub(1) else { return false };
        *self.steps = next;
        let Some(need) = self.needs.get(at) else { return self.single_units_suffice() };
        let quantity_after = self.needs.get(at + 1).map_or(0, |need| need.quantity);
        if !is_kit(need) {
            return self.divide(at + 1, 0, quantity_after);
        }
        if offer == self.stock.len() {
            return left == 0 && self.divide(at + 1, 0, quantity_after);
        }
        let has = |sku: &Sku| self.stock[offer].get(sku).copied().unwrap_or(0);
        let whole = need.components.iter().map(|part| has(&part.sku) / part.quantity.max(1)).min().unwrap_or(0);
        for kits in (0..=whole.min(left)).rev() {
            self.change(offer, need, |has, units| has - units * kits);
            self.division[offer][at] = kits;
            if self.divide(at, offer + 1, left - kits) {
                return true;
            }
            self.change(offer, need, |has, units| has + units * kits);
        }
        false
    }

    fn change(&mut self, offer: usize, need: &Need, to: impl Fn(u32, u32) -> u32) {
        for part in &need.components {
            if let Some(has) = self.stock[offer].get_mut(&part.sku) {
                *has = to(*has, part.quantity);
            }
        }
    }

    /// Whether what the kits leave is enough for the rest, which is had anywhere.
    fn single_units_suffice(&self) -> bool {
        let mut wanted: BTreeMap<&Sku, u64> = BTreeMap::new();
        for need in self.needs.iter().filter(|need| !is_kit(need)) {
            for part in &need.components {
                *wanted.entry(&part.sku).or_default() += u64::from(need.quantity) * u64::from(part.quantity);
            }
        }
        let left =
            |sku: &Sku| self.stock.iter().filter_map(|has| has.get(sku)).map(|units| u64::from(*units)).sum::<u64>();
        wanted.into_iter().all(|(sku, units)| left(sku) >= units)
    }
}
