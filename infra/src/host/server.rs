//! Loopback HTTP servers.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::logs::Logs;
use super::{HostError, moment};
use crate::sandbox;

/// A bound port that is not served yet.
pub(crate) struct Bound {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Bound {
    /// Binds a port of the loopback interface, or a free one for 0.
    pub(crate) async fn to(port: u16, what: &'static str, option: &'static str) -> Result<Self, HostError> {
        let error = |source| HostError::Port { port, what, option, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(error)?;
        let address = listener.local_addr().map_err(error)?;
        Ok(Self { listener, address })
    }

    /// The URL of what is served here.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until `stopping`, then lets running requests end. `ended` learns of an end that nobody asked for.
    pub(crate) fn serve(
        self,
        name: &'static str,
        router: Router,
        mut stopping: watch::Receiver<bool>,
        ended: mpsc::Sender<&'static str>,
        logs: Logs,
    ) -> JoinHandle<()> {
        let asked = stopping.clone();
        let listener = self.listener.tap_io(move |stream| {
            // Small answers must not wait for more; a stream that refuses works all the same.
            let _ = stream.set_nodelay(true);
        });
        tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
                // A closed channel means that the host is gone.
                let _ = stopping.wait_for(|stopping| *stopping).await;
            });
            if let Err(error) = serving.await {
                logs.host(format!("{name}: {error}"));
            }
            if !*asked.borrow() {
                // Nobody listens any more: the host is gone.
                let _ = ended.send(name).await;
            }
        })
    }
}

/// Serves the sandbox carrier and shop alone, which keep what they know in `data`; prints where.
///
/// # Errors
/// The port or the directory cannot be used.
pub(crate) async fn serve_sandbox(port: u16, data: &Path) -> Result<(), HostError> {
    let bound = Bound::to(port, "sandbox partners", "--sandbox-port").await?;
    std::fs::create_dir_all(data).map_err(|source| HostError::Io { what: "the sandbox's directory", source })?;
    let config = sandbox::Config::new(data.to_owned(), Arc::new(moment::now));
    let router = sandbox::router(config).await?;
    println!("Sandbox carrier and shop at {}", bound.url());
    axum::serve(bound.listener, router).await.map_err(|source| HostError::Io { what: "the sandbox", source })
}
