//! The carrier's routes.

pub(super) mod book;
mod tracking;
pub(super) mod webhooks;

use super::faults::{self, Fault};
use super::journal::JournalError;
use super::labels::LabelFacts;
use super::{ApiError, Inner, Shared, lock};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use book::{Booking, Shipment};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// What the carrier knows.
#[derive(Default)]
pub(super) struct Carrier {
    webhooks: HashMap<String, WebhookTarget>,
    shipments: BTreeMap<String, Shipment>,
    by_reference: HashMap<(String, String), Vec<String>>,
    by_tracking_number: HashMap<String, String>,
    deliveries: VecDeque<webhooks::Delivery>,
    /// Tells deliveries of the same event apart, also after the oldest were forgotten.
    delivery_count: u64,
}

/// Where an account's tracking is posted to.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookTarget {
    pub(super) url: String,
    pub(super) secret: String,
}

impl Carrier {
    /// Takes back a record that was kept; false if it is none of the carrier's.
    pub(super) fn restore(&mut self, key: &str, value: &Value) -> Result<bool, JournalError> {
        let unknown = || JournalError::UnknownRecord { key: key.to_owned() };
        if let Some(account) = key.strip_prefix("carrier/webhook/") {
            let target = WebhookTarget::deserialize(value).map_err(|_| unknown())?;
            self.webhooks.insert(account.to_owned(), target);
        } else if key.starts_with("carrier/shipment/") {
            self.insert(Shipment::deserialize(value).map_err(|_| unknown())?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn insert(&mut self, shipment: Shipment) {
        let reference = (shipment.account.clone(), shipment.booking.reference.clone());
        let ids = self.by_reference.entry(reference).or_default();
        if !ids.contains(&shipment.id) {
            ids.push(shipment.id.clone());
        }
        self.by_tracking_number.insert(shipment.tracking_number.clone(), shipment.id.clone());
        self.shipments.insert(shipment.id.clone(), shipment);
    }

    fn shipment(&self, account: &str, id: &str) -> Result<&Shipment, ApiError> {
        let own = self.shipments.get(id).filter(|shipment| shipment.account == account);
        own.ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "shipment_not_found"))
    }

    /// Every label that was ever bought, in the order of purchase.
    pub(super) fn shipments(&self) -> impl Iterator<Item = &Shipment> {
        self.shipments.values()
    }

    /// Keeps a changed shipment, then shows it.
    fn keep(&mut self, inner: &Inner, shipment: Shipment) -> Result<(), JournalError> {
        inner.journal.put(&format!("carrier/shipment/{}", shipment.id), &shipment)?;
        self.insert(shipment);
        Ok(())
    }
}

pub(super) fn routes() -> Router<Shared> {
    let api = Router::new()
        .route("/rates", post(rates))
        .route("/shipments", post(book_shipment).get(find_shipments))
        .route("/shipments/{id}", get(show_shipment))
        .route("/shipments/{id}/label.pdf", get(label_pdf))
        .route("/shipments/{id}/label.zpl", get(label_zpl))
        .route("/shipments/{id}/void", post(void_shipment))
        .route("/shipments/{id}/events", post(tracking::add_event))
        .route("/shipments/{id}/script", post(tracking::play_script))
        .route("/trackers/{number}", get(tracking::show_tracker))
        .route("/webhook", put(set_webhook))
        .route("/deliveries", get(webhooks::list))
        .route("/faults", post(add_fault).get(list_faults).delete(clear_faults));
    Router::new().nest("/carrier/v1", api).route("/carrier/track/{number}", get(tracking::track_page))
}

/// The account of a call: every key that looks like one is an account of its own. Keys are kept as digests only.
fn account(headers: &HeaderMap) -> Result<String, ApiError> {
    let key = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("Bearer "));
    match key {
        Some(key) if key.starts_with("sbx_") && (8..=100).contains(&key.len()) => {
            Ok(domain::ids::digest(&["carrier", key], 16))
        }
        _ => Err(ApiError::new(StatusCode::UNAUTHORIZED, "invalid_api_key")),
    }
}

fn base_url(headers: &HeaderMap) -> String {
    let host = headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1");
    format!("http://{host}")
}

fn respond(status: StatusCode, result: Result<Value, ApiError>) -> Response {
    match result {
        Ok(body) => (status, axum::Json(body)).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn rates(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let account = match account(&headers) {
        Ok(account) => account,
        Err(error) => return error.into_response(),
    };
    let work = || {
        let offers = Booking::read(&body).and_then(|booking| booking.rates());
        respond(StatusCode::OK, offers.map(|rates| json!({ "rates": rates })))
    };
    faults::answer(&shared, &account, false, faults::too_many_requests, work).await
}

async fn book_shipment(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let account = match account(&headers) {
        Ok(account) => account,
        Err(error) => return error.into_response(),
    };
    let work = || respond(StatusCode::CREATED, purchase(&shared, &account, &base_url(&headers), &body));
    faults::answer(&shared, &account, true, faults::too_many_requests, work).await
}

fn purchase(shared: &Shared, account: &str, base: &str, body: &[u8]) -> Result<Value, ApiError> {
    let booking = Booking::read(body)?;
    let cost = booking.price()?;
    let now = (shared.clock)();
    let mut carrier = lock(&shared.carrier);
    let mut attempt = carrier.shipments.len();
    let tracking_number = loop {
        let number = book::tracking_number(account, &booking.reference, now, attempt);
        if !carrier.by_tracking_number.contains_key(&number) {
            break number;
        }
        attempt += 1;
    };
    let shipment = Shipment {
        id: format!("sh_{:08}", carrier.shipments.len() + 1),
        account: account.to_owned(),
        tracking_number,
        cost,
        voided: false,
        created_at: now,
        events: Vec::new(),
        booking,
    };
    carrier.keep(shared, shipment.clone())?;
    drop(carrier);
    shipment_json(shared, &shipment, base)
}

#[derive(Deserialize)]
struct ByReference {
    reference: String,
}

async fn find_shipments(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Query(query): Query<ByReference>,
) -> Response {
    let account = match account(&headers) {
        Ok(account) => account,
        Err(error) => return error.into_response(),
    };
    let work = || {
        let found: Vec<Shipment> = {
            let carrier = lock(&shared.carrier);
            let ids = carrier.by_reference.get(&(account.clone(), query.reference.clone()));
            ids.into_iter().flatten().filter_map(|id| carrier.shipments.get(id)).cloned().collect()
        };
        let base = base_url(&headers);
        let shown: Result<Vec<Value>, ApiError> =
            found.iter().map(|shipment| shipment_json(&shared, shipment, &base)).collect();
        respond(StatusCode::OK, shown.map(|shown| json!({ "count": shown.len(), "shipments": shown })))
    };
    faults::answer(&shared, &account, false, faults::too_many_requests, work).await
}

fn own(shared: &Shared, headers: &HeaderMap, id: &str) -> Result<Shipment, ApiError> {
    let account = account(headers)?;
    lock(&shared.carrier).shipment(&account, id).cloned()
}

async fn show_shipment(State(shared): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let shown = own(&shared, &headers, &id).and_then(|shipment| shipment_json(&shared, &shipment, &base_url(&headers)));
    respond(StatusCode::OK, shown)
}

async fn label_pdf(State(shared): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let drawn = own(&shared, &headers, &id)
        .and_then(|shipment| shared.labels.pdf(&shipment.label_facts()).map_err(label_error));
    match drawn {
        Ok(bytes) => ([("content-type", "application/pdf")], bytes).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn label_zpl(State(shared): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let drawn = own(&shared, &headers, &id)
        .and_then(|shipment| shared.labels.zpl(&shipment.label_facts()).map_err(label_error));
    match drawn {
        Ok(text) => ([("content-type", "application/zpl; charset=utf-8")], text).into_response(),
        Err(error) => error.into_response(),
    }
}

fn label_error(_: super::LabelError) -> ApiError {
    ApiError::refused("label_cannot_be_drawn", "recipient")
}

async fn void_shipment(State(shared): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let account = match account(&headers) {
        Ok(account) => account,
        Err(error) => return error.into_response(),
    };
    let work = || respond(StatusCode::OK, give_back(&shared, &account, &id));
    faults::answer(&shared, &account, false, faults::too_many_requests, work).await
}

fn give_back(shared: &Shared, account: &str, id: &str) -> Result<Value, ApiError> {
    let mut carrier = lock(&shared.carrier);
    let mut shipment = carrier.shipment(account, id)?.clone();
    if shipment.voided {
        return Err(ApiError::new(StatusCode::CONFLICT, "already_voided"));
    }
    if !shipment.events.is_empty() {
        return Err(ApiError::new(StatusCode::CONFLICT, "already_handed_over"));
    }
    shipment.voided = true;
    let refund = shipment.cost;
    carrier.keep(shared, shipment)?;
    Ok(json!({ "id": id, "status": "voided", "refund": refund }))
}

fn shipment_json(inner: &Inner, shipment: &Shipment, base: &str) -> Result<Value, ApiError> {
    let facts: LabelFacts<'_> = shipment.label_facts();
    let pdf = inner.labels.pdf(&facts).map_err(label_error)?;
    let zpl = inner.labels.zpl(&facts).map_err(label_error)?;
    Ok(json!({
        "id": shipment.id,
        "reference": shipment.booking.reference,
        "status": if shipment.voided { "voided" } else { "booked" },
        "leg": shipment.booking.leg,
        "service": shipment.booking.service,
        "tracking_number": shipment.tracking_number,
        "tracking_url": format!("{base}/carrier/track/{}", shipment.tracking_number),
        "cost": shipment.cost,
        "created_at": shipment.created_at,
        "labels": { "pdf": STANDARD.encode(pdf), "zpl": STANDARD.encode(zpl) },
    }))
}

async fn set_webhook(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let set = || -> Result<Value, ApiError> {
        let account = account(&headers)?;
        let target: WebhookTarget = read(&body)?;
        if super::client::split_url(&target.url).is_none() {
            return Err(ApiError::refused("only_this_machine", "url"));
        }
        if target.secret.is_empty() {
            return Err(ApiError::refused("secret_missing", "secret"));
        }
        shared.journal.put(&format!("carrier/webhook/{account}"), &target)?;
        let shown = json!({ "url": target.url });
        lock(&shared.carrier).webhooks.insert(account, target);
        Ok(shown)
    };
    respond(StatusCode::OK, set())
}

/// A control document, read strictly.
pub(super) fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        let code = format!("invalid document: {error}");
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, &code)
    })
}

async fn add_fault(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let add = || -> Result<Value, ApiError> {
        let account = account(&headers)?;
        let fault: Fault = read(&body)?;
        let mut faults = lock(&shared.faults);
        faults.add(&account, fault);
        Ok(json!({ "faults": faults.list(&account) }))
    };
    respond(StatusCode::CREATED, add())
}

async fn list_faults(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let list = account(&headers).map(|account| json!({ "faults": lock(&shared.faults).list(&account) }));
    respond(StatusCode::OK, list)
}

async fn clear_faults(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let clear = account(&headers).map(|account| {
        lock(&shared.faults).clear(&account);
        json!({ "faults": [] })
    });
    respond(StatusCode::OK, clear)
}
