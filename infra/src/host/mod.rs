//! Runs a [`Stack`] on this machine: its HTTP API, its functions as processes, its queues, streams and schedules,
//! over the engine that stands for AWS.

mod aws_endpoint;
pub(crate) mod batch_failures;
mod data_dir;
mod environment;
mod environments;
mod event_sources;
mod figures;
#[cfg(test)]
mod fixtures;
pub(crate) mod functions;
mod gateway;
mod gateway_answer;
pub(crate) mod gateway_event;
mod housekeeping;
mod in_flight;
mod launch;
mod log_line;
mod logs;
mod metric_sums;
mod moment;
pub(crate) mod names;
mod order_count;
pub(crate) mod provision;
mod queue_mapping;
mod refusal;
mod roles;
mod routes;
mod runtime_api;
pub(crate) mod schedule;
mod server;
pub(crate) mod services;
mod start;
pub mod status;
mod stream_mapping;
pub(crate) mod stream_progress;
mod supervise;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) use data_dir::{Addresses, DataDir};
pub use data_dir::{DataError, RESTORED};
pub use launch::FunctionProgram;
pub(crate) use log_line::Colour;
pub use logs::Output;
pub(crate) use moment::now;
pub use provision::ProvisionError;
pub use routes::RouteConflict;
pub(crate) use routes::{Found, Routes};
pub(crate) use server::serve_sandbox;
pub(crate) use services::MachineClock;
pub use services::ServiceError;

use crate::template::model::Stack;

/// How long running invocations may take to end after the host was asked to stop.
const SHUTDOWN_MAX: Duration = Duration::from_secs(10);

/// What to run, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The template, or a stack that was read already.
    pub declaration: Declaration,
    /// The data directory.
    pub data: PathBuf,
    /// Whether everything in the data directory is deleted first.
    pub fresh: bool,
    /// Port of the HTTP API; 0 takes a free one, as with the others.
    pub api_port: u16,
    /// Port of the AWS endpoint.
    pub aws_port: u16,
    /// Port of the sandbox partners.
    pub sandbox_port: u16,
    /// Whether the sandbox carrier and shop run beside the stack.
    pub sandbox: bool,
    /// Program that runs a function; by default this very binary.
    pub program: Option<FunctionProgram>,
    /// Variables of every function, beside those of the template.
    pub variables: BTreeMap<String, String>,
    /// Most environments of one function.
    pub environments_max: usize,
    /// Whether log lines are shown.
    pub output: Output,
}

/// Where the stack comes from.
#[derive(Debug, Clone)]
pub enum Declaration {
    /// A template file.
    Template(PathBuf),
    /// As it is.
    Stack(Stack),
}

impl Options {
    /// The usual ports, and nothing deleted.
    pub fn new(declaration: Declaration, data: impl Into<PathBuf>) -> Self {
        Self {
            declaration,
            data: data.into(),
            fresh: false,
            api_port: 8080,
            aws_port: 4566,
            sandbox_port: 8081,
            sandbox: false,
            program: None,
            variables: BTreeMap::new(),
            environments_max: 4,
            output: Output::Quiet,
        }
    }

    /// Free ports in place of the usual ones, for tests.
    #[must_use]
    pub fn on_free_ports(mut self) -> Self {
        self.api_port = 0;
        self.aws_port = 0;
        self.sandbox_port = 0;
        self
    }
}

/// Why the host does not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The data directory.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The template.
    #[error(transparent)]
    Template(#[from] crate::template::TemplateError),
    /// Two routes are the same.
    #[error(transparent)]
    Routes(#[from] RouteConflict),
    /// A table, queue or bucket.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The engine.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// What the sandbox partners remember cannot be used.
    #[error("the sandbox partners: {0}")]
    Sandbox(#[from] crate::sandbox::JournalError),
    /// A port is taken.
    #[error("port {port} of 127.0.0.1 cannot be used for the {what}: {source}. Choose another one with {option}")]
    Port {
        /// The port.
        port: u16,
        /// Who wanted it.
        what: &'static str,
        /// The option that sets it.
        option: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A thread, file or program cannot be had.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A server that ran has ended by itself.
    #[error("the {0} has ended by itself; see the lines above")]
    Ended(&'static str),
}

/// Why a function that was invoked directly has no answer.
#[derive(Debug, thiserror::Error)]
pub enum DirectInvokeError {
    /// The template has no function of this name.
    #[error("no function `{0}` in the template")]
    Unknown(String),
    /// It failed; the text says how.
    #[error("{0}")]
    Failed(String),
}

/// A running stack.
pub struct Host {
    /// `http://127.0.0.1:<port>` of the HTTP API.
    pub api_url: String,
    /// `http://127.0.0.1:<port>` of the AWS endpoint.
    pub aws_url: String,
    /// `http://127.0.0.1:<port>` of the sandbox partners, if there are any.
    pub sandbox_url: Option<String>,
    /// API key of the administrator.
    pub administrator_key: String,
    /// The data directory, as an absolute path.
    pub data: PathBuf,
    running: Running,
}

/// What has to be ended, in the order in which it is.
struct Running {
    stopping: watch::Sender<bool>,
    ending: watch::Sender<bool>,
    /// The HTTP API and all event sources: what brings work.
    sources: Vec<JoinHandle<()>>,
    pools: BTreeMap<String, Arc<environments::Pool>>,
    /// What the functions need to the end.
    servers: Vec<JoinHandle<()>>,
    ended: mpsc::Receiver<&'static str>,
    services: services::Services,
    logs: logs::Logs,
    log_thread: std::thread::JoinHandle<()>,
    data: data_dir::DataDir,
}

impl Host {
    /// Starts the stack: everything is provisioned and every function has polled, or failed to, when this returns.
    ///
    /// # Errors
    /// When something that the template declares cannot be had; nothing is left running then.
    pub async fn start(options: Options) -> Result<Self, HostError> {
        start::start(options).await
    }

    /// Invokes a function directly, e.g. one that only a schedule invokes.
    ///
    /// # Errors
    /// When there is no such function or it fails.
    pub async fn invoke(&self, function: &str, event: &serde_json::Value) -> Result<Vec<u8>, DirectInvokeError> {
        let pool = self.running.pools.get(function).ok_or_else(|| DirectInvokeError::Unknown(function.to_owned()))?;
        let answer = pool
            .invoke(moment::request_id(), event.to_string().into())
            .await
            .map_err(|error| DirectInvokeError::Failed(error.to_string()))?;
        Ok(answer.to_vec())
    }

    /// Returns when one of the servers has ended by itself, which should never be.
    pub async fn failed(&mut self) -> HostError {
        match self.running.ended.recv().await {
            Some(server) => HostError::Ended(server),
            None => HostError::Ended("host"),
        }
    }

    /// Takes no more work, lets running invocations end (for ten seconds at most), then ends everything.
    pub async fn shutdown(self) {
        let Running { stopping, ending, sources, pools, servers, ended, services, logs, log_thread, data } =
            self.running;
        let deadline = Instant::now() + SHUTDOWN_MAX;
        stopping.send_replace(true);
        for mut source in sources {
            if tokio::time::timeout_at(deadline, &mut source).await.is_err() {
                source.abort();
            }
        }
        futures_util::future::join_all(pools.values().map(|pool| pool.close(deadline))).await;
        ending.send_replace(true);
        for server in servers {
            server.abort();
            // Aborted, or ended before.
            let _ = server.await;
        }
        drop((pools, services, ended));
        drop(logs);
        let written = tokio::task::spawn_blocking(move || log_thread.join());
        if tokio::time::timeout(Duration::from_secs(2), written).await.is_err() {
            eprintln!("host  the last log lines may be missing");
        }
        drop(data);
    }
}
