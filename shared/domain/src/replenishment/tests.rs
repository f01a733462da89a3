use super::*;
use jiff::ToSpan;
use proptest::prelude::*;

const TODAY: Date = jiff::civil::date(2026, 3, 30);

fn day(ago: u32) -> Date {
    days_before(TODAY, ago)
}

fn item(lead_time_days: u32, safety_stock: u32, reorder_point: Option<u32>) -> Item {
    Item {
        lead_time_days,
        safety_stock,
        reorder_point,
        ..serde_json::from_str(r#"{"sku":"TEA","name":"Tea"}"#).unwrap()
    }
}

fn stock(available: u64) -> Stock {
    Stock { on_hand: available, available, ..Stock::default() }
}

#[test]
fn the_rate_is_that_of_whole_days_of_the_window() {
    let check = |days: &[(u32, u32)], expect: (u64, u32)| {
        let sums = days.iter().map(|(ago, units)| (day(*ago), *units)).collect();
        let rate = Sales::default().summed(&sums, TODAY).rate(TODAY);
        assert_eq!((rate.units, rate.days), expect, "{days:?}");
    };
    check(&[], (0, 7));
    check(&[(28, 28), (1, 28)], (56, 28));
    check(&[(29, 9), (0, 9)], (0, 7)); // before the window, and a day that is not over
    check(&[(1, 5)], (5, 7)); // an item that sold first yesterday
    check(&[(10, 5)], (5, 10));
}

#[test]
fn an_item_that_sells_no_more_has_a_rate_that_falls_to_nothing() {
    let sales = Sales::default().summed(&BTreeMap::from([(day(1), 28)]), TODAY);
    let later = |days: i32| sales.rate(TODAY.checked_add(days.days()).unwrap());
    assert_eq!((later(0).units, later(27).units, later(28).units), (28, 28, 0));
    assert!(later(6).within(28) > later(20).within(28));
}

#[test]
fn yesterday_is_summed_again_since_movements_come_late() {
    let first = Sales::default().summed(&BTreeMap::from([(day(3), 4), (day(1), 1)]), TODAY);
    assert_eq!(first.missing(TODAY), None);
    let next = TODAY.tomorrow().unwrap();
    assert_eq!(first.missing(next), Some((day(1), TODAY)));
    let second = first.summed(&BTreeMap::from([(day(1), 6), (TODAY, 2)]), next);
    assert_eq!(second.rate(next).units, 12);
}

#[test]
fn the_reorder_point_is_the_items_own_or_what_sells_within_the_lead_time() {
    let rate = Rate { units: 10, days: 28 };
    assert_eq!(reorder_point(&item(14, 3, None), rate), 8);
    assert_eq!(reorder_point(&item(15, 3, None), rate), 9, "rounded up");
    assert_eq!(reorder_point(&item(14, 3, Some(0)), rate), 0);
    assert_eq!(reorder_point(&item(0, 0, None), rate), 0);
}

#[test]
fn an_item_is_needed_at_its_reorder_point_and_not_when_nobody_wants_it() {
    let rate = Rate { units: 28, days: 28 };
    let check = |item: &Item, stock: Stock, rate, needed, suggested| {
        let figures = Figures::of(item, stock, rate);
        assert_eq!((figures.needed, figures.suggested_quantity), (needed, suggested), "{figures:?}");
    };
    check(&item(7, 3, None), stock(11), rate, false, 0);
    check(&item(7, 3, None), stock(10), rate, true, 28);
    check(&item(7, 3, None), Stock { incoming: 1, ..stock(10) }, rate, false, 0);
    check(&item(7, 3, None), Stock { backordered: 2, ..stock(12) }, rate, true, 28);
    let nothing = Rate { units: 0, days: 7 };
    check(&item(7, 0, None), stock(0), nothing, false, 0);
    check(&item(7, 0, None), Stock { backordered: 2, ..stock(0) }, nothing, true, 3);
    check(&item(0, 0, Some(5)), stock(5), nothing, true, 1);
    assert_eq!(Figures::of(&item(7, 3, None), stock(10), rate).days_left, Some(10));
    assert_eq!(Figures::of(&item(7, 3, None), stock(10), nothing).days_left, None);
}

#[test]
fn a_look_is_due_daily_while_the_item_sells_or_is_needed() {
    let spread = SignedDuration::from_mins(30);
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let first = Replenishment::new(MerchantId::derive(&["acme"]), Sku::parse("TEA").unwrap());
    let quiet = Figures::of(&item(0, 0, None), stock(5), Rate { units: 0, days: 7 });
    let selling = Figures::of(&item(0, 0, None), stock(5), Rate { units: 2, days: 7 });
    let next = first.looked_at(Sales::default(), quiet.clone(), spread, at("2026-03-30T10:00:00Z"));
    assert_eq!(next.due_at, Some(at("2026-03-31T00:30:00Z")), "its stock changed: it may be about to sell");
    let again = next.looked_at(Sales::default(), quiet.clone(), spread, at("2026-03-30T11:00:00Z"));
    assert_eq!(again, next, "nothing to store");
    let day = next.looked_at(Sales::default(), quiet, spread, at("2026-03-31T00:30:30Z"));
    assert_eq!(day.due_at, None);
    let day = next.looked_at(Sales::default(), selling, spread, at("2026-03-31T00:30:30Z"));
    assert_eq!(day.due_at, Some(at("2026-04-01T00:30:00Z")));
}

fn rate() -> impl Strategy<Value = Rate> {
    (0_u64..500, WINDOW_DAYS_MIN..=WINDOW_DAYS).prop_map(|(units, days)| Rate { units, days })
}

fn any_item() -> impl Strategy<Value = Item> {
    (0_u32..60, 0_u32..30, proptest::option::of(0_u32..200)).prop_map(|(lead, safety, point)| item(lead, safety, point))
}

fn any_stock() -> impl Strategy<Value = Stock> {
    (0_u64..300, 0_u64..100, 0_u64..100).prop_map(|(available, incoming, backordered)| Stock {
        incoming,
        backordered,
        ..stock(available)
    })
}

proptest! {
    #[test]
    fn what_is_suggested_suffices_and_more_stock_never_makes_a_need(
        item in any_item(), stock in any_stock(), rate in rate(), more in 0_u64..100,
    ) {
        let figures = Figures::of(&item, stock, rate);
        let after = |units| Figures::of(&item, Stock { incoming: stock.incoming + units, ..stock }, rate);
        prop_assert!(!after(figures.suggested_quantity).needed);
        prop_assert!(figures.needed || !after(more).needed);
        prop_assert_eq!(figures.needed, figures.suggested_quantity > 0);
    }

    #[test]
    fn more_sales_or_more_waiting_orders_never_end_a_need(
        item in any_item(), stock in any_stock(), rate in rate(), more in 0_u64..100,
    ) {
        let needed = Figures::of(&item, stock, rate).needed;
        let faster = Rate { units: rate.units + more, ..rate };
        let waiting = Stock { backordered: stock.backordered + more, ..stock };
        prop_assert!(!needed || Figures::of(&item, stock, faster).needed);
        prop_assert!(!needed || Figures::of(&item, waiting, rate).needed);
    }

    #[test]
    fn summing_day_by_day_gives_what_summing_once_gives(
        sold in proptest::collection::btree_map(1_u32..60, 1_u32..9, 0..40),
        looks in proptest::collection::btree_set(0_u32..60, 0..12),
    ) {
        let ledger: BTreeMap<Date, u32> = sold.iter().map(|(ago, units)| (day(*ago), *units)).collect();
        let read = |(first, last): (Date, Date)| ledger.range(first..=last).map(|(day, units)| (*day, *units)).collect();
        let mut sales = Sales::default();
        for ago in looks.into_iter().rev().chain([0]) {
            if let Some(missing) = sales.missing(day(ago)) {
                sales = sales.summed(&read(missing), day(ago));
            }
        }
        let once = Sales::default().summed(&read(Sales::default().missing(TODAY).unwrap()), TODAY);
        prop_assert_eq!(&sales.days, &once.days);
        prop_assert_eq!(sales.rate(TODAY).units, once.rate(TODAY).units);
    }

    #[test]
    fn time_alone_never_makes_a_need(
        item in any_item(), stock in any_stock(),
        sold in proptest::collection::btree_map(8_u32..28, 1_u32..9, 0..20), days in 0_i32..40,
    ) {
        // Once it is measured over all the days since it began to sell.
        let sums = sold.iter().map(|(ago, units)| (day(*ago), *units)).collect();
        let sales = Sales::default().summed(&sums, TODAY);
        let later = TODAY.checked_add(days.days()).unwrap();
        let needed = |at| Figures::of(&item, stock, sales.rate(at)).needed;
        prop_assert!(needed(TODAY) || !needed(later));
    }

    #[test]
    fn an_alert_is_raised_once_a_crossing_and_a_repeated_look_says_nothing_new(
        levels in proptest::collection::vec(0_u64..20, 1..40),
    ) {
        let item = item(0, 0, Some(9));
        let rate = Rate { units: 0, days: 7 };
        let mut state = Replenishment::new(MerchantId::derive(&["acme"]), Sku::parse("TEA").unwrap());
        let mut raised = false;
        for (second, available) in (1_000_000_i64..).zip(levels) {
            let at = Timestamp::from_second(second).unwrap();
            let figures = Figures::of(&item, stock(available), rate);
            let next = state.looked_at(Sales::default(), figures.clone(), SignedDuration::ZERO, at);
            let crossed = raised != (available <= 9);
            prop_assert_eq!(next.alert != state.alert, crossed);
            if crossed {
                prop_assert_eq!(next.alert.as_ref().map(|alert| alert.crossed_at), Some(at));
            }
            raised = available <= 9;
            prop_assert_eq!(next.is_raised(), raised);
            prop_assert_eq!(&next.looked_at(Sales::default(), figures, SignedDuration::ZERO, at), &next);
            state = next;
        }
    }
}
