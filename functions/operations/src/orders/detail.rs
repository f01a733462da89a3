//! One order with everything that belongs to it.

use super::order_of;
use super::parts::{returns, shipments, tasks, trackers};
use super::shipment_wire::ShipmentView;
use super::timeline::Timeline;
use super::wire::{OrderSummary, OrderView, PickTaskView, ReturnSummary};
use domain::account::Scope;
use domain::order::Order;
use domain::shipment::Shipment;
use futures_util::try_join;
use platform::items::{PersonRecord, person_key};
use platform::spec::{ForMerchant, Refusals};
use platform::{Deps, Failure, Problem, Request, Response};

/// Get an order with its whole timeline.
///
/// Keys of the floor get neither recipient nor note; once `personal_data` is restricted, nobody gets them.
#[utoipa::path(
    get, path = "/v1/orders/{order}", tag = "operations",
    params(("order" = String, Path, description = "The order's id"), ForMerchant),
    responses((status = 200, description = "The order; its version in `ETag`", body = OrderView), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn get_order(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (principal, id) = order_of(deps, request, &[Scope::Merchant, Scope::Floor, Scope::Operations]).await?;
    let stored = super::load_order(deps, &id).await?;
    let order = &stored.body;
    let sees_people = match principal.scope {
        Scope::Merchant | Scope::Operations | Scope::Administrator => true,
        Scope::Floor => false,
    };
    let (person, tasks, shipments, returns) =
        try_join!(person(deps, order, sees_people), tasks(deps, order), shipments(deps, order), returns(deps, order))?;
    let trackers = trackers(deps, &shipments).await?;

    let mut timeline = Timeline::default();
    timeline.order(order);
    tasks.iter().for_each(|task| timeline.pick_task(&task.body));
    shipments.iter().for_each(|shipment| timeline.shipment(&shipment.body));
    trackers.iter().for_each(|tracker| timeline.tracker(&tracker.body));
    returns.iter().for_each(|back| timeline.back(&back.body));

    let tracker_of = |shipment: &Shipment| {
        let own = trackers.iter().find(|tracker| tracker.body.shipment.as_ref() == Some(&shipment.id));
        own.map(|tracker| &tracker.body)
    };
    let (recipient, note) = person.map(|record| (record.person, record.note)).unwrap_or_default();
    let view = OrderView {
        order: OrderSummary::from(&stored),
        rule: order.rule,
        lines: order.lines.clone(),
        fulfillment_orders: order.fulfillment_orders.clone(),
        recipient,
        note,
        pick_tasks: tasks.iter().map(|task| PickTaskView::from(&task.body)).collect(),
        shipments: shipments
            .iter()
            .map(|shipment| ShipmentView::new(&shipment.body, tracker_of(&shipment.body)))
            .collect(),
        returns: returns.iter().map(|back| ReturnSummary::from(&back.body)).collect(),
        timeline: timeline.sorted(),
    };
    Ok(Response::json(200, &view)?.with_version(stored.version))
}

async fn person(deps: &Deps, order: &Order, sees_people: bool) -> Result<Option<PersonRecord>, Failure> {
    if !sees_people || !order.shows_person() {
        return Ok(None);
    }
    let stored = deps.store.load::<PersonRecord>(&person_key(&order.id, &order.content)).await?;
    Ok(stored.map(|stored| stored.body))
}
