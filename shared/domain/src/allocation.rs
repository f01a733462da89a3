//! Which location gives what: a pure choice. Fewest parcels first, then the nearest region, then the cost of a parcel, then
//! the merchant's priority, then the location's code, so that the same facts give the same answer; every allocation says why.
//!
//! A kit is one unit of its line and several of its components, all from one location, or none. Of an item that is kept by
//! lot the first to expire goes first, and none goes that the channel would find too old.

mod division;

use crate::ids::{LocationId, Sku};
use crate::order::{AllocatedGoods, AllocatedLine, Allocation, AllocationRule};
use crate::stock::Lot;
use division::{Division, STEPS_MAX, division, kits_compete};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use utoipa::ToSchema;

/// Units of an item that one unit of a kit is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Component {
    /// The item.
    pub sku: Sku,
    /// Units of it in one kit, at least 1.
    pub quantity: u32,
}

/// What a line still needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The order line's number.
    pub line: u32,
    /// Units (or kits), at least 1.
    pub quantity: u32,
    /// What one unit is made of; an item that is no kit is made of one of itself. No item twice.
    pub components: Vec<Component>,
}

impl Need {
    /// Units of an item that is no kit.
    #[must_use]
    pub fn of_item(line: u32, sku: Sku, quantity: u32) -> Self {
        Self { line, quantity, components: vec![Component { sku, quantity: 1 }] }
    }
}

/// What an order needs, and on what terms.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Lines.
    pub needs: &'a [Need],
    /// What to do when no single location has everything.
    pub rule: AllocationRule,
    /// ISO 3166-1 alpha-2 country it ships to.
    pub country: Option<&'a str>,
    /// Lots must be good on this day still.
    pub good_on: Date,
}

/// What a location could give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The location.
    pub location: LocationId,
    /// Its country, ISO 3166-1 alpha-2.
    pub country: String,
    /// Countries that it serves as if they were its own.
    pub serves: Vec<String>,
    /// What a parcel from here costs, minor units, as the merchant says; lower is preferred.
    pub cost: u32,
    /// What decides between locations that are as near and as dear; lower is preferred.
    pub priority: u32,
    /// Available units by item and lot, first to expire first.
    pub available: BTreeMap<Sku, Vec<LotUnits>>,
}

/// Available units of one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotUnits {
    /// The lot, where the item is kept by lot.
    pub lot: Option<Lot>,
    /// Units.
    pub units: u32,
}

impl LotUnits {
    /// Whether it is good on `day` still.
    fn is_good_on(&self, day: Date) -> bool {
        self.lot.as_ref().and_then(|lot| lot.expiry).is_none_or(|expiry| expiry >= day)
    }
}

/// How near a location is to the shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// In the shopper's country.
    SameCountry,
    /// It serves the shopper's country.
    Serves,
    /// Neither, or the country is not known.
    Elsewhere,
}

/// Why a location was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// How near it is.
    pub nearness: Nearness,
    /// What a parcel from there costs.
    pub cost: u32,
    /// In how many parcels what was allocated now ships.
    pub parcels: usize,
    /// How many locations had something to give.
    pub candidates: usize,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let near = match self.nearness {
            Nearness::SameCountry => "same country",
            Nearness::Serves => "serves the country",
            Nearness::Elsewhere => "elsewhere",
        };
        write!(f, "{} of {} locations, {near}, cost {}", self.parcels, self.candidates, self.cost)
    }
}

/// Most levels that one fulfilment order takes from: its last scan, and its release, are one transaction of at most 100 items.
const LEVELS_MAX: usize = 90;
/// Up to this many locations every combination is tried; past it, the one that covers most is taken first.
const EXHAUSTIVE_LOCATIONS_MAX: usize = 10;

impl Offer {
    fn nearness(&self, country: Option<&str>) -> Nearness {
        match country {
            Some(country) if self.country == country => Nearness::SameCountry,
            Some(country) if self.serves.iter().any(|served| served == country) => Nearness::Serves,
            _ => Nearness::Elsewhere,
        }
    }

    /// Takes away what `allocation` gives: what the next order can have.
    pub fn give(&mut self, allocation: &Allocation) {
        if allocation.location != self.location {
            return;
        }
        for goods in &allocation.goods {
            let of_lot =
                self.available.get_mut(&goods.sku).and_then(|lots| lots.iter_mut().find(|l| l.lot == goods.lot));
            if let Some(stock) = of_lot {
                stock.units = stock.units.saturating_sub(goods.quantity);
            }
        }
    }
}

/// Chooses who ships what is wanted. Empty when the rule has the order wait.
#[must_use]
pub fn allocate(wanted: &Wanted<'_>, offers: &[Offer]) -> Vec<Allocation> {
    // What needs most in one place goes first: single units find theirs anywhere, and would leave a location half a kit.
    let mut needs = wanted.needs.to_vec();
    needs.sort_by_key(|need| Reverse(need.components.iter().map(|component| component.quantity).sum::<u32>()));
    let wanted = &Wanted { needs: &needs, ..*wanted };
    let mut offers: Vec<&Offer> = offers.iter().filter(|offer| covers(offer, wanted) > 0).collect();
    offers.sort_by_key(|offer| (offer.nearness(wanted.country), offer.cost, offer.priority, offer.location.clone()));
    let units: u64 = wanted.needs.iter().map(|need| u64::from(need.quantity)).sum();
    let most_parcels = match wanted.rule {
        AllocationRule::ShipComplete => 1,
        AllocationRule::Split | AllocationRule::Backorder => offers.len(),
    };
    let mut chosen = match (fewest(wanted, &offers, most_parcels, units), wanted.rule) {
        (Some(complete), _) => complete,
        (None, AllocationRule::ShipComplete | AllocationRule::Split) => Vec::new(),
        (None, AllocationRule::Backorder) => take(wanted, &by_coverage(wanted, &offers), None).0,
    };
    chosen = chosen.into_iter().flat_map(in_parts).collect();
    let parcels = chosen.len();
    for allocation in &mut chosen {
        allocation.reason.parcels = parcels;
        allocation.reason.candidates = offers.len();
    }
    chosen
}

/// An allocation from more levels than one fulfilment order may have (many kits, many lots), as several of the same location.
/// A line is never divided.
fn in_parts(whole: Allocation) -> Vec<Allocation> {
    let levels = |goods: &[AllocatedGoods]| goods.iter().map(|of| (&of.sku, &of.lot)).collect::<BTreeSet<_>>().len();
    if levels(&whole.goods) <= LEVELS_MAX {
        return vec![whole];
    }
    let Allocation { location, lines, goods, reason } = whole;
    let mut parts: Vec<Allocation> = Vec::new();
    for line in lines {
        let own: Vec<AllocatedGoods> = goods.iter().filter(|of| of.line == line.line).cloned().collect();
        match parts.last_mut() {
            Some(part) if levels(&[part.goods.as_slice(), &own].concat()) <= LEVELS_MAX => {
                part.lines.push(line);
                part.goods.extend(own);
            }
            _ => parts.push(Allocation { location: location.clone(), lines: vec![line], goods: own, reason }),
        }
    }
    parts
}

/// The complete allocation with the fewest parcels; among equals the first in order of preference.
fn fewest(wanted: &Wanted<'_>, offers: &[&Offer], most: usize, units: u64) -> Option<Vec<Allocation>> {
    if offers.len() > EXHAUSTIVE_LOCATIONS_MAX && most > 1 {
        if let Some(single) = fewest(wanted, offers, 1, units) {
            return Some(single);
        }
        let (allocations, taken) = take(wanted, &by_coverage(wanted, offers), None);
        return (taken == units).then_some(allocations);
    }
    let compete = kits_compete(wanted.needs);
    let mut steps = STEPS_MAX;
    (1..=most.min(offers.len())).find_map(|parcels| {
        combinations(offers.len(), parcels).into_iter().find_map(|chosen| {
            let chosen: Vec<&Offer> = chosen.into_iter().map(|index| offers[index]).collect();
            let (allocations, taken) = take(wanted, &chosen, None);
            if taken == units {
                return Some(allocations);
            }
            let divided = if compete { division(wanted, &chosen, &mut steps)? } else { return None };
            Some(take(wanted, &chosen, Some(&divided)).0)
        })
    })
}

fn by_coverage<'a>(wanted: &Wanted<'_>, offers: &[&'a Offer]) -> Vec<&'a Offer> {
    let mut sorted = offers.to_vec();
    sorted.sort_by_key(|offer| Reverse(covers(offer, wanted)));
    sorted
}

fn covers(offer: &Offer, wanted: &Wanted<'_>) -> u64 {
    take(wanted, &[offer], None).1
}

/// Takes what there is from `offers` in their order, for the needs in theirs, no more than `division` says; gives the allocations
/// and the units taken.
fn take(wanted: &Wanted<'_>, offers: &[&Offer], division: Option<&Division>) -> (Vec<Allocation>, u64) {
    let mut needs: Vec<(&Need, u32)> = wanted.needs.iter().map(|need| (need, need.quantity)).collect();
    let mut taken = 0;
    let mut allocations = Vec::new();
    for (at, offer) in offers.iter().enumerate() {
        let mut available = offer.available.clone();
        let (mut lines, mut goods) = (Vec::new(), Vec::new());
        for (number, (need, left)) in needs.iter_mut().enumerate() {
            let most = division.map_or(u32::MAX, |division| division[at][number]);
            let whole = |component: &Component| {
                let lots = available.get(&component.sku).map_or(&[][..], Vec::as_slice);
                let units: u32 = lots.iter().filter(|lot| lot.is_good_on(wanted.good_on)).map(|lot| lot.units).sum();
                units / component.quantity.max(1)
            };
            let quantity = need.components.iter().map(whole).min().unwrap_or(0).min(*left).min(most);
            if quantity == 0 {
                continue;
            }
            for component in &need.components {
                let mut wants = quantity * component.quantity;
                for lot in available.get_mut(&component.sku).into_iter().flatten() {
                    let units = lot.units.min(wants);
                    if units == 0 || !lot.is_good_on(wanted.good_on) {
                        continue;
                    }
                    lot.units -= units;
                    wants -= units;
                    let (sku, lot) = (component.sku.clone(), lot.lot.clone());
                    goods.push(AllocatedGoods { line: need.line, sku, lot, quantity: units });
                }
            }
            *left -= quantity;
            taken += u64::from(quantity);
            lines.push(AllocatedLine { line: need.line, quantity });
        }
        lines.sort_by_key(|of: &AllocatedLine| of.line);
        goods.sort_by_key(|of: &AllocatedGoods| of.line);
        if !lines.is_empty() {
            let nearness = offer.nearness(wanted.country);
            let reason = Reason { nearness, cost: offer.cost, parcels: 1, candidates: offers.len() };
            allocations.push(Allocation { location: offer.location.clone(), lines, goods, reason });
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
mod tests;
