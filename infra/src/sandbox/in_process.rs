//! The same carrier and shop without sockets and without waiting: every request is answered at once, nothing is kept,
//! and tracking is posted by whoever asks for it. For a simulation, which has its own time and its own network.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http;
use serde_json::{Value, json};
use tower_service::Service;

use super::carrier::{self, Carrier, WebhookTarget, webhooks};
use super::journal::Journal;
use super::labels::LabelMaker;
use super::shop;
use super::{Clock, Inner, Shared, lock};

/// A label that was bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// The carrier's id.
    pub id: String,
    /// The reference that the buyer gave.
    pub reference: String,
    /// Its tracking number.
    pub tracking_number: String,
    /// Whether it was given back.
    pub voided: bool,
    /// Codes of what happened to the parcel, in order.
    pub events: Vec<String>,
}

/// The sandbox, called directly.
pub struct InProcess {
    shared: Shared,
    router: Router,
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}

impl InProcess {
    /// A carrier and shops that know nothing yet.
    #[must_use]
    pub fn new(clock: Clock, labels: Arc<dyn LabelMaker>) -> Self {
        let shared = Arc::new(Inner {
            clock,
            labels,
            retry_delays: Vec::new(),
            journal: Journal::none(),
            carrier: std::sync::Mutex::new(Carrier::default()),
            shops: std::sync::Mutex::default(),
            faults: std::sync::Mutex::default(),
        });
        let router = carrier::routes().merge(shop::routes()).with_state(shared.clone());
        Self { shared, router }
    }

    /// Answers a request as the router does; an answer that breaks off (a fault asked for before) is `None`, and so is
    /// one that would take time.
    #[must_use]
    pub fn call(&self, request: http::Request<Vec<u8>>) -> Option<http::Response<Vec<u8>>> {
        let mut router = self.router.clone();
        let mut context = Context::from_waker(Waker::noop());
        let mut answering = pin!(router.call(request.map(Body::from)));
        let Poll::Ready(Ok(answer)) = answering.as_mut().poll(&mut context) else { return None };
        let (parts, body) = answer.into_parts();
        let mut body = pin!(body);
        let mut bytes = Vec::new();
        loop {
            match body.as_mut().poll_frame(&mut context) {
                Poll::Ready(None) => return Some(http::Response::from_parts(parts, bytes)),
                Poll::Ready(Some(Ok(frame))) => bytes.extend(frame.data_ref().into_iter().flatten()),
                Poll::Ready(Some(Err(_))) | Poll::Pending => return None,
            }
        }
    }

    /// Posts JSON as the owner of an account; status and answer.
    #[must_use]
    pub fn post(&self, path: &str, header: (&str, &str), body: &Value) -> (u16, Value) {
        let request = http::Request::post(path).header(header.0, header.1).header("host", "127.0.0.1:8081");
        let Ok(request) = request.body(body.to_string().into_bytes()) else { return (0, Value::Null) };
        match self.call(request) {
            Some(answer) => (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or(json!(null))),
            None => (0, Value::Null),
        }
    }

    /// Every label that was ever bought.
    #[must_use]
    pub fn purchases(&self) -> Vec<Purchase> {
        let carrier = lock(&self.shared.carrier);
        let purchase = |shipment: &carrier::book::Shipment| Purchase {
            id: shipment.id.clone(),
            reference: shipment.booking.reference.clone(),
            tracking_number: shipment.tracking_number.clone(),
            voided: shipment.voided,
            events: shipment.events.iter().map(|event| event.code.clone()).collect(),
        };
        carrier.shipments().map(purchase).collect()
    }

    /// An event as a webhook signed now; `None` when there is no such event.
    #[must_use]
    pub fn webhook(
        &self,
        url: &str,
        secret: &str,
        delivery: &str,
        shipment: &str,
        event: &str,
    ) -> Option<partners::http::Request> {
        let target = WebhookTarget { url: url.to_owned(), secret: secret.to_owned() };
        webhooks::signed(&self.shared, &target, delivery, shipment, event)
    }
}
