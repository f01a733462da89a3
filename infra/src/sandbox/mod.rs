//! A sandbox carrier and a sandbox shop, spoken to over HTTP as real ones would be.
//!
//! Carrier, under `/carrier/v1`, key as bearer token (any key that begins with `sbx_` is an account of its own):
//!
//! | Route | What it does |
//! |---|---|
//! | `POST /rates` | services with prices for a parcel |
//! | `POST /shipments` | buys a label. **Not idempotent**: the same reference bought twice is two labels |
//! | `GET /shipments?reference=…` | all purchases with that reference, and their `count` |
//! | `GET /shipments/{id}` · `/label.pdf` · `/label.zpl` | one shipment, its label |
//! | `POST /shipments/{id}/void` | gives it back, until the parcel has been accepted |
//! | `GET /trackers/{tracking number}` | all events so far |
//! | `PUT /webhook` | `{url, secret}`: where tracking is posted to, and how it is signed |
//!
//! Webhooks: `X-Sandbox-Timestamp` and `X-Sandbox-Signature`, see `partners::carriers::sandbox`; sent again with
//! growing delays until answered 2xx. What only a test can ask of a carrier:
//!
//! | Route | What it does |
//! |---|---|
//! | `POST /shipments/{id}/events` | `{status, occurred_at?, times?}`: the parcel moves; posted `times` times |
//! | `POST /shipments/{id}/script` | `{life, order?, times?}`: a whole life: delivered, refused, attempted, pickup, lost, return; `order`: in_order, reversed, shuffled |
//! | `GET /deliveries` | what became of each webhook |
//! | `POST, GET, DELETE /faults` | `{kind, count?, delay_ms?}`: slow, error_5xx, answer_lost_after_purchase, malformed, rate_limited |
//!
//! Shop, under `/shop/admin`, token as `X-Shopify-Access-Token` (any that begins with `shpat_` is a shop of its own):
//! `POST /api/{version}/graphql.json` understands the look-ups and mutations of `partners::shops::shopify`;
//! `POST /orders` takes an order that "was placed" there, `POST /items` its stock, `POST /sell` sells some of it,
//! `GET /state` shows everything, `/faults` as above.

mod carrier;
mod client;
mod faults;
mod in_process;
mod journal;
mod labels;
mod shop;
mod shopify_order;

#[cfg(test)]
mod tests;

pub use client::{CallError, call};
pub use in_process::{InProcess, Purchase};
pub use journal::JournalError;
pub use labels::{DocumentLabels, LabelError, LabelFacts, LabelMaker};
pub use shopify_order::{Payment, Shop, ShopOrder, shopify_order, signed_webhook};

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use carrier::Carrier;
use faults::Faults;
use jiff::Timestamp;
use journal::Journal;
use serde_json::json;
use shop::Shops;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tells the time: injected, so that a run can be repeated.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How the sandbox is set up.
pub struct Config {
    /// Where it keeps what it knows (`sandbox.jsonl`), so that it survives a restart.
    pub data_dir: PathBuf,
    /// The clock.
    pub clock: Clock,
    /// Draws the labels.
    pub labels: Arc<dyn LabelMaker>,
    /// Waits between the attempts of one webhook; one attempt more than there are waits.
    pub retry_delays: Vec<Duration>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

impl Config {
    /// The usual setup: real labels, webhooks tried five times within some 20 seconds.
    #[must_use]
    pub fn new(data_dir: PathBuf, clock: Clock) -> Self {
        Self {
            data_dir,
            clock,
            labels: Arc::new(DocumentLabels),
            retry_delays: [250, 1000, 4000, 15_000].map(Duration::from_millis).into(),
        }
    }
}

/// What all handlers share.
struct Inner {
    clock: Clock,
    labels: Arc<dyn LabelMaker>,
    retry_delays: Vec<Duration>,
    journal: Journal,
    carrier: Mutex<Carrier>,
    shops: Mutex<Shops>,
    faults: Mutex<Faults>,
}

type Shared = Arc<Inner>;

/// The sandbox's routes. What was kept by an earlier run is read back, and webhooks that were not acknowledged then
/// are posted again. The data directory must have been emptied before, if it is to be.
///
/// # Errors
/// [`JournalError`] if the data directory cannot be read or written.
pub async fn router(config: Config) -> Result<Router, JournalError> {
    let (journal, kept) = Journal::open(&config.data_dir)?;
    let mut carrier = Carrier::default();
    let mut shops = Shops::default();
    for (key, value) in kept {
        if !carrier.restore(&key, &value)? && !shops.restore(&key, &value)? {
            return Err(JournalError::UnknownRecord { key });
        }
    }
    let shared = Arc::new(Inner {
        clock: config.clock,
        labels: config.labels,
        retry_delays: config.retry_delays,
        journal,
        carrier: Mutex::new(carrier),
        shops: Mutex::new(shops),
        faults: Mutex::default(),
    });
    carrier::webhooks::resume(&shared);
    Ok(carrier::routes().merge(shop::routes()).with_state(shared))
}

/// The lock's content, also after a handler died with it: every change is complete before the lock is released.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error as the sandbox carrier writes them: `{error: {code, message, field}}`.
#[derive(Debug)]
struct ApiError {
    status: StatusCode,
    code: String,
    field: Option<String>,
    retry_after_seconds: Option<u32>,
}

impl ApiError {
    fn new(status: StatusCode, code: &str) -> Self {
        Self { status, code: code.to_owned(), field: None, retry_after_seconds: None }
    }

    fn refused(code: &str, field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code) }
    }
}

impl From<JournalError> for ApiError {
    fn from(_: JournalError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "not_kept")
    }
}

impl From<partners::FieldError> for ApiError {
    fn from(error: partners::FieldError) -> Self {
        let field = error.pointer.trim_start_matches('/').replace('/', ".");
        Self { field: Some(field), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field") }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let message = self.code.replace('_', " ");
        let body = json!({ "error": { "code": self.code, "message": message, "field": self.field } });
        let mut response = (self.status, axum::Json(body)).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert("retry-after", seconds.into());
        }
        response
    }
}
