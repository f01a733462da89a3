//! Recalls.

use domain::Sku;
use domain::aggregate::Actor;
use domain::recall::{Recall, RecalledUnits};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A lot that is recalled.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRecall {
    /// The item.
    pub sku: Sku,
    /// The lot's code.
    pub lot: String,
    /// Why, in words, without personal data.
    pub reason: String,
    /// Who declares it.
    pub actor: Actor,
}

/// A recall and who has units of its lot.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecallView {
    /// The recall.
    #[serde(flatten)]
    pub recall: Recall,
    /// Fulfilment orders that have units, one page; complete when the state is `listed` or `closed`.
    pub orders: Vec<RecalledUnits>,
    /// Send it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
