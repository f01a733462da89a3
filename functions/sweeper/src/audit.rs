//! Audits of stock ([`domain::audit`]), some items at a time: whoever begins one, by the schedule or by request, it is carried
//! out here, since only what two runs find alike is a drift.
//!
//! Bounds, all of a look: [`ITEMS`] items, what [`evidence`] says of orders and takes, and the ledger as [`ledger`] says.
//! A run goes on with audits until [`crate::AUDITS_UNTIL_S`]; what is left is looked at in the next minute.

mod evidence;
mod ledger;
mod schedule;

use crate::look::Run;
use domain::audit::{Drift, Look, Looked, StockAudit};
use domain::stock::LevelId;
use domain::{MerchantId, Sku};
use evidence::Slice;
use platform::items::{RunningAudit, audit_key, running_audits_partition};
use platform::listing::PageRequest;
use platform::{Deps, Failure, Operation, Stored, Table, Versioned, Write};
use std::collections::BTreeSet;

/// Items of one look.
const ITEMS: usize = 50;
/// Audits under way that one run reads of.
const RUNNING_MAX: usize = 200;

/// Begins the audits that are due, and carries out those under way as far as time allows.
pub(crate) async fn audit(deps: &Deps, run: &mut Run, minute: usize) -> Result<(), Failure> {
    let mut outcome = schedule::begin_due(deps, run.now).await;
    let partition = running_audits_partition();
    let mut running = deps.store.query::<RunningAudit>(Table::Stock, &partition, "running#", RUNNING_MAX).await?;
    // Another one is the first each minute: a long one keeps no other waiting for ever.
    let first = minute % running.len().max(1);
    running.rotate_left(first);
    for (_, entry) in running {
        if crate::lasted_s(deps, run) > crate::AUDITS_UNTIL_S {
            break;
        }
        if let Err(failure) = carry_on(deps, run, &entry.body).await {
            tracing::error!(audit = %entry.body.audit, reason = %failure, "audit not carried on");
            outcome = outcome.and(Err(failure));
        }
    }
    outcome
}

/// Look after look, until the audit has to wait, is done, or the run's time is over.
async fn carry_on(deps: &Deps, run: &mut Run, entry: &RunningAudit) -> Result<(), Failure> {
    while crate::lasted_s(deps, run) <= crate::AUDITS_UNTIL_S {
        let Some(audit) = deps.store.load::<StockAudit>(&audit_key(&entry.audit)).await? else {
            return deps.store.apply(vec![Write::Delete(entry.key())]).await;
        };
        let merchant = audit.body.merchant();
        let looked = match audit.body.next_look(deps.clock.now()) {
            Look::Nothing => return deps.store.apply(vec![Write::Delete(entry.key())]).await,
            Look::Later(_) => return Ok(()),
            Look::Items { after } => {
                let (skus, after) = next_items(deps, &audit.body, &merchant, after.as_ref()).await?;
                let slice = Slice { merchant: &merchant, skus: &skus, only: None };
                Looked { levels: evidence::look(deps, &slice).await?, after }
            }
            Look::Again(levels) => {
                let skus: BTreeSet<Sku> = levels.iter().map(|level| level.sku.clone()).collect();
                let only: BTreeSet<LevelId> = levels.into_iter().collect();
                let slice =
                    Slice { merchant: &merchant, skus: &skus.into_iter().collect::<Vec<_>>(), only: Some(&only) };
                Looked { levels: evidence::look(deps, &slice).await?, after: None }
            }
        };
        let Some(proven) = store(deps, &audit, looked).await? else { return Ok(()) };
        report(run, &audit.body, &proven);
    }
    Ok(())
}

/// Stores a look. `None` when another run was faster: then it is that one's to go on.
async fn store(deps: &Deps, audit: &Versioned<StockAudit>, looked: Looked) -> Result<Option<Vec<Drift>>, Failure> {
    let (decision, proven) = audit.body.looked(looked, deps.clock.now());
    let operation = Operation::of(&["audit"]);
    // Looks must not push out what callers repeat their requests by.
    let mut audit = audit.clone();
    audit.operations.retain(|mark| *mark != operation.mark());
    let (writes, _) = deps.store.write_of(Some(&audit), decision, &operation)?;
    match deps.store.apply(writes).await {
        Ok(()) => Ok(Some(proven)),
        Err(Failure::Conflict(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn report(run: &mut Run, audit: &StockAudit, proven: &[Drift]) {
    for drift in proven {
        tracing::error!(
            audit = %audit.id, merchant = %audit.merchant(), sku = %drift.level.sku, location = %drift.level.location,
            lot = ?drift.level.lot, version = drift.version, findings = ?drift.findings, "stock drift"
        );
        run.swept.drifts.push(drift.level.clone());
    }
}

/// The next items of an audit, and the last of them when there are more.
async fn next_items(
    deps: &Deps,
    audit: &StockAudit,
    merchant: &MerchantId,
    after: Option<&Sku>,
) -> Result<(Vec<Sku>, Option<Sku>), Failure> {
    if !audit.skus.is_empty() {
        let mut skus: Vec<Sku> =
            audit.skus.iter().filter(|sku| after.is_none_or(|after| *sku > after)).cloned().collect();
        let more = skus.len() > ITEMS;
        skus.truncate(ITEMS);
        let last = skus.last().filter(|_| more).cloned();
        return Ok((skus, last));
    }
    let page = PageRequest { limit: ITEMS, after: after.map(ToString::to_string) };
    let page = deps.store.items(merchant, &page).await?;
    let skus: Vec<Sku> = page.items.into_iter().map(|stored| stored.body.item.sku).collect();
    let last = skus.last().filter(|_| page.next_cursor.is_some()).cloned();
    Ok((skus, last))
}
