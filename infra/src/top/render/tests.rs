use super::*;
use crate::host::status::{Durations, Function, Metric as Sum, Orders, Units};
use crate::top::fixtures::{START_S, function, status};
use crate::top::rates::rates;
use jiff::Timestamp;
use proptest::prelude::*;

#[track_caller]
fn check(table: &Table, expect: &str) {
    let text = table.text(Colour::None);
    assert_eq!(text.trim_end(), expect.trim_matches('\n'), "\n{text}");
}

fn metric(metric: Metric, state: &str, sum: f64) -> Sum {
    let state = (!state.is_empty()).then(|| ("State".to_owned(), state.to_owned()));
    let dimensions = state.into_iter().chain([("Stage".to_owned(), "local".to_owned())]).collect();
    Sum { namespace: NAMESPACE.to_owned(), name: metric.name().to_owned(), dimensions, sum }
}

fn queue(visible: u64, dead_letter_queue: Option<&str>) -> Queue {
    Queue {
        visible,
        in_flight: 0,
        delayed: 0,
        oldest_age_ms: (visible > 0).then_some(61_000),
        dead_letter_queue: dead_letter_queue.map(str::to_owned),
        holds_dead_letters: dead_letter_queue.is_none(),
    }
}

#[test]
fn orders_are_shown_in_the_order_of_their_states() {
    let mut now = status();
    let by_state = [("fulfilled".to_owned(), 2), ("allocated".to_owned(), 1)].into();
    now.orders = Some(Orders { counted_at: now.at, by_state });
    now.metrics = vec![
        metric(Metric::OrdersEntered, "received", 4.0),
        metric(Metric::OrdersEntered, "allocated", 4.0),
        metric(Metric::OrdersEntered, "fulfilled", 1.0),
        Sum { namespace: "Other".to_owned(), ..metric(Metric::OrdersEntered, "received", 9.0) },
    ];
    check(
        &orders(&now, &Metrics::of(&now)),
        "
orders     now  entered
received     0        4
allocated    1        4
fulfilled    2        1
all          3        4",
    );
}

#[test]
fn a_stack_that_counts_no_orders_says_so() {
    let mut now = status();
    now.metrics = vec![metric(Metric::OrdersEntered, "received", 4.0)];
    check(
        &orders(&now, &Metrics::of(&now)),
        "
orders    now  entered
received    -        4
all         -        4",
    );
}

#[test]
fn other_metrics_are_lines() {
    let mut now = status();
    assert_eq!(
        Metrics::of(&now).lines(),
        "\nshipments entered  -\nparcels entered    -\nlate               orders 0, parcels 0; stock drifts 0\n"
    );
    now.metrics = vec![
        metric(Metric::ShipmentsEntered, "handed_over", 1.0),
        metric(Metric::ShipmentsEntered, "label_purchased", 2.0),
        metric(Metric::ParcelsEntered, "in_transit", 3.0),
        metric(Metric::OrdersLate, "", 5.0),
        metric(Metric::StockDrifts, "", 7.0),
    ];
    assert_eq!(
        Metrics::of(&now).lines(),
        "\nshipments entered  handed_over 1, label_purchased 2\nparcels entered    in_transit 3\n\
         late               orders 5, parcels 0; stock drifts 7\n"
    );
}

#[test]
fn a_queue_has_its_dead_letters_beside_it_and_they_are_marked() {
    let picks = Queue { in_flight: 2, delayed: 1, ..queue(3, Some("picks-dead")) };
    let all = [
        ("picks", picks),
        ("picks-dead", Queue { in_flight: 1, ..queue(1, None) }),
        ("relay-dead", queue(4, None)),
        ("returns", queue(0, Some("returns-dead"))),
        ("returns-dead", queue(0, None)),
    ];
    check(
        &queues(&all.map(|(name, queue)| (name.to_owned(), queue)).into()),
        "
queue       visible  in flight  delayed   oldest  dead letters
picks             3          2        1  1 m 1 s            2!
returns           0          0        0        -             0
relay-dead        -          -        -  1 m 1 s            4!",
    );
}

#[test]
fn functions_and_tables_have_rates_once_there_were_two_looks() {
    let durations = Durations { count: 3, p50_ms: 12.34, p99_ms: 80.0, max_ms: 81.06 };
    let relay =
        Function { errors: 3, time_outs: 1, busy: 1, environments: 2, durations: Some(durations), ..function(20) };
    let mut before = status();
    before.functions = [("relay".to_owned(), function(10))].into();
    before.tables = [("orders".to_owned(), Units { write: 10.0, read: 1.0 })].into();
    let mut now = status();
    now.at = Timestamp::from_second(START_S + 4).unwrap();
    now.functions = [("relay".to_owned(), relay), ("sweeper".to_owned(), function(2))].into();
    now.tables =
        [("orders".to_owned(), Units { write: 30.0, read: 3.0 }), ("stock".to_owned(), Units::default())].into();
    let rates = rates(&before, &now);
    check(
        &functions(&now, rates.as_ref()),
        "
function  invocations  per s            errors  p50 ms  p99 ms  max ms  cold starts    busy
relay              20    2.5  3 (1 timed out)!    12.3    80.0    81.1            1  1 of 2
sweeper             2    0.5                 0       -       -       -            1  0 of 1",
    );
    check(
        &tables(&now, rates.as_ref()),
        "
units of table  write/s  read/s  written  read
orders              5.0     0.5       30     3
stock               0.0     0.0        0     0
all                 5.0     0.5       30     3",
    );
    check(
        &tables(&now, None),
        "
units of table  write/s  read/s  written  read
orders                -       -       30     3
stock                 -       -        0     0
all                   -       -       30     3",
    );
}

#[test]
fn a_time_is_shown_with_two_figures_at_most() {
    let check = |ms: u64, expect: &str| assert_eq!(age(ms), expect, "{ms}");
    check(0, "0 ms");
    check(999, "999 ms");
    check(1_000, "1 s");
    check(59_999, "59 s");
    check(200_000, "3 m 20 s");
    check(18_120_000, "5 h 2 m");
    check(2 * 86_400_000 + 3 * 3_600_000, "2 d 3 h");
}

proptest! {
    /// However many states are counted, each is in the sum and none is lost beside the tables.
    #[test]
    fn the_screen_shows_every_state_that_has_orders(counts in prop::collection::vec(0_u64..1_000, STATES.len())) {
        let mut now = status();
        let named = STATES.iter().map(|state| serde_json::to_value(state).unwrap().as_str().unwrap().to_owned());
        let by_state: BTreeMap<String, u64> = named.zip(counts.iter().copied()).collect();
        now.orders = Some(Orders { counted_at: now.at, by_state: by_state.clone() });
        now.tables = [("orders".to_owned(), Units::default())].into();
        let text = screen(&now, None, Colour::None);
        let shown: BTreeMap<&str, u64> = text
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?, words.next()?.parse().ok()?))
            })
            .collect();
        for (state, count) in &by_state {
            prop_assert_eq!(shown.get(state.as_str()).copied().unwrap_or_default(), *count, "{}\n{}", state, text);
        }
        prop_assert_eq!(shown["all"], counts.iter().sum::<u64>());
    }
}
