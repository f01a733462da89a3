//! Audits of stock: begun here, carried out by the sweeper, read and repaired here.

use crate::wire::{AuditSummary, AuditView, NewAudit, NewRepairs, RepairedDrift};
use domain::account::Scope;
use domain::audit::{AuditCause, Drift, Repair, StockAudit};
use domain::receiving::check_actor;
use domain::{AuditId, Decision, MerchantId, Rejected};
use platform::auth::authenticate;
use platform::items::{ListedAudit, StoredItem, StoredLevel, audit_key, item_key, listed_audits_partition};
use platform::level::level_key;
use platform::listing::{Page, PageRequest};
use platform::partition::PartitionList;
use platform::requests::{existing_merchant, failed, operation};
use platform::spec::{CreateRefusals, EditRefusals, ForMerchant, Idempotent, PageQuery, Refusals};
use platform::{Deps, Failure, Key, Operation, Problem, Request, Response, Step, Table, Write};
use std::collections::BTreeSet;

/// Most items of a request; all are audited when none is named.
const SKUS_MAX: usize = 100;
/// Most drifts repaired together: they are one transaction.
const REPAIRS_MAX: usize = 40;
const READERS: &[Scope] = &[Scope::Merchant, Scope::Operations];

/// Begin an audit.
///
/// It proves, for each level of the items (all, unless some are named), the stock equation, the ledger of goods, and the
/// promises to orders. The sweeper carries it out: a drift is reported when two looks, at least 30 seconds apart, find it
/// alike, so the audit takes a minute or more. Every merchant's stock is audited twice a day without being asked for.
#[utoipa::path(
    post, path = "/v1/stock-audits", tag = "inventory", params(Idempotent, ForMerchant), request_body = NewAudit,
    responses((status = 202, description = "Begun", body = AuditSummary), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_stock_audit(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let merchant = existing_merchant(deps, &principal).await?;
    let new: NewAudit = request.json()?;
    let operation = operation(deps, request, merchant)?;
    require_items(deps, merchant, &new).await?;
    let id = AuditId::derive(merchant, &["requested", operation.id()]);
    let audit = StockAudit::begin(id, AuditCause::Requested, new.skus, deps.clock.now());
    let changed = deps.store.begin_audit(&operation, audit).await?;
    if changed.replayed {
        operation.is_done(&changed.value.operations)?;
    }
    let mut response = Response::json(202, &AuditSummary::from(changed.value.body))?;
    if changed.replayed {
        response.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
    }
    Ok(response)
}

async fn require_items(deps: &Deps, merchant: &MerchantId, new: &NewAudit) -> Result<(), Problem> {
    if new.skus.len() > SKUS_MAX {
        return Err(Problem::invalid("/skus", format!("name at most {SKUS_MAX} items, or none to audit all")));
    }
    let keys: Vec<Key> =
        new.skus.iter().map(|sku| item_key(merchant, sku)).collect::<BTreeSet<_>>().into_iter().collect();
    let known = deps.store.load_many::<StoredItem>(&keys).await?;
    let unknown = new.skus.iter().position(|sku| known.iter().all(|stored| stored.body.item.sku != *sku));
    match unknown {
        None => Ok(()),
        Some(index) => {
            Err(Problem::new(422, "unknown-item", "there is no item with this SKU: name one of the catalogue's")
                .at(format!("/skus/{index}")))
        }
    }
}

/// The audits, newest first.
#[utoipa::path(
    get, path = "/v1/stock-audits", tag = "inventory", params(PageQuery, ForMerchant),
    responses((status = 200, description = "One page", body = Page<AuditSummary>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_stock_audits(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let list = PartitionList {
        table: Table::Stock,
        partitions: &[listed_audits_partition(principal.merchant()?)],
        prefix: "audit#",
        descending: true,
    };
    let page = deps.store.list_partitions::<ListedAudit>(&list, &PageRequest::of(request)?).await?;
    let keys: Vec<Key> = page.items.iter().map(|entry| audit_key(&entry.body.audit)).collect();
    let audits = deps.store.load_many::<StockAudit>(&keys).await?;
    let items: Vec<AuditSummary> = audits.into_iter().map(|stored| stored.body.into()).collect();
    Response::json(200, &Page { items, next_cursor: page.next_cursor })
}

/// An audit, with its drifts and the evidence of each.
#[utoipa::path(
    get, path = "/v1/stock-audits/{audit}", tag = "inventory",
    params(("audit" = String, Path, description = "The audit"), ForMerchant),
    responses((status = 200, description = "The audit", body = AuditView), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn stock_audit(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let id: AuditId = request.parameter("audit")?;
    principal.may_see(&id.merchant(), "this audit")?;
    let stored = deps.store.require::<StockAudit>(&audit_key(&id), "this audit").await?;
    Ok(Response::json(200, &AuditView::from(stored.body))?.with_version(stored.version))
}

/// Repair drifts.
///
/// Each level becomes what its evidence says, all of them or none. Of goods a person says whom to believe, the movements or
/// the level; promises are set to what orders hold. Refused with 409 `level-changed` when a level is not any more what it was
/// when the evidence was taken: audit again.
#[utoipa::path(
    post, path = "/v1/stock-audits/{audit}/repair", tag = "inventory",
    params(("audit" = String, Path, description = "The audit"), Idempotent, ForMerchant), request_body = NewRepairs,
    responses((status = 200, description = "Repaired", body = AuditView), Refusals, EditRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn repair_stock_audit(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let id: AuditId = request.parameter("audit")?;
    let merchant = id.merchant();
    principal.may_see(&merchant, "this audit")?;
    let new: NewRepairs = request.json()?;
    check_actor(&new.actor).map_err(platform::requests::refused)?;
    if !(1..=REPAIRS_MAX).contains(&new.drifts.len()) {
        return Err(Problem::invalid("/drifts", format!("name 1 to {REPAIRS_MAX} drifts of the audit")));
    }
    let key = request.idempotency_key(&*deps.ids)?;
    let operation = Operation::of_request(&merchant, &request.route, id.as_str(), &key, &request.body);
    let changed = deps
        .store
        .change::<StockAudit, Step<StockAudit>>(&audit_key(&id), &operation, async |loaded| {
            let stored = loaded.ok_or_else(|| Failure::NotFound("this audit".to_owned()))?;
            let mut step = Step::from(Decision::of(stored.body.clone()));
            for (index, named) in new.drifts.iter().enumerate() {
                let at = |rejected: Rejected| Failure::Rejected(rejected.at(format!("/drifts/{index}")));
                let repair = Repair {
                    believe: named.believe,
                    liable: named.liable,
                    actor: new.actor.clone(),
                    at: deps.clock.now(),
                };
                let (drift, next) = step.decision.next.repaired(&named.level(), &repair).map_err(at)?;
                require_unchanged(deps, &merchant, &drift).await?.map_err(at)?;
                step.also.push(Write::Restore {
                    key: level_key(&merchant, &drift.level),
                    restored: drift.restore(&repair, &id).map_err(at)?,
                    level: drift.level,
                    version: drift.version,
                    operation: operation.id().to_owned(),
                });
                step.decision.next = next;
            }
            Ok(step)
        })
        .await
        .map_err(failed)?;
    Ok(Response::json(200, &AuditView::from(changed.value.body))?.with_version(changed.value.version))
}

/// Whether a level is still at the version that the evidence is of.
async fn require_unchanged(deps: &Deps, merchant: &MerchantId, drift: &Drift) -> Result<Result<(), Rejected>, Failure> {
    let stored = deps.store.load::<StoredLevel>(&level_key(merchant, &drift.level)).await?;
    let changed = "the level has changed since the evidence was taken: audit it again";
    let version = stored.map_or(0, |stored| stored.version);
    Ok(if version == drift.version { Ok(()) } else { Err(Rejected::new("level-changed", changed)) })
}

impl RepairedDrift {
    fn level(&self) -> domain::stock::LevelId {
        domain::stock::LevelId { sku: self.sku.clone(), location: self.location.clone(), lot: self.lot.clone() }
    }
}
