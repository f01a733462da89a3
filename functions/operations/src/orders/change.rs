//! Other quantities, another priority: one transaction of order, pick tasks, levels and the waiting queue.

use super::edit::{EDITORS, answer, change_order};
use super::order_of;
use super::wire::{EditRequest, OrderSummary};
use domain::order::{Edit, Edited, Order};
use domain::pick_task::PickTask;
use domain::shipment::Shipment;
use domain::sweep::Parts;
use domain::{Decision, PickTaskId, Rejected, Sku};
use platform::items::{StoredItem, WaitingOrder, item_key, pick_task_key, shipment_key};
use platform::spec::{ForMerchant, Idempotent, IfMatch, Refusals};
use platform::{Deps, Failure, Key, Operation, Problem, Request, Response, Step, Stored, Versioned, Write};
use std::collections::BTreeMap;

/// Most items of one transaction.
const WRITES_MAX: usize = 100;

/// Edit an order: quantities of its lines, its priority, its amounts.
///
/// Units that are not reserved yet are just not ordered any more; reserved ones are available again at once, off a pick task
/// that nobody has begun. Once units are picked, packed or labelled the edit is refused: cancel the order, or let them ship
/// and open a return. All of it or nothing.
#[utoipa::path(
    patch, path = "/v1/orders/{order}", tag = "operations",
    params(("order" = String, Path, description = "The order's id"), Idempotent, IfMatch, ForMerchant),
    request_body = EditRequest,
    responses(
        (status = 200, description = "Edited; its version in `ETag`", body = OrderSummary),
        (status = 409, description = "`picking-started`, `packed`, `label-purchased`, `handed-over`, `nothing-left`, `order-handed-over`, `order-cancelled`", body = platform::Problem, content_type = "application/problem+json"),
        (status = 412, description = "Changed since the version in If-Match", body = platform::Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = platform::Problem, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn edit_order(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = order_of(deps, request, &EDITORS).await?;
    let edit = Edit::from(request.json::<EditRequest>()?);
    if edit == Edit::default() {
        return Err(Problem::invalid("", "send what is to change: `priority`, `lines`, `total_minor`, …"));
    }
    let now = deps.clock.now();
    let changed = change_order(deps, request, &id, async |loaded, operation| {
        let order = &loaded.body;
        let stored =
            if edit.lines.is_empty() { StoredParts::default() } else { StoredParts::load(deps, order).await? };
        let items = if edit.lines.is_empty() { BTreeMap::new() } else { items(deps, order).await? };
        let edited = order.edit(&edit, &stored.parts(), &items, now)?;
        let also = stored.writes(deps, order, &edited, operation)?;
        if 1 + edited.order.stock.len() + also.len() > WRITES_MAX {
            let detail = "this is more than one transaction holds: edit fewer lines at once";
            return Err(Rejected::new("edit-too-large", detail).at("/lines").into());
        }
        Ok(Step { decision: edited.order, also })
    });
    answer(200, &changed.await?)
}

/// The items of what is allocated: their barcodes go into a task that is created by the edit.
async fn items(deps: &Deps, order: &Order) -> Result<BTreeMap<Sku, domain::catalogue::Item>, Failure> {
    let merchant = order.merchant();
    let goods = order.fulfillment_orders.iter().filter(|f| f.is_active()).flat_map(|f| order.goods_of(f));
    let keys: Vec<Key> = goods.map(|goods| item_key(&merchant, &goods.sku)).collect();
    let stored = deps.store.load_many::<StoredItem>(&keys).await?;
    Ok(stored.into_iter().map(|stored| (stored.body.item.sku.clone(), stored.body.item)).collect())
}

/// Tasks and shipments of the order's active fulfilment orders, as they are stored.
#[derive(Default)]
struct StoredParts {
    tasks: BTreeMap<u32, Versioned<PickTask>>,
    shipments: BTreeMap<u32, Shipment>,
}

impl StoredParts {
    async fn load(deps: &Deps, order: &Order) -> Result<Self, Failure> {
        let numbers: Vec<u32> = order.fulfillment_orders.iter().filter(|f| f.is_active()).map(|f| f.number).collect();
        let tasks: Vec<Key> = numbers.iter().map(|number| pick_task_key(&PickTaskId::of(&order.id, *number))).collect();
        let shipments: Vec<Key> = numbers.iter().map(|number| shipment_key(&order.shipment(*number))).collect();
        let tasks = deps.store.load_many::<PickTask>(&tasks).await?;
        let shipments = deps.store.load_many::<Shipment>(&shipments).await?;
        Ok(Self {
            shipments: numbers
                .iter()
                .filter_map(|number| {
                    let own = shipments.iter().find(|shipment| shipment.body.id == order.shipment(*number))?;
                    Some((*number, own.body.clone()))
                })
                .collect(),
            tasks: tasks.into_iter().map(|task| (task.body.number, task)).collect(),
        })
    }

    fn parts(&self) -> Parts {
        let tasks = self.tasks.iter().map(|(number, task)| (*number, task.body.clone())).collect();
        Parts { tasks, shipments: self.shipments.clone(), ..Parts::default() }
    }

    /// What is stored beside the order.
    fn writes(
        &self,
        deps: &Deps,
        order: &Order,
        edited: &Edited,
        operation: &Operation,
    ) -> Result<Vec<Write>, Failure> {
        let next = &edited.order.next;
        let mut writes = Vec::new();
        for (number, decision) in &edited.tasks {
            writes.extend(deps.store.write_of(self.tasks.get(number), decision.clone(), operation)?.0);
        }
        // No parcel may be packed beside a change of what the courier collects: its share would be the old one.
        if next.cash_on_delivery_minor != order.cash_on_delivery_minor {
            for (_, task) in self.tasks.iter().filter(|(number, _)| !edited.tasks.contains_key(number)) {
                writes.extend(deps.store.write_of(Some(task), Decision::of(task.body.clone()), operation)?.0);
            }
        }
        let shards = deps.store.list_shards();
        let entry = |sku: &Sku| WaitingOrder::new(order, sku.clone(), 0, 0, shards);
        writes.extend(edited.leaves_queue.iter().map(|sku| Write::Delete(entry(sku).key())));
        Ok(writes)
    }
}
