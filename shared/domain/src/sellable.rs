//! What a channel may sell of an item: `max(0, available that keeps long enough − safety stock − unfilled backorders)`.
//!
//! Of a kit it is as many as are whole of what the channel may sell of its components, and not more than locations can put
//! together, since a kit ships whole from one; less the kit's own safety stock. Orders that wait for a kit wait for its components.
//!
//! It limits publishing, not reservation. One figure per channel and item is stored with a version; it is only ever computed
//! from levels that were read after that version, so that a late update loses against a newer one.

use crate::ids::{ChannelId, LocationId, Sku};
use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Available units of one inventory level: all of an item at a location, or one lot of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supply {
    /// Units.
    pub available: i64,
    /// Last day (UTC) on which they are good; absent: they keep.
    pub expiry: Option<Date>,
}

/// What is kept back from publishing, in units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claims {
    /// Units that are never published.
    pub safety_stock: u32,
    /// Units that orders already wait for.
    pub backordered: u64,
}

/// Whether goods that are good until `expiry` may be promised today where `days` of shelf life must remain; the last good day
/// counts.
#[must_use]
pub fn keeps(expiry: Option<Date>, days: u32, today: Date) -> bool {
    expiry.is_none_or(|expiry| {
        span(days).and_then(|span| today.checked_add(span).ok()).is_some_and(|needed| expiry >= needed)
    })
}

fn span(days: u32) -> Option<Span> {
    Span::new().try_days(days).ok()
}

/// Units that keep for `days` from today: what a channel could sell if nothing were kept back.
#[must_use]
pub fn eligible(supplies: &[Supply], days: u32, today: Date) -> u64 {
    let good = supplies.iter().filter(|supply| keeps(supply.expiry, days, today));
    good.map(|supply| u64::try_from(supply.available).unwrap_or(0)).fold(0, u64::saturating_add)
}

/// Units that a channel may sell.
#[must_use]
pub fn sellable(supplies: &[Supply], claims: Claims, days: u32, today: Date) -> u32 {
    let left = eligible(supplies, days, today)
        .saturating_sub(u64::from(claims.safety_stock))
        .saturating_sub(claims.backordered);
    u32::try_from(left).unwrap_or(u32::MAX)
}

/// The first day after `today` on which less is eligible though no stock has moved.
#[must_use]
pub fn falls_on(supplies: &[Supply], days: u32, today: Date) -> Option<Date> {
    supplies
        .iter()
        .filter(|supply| supply.available > 0 && keeps(supply.expiry, days, today))
        .filter_map(|supply| supply.expiry?.checked_sub(span(days)?).ok()?.tomorrow().ok())
        .min()
}

/// What a channel may sell of an item, as it was last computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sellable {
    /// The channel.
    pub channel: ChannelId,
    /// The item.
    pub sku: Sku,
    /// Units.
    pub quantity: u32,
    /// When the quantity became this, UTC.
    pub changed_at: Timestamp,
    /// When it must be computed again though no stock moves: a lot will not keep long enough from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// How often it was computed. That makes every computation a write, and so a new version: one that began before it, from
    /// older levels, can no longer be stored, also when the quantity stayed the same.
    pub computed: u64,
}

/// The outcome of one computation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Computed {
    /// Units.
    pub quantity: u32,
    /// When it must be computed again at the latest.
    pub due_at: Option<Timestamp>,
}

impl Computed {
    /// Of a kit. A kit of nothing is not sold.
    #[must_use]
    pub fn of_kit(components: &[Part], safety_stock: u32) -> Self {
        let whole = components.iter().map(|part| part.computed.quantity / part.per_kit.max(1)).min().unwrap_or(0);
        let locations: BTreeSet<&LocationId> = components.iter().flat_map(|part| part.eligible.keys()).collect();
        let at = |location: &LocationId| {
            let units =
                |part: &Part| part.eligible.get(location).copied().unwrap_or(0) / u64::from(part.per_kit.max(1));
            components.iter().map(units).min().unwrap_or(0)
        };
        let put_together = locations.into_iter().map(at).fold(0, u64::saturating_add);
        let whole = whole.min(u32::try_from(put_together).unwrap_or(u32::MAX));
        Self {
            quantity: whole.saturating_sub(safety_stock),
            due_at: components.iter().filter_map(|part| part.computed.due_at).min(),
        }
    }
}

/// A component of a kit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What may be sold of it.
    pub computed: Computed,
    /// Units that keep long enough, by location.
    pub eligible: BTreeMap<LocationId, u64>,
    /// Units of it in one kit.
    pub per_kit: u32,
}

impl Sellable {
    /// The first figure.
    #[must_use]
    pub fn first(channel: &ChannelId, sku: &Sku, computed: Computed, at: Timestamp) -> Self {
        let Computed { quantity, due_at } = computed;
        Self { channel: channel.clone(), sku: sku.clone(), quantity, changed_at: at, due_at, computed: 1 }
    }

    /// The figure after another computation. `changed_at` moves only with the quantity.
    #[must_use]
    pub fn again(&self, computed: Computed, at: Timestamp) -> Self {
        let Computed { quantity, due_at } = computed;
        let changed_at = if quantity == self.quantity { self.changed_at } else { at };
        Self { quantity, changed_at, due_at, computed: self.computed + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MerchantId;
    use jiff::ToSpan;
    use proptest::prelude::*;

    const TODAY: Date = jiff::civil::date(2026, 3, 1);

    fn supply(available: i64, expiry: Option<i32>) -> Supply {
        Supply { available, expiry: expiry.map(|days| TODAY.checked_add(days.days()).unwrap()) }
    }

    fn check(supplies: &[Supply], claims: (u32, u64), days: u32, expect: u32) {
        let claims = Claims { safety_stock: claims.0, backordered: claims.1 };
        assert_eq!(sellable(supplies, claims, days, TODAY), expect, "{supplies:?} {claims:?} {days}");
    }

    #[test]
    fn what_is_kept_back_is_taken_off_once_over_all_levels() {
        check(&[], (0, 0), 0, 0);
        check(&[supply(5, None), supply(3, None)], (2, 1), 0, 5);
        check(&[supply(5, None)], (3, 3), 0, 0);
        check(&[supply(-1, None), supply(5, None)], (0, 0), 0, 5);
        check(&[supply(i64::MAX, None), supply(i64::MAX, None)], (0, 0), 0, u32::MAX);
    }

    #[test]
    fn a_lot_is_sellable_to_its_last_day_less_the_days_that_it_must_keep() {
        check(&[supply(5, Some(0))], (0, 0), 0, 5);
        check(&[supply(5, Some(-1))], (0, 0), 0, 0);
        check(&[supply(5, Some(30)), supply(2, Some(29)), supply(1, None)], (0, 0), 30, 6);
        check(&[supply(5, Some(30))], (0, 0), u32::MAX, 0);
    }

    #[test]
    fn a_quantity_that_stays_keeps_its_instant_and_yet_makes_a_new_version() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let computed = |quantity| Computed { quantity, due_at: None };
        let channel = ChannelId::derive(&MerchantId::derive(&["acme"]), &["1"]);
        let first = Sellable::first(&channel, &Sku::parse("TEA").unwrap(), computed(5), at(1));
        let same = first.again(computed(5), at(2));
        assert_eq!((same.changed_at, same != first), (at(1), true));
        let less = same.again(computed(3), at(3));
        assert_eq!((less.changed_at, less.quantity), (at(3), 3));
    }

    /// A component with units at each of some locations, all of which may be sold.
    fn part(at: &[u32], per_kit: u32, due_at: Option<Timestamp>) -> Part {
        let eligible = (0..)
            .zip(at)
            .map(|(number, units): (u32, _)| (LocationId::parse(&format!("L{number}")).unwrap(), u64::from(*units)));
        Part { computed: Computed { quantity: at.iter().sum(), due_at }, eligible: eligible.collect(), per_kit }
    }

    #[test]
    fn a_kit_is_computed_again_when_the_first_of_its_components_is() {
        let due = |second: Option<i64>| second.map(|second| Timestamp::from_second(second).unwrap());
        for (components, expect) in [(vec![], None), (vec![None], None), (vec![Some(9), None, Some(3)], Some(3))] {
            let parts: Vec<Part> = components.iter().map(|second| part(&[5], 1, due(*second))).collect();
            assert_eq!(Computed::of_kit(&parts, 0).due_at, due(expect), "{components:?}");
        }
        assert_eq!(Computed::of_kit(&[], 0).quantity, 0);
    }

    #[test]
    fn components_at_different_locations_make_no_kit() {
        assert_eq!(Computed::of_kit(&[part(&[4, 0], 1, None), part(&[0, 4], 1, None)], 0).quantity, 0);
        assert_eq!(Computed::of_kit(&[part(&[4, 3], 2, None), part(&[1, 4], 1, None)], 0).quantity, 2);
    }

    proptest! {
        #[test]
        fn so_many_kits_can_be_put_together_beside_the_safety_stock_and_not_one_more(
            components in proptest::collection::vec((proptest::array::uniform3(0_u32..60), 1_u32..6), 1..5),
            sold in proptest::collection::vec(0_u32..20, 5), safety in 0_u32..8,
        ) {
            let mut parts: Vec<Part> = components.iter().map(|(at, per_kit)| part(at, *per_kit, None)).collect();
            for (part, sold) in parts.iter_mut().zip(sold) {
                part.computed.quantity = part.computed.quantity.saturating_sub(sold);
            }
            let kits = Computed::of_kit(&parts, safety).quantity;
            // Kits shipped whole, one after another, from wherever one can be put together.
            let (mut at, mut made) = ([0, 1, 2].map(|l| components.iter().map(|(at, _)| at[l]).collect::<Vec<u32>>()), 0_u32);
            for units in &mut at {
                while units.iter().zip(&components).all(|(units, (_, per_kit))| units >= per_kit) {
                    units.iter_mut().zip(&components).for_each(|(units, (_, per_kit))| *units -= per_kit);
                    made += 1;
                }
            }
            let may = parts.iter().map(|part| part.computed.quantity / part.per_kit).min().unwrap_or(0);
            prop_assert_eq!(kits, made.min(may).saturating_sub(safety));
        }

        #[test]
        fn no_channel_is_told_of_more_than_keeps_and_asking_for_longer_never_gives_more(
            levels in proptest::collection::vec((0_i64..40, proptest::option::of(-5_i32..60)), 0..6),
            safety in 0_u32..20, backordered in 0_u64..20, days in 0_u32..40, more in 0_u32..20,
        ) {
            let supplies: Vec<Supply> = levels.iter().map(|(units, expiry)| supply(*units, *expiry)).collect();
            let claims = Claims { safety_stock: safety, backordered };
            let told = sellable(&supplies, claims, days, TODAY);
            let good: i64 = levels.iter().filter(|(_, expiry)| expiry.is_none_or(|e| e >= i32::try_from(days).unwrap()))
                .map(|(units, _)| *units).sum();
            let kept = i64::from(safety) + i64::try_from(backordered).unwrap();
            prop_assert_eq!(i64::from(told), (good - kept).max(0));
            prop_assert!(sellable(&supplies, claims, days + more, TODAY) <= told);
        }

        #[test]
        fn without_movements_the_quantity_stays_until_the_day_that_is_named_and_falls_then(
            levels in proptest::collection::vec((0_i64..40, proptest::option::of(-5_i32..60)), 0..6), days in 0_u32..40,
        ) {
            let supplies: Vec<Supply> = levels.iter().map(|(units, expiry)| supply(*units, *expiry)).collect();
            let now = eligible(&supplies, days, TODAY);
            match falls_on(&supplies, days, TODAY) {
                Some(day) => {
                    prop_assert!(day > TODAY);
                    prop_assert_eq!(eligible(&supplies, days, day.yesterday().unwrap()), now);
                    prop_assert!(eligible(&supplies, days, day) < now);
                }
                None => prop_assert_eq!(eligible(&supplies, days, TODAY.checked_add(1000.days()).unwrap()), now),
            }
        }
    }
}
