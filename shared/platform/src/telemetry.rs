//! Structured logs: one JSON object a line, with the order's correlation id from webhook to delivery, without personal data.

use tracing_subscriber::EnvFilter;

/// Starts logging to standard output, as Lambda collects it. `RUST_LOG` chooses the level, `info` by default.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,aws_smithy_runtime=warn"));
    // A second call (tests) leaves the first subscriber in place.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_env_filter(filter)
        .try_init();
}
