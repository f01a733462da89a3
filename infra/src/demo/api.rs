//! The public HTTP API, as the demo and the benchmark use it: nothing here that `curl` could not do.

use crate::sandbox::{self, CallError};
use partners::http::{Method, Request};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait for something that the system does by itself.
pub const WAIT_MAX: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why a step did not go as it must.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// No answer.
    #[error("{what}: {source}")]
    Call {
        /// Which request.
        what: String,
        /// Why.
        source: CallError,
    },
    /// Another answer than the one that must come.
    #[error("{what}: expected {expected}, got {got}")]
    Unexpected {
        /// Which request or fact.
        what: String,
        /// What must be.
        expected: String,
        /// What is.
        got: String,
    },
    /// It did not come about in time.
    #[error("{what} did not come about within {} s; last seen: {seen}", WAIT_MAX.as_secs())]
    TooLate {
        /// What was waited for.
        what: String,
        /// What was seen last.
        seen: String,
    },
}

/// A caller of the API with one key.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    headers: Vec<(String, String)>,
}

impl Api {
    /// A caller of the API at `base`.
    #[must_use]
    pub fn new(base: &str, bearer: &str) -> Self {
        Self { base: base.to_owned(), headers: vec![("authorization".to_owned(), format!("Bearer {bearer}"))] }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where it calls.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<(u16, Value), StepError> {
        let mut request = Request::new(method, format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.with_header(name, value);
        }
        if let Some((content_type, bytes)) = body {
            request = request.with_header("content-type", content_type);
            request.body = bytes;
        }
        send(&request).await
    }

    /// Reads, and must get `200`.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn get(&self, path: &str) -> Result<Value, StepError> {
        let answer = self.exchange(Method::Get, path, None).await?;
        must(&format!("GET {path}"), answer, &[200])
    }

    /// Posts JSON, and must get one of `statuses`.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn post_for(&self, path: &str, body: &Value, statuses: &[u16]) -> Result<Value, StepError> {
        let body = Some(("application/json", body.to_string().into_bytes()));
        must(&format!("POST {path}"), self.exchange(Method::Post, path, body).await?, statuses)
    }

    /// Posts JSON, and must get a 2xx.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, StepError> {
        self.post_for(path, body, &[200, 201, 202]).await
    }

    /// Puts JSON, and must get a 2xx.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, StepError> {
        let body = Some(("application/json", body.to_string().into_bytes()));
        must(&format!("PUT {path}"), self.exchange(Method::Put, path, body).await?, &[200, 201, 204])
    }

    /// Posts CSV, and must get a 2xx.
    ///
    /// # Errors
    /// [`StepError`].
    pub async fn post_csv(&self, path: &str, csv: &str) -> Result<Value, StepError> {
        let answer = self.exchange(Method::Post, path, Some(("text/csv", csv.as_bytes().to_vec()))).await?;
        must(&format!("POST {path}"), answer, &[200, 201])
    }

    /// Reads until `done` finds what it waits for.
    ///
    /// # Errors
    /// [`StepError::TooLate`] after [`WAIT_MAX`].
    pub async fn until<T>(&self, what: &str, path: &str, done: impl Fn(&Value) -> Option<T>) -> Result<T, StepError> {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let (status, body) = self.exchange(Method::Get, path, None).await?;
            if status == 200
                && let Some(found) = done(&body)
            {
                return Ok(found);
            }
            if Instant::now() > deadline {
                return Err(StepError::TooLate { what: what.to_owned(), seen: format!("{status} {}", short(&body)) });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Sends any request; gives status and JSON.
///
/// # Errors
/// [`StepError::Call`].
pub async fn send(request: &Request) -> Result<(u16, Value), StepError> {
    let what = format!("{} {}", request.method.as_str(), request.url);
    let answer = sandbox::call(request).await.map_err(|source| StepError::Call { what, source })?;
    let body = serde_json::from_slice(&answer.body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&answer.body).into_owned()));
    Ok((answer.status, body))
}

/// The body, if the status is one of those that must come.
///
/// # Errors
/// [`StepError::Unexpected`].
pub fn must(what: &str, (status, body): (u16, Value), statuses: &[u16]) -> Result<Value, StepError> {
    if statuses.contains(&status) {
        return Ok(body);
    }
    Err(StepError::Unexpected {
        what: what.to_owned(),
        expected: statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
        got: format!("{status} {}", short(&body)),
    })
}

/// The text at a JSON pointer.
///
/// # Errors
/// [`StepError::Unexpected`] when there is none.
pub fn text(body: &Value, pointer: &str) -> Result<String, StepError> {
    body.pointer(pointer).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| StepError::Unexpected {
        what: "an answer".to_owned(),
        expected: format!("text at {pointer}"),
        got: short(body),
    })
}

/// Holds a fact against what must be.
///
/// # Errors
/// [`StepError::Unexpected`] when they differ.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: T, expected: T) -> Result<(), StepError> {
    if got == expected {
        return Ok(());
    }
    Err(StepError::Unexpected { what: what.to_owned(), expected: format!("{expected:?}"), got: format!("{got:?}") })
}

fn short(body: &Value) -> String {
    body.to_string().chars().take(600).collect()
}
