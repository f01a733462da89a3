//! Requests and answers as plain data, so that partners need no I/O.

use std::fmt;

/// Header names and values, in order.
pub type Headers = Vec<(String, String)>;

/// The methods that partners and our own clients need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The method as it stands on the request line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request to a partner. Its `Debug` shows neither body nor header values: both hold credentials or personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Headers, credentials included.
    pub headers: Headers,
    /// Body; empty for none.
    pub body: Vec<u8>,
}

/// A partner's answer. Its `Debug` shows neither body nor header values.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, url: String) -> Self {
        Self { method, url, headers: vec![("accept".into(), "application/json".into())], body: Vec::new() }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same request with `value` as its JSON body.
    #[must_use]
    pub fn with_json(mut self, value: &serde_json::Value) -> Self {
        self.headers.push(("content-type".into(), "application/json".into()));
        self.body = value.to_string().into_bytes();
        self
    }
}

impl Response {
    /// The first header of that name, regardless of case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// `Retry-After` in whole seconds, where the partner gave it so (the form with a date is ignored).
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u32> {
        let text = self.header("retry-after")?.trim();
        let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
        whole.parse().ok()
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The first header of that name, regardless of case.
#[must_use]
pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// `text` as one segment of a path or one value of a query: everything but unreserved characters percent-encoded.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `base` and `path` with exactly one slash between them.
#[must_use]
pub(crate) fn join(base: &str, path: &str) -> String {
    format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/'))
}

fn names(headers: &[(String, String)]) -> Vec<&str> {
    headers.iter().map(|(name, _)| name.as_str()).collect()
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.url.split(['?', '#']).next().unwrap_or_default();
        f.debug_struct("Request")
            .field("method", &self.method.as_str())
            .field("url", &shown)
            .field("headers", &names(&self.headers))
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &names(&self.headers))
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_credential_no_query_and_no_body() {
        let request = Request::new(Method::Post, "https://a.example/x?phone=0888123456".into())
            .with_header("authorization", "Bearer top-secret")
            .with_json(&serde_json::json!({"name": "Иван"}));
        let shown = format!("{request:?}");
        for hidden in ["top-secret", "0888123456", "Иван"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
        assert!(shown.contains("authorization") && shown.contains("https://a.example/x"), "{shown}");
        let response = Response {
            status: 200,
            headers: vec![("set-cookie".into(), "top-secret".into())],
            body: b"top-secret".to_vec(),
        };
        assert!(!format!("{response:?}").contains("top-secret"));
    }

    #[test]
    fn retry_after_is_whole_seconds_or_nothing() {
        let check = |value: &str, expect: Option<u32>| {
            let response = Response { status: 429, headers: vec![("Retry-After".into(), value.into())], body: vec![] };
            assert_eq!(response.retry_after_seconds(), expect, "{value}");
        };
        check("2", Some(2));
        check(" 2.0 ", Some(2));
        check("Wed, 21 Oct 2026 07:28:00 GMT", None);
        check("-1", None);
    }

    #[test]
    fn a_query_value_cannot_break_out() {
        assert_eq!(percent_encode("a&b=c/д"), "a%26b%3Dc%2F%D0%B4");
    }
}
