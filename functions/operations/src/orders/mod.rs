//! Orders, holds, close-out, documents, dead letters.

mod change;
mod close_out;
mod dead_letters;
mod detail;
pub(crate) mod documents;
mod edit;
mod list;
pub(crate) mod parts;
mod recipient;
mod shipment_wire;
mod shipments;
mod timeline;
pub(crate) mod wire;

use domain::account::Scope;
use domain::order::Order;
use domain::{OrderId, ShipmentId};
use platform::auth::{Principal, authenticate};
use platform::items::order_key;
use platform::{Deps, Failure, Problem, Request, Response, Versioned};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::OpenApi;

/// Answers the routes of this room; `None` for any other.
pub(crate) async fn route(deps: &Deps, request: &Request) -> Option<Result<Response, Problem>> {
    Some(match request.route.as_str() {
        "GET /v1/orders" => list::list_orders(deps, request).await,
        "GET /v1/orders/{order}" => detail::get_order(deps, request).await,
        "PATCH /v1/orders/{order}" => change::edit_order(deps, request).await,
        "POST /v1/orders/{order}/cancel" => edit::cancel_order(deps, request).await,
        "POST /v1/orders/{order}/holds" => edit::place_hold(deps, request).await,
        "DELETE /v1/orders/{order}/holds/{reason}" => edit::release_hold(deps, request).await,
        "POST /v1/orders/{order}/extend-reservation" => edit::extend_reservation(deps, request).await,
        "PUT /v1/orders/{order}/recipient" => recipient::correct_recipient(deps, request).await,
        "POST /v1/close-outs" => close_out::close_out(deps, request).await,
        "GET /v1/shipments/{shipment}" => shipments::get_shipment(deps, request).await,
        "POST /v1/shipments/{shipment}/retry-booking" => shipments::retry_booking(deps, request).await,
        "GET /v1/shipments/{shipment}/label" => documents::get_label(deps, request).await,
        "GET /v1/pick-tasks/{task}/packing-slip" => documents::get_packing_slip(deps, request).await,
        "GET /v1/dead-letters" => dead_letters::list_dead_letters(deps, request).await,
        "POST /v1/dead-letters/redrive" => dead_letters::redrive_dead_letters(deps, request).await,
        "POST /v1/dead-letters/discard" => dead_letters::discard_dead_letters(deps, request).await,
        _ => return None,
    })
}

#[derive(OpenApi)]
#[openapi(
    paths(
        list::list_orders,
        detail::get_order,
        change::edit_order,
        edit::cancel_order,
        edit::place_hold,
        edit::release_hold,
        edit::extend_reservation,
        recipient::correct_recipient,
        close_out::close_out,
        shipments::get_shipment,
        shipments::retry_booking,
        documents::get_label,
        documents::get_packing_slip,
        dead_letters::list_dead_letters,
        dead_letters::redrive_dead_letters,
        dead_letters::discard_dead_letters,
    ),
    components(schemas(Problem))
)]
struct Api;

/// This room's part of the API's description.
pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// The order that the path names, and who asks for it.
async fn order_of(deps: &Deps, request: &Request, allowed: &[Scope]) -> Result<(Principal, OrderId), Problem> {
    let principal = authenticate(deps, request, allowed).await?;
    let id: OrderId = request.parameter("order")?;
    principal.may_see(&id.merchant(), "this order")?;
    Ok((principal, id))
}

/// The shipment that the path names, and who asks for it.
async fn shipment_of(deps: &Deps, request: &Request, allowed: &[Scope]) -> Result<(Principal, ShipmentId), Problem> {
    let principal = authenticate(deps, request, allowed).await?;
    let id: ShipmentId = request.parameter("shipment")?;
    principal.may_see(&id.merchant(), "this shipment")?;
    Ok((principal, id))
}

async fn load_order(deps: &Deps, id: &OrderId) -> Result<Versioned<Order>, Failure> {
    deps.store.require(&order_key(id), "this order").await
}

/// A refusal as it is answered, where the status is not 409.
fn refused(failure: Failure) -> Problem {
    let mut problem = Problem::from(failure);
    match problem.kind.rsplit(':').next() {
        Some("hold-not-found") => problem.status = 404,
        Some("precondition-failed") => problem.status = 412,
        Some("invalid-field") => problem.status = 400,
        _ => {}
    }
    problem
}

/// The wire name of a unit variant.
fn name_of<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

/// The unit variant with this wire name.
pub(crate) fn by_name<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}
