//! Pack: the packing slip is in the bucket before the task says so.

use crate::floor::{answer, operation_of};
use crate::read::{items, task_of};
use crate::wire::{PackRequest, Task};
use documents::{PackingSlip, Party, SlipLine, packing_slip};
use domain::account::Merchant;
use domain::address::Person;
use domain::order::Order;
use domain::pick_task::PickTask;
use domain::{OrderId, Rejected, Sku};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use platform::documents::document_key;
use platform::items::{PersonRecord, merchant_key, order_key, person_key, pick_task_key};
use platform::{Deps, Failure, Problem, Request, Response, Versioned};

/// Pack what was picked.
///
/// The packing slip is ready with the answer; the label is booked next.
#[utoipa::path(
    post, path = "/v1/pick-tasks/{task}/pack", tag = "pick-pack",
    params(
        ("task" = String, Path, description = "The pick task's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key takes effect once"),
    ),
    request_body(content = PackRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Packed", body = Task),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such task", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Not picked, packed already, or the order is on hold or cancelled", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn pack_parcel(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let id = task_of(deps, request).await?;
    let (parcel, by) = request.json::<PackRequest>()?.read()?;
    let operation = operation_of(deps, request, &id)?;
    let key = pick_task_key(&id);
    let now = deps.clock.now();
    let before = deps.store.require::<PickTask>(&key, "this task").await?;
    if !operation.is_done(&before.operations)? {
        let order = order_that_may_move(deps, &before.body.order).await?;
        before.body.pack(parcel, &by, now).map_err(Problem::from)?;
        let slip = draw(deps, &order, &before.body, now).await?;
        let name = document_key(&order.id, &before.body.packing_slip());
        deps.documents.put(&name, "application/pdf", slip).await?;
    }
    let changed = deps
        .store
        .change(&key, &operation, async |loaded: Option<&Versioned<PickTask>>| {
            let task = loaded.ok_or_else(|| Failure::NotFound("this task".to_owned()))?;
            // Asked again right before the commit: a hold or a cancellation may have come since the slip was drawn.
            order_that_may_move(deps, &task.body.order).await?;
            Ok::<_, Failure>(task.body.pack(parcel, &by, now)?)
        })
        .await?;
    let task = &changed.value.body;
    tracing::info!(correlation_id = %task.order, task = %task.id, replayed = changed.replayed, "packed");
    answer(&changed, &Task::from(task))
}

async fn order_that_may_move(deps: &Deps, id: &OrderId) -> Result<Order, Failure> {
    let order = deps.store.load::<Order>(&order_key(id)).await?;
    let order = order.ok_or_else(|| Failure::bug(format!("a pick task without its order {id}")))?.body;
    order.may_move()?;
    Ok(order)
}

async fn draw(deps: &Deps, order: &Order, task: &PickTask, now: Timestamp) -> Result<Vec<u8>, Failure> {
    let record = deps.store.load::<PersonRecord>(&person_key(&order.id, &order.content)).await?;
    let person = record.and_then(|record| record.body.person).ok_or_else(|| {
        Rejected::new("recipient-missing", "the order has nobody to send it to: give it an address, or cancel it")
    })?;
    let merchant = deps.store.require::<Merchant>(&merchant_key(&task.merchant()), "the task's merchant").await?.body;
    let contents = in_the_parcel(order, task);
    let items = items(deps, &merchant.id, contents.iter().map(|content| &content.sku)).await?;
    let lines = contents.iter().map(|content| SlipLine {
        sku: content.sku.as_str(),
        title: items.get(&content.sku).map_or(content.sku.as_str(), |item| item.name.as_str()),
        quantity: content.quantity,
        in_kit: content.in_kit,
    });
    let slip = PackingSlip {
        shop_name: &merchant.name,
        order_number: &order.number,
        date: now.to_zoned(TimeZone::UTC).date(),
        recipient: party(&person),
        barcode: task.id.as_str(),
        lines: lines.collect(),
    };
    packing_slip::pdf(&slip).map_err(|error| Failure::bug(format!("a packing slip cannot be drawn: {error}")))
}

/// A line of the slip.
struct Content {
    sku: Sku,
    quantity: u32,
    in_kit: bool,
}

/// Items by the unit, in the order in which they were picked; then kits, each followed by what is in it.
fn in_the_parcel(order: &Order, task: &PickTask) -> Vec<Content> {
    let mut contents: Vec<Content> = Vec::new();
    let goods = task.contents();
    let by_the_unit = |sku: &Sku| {
        let units = goods.iter().filter(|goods| goods.sku == *sku && task.kit_of(goods.line).is_empty());
        units.map(|goods| goods.quantity).sum::<u32>()
    };
    for line in &task.lines {
        let quantity = by_the_unit(&line.sku);
        if quantity > 0 && !contents.iter().any(|content| content.sku == line.sku) {
            contents.push(Content { sku: line.sku.clone(), quantity, in_kit: false });
        }
    }
    for shipped in task.shipping() {
        let kit = task.kit_of(shipped.line);
        let Some(sku) = order.line(shipped.line).and_then(|line| line.sku.clone()).filter(|_| !kit.is_empty()) else {
            continue;
        };
        contents.push(Content { sku, quantity: shipped.quantity, in_kit: false });
        contents.extend(kit.iter().map(|component| Content {
            sku: component.sku.clone(),
            quantity: shipped.quantity * component.quantity,
            in_kit: true,
        }));
    }
    contents
}

fn party(person: &Person) -> Party<'_> {
    let address = &person.address;
    Party {
        name: &person.name,
        company: person.company.as_deref(),
        line1: &address.line1,
        line2: address.line2.as_deref(),
        postal_code: address.postal_code.as_deref(),
        city: &address.city,
        region: address.region.as_deref(),
        country: &address.country,
        phone: person.phone.as_deref(),
    }
}
