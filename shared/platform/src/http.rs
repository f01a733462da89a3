//! HTTP in: API Gateway's payload 2.0 becomes a small request, and a small response becomes its answer.

use crate::problem::Problem;
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use base64::Engine as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Largest body accepted, bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A request.
#[derive(Clone, Default)]
pub struct Request {
    /// The route as the template writes it, for example `GET /v1/orders/{order}`.
    pub route: String,
    /// The path as it came.
    pub path: String,
    /// Path parameters.
    pub parameters: BTreeMap<String, String>,
    /// Query parameters.
    pub query: BTreeMap<String, String>,
    /// Headers; names are in lower case.
    pub headers: BTreeMap<String, String>,
    /// The raw body.
    pub body: Vec<u8>,
    /// API Gateway's request id.
    pub request_id: String,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Query, headers and body may carry personal data and credentials.
        f.debug_struct("Request")
            .field("route", &self.route)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body, UTF-8.
    pub body: String,
}

impl Response {
    /// A JSON answer.
    ///
    /// # Errors
    /// A 500 when the value cannot be written.
    pub fn json<T: Serialize>(status: u16, value: &T) -> Result<Self, Problem> {
        let body = serde_json::to_string(value)
            .map_err(|_| Problem::new(500, "internal-error", "an answer cannot be written"))?;
        Ok(Self { status, headers: vec![("content-type".to_owned(), "application/json".to_owned())], body })
    }

    /// An answer without body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    /// Adds the version of what is answered, for `If-Match`.
    #[must_use]
    pub fn with_version(mut self, version: u64) -> Self {
        self.headers.push(("etag".to_owned(), format!("\"{version}\"")));
        self
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let mut headers = vec![("content-type".to_owned(), "application/problem+json".to_owned())];
        if let Some(seconds) = problem.retry_after_s {
            headers.push(("retry-after".to_owned(), seconds.to_string()));
        }
        Self { status: problem.status, headers, body: serde_json::to_string(&problem).unwrap_or_default() }
    }
}

impl Request {
    /// Reads API Gateway's event.
    ///
    /// # Errors
    /// 400 when the body is no base64 though the event says so; 413 past [`BODY_BYTES_MAX`].
    pub fn from_event(event: ApiGatewayV2httpRequest) -> Result<Self, Problem> {
        let body = event.body.unwrap_or_default();
        let body = if event.is_base64_encoded {
            base64::engine::general_purpose::STANDARD
                .decode(body)
                .map_err(|_| Problem::new(400, "malformed", "the body is not base64"))?
        } else {
            body.into_bytes()
        };
        if body.len() > BODY_BYTES_MAX {
            return Err(Problem::new(413, "body-too-large", format!("a body has at most {BODY_BYTES_MAX} bytes")));
        }
        let query: BTreeMap<String, String> =
            event.query_string_parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Self {
            route: event.route_key.unwrap_or_default(),
            path: event.raw_path.unwrap_or_default(),
            parameters: event.path_parameters.into_iter().collect(),
            query,
            headers: event
                .headers
                .iter()
                .filter_map(|(name, value)| Some((name.as_str().to_lowercase(), value.to_str().ok()?.to_owned())))
                .collect(),
            body,
            request_id: event.request_context.request_id.unwrap_or_default(),
        })
    }

    /// A header's value; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// A path parameter, read as an id or code.
    ///
    /// # Errors
    /// 404 when it is none: there can be no such object.
    pub fn parameter<T: TryFrom<String>>(&self, name: &str) -> Result<T, Problem> {
        let text = self.parameters.get(name).cloned().unwrap_or_default();
        T::try_from(text).map_err(|_| Problem::not_found(format!("this {}", name.replace('_', " "))))
    }

    /// A query parameter, read as an id, code or number.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn query<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T::Err: std::fmt::Display,
    {
        self.query
            .get(name)
            .map(|text| text.parse().map_err(|error| Problem::invalid(format!("?{name}"), format!("{name}: {error}"))))
            .transpose()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 400 with the JSON pointer of the field at fault.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        read_json(&self.body)
    }

    /// The key under which a repetition of this request is recognised; a request without one is never a repetition.
    ///
    /// # Errors
    /// 400 when it is empty or longer than 128 bytes.
    pub fn idempotency_key(&self, ids: &dyn crate::clock::Ids) -> Result<String, Problem> {
        match self.header("idempotency-key") {
            None => Ok(ids.random(32)),
            Some(key) if key.is_empty() || key.len() > 128 => {
                Err(Problem::new(400, "invalid-header", "Idempotency-Key has 1 to 128 bytes"))
            }
            Some(key) => Ok(key.to_owned()),
        }
    }

    /// The version that `If-Match` asks for, if it is sent.
    ///
    /// # Errors
    /// 400 when it is no version.
    pub fn if_match(&self) -> Result<Option<u64>, Problem> {
        self.header("if-match")
            .filter(|value| *value != "*")
            .map(|value| {
                value
                    .trim_matches('"')
                    .parse()
                    .map_err(|_| Problem::new(400, "invalid-header", "If-Match takes the ETag of an earlier answer"))
            })
            .transpose()
    }
}

/// Reads JSON, naming the field at fault.
///
/// # Errors
/// 400 with a JSON pointer.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let mut pointer = pointer(error.path());
        let inner = error.into_inner();
        let detail = inner.to_string();
        match inner.classify() {
            serde_json::error::Category::Data => {
                let words = in_words(&detail);
                if let Some(name) = words.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
                    pointer.push_str(&format!("/{name}"));
                }
                Problem::new(400, "invalid-field", words).at(pointer)
            }
            _ => Problem::new(400, "malformed-json", format!("the body is not JSON: {detail}")),
        }
    })?;
    reader.end().map_err(|error| Problem::new(400, "malformed-json", format!("the body is not JSON: {error}")))?;
    Ok(value)
}

/// What a caller can use of serde's words: no position (the pointer says where), no names of Rust's types.
fn in_words(detail: &str) -> String {
    let words = detail.split(" at line ").next().unwrap_or(detail);
    let expects = |types: &[&str]| types.iter().any(|name| words.ends_with(&format!("expected {name}")));
    if expects(&["u8", "u16", "u32", "u64", "usize"]) {
        "must be a whole number, 0 or more, and not too large".to_owned()
    } else if expects(&["i8", "i16", "i32", "i64"]) {
        "must be a whole number, and not too large".to_owned()
    } else if words.contains("expected struct") {
        "must be a JSON object".to_owned()
    } else {
        words.to_owned()
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// What every answer says: it may hold personal data, which no cache keeps; it is what its type says; and it came over TLS.
const HEADERS: [(&str, &str); 3] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("strict-transport-security", "max-age=31536000"),
];

impl From<Response> for ApiGatewayV2httpResponse {
    fn from(response: Response) -> Self {
        let mut headers: http::HeaderMap = HEADERS
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .into_iter()
            .collect();
        for (name, value) in response.headers {
            if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), http::HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        let mut answer = Self::default();
        answer.status_code = i64::from(response.status);
        answer.headers = headers;
        answer.body = Some(aws_lambda_events::encodings::Body::Text(response.body));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[allow(dead_code)]
        quantity: u32,
    }

    #[derive(Debug, Deserialize)]
    struct Body {
        #[allow(dead_code)]
        lines: Vec<Inner>,
    }

    #[test]
    fn a_wrong_field_is_named_by_pointer_and_in_a_callers_words() {
        let check = |body: &str, pointer: &str, words: &str| {
            let problem = read_json::<Body>(body.as_bytes()).unwrap_err();
            assert_eq!((problem.pointer.as_deref(), problem.detail.as_str()), (Some(pointer), words), "{body}");
        };
        check(
            r#"{"lines":[{"quantity":1.5}]}"#,
            "/lines/0/quantity",
            "must be a whole number, 0 or more, and not too large",
        );
        check(r#"{"lines":[{}]}"#, "/lines/0/quantity", "missing field `quantity`");
        check("[]", "", "must be a JSON object");
    }
}
