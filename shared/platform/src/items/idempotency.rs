//! What an `Idempotency-Key` stood for, where it does not name the created object: orders are named by the shop's id.

use crate::operation::Operation;
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::{MerchantId, OrderId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a key is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(48);

/// The order that a key made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// The merchant.
    pub merchant: MerchantId,
    /// The operation's id.
    pub operation: String,
    /// Digest of the body.
    pub body: String,
    /// The order.
    pub order: OrderId,
    /// Unix seconds after which DynamoDB forgets it.
    pub expires_at: i64,
}

impl IdempotencyRecord {
    /// The record of `operation`.
    #[must_use]
    pub fn new(operation: &Operation, order: &OrderId, now: Timestamp) -> Self {
        Self {
            merchant: order.merchant(),
            operation: operation.id().to_owned(),
            body: operation.body().to_owned(),
            order: order.clone(),
            expires_at: (now + REMEMBERED).as_second(),
        }
    }
}

impl Stored for IdempotencyRecord {
    fn key(&self) -> Key {
        Key::new(Table::Orders, format!("{}#{}", self.merchant, self.operation), "idempotency")
    }
}
