//! EasyPost: tracking by webhook and by polling, for parcels whose labels were bought elsewhere. (Labels are not bought
//! through it: that takes several calls, which one booking request cannot say.)
//!
//! Webhooks carry `X-Hmac-Signature: hmac-sha256-hex=<hex>` over the raw body, keyed with the NFKD form of the secret.

use super::answer::{Sent, answer, unreadable};
use super::{Account, CarrierError, Poll, Webhook};
use crate::http::{Headers, Method, Request, Response, join, percent_encode};
use crate::json::{Field, FieldError, FieldProblem, parse};
use crate::signature::{SignatureError, any_secret, single_header, verify_hex};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::ids::digest;
use domain::tracking_status::{TrackingEvent, TrackingStatus};
use jiff::Timestamp;
use unicode_normalization::UnicodeNormalization;

/// Header: the signature.
pub const SIGNATURE: &str = "x-hmac-signature";
/// Most scans of one tracker.
const EVENTS_MAX: usize = 1000;
/// Longest code or number, in characters.
const TEXT_MAX: usize = 100;

/// EasyPost's statuses, and those of its details (`<status>.<detail>`) that say more than their status does.
pub const STATUSES: &[(&str, TrackingStatus)] = &[
    ("unknown", TrackingStatus::Unknown),
    ("pre_transit", TrackingStatus::PreTransit),
    ("in_transit", TrackingStatus::InTransit),
    ("in_transit.received_at_origin_facility", TrackingStatus::Accepted),
    ("in_transit.delayed", TrackingStatus::Delayed),
    ("in_transit.weather_delay", TrackingStatus::Delayed),
    ("out_for_delivery", TrackingStatus::OutForDelivery),
    ("available_for_pickup", TrackingStatus::AvailableForPickup),
    ("delivered", TrackingStatus::Delivered),
    ("return_to_sender", TrackingStatus::ReturnToSender),
    ("failure", TrackingStatus::Failure),
    ("failure.refused", TrackingStatus::Refused),
    ("failure.damaged", TrackingStatus::Damaged),
    ("failure.lost", TrackingStatus::Lost),
    ("error", TrackingStatus::Failure),
    ("cancelled", TrackingStatus::Cancelled),
];

/// The plug-in.
#[derive(Debug, Clone, Copy)]
pub struct EasyPost;

impl Webhook for EasyPost {
    fn verify_webhook(
        &self,
        secrets: &[String],
        headers: &Headers,
        body: &[u8],
        _now: Timestamp,
    ) -> Result<(), SignatureError> {
        const EXPECTED: &str = "`hmac-sha256-hex=<hex>`";
        let given = single_header(headers, SIGNATURE, EXPECTED)?;
        let hex = given
            .strip_prefix("hmac-sha256-hex=")
            .ok_or(SignatureError::Malformed { header: SIGNATURE, expected: EXPECTED })?;
        let normalised: Vec<String> = secrets.iter().map(|secret| secret.nfkd().collect()).collect();
        any_secret(&normalised, |secret| verify_hex(secret, &[body], hex))
    }

    fn parse_webhook(&self, body: &[u8]) -> Result<Vec<TrackingEvent>, FieldError> {
        let value = parse(body)?;
        let root = Field::root(&value);
        if !matches!(root.get("description").text()?, "tracker.created" | "tracker.updated") {
            return Ok(Vec::new());
        }
        events(&root.get("result"))
    }
}

impl Poll for EasyPost {
    fn build_poll(&self, account: &Account, tracking_number: &str) -> Request {
        let path = format!("v2/trackers?tracking_code={}", percent_encode(tracking_number));
        let credentials = STANDARD.encode(format!("{}:", account.api_key));
        Request::new(Method::Get, join(&account.base_url, &path))
            .with_header("authorization", format!("Basic {credentials}"))
    }

    fn read_poll(&self, response: &Response) -> Result<Vec<TrackingEvent>, CarrierError> {
        let body = answer(response, Sent::Question)?;
        let read = || -> Result<Vec<TrackingEvent>, FieldError> {
            let mut all = Vec::new();
            for tracker in Field::root(&body).get("trackers").items()? {
                all.extend(events(&tracker)?);
            }
            Ok(all)
        };
        read().map_err(|error| unreadable(Sent::Question, &error))
    }
}

/// Every scan of a tracker. Scans have no id: equal scans are one event. A scan without an instant is dated by the tracker.
fn events(tracker: &Field<'_>) -> Result<Vec<TrackingEvent>, FieldError> {
    let tracking_number = tracker.get("tracking_code").filled(TEXT_MAX)?;
    let updated_at = tracker.get("updated_at").instant()?;
    let field = tracker.get("tracking_details");
    let scans = field.clone().present().map_or(Ok(Vec::new()), |field| field.items())?;
    if scans.len() > EVENTS_MAX {
        return Err(field.error(FieldProblem::TooMany { max: EVENTS_MAX }));
    }
    // Before the first scan just the tracker itself has a status.
    let scans = if scans.is_empty() { vec![tracker.clone()] } else { scans };
    scans.iter().map(|scan| event(tracking_number, updated_at, scan)).collect()
}

fn event(tracking_number: &str, updated_at: Timestamp, scan: &Field<'_>) -> Result<TrackingEvent, FieldError> {
    let status = scan.get("status").filled(TEXT_MAX)?;
    let detail = scan.get("status_detail").optional_text(TEXT_MAX)?.filter(|detail| *detail != status);
    let occurred_at = scan.get("datetime").present().map_or(Ok(updated_at), |field| field.instant())?;
    let carrier_code = detail.map_or_else(|| status.to_owned(), |detail| format!("{status}.{detail}"));
    let known = |code: &str| STATUSES.iter().find(|(own, _)| *own == code).map(|(_, status)| *status);
    let message = scan.get("message").optional_text(2000)?.unwrap_or_default();
    Ok(TrackingEvent {
        tracking_number: tracking_number.to_owned(),
        event_id: digest(&[tracking_number, &occurred_at.to_string(), &carrier_code, message], 32),
        status: known(&carrier_code).or_else(|| known(status)).unwrap_or(TrackingStatus::Unknown),
        carrier_code,
        occurred_at,
        reference: None,
    })
}

#[cfg(test)]
#[path = "easypost_tests.rs"]
mod tests;
