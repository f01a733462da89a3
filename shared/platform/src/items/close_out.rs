//! What an `Idempotency-Key` of a close-out stood for: which parcels were chosen, and what became of them. Without it a
//! repeated request would find other parcels waiting than the first did.

use crate::operation::Operation;
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::{MerchantId, ShipmentId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long a key is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(48);

/// What became of a parcel in a close-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseOutResult {
    /// The carrier has it.
    HandedOver,
    /// It stays.
    Skipped,
}

/// One parcel of a close-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseOutOutcome {
    /// The shipment.
    pub shipment: ShipmentId,
    /// What became of it.
    pub result: CloseOutResult,
    /// Why it was skipped: a code in kebab-case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A close-out that a key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseOutRecord {
    /// The merchant.
    pub merchant: MerchantId,
    /// The operation's id.
    pub operation: String,
    /// The parcels chosen, oldest first.
    pub shipments: Vec<ShipmentId>,
    /// Whether more were waiting.
    pub more: bool,
    /// What became of each; absent while it is being carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Vec<CloseOutOutcome>>,
    /// Unix seconds after which DynamoDB forgets it.
    pub expires_at: i64,
}

impl CloseOutRecord {
    /// The record of `operation`, before anything was handed over.
    #[must_use]
    pub fn new(
        merchant: &MerchantId,
        operation: &Operation,
        shipments: Vec<ShipmentId>,
        more: bool,
        now: Timestamp,
    ) -> Self {
        Self {
            merchant: merchant.clone(),
            operation: operation.id().to_owned(),
            shipments,
            more,
            outcomes: None,
            expires_at: (now + REMEMBERED).as_second(),
        }
    }
}

/// The key of the record of `operation`.
#[must_use]
pub fn close_out_key(merchant: &MerchantId, operation: &Operation) -> Key {
    key(merchant, operation.id())
}

fn key(merchant: &MerchantId, operation: &str) -> Key {
    Key::new(Table::Orders, format!("{merchant}#{operation}"), "close-out")
}

impl Stored for CloseOutRecord {
    fn key(&self) -> Key {
        key(&self.merchant, &self.operation)
    }
}
