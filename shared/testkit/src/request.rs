//! Building requests as API Gateway would send them, and reading answers.

use platform::{Request, Response};
use serde::Serialize;
use serde_json::Value;

/// Builds a request for a route of the template.
#[derive(Debug, Clone, Default)]
pub struct RequestBuilder(Request);

/// A request for `route`, for example `GET /v1/orders/{order}`.
#[must_use]
pub fn request(route: &str) -> RequestBuilder {
    RequestBuilder(Request { route: route.to_owned(), request_id: "test-request".to_owned(), ..Request::default() })
}

impl RequestBuilder {
    /// Sets a path parameter.
    #[must_use]
    pub fn path(mut self, name: &str, value: impl ToString) -> Self {
        self.0.parameters.insert(name.to_owned(), value.to_string());
        self
    }

    /// Sets a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.0.query.insert(name.to_owned(), value.to_string());
        self
    }

    /// Sets a header; the name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.0.headers.insert(name.to_owned(), value.to_string());
        self
    }

    /// Sends an API key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", format!("Bearer {key}"))
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &impl Serialize) -> Self {
        let text = serde_json::to_vec(body).expect("a test's body is JSON");
        self.body(text).header("content-type", "application/json")
    }

    /// Sets a raw body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self
    }

    /// The request.
    #[must_use]
    pub fn build(self) -> Request {
        self.0
    }
}

/// Status and JSON of an answer; problems read like answers.
#[must_use]
pub fn read(answer: Result<Response, platform::Problem>) -> (u16, Value) {
    let response = answer.unwrap_or_else(Response::from);
    let body = if response.body.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&response.body).unwrap_or(Value::String(response.body))
    };
    (response.status, body)
}
