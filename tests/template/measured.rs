//! Metrics: those that alarms and dashboard name are those that the code counts, and the other way round.

use super::declared;
use super::production::{alarms, of_type};
use domain::order::{DeliveryState, FulfilmentState};
use domain::shipment::ShipmentState;
use infra::template::Declared;
use platform::metrics::{Metric, NAMESPACE};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A metric as the template names it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    metric: String,
    dimensions: BTreeMap<String, String>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn widgets(declared: &Declared) -> Vec<Value> {
    let dashboard = of_type(declared, "AWS::CloudWatch::Dashboard")[0].1;
    let body: Value = serde_json::from_str(dashboard["Properties"]["DashboardBody"].as_str().unwrap()).unwrap();
    body["widgets"].as_array().unwrap().clone()
}

/// What alarms name of our own namespace.
fn in_alarms(declared: &Declared) -> BTreeSet<Named> {
    let mut found = BTreeSet::new();
    for (_, alarm) in alarms(declared) {
        if alarm["Namespace"] == NAMESPACE {
            let dimensions = alarm["Dimensions"].as_array().unwrap().iter();
            let dimensions = dimensions.map(|dimension| (text(&dimension["Name"]), text(&dimension["Value"])));
            found.insert(Named { metric: text(&alarm["MetricName"]), dimensions: dimensions.collect() });
        }
    }
    found
}

/// What the dashboard names of our own namespace: `[namespace, metric, name, value, …, options]`.
fn in_dashboard(declared: &Declared) -> BTreeSet<Named> {
    let mut found = BTreeSet::new();
    for widget in widgets(declared) {
        for row in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let row: Vec<&Value> = row.as_array().unwrap().iter().filter(|column| column.is_string()).collect();
            if let [namespace, metric, dimensions @ ..] = row.as_slice()
                && **namespace == NAMESPACE
            {
                let dimensions = dimensions.chunks(2).map(|pair| (text(pair[0]), text(pair[1])));
                found.insert(Named { metric: text(metric), dimensions: dimensions.collect() });
            }
        }
    }
    found
}

/// Whether the metric has such a state.
fn has_state(metric: Metric, state: &str) -> bool {
    let state = Value::from(state);
    match metric {
        Metric::OrdersEntered => serde_json::from_value::<FulfilmentState>(state).is_ok(),
        Metric::ShipmentsEntered => serde_json::from_value::<ShipmentState>(state).is_ok(),
        Metric::ParcelsEntered => serde_json::from_value::<DeliveryState>(state).is_ok(),
        Metric::OrdersLate | Metric::ParcelsLate | Metric::StockDrifts => false,
    }
}

#[test]
fn what_the_template_names_is_what_the_code_counts() {
    let declared = declared();
    let named: BTreeSet<Named> = in_alarms(&declared).into_iter().chain(in_dashboard(&declared)).collect();
    for Named { metric, dimensions } in &named {
        let known = Metric::ALL.into_iter().find(|known| known.name() == metric);
        let known = known.unwrap_or_else(|| panic!("nobody counts {metric}"));
        assert_eq!(dimensions.get("Stage").map(String::as_str), Some("production"), "{metric}");
        let with_states = matches!(known, Metric::OrdersEntered | Metric::ShipmentsEntered | Metric::ParcelsEntered);
        assert_eq!(dimensions.len(), if with_states { 2 } else { 1 }, "{metric}: {dimensions:?}");
        if with_states {
            assert!(has_state(known, &dimensions["State"]), "{metric}: no state is called {}", dimensions["State"]);
        }
    }
    let names: BTreeSet<&str> = named.iter().map(|named| named.metric.as_str()).collect();
    assert_eq!(names, Metric::ALL.map(Metric::name).into(), "what nobody looks at need not be counted");
}

#[test]
fn what_an_alarm_watches_is_on_the_dashboard() {
    let declared = declared();
    let shown = in_dashboard(&declared);
    for named in in_alarms(&declared) {
        assert!(shown.contains(&named), "{named:?}");
    }
    let listed: BTreeSet<String> = widgets(&declared)
        .iter()
        .flat_map(|widget| widget["properties"]["alarms"].as_array().cloned().unwrap_or_default())
        .map(|arn| text(&arn))
        .collect();
    assert_eq!(listed.len(), alarms(&declared).len(), "each alarm is listed");
}

#[test]
fn the_dashboard_shows_each_queue_and_fits_together() {
    let declared = declared();
    let widgets = widgets(&declared);
    let all = Value::from(widgets.clone()).to_string();
    for queue in &declared.stack.queues {
        assert!(all.contains(&format!("\"QueueName\",\"{}\"", queue.name)), "{}", queue.name);
    }
    let mut taken = BTreeSet::new();
    for widget in &widgets {
        let at = |name: &str| widget[name].as_u64().unwrap();
        assert!(at("x") + at("width") <= 24, "{widget}");
        for column in at("x")..at("x") + at("width") {
            for row in at("y")..at("y") + at("height") {
                assert!(taken.insert((column, row)), "two widgets at column {column}, row {row}");
            }
        }
    }
    for widget in widgets {
        for row in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            if let Some(expression) = row[0]["expression"].as_str() {
                assert!(expression.len() <= 1024, "CloudWatch takes 1,024 characters: {expression}");
            }
        }
    }
}
