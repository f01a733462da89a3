//! Structured logs: one JSON object a line, with the order's correlation id from webhook to delivery, without personal data; and
//! the lines that metrics are taken from.

use crate::metrics::{MetricLines, TARGET};
use crate::settings::Settings;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Starts logging to standard output, as Lambda collects it. `RUST_LOG` chooses levels by target, `info` by default:
/// `warn,platform=debug`; metrics are written at every level.
pub fn init(settings: &Settings) {
    let asked = settings.get("RUST_LOG").and_then(|levels| levels.parse::<Targets>().ok());
    let levels = asked.unwrap_or_else(|| {
        Targets::new().with_default(LevelFilter::INFO).with_target("aws_smithy_runtime", LevelFilter::WARN)
    });
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_filter(levels.with_target(TARGET, LevelFilter::OFF));
    let metrics = MetricLines { stage: settings.get("STAGE").unwrap_or("unknown").to_owned() };
    let metrics = metrics.with_filter(Targets::new().with_target(TARGET, LevelFilter::INFO));
    // A second call (tests) leaves the first subscriber in place.
    let _ = tracing_subscriber::registry().with(lines).with(metrics).try_init();
}
