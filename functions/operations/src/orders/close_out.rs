//! Close-out: the driver is here, and the carrier takes the labelled parcels. Each parcel is a transaction of its own.

use super::shipment_wire::{CloseOutReport, CloseOutRequest};
use domain::account::Scope;
use domain::order::Order;
use domain::shipment::Shipment;
use domain::{Decision, MerchantId, Rejected, ShipmentId};
use platform::auth::authenticate;
use platform::items::{
    CloseOutOutcome, CloseOutRecord, CloseOutResult, SealedCarrierAccount, StoredLocation, close_out_key, location_key,
    order_key, shipment_key,
};
use platform::listing::PageRequest;
use platform::spec::{CreateRefusals, ForMerchant, Idempotent, Refusals};
use platform::{Deps, Failure, Operation, Problem, Request, Response, Table, Versioned};

/// Most parcels of one close-out: they are handed over one after another within the API's time.
pub(super) const PARCELS_MAX: usize = 200;
/// Most index pages read to find them: the index knows no locations.
const PAGES_MAX: usize = 20;

/// Hand parcels over to a carrier.
///
/// Stock falls now, and the order and its shop hear of it. A parcel whose order is on hold or cancelled is skipped with the
/// reason, and so is one without a valid label. Repeated under its Idempotency-Key the request gives the first report; it goes on
/// where it was interrupted.
#[utoipa::path(
    post, path = "/v1/close-outs", tag = "operations", params(Idempotent, ForMerchant),
    request_body = CloseOutRequest,
    responses((status = 200, description = "What became of each parcel", body = CloseOutReport), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn close_out(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Floor, Scope::Operations]).await?;
    let sent: CloseOutRequest = request.json()?;
    let merchant = sent.carrier_account.merchant();
    principal.may_see(&merchant, "this carrier account")?;
    check(deps, &merchant, &sent).await?;
    let key = request.idempotency_key(&*deps.ids)?;
    let operation = Operation::of_request(&merchant, &request.route, "", &key, &request.body);

    let is_repeatable = request.header("idempotency-key").is_some();
    let known = if is_repeatable { recorded(deps, &merchant, &operation).await? } else { None };
    let replayed = known.is_some();
    let record = match known {
        Some(record) => record,
        None => {
            let (shipments, more) = chosen(deps, &merchant, &sent).await?;
            let record = CloseOutRecord::new(&merchant, &operation, shipments, more, deps.clock.now());
            if is_repeatable { begun(deps, record, &operation).await? } else { record }
        }
    };
    if let Some(outcomes) = record.outcomes {
        return answer(CloseOutReport::new(outcomes, record.more), true);
    }
    let mut outcomes = Vec::with_capacity(record.shipments.len());
    // One after another: parcels with the same item would only wait for one another's transactions.
    for shipment in &record.shipments {
        outcomes.push(hand_over(deps, &sent, shipment, &operation).await);
    }
    let is_final = outcomes.iter().all(|outcome| outcome.reason.as_deref() != Some(TRY_AGAIN));
    if is_repeatable && is_final {
        finished(deps, &record, &outcomes, &operation).await?;
    }
    answer(CloseOutReport::new(outcomes, record.more), replayed)
}

fn answer(report: CloseOutReport, replayed: bool) -> Result<Response, Problem> {
    tracing::info!(handed_over = report.handed_over, skipped = report.skipped, more = report.more, "closed out");
    let mut response = Response::json(200, &report)?;
    if replayed {
        response.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
    }
    Ok(response)
}

/// Refuses what names nothing, before anything moves.
async fn check(deps: &Deps, merchant: &MerchantId, sent: &CloseOutRequest) -> Result<(), Problem> {
    for (pointer, text) in [("/actor/person", &sent.actor.person), ("/actor/station", &sent.actor.station)] {
        if text.trim().is_empty() || text.len() > 64 {
            return Err(Problem::invalid(pointer, "send the badge and the station, 1 to 64 bytes each"));
        }
    }
    if sent.shipments.as_ref().is_some_and(|named| named.is_empty() || named.len() > PARCELS_MAX) {
        let detail = format!("name 1 to {PARCELS_MAX} shipments, or leave the field out for all");
        return Err(Problem::invalid("/shipments", detail));
    }
    let account_key = SealedCarrierAccount::key_of(&sent.carrier_account);
    // Another merchant's account does not exist either.
    if sent.carrier_account.merchant() != *merchant
        || deps.store.load::<SealedCarrierAccount>(&account_key).await?.is_none()
    {
        return Err(Problem::not_found("this carrier account").at("/carrier_account"));
    }
    if deps.store.load::<StoredLocation>(&location_key(merchant, &sent.location)).await?.is_none() {
        return Err(Problem::invalid("/location", "there is no such location: see GET /v1/locations"));
    }
    Ok(())
}

/// The parcels to hand over, oldest first, each once, and whether more are waiting.
async fn chosen(
    deps: &Deps,
    merchant: &MerchantId,
    sent: &CloseOutRequest,
) -> Result<(Vec<ShipmentId>, bool), Problem> {
    if let Some(named) = &sent.shipments {
        let mut once: Vec<ShipmentId> = Vec::with_capacity(named.len());
        for shipment in named {
            if !once.contains(shipment) {
                once.push(shipment.clone());
            }
        }
        return Ok((once, false));
    }
    let parts = [merchant.as_str(), sent.carrier_account.as_str()];
    let mut page = PageRequest { limit: platform::listing::PAGE_MAX, after: None };
    let mut found = Vec::new();
    for _ in 0..PAGES_MAX {
        let keep = |shipment: &Shipment| shipment.awaits_close_out() && shipment.location == sent.location;
        let listed = deps.store.list(Table::Shipments, "closeout", &parts, &page, false, keep).await?;
        found.extend(listed.items.into_iter().map(|stored| stored.body.id));
        if found.len() > PARCELS_MAX {
            found.truncate(PARCELS_MAX);
            return Ok((found, true));
        }
        match listed.next_cursor.and_then(|cursor| page.following(&cursor)) {
            Some(next) => page = next,
            None => return Ok((found, false)),
        }
    }
    Ok((found, true))
}

async fn recorded(
    deps: &Deps,
    merchant: &MerchantId,
    operation: &Operation,
) -> Result<Option<CloseOutRecord>, Problem> {
    let stored = deps.store.load::<CloseOutRecord>(&close_out_key(merchant, operation)).await?;
    Ok(match stored {
        None => None,
        Some(stored) => {
            operation.is_done(&stored.operations)?;
            Some(stored.body)
        }
    })
}

/// Records which parcels the key stands for; of two requests at once the first one's choice counts for both.
async fn begun(deps: &Deps, record: CloseOutRecord, operation: &Operation) -> Result<CloseOutRecord, Problem> {
    let created = deps.store.create(operation, Decision::of(record)).await?;
    operation.is_done(&created.value.operations)?;
    Ok(created.value.body)
}

/// Records what became of the parcels: the answer to every repetition.
async fn finished(
    deps: &Deps,
    record: &CloseOutRecord,
    outcomes: &[CloseOutOutcome],
    operation: &Operation,
) -> Result<(), Problem> {
    let done = Operation::of(&["close-out-finished", operation.id()]);
    let key = close_out_key(&record.merchant, operation);
    deps.store
        .change(&key, &done, async |loaded: Option<&Versioned<CloseOutRecord>>| {
            let mut next = loaded.map_or_else(|| record.clone(), |loaded| loaded.body.clone());
            next.outcomes = Some(outcomes.to_vec());
            Ok(Decision::of(next))
        })
        .await?;
    Ok(())
}

/// The reason of a parcel that was not handed over by mischance: the same request again may.
const TRY_AGAIN: &str = "try-again";

async fn hand_over(deps: &Deps, sent: &CloseOutRequest, id: &ShipmentId, close_out: &Operation) -> CloseOutOutcome {
    let operation = Operation::of(&["close-out", close_out.id(), id.as_str()]);
    let now = deps.clock.now();
    let stored_at = shipment_key(id);
    let changed = deps.store.change(&stored_at, &operation, async |loaded: Option<&Versioned<Shipment>>| {
        let unknown = || Failure::NotFound("this shipment".to_owned());
        let shipment = loaded.map(|loaded| &loaded.body).ok_or_else(unknown)?;
        if shipment.merchant() != sent.carrier_account.merchant() {
            return Err(unknown());
        }
        if shipment.carrier_account.as_ref() != Some(&sent.carrier_account) {
            let detail = "the label is another carrier account's: hand it over to that carrier";
            return Err(Rejected::new("other-carrier-account", detail).into());
        }
        if shipment.location != sent.location {
            let detail = format!("the parcel is at {}: close out there", shipment.location);
            return Err(Rejected::new("other-location", detail).into());
        }
        let decision = shipment.hand_over(&sent.actor, now)?;
        let order = deps.store.require::<Order>(&order_key(&shipment.order), "the shipment's order").await?;
        order.body.may_move()?;
        Ok(decision)
    });
    let outcome = |result, reason: Option<&str>, detail: Option<String>| CloseOutOutcome {
        shipment: id.clone(),
        result,
        reason: reason.map(str::to_owned),
        detail,
    };
    let skipped = |reason: &str, detail: String| outcome(CloseOutResult::Skipped, Some(reason), Some(detail));
    match changed.await {
        Ok(changed) => {
            tracing::info!(correlation_id = %changed.value.body.order, shipment = %id, "handed over");
            outcome(CloseOutResult::HandedOver, None, None)
        }
        Err(Failure::Rejected(rejected)) => skipped(rejected.code, rejected.detail),
        Err(Failure::NotFound(what)) => skipped("not-found", format!("{what} does not exist")),
        Err(failure @ (Failure::Conflict(_) | Failure::Unavailable { .. } | Failure::Indeterminate(_))) => {
            tracing::warn!(shipment = %id, reason = %failure, "not handed over: comes again");
            skipped(TRY_AGAIN, "a service that this needs is busy: repeat the request".to_owned())
        }
        Err(failure @ (Failure::Bug(_) | Failure::Malformed(_))) => {
            tracing::error!(shipment = %id, reason = %failure, "not handed over");
            skipped("internal-error", "this is our mistake: tell us the request id".to_owned())
        }
    }
}
