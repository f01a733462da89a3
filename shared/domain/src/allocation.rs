//! Which location gives what: a pure choice. Fewest parcels first, then the same country, then the location's priority,
//! then its code, so that the same facts give the same answer.

use crate::ids::{LocationId, Sku};
use crate::order::{AllocatedLine, Allocation, AllocationRule};
use std::collections::BTreeMap;

/// What a line still needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The order line's number.
    pub line: u32,
    /// The item.
    pub sku: Sku,
    /// Units, at least 1.
    pub quantity: u32,
}

/// What a location could give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The location.
    pub location: LocationId,
    /// Its country, ISO 3166-1 alpha-2.
    pub country: String,
    /// Lower is preferred.
    pub priority: u32,
    /// Available units by item.
    pub available: BTreeMap<Sku, u32>,
}

/// Up to this many locations every combination is tried; past it, the one that covers most is taken first.
const EXHAUSTIVE_LOCATIONS_MAX: usize = 10;

/// Chooses who ships what of `needs`. Empty when the rule has the order wait.
#[must_use]
pub fn allocate(needs: &[Need], offers: &[Offer], rule: AllocationRule, country: Option<&str>) -> Vec<Allocation> {
    let mut offers: Vec<&Offer> = offers.iter().filter(|offer| covers(offer, needs) > 0).collect();
    offers.sort_by_key(|offer| (Some(offer.country.as_str()) != country, offer.priority, offer.location.clone()));
    let units: u64 = needs.iter().map(|need| u64::from(need.quantity)).sum();
    let most_parcels = match rule {
        AllocationRule::ShipComplete => 1,
        AllocationRule::Split | AllocationRule::Backorder => offers.len(),
    };
    if let Some(complete) = fewest(needs, &offers, most_parcels, units) {
        return complete;
    }
    match rule {
        AllocationRule::ShipComplete | AllocationRule::Split => Vec::new(),
        AllocationRule::Backorder => take(needs, &by_coverage(needs, &offers)).0,
    }
}

/// The complete allocation with the fewest parcels; among equals the first in order of preference.
fn fewest(needs: &[Need], offers: &[&Offer], most: usize, units: u64) -> Option<Vec<Allocation>> {
    if offers.len() > EXHAUSTIVE_LOCATIONS_MAX && most > 1 {
        if let Some(single) = fewest(needs, offers, 1, units) {
            return Some(single);
        }
        let (allocations, taken) = take(needs, &by_coverage(needs, offers));
        return (taken == units).then_some(allocations);
    }
    (1..=most.min(offers.len())).find_map(|parcels| {
        combinations(offers.len(), parcels).into_iter().find_map(|chosen| {
            let chosen: Vec<&Offer> = chosen.into_iter().map(|index| offers[index]).collect();
            let (allocations, taken) = take(needs, &chosen);
            (taken == units).then_some(allocations)
        })
    })
}

fn by_coverage<'a>(needs: &[Need], offers: &[&'a Offer]) -> Vec<&'a Offer> {
    let mut sorted = offers.to_vec();
    sorted.sort_by_key(|offer| std::cmp::Reverse(covers(offer, needs)));
    sorted
}

fn covers(offer: &Offer, needs: &[Need]) -> u64 {
    take(needs, &[offer]).1
}

/// Takes what there is from `offers` in their order; gives the allocations and the units taken.
fn take(needs: &[Need], offers: &[&Offer]) -> (Vec<Allocation>, u64) {
    let mut left: Vec<u32> = needs.iter().map(|need| need.quantity).collect();
    let mut taken = 0;
    let mut allocations = Vec::new();
    for offer in offers {
        let mut available = offer.available.clone();
        let mut lines = Vec::new();
        for (need, left) in needs.iter().zip(&mut left) {
            let Some(units) = available.get_mut(&need.sku) else { continue };
            let quantity = (*units).min(*left);
            if quantity > 0 {
                *units -= quantity;
                *left -= quantity;
                taken += u64::from(quantity);
                lines.push(AllocatedLine { line: need.line, quantity });
            }
        }
        if !lines.is_empty() {
            allocations.push(Allocation { location: offer.location.clone(), lines });
        }
    }
    (allocations, taken)
}

/// Every choice of `count` out of `0..total`, in lexicographic order.
fn combinations(total: usize, count: usize) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    let mut chosen: Vec<usize> = (0..count).collect();
    if count == 0 || count > total {
        return found;
    }
    loop {
        found.push(chosen.clone());
        let Some(at) = (0..count).rev().find(|at| chosen[*at] < total - count + at) else { return found };
        chosen[at] += 1;
        for next in at + 1..count {
            chosen[next] = chosen[next - 1] + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sku(name: &str) -> Sku {
        Sku::parse(name).unwrap()
    }

    fn need(line: u32, name: &str, quantity: u32) -> Need {
        Need { line, sku: sku(name), quantity }
    }

    fn offer(location: &str, country: &str, available: &[(&str, u32)]) -> Offer {
        Offer {
            location: LocationId::parse(location).unwrap(),
            country: country.to_owned(),
            priority: 0,
            available: available.iter().map(|(name, units)| (sku(name), *units)).collect(),
        }
    }

    fn places(allocations: &[Allocation]) -> Vec<&str> {
        allocations.iter().map(|allocation| allocation.location.as_str()).collect()
    }

    #[test]
    fn one_location_that_has_everything_ships_everything() {
        let offers = [offer("A", "BG", &[("tea", 1)]), offer("B", "BG", &[("tea", 2), ("cup", 1)])];
        let chosen = allocate(&[need(1, "tea", 2), need(2, "cup", 1)], &offers, AllocationRule::Split, Some("BG"));
        assert_eq!(places(&chosen), ["B"]);
    }

    #[test]
    fn the_shoppers_country_is_preferred() {
        let offers = [offer("A", "DE", &[("tea", 9)]), offer("B", "BG", &[("tea", 9)])];
        assert_eq!(places(&allocate(&[need(1, "tea", 1)], &offers, AllocationRule::Split, Some("BG"))), ["B"]);
    }

    #[test]
    fn the_rule_says_whether_to_split_wait_or_ship_in_part() {
        let offers = [offer("A", "BG", &[("tea", 1)]), offer("B", "BG", &[("tea", 1)])];
        let check = |quantity, rule, expect: usize| {
            assert_eq!(allocate(&[need(1, "tea", quantity)], &offers, rule, None).len(), expect, "{quantity} {rule:?}");
        };
        check(2, AllocationRule::ShipComplete, 0);
        check(2, AllocationRule::Split, 2);
        check(3, AllocationRule::Split, 0);
        check(3, AllocationRule::Backorder, 2);
    }

    #[test]
    fn two_lines_of_one_item_share_what_there_is() {
        let offers = [offer("A", "BG", &[("tea", 3)])];
        let needs = [need(1, "tea", 2), need(2, "tea", 2)];
        assert!(allocate(&needs, &offers, AllocationRule::Split, None).is_empty());
        let units: u32 =
            allocate(&needs, &offers, AllocationRule::Backorder, None)[0].lines.iter().map(|l| l.quantity).sum();
        assert_eq!(units, 3);
    }

    proptest! {
        #[test]
        fn no_more_is_allocated_than_needed_or_available(
            quantities in proptest::collection::vec((0_usize..3, 1_u32..6), 1..6),
            stock in proptest::collection::vec(proptest::collection::vec(0_u32..6, 3), 0..5),
            rule in 0..3,
        ) {
            let names = ["tea", "cup", "pot"];
            let rule = [AllocationRule::ShipComplete, AllocationRule::Split, AllocationRule::Backorder][rule as usize];
            let needs: Vec<Need> = (1..).zip(&quantities).map(|(line, (name, quantity))| need(line, names[*name], *quantity)).collect();
            let offers: Vec<Offer> = stock.iter().enumerate().map(|(index, units)| {
                let pairs: Vec<(&str, u32)> = names.into_iter().zip(units.iter().copied()).collect();
                offer(&format!("L{index}"), "BG", &pairs)
            }).collect();
            let chosen = allocate(&needs, &offers, rule, Some("BG"));
            let of_line = |line| chosen.iter().flat_map(|a| &a.lines).filter(|l| l.line == line).map(|l| l.quantity).sum::<u32>();
            let complete = needs.iter().all(|need| of_line(need.line) == need.quantity);
            prop_assert!(needs.iter().all(|need| of_line(need.line) <= need.quantity));
            for allocation in &chosen {
                let offer = offers.iter().find(|o| o.location == allocation.location).unwrap();
                for (sku, units) in &offer.available {
                    let taken: u32 = allocation.lines.iter()
                        .filter(|l| needs.iter().any(|n| n.line == l.line && n.sku == *sku)).map(|l| l.quantity).sum();
                    prop_assert!(taken <= *units);
                }
            }
            match rule {
                AllocationRule::ShipComplete => prop_assert!(chosen.is_empty() || (complete && chosen.len() == 1)),
                AllocationRule::Split => prop_assert!(chosen.is_empty() || complete),
                AllocationRule::Backorder => {
                    let total = |sku: &Sku| offers.iter().map(|o| o.available[sku]).sum::<u32>();
                    for name in names {
                        let wanted: u32 = needs.iter().filter(|n| n.sku == sku(name)).map(|n| n.quantity).sum();
                        let got: u32 = needs.iter().filter(|n| n.sku == sku(name)).map(|n| of_line(n.line)).sum();
                        prop_assert_eq!(got, wanted.min(total(&sku(name))));
                    }
                }
            }
        }
    }
}
