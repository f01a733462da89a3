//! When a merchant's stock is audited without being asked for: each merchant's once a round, two rounds a day.

use domain::account::Merchant;
use domain::audit::{AuditCause, StockAudit};
use domain::{AuditId, Decision, MerchantId};
use jiff::{SignedDuration, Timestamp};
use platform::items::{AuditRound, key_prefix};
use platform::listing::PageRequest;
use platform::partition::PartitionList;
use platform::{Deps, Failure, Operation, Table};

/// A new round begins when the last one did this long ago and is over: each level is audited at least daily, as long as a
/// round takes less than the rest of the day.
const ROUND_EVERY: SignedDuration = SignedDuration::from_hours(12);
/// Merchants whose audits begin in one run.
const MERCHANTS: usize = 10;

/// Begins the audits of the next merchants of the round.
pub(super) async fn begin_due(deps: &Deps, now: Timestamp) -> Result<(), Failure> {
    let stored = deps.store.load::<AuditRound>(&AuditRound::key_of()).await?;
    let new = AuditRound { began_at: now, after: None, finished: false };
    let round = match stored.as_ref().map(|stored| &stored.body) {
        Some(round) if !round.finished => round.clone(),
        Some(round) if now < round.began_at + ROUND_EVERY => return Ok(()),
        _ => new,
    };
    let prefix = key_prefix("merchant");
    let list = PartitionList {
        table: Table::Accounts,
        partitions: &[MerchantId::platform().to_string()],
        prefix: &prefix,
        descending: false,
    };
    let after = round.after.as_ref().map(|merchant| format!("{prefix}{merchant}"));
    let page = deps.store.list_partitions::<Merchant>(&list, &PageRequest { limit: MERCHANTS, after }).await?;
    let mut next = AuditRound { finished: page.next_cursor.is_none(), ..round };
    for merchant in page.items {
        let merchant = merchant.body.id;
        let id = AuditId::derive(&merchant, &["scheduled", &next.began_at.to_string()]);
        let operation = Operation::of(&["audit", id.as_str()]);
        deps.store.begin_audit(&operation, StockAudit::begin(id, AuditCause::Scheduled, Vec::new(), now)).await?;
        next.after = Some(merchant);
    }
    // Another run at the same time has begun the same audits, under the same ids.
    let operation = Operation::of(&["audit-round"]);
    let (writes, _) = deps.store.write_of(stored.as_ref(), Decision::of(next), &operation)?;
    match deps.store.apply(writes).await {
        Ok(()) | Err(Failure::Conflict(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}
