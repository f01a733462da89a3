//! The HTTP API: finds the function of a request, invokes it, and answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::Semaphore;

use super::environments::{InvokeError, Pool};
use super::gateway_answer;
use super::gateway_event::{self, Arrival};
use super::logs::Logs;
use super::moment;
use super::refusal::{Refusal, name_request};
use super::routes::{Found, Routes};

/// Largest body of a request, bytes (the HTTP API's limit).
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Largest event of a function, bytes (Lambda's limit).
const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Longest wait for a function (the HTTP API's limit).
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Requests that may wait for their functions at the same time; more are turned away.
const REQUESTS_MAX: usize = 512;

/// What the HTTP API needs.
pub(crate) struct Gateway {
    pub(crate) routes: Routes,
    pub(crate) pools: BTreeMap<String, Arc<Pool>>,
    pub(crate) port: u16,
    pub(crate) logs: Logs,
    pub(crate) admission: Semaphore,
}

/// The limit of requests at the same time.
pub(crate) fn admission() -> Semaphore {
    Semaphore::new(REQUESTS_MAX)
}

/// The server's routes: all paths come to the template's table.
pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().fallback(answer).with_state(gateway)
}

async fn answer(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let request_id = moment::request_id();
    match gateway.invoke(client, request, &request_id).await {
        Ok(mut response) => {
            name_request(response.headers_mut(), &request_id);
            response
        }
        Err(refusal) => refusal.into_response(&request_id),
    }
}

impl Gateway {
    async fn invoke(&self, client: SocketAddr, request: Request, request_id: &str) -> Result<Response<Body>, Refusal> {
        let (parts, body) = request.into_parts();
        let method = parts.method.as_str();
        let path = parts.uri.path();
        let matched = match self.routes.find(method, path) {
            Found::Route(matched) => matched,
            Found::Nothing => return Err(Refusal::NotFound),
            Found::BadEncoding => return Err(Refusal::BadRequest),
        };
        let Some(pool) = self.pools.get(matched.function) else {
            return Err(Refusal::Failed);
        };
        let _admitted = self.admission.try_acquire().map_err(|_| Refusal::Throttled)?;
        let body = read(body).await?;
        let arrival = Arrival { request_id, source: client.ip(), port: self.port, at: moment::now() };
        let event = gateway_event::build(&matched, &parts, &body, &arrival).to_string();
        if event.len() > EVENT_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        let running = pool.invoke(request_id.to_owned(), event.into());
        let answer = match tokio::time::timeout(INTEGRATION_TIMEOUT, running).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(InvokeError::Function(_) | InvokeError::Crashed(_) | InvokeError::Init(_))) => {
                return Err(Refusal::Failed);
            }
            Ok(Err(InvokeError::TimedOut(_) | InvokeError::ShuttingDown)) | Err(_) => {
                return Err(Refusal::NoAnswer);
            }
        };
        gateway_answer::read(&answer).map_err(|error| {
            self.logs.host(format!("{}: {error}; request {request_id}", matched.function));
            Refusal::Failed
        })
    }
}

async fn read(body: Body) -> Result<Bytes, Refusal> {
    // A length that is announced is refused before anything is read.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(Refusal::TooLarge);
    }
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge),
        Err(_) => Err(Refusal::BadRequest),
    }
}
