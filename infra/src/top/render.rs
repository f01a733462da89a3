//! The figures as text for people.

use std::collections::BTreeMap;

use domain::order::FulfilmentState;
use platform::metrics::{Metric, NAMESPACE, state_name};

use super::layout::{Cell, Table};
use super::rates::Rates;
use crate::host::Colour;
use crate::host::status::{Queue, Status};

/// What is shown where there is no figure.
const NONE: &str = "-";

/// States in the order in which an order goes through them, as the dashboard has them.
const STATES: [FulfilmentState; 10] = [
    FulfilmentState::Received,
    FulfilmentState::Validated,
    FulfilmentState::Allocated,
    FulfilmentState::PartiallyAllocated,
    FulfilmentState::Backordered,
    FulfilmentState::InProgress,
    FulfilmentState::PartiallyFulfilled,
    FulfilmentState::Fulfilled,
    FulfilmentState::PartiallyCancelled,
    FulfilmentState::Cancelled,
];

/// The whole screen.
pub(super) fn screen(now: &Status, rates: Option<&Rates>, colour: Colour) -> String {
    let metrics = Metrics::of(now);
    let mut text = format!(
        "{} at {}, {} after its start, from which all counts are\n\n",
        now.data,
        now.at.strftime("%Y-%m-%d %H:%M:%SZ"),
        age(u64::try_from(now.at.duration_since(now.started_at).as_millis()).unwrap_or_default()),
    );
    text.push_str(&orders(now, &metrics).beside(&tables(now, rates), colour));
    text.push_str(&metrics.lines());
    text.push('\n');
    text.push_str(&queues(&now.queues).text(colour));
    text.push('\n');
    text.push_str(&functions(now, rates).text(colour));
    text
}

/// The business metrics, by name and state.
struct Metrics(BTreeMap<(String, String), f64>);

impl Metrics {
    fn of(status: &Status) -> Self {
        let own = status.metrics.iter().filter(|metric| metric.namespace == NAMESPACE);
        let mut sums = BTreeMap::new();
        for metric in own {
            let state = metric.dimensions.get("State").cloned().unwrap_or_default();
            *sums.entry((metric.name.clone(), state)).or_default() += metric.sum;
        }
        Self(sums)
    }

    fn sum(&self, metric: Metric, state: &str) -> f64 {
        self.0.get(&(metric.name().to_owned(), state.to_owned())).copied().unwrap_or_default()
    }

    /// Metrics with states but the orders' (`label_purchased 3`), then those without.
    fn lines(&self) -> String {
        let entered = |metric: Metric| {
            let own = self.0.iter().filter(|((name, state), _)| name == metric.name() && !state.is_empty());
            let counts: Vec<String> = own.map(|((_, state), sum)| format!("{state} {sum}")).collect();
            if counts.is_empty() { NONE.to_owned() } else { counts.join(", ") }
        };
        format!(
            "\nshipments entered  {}\nparcels entered    {}\nlate               orders {}, parcels {}; stock drifts {}\n",
            entered(Metric::ShipmentsEntered),
            entered(Metric::ParcelsEntered),
            self.sum(Metric::OrdersLate, ""),
            self.sum(Metric::ParcelsLate, ""),
            self.sum(Metric::StockDrifts, ""),
        )
    }
}

/// States that an order is in or entered.
fn orders(now: &Status, metrics: &Metrics) -> Table {
    let mut table = Table::new(["orders", "now", "entered"]);
    let counted = now.orders.as_ref().map(|orders| &orders.by_state);
    let mut total = 0_u64;
    for state in STATES {
        let name = state_name(state);
        let in_it = counted.and_then(|counted| counted.get(&name)).copied().unwrap_or_default();
        let entered = metrics.sum(Metric::OrdersEntered, &name);
        total += in_it;
        if in_it > 0 || entered > 0.0 {
            let in_it = if counted.is_some() { in_it.to_string() } else { NONE.to_owned() };
            table.row([Cell::new(name), Cell::new(in_it), Cell::new(entered.to_string())]);
        }
    }
    let total = counted.map_or(NONE.to_owned(), |_| total.to_string());
    // Every order enters `received`, whatever else it enters.
    let received = metrics.sum(Metric::OrdersEntered, "received");
    table.row([Cell::new("all"), Cell::new(total), Cell::new(received.to_string())]);
    table
}

/// Units by table, and their sum.
fn tables(now: &Status, rates: Option<&Rates>) -> Table {
    let mut table = Table::new(["units of table", "write/s", "read/s", "written", "read"]);
    let mut row = |name: &str, rate: Option<(f64, f64)>, write: f64, read: f64| {
        let (writes, reads) = rate.map_or((NONE.to_owned(), NONE.to_owned()), |(w, r)| (per_second(w), per_second(r)));
        table.row([name.to_owned(), writes, reads, format!("{write:.0}"), format!("{read:.0}")].map(Cell::new));
    };
    let (mut write, mut read) = (0.0, 0.0);
    for (name, units) in &now.tables {
        let rate = rates.and_then(|rates| rates.units.get(name));
        row(name, rate.map(|rate| (rate.write, rate.read)), units.write, units.read);
        (write, read) = (write + units.write, read + units.read);
    }
    let sums = rates.map(|rates| {
        let sum = |part: fn(&crate::host::status::Units) -> f64| rates.units.values().map(part).sum::<f64>();
        (sum(|units| units.write), sum(|units| units.read))
    });
    row("all", sums, write, read);
    table
}

/// Queues that work comes from, each with its dead letters; then dead-letter queues of nobody's queue.
fn queues(queues: &BTreeMap<String, Queue>) -> Table {
    let mut table = Table::new(["queue", "visible", "in flight", "delayed", "oldest", "dead letters"]);
    let letters = |queue: &Queue| queue.visible + queue.in_flight + queue.delayed;
    let dead = |count: u64| if count > 0 { Cell::alert(count.to_string()) } else { Cell::new(count.to_string()) };
    for (name, queue) in queues.iter().filter(|(_, queue)| !queue.holds_dead_letters) {
        let target = queue.dead_letter_queue.as_ref().and_then(|name| queues.get(name));
        table.row([
            Cell::new(name),
            Cell::new(queue.visible.to_string()),
            Cell::new(queue.in_flight.to_string()),
            Cell::new(queue.delayed.to_string()),
            Cell::new(queue.oldest_age_ms.map_or(NONE.to_owned(), age)),
            target.map_or(Cell::new(NONE), |target| dead(letters(target))),
        ]);
    }
    let is_target = |name: &String| queues.values().any(|queue| queue.dead_letter_queue.as_ref() == Some(name));
    for (name, queue) in queues.iter().filter(|(name, queue)| queue.holds_dead_letters && !is_target(name)) {
        let none = || Cell::new(NONE);
        let oldest = Cell::new(queue.oldest_age_ms.map_or(NONE.to_owned(), age));
        table.row([Cell::new(name), none(), none(), none(), oldest, dead(letters(queue))]);
    }
    table
}

fn functions(now: &Status, rates: Option<&Rates>) -> Table {
    let mut table =
        Table::new(["function", "invocations", "per s", "errors", "p50 ms", "p99 ms", "max ms", "cold starts", "busy"]);
    for (name, function) in &now.functions {
        let rate =
            rates.and_then(|rates| rates.invocations.get(name)).map_or(NONE.to_owned(), |rate| per_second(*rate));
        let errors = match (function.errors, function.time_outs) {
            (0, _) => Cell::new("0"),
            (errors, 0) => Cell::alert(errors.to_string()),
            (errors, time_outs) => Cell::alert(format!("{errors} ({time_outs} timed out)")),
        };
        let ms = |part: fn(&crate::host::status::Durations) -> f64| {
            Cell::new(
                function.durations.as_ref().map_or(NONE.to_owned(), |durations| format!("{:.1}", part(durations))),
            )
        };
        table.row([
            Cell::new(name),
            Cell::new(function.invocations.to_string()),
            Cell::new(rate),
            errors,
            ms(|durations| durations.p50_ms),
            ms(|durations| durations.p99_ms),
            ms(|durations| durations.max_ms),
            Cell::new(function.cold_starts.to_string()),
            Cell::new(format!("{} of {}", function.busy, function.environments)),
        ]);
    }
    table
}

fn per_second(rate: f64) -> String {
    format!("{rate:.1}")
}

/// A time for people: two figures at most (`950 ms`, `12 s`, `3 m 20 s`, `5 h 2 m`, `2 d 3 h`).
fn age(ms: u64) -> String {
    let (s, m, h) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{s} s"),
        60_000..3_600_000 => format!("{m} m {} s", s % 60),
        3_600_000..86_400_000 => format!("{h} h {} m", m % 60),
        _ => format!("{} d {} h", h / 24, h % 24),
    }
}

#[cfg(test)]
mod tests;
