//! Answers of the HTTP API that no function gave, as RFC 9457 problem details.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::json;

/// The header in which the HTTP API names a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");

/// A request that the gateway answered itself.
#[derive(Debug)]
pub(crate) struct Problem {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Last part of the stable type.
    pub(crate) kind: &'static str,
    /// One line for people.
    pub(crate) title: &'static str,
    /// What happened here, and what to do.
    pub(crate) detail: String,
    /// Value of `Allow`, for a wrong method.
    pub(crate) allow: Option<String>,
}

impl Problem {
    /// A problem without further headers.
    pub(crate) fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind,
            title,
            detail: detail.into(),
            allow: None,
        }
    }

    /// The answer; the request id is in the body as well as in the header.
    pub(crate) fn into_response(self, request_id: &str) -> Response<axum::body::Body> {
        let body = json!({
            "type": format!("urn:sklad:problem:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "request_id": request_id,
        });
        let mut response = Response::new(axum::body::Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
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
