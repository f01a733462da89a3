//! The export: everything that is stored about a shopper, for the merchant to hand on.

use super::wire::{Export, ExportedDocument, ExportedOrder};
use super::{CONTROLLER, request_of};
use crate::orders::documents::link;
use crate::orders::parts::{returns, shipments, trackers};
use domain::OrderId;
use domain::order::Order;
use domain::privacy::PrivacyRequest;
use platform::documents::documents_prefix;
use platform::items::{PersonRecord, order_key, person_key, privacy_request_key};
use platform::listing::PageRequest;
use platform::requests::refused;
use platform::spec::{ForMerchant, PageQuery, Refusals};
use platform::{Deps, Problem, Request, Response};
use serde_json::Value;

/// What the shop sent of one page, bytes: an answer has 6 MB at most.
const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Export what is stored about a shopper.
///
/// For the merchant's own key, of a confirmed access request, for 30 days. A page has fewer orders than asked for when they are
/// large.
#[utoipa::path(
    get, path = "/v1/privacy-requests/{privacy_request}/export", tag = "operations",
    params(("privacy_request" = String, Path, description = "The request's id"), PageQuery, ForMerchant),
    responses(
        (status = 200, description = "One page", body = Export),
        (status = 409, description = "`no-export`", body = Problem, content_type = "application/problem+json"),
        Refusals,
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn export_personal_data(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = request_of(deps, request, &CONTROLLER).await?;
    let page = PageRequest::of(request)?;
    let own = deps.store.require::<PrivacyRequest>(&privacy_request_key(&id), "this privacy request").await?.body;
    own.may_export(deps.clock.now()).map_err(refused)?;
    let after = page.after.as_deref().unwrap_or_default();
    let mut orders = own.orders.iter().map(|order| &order.order).filter(|order| order.as_str() > after).peekable();
    let (mut items, mut bytes, mut last) = (Vec::new(), 0, None);
    while let Some(order) = orders.next_if(|_| items.len() < page.limit && bytes < PAGE_BYTES_MAX) {
        let (exported, size) = export(deps, order).await?;
        bytes += size;
        items.push(exported);
        last = Some(order);
    }
    let next_cursor = orders.peek().and(last).map(|last| PageRequest::cursor(last.as_str()));
    tracing::info!(privacy_request = %id, orders = items.len(), "personal data exported");
    Response::json(200, &Export { privacy_request: id, items, next_cursor })
}

/// One order, and the bytes that the shop sent.
async fn export(deps: &Deps, id: &OrderId) -> Result<(ExportedOrder, usize), Problem> {
    let order = deps.store.require::<Order>(&order_key(id), "this order").await?.body;
    let person = deps.store.load::<PersonRecord>(&person_key(id, &order.content)).await?.map(|stored| stored.body);
    let raw = person.as_ref().map(PersonRecord::inflate).unwrap_or_default();
    let (recipient, note) = person.map(|record| (record.person, record.note)).unwrap_or_default();
    let shipments = shipments(deps, &order).await?;
    let trackers = trackers(deps, &shipments).await?;
    let mut documents = Vec::new();
    for key in deps.documents.keys(id).await? {
        let name = key.strip_prefix(&documents_prefix(id)).unwrap_or(&key).to_owned();
        documents.push(ExportedDocument { name, link: link(deps, &key).await? });
    }
    let exported = ExportedOrder {
        recipient,
        note,
        as_sent: serde_json::from_slice(&raw)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&raw).into_owned())),
        returns: returns(deps, &order).await?.into_iter().map(|stored| stored.body).collect(),
        shipments: shipments.into_iter().map(|stored| stored.body).collect(),
        trackers: trackers.into_iter().map(|stored| stored.body).collect(),
        documents,
        order,
    };
    Ok((exported, raw.len()))
}
