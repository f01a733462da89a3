//! One endpoint for DynamoDB, its streams, SQS and S3, and a few questions to the host itself under `/_sklad/`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{Response, StatusCode, header};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::environments::Pool;
use super::moment;
use super::services::{ServiceError, Services};

/// Largest request, bytes: room for objects; the services have their own, smaller limits.
const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest wait of a receive (SQS's limit).
const WAIT_MAX: Duration = Duration::from_secs(20);

/// What the endpoint needs.
pub(crate) struct Endpoint {
    pub(crate) services: Services,
    pub(crate) pools: BTreeMap<String, Arc<Pool>>,
}

/// The server's routes.
pub(crate) fn router(endpoint: Arc<Endpoint>) -> Router {
    Router::new()
        .route("/_sklad/health", get(async || json_answer(StatusCode::OK, &json!({"status": "ok"}))))
        .route("/_sklad/meter", get(meter))
        .route("/_sklad/meter/reset", post(reset_meter))
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
    match answer(&endpoint.services, &request).await {
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

async fn answer(
    services: &Services,
    request: &axum::http::Request<Bytes>,
) -> Result<axum::http::Response<Vec<u8>>, ServiceError> {
    let Some(receive) = LongReceive::of(request) else {
        return call(services, request).await;
    };
    let until = Instant::now() + receive.wait;
    let mut arrivals = services.arrivals(&receive.queue);
    loop {
        arrivals.mark_unchanged();
        let response = call(services, request).await?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || response.status() != StatusCode::OK || has_messages(response.body()) {
            return Ok(response);
        }
        let visible_in = match services.next_visible_at_ms(&receive.queue).await? {
            Some(at) => Duration::from_millis(at.saturating_sub(u64::try_from(moment::now_ms()).unwrap_or_default())),
            None => left,
        };
        tokio::select! {
            changed = arrivals.changed() => if changed.is_err() { return Ok(response) },
            () = tokio::time::sleep(visible_in.max(Duration::from_millis(10)).min(left)) => {}
        }
    }
}

async fn call(
    services: &Services,
    request: &axum::http::Request<Bytes>,
) -> Result<axum::http::Response<Vec<u8>>, ServiceError> {
    let mut copy = axum::http::Request::new(request.body().to_vec());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    services.with(move |engine| engine.call(copy)).await
}

/// A receive that waits for messages.
#[derive(Debug, PartialEq, Eq)]
struct LongReceive {
    queue: String,
    wait: Duration,
}

impl LongReceive {
    fn of(request: &axum::http::Request<Bytes>) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Receive {
            queue_url: String,
            #[serde(default)]
            wait_time_seconds: u64,
        }
        let target = request.headers().get("x-amz-target")?;
        if target != "AmazonSQS.ReceiveMessage" {
            return None;
        }
        // A request that cannot be read is the engine's to refuse.
        let receive: Receive = serde_json::from_slice(request.body()).ok()?;
        let wait = Duration::from_secs(receive.wait_time_seconds);
        (!wait.is_zero() && wait <= WAIT_MAX)
            .then(|| Self { queue: receive.queue_url.rsplit('/').next().unwrap_or_default().to_owned(), wait })
    }
}

fn has_messages(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| body.get("Messages")?.as_array().map(|messages| !messages.is_empty()))
        .unwrap_or(false)
}

async fn meter(State(endpoint): State<Arc<Endpoint>>) -> Response<Body> {
    match endpoint.services.with(|engine| serde_json::to_value(engine.meter().snapshot())).await {
        Ok(Ok(snapshot)) => json_answer(StatusCode::OK, &snapshot),
        Ok(Err(error)) => json_answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({"message": error.to_string()})),
        Err(error) => json_answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({"message": error.to_string()})),
    }
}

async fn reset_meter(State(endpoint): State<Arc<Endpoint>>) -> Response<Body> {
    match endpoint.services.with(|engine| engine.meter().reset()).await {
        Ok(()) => json_answer(StatusCode::OK, &json!({"status": "reset"})),
        Err(error) => json_answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({"message": error.to_string()})),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &'static str, body: &'static str) -> axum::http::Request<Bytes> {
        axum::http::Request::post("/").header("x-amz-target", target).body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn only_a_receive_with_a_wait_is_held() {
        let url = r#"{"QueueUrl":"http://127.0.0.1:4566/000000000000/picks","WaitTimeSeconds":20}"#;
        let held = LongReceive::of(&request("AmazonSQS.ReceiveMessage", url)).unwrap();
        assert_eq!((held.queue.as_str(), held.wait.as_secs()), ("picks", 20));
        for (target, body) in [
            ("AmazonSQS.DeleteMessage", url),
            ("AmazonSQS.ReceiveMessage", r#"{"QueueUrl":"x/picks"}"#),
            ("AmazonSQS.ReceiveMessage", r#"{"QueueUrl":"x/picks","WaitTimeSeconds":21}"#),
            ("AmazonSQS.ReceiveMessage", "nonsense"),
        ] {
            assert_eq!(LongReceive::of(&request(target, body)), None, "{target} {body}");
        }
    }
}
