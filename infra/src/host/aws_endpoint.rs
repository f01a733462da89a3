//! One endpoint for DynamoDB, its streams, SQS and S3, and a few questions to the host itself under `/_sklad/`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{Response, StatusCode, header};
use axum::routing::{get, post};
use engine::queues::LongPoll;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::environments::Pool;
use super::moment;
use super::roles::Roles;
use super::services::{ServiceError, Services};
use super::status;

/// Largest request, bytes: room for objects; the services have their own, smaller limits.
const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Shortest pause between two looks for a message: one that cannot be received yet is not asked for without end.
const AGAIN_MIN: Duration = Duration::from_millis(10);

/// What the endpoint needs.
pub(crate) struct Endpoint {
    pub(crate) services: Services,
    pub(crate) pools: BTreeMap<String, Arc<Pool>>,
    pub(crate) figures: status::Source,
    /// Absent where no policies are declared: then functions may do everything.
    pub(crate) roles: Option<Arc<Roles>>,
}

/// The server's routes.
pub(crate) fn router(endpoint: Arc<Endpoint>) -> Router {
    Router::new()
        .route("/_sklad/health", get(async || json_answer(StatusCode::OK, &json!({"status": "ok"}))))
        .route("/_sklad/status", get(figures))
        .route("/_sklad/meter", get(meter))
        .route("/_sklad/meter/reset", post(reset_meter))
        .route("/_sklad/rights", get(rights))
        .route("/_sklad/functions/{name}/invocations", post(invoke))
        .fallback(aws)
        .with_state(endpoint)
}

async fn aws(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, REQUEST_BYTES_MAX).await else {
        let problem = json!({"message": format!("the request broke off or is over {REQUEST_BYTES_MAX} bytes")});
        return json_answer(StatusCode::PAYLOAD_TOO_LARGE, &problem);
    };
    // What the server adds for itself is not part of the request.
    parts.extensions = Default::default();
    let request = axum::http::Request::from_parts(parts, body);
    match answer(&endpoint, &request).await {
        Ok(response) => response.map(Body::from),
        Err(error) => {
            // A kind of error that every SDK takes for passing.
            json_answer(
                StatusCode::INTERNAL_SERVER_ERROR,
                &json!({"__type": "InternalServerError", "message": error.to_string()}),
            )
        }
    }
}

/// Calls the engine, and again while a receive that wants to wait finds nothing.
async fn answer(
    endpoint: &Endpoint,
    request: &axum::http::Request<Bytes>,
) -> Result<axum::http::Response<Vec<u8>>, ServiceError> {
    let services = &endpoint.services;
    let began = Instant::now();
    let mut watched: Option<watch::Receiver<u64>> = None;
    loop {
        if let Some(arrivals) = &mut watched {
            arrivals.mark_unchanged();
        }
        let mut response = call(endpoint, request).await?;
        let Some(long_poll) = response.extensions_mut().remove::<LongPoll>() else {
            return Ok(response);
        };
        let left = Duration::from_millis(long_poll.wait_ms).saturating_sub(began.elapsed());
        if left.is_zero() {
            return Ok(response);
        }
        let Some(arrivals) = &mut watched else {
            // Watched from here on; what came before is found by the next call.
            watched = Some(services.arrivals(&long_poll.queue));
            continue;
        };
        let visible_in = match services.next_visible_at_ms(&long_poll.queue).await? {
            Some(at) => Duration::from_millis(at.saturating_sub(u64::try_from(moment::now_ms()).unwrap_or_default())),
            None => left,
        };
        tokio::select! {
            changed = arrivals.changed() => if changed.is_err() { return Ok(response) },
            () = tokio::time::sleep(visible_in.max(AGAIN_MIN).min(left)) => {}
        }
    }
}

async fn call(
    endpoint: &Endpoint,
    request: &axum::http::Request<Bytes>,
) -> Result<axum::http::Response<Vec<u8>>, ServiceError> {
    let mut copy = axum::http::Request::new(request.body().to_vec());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    let roles = endpoint.roles.clone();
    endpoint
        .services
        .with(move |engine| match roles.and_then(|roles| roles.refusal(&copy)) {
            Some(refusal) => refusal,
            None => engine.call(copy),
        })
        .await
}

async fn meter(State(endpoint): State<Arc<Endpoint>>) -> Response<Body> {
    figures_answer(endpoint.services.with(|engine| engine.meter().snapshot()).await)
}

async fn figures(State(endpoint): State<Arc<Endpoint>>) -> Response<Body> {
    figures_answer(endpoint.figures.look().await)
}

/// The rights that functions have used so far.
async fn rights(State(endpoint): State<Arc<Endpoint>>) -> Response<Body> {
    let used = endpoint.roles.as_deref().map(Roles::used).unwrap_or_default();
    json_answer(StatusCode::OK, &json!(used))
}

async fn reset_meter(State(endpoint): State<Arc<Endpoint>>) -> Response<Body> {
    let reset = endpoint.services.with(|engine| engine.meter().reset()).await;
    figures_answer(reset.map(|()| json!({"status": "reset"})))
}

fn figures_answer(asked: Result<impl Serialize, ServiceError>) -> Response<Body> {
    let failed = |error: String| json_answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({"message": error}));
    match asked.map(serde_json::to_value) {
        Ok(Ok(body)) => json_answer(StatusCode::OK, &body),
        Ok(Err(error)) => failed(error.to_string()),
        Err(error) => failed(error.to_string()),
    }
}

/// Invokes a function with the request's body as its event: how a schedule's function is run at once.
async fn invoke(State(endpoint): State<Arc<Endpoint>>, Path(name): Path<String>, event: Bytes) -> Response<Body> {
    let Some(pool) = endpoint.pools.get(&name) else {
        return json_answer(StatusCode::NOT_FOUND, &json!({"message": format!("no function {name}")}));
    };
    match pool.invoke(moment::request_id(), event).await {
        Ok(answer) => {
            let mut response = Response::new(Body::from(answer));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, axum::http::HeaderValue::from_static("application/json"));
            response
        }
        Err(error) => json_answer(StatusCode::BAD_GATEWAY, &json!({"message": error.to_string()})),
    }
}

fn json_answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, axum::http::HeaderValue::from_static("application/json"));
    response
}
