//! The sandbox carrier: a made-up carrier with the habits of real ones, served by `cargo local`.
//!
//! Key as bearer token; purchases are not idempotent; a reference can be looked up. Webhooks carry
//! `X-Sandbox-Timestamp` (Unix seconds) and `X-Sandbox-Signature` (`v1=<hex>`, several separated by comma during a
//! rotation): HMAC-SHA256 over `<timestamp>.<raw body>`.

use super::answer::{Sent, answer, error_of, unreadable};
use super::{
    Account, Book, Booked, BookingRequest, CarrierError, Found, LookUp, Poll, Rate, Rates, Void, Voided, Webhook,
    status_in,
};
use crate::http::{Headers, Method, Request, Response, join, percent_encode};
use crate::json::{Field, FieldError, FieldProblem, parse};
use crate::signature::{SignatureError, any_secret, fresh_timestamp, hmac_hex, single_header, verify_hex};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::address::Person;
use domain::ids::ShipmentId;
use domain::money::Money;
use domain::tracking_status::{TrackingEvent, TrackingStatus};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Header: Unix seconds of the attempt.
pub const TIMESTAMP: &str = "x-sandbox-timestamp";
/// Header: the signatures.
pub const SIGNATURE: &str = "x-sandbox-signature";
/// Most events of one webhook or one tracker.
const EVENTS_MAX: usize = 1000;
/// Longest code, id or number, in characters.
const TEXT_MAX: usize = 100;
/// Largest amount in minor units.
const AMOUNT_MAX: u64 = 1_000_000_000_000;

/// Every code of the sandbox carrier.
pub const STATUSES: &[(&str, TrackingStatus)] = &[
    ("label_created", TrackingStatus::PreTransit),
    ("accepted", TrackingStatus::Accepted),
    ("in_transit", TrackingStatus::InTransit),
    ("delayed", TrackingStatus::Delayed),
    ("customs_hold", TrackingStatus::CustomsHold),
    ("out_for_delivery", TrackingStatus::OutForDelivery),
    ("delivery_attempted", TrackingStatus::DeliveryAttempted),
    ("available_for_pickup", TrackingStatus::AvailableForPickup),
    ("partly_delivered", TrackingStatus::PartlyDelivered),
    ("delivered", TrackingStatus::Delivered),
    ("refused", TrackingStatus::Refused),
    ("return_to_sender", TrackingStatus::ReturnToSender),
    ("returned", TrackingStatus::Returned),
    ("damaged", TrackingStatus::Damaged),
    ("lost", TrackingStatus::Lost),
    ("failure", TrackingStatus::Failure),
    ("cancelled", TrackingStatus::Cancelled),
];

/// The plug-in.
#[derive(Debug, Clone, Copy)]
pub struct Sandbox;

/// The headers of a webhook signed with every one of `secrets`.
#[must_use]
pub fn sign(secrets: &[String], at: Timestamp, body: &[u8]) -> Headers {
    let timestamp = at.as_second().to_string();
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| format!("v1={}", hmac_hex(secret.as_bytes(), &[timestamp.as_bytes(), b".", body])))
        .collect();
    vec![(TIMESTAMP.into(), timestamp), (SIGNATURE.into(), signatures.join(","))]
}

fn request(method: Method, account: &Account, path: &str) -> Request {
    Request::new(method, join(&account.base_url, path))
        .with_header("authorization", format!("Bearer {}", account.api_key))
}

fn person(person: &Person) -> Value {
    json!({
        "name": person.name, "company": person.company, "email": person.email, "phone": person.phone,
        "line1": person.address.line1, "line2": person.address.line2, "city": person.address.city,
        "region": person.address.region, "postal_code": person.address.postal_code, "country": person.address.country,
    })
}

fn booking_json(booking: &BookingRequest) -> Value {
    let parcel = &booking.parcel;
    json!({
        "reference": booking.reference,
        "leg": booking.leg.as_str(),
        "service": booking.service,
        "sender": person(&booking.sender),
        "recipient": person(&booking.recipient),
        "parcel": {
            "weight_grams": parcel.weight_grams, "length_mm": parcel.length_mm,
            "width_mm": parcel.width_mm, "height_mm": parcel.height_mm,
        },
        "cash_on_delivery": booking.cash_on_delivery,
        "contents": booking.contents,
    })
}

impl Book for Sandbox {
    fn build_booking(&self, account: &Account, booking: &BookingRequest) -> Request {
        request(Method::Post, account, "carrier/v1/shipments").with_json(&booking_json(booking))
    }

    fn read_booking(&self, response: &Response) -> Result<Booked, CarrierError> {
        let body = answer(response, Sent::Purchase)?;
        let found = read_shipment(&Field::root(&body)).map_err(|e| unreadable(Sent::Purchase, &e))?;
        Ok(found.booked)
    }
}

impl LookUp for Sandbox {
    fn build_lookup(&self, account: &Account, reference: &ShipmentId) -> Request {
        let path = format!("carrier/v1/shipments?reference={}", percent_encode(reference.as_str()));
        request(Method::Get, account, &path)
    }

    fn read_lookup(&self, response: &Response) -> Result<Vec<Found>, CarrierError> {
        let body = answer(response, Sent::Question)?;
        let read = || -> Result<Vec<Found>, FieldError> {
            Field::root(&body).get("shipments").items()?.iter().map(read_shipment).collect()
        };
        read().map_err(|e| unreadable(Sent::Question, &e))
    }
}

impl Void for Sandbox {
    fn build_void(&self, account: &Account, carrier_shipment_id: &str) -> Request {
        request(Method::Post, account, &format!("carrier/v1/shipments/{}/void", percent_encode(carrier_shipment_id)))
    }

    fn read_void(&self, response: &Response) -> Result<Voided, CarrierError> {
        if response.status == 409 && error_of(&response.body).0 == "already_voided" {
            return Ok(Voided { refund: None });
        }
        // A void may be repeated, so that an unreadable answer is just asked for again.
        let body = match answer(response, Sent::Question) {
            Err(CarrierError::Malformed { .. }) => {
                return Err(CarrierError::Unavailable { retry_after_seconds: None });
            }
            other => other?,
        };
        let refund = Field::root(&body).get("refund").present();
        let refund = refund.map(|field| money(&field)).transpose().map_err(|e| unreadable(Sent::Question, &e))?;
        Ok(Voided { refund })
    }
}

impl Rates for Sandbox {
    fn build_rates(&self, account: &Account, booking: &BookingRequest) -> Request {
        request(Method::Post, account, "carrier/v1/rates").with_json(&booking_json(booking))
    }

    fn read_rates(&self, response: &Response) -> Result<Vec<Rate>, CarrierError> {
        let body = answer(response, Sent::Question)?;
        let read = || -> Result<Vec<Rate>, FieldError> {
            let mut rates = Vec::new();
            for item in Field::root(&body).get("rates").items()? {
                let days = item.get("days").present().map(|field| field.count(365)).transpose()?;
                rates.push(Rate {
                    service: item.get("service").filled(TEXT_MAX)?.to_owned(),
                    cost: money(&item.get("cost"))?,
                    days: days.and_then(|days| u32::try_from(days).ok()),
                });
            }
            rates.sort_by_key(|rate| rate.cost.amount_minor);
            Ok(rates)
        };
        read().map_err(|e| unreadable(Sent::Question, &e))
    }
}

impl Webhook for Sandbox {
    fn verify_webhook(
        &self,
        secrets: &[String],
        headers: &Headers,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        const EXPECTED: &str = "`v1=<hex>`, several separated by comma";
        let given: Vec<&str> = single_header(headers, SIGNATURE, EXPECTED)?
            .split(',')
            .take(10)
            .filter_map(|part| part.trim().strip_prefix("v1="))
            .collect();
        if given.is_empty() {
            return Err(SignatureError::Malformed { header: SIGNATURE, expected: EXPECTED });
        }
        fresh_timestamp(headers, TIMESTAMP, now)?;
        let timestamp = single_header(headers, TIMESTAMP, "whole Unix seconds")?;
        any_secret(secrets, |secret| {
            let parts: [&[u8]; 3] = [timestamp.as_bytes(), b".", body];
            given.iter().fold(false, |matched, given| verify_hex(secret, &parts, given) | matched)
        })
    }

    fn parse_webhook(&self, body: &[u8]) -> Result<Vec<TrackingEvent>, FieldError> {
        let value = parse(body)?;
        let root = Field::root(&value);
        if root.get("type").text()? != "tracking.updated" {
            return Ok(Vec::new());
        }
        events(&root.get("data"))
    }
}

impl Poll for Sandbox {
    fn build_poll(&self, account: &Account, tracking_number: &str) -> Request {
        request(Method::Get, account, &format!("carrier/v1/trackers/{}", percent_encode(tracking_number)))
    }

    fn read_poll(&self, response: &Response) -> Result<Vec<TrackingEvent>, CarrierError> {
        let body = answer(response, Sent::Question)?;
        events(&Field::root(&body)).map_err(|e| unreadable(Sent::Question, &e))
    }
}

/// The events of a tracker: `{tracking_number, reference?, events: [{id, code, occurred_at}]}`.
fn events(tracker: &Field<'_>) -> Result<Vec<TrackingEvent>, FieldError> {
    let tracking_number = tracker.get("tracking_number").filled(TEXT_MAX)?;
    // A reference that is none of ours was set by somebody else with the same account: not an error.
    let reference = tracker.get("reference").optional_text(TEXT_MAX)?.and_then(|text| ShipmentId::parse(text).ok());
    let field = tracker.get("events");
    let items = field.items()?;
    if items.len() > EVENTS_MAX {
        return Err(field.error(FieldProblem::TooMany { max: EVENTS_MAX }));
    }
    let mut events = Vec::with_capacity(items.len());
    for item in items {
        let code = item.get("code").filled(TEXT_MAX)?;
        events.push(TrackingEvent {
            tracking_number: tracking_number.to_owned(),
            event_id: item.get("id").filled(TEXT_MAX)?.to_owned(),
            status: status_in(STATUSES, code),
            carrier_code: code.to_owned(),
            occurred_at: item.get("occurred_at").instant()?,
            reference: reference.clone(),
        });
    }
    Ok(events)
}

fn read_shipment(field: &Field<'_>) -> Result<Found, FieldError> {
    let labels = field.get("labels");
    let zpl = labels.get("zpl");
    let label_zpl =
        String::from_utf8(bytes(&zpl)?).map_err(|_| zpl.error(FieldProblem::Type { expected: "base64 of UTF-8" }))?;
    Ok(Found {
        voided: field.get("status").text()? == "voided",
        booked: Booked {
            carrier_shipment_id: field.get("id").filled(TEXT_MAX)?.to_owned(),
            tracking_number: field.get("tracking_number").filled(TEXT_MAX)?.to_owned(),
            tracking_url: field.get("tracking_url").optional_text(2000)?.map(str::to_owned),
            cost: money(&field.get("cost"))?,
            label_pdf: bytes(&labels.get("pdf"))?,
            label_zpl,
        },
    })
}

fn bytes(field: &Field<'_>) -> Result<Vec<u8>, FieldError> {
    let decoded = STANDARD.decode(field.text()?).ok().filter(|bytes| !bytes.is_empty());
    decoded.ok_or_else(|| field.error(FieldProblem::Type { expected: "base64 of at least one byte" }))
}

fn money(field: &Field<'_>) -> Result<Money, FieldError> {
    let amount = field.get("amount_minor");
    let minor = i64::try_from(amount.count(AMOUNT_MAX)?)
        .map_err(|_| amount.error(FieldProblem::TooLarge { max: AMOUNT_MAX }))?;
    Ok(Money::new(minor, field.get("currency").currency()?))
}

#[cfg(test)]
#[path = "sandbox_tests.rs"]
mod tests;
