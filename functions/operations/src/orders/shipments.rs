//! One shipment, and a person's second try at a booking that waits for one.

use super::parts::key_of_tracker;
use super::shipment_of;
use super::shipment_wire::ShipmentView;
use super::wire::ActorRequest;
use domain::Rejected;
use domain::account::Scope;
use domain::shipment::Shipment;
use domain::tracker::Tracker;
use platform::items::shipment_key;
use platform::spec::{ForMerchant, Idempotent, IfMatch, Refusals};
use platform::{Deps, Failure, Operation, Problem, Request, Response, Versioned};

/// Get a shipment with its tracker.
#[utoipa::path(
    get, path = "/v1/shipments/{shipment}", tag = "operations",
    params(("shipment" = String, Path, description = "The shipment's id"), ForMerchant),
    responses((status = 200, description = "The shipment; its version in `ETag`", body = ShipmentView), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn get_shipment(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = shipment_of(deps, request, &[Scope::Merchant, Scope::Floor, Scope::Operations]).await?;
    let stored = deps.store.require::<Shipment>(&shipment_key(&id), "this shipment").await?;
    answer(deps, &stored).await
}

async fn answer(deps: &Deps, stored: &Versioned<Shipment>) -> Result<Response, Problem> {
    let tracker = match key_of_tracker(&stored.body) {
        None => None,
        Some(key) => deps.store.load::<Tracker>(&key).await?,
    };
    let view = ShipmentView::new(&stored.body, tracker.as_ref().map(|tracker| &tracker.body));
    Ok(Response::json(200, &view)?.with_version(stored.version))
}

/// Book a shipment again.
///
/// For a booking that the carrier refused, or whose outcome is unknown: after the reason is removed, or a person has seen at the
/// carrier that nothing was bought. The carrier is asked for our reference first, wherever it can be.
#[utoipa::path(
    post, path = "/v1/shipments/{shipment}/retry-booking", tag = "operations",
    params(("shipment" = String, Path, description = "The shipment's id"), Idempotent, IfMatch, ForMerchant),
    request_body = ActorRequest,
    responses(
        (status = 200, description = "Is being booked again; its version in `ETag`", body = ShipmentView),
        (status = 409, description = "`booking-not-waiting`, `personal-data-erased`", body = platform::Problem, content_type = "application/problem+json"),
        (status = 412, description = "Changed since the version in If-Match", body = platform::Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = platform::Problem, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn retry_booking(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = shipment_of(deps, request, &[Scope::Floor, Scope::Operations]).await?;
    let ActorRequest { actor } = request.json()?;
    let key = request.idempotency_key(&*deps.ids)?;
    let operation = Operation::of_request(&id.merchant(), &request.route, id.as_str(), &key, &request.body);
    let expected = request.if_match()?;
    let now = deps.clock.now();
    let stored_at = shipment_key(&id);
    let shipment = deps.store.require::<Shipment>(&stored_at, "this shipment").await?.body;
    if super::load_order(deps, &shipment.order).await?.body.is_erased() {
        // A label would bring back whom it is for.
        return Err(domain::privacy::gone().into());
    }
    let changed = deps.store.change(&stored_at, &operation, async |loaded: Option<&Versioned<Shipment>>| {
        let loaded = loaded.ok_or_else(|| Failure::NotFound("this shipment".to_owned()))?;
        if expected.is_some_and(|version| version != loaded.version) {
            let detail = "the shipment has changed since the version in If-Match: read it again and decide anew";
            return Err(Rejected::new("precondition-failed", detail).into());
        }
        Ok(loaded.body.retry_booking(&actor, now)?)
    });
    let changed = changed.await.map_err(super::refused)?;
    tracing::info!(correlation_id = %changed.value.body.order, shipment = %id, "booked again by a person");
    answer(deps, &changed.value).await
}
