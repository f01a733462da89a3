//! Structured logs: one JSON object a line, with the order's correlation id from webhook to delivery, without personal data.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Starts logging to standard output, as Lambda collects it. `RUST_LOG` chooses levels by target, `info` by default:
/// `warn,platform=debug`.
pub fn init() {
    let asked = std::env::var("RUST_LOG").ok().and_then(|levels| levels.parse::<Targets>().ok());
    let levels = asked.unwrap_or_else(|| {
        Targets::new().with_default(LevelFilter::INFO).with_target("aws_smithy_runtime", LevelFilter::WARN)
    });
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false);
    // A second call (tests) leaves the first subscriber in place.
    let _ = tracing_subscriber::registry().with(levels).with(lines).try_init();
}
