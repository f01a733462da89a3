use super::*;
use proptest::prelude::*;

fn sku(name: &str) -> Sku {
    Sku::parse(name).unwrap()
}

fn need(line: u32, name: &str, quantity: u32) -> Need {
    Need::of_item(line, sku(name), quantity)
}

fn kit(line: u32, quantity: u32, components: &[(&str, u32)]) -> Need {
    let component = |(name, quantity): &(&str, u32)| Component { sku: sku(name), quantity: *quantity };
    Need { line, quantity, components: components.iter().map(component).collect() }
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn allocate(needs: &[Need], offers: &[Offer], rule: AllocationRule, country: Option<&str>) -> Vec<Allocation> {
    super::allocate(&Wanted { needs, rule, country, good_on: day("2026-11-02") }, offers)
}

fn plain(units: u32) -> Vec<LotUnits> {
    vec![LotUnits { lot: None, units }]
}

fn offer(location: &str, country: &str, available: &[(&str, u32)]) -> Offer {
    Offer {
        location: LocationId::parse(location).unwrap(),
        country: country.to_owned(),
        serves: Vec::new(),
        cost: 0,
        priority: 0,
        available: available.iter().map(|(name, units)| (sku(name), plain(*units))).collect(),
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

#[test]
fn a_country_that_is_served_comes_before_the_cost_and_both_are_the_reason() {
    let far = offer("A", "DE", &[("tea", 9)]);
    let serving = Offer { serves: vec!["RO".to_owned()], cost: 5, ..offer("B", "BG", &[("tea", 9)]) };
    let chosen = allocate(&[need(1, "tea", 1)], &[far.clone(), serving.clone()], AllocationRule::Split, Some("RO"));
    assert_eq!(places(&chosen), ["B"]);
    assert_eq!(chosen[0].reason.to_string(), "1 of 2 locations, serves the country, cost 5");
    let chosen = allocate(&[need(1, "tea", 1)], &[far, serving], AllocationRule::Split, Some("FR"));
    assert_eq!(places(&chosen), ["A"], "the cheaper of two that are equally far");
}

#[test]
fn fewest_parcels_come_before_nearness_nearness_before_cost_and_cost_before_priority() {
    let check = |change: fn(&mut Offer), expect: &str| {
        let near = Offer { cost: 5, priority: 5, ..offer("B", "BG", &[("tea", 1)]) };
        let mut other = Offer { country: "BG".to_owned(), ..near.clone() };
        other.location = LocationId::parse("C").unwrap();
        change(&mut other);
        let chosen = allocate(&[need(1, "tea", 1)], &[near, other], AllocationRule::Split, Some("BG"));
        assert_eq!(places(&chosen), [expect]);
    };
    check(|_| {}, "B");
    check(|other| other.priority = 4, "C");
    check(|other| (other.cost, other.priority) = (6, 0), "B");
    check(|other| (other.cost, other.priority) = (4, 9), "C");
    check(|other| (other.cost, other.country) = (0, "DE".to_owned()), "B");
    let far = offer("C", "DE", &[("tea", 2)]);
    let two = [offer("A", "BG", &[("tea", 1)]), offer("B", "BG", &[("tea", 1)]), far];
    assert_eq!(places(&allocate(&[need(1, "tea", 2)], &two, AllocationRule::Split, Some("BG"))), ["C"]);
}

#[test]
fn what_no_transaction_could_pick_is_several_fulfilment_orders() {
    let names: Vec<String> = (0..100).map(|n| format!("P{n}")).collect();
    let all: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 3)).collect();
    let needs: Vec<Need> = (1..).zip(all.chunks(20)).map(|(line, parts)| kit(line, 1, parts)).collect();
    let chosen = allocate(&needs, &[offer("A", "BG", &all)], AllocationRule::ShipComplete, None);
    let sizes: Vec<(usize, usize)> = chosen.iter().map(|part| (part.lines.len(), part.goods.len())).collect();
    assert_eq!(sizes, [(4, 80), (1, 20)]);
    assert!(chosen.iter().all(|part| part.reason.parcels == 2 && part.location.as_str() == "A"));
}

#[test]
fn a_kit_is_whole_at_one_location_or_not_allocated() {
    let halves = [offer("A", "BG", &[("tea", 4)]), offer("B", "BG", &[("cup", 4)])];
    let set = [kit(1, 1, &[("tea", 2), ("cup", 1)])];
    assert!(allocate(&set, &halves, AllocationRule::Backorder, None).is_empty());
    let whole = [offer("A", "BG", &[("tea", 5), ("cup", 4)])];
    let chosen = allocate(&[kit(1, 3, &[("tea", 2), ("cup", 1)])], &whole, AllocationRule::Backorder, None);
    assert_eq!(chosen[0].lines, vec![AllocatedLine { line: 1, quantity: 2 }]);
    let goods: Vec<(&str, u32)> = chosen[0].goods.iter().map(|goods| (goods.sku.as_str(), goods.quantity)).collect();
    assert_eq!(goods, [("tea", 4), ("cup", 2)]);
}

#[test]
fn the_first_to_expire_goes_first_and_what_is_too_old_does_not_go() {
    let lot = |expiry: &str, units| {
        let lot = Lot { expiry: Some(day(expiry)), code: expiry.to_owned() };
        LotUnits { lot: Some(lot), units }
    };
    let mut shelf = offer("A", "BG", &[]);
    shelf.available.insert(sku("tea"), vec![lot("2026-11-01", 5), lot("2026-11-02", 1), lot("2027-01-01", 5)]);
    let check = |quantity, expect: &[(&str, u32)]| {
        let chosen = allocate(&[need(1, "tea", quantity)], std::slice::from_ref(&shelf), AllocationRule::Split, None);
        let lots: Vec<(&str, u32)> =
            chosen.iter().flat_map(|a| &a.goods).map(|g| (g.lot.as_ref().unwrap().code.as_str(), g.quantity)).collect();
        assert_eq!(lots, expect, "{quantity}");
    };
    check(1, &[("2026-11-02", 1)]);
    check(3, &[("2026-11-02", 1), ("2027-01-01", 2)]);
    check(7, &[]);
}

/// Whether these units can be had, each kit whole at one of the stocks: every way is tried.
fn can_be_had(needs: &[(u32, Vec<Component>)], stocks: &mut Vec<BTreeMap<Sku, u32>>) -> bool {
    let Some(((units, made_of), rest)) = needs.split_first() else { return true };
    if *units == 0 {
        return can_be_had(rest, stocks);
    }
    let less = [&[(units - 1, made_of.clone())], rest].concat();
    (0..stocks.len()).any(|at| {
        let before = stocks[at].clone();
        let has = made_of.iter().all(|part| before.get(&part.sku).copied().unwrap_or(0) >= part.quantity);
        if !has {
            return false;
        }
        for part in made_of {
            *stocks[at].entry(part.sku.clone()).or_default() -= part.quantity;
        }
        let found = can_be_had(&less, stocks);
        stocks[at] = before;
        found
    })
}

#[test]
fn kits_that_compete_are_divided_so_that_all_are_whole() {
    let offers = [offer("A", "BG", &[("tea", 4)]), offer("B", "BG", &[("tea", 3)])];
    // The larger kit first would leave one unit in each place.
    let chosen =
        allocate(&[kit(1, 2, &[("tea", 2)]), kit(2, 1, &[("tea", 3)])], &offers, AllocationRule::Split, Some("BG"));
    let lines: Vec<_> = chosen.iter().map(|a| (a.location.as_str(), a.lines[0].line, a.lines[0].quantity)).collect();
    assert_eq!(lines, [("A", 1, 2), ("B", 2, 1)]);
}

#[test]
fn a_search_without_end_is_given_up() {
    let offers: Vec<Offer> = (0..10).map(|at| offer(&format!("L{at}"), "BG", &[("tea", 997), ("cup", 5)])).collect();
    let needs: Vec<Need> = (1..8).map(|line| kit(line, 90, &[("tea", 10 + line), ("cup", 1)])).collect();
    assert!(allocate(&needs, &offers, AllocationRule::Split, Some("BG")).is_empty());
}

proptest! {
    #[test]
    fn an_order_with_kits_is_split_whenever_it_can_be(
        singles in proptest::collection::vec((0_usize..2, 1_u32..3), 0..3),
        kits in proptest::collection::vec((1_u32..3, (1_u32..4, 0_u32..3), 0_usize..3), 1..3),
        stock in proptest::collection::vec((0_u32..7, 0_u32..5), 1..4),
    ) {
        let names = ["tea", "cup"];
        let mut needs: Vec<Need> = singles.iter().map(|(name, units)| need(0, names[*name], *units)).collect();
        for (kits, (tea, cup), place) in kits {
            let parts: Vec<(&str, u32)> = names.into_iter().zip([tea, cup]).filter(|(_, units)| *units > 0).collect();
            needs.insert(place.min(needs.len()), kit(0, kits, &parts));
        }
        for (line, need) in (1..).zip(&mut needs) {
            need.line = line;
        }
        let offers: Vec<Offer> = stock.iter().enumerate().map(|(index, (tea, cup))| {
            offer(&format!("L{index}"), "BG", &[("tea", *tea), ("cup", *cup)])
        }).collect();
        let mut stocks = stock.iter().map(|(tea, cup)| [(sku("tea"), *tea), (sku("cup"), *cup)].into()).collect();
        let wanted: Vec<_> = needs.iter().map(|need| (need.quantity, need.components.clone())).collect();
        let chosen = allocate(&needs, &offers, AllocationRule::Split, Some("BG"));
        prop_assert_eq!(!chosen.is_empty(), can_be_had(&wanted, &mut stocks), "{:?} of {:?}", needs, stock);
    }

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
                    .filter(|l| needs.iter().any(|n| n.line == l.line && n.components[0].sku == *sku))
                    .map(|l| l.quantity).sum();
                prop_assert!(taken <= units[0].units);
                let goods: u32 = allocation.goods.iter().filter(|g| g.sku == *sku).map(|g| g.quantity).sum();
                prop_assert_eq!(taken, goods);
            }
        }
        match rule {
            AllocationRule::ShipComplete => prop_assert!(chosen.is_empty() || (complete && chosen.len() == 1)),
            AllocationRule::Split => prop_assert!(chosen.is_empty() || complete),
            AllocationRule::Backorder => {
                let total = |sku: &Sku| offers.iter().map(|o| o.available[sku][0].units).sum::<u32>();
                for name in names {
                    let wanted: u32 = needs.iter().filter(|n| n.components[0].sku == sku(name)).map(|n| n.quantity).sum();
                    let got: u32 = needs.iter().filter(|n| n.components[0].sku == sku(name)).map(|n| of_line(n.line)).sum();
                    prop_assert_eq!(got, wanted.min(total(&sku(name))));
                }
            }
        }
    }
}
