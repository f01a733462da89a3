//! What the status of a carrier's answer means, the same for all that speak JSON over HTTP.

use super::CarrierError;
use crate::http::Response;
use crate::json::{FieldError, parse};
use serde_json::Value;

/// Longest code or field name kept, in characters.
const TEXT_MAX: usize = 100;

/// Whether the request could have bought something: decides what an unreadable answer means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Question,
    Purchase,
}

/// What an answer that cannot be read means.
pub(super) fn unreadable(sent: Sent, error: &FieldError) -> CarrierError {
    let reason = error.to_string();
    match sent {
        Sent::Question => CarrierError::Malformed { reason },
        Sent::Purchase => CarrierError::Indeterminate { reason },
    }
}

/// The JSON of a successful answer, else the error that its status stands for.
pub(super) fn answer(response: &Response, sent: Sent) -> Result<Value, CarrierError> {
    match response.status {
        200..=299 => parse(&response.body).map_err(|e| unreadable(sent, &e)),
        401 | 403 => Err(CarrierError::Unauthorised),
        429 => Err(CarrierError::Unavailable { retry_after_seconds: response.retry_after_seconds() }),
        // A time-out said by the server or something before it: it may have been done.
        400..=407 | 409..=499 => {
            let (reason, field) = error_of(&response.body);
            let reason = if reason.is_empty() { format!("status {}", response.status) } else { reason };
            Err(CarrierError::Refused { reason, field })
        }
        status if sent == Sent::Purchase => Err(CarrierError::Indeterminate { reason: format!("status {status}") }),
        _ => Err(CarrierError::Unavailable { retry_after_seconds: response.retry_after_seconds() }),
    }
}

/// Code and field of `{error: {code, field}}`; the message is left out, since it may echo an address.
pub(super) fn error_of(body: &[u8]) -> (String, Option<String>) {
    let Ok(value) = parse(body) else {
        return (String::new(), None);
    };
    let text = |name: &str| value["error"][name].as_str().map(|text| text.chars().take(TEXT_MAX).collect::<String>());
    (text("code").unwrap_or_default(), text("field"))
}
