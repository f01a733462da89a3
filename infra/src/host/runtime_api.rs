//! The Lambda Runtime API, which every function's process polls. An environment finds itself by its base path
//! `/<function>/<environment>`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode, header};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

use super::environment::{Environment, FunctionError, Outcome, lock};
use super::names::function_arn;

/// Largest answer of a function, bytes (Lambda's limit).
const ANSWER_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The environments that may poll.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    environments: Mutex<BTreeMap<String, Arc<Environment>>>,
}

impl Registry {
    /// From now on it may poll.
    pub(crate) fn add(&self, environment: &Arc<Environment>) {
        lock(&self.environments).insert(environment.id.clone(), Arc::clone(environment));
    }

    /// From now on it may not.
    pub(crate) fn remove(&self, id: &str) {
        lock(&self.environments).remove(id);
    }

    fn find(&self, function: &str, id: &str) -> Option<Arc<Environment>> {
        lock(&self.environments).get(id).filter(|environment| environment.function.as_ref() == function).cloned()
    }
}

/// The server's routes.
pub(crate) fn router(registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/{function}/{environment}/2018-06-01/runtime/invocation/next", get(next))
        .route("/{function}/{environment}/2018-06-01/runtime/invocation/{request}/response", post(response))
        .route("/{function}/{environment}/2018-06-01/runtime/invocation/{request}/error", post(error))
        .route("/{function}/{environment}/2018-06-01/runtime/init/error", post(init_error))
        .with_state(registry)
}

async fn next(
    State(registry): State<Arc<Registry>>,
    Path((function, environment)): Path<(String, String)>,
) -> Response<Body> {
    let Some(environment) = registry.find(&function, &environment) else {
        return unknown("environment");
    };
    let Some(taken) = environment.next().await else {
        return unknown("environment");
    };
    let trace = format!("Root=1-{:08x}-{:024x};Sampled=0", taken.deadline_ms / 1000, fastrand::u128(..) >> 32);
    let response = Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", &taken.request_id)
        .header("Lambda-Runtime-Deadline-Ms", taken.deadline_ms)
        .header("Lambda-Runtime-Invoked-Function-Arn", function_arn(&function))
        .header("Lambda-Runtime-Trace-Id", trace)
        .body(Body::from(taken.payload));
    match response {
        Ok(response) => response,
        Err(error) => {
            let failed = FunctionError { kind: "Host.BadRequestId".to_owned(), message: error.to_string() };
            // Known, since it was taken above.
            let _ = environment.answer(&taken.request_id, Err(failed));
            status(StatusCode::INTERNAL_SERVER_ERROR, "Host.BadRequestId", &error.to_string())
        }
    }
}

async fn response(
    State(registry): State<Arc<Registry>>,
    Path((function, environment, request)): Path<(String, String, String)>,
    body: Body,
) -> Response<Body> {
    let Some(environment) = registry.find(&function, &environment) else {
        return unknown("environment");
    };
    let (outcome, too_large) = match axum::body::to_bytes(body, ANSWER_BYTES_MAX).await {
        Ok(bytes) => (Ok(bytes), false),
        Err(error) => {
            let failed = FunctionError {
                kind: "Function.ResponseSizeTooLarge".to_owned(),
                message: format!("the answer is over {ANSWER_BYTES_MAX} bytes or broke off: {error}"),
            };
            (Err(failed), true)
        }
    };
    let answer = settle(&environment, &request, outcome);
    if too_large {
        return status(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "the answer is too large");
    }
    answer
}

/// The error document of the Runtime API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reported {
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error_message: String,
}

fn reported(body: &[u8]) -> FunctionError {
    match serde_json::from_slice::<Reported>(body) {
        Ok(reported) => FunctionError { kind: reported.error_type, message: reported.error_message },
        Err(error) => FunctionError {
            kind: "Runtime.Unknown".to_owned(),
            message: format!("the function failed; its error document cannot be read: {error}"),
        },
    }
}

async fn error(
    State(registry): State<Arc<Registry>>,
    Path((function, environment, request)): Path<(String, String, String)>,
    body: Bytes,
) -> Response<Body> {
    match registry.find(&function, &environment) {
        Some(environment) => settle(&environment, &request, Err(reported(&body))),
        None => unknown("environment"),
    }
}

async fn init_error(
    State(registry): State<Arc<Registry>>,
    Path((function, environment)): Path<(String, String)>,
    body: Bytes,
) -> Response<Body> {
    match registry.find(&function, &environment) {
        Some(environment) => {
            environment.fail_init(reported(&body));
            environment.kill();
            accepted()
        }
        None => unknown("environment"),
    }
}

fn settle(environment: &Environment, request: &str, outcome: Outcome) -> Response<Body> {
    match environment.answer(request, outcome) {
        Ok(()) => accepted(),
        Err(error) => status(StatusCode::BAD_REQUEST, "InvalidRequestID", &error.to_string()),
    }
}

fn accepted() -> Response<Body> {
    let mut response = Response::new(Body::from(json!({"status": "OK"}).to_string()));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn unknown(what: &str) -> Response<Body> {
    status(StatusCode::FORBIDDEN, "Forbidden", &format!("no such {what}, or no longer"))
}

fn status(status: StatusCode, kind: &str, message: &str) -> Response<Body> {
    let body = json!({"errorType": kind, "errorMessage": message});
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response
}
