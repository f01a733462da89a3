//! What a shopper asked the shop about personal data: becomes requests that wait for the merchant's decision.

use crate::wire::{Ignored, PrivacyRequests};
use domain::order::Order;
use domain::privacy::{ORDERS_MAX, PrivacyKind, PrivacyOrigin, PrivacyRequest};
use domain::{ChannelId, OrderId, PrivacyRequestId};
use platform::items::order_key;
use platform::{Deps, Operation, Problem, Response};

/// Opens requests about those of the shop's orders that are here and not erased, the same ones however often `delivery` comes.
pub(crate) async fn open(
    deps: &Deps,
    (channel, delivery): (&ChannelId, &str),
    kind: PrivacyKind,
    sources: &[String],
) -> Result<Response, Problem> {
    let merchant = channel.merchant();
    let keys: Vec<_> =
        sources.iter().map(|source| order_key(&Order::id_for(&merchant, Some(channel), source))).collect();
    let known = deps.store.load_many::<Order>(&keys).await?.into_iter().map(|stored| stored.body);
    let mut orders: Vec<OrderId> = known.filter(|order| !order.is_erased()).map(|order| order.id).collect();
    orders.sort();
    orders.dedup();
    if orders.is_empty() {
        return Response::json(200, &Ignored { ignored: "nothing of this shopper is stored here".to_owned() });
    }
    let asked = format!("{kind:?}");
    let mut opened = Vec::new();
    for part in orders.chunks(ORDERS_MAX) {
        // Named by its first order: which others are erased by the time of a repetition makes it no other request.
        let first = part.first().map(OrderId::as_str).unwrap_or_default();
        let cause = ["privacy", channel.as_str(), delivery, &asked, first];
        let id = PrivacyRequestId::derive(&merchant, &cause);
        let named = (kind, PrivacyOrigin::Shop);
        let decision = PrivacyRequest::open(id.clone(), named, part.to_vec(), None, deps.clock.now())
            .map_err(platform::requests::refused)?;
        let created = deps.store.create(&Operation::of(&cause), decision).await?;
        tracing::info!(privacy_request = %id, ?kind, orders = part.len(), replayed = created.replayed, "privacy request");
        opened.push(id);
    }
    Response::json(200, &PrivacyRequests { privacy_requests: opened })
}
