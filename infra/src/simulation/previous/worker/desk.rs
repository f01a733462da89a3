//! Where an environment's waits are noted: its HTTP client and its sleep.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;
use serde_json::Value;

use super::super::protocol::{Body, Came, FailureKind, Turn, Wish};
use crate::simulation::clock::{VirtualClock, lock};

/// Whether a future was woken while it was polled.
#[derive(Debug, Default)]
pub(super) struct Woken(AtomicBool);

impl Woken {
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Waits {
    next: u64,
    /// What has not been told yet.
    asked: BTreeMap<u64, Wish>,
    dropped: BTreeSet<u64>,
    open: BTreeMap<u64, (Waker, Option<Came>)>,
}

/// The desk of one environment. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Desk(Arc<Mutex<Waits>>);

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Desk {
    /// What is waited for has come.
    pub(super) fn settle(&self, id: u64, came: Came) {
        let mut waits = lock(&self.0);
        if let Some((waker, place)) = waits.open.get_mut(&id) {
            *place = Some(came);
            let waker = waker.clone();
            drop(waits);
            waker.wake();
        }
    }

    /// What was noted since the last time.
    pub(super) fn turn(&self, ended: Option<Result<Value, String>>) -> Turn {
        let mut waits = lock(&self.0);
        let asked = std::mem::take(&mut waits.asked).into_iter().collect();
        Turn { asked, dropped: std::mem::take(&mut waits.dropped).into_iter().collect(), ended }
    }

    /// A sleep on this desk.
    pub(super) fn timer(&self, clock: &VirtualClock) -> Timer {
        Timer { desk: self.clone(), clock: clock.clone() }
    }

    fn wait(&self, wish: Wish) -> Waiting {
        Waiting { desk: self.clone(), wish: Some(wish), id: None }
    }
}

/// One wait: noted when it is first polled, taken back when it is dropped.
struct Waiting {
    desk: Desk,
    wish: Option<Wish>,
    id: Option<u64>,
}

impl Future for Waiting {
    type Output = Came;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Came> {
        let desk = self.desk.clone();
        let mut waits = lock(&desk.0);
        if let Some(wish) = self.wish.take() {
            let id = waits.next;
            waits.next += 1;
            waits.asked.insert(id, wish);
            waits.open.insert(id, (context.waker().clone(), None));
            self.id = Some(id);
            return Poll::Pending;
        }
        let Some(id) = self.id else { return Poll::Pending };
        let Some((waker, came)) = waits.open.get_mut(&id) else { return Poll::Pending };
        match came.take() {
            Some(came) => {
                waits.open.remove(&id);
                self.id = None;
                Poll::Ready(came)
            }
            None => {
                waker.clone_from(context.waker());
                Poll::Pending
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let mut waits = lock(&self.desk.0);
        let settled = waits.open.remove(&id).is_some_and(|(_, came)| came.is_some());
        // What was never told need not be taken back, nor what has come.
        if waits.asked.remove(&id).is_none() && !settled {
            waits.dropped.insert(id);
        }
    }
}

impl HttpConnector for Desk {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let desk = self.clone();
        HttpConnectorFuture::new(async move { came(desk.wait(wish(request).await?).await) })
    }
}

impl HttpClient for Desk {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

async fn wish(request: HttpRequest) -> Result<Wish, ConnectorError> {
    let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let (method, uri) = (request.method().to_owned(), request.uri().to_owned());
    let body = request.into_body().collect().await.map_err(ConnectorError::user)?.to_bytes();
    Ok(Wish::Call { method, uri, headers, body: Body(body.to_vec()) })
}

fn came(came: Came) -> Result<HttpResponse, ConnectorError> {
    match came {
        Came::Instant => Err(ConnectorError::other("a call was answered by an instant".into(), None)),
        Came::Failure { kind, message } => Err(match kind {
            FailureKind::Io => ConnectorError::io(message.into()),
            FailureKind::TimeOut => ConnectorError::timeout(message.into()),
            FailureKind::User => ConnectorError::user(message.into()),
            FailureKind::Other => ConnectorError::other(message.into(), None),
        }),
        Came::Answer { status, headers, body } => {
            let broken = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::other(error, None);
            let status = status.try_into().map_err(|_| broken(format!("no status: {status}").into()))?;
            let mut response = HttpResponse::new(status, SdkBody::from(body.0));
            for (name, value) in headers {
                response.headers_mut().try_append(name, value).map_err(|error| broken(error.into()))?;
            }
            Ok(response)
        }
    }
}

/// The sleep of an environment.
#[derive(Debug, Clone)]
pub(super) struct Timer {
    desk: Desk,
    clock: VirtualClock,
}

impl AsyncSleep for Timer {
    fn sleep(&self, duration: Duration) -> Sleep {
        let waiting = self.desk.wait(Wish::Until(self.clock.after_us(duration)));
        Sleep::new(async move {
            waiting.await;
        })
    }
}
