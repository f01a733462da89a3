//! Audits of stock: the report, where it is listed, which ones are under way, and how far the ledger is summed up.

use super::sort_instant;
use crate::metrics::{Metric, Sample};
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::audit::{Ledger, StockAudit};
use domain::stock::Lot;
use domain::{AuditId, LocationId, MerchantId, Sku};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The key of an audit.
#[must_use]
pub fn audit_key(id: &AuditId) -> Key {
    Key::new(Table::Stock, format!("{}#{id}", id.merchant()), "audit")
}

impl Stored for StockAudit {
    fn key(&self) -> Key {
        audit_key(&self.id)
    }

    fn counted(&self, before: Option<&Self>) -> Vec<Sample> {
        let drifts =
            |audit: &Self| u64::try_from(audit.drifts.len()).unwrap_or(u64::MAX) + u64::from(audit.more_drifts);
        let found = drifts(self).saturating_sub(before.map_or(0, drifts));
        (found > 0).then(|| Sample::of(Metric::StockDrifts, found)).into_iter().collect()
    }
}

/// An audit in its merchant's list, oldest first: written with it, forgotten with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedAudit {
    /// The audit.
    pub audit: AuditId,
    /// When it was begun, UTC.
    pub started_at: Timestamp,
    /// Unix seconds after which DynamoDB may forget it.
    pub expires_at: i64,
}

/// The partition of a merchant's audits.
#[must_use]
pub fn listed_audits_partition(merchant: &MerchantId) -> String {
    format!("{merchant}#audits")
}

impl ListedAudit {
    /// The entry of an audit.
    #[must_use]
    pub fn of(audit: &StockAudit) -> Self {
        Self { audit: audit.id.clone(), started_at: audit.started_at, expires_at: audit.expires_at }
    }
}

impl Stored for ListedAudit {
    fn key(&self) -> Key {
        let sk = format!("audit#{}#{}", sort_instant(self.started_at), self.audit);
        Key::new(Table::Stock, listed_audits_partition(&self.audit.merchant()), sk)
    }
}

/// An audit under way: written when it begins, deleted when it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningAudit {
    /// The audit.
    pub audit: AuditId,
}

/// The partition of every merchant's audits under way.
#[must_use]
pub fn running_audits_partition() -> String {
    listed_audits_partition(&MerchantId::platform())
}

impl Stored for RunningAudit {
    fn key(&self) -> Key {
        Key::new(Table::Stock, running_audits_partition(), format!("running#{}", self.audit))
    }
}

/// How far the schedule is in its round over all merchants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRound {
    /// When the round began, UTC.
    pub began_at: Timestamp,
    /// The last merchant whose audit was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<MerchantId>,
    /// Whether every merchant's was.
    pub finished: bool,
}

impl Stored for AuditRound {
    fn key(&self) -> Key {
        Self::key_of()
    }
}

impl AuditRound {
    /// The key of the one round.
    #[must_use]
    pub fn key_of() -> Key {
        Key::new(Table::Stock, running_audits_partition(), "round")
    }
}

/// What the ledger of an item at a location adds up to before an instant, so that an audit need not read it all again.
/// Only instants so old that their movements have all been copied, or are lost, are summed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCheckpoint {
    /// Whose goods.
    pub merchant: MerchantId,
    /// The item.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// Sort keys of the ledger up to and with this one are summed up.
    pub through: String,
    /// Sums by the lot that movements name.
    pub sums: Vec<(Option<Lot>, Ledger)>,
}

impl LedgerCheckpoint {
    /// Its key: beside the levels.
    #[must_use]
    pub fn key_of(merchant: &MerchantId, sku: &Sku, location: &LocationId) -> Key {
        Key::new(Table::Stock, format!("{merchant}#{sku}"), format!("ledger#{location}"))
    }
}

impl Stored for LedgerCheckpoint {
    fn key(&self) -> Key {
        Self::key_of(&self.merchant, &self.sku, &self.location)
    }
}
