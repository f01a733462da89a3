//! Import of items from CSV: every line gets its report, and a bad line stops no good one.

mod rows;

use crate::items::terms_changed;
use crate::kits;
use crate::wire::{ImportLine, ImportOutcome, ImportReport};
use domain::account::Scope;
use domain::{Decision, MerchantId, Rejected};
use platform::auth::authenticate;
use platform::items::{CatalogueRequest, StoredItem, item_key};
use platform::requests::{existing_merchant, operation};
use platform::spec::{CreateRefusals, ForMerchant, Idempotent, Refusals};
use platform::{Deps, Failure, Operation, Problem, Request, Response, Versioned};
use rows::{Patch, Row};
use std::collections::BTreeMap;

/// Items written in one transaction, which takes 100 writes: each may have the mark of its terms beside it.
const BATCH: usize = 50;
/// Most kits of one import: they are written one after another within the API's time.
const KITS_MAX: usize = 500;
/// How often a batch is decided again when somebody else changes the same items.
const TRIES_MAX: u32 = 5;

/// Create and change many items.
///
/// The first line names the columns: `sku`, `name`, and any of `barcodes` (separated by `|`), `weight_grams`,
/// `non_returnable`, `shop_item`, `lot_tracked`, `serial_tracked`, `safety_stock`, `lead_time_days`, `reorder_point`, `kit` (its components, as `TEA*2|CUP*1`; at most 500 lines name one). A column that is left out stays as it is; an empty cell clears it.
#[utoipa::path(
    post, path = "/v1/items/import", tag = "operations", params(Idempotent, ForMerchant),
    request_body(content = String, content_type = "text/csv", description = "UTF-8, at most 1 MiB and 10,000 lines"),
    responses(
        (status = 200, description = "The report, line by line", body = ImportReport),
        (status = 415, description = "The body is not text/csv", body = Problem, content_type = "application/problem+json"),
        Refusals, CreateRefusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn import_items(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let merchant = existing_merchant(deps, &principal).await?;
    let content_type = request.header("content-type").unwrap_or_default();
    if content_type.split(';').next().map(str::trim).is_none_or(|kind| !kind.eq_ignore_ascii_case("text/csv")) {
        return Err(Problem::new(415, "unsupported-media-type", "send CSV with the header Content-Type: text/csv"));
    }
    let rows = rows::read(&request.body)?;
    let operation = operation(deps, request, merchant)?;
    if request.header("idempotency-key").is_some() {
        let record = CatalogueRequest::new(merchant, &operation, deps.clock.now());
        let recorded = deps.store.create(&operation, Decision::of(record)).await?;
        operation.is_done(&recorded.value.operations)?;
    }
    let mut report = ImportReport::default();
    let mut good: Vec<(usize, Patch)> = Vec::new();
    for (index, Row { line, sku, content }) in rows.into_iter().enumerate() {
        let mut entry = ImportLine { line, sku, outcome: ImportOutcome::Refused, column: None, reason: None };
        match content {
            Ok(patch) => good.push((index, patch)),
            Err(fault) => (entry.column, entry.reason) = (fault.column, Some(fault.reason)),
        }
        report.lines.push(entry);
    }
    // A kit's components may stand below it: items first, then kits, each with its components in a transaction of its own.
    let (kits, items): (Vec<_>, Vec<_>) = good.into_iter().partition(|(_, patch)| patch.names_kit());
    let (kits, too_many) = kits.split_at(kits.len().min(KITS_MAX));
    for (index, _) in too_many {
        let Some(entry) = report.lines.get_mut(*index) else { continue };
        entry.column = Some("kit".to_owned());
        entry.reason = Some(format!("an import has at most {KITS_MAX} lines with a kit: send the rest as another"));
    }
    for batch in items.chunks(BATCH).chain(kits.chunks(1)) {
        let outcomes = write(deps, merchant, &operation, batch).await?;
        for ((index, _), outcome) in batch.iter().zip(outcomes) {
            let Some(entry) = report.lines.get_mut(*index) else { continue };
            match outcome {
                Ok(outcome) => entry.outcome = outcome,
                Err(rejected) => {
                    entry.column = rejected.pointer.as_deref().and_then(column_of);
                    entry.reason = Some(rejected.detail);
                }
            }
        }
    }
    for entry in &report.lines {
        match entry.outcome {
            ImportOutcome::Created => report.created += 1,
            ImportOutcome::Updated => report.updated += 1,
            ImportOutcome::Unchanged => report.unchanged += 1,
            ImportOutcome::Refused => report.refused += 1,
        }
    }
    tracing::info!(created = report.created, updated = report.updated, refused = report.refused, "items imported");
    Response::json(200, &report)
}

/// The column of a field: `/barcodes/2` is of the column `barcodes`.
fn column_of(pointer: &str) -> Option<String> {
    pointer.split('/').nth(1).map(str::to_owned)
}

/// Writes one batch, in one transaction. Items that this operation wrote before keep what it said of them then.
async fn write(
    deps: &Deps,
    merchant: &MerchantId,
    operation: &Operation,
    batch: &[(usize, Patch)],
) -> Result<Vec<Result<ImportOutcome, Rejected>>, Problem> {
    let keys: Vec<_> = batch.iter().map(|(_, patch)| item_key(merchant, &patch.sku)).collect();
    for _ in 0..TRIES_MAX {
        let stored = deps.store.load_many::<StoredItem>(&keys).await?;
        let stored: BTreeMap<_, _> = stored.into_iter().map(|item| (item.body.item.sku.clone(), item)).collect();
        let mut writes = Vec::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for (_, patch) in batch {
            let current = stored.get(&patch.sku);
            if let Some(current) = current
                && operation.is_done(&current.operations)?
            {
                outcomes.push(Ok(outcome_of(current, operation)));
                continue;
            }
            let item = patch.apply_to(current.map(|current| &current.body.item));
            if let Err(rejected) = item.check() {
                outcomes.push(Err(rejected));
                continue;
            }
            let terms = terms_changed(deps, merchant, current.map(|current| &current.body.item), &item)?;
            let kits = current.map_or(0, |current| current.body.kits);
            let next = StoredItem { merchant: merchant.clone(), item, kits };
            if current.is_some_and(|current| current.body == next) {
                outcomes.push(Ok(ImportOutcome::Unchanged));
                continue;
            }
            let before = current.map(|current| &current.body);
            if before.map_or(&[][..], |before| &before.item.kit) != next.item.kit {
                match kits::follow(deps, before, &next, operation).await {
                    Ok(counted) => writes.extend(counted),
                    Err(Failure::Rejected(rejected)) => {
                        outcomes.push(Err(rejected));
                        continue;
                    }
                    Err(failure) => return Err(failure.into()),
                }
            }
            outcomes.push(Ok(if current.is_some() { ImportOutcome::Updated } else { ImportOutcome::Created }));
            writes.extend(deps.store.write_of(current, Decision::of(next), operation)?.0);
            writes.extend(terms);
        }
        match deps.store.apply(writes).await {
            Ok(()) => return Ok(outcomes),
            Err(Failure::Conflict(_)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(Failure::Conflict("others change the same items".to_owned()).into())
}

/// What `operation` did to the item: its first operation made it.
fn outcome_of(current: &Versioned<StoredItem>, operation: &Operation) -> ImportOutcome {
    let has_all = u64::try_from(current.operations.len()) == Ok(current.version);
    if has_all && current.operations.first() == Some(&operation.mark()) {
        ImportOutcome::Created
    } else {
        ImportOutcome::Updated
    }
}
