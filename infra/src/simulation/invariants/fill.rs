//! Whether an order that waits could be served. Written down once more here: the planner must not be its own judge.

use std::collections::BTreeMap;

use domain::order::{AllocationRule, Order};

/// Units of a line that are lacking, and what one of them is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    units: i64,
    made_of: Vec<(String, i64)>,
}

/// Available units of each item, by location.
pub(super) type Available = BTreeMap<String, BTreeMap<String, i64>>;

/// What an order still lacks.
pub(super) fn needs(order: &Order) -> Vec<Need> {
    let need = |line: &domain::order::OrderLine| {
        let units = i64::from(order.unallocated(line));
        let sku = line.sku.as_ref().filter(|_| units > 0)?;
        let parts = line.kit.iter().map(|part| (part.sku.to_string(), i64::from(part.quantity))).collect();
        let made_of = if line.kit.is_empty() { vec![(sku.to_string(), 1)] } else { parts };
        Some(Need { units, made_of })
    };
    order.lines.iter().filter_map(need).collect()
}

/// Whether these needs could be served, at least in part, as the rule wants it.
pub(super) fn could_be_filled(rule: AllocationRule, needs: &[Need], available: &Available) -> bool {
    let stocks: Vec<BTreeMap<String, i64>> = available.values().cloned().collect();
    let alone = |stock: &BTreeMap<String, i64>| serves(needs, &mut [stock.clone()]);
    match rule {
        AllocationRule::ShipComplete => stocks.iter().any(alone),
        AllocationRule::Split => serves(needs, &mut stocks.clone()),
        AllocationRule::Backorder => {
            let one = |need: &Need| vec![Need { units: 1, ..need.clone() }];
            needs.iter().any(|need| stocks.iter().any(|stock| serves(&one(need), &mut [stock.clone()])))
        }
    }
}

/// Whether all needs can be served, each unit whole from one of the stocks: every way is tried.
fn serves(needs: &[Need], stocks: &mut [BTreeMap<String, i64>]) -> bool {
    let Some((need, rest)) = needs.split_first() else { return true };
    if need.units == 0 {
        return serves(rest, stocks);
    }
    let less = [&[Need { units: need.units - 1, ..need.clone() }], rest].concat();
    (0..stocks.len()).any(|at| {
        let has = |(sku, units): &(String, i64)| stocks[at].get(sku).copied().unwrap_or(0) >= *units;
        if !need.made_of.iter().all(has) {
            return false;
        }
        let take = |stock: &mut BTreeMap<String, i64>, sign: i64| {
            for (sku, units) in &need.made_of {
                *stock.entry(sku.clone()).or_default() += sign * units;
            }
        };
        take(&mut stocks[at], -1);
        let found = serves(&less, stocks);
        take(&mut stocks[at], 1);
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use AllocationRule as R;

    #[track_caller]
    fn check(rule: R, needs: &[(i64, &[(&str, i64)])], available: &[(&str, &[(&str, i64)])], expect: bool) {
        let own = |of: &[(&str, i64)]| of.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect::<Vec<_>>();
        let needs: Vec<Need> =
            needs.iter().map(|(units, made_of)| Need { units: *units, made_of: own(made_of) }).collect();
        let available: Available =
            available.iter().map(|(at, stock)| ((*at).to_owned(), own(stock).into_iter().collect())).collect();
        assert_eq!(could_be_filled(rule, &needs, &available), expect, "{rule:?} {needs:?} {available:?}");
    }

    #[test]
    fn the_rule_says_what_is_enough() {
        let halves: [(&str, &[(&str, i64)]); 2] = [("A", &[("tea", 1)]), ("B", &[("tea", 1)])];
        check(R::ShipComplete, &[(2, &[("tea", 1)])], &halves, false);
        check(R::Split, &[(2, &[("tea", 1)])], &halves, true);
        check(R::Split, &[(3, &[("tea", 1)])], &halves, false);
        check(R::Backorder, &[(3, &[("tea", 1)])], &halves, true);
    }

    #[test]
    fn a_kit_is_whole_at_one_location_and_leaves_what_others_need_elsewhere() {
        let set: (i64, &[(&str, i64)]) = (1, &[("tea", 2), ("cup", 1)]);
        check(R::Backorder, &[set], &[("A", &[("tea", 2)]), ("B", &[("cup", 1)])], false);
        check(R::Split, &[set], &[("A", &[("tea", 2), ("cup", 1)])], true);
        let both: [(&str, &[(&str, i64)]); 2] = [("A", &[("tea", 2), ("cup", 1)]), ("B", &[("tea", 1)])];
        check(R::Split, &[(1, &[("tea", 1)]), set], &both, true);
        check(R::Split, &[(2, &[("tea", 1)]), set], &both, false);
    }
}
