//! Posting tracking to merchants: signed, one event each, tried again until taken.

use super::{WebhookTarget, account, respond};
use crate::sandbox::{Shared, client, lock};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use partners::carriers::sandbox::sign;
use partners::http::{Method, Request};
use serde::Serialize;
use serde_json::json;

/// Most deliveries remembered.
const DELIVERIES_MAX: usize = 10_000;

/// What became of one webhook.
#[derive(Clone, Serialize)]
pub(super) struct Delivery {
    id: String,
    #[serde(skip)]
    account: String,
    shipment: String,
    event: String,
    attempts: u32,
    /// `pending`, `delivered` or `failed`.
    state: &'static str,
    /// Status of the last answer, if there was one.
    status: Option<u16>,
}

pub(super) async fn list(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let shown = account(&headers).map(|account| {
        let carrier = lock(&shared.carrier);
        let own: Vec<&Delivery> = carrier.deliveries.iter().filter(|delivery| delivery.account == account).collect();
        let pending = own.iter().filter(|delivery| delivery.state == "pending").count();
        json!({ "pending": pending, "deliveries": own })
    });
    respond(StatusCode::OK, shown)
}

/// Posts again what an earlier run did not get rid of.
pub(in crate::sandbox) fn resume(shared: &Shared) {
    let waiting: Vec<(String, String, Vec<String>)> = {
        let carrier = lock(&shared.carrier);
        let unposted = carrier.shipments.values().map(|shipment| {
            let ids = shipment.events.iter().filter(|event| !event.posted).map(|event| event.id.clone()).collect();
            (shipment.account.clone(), shipment.id.clone(), ids)
        });
        unposted.filter(|(_, _, ids): &(_, _, Vec<String>)| !ids.is_empty()).collect()
    };
    for (account, shipment, events) in waiting {
        post(shared, &account, &shipment, events);
    }
}

/// Posts events of one shipment in this order; returns the ids of the deliveries. A failed one is tried again by
/// itself, so that those after it do not wait: that is how real carriers get out of order.
pub(super) fn post(shared: &Shared, account: &str, shipment: &str, events: Vec<String>) -> Vec<String> {
    let deliveries: Vec<Delivery> = {
        let mut carrier = lock(&shared.carrier);
        let mut made = Vec::new();
        for event in events {
            carrier.delivery_count += 1;
            let (number, now) = (carrier.delivery_count.to_string(), (shared.clock)().to_string());
            made.push(Delivery {
                id: format!("wh_{}", domain::ids::digest(&[&event, &number, &now], 20)),
                account: account.to_owned(),
                shipment: shipment.to_owned(),
                event,
                attempts: 0,
                state: "pending",
                status: None,
            });
        }
        for delivery in &made {
            if carrier.deliveries.len() == DELIVERIES_MAX {
                carrier.deliveries.pop_front();
            }
            carrier.deliveries.push_back(delivery.clone());
        }
        made
    };
    let ids = deliveries.iter().map(|delivery| delivery.id.clone()).collect();
    let shared = shared.clone();
    tokio::spawn(async move {
        for delivery in deliveries {
            if !attempt(&shared, &delivery).await {
                tokio::spawn(try_again(shared.clone(), delivery));
            }
        }
    });
    ids
}

async fn try_again(shared: Shared, delivery: Delivery) {
    for delay in shared.retry_delays.clone() {
        tokio::time::sleep(delay).await;
        if attempt(&shared, &delivery).await {
            return;
        }
    }
    note(&shared, &delivery.id, |delivery| delivery.state = "failed");
}

/// One attempt; true if there is nothing more to do.
async fn attempt(shared: &Shared, delivery: &Delivery) -> bool {
    let Some(request) = request(shared, delivery) else {
        note(shared, &delivery.id, |delivery| delivery.state = "failed");
        return true;
    };
    let status = client::call(&request).await.ok().map(|response| response.status);
    let taken = status.is_some_and(|status| (200..300).contains(&status));
    if taken && !mark_posted(shared, delivery) {
        // Not kept: it will be posted again after a restart, which is what carriers do anyway.
        note(shared, &delivery.id, |delivery| delivery.status = status);
    }
    note(shared, &delivery.id, |delivery| {
        delivery.attempts += 1;
        delivery.status = status;
        if taken {
            delivery.state = "delivered";
        }
    });
    taken
}

fn mark_posted(shared: &Shared, delivery: &Delivery) -> bool {
    let mut carrier = lock(&shared.carrier);
    let Some(mut shipment) = carrier.shipments.get(&delivery.shipment).cloned() else { return true };
    match shipment.events.iter_mut().find(|event| event.id == delivery.event) {
        Some(event) if !event.posted => event.posted = true,
        _ => return true,
    }
    carrier.keep(shared, shipment).is_ok()
}

fn note(shared: &Shared, id: &str, change: impl FnOnce(&mut Delivery)) {
    if let Some(delivery) = lock(&shared.carrier).deliveries.iter_mut().rev().find(|delivery| delivery.id == id) {
        change(delivery);
    }
}

/// The webhook, signed now: every attempt carries its own timestamp.
fn request(shared: &Shared, delivery: &Delivery) -> Option<Request> {
    let target = lock(&shared.carrier).webhooks.get(&delivery.account)?.clone();
    signed(shared, &target, &delivery.id, &delivery.shipment, &delivery.event)
}

/// An event of a shipment as a webhook that is sent now; absent when there is no such event.
pub(in crate::sandbox) fn signed(
    shared: &Shared,
    target: &WebhookTarget,
    id: &str,
    shipment: &str,
    event: &str,
) -> Option<Request> {
    let carrier = lock(&shared.carrier);
    let shipment = carrier.shipments.get(shipment)?;
    let event = shipment.events.iter().find(|own| own.id == event)?;
    let now = (shared.clock)();
    let body = json!({
        "id": id,
        "type": "tracking.updated",
        "created_at": now,
        "data": {
            "tracking_number": shipment.tracking_number,
            "reference": shipment.booking.reference,
            "shipment_id": shipment.id,
            "events": [event.json()],
        },
    });
    let mut request = Request::new(Method::Post, target.url.clone()).with_json(&body);
    request.headers.extend(sign(std::slice::from_ref(&target.secret), now, &request.body));
    Some(request)
}
