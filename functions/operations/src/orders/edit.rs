//! Edits of an order: cancel, hold, release.

use super::wire::{CancelRequest, ExtensionRequest, HoldRequest, NOTE_BYTES_MAX, OrderSummary};
use super::{by_name, order_of, refused};
use domain::account::Scope;
use domain::order::{Hold, HoldReason, Order};
use domain::pick_task::PickTask;
use domain::shipment::Shipment;
use domain::{OrderId, PickTaskId, Rejected, Sku};
use platform::items::{
    PersonRecord, StoredItem, WaitingOrder, item_key, order_key, person_key, pick_task_key, shipment_key,
};
use platform::requests::at_version;
use platform::spec::{ForMerchant, Idempotent, IfMatch, Refusals};
use platform::{Changed, Deps, Failure, Key, Operation, Problem, Request, Response, Step, Stored, Versioned, Write};
use std::collections::BTreeSet;

/// Who may edit orders.
pub(super) const EDITORS: [Scope; 2] = [Scope::Merchant, Scope::Operations];

/// Changes the order, once for the request's key, and only at the version that `If-Match` asks for.
pub(super) async fn change_order<S: Into<Step<Order>>>(
    deps: &Deps,
    request: &Request,
    id: &OrderId,
    mut decide: impl AsyncFnMut(&Versioned<Order>, &Operation) -> Result<S, Failure>,
) -> Result<Changed<Order>, Problem> {
    let idempotency_key = request.idempotency_key(&*deps.ids)?;
    // The path, since it names the hold that is released.
    let subject = request.parameters.values().map(String::as_str).collect::<Vec<_>>().join("/");
    let operation = Operation::of_request(&id.merchant(), &request.route, &subject, &idempotency_key, &request.body);
    let expected = request.if_match()?;
    let stored_at = order_key(id);
    let changed = deps.store.change(&stored_at, &operation, async |loaded: Option<&Versioned<Order>>| {
        let loaded = loaded.ok_or_else(|| Failure::NotFound("this order".to_owned()))?;
        at_version(expected, loaded.version)?;
        decide(loaded, &operation).await.map(Into::<Step<Order>>::into)
    });
    let changed = changed.await.map_err(refused)?;
    tracing::info!(correlation_id = %id, replayed = changed.replayed, version = changed.value.version, "order edited");
    Ok(changed)
}

/// The order as it is after an edit.
pub(super) fn answer(status: u16, changed: &Changed<Order>) -> Result<Response, Problem> {
    let mut response = Response::json(status, &OrderSummary::from(&changed.value))?.with_version(changed.value.version);
    if changed.replayed {
        response.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
    }
    Ok(response)
}

/// Cancel an order.
///
/// Possible until everything is handed over to the carrier. What nothing was done for yet is cancelled at once; otherwise the
/// pick tasks are stopped, scanned goods put back and labels voided first, and `fulfilment` turns `cancelled` after the last of
/// them (`partially_cancelled` when a parcel had left). Asking twice changes nothing.
#[utoipa::path(
    post, path = "/v1/orders/{order}/cancel", tag = "operations",
    params(("order" = String, Path, description = "The order's id"), Idempotent, IfMatch, ForMerchant),
    request_body(content = Option<CancelRequest>, content_type = "application/json"),
    responses(
        (status = 202, description = "Asked for; its version in `ETag`", body = OrderSummary),
        (status = 409, description = "`order-handed-over`", body = platform::Problem, content_type = "application/problem+json"),
        (status = 412, description = "Changed since the version in If-Match", body = platform::Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = platform::Problem, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn cancel_order(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = order_of(deps, request, &EDITORS).await?;
    let sent: CancelRequest = if request.body.is_empty() { CancelRequest::default() } else { request.json()? };
    let now = deps.clock.now();
    let changed = change_order(deps, request, &id, async |loaded, _| {
        let order = &loaded.body;
        let decision = order.request_cancel_because(sent.reason, now)?;
        Ok(Step { decision, also: no_longer_waiting(deps, order) })
    });
    answer(202, &changed.await?)
}

/// A cancelled order waits for no stock: what it still lacked counts against nothing any more.
fn no_longer_waiting(deps: &Deps, order: &Order) -> Vec<Write> {
    let entry = |sku: &Sku| WaitingOrder::new(order, sku.clone(), 0, 0, deps.store.list_shards());
    order.waits_for.iter().map(|sku| Write::Delete(entry(sku).key())).collect()
}

/// Place a hold.
///
/// The order moves only when it has none. Placing it twice changes nothing.
#[utoipa::path(
    post, path = "/v1/orders/{order}/holds", tag = "operations",
    params(("order" = String, Path, description = "The order's id"), Idempotent, IfMatch, ForMerchant),
    request_body = HoldRequest,
    responses(
        (status = 200, description = "Held; its version in `ETag`", body = OrderSummary),
        (status = 409, description = "`order-handed-over`, `order-cancelled`", body = platform::Problem, content_type = "application/problem+json"),
        (status = 412, description = "Changed since the version in If-Match", body = platform::Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = platform::Problem, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn place_hold(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = order_of(deps, request, &EDITORS).await?;
    let HoldRequest { reason, note } = request.json()?;
    if note.as_ref().is_some_and(|note| note.trim().is_empty() || note.len() > NOTE_BYTES_MAX) {
        return Err(Problem::invalid("/note", format!("a note has 1 to {NOTE_BYTES_MAX} bytes, or is left out")));
    }
    let now = deps.clock.now();
    let hold = Hold { reason, note };
    let changed = change_order(deps, request, &id, async |loaded, _| Ok(loaded.body.place_hold(hold.clone(), now)?));
    answer(200, &changed.await?)
}

/// Release a hold.
///
/// When it was the last, the order moves on. Releasing `awaiting_payment` reports the payment: stock that was held for it is
/// picked. One that comes after the reservation expired leaves the hold `inventory_out_of_stock` for a person, whose release
/// reserves anew. `missing_item_data` is released only when the catalogue knows every item of the
/// order by now, `incorrect_address` only when the recipient's address is complete.
#[utoipa::path(
    delete, path = "/v1/orders/{order}/holds/{reason}", tag = "operations",
    params(
        ("order" = String, Path, description = "The order's id"),
        ("reason" = HoldReason, Path, description = "The hold's reason"),
        Idempotent, IfMatch, ForMerchant,
    ),
    responses(
        (status = 200, description = "Released; its version in `ETag`", body = OrderSummary),
        (status = 409, description = "`items-missing` naming the SKUs, `address-incomplete` naming the field", body = platform::Problem, content_type = "application/problem+json"),
        (status = 412, description = "Changed since the version in If-Match", body = platform::Problem, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn release_hold(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = order_of(deps, request, &EDITORS).await?;
    let reason = request.parameters.get("reason").and_then(|name| by_name::<HoldReason>(name));
    let reason = reason.ok_or_else(|| Problem::not_found("a hold with this reason"))?;
    let now = deps.clock.now();
    let changed = change_order(deps, request, &id, async |loaded, operation| {
        let decision = loaded.body.release_hold(reason, now)?;
        match reason {
            HoldReason::MissingItemData => items_are_known(deps, &loaded.body).await?,
            HoldReason::IncorrectAddress => address_is_complete(deps, &loaded.body).await?,
            _ => {}
        }
        let also =
            if decision.next.holds.is_empty() { resumed(deps, &decision.next, operation).await? } else { vec![] };
        Ok(Step { decision, also })
    });
    answer(200, &changed.await?)
}

/// Extend the reservation of an unpaid order.
///
/// For a merchant that holds stock for unpaid orders. Possible until the stock is given back. Saying so twice changes nothing.
#[utoipa::path(
    post, path = "/v1/orders/{order}/extend-reservation", tag = "operations",
    params(("order" = String, Path, description = "The order's id"), Idempotent, IfMatch, ForMerchant),
    request_body = ExtensionRequest,
    responses(
        (status = 200, description = "Held until then; its version in `ETag`", body = OrderSummary),
        (status = 409, description = "`nothing-reserved`, `reservation-expired`, `order-cancelled`", body = platform::Problem, content_type = "application/problem+json"),
        (status = 412, description = "Changed since the version in If-Match", body = platform::Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = platform::Problem, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn extend_reservation(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = order_of(deps, request, &EDITORS).await?;
    let ExtensionRequest { until } = request.json()?;
    let now = deps.clock.now();
    let changed = change_order(deps, request, &id, async |loaded, _| Ok(loaded.body.extend_reservation(until, now)?));
    answer(200, &changed.await?)
}

/// Has the packed tasks ask for their labels again, where the hold came between packing and booking.
async fn resumed(deps: &Deps, order: &Order, operation: &Operation) -> Result<Vec<Write>, Failure> {
    let active: Vec<PickTaskId> = order.active_tasks();
    let keys: Vec<Key> = active.iter().map(pick_task_key).collect();
    let mut writes = Vec::new();
    for task in deps.store.load_many::<PickTask>(&keys).await? {
        let Some(decision) = task.body.resumed() else { continue };
        if deps.store.load::<Shipment>(&shipment_key(&task.body.id.shipment())).await?.is_none() {
            writes.extend(deps.store.write_of(Some(&task), decision, operation)?.0);
        }
    }
    Ok(writes)
}

/// Refuses an order with an item that the catalogue does not know.
async fn items_are_known(deps: &Deps, order: &Order) -> Result<(), Failure> {
    let merchant = order.merchant();
    let asked: BTreeSet<&Sku> = order.lines.iter().filter_map(|line| line.sku.as_ref()).collect();
    let keys: Vec<Key> = asked.iter().map(|sku| item_key(&merchant, sku)).collect();
    let known = deps.store.load_many::<StoredItem>(&keys).await?;
    let known: BTreeSet<&Sku> = known.iter().map(|stored| &stored.body.item.sku).collect();
    let unknown: Vec<&str> = asked.difference(&known).map(|sku| sku.as_str()).collect();
    if !unknown.is_empty() {
        let detail = format!("create these items first: {}", unknown.join(", "));
        return Err(Rejected::new("items-missing", detail).into());
    }
    match order.lines.iter().find(|line| line.sku.is_none()) {
        None => Ok(()),
        Some(line) => {
            let detail =
                format!("line {} has no SKU: cancel the order and have the shop send it with one", line.number);
            Err(Rejected::new("items-missing", detail).into())
        }
    }
}

/// Refuses an order whose recipient no parcel can be sent to.
async fn address_is_complete(deps: &Deps, order: &Order) -> Result<(), Failure> {
    let stored = deps.store.load::<PersonRecord>(&person_key(&order.id, &order.content)).await?;
    let person = stored.and_then(|stored| stored.body.person);
    let missing = match &person {
        None => Some("recipient"),
        Some(person) => person.address.missing(),
    };
    match missing {
        None => Ok(()),
        Some(field) => {
            let detail = format!("the {field} is missing: PUT /v1/orders/{}/recipient first", order.id);
            Err(Rejected::new("address-incomplete", detail).into())
        }
    }
}
