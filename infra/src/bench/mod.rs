//! `cargo local bench`: prints the figures of the README. Counts are exact and repeat; times are of this machine and this
//! build, with their spread.

mod cost;
mod functions;
mod handshake;
mod latency;
pub mod reserve;

use crate::demo::api::StepError;
use crate::demo::setup::Endpoints;
use crate::host::{Host, HostError, Options};
use std::path::PathBuf;

/// Why the benchmark ends without figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The stack.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A step of the flow.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A handshake between two that should agree.
    #[error("the TLS handshake: {0}")]
    Handshake(String),
    /// A directory or program.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// What is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How a stack is started, on which template.
    pub options: Options,
    /// The stack's own web addresses, once it runs, are derived from the host.
    pub scratch: PathBuf,
    /// Directory of release binaries of the functions.
    pub release: PathBuf,
}

/// Runs everything and prints it.
///
/// # Errors
/// [`BenchError`].
pub async fn run(plan: &Plan) -> Result<(), BenchError> {
    let build = if cfg!(debug_assertions) { "dev build" } else { "release build" };
    println!("Sklad's figures on this machine ({build} of cargo local)\n");
    latency::start_up(plan).await?;
    functions::start_up(plan).await?;
    handshake::first()?;
    let host = Host::start(plan.stack("flow")).await?;
    let endpoints = endpoints(&host);
    let outcome = async {
        cost::per_order(&endpoints, &host.aws_url).await?;
        latency::flow(&endpoints).await
    }
    .await;
    host.shutdown().await;
    outcome
}

impl Plan {
    /// Options of a fresh stack in a directory of its own.
    fn stack(&self, name: &str) -> Options {
        let mut options = self.options.clone().on_free_ports();
        options.data = self.scratch.join(name);
        options.fresh = true;
        options
    }
}

fn endpoints(host: &Host) -> Endpoints {
    Endpoints {
        api: host.api_url.clone(),
        sandbox: host.sandbox_url.clone().unwrap_or_default(),
        administrator_key: host.administrator_key.clone(),
    }
}

/// The value at `share` (0 to 1) of sorted values.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let index = (last as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// Prints a line of a table: what, then p50, p99 and the number of samples.
fn spread(what: &str, mut milliseconds: Vec<f64>) {
    milliseconds.sort_by(f64::total_cmp);
    println!(
        "{what:<52} p50 {:>8.1} ms   p99 {:>8.1} ms   ({} samples)",
        percentile(&milliseconds, 0.5),
        percentile(&milliseconds, 0.99),
        milliseconds.len()
    );
}
