//! HTTP errors: RFC 9457 problem details that name the field and the fix.

use crate::failure::Failure;
use domain::Rejected;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// A problem, as it is answered with `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Stable identifier of the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:sklad:problem:invalid-field")]
    pub kind: String,
    /// The same in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What is wrong here and what to do.
    pub detail: String,
    /// JSON pointer to the field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The request's id, as it stands in the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Seconds after which to try again.
    #[serde(skip)]
    pub retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem with a stable `code` in kebab-case.
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        let mut title = code.replace('-', " ");
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self {
            kind: format!("urn:sklad:problem:{code}"),
            title,
            status,
            detail: detail.into(),
            pointer: None,
            request_id: None,
            retry_after_s: None,
        }
    }

    /// Names the field at fault.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// 400: a field is wrong.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(400, "invalid-field", detail).at(pointer)
    }

    /// 404: there is no such thing, or it is not yours.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(404, "not-found", format!("{what} does not exist"))
    }

    /// 404 or 405: the function has no such route.
    #[must_use]
    pub fn no_route(route: &str) -> Self {
        Self::new(404, "no-such-route", format!("there is no route {route}: see /v1/openapi.json"))
    }
}

impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Self {
        let status = match rejected.code {
            "idempotency-key-reused" => 422,
            _ => 409,
        };
        let mut problem = Self::new(status, rejected.code, rejected.detail);
        problem.pointer = rejected.pointer;
        problem
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let retry = |detail: &str, after: Option<Duration>| {
            let mut problem = Self::new(503, "try-again", detail);
            problem.retry_after_s = Some(after.map_or(1, |after| after.as_secs().max(1)));
            problem
        };
        match failure {
            Failure::Rejected(rejected) => rejected.into(),
            Failure::Malformed(detail) => Self::new(400, "malformed", detail),
            Failure::NotFound(what) => Self::not_found(what),
            Failure::Conflict(_) => retry("others change the same thing at this moment: repeat the request", None),
            Failure::Unavailable { after, .. } => retry("a service that this needs is busy: repeat the request", after),
            Failure::Indeterminate(detail) => Self::new(202, "outcome-unknown", detail),
            // The detail of a bug is for the log, not for the caller.
            Failure::Bug(_) => Self::new(500, "internal-error", "this is our mistake: tell us the request id"),
        }
    }
}
