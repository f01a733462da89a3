//! Business metrics: what orders, labels, parcels and stock come to, counted by the commit that makes it so
//! ([`crate::Stored::counted`]), and written as a log line from which CloudWatch takes the metric (embedded metric format).
//!
//! | Metric | Dimensions | Counts |
//! |---|---|---|
//! | `OrdersEntered` | `Stage`, `State`: [`domain::order::FulfilmentState`] | orders that entered the state; every order enters `received` |
//! | `OrdersLate` | `Stage` | orders that should have left the warehouse, [`domain::late`] |
//! | `ShipmentsEntered` | `Stage`, `State`: [`domain::shipment::ShipmentState`] | shipments that entered the state, return labels included |
//! | `ParcelsEntered` | `Stage`, `State`: [`domain::order::DeliveryState`] | outbound parcels that entered the state |
//! | `ParcelsLate` | `Stage` | outbound parcels that should have arrived, [`domain::late`] |
//! | `StockDrifts` | `Stage` | inventory levels that an audit proved wrong |
//!
//! A metric is billed by its dimensions' values: some thirty a stage, and no merchant among them, whose figures are in the API. What
//! AWS counts itself is not counted again: dead letters and ages (`AWS/SQS`), units (`AWS/DynamoDB`), invocations (`AWS/Lambda`).
//!
//! Counted at most once: a repeated operation commits nothing. A commit whose answer was lost, or a crash right after it, is not
//! counted; exact figures are in the tables.

use crate::clock::{Clock, SystemClock};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::Write as _;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Sklad";

/// What an event of `tracing` is addressed to if it is a metric's and no line of the log.
pub(crate) const TARGET: &str = "sklad::metrics";

/// A metric. Its unit is `Count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the table above
pub enum Metric {
    OrdersEntered,
    OrdersLate,
    ShipmentsEntered,
    ParcelsEntered,
    ParcelsLate,
    StockDrifts,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 6] = [
        Self::OrdersEntered,
        Self::OrdersLate,
        Self::ShipmentsEntered,
        Self::ParcelsEntered,
        Self::ParcelsLate,
        Self::StockDrifts,
    ];

    /// Its name in CloudWatch.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OrdersEntered => "OrdersEntered",
            Self::OrdersLate => "OrdersLate",
            Self::ShipmentsEntered => "ShipmentsEntered",
            Self::ParcelsEntered => "ParcelsEntered",
            Self::ParcelsLate => "ParcelsLate",
            Self::StockDrifts => "StockDrifts",
        }
    }
}

/// So many of a metric, counted by one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The metric.
    pub metric: Metric,
    /// The state that was entered, in snake_case, for metrics that have the dimension.
    pub state: Option<String>,
    /// How many.
    pub count: u64,
}

/// What a state is called in a metric: as it is stored.
#[must_use]
pub fn state_name(state: impl Serialize) -> String {
    let name = serde_json::to_value(state).ok().and_then(|state| state.as_str().map(str::to_owned));
    name.unwrap_or_else(|| "unknown".to_owned())
}

impl Sample {
    /// So many of a metric without states.
    #[must_use]
    pub fn of(metric: Metric, count: u64) -> Self {
        Self { metric, state: None, count }
    }

    /// One that entered a state, which is called as it is stored.
    #[must_use]
    pub fn entered(metric: Metric, state: impl Serialize) -> Self {
        Self { metric, state: Some(state_name(state)), count: 1 }
    }

    /// The line of the log that CloudWatch takes the metric from; `stage` is the deployment's.
    #[must_use]
    pub fn line(&self, stage: &str, at: Timestamp) -> String {
        let name = self.metric.name();
        let mut dimensions = vec!["Stage"];
        dimensions.extend(self.state.as_ref().map(|_| "State"));
        let mut line = json!({
            "_aws": {
                "Timestamp": at.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [dimensions],
                    "Metrics": [{ "Name": name, "Unit": "Count" }],
                }],
            },
            "Stage": stage,
            (name): self.count,
        });
        if let Some(state) = &self.state {
            line["State"] = Value::from(state.as_str());
        }
        line.to_string()
    }
}

/// Counts what a commit came to.
pub(crate) fn emit(samples: &[Sample]) {
    for Sample { metric, state, count } in samples {
        tracing::info!(target: TARGET, metric = metric.name(), state = state.as_deref(), count);
    }
}

/// Writes samples to standard output, which is where CloudWatch reads them.
#[derive(Debug)]
pub(crate) struct MetricLines {
    /// The deployment's name.
    pub(crate) stage: String,
}

impl<S: Subscriber> Layer<S> for MetricLines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if let Some(sample) = Fields::of(event).sample() {
            // As for every line of the log: without standard output there is nobody to tell.
            let _ = writeln!(std::io::stdout().lock(), "{}", sample.line(&self.stage, SystemClock.now()));
        }
    }
}

/// The fields of an event of [`emit`].
#[derive(Debug, Default)]
struct Fields {
    metric: Option<Metric>,
    state: Option<String>,
    count: u64,
}

impl Fields {
    fn of(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        fields
    }

    fn sample(self) -> Option<Sample> {
        let Self { metric, state, count } = self;
        metric.map(|metric| Sample { metric, state, count })
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "metric" => self.metric = Metric::ALL.into_iter().find(|metric| metric.name() == value),
            "state" => self.state = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "count" {
            self.count = value;
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}

#[cfg(test)]
mod tests;
