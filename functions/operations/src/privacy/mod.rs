//! What shoppers ask about their personal data: requests, the merchant's decision, the export.

mod export;
mod wire;

use domain::account::{Scope, check_text};
use domain::order::Order;
use domain::privacy::{ErasureState, PrivacyOrigin, PrivacyRequest, PrivacyState};
use domain::receiving::{REASON_BYTES_MAX, check_actor};
use domain::{MerchantId, OrderId, PrivacyRequestId};
use platform::auth::{Principal, authenticate};
use platform::find::find_order;
use platform::items::{PRIVACY_LIST, order_key, privacy_request_key};
use platform::listing::{Page, PageRequest};
use platform::requests::{at_version, created, edited, existing_merchant, failed, operation, refused};
use platform::spec::{CreateRefusals, EditRefusals, ForMerchant, Idempotent, IfMatch, PageQuery, Refusals};
use platform::{Deps, Failure, Operation, Problem, Request, Response, Step, Table, Versioned, Write};
use utoipa::OpenApi;
use wire::{Confirmation, Decline, NewPrivacyRequest};

/// Who enters and sees requests.
const CLERKS: [Scope; 2] = [Scope::Merchant, Scope::Operations];
/// Who decides: the merchant is the controller.
const CONTROLLER: [Scope; 1] = [Scope::Merchant];

/// Answers the routes of this room; `None` for any other.
pub(crate) async fn route(deps: &Deps, request: &Request) -> Option<Result<Response, Problem>> {
    Some(match request.route.as_str() {
        "POST /v1/privacy-requests" => create_privacy_request(deps, request).await,
        "GET /v1/privacy-requests" => list_privacy_requests(deps, request).await,
        "GET /v1/privacy-requests/{privacy_request}" => get_privacy_request(deps, request).await,
        "POST /v1/privacy-requests/{privacy_request}/confirm" => confirm_privacy_request(deps, request).await,
        "POST /v1/privacy-requests/{privacy_request}/decline" => decline_privacy_request(deps, request).await,
        "GET /v1/privacy-requests/{privacy_request}/export" => export::export_personal_data(deps, request).await,
        _ => return None,
    })
}

#[derive(OpenApi)]
#[openapi(
    paths(
        create_privacy_request,
        list_privacy_requests,
        get_privacy_request,
        confirm_privacy_request,
        decline_privacy_request,
        export::export_personal_data,
    ),
    components(schemas(Problem))
)]
struct Api;

/// This room's part of the API's description.
pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// The request that the path names, and who asks for it.
async fn request_of(
    deps: &Deps,
    request: &Request,
    allowed: &[Scope],
) -> Result<(Principal, PrivacyRequestId), Problem> {
    let principal = authenticate(deps, request, allowed).await?;
    let id: PrivacyRequestId = request.parameter("privacy_request")?;
    principal.may_see(&id.merchant(), "this privacy request")?;
    Ok((principal, id))
}

/// Enter what a shopper asks for.
///
/// Erasure or access, about orders that are named by their ids, or one by its number and e-mail address. Nothing happens before
/// the merchant confirms it.
#[utoipa::path(
    post, path = "/v1/privacy-requests", tag = "operations", params(Idempotent, ForMerchant),
    request_body = NewPrivacyRequest,
    responses((status = 201, description = "Waits for the merchant's decision", body = PrivacyRequest), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
async fn create_privacy_request(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &CLERKS).await?;
    let merchant = existing_merchant(deps, &principal).await?;
    let new: NewPrivacyRequest = request.json()?;
    check_actor(&new.actor).map_err(refused)?;
    let operation = operation(deps, request, merchant)?;
    let id = PrivacyRequestId::derive(merchant, &["privacy", operation.id()]);
    let key = privacy_request_key(&id);
    if let Some(stored) = deps.store.load::<PrivacyRequest>(&key).await? {
        // Its orders may be erased by now: then the first answer is given all the same.
        let changed = platform::Changed { value: stored, replayed: true };
        return created(changed, &operation, |own| own);
    }
    let orders = orders_of(deps, merchant, &new).await?;
    let named = (new.kind, PrivacyOrigin::Merchant);
    let decision = PrivacyRequest::open(id.clone(), named, orders, Some(&new.actor), deps.clock.now());
    let changed = deps.store.create(&operation, decision.map_err(refused)?).await?;
    tracing::info!(privacy_request = %id, kind = ?new.kind, replayed = changed.replayed, "privacy request");
    created(changed, &operation, |own| own)
}

/// The orders that are meant: the merchant's own, and not erased.
async fn orders_of(deps: &Deps, merchant: &MerchantId, new: &NewPrivacyRequest) -> Result<Vec<OrderId>, Problem> {
    match (new.orders.as_slice(), &new.order_number, &new.email) {
        (orders @ [_, ..], None, None) => {
            let keys: Vec<_> = orders.iter().map(order_key).collect();
            let found = deps.store.load_many::<Order>(&keys[..keys.len().min(domain::privacy::ORDERS_MAX)]).await?;
            for (index, id) in orders.iter().take(domain::privacy::ORDERS_MAX).enumerate() {
                let own = found.iter().find(|stored| stored.body.id == *id && id.merchant() == *merchant);
                let pointer = format!("/orders/{index}");
                let order = own.ok_or_else(|| {
                    Problem::new(404, "order-not-found", "there is no such order: see GET /v1/orders").at(&pointer)
                })?;
                PrivacyRequest::check_order(&order.body, pointer).map_err(refused)?;
            }
            Ok(orders.to_vec())
        }
        ([], Some(number), Some(email)) => Ok(vec![find_order(deps, merchant, (None, Some(number)), email).await?.id]),
        _ => Err(Problem::invalid("/orders", "name either `orders`, or `order_number` together with `email`")),
    }
}

/// List requests, newest first.
#[utoipa::path(
    get, path = "/v1/privacy-requests", tag = "operations",
    params(
        ("state" = Option<PrivacyState>, Query, description = "Only those in this state, chosen on read: a page may be short"),
        PageQuery, ForMerchant,
    ),
    responses((status = 200, description = "One page", body = Page<PrivacyRequest>), Refusals),
    security(("api_key" = [])),
)]
async fn list_privacy_requests(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &CLERKS).await?;
    let merchant = principal.merchant()?;
    let state = match request.query.get("state") {
        None => None,
        Some(name) => Some(crate::orders::by_name::<PrivacyState>(name).ok_or_else(|| {
            Problem::invalid("?state", "a state is requested, declined, granted, restricted or erased")
        })?),
    };
    let (page, parts) = (PageRequest::of(request)?, [merchant.as_str(), PRIVACY_LIST]);
    let keep = |own: &PrivacyRequest| state.is_none_or(|state| own.state == state);
    let found = deps.store.list::<PrivacyRequest>(Table::Orders, "listed", &parts, &page, true, keep).await?;
    Response::json(200, &found.map(|stored| stored.body))
}

/// Get a request: how far each class of each order's data is, and what still holds it.
#[utoipa::path(
    get, path = "/v1/privacy-requests/{privacy_request}", tag = "operations",
    params(("privacy_request" = String, Path, description = "The request's id"), ForMerchant),
    responses((status = 200, description = "The request; its version in `ETag`", body = PrivacyRequest), Refusals),
    security(("api_key" = [])),
)]
async fn get_privacy_request(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = request_of(deps, request, &CLERKS).await?;
    let stored = deps.store.require::<PrivacyRequest>(&privacy_request_key(&id), "this privacy request").await?;
    Ok(Response::json(200, &stored.body)?.with_version(stored.version))
}

/// Confirm a request.
///
/// For the merchant's own key. Access: an export may be read for 30 days. Erasure: from this instant the data is used for
/// nothing but what is under way, and nobody is shown it; each class of it is erased when its last legal hold has passed.
/// Confirming twice changes nothing.
#[utoipa::path(
    post, path = "/v1/privacy-requests/{privacy_request}/confirm", tag = "operations",
    params(("privacy_request" = String, Path, description = "The request's id"), Idempotent, IfMatch, ForMerchant),
    request_body = Confirmation,
    responses((status = 200, description = "Confirmed; its version in `ETag`", body = PrivacyRequest), Refusals, EditRefusals),
    security(("api_key" = [])),
)]
async fn confirm_privacy_request(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = request_of(deps, request, &CONTROLLER).await?;
    let Confirmation { actor, invoice } = request.json()?;
    check_actor(&actor).map_err(refused)?;
    let now = deps.clock.now();
    command(deps, request, &id, async |own, operation| {
        let decision = own.confirm(invoice, &actor, now)?;
        let restricts = own.state != decision.next.state && decision.next.state == PrivacyState::Restricted;
        let also = if restricts { restrict(deps, &decision.next, operation).await? } else { Vec::new() };
        Ok(Step { decision, also })
    })
    .await
}

/// Marks every order of the request, at the version that was read.
async fn restrict(deps: &Deps, own: &PrivacyRequest, operation: &Operation) -> Result<Vec<Write>, Failure> {
    let keys: Vec<_> = own.orders.iter().map(|order| order_key(&order.order)).collect();
    let mut writes = Vec::new();
    for order in deps.store.load_many::<Order>(&keys).await? {
        let decision = order.body.restricted(deps.clock.now());
        if decision.next != order.body {
            writes.extend(deps.store.write_of(Some(&order), decision, operation)?.0);
        }
    }
    Ok(writes)
}

/// Decline a request, before it is confirmed.
///
/// For the merchant's own key. The shopper is told by people.
#[utoipa::path(
    post, path = "/v1/privacy-requests/{privacy_request}/decline", tag = "operations",
    params(("privacy_request" = String, Path, description = "The request's id"), Idempotent, IfMatch, ForMerchant),
    request_body = Decline,
    responses((status = 200, description = "Declined; its version in `ETag`", body = PrivacyRequest), Refusals, EditRefusals),
    security(("api_key" = [])),
)]
async fn decline_privacy_request(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = request_of(deps, request, &CONTROLLER).await?;
    let Decline { actor, reason } = request.json()?;
    check_actor(&actor).map_err(refused)?;
    check_text("/reason", &reason, REASON_BYTES_MAX).map_err(refused)?;
    let now = deps.clock.now();
    command(deps, request, &id, async |own, _| Ok(own.decline(&reason, &actor, now)?.into())).await
}

async fn command(
    deps: &Deps,
    request: &Request,
    id: &PrivacyRequestId,
    decide: impl AsyncFn(&PrivacyRequest, &Operation) -> Result<Step<PrivacyRequest>, Failure>,
) -> Result<Response, Problem> {
    let key = request.idempotency_key(&*deps.ids)?;
    let operation = Operation::of_request(&id.merchant(), &request.route, id.as_str(), &key, &request.body);
    let expected = request.if_match()?;
    let stored_at = privacy_request_key(id);
    let changed = deps.store.change(&stored_at, &operation, async |loaded: Option<&Versioned<PrivacyRequest>>| {
        let loaded = loaded.ok_or_else(|| Failure::NotFound("this privacy request".to_owned()))?;
        at_version(expected, loaded.version)?;
        decide(&loaded.body, &operation).await
    });
    let changed = changed.await.map_err(failed)?;
    let own = &changed.value.body;
    let held = own.orders.iter().filter(|order| order.classes_in(ErasureState::Held).next().is_some()).count();
    tracing::info!(privacy_request = %id, state = ?own.state, held, replayed = changed.replayed, "privacy request");
    edited(changed, |own| own)
}
