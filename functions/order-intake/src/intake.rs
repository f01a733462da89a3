//! The one way in: children first, the head last by one conditional put, whose existence makes the order.

use crate::wire::Accepted;
use domain::account::Merchant;
use domain::incoming::IncomingOrder;
use domain::order::IntakeFacts;
use domain::order::Order;
use domain::order::receive::content_digest;
use domain::{ChannelId, MerchantId, OrderId, Sku};
use platform::items::{IdempotencyRecord, PersonRecord, StoredItem, item_key, merchant_key, order_key, person_key};
use platform::{Deps, Operation, Problem, Response, Step, Stored, Write};
use std::collections::BTreeSet;

/// Whose order it is, from the credential, and under which key it was sent.
pub(crate) struct Source {
    pub(crate) merchant: MerchantId,
    pub(crate) channel: Option<ChannelId>,
    /// Days for which the channel asks goods to keep still.
    pub(crate) min_remaining_shelf_life_days: u32,
    pub(crate) idempotency: Option<Operation>,
}

/// Makes the order durable.
pub(crate) async fn take_in(
    deps: &Deps,
    source: Source,
    incoming: &IncomingOrder,
    raw: &[u8],
) -> Result<Response, Problem> {
    let Source { merchant, channel, min_remaining_shelf_life_days, idempotency } = source;
    let id = Order::id_for(&merchant, channel.as_ref(), &incoming.source_id);
    let content = content_digest(&incoming.number, &String::from_utf8_lossy(raw));
    if let Some(operation) = &idempotency
        && let Some(record) = recorded(deps, operation, &id).await?
        && (record.body != operation.body() || record.order != id)
    {
        return Err(reused());
    }
    // Before anything personal is written: a late body must not bring back a shopper whose data was erased.
    if let Some(known) = deps.store.load::<Order>(&order_key(&id)).await?
        && known.body.content != content
    {
        return refuse(deps, &id, &content).await;
    }
    let settings =
        deps.store.require::<Merchant>(&merchant_key(&merchant), "the merchant of this credential").await?.body;
    let facts = IntakeFacts {
        rule: settings.allocation_rule,
        hold_unpaid_stock_minutes: settings.hold_unpaid_stock_minutes,
        min_remaining_shelf_life_days,
        known_skus: known_skus(deps, &merchant, incoming).await?,
        merchant,
        channel,
        content: content.clone(),
        now: deps.clock.now(),
    };
    let decision =
        Order::receive(incoming, &facts).map_err(|rejection| Problem::invalid(rejection.pointer, rejection.detail))?;
    let operation = Operation::of(&["intake", id.as_str(), &content]);
    let person = PersonRecord {
        order: id.clone(),
        content: content.clone(),
        person: incoming.ship_to.clone(),
        note: incoming.note.clone(),
        raw: PersonRecord::deflate(raw),
    };
    // A repetition leaves the person alone, who may have been corrected since.
    deps.store.create_child(&person, &operation).await?;
    let mut step = Step::from(decision);
    if let Some(key) = &idempotency {
        let record = IdempotencyRecord::new(key, &id, facts.now);
        let (writes, _) = deps.store.write_of(None, domain::Decision::of(record), key)?;
        step.also.extend(writes);
    }
    let created = deps.store.create(&operation, step).await?;
    let order = &created.value.body;
    if order.content != content {
        return refuse(deps, &id, &content).await;
    }
    tracing::info!(correlation_id = %order.id, replayed = created.replayed, held = order.holds.len(), "order durable");
    let mut response = Response::json(201, &Accepted::from(order))?;
    if created.replayed {
        response.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
    }
    Ok(response)
}

/// Another body of a known order. Its child, which an earlier try may have written under its own content, must not outlive
/// the refusal.
async fn refuse(deps: &Deps, id: &OrderId, content: &str) -> Result<Response, Problem> {
    deps.store.apply(vec![Write::Delete(person_key(id, content))]).await?;
    let detail = "an order with this id was sent before with another body: edit or cancel that one, or send a new id";
    Err(Problem::new(409, "order-exists", detail).at("/source_id"))
}

async fn recorded(deps: &Deps, operation: &Operation, order: &OrderId) -> Result<Option<IdempotencyRecord>, Problem> {
    let key = IdempotencyRecord::new(operation, order, deps.clock.now()).key();
    Ok(deps.store.load::<IdempotencyRecord>(&key).await?.map(|stored| stored.body))
}

fn reused() -> Problem {
    Problem::new(
        422,
        "idempotency-key-reused",
        "this Idempotency-Key was used with another body: use a new key for a new request",
    )
}

async fn known_skus(deps: &Deps, merchant: &MerchantId, incoming: &IncomingOrder) -> Result<BTreeSet<Sku>, Problem> {
    let keys: Vec<_> =
        incoming.lines.iter().filter_map(|line| line.sku.as_ref()).map(|sku| item_key(merchant, sku)).collect();
    let items = deps.store.load_many::<StoredItem>(&keys).await?;
    Ok(items.into_iter().map(|stored| stored.body.item.sku).collect())
}
