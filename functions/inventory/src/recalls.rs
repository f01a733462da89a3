//! Recalls of lots.

use crate::wire::{NewRecall, RecallView};
use domain::account::{Scope, check_text};
use domain::lot_record::LotRecord;
use domain::recall::{Recall, RecalledUnits};
use domain::receiving::{REASON_BYTES_MAX, check_actor};
use domain::{Decision, RecallId, Rejected};
use platform::auth::{READERS, authenticate};
use platform::items::{RECALLED_PREFIX, lot_key, recall_key, recall_partition};
use platform::listing::PageRequest;
use platform::partition::PartitionList;
use platform::requests::{created, existing_merchant, failed, operation, refused};
use platform::spec::{CreateRefusals, ForMerchant, Idempotent, PageQuery, Refusals};
use platform::{Deps, Failure, Problem, Request, Response, Step, Table};

/// Recall a lot.
///
/// Nothing of it is sold from now on, and what comes in late is counted as `recalled`. Within minutes the orders that have units
/// are listed, and those that have not left are held; see the recall's state.
#[utoipa::path(
    post, path = "/v1/recalls", tag = "inventory", params(Idempotent, ForMerchant), request_body = NewRecall,
    responses((status = 201, description = "Declared", body = Recall), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_recall(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let merchant = existing_merchant(deps, &principal).await?;
    let new: NewRecall = request.json()?;
    check_text("/reason", &new.reason, REASON_BYTES_MAX).map_err(refused)?;
    check_actor(&new.actor).map_err(refused)?;
    let operation = operation(deps, request, merchant)?;
    let id = RecallId::derive(merchant, &["recall", operation.id()]);
    let now = deps.clock.now();
    let (key, lot_key) = (recall_key(&id), lot_key(merchant, &new.sku, &new.lot));
    let changed = deps.store.change::<Recall, Step<Recall>>(&key, &operation, async |_| {
        let record = deps.store.load::<LotRecord>(&lot_key).await?.ok_or_else(|| {
            let detail = "no goods of this lot ever came in: see `levels` of GET /v1/stock-levels/{sku}";
            Rejected::new("unknown-lot", detail).at("/lot")
        })?;
        let recalled = record.body.recalled(&id)?;
        let lot = (&record.body.sku, &record.body.lot);
        let decision =
            Recall::declare(id.clone(), lot, new.reason.clone(), record.body.first_received_at, &new.actor, now);
        let also = deps.store.write_of(Some(&record), Decision::of(recalled), &operation)?.0;
        Ok::<_, Failure>(Step { decision, also })
    });
    created(changed.await.map_err(failed)?, &operation, |recall| recall)
}

/// One recall, and one page of who has units of its lot.
#[utoipa::path(
    get, path = "/v1/recalls/{recall}", tag = "inventory",
    params(("recall" = String, Path, description = "The recall's id"), PageQuery, ForMerchant),
    responses((status = 200, description = "The recall", body = RecallView), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn recall(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let id: RecallId = request.parameter("recall")?;
    principal.may_see(&id.merchant(), "this recall")?;
    let stored = deps.store.require::<Recall>(&recall_key(&id), "this recall").await?;
    let list = PartitionList {
        table: Table::Stock,
        partitions: &[recall_partition(&id)],
        prefix: RECALLED_PREFIX,
        descending: false,
    };
    let page = deps.store.list_partitions::<RecalledUnits>(&list, &PageRequest::of(request)?).await?;
    let orders = page.items.into_iter().map(|entry| entry.body).collect();
    let view = RecallView { recall: stored.body, orders, next_cursor: page.next_cursor };
    Ok(Response::json(200, &view)?.with_version(stored.version))
}
