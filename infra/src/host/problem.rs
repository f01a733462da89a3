//! Answers of the HTTP API that no function gave, as RFC 9457 problem details.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use platform::Problem;

/// The header in which the HTTP API names a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");

/// A request that the gateway answers itself.
#[derive(Debug)]
pub(crate) struct Refusal {
    problem: Box<Problem>,
    allow: Option<String>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), allow: None }
    }
}

impl Refusal {
    /// 405, with the methods that the path has.
    pub(crate) fn method(allow: String, method: &str) -> Self {
        Self {
            problem: Box::new(Problem::new(
                405,
                "method-not-allowed",
                format!("this path takes {allow}, not {method}"),
            )),
            allow: Some(allow),
        }
    }

    /// The answer; the request id is in the body as well as in the header.
    pub(crate) fn into_response(mut self, request_id: &str) -> Response<Body> {
        self.problem.request_id = Some(request_id.to_owned());
        // Strings and numbers only: this cannot fail, and an empty body would still carry the status.
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.problem.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(Ok(allow)) = self.allow.map(HeaderValue::try_from) {
            headers.insert(header::ALLOW, allow);
        }
        name_request(headers, request_id);
        response
    }
}

/// Adds the request id that every answer of the HTTP API carries.
pub(crate) fn name_request(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::try_from(request_id) {
        headers.insert(REQUEST_ID, value);
    }
}
