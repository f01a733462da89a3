//! Labels and packing slips, by links that work for minutes.

use super::shipment_of;
use super::wire::Link;
use domain::PickTaskId;
use domain::pick_task::PickTask;
use domain::shipment::{Shipment, ShipmentState};
use jiff::SignedDuration;
use platform::auth::{READERS, authenticate};
use platform::documents::{LINK_VALID_S, document_key};
use platform::items::{pick_task_key, shipment_key};
use platform::spec::{ForMerchant, Refusals};
use platform::{Deps, Problem, Request, Response};

/// Get a link to a label.
///
/// A voided label is none: it must not get onto a parcel. Of an order whose personal data is restricted there is one until the
/// carrier has the parcel.
#[utoipa::path(
    get, path = "/v1/shipments/{shipment}/label", tag = "operations",
    params(
        ("shipment" = String, Path, description = "The shipment's id"),
        ("format" = Option<String>, Query, description = "`pdf` (unless given) or `zpl`"),
        ForMerchant,
    ),
    responses(
        (status = 200, description = "The link", body = Link),
        (status = 409, description = "`personal-data-restricted`, `personal-data-erased`", body = Problem, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn get_label(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = shipment_of(deps, request, READERS).await?;
    let is_zpl = match request.query.get("format").map(String::as_str) {
        None | Some("pdf") => false,
        Some("zpl") => true,
        Some(_) => return Err(Problem::invalid("?format", "format takes `pdf` or `zpl`")),
    };
    let shipment = deps.store.require::<Shipment>(&shipment_key(&id), "this shipment").await?.body;
    let order = super::load_order(deps, &shipment.order).await?.body;
    order.shows_documents(shipment.state != ShipmentState::HandedOver)?;
    let is_valid = matches!(shipment.state, ShipmentState::LabelPurchased | ShipmentState::HandedOver);
    let label =
        shipment.label.filter(|_| is_valid).ok_or_else(|| Problem::not_found("a valid label of this shipment"))?;
    answer(deps, if is_zpl { &label.zpl_key } else { &label.pdf_key }).await
}

/// Get a link to a packing slip.
#[utoipa::path(
    get, path = "/v1/pick-tasks/{task}/packing-slip", tag = "operations",
    params(("task" = String, Path, description = "The pick task's id"), ForMerchant),
    responses(
        (status = 200, description = "The link", body = Link),
        (status = 409, description = "`personal-data-restricted`, `personal-data-erased`", body = Problem, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn get_packing_slip(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let id: PickTaskId = request.parameter("task")?;
    principal.may_see(&id.merchant(), "this pick task")?;
    let task = deps.store.require::<PickTask>(&pick_task_key(&id), "this pick task").await?.body;
    if task.parcel.is_none() {
        return Err(Problem::not_found("a packing slip of this pick task (it is made when the task is packed)"));
    }
    let order = super::load_order(deps, &task.order).await?.body;
    order.shows_documents(!order.is_settled())?;
    answer(deps, &document_key(&task.order, &task.packing_slip())).await
}

async fn answer(deps: &Deps, key: &str) -> Result<Response, Problem> {
    Response::json(200, &link(deps, key).await?)
}

/// A link to a document, which is the caller's to see.
pub(crate) async fn link(deps: &Deps, key: &str) -> Result<Link, Problem> {
    let now = deps.clock.now();
    let url = deps.documents.link(key, now).await?;
    let valid = SignedDuration::from_secs(i64::try_from(LINK_VALID_S).unwrap_or(0));
    Ok(Link { url, expires_at: now + valid })
}
