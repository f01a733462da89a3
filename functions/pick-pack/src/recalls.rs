//! Recalls of lots.

use crate::items::READERS;
use crate::requests::{created, failed, operation, refused};
use crate::wire::{CreateRefusals, ForMerchant, Idempotent, NewRecall, PageQuery, RecallView, Refusals};
use domain::account::{Scope, check_text};
use domain::lot_record::LotRecord;
use domain::recall::{Recall, RecalledUnits};
use domain::receiving::{REASON_BYTES_MAX, check_actor};
use domain::{Decision, RecallId, Rejected};
use platform::auth::authenticate;
use platform::items::{RECALLED_PREFIX, lot_key, recall_key, recall_partition};
use platform::listing::PageRequest;
use platform::partition::PartitionList;
use platform::{Deps, Failure, Operation, Problem, Request, Response, Step, Table};

/// Recall a lot.
///
/// Nothing of it is sold from now on, and what comes in late is counted as `recalled`. Within minutes the orders that have units
/// are listed, and those that have not left are held; see the recall's state.
#[utoipa::path(
    post, path = "/v1/recalls", tag = "pick-pack",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key takes effect once"), ("Sklad-Merchant" = Option<String>, Header, description = "The merchant, for keys of the platform")), request_body = NewRecall,
    responses(
        (status = 201, description = "Declared", body = Recall),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The lot is recalled already", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No such lot, or the Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn create_recall(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let merchant = principal.merchant()?;
    let new: NewRecall = request.json()?;
    let reason = text("/reason", new.reason)?;
    let by = actor(new.actor)?;
    let idempotency = request.idempotency_key(&*deps.ids)?;
    let operation = Operation::of_request(merchant, &request.route, "", &idempotency, &request.body);
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
        let decision = Recall::declare(id.clone(), lot, reason.clone(), record.body.first_received_at, &by, now);
        let also = deps.store.write_of(Some(&record), Decision::of(recalled), &operation)?.0;
        Ok::<_, Failure>(Step { decision, also })
    });
    let changed = changed.await.map_err(Problem::from).map_err(|problem| {
        let status = if problem.kind.ends_with(":unknown-lot") { 422 } else { problem.status };
        Problem { status, ..problem }
    })?;
    operation.is_done(&changed.value.operations)?;
    let mut response = Response::json(201, &changed.value.body)?.with_version(changed.value.version);
    if changed.replayed {
        response.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
    }
    Ok(response)
}

/// One recall, and one page of who has units of its lot.
#[utoipa::path(
    get, path = "/v1/recalls/{recall}", tag = "pick-pack",
    params(
        ("recall" = String, Path, description = "The recall's id"),
        ("limit" = Option<usize>, Query, description = "Most entries, 1 to 100; 25 unless said otherwise"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "The recall", body = RecallView),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such recall", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn recall(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Merchant, Scope::Floor, Scope::Operations]).await?;
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
