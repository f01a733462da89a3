//! An environment of old code, as the simulation sees it: its calls and its waits are made here.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;
use testkit::connector::EngineConnector;

use super::PreviousError;
use super::process::Process;
use super::protocol::{Body, Came, Event, FailureKind, Order, Wish};
use crate::simulation::clock::Agenda;

type Waiting = Pin<Box<dyn Future<Output = Came>>>;

/// One environment. Dropped, it is gone there too, whatever it does.
pub(crate) struct OldEnvironment {
    process: Rc<Process>,
    number: u64,
    function: String,
    connector: EngineConnector,
    agenda: Agenda,
}

impl OldEnvironment {
    /// An environment that starts with its first event, and whose every call goes through `connector`.
    pub(crate) fn new(process: Rc<Process>, function: &str, connector: EngineConnector, agenda: Agenda) -> Self {
        let number = process.new_environment();
        Self { process, number, function: function.to_owned(), connector, agenda }
    }

    /// Handles one raw event; gives what the invocation ends with.
    ///
    /// # Errors
    /// [`PreviousError`], when the old program does not do its part.
    pub(crate) async fn invoke(&self, event: Value) -> Result<Result<Value, String>, PreviousError> {
        let environment = self.number;
        let now_us = || self.agenda.clock.now_us();
        let mut open: BTreeMap<u64, Waiting> = BTreeMap::new();
        let function = self.function.clone();
        let mut turn = self.process.turn(Order::Invoke { environment, function, now_us: now_us(), event })?;
        loop {
            for id in turn.dropped {
                open.remove(&id);
            }
            if let Some(ended) = turn.ended {
                return Ok(ended);
            }
            for (id, wish) in turn.asked {
                open.insert(id, self.begin(wish)?);
            }
            let events = poll_fn(|context| {
                let mut events = Vec::new();
                open.retain(|id, waiting| match waiting.as_mut().poll(context) {
                    Poll::Ready(came) => {
                        events.push(Event { id: *id, came });
                        false
                    }
                    Poll::Pending => true,
                });
                if events.is_empty() { Poll::Pending } else { Poll::Ready(events) }
            })
            .await;
            turn = self.process.turn(Order::Resume { environment, now_us: now_us(), events })?;
        }
    }

    fn begin(&self, wish: Wish) -> Result<Waiting, PreviousError> {
        let (method, uri, headers, body) = match wish {
            Wish::Until(until_us) => {
                let nap = self.agenda.until(until_us);
                return Ok(Box::pin(async move {
                    nap.await;
                    Came::Instant
                }));
            }
            Wish::Call { method, uri, headers, body } => (method, uri, headers, body),
        };
        let unusable = |error: String| PreviousError::Unexpected(format!("{method} {uri}: {error}"));
        let mut request = HttpRequest::new(SdkBody::from(body.0));
        request.set_method(&method).map_err(|error| unusable(error.to_string()))?;
        request.set_uri(uri.clone()).map_err(|error| unusable(error.to_string()))?;
        for (name, value) in headers {
            request.headers_mut().try_append(name, value).map_err(|error| unusable(error.to_string()))?;
        }
        let call = self.connector.call(request);
        Ok(Box::pin(async move { call.await.map_or_else(failure, answer) }))
    }
}

impl Drop for OldEnvironment {
    fn drop(&mut self) {
        self.process.end(self.number);
    }
}

fn answer(response: HttpResponse) -> Came {
    let headers = response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // The engine's answers are whole.
    let body = Body(response.body().bytes().unwrap_or_default().to_vec());
    Came::Answer { status: response.status().as_u16(), headers, body }
}

fn failure(error: ConnectorError) -> Came {
    let kind = if error.is_io() {
        FailureKind::Io
    } else if error.is_timeout() {
        FailureKind::TimeOut
    } else if error.is_user() {
        FailureKind::User
    } else {
        FailureKind::Other
    };
    let message = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    Came::Failure { kind, message }
}
