//! `POST /v1/returns`: what a shopper asks for, decided by the merchant's policy.

use crate::change::operation_of;
use crate::wire::RequestBody;
use domain::account::{Merchant, Scope};
use domain::order::{DeliveryState, FulfillmentOrderStatus, Order};
use domain::returns::{PolicyFacts, Return, ReturnRequest};
use domain::shipment::Shipment;
use domain::tracker::Tracker;
use domain::{MerchantId, Sku};
use jiff::Timestamp;
use platform::auth::authenticate;
use platform::find::find_order;
use platform::items::{StoredItem, item_key, merchant_key, order_key, return_key, shipment_key, tracker_key};
use platform::{Deps, Failure, Operation, Problem, Request, Response, Step, Versioned};
use std::collections::BTreeSet;

/// Request a return.
///
/// The shopper is known by order number and e-mail address; an unknown order and a wrong address have the same answer. Within the
/// policy it is approved at once and a label is booked; a warranty claim waits for a person.
#[utoipa::path(
    post, path = "/v1/returns", tag = "returns",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key gives the first answer"),
        ("Sklad-Merchant" = Option<String>, Header, description = "For which merchant a key of the platform acts"),
    ),
    request_body = RequestBody,
    responses(
        (status = 201, description = "Opened; its version in `ETag`", body = Return),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No order with this number and e-mail address", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`not-delivered`, `return-window-closed`, `item-not-returnable`, `unknown-line`, `part-of-kit`, `not-returnable`, `order-ambiguous`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn request_return(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Merchant, Scope::Operations]).await?;
    let merchant = principal.merchant()?;
    let body: RequestBody = request.json()?;
    let asked = body.command()?;
    let order = find_order(deps, merchant, (body.order.as_ref(), body.order_number.as_deref()), &body.email).await?;
    let operation = operation_of(deps, request, merchant, "")?;
    let now = deps.clock.now();
    let window_days = deps
        .store
        .require::<Merchant>(&merchant_key(merchant), "the merchant of this credential")
        .await?
        .body
        .return_window_days;
    let non_returnable = non_returnable(deps, merchant, &order).await?;
    let changed = deps
        .store
        .change(&order_key(&order.id), &operation, async |loaded: Option<&Versioned<Order>>| {
            let loaded = loaded.ok_or_else(|| Failure::NotFound("this order".to_owned()))?;
            let facts = PolicyFacts {
                window_days,
                delivered_at: delivered_at(deps, &loaded.body, now).await?,
                non_returnable: non_returnable.clone(),
            };
            open(deps, &loaded.body, &asked, &facts, &operation, now)
        })
        .await?;
    let opened = opened_by(deps, &changed.value.body, &operation).await?;
    tracing::info!(correlation_id = %order.id, return_id = %opened.body.id, state = opened.body.state.name(),
        replayed = changed.replayed, "return requested");
    let mut response = Response::json(201, &opened.body)?.with_version(opened.version);
    if changed.replayed {
        response.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
    }
    Ok(response)
}

fn open(
    deps: &Deps,
    order: &Order,
    asked: &ReturnRequest,
    facts: &PolicyFacts,
    operation: &Operation,
    now: Timestamp,
) -> Result<Step<Order>, Failure> {
    let opened = Return::request(order, asked, facts, now)?;
    let also = deps.store.write_of(None, opened.back, operation)?.0;
    Ok(Step { decision: opened.order, also })
}

/// The return that `operation` opened: the newest one that remembers it.
async fn opened_by(deps: &Deps, order: &Order, operation: &Operation) -> Result<Versioned<Return>, Failure> {
    for id in order.return_ids().rev() {
        if let Some(back) = deps.store.load::<Return>(&return_key(&id)).await?
            && operation.is_done(&back.operations)?
        {
            return Ok(back);
        }
    }
    Err(Failure::bug(format!("order {} was changed by a request whose return is gone", order.id)))
}

async fn non_returnable(deps: &Deps, merchant: &MerchantId, order: &Order) -> Result<BTreeSet<Sku>, Failure> {
    let keys: Vec<_> = order
        .lines
        .iter()
        .flat_map(|line| line.sku.iter().chain(line.kit.iter().map(|component| &component.sku)))
        .map(|sku| item_key(merchant, sku))
        .collect();
    let items = deps.store.load_many::<StoredItem>(&keys).await?;
    Ok(items
        .into_iter()
        .map(|stored| stored.body.item)
        .filter(|item| item.non_returnable)
        .map(|item| item.sku)
        .collect())
}

/// When the last of the order's parcels was delivered, by the carriers' clocks; `None` while one is on its way, or when no
/// tracker says it: then no window has begun.
async fn delivered_at(deps: &Deps, order: &Order, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let mut last = None;
    for parcel in order.fulfillment_orders.iter().filter(|f| f.status != FulfillmentOrderStatus::Cancelled) {
        match parcel.delivery {
            DeliveryState::None | DeliveryState::InTransit => return Ok(None),
            DeliveryState::Refused | DeliveryState::Returned | DeliveryState::Lost => continue,
            DeliveryState::Delivered | DeliveryState::PartlyDelivered => {}
        }
        let shipment = deps.store.load::<Shipment>(&shipment_key(&order.shipment(parcel.number))).await?;
        let Some(shipment) = shipment.map(|stored| stored.body) else { return Ok(None) };
        let (Some(account), Some(label)) = (&shipment.carrier_account, &shipment.label) else { return Ok(None) };
        let tracker = deps.store.load::<Tracker>(&tracker_key(account, &label.tracking_number)).await?;
        let Some(delivered) = tracker.and_then(|stored| stored.body.status_at(now)) else { return Ok(None) };
        last = last.max(Some(delivered));
    }
    Ok(last)
}
