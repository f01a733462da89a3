//! Audits of stock.

use domain::aggregate::Actor;
use domain::audit::{AuditCause, AuditState, Believe, Drift, NotJudged, StockAudit};
use domain::stock::{LiableParty, Lot};
use domain::{AuditId, LocationId, Sku};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An audit to be begun.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAudit {
    /// The items, up to 100; every one unless given.
    #[serde(default)]
    pub skus: Vec<Sku>,
}

/// An audit in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditSummary {
    /// Its id.
    pub id: AuditId,
    /// Why it was begun.
    pub cause: AuditCause,
    /// How far it is.
    pub state: AuditState,
    /// When it was begun, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// Levels looked at so far.
    pub levels: u32,
    /// Drifts found.
    pub drifts: u32,
    /// Levels about which nothing was proven.
    pub not_judged: u32,
}

impl From<StockAudit> for AuditSummary {
    fn from(audit: StockAudit) -> Self {
        let reported = u32::try_from(audit.drifts.len()).unwrap_or(u32::MAX);
        Self {
            id: audit.id,
            cause: audit.cause,
            state: audit.state,
            started_at: audit.started_at,
            finished_at: audit.finished_at,
            levels: audit.levels,
            drifts: reported.saturating_add(audit.more_drifts),
            not_judged: audit.not_judged_total,
        }
    }
}

/// An audit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditView {
    /// Its id.
    pub id: AuditId,
    /// Why it was begun.
    pub cause: AuditCause,
    /// The items; none: all of them.
    pub skus: Vec<Sku>,
    /// How far it is.
    pub state: AuditState,
    /// When it was begun, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// Levels looked at so far.
    pub levels: u32,
    /// What is wrong, with the evidence: at most 40.
    pub drifts: Vec<Drift>,
    /// How many drifts there are beyond those: repair these and audit again.
    pub more_drifts: u32,
    /// Levels about which nothing was proven, and why: at most 50.
    pub not_judged: Vec<NotJudged>,
    /// How many those are.
    pub not_judged_total: u32,
}

impl From<StockAudit> for AuditView {
    fn from(audit: StockAudit) -> Self {
        Self {
            id: audit.id,
            cause: audit.cause,
            skus: audit.skus,
            state: audit.state,
            started_at: audit.started_at,
            finished_at: audit.finished_at,
            levels: audit.levels,
            drifts: audit.drifts,
            more_drifts: audit.more_drifts,
            not_judged: audit.not_judged,
            not_judged_total: audit.not_judged_total,
        }
    }
}

/// A drift to be repaired.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepairedDrift {
    /// The level's item.
    pub sku: Sku,
    /// The level's location.
    pub location: LocationId,
    /// The level's lot, where the item is kept by lot.
    #[serde(default)]
    pub lot: Option<Lot>,
    /// Whom to believe of the goods: the `movements` (unless given), or the `level`, which the movements then follow.
    #[serde(default)]
    pub believe: Believe,
    /// Who pays, where units appear in the books or vanish from them.
    #[serde(default)]
    pub liable: Option<LiableParty>,
}

/// Drifts to be repaired together.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRepairs {
    /// Which, 1 to 40.
    pub drifts: Vec<RepairedDrift>,
    /// Who decided.
    pub actor: Actor,
}
