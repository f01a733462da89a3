//! Answers of the HTTP API that no function gave, as AWS gives them: a status and a message, and no more.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::json;

/// The header in which the HTTP API names a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");

/// A request that the gateway answers itself. Why is said in the host's log, not to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No route has this method and path.
    NotFound,
    /// The body or the event is over its limit.
    TooLarge,
    /// The body broke off, or the path is not percent-encoded UTF-8.
    BadRequest,
    /// More requests at the same time than are taken.
    Throttled,
    /// The function failed, or its answer is no HTTP response.
    Failed,
    /// The function did not answer in time.
    NoAnswer,
}

impl Refusal {
    fn spelt(self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "Not Found"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Self::BadRequest => (StatusCode::BAD_REQUEST, "Bad Request"),
            Self::Throttled => (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            Self::NoAnswer => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        }
    }

    /// The answer.
    pub(crate) fn into_response(self, request_id: &str) -> Response<Body> {
        let (status, message) = self.spelt();
        let mut response = Response::new(Body::from(json!({"message": message}).to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        name_request(response.headers_mut(), request_id);
        response
    }
}

/// Adds the request id that every answer of the HTTP API carries.
pub(crate) fn name_request(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::try_from(request_id) {
        headers.insert(REQUEST_ID, value);
    }
}
