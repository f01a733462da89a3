//! The HTTP API: finds the function of a request, invokes it, and answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Response, StatusCode};

use super::environments::{InvokeError, Pool};
use super::gateway_answer;
use super::gateway_event::{self, Arrival};
use super::logs::Logs;
use super::moment;
use super::problem::{Problem, name_request};
use super::routes::{Found, Routes};

/// Largest body of a request, bytes (the HTTP API's limit).
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Largest event of a function, bytes (Lambda's limit).
const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Longest wait for a function (the HTTP API's limit).
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// What the HTTP API needs.
pub(crate) struct Gateway {
    pub(crate) routes: Routes,
    pub(crate) pools: BTreeMap<String, Arc<Pool>>,
    pub(crate) port: u16,
    pub(crate) logs: Logs,
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
        Err(problem) => problem.into_response(&request_id),
    }
}

impl Gateway {
    async fn invoke(
        &self,
        client: SocketAddr,
        request: Request,
        request_id: &str,
    ) -> Result<Response<Body>, Problem> {
        let (parts, body) = request.into_parts();
        let method = parts.method.as_str();
        let path = parts.uri.path();
        let matched = match self.routes.find(method, path) {
            Found::Route(matched) => matched,
            Found::OtherMethods(methods) => {
                let allow = methods.into_iter().collect::<Vec<_>>().join(", ");
                return Err(Problem {
                    allow: Some(allow.clone()),
                    ..Problem::new(
                        StatusCode::METHOD_NOT_ALLOWED,
                        "method-not-allowed",
                        "Method not allowed",
                        format!("This path takes {allow}, not {method}."),
                    )
                });
            }
            Found::Nothing => {
                return Err(Problem::new(
                    StatusCode::NOT_FOUND,
                    "no-such-route",
                    "No such route",
                    format!(
                        "No route has this path. The API is described by GET /v1/openapi.json. Asked for: {method} {path}"
                    ),
                ));
            }
            Found::BadEncoding => {
                return Err(Problem::new(
                    StatusCode::BAD_REQUEST,
                    "path-encoding",
                    "Path not readable",
                    "A part of the path is not percent-encoded UTF-8. Encode it anew.",
                ));
            }
        };
        let Some(pool) = self.pools.get(matched.function) else {
            return Err(internal("internal-error", request_id));
        };
        let body = read(body).await?;
        let arrival = Arrival {
            request_id,
            source: client.ip(),
            port: self.port,
            at: moment::now(),
        };
        let event = gateway_event::build(&matched, &parts, &body, &arrival).to_string();
        if event.len() > EVENT_BYTES_MAX {
            return Err(too_large(EVENT_BYTES_MAX));
        }
        let outcome = tokio::time::timeout(
            INTEGRATION_TIMEOUT,
            pool.invoke(request_id.to_owned(), event.into()),
        )
        .await;
        let answer = match outcome {
            Ok(Ok(answer)) => answer,
            Ok(Err(InvokeError::Function(_) | InvokeError::Crashed(_) | InvokeError::Init(_))) => {
                return Err(internal("internal-error", request_id));
            }
            Ok(Err(InvokeError::TimedOut(_) | InvokeError::ShuttingDown)) | Err(_) => {
                return Err(Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "try-again",
                    "Try again",
                    format!(
                        "The function gave no answer in time. Send the request again with the same Idempotency-Key. Request {request_id}."
                    ),
                ));
            }
        };
        gateway_answer::read(&answer).map_err(|error| {
            self.logs.host(format!(
                "{}: {error}; request {request_id}",
                matched.function
            ));
            internal("internal-error", request_id)
        })
    }
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    // A length that is announced is refused before anything is read.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large(BODY_BYTES_MAX));
    }
    axum::body::to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|error| {
            let source = std::error::Error::source(&error)
                .map(ToString::to_string)
                .unwrap_or_default();
            if source.contains("length limit") {
                too_large(BODY_BYTES_MAX)
            } else {
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "body-broke-off",
                    "Body incomplete",
                    "The body broke off before its end. Send the request again.",
                )
            }
        })
}

fn too_large(bytes: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body-too-large",
        "Body too large",
        format!("The request is over {bytes} bytes."),
    )
}

fn internal(kind: &'static str, request_id: &str) -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        kind,
        "Internal error",
        format!(
            "The function failed on this request; its log has the reason. Request {request_id}."
        ),
    )
}
