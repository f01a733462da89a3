//! Operations: every write names what caused it, so that the same cause applied twice is recognised.

use crate::failure::Failure;
use domain::ids::digest;
use domain::{MerchantId, Message};

/// The identity of a step: derived from its cause, stored on the item that the step changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    id: String,
    body: String,
}

impl Operation {
    /// The step that a message causes: the same message, the same operation.
    #[must_use]
    pub fn of_message(message: &Message) -> Self {
        let text = serde_json::to_string(message).unwrap_or_default();
        Self { id: digest(&["message", &text], 16), body: String::new() }
    }

    /// The step that a request with an idempotency key causes. Another body under the same key is another `body`.
    #[must_use]
    pub fn of_request(merchant: &MerchantId, route: &str, subject: &str, idempotency_key: &str, body: &[u8]) -> Self {
        Self {
            id: digest(&["request", merchant.as_str(), route, subject, idempotency_key], 16),
            body: digest(&[&String::from_utf8_lossy(body)], 8),
        }
    }

    /// A step with a cause of its own.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        Self { id: digest(parts, 16), body: String::new() }
    }

    /// Its id: 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Digest of the body of the request, for the items that a request creates.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// How it is stored on an item.
    #[must_use]
    pub fn mark(&self) -> String {
        if self.body.is_empty() { self.id.clone() } else { format!("{}.{}", self.id, self.body) }
    }

    /// Whether `marks` show this operation as done.
    ///
    /// # Errors
    /// `idempotency-key-reused` when they show it with another body.
    pub fn is_done(&self, marks: &[String]) -> Result<bool, Failure> {
        for mark in marks {
            let (id, body) = mark.split_once('.').unwrap_or((mark, ""));
            if id == self.id {
                return if body == self.body {
                    Ok(true)
                } else {
                    Err(Failure::Rejected(domain::Rejected::new(
                        "idempotency-key-reused",
                        "this Idempotency-Key was used with another body: use a new key for a new request",
                    )))
                };
            }
        }
        Ok(false)
    }
}
