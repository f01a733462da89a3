//! Structured logs: one JSON object a line, with the order's correlation id from webhook to delivery, without personal data; and
//! the lines that metrics are taken from.

use crate::metrics::{MetricLines, TARGET};
use crate::settings::Settings;
use tracing::Metadata;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Starts logging to standard output, as Lambda collects it. `RUST_LOG` chooses the level, `info` by default; metrics are written
/// at every level.
pub fn init(settings: &Settings) {
    let level = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,aws_smithy_runtime=warn"));
    let is_metric = |metadata: &Metadata<'_>| metadata.target() == TARGET;
    let log = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_filter(level.and(filter_fn(move |metadata| !is_metric(metadata))));
    let metrics = MetricLines { stage: settings.get("STAGE").unwrap_or("unknown").to_owned() };
    // A second call (tests) leaves the first subscriber in place.
    let _ = tracing_subscriber::registry().with(log).with(metrics.with_filter(filter_fn(is_metric))).try_init();
}
