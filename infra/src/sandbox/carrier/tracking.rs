//! Where a parcel is, and what moves it.

use super::webhooks;
use super::{account, read, respond};
use crate::sandbox::{ApiError, Shared, faults, lock};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Local time of the carrier's depots: events are stated with an offset, as real carriers do.
const OFFSET: jiff::tz::Offset = jiff::tz::Offset::constant(2);
/// Most events of one shipment.
const EVENTS_MAX: usize = 200;
/// Most repetitions of one webhook.
const TIMES_MAX: u32 = 10;

/// Something that happened to a parcel.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct Event {
    pub(super) id: String,
    pub(in crate::sandbox) code: String,
    pub(super) occurred_at: Timestamp,
    /// Whether the merchant's endpoint has taken it, or there was none.
    pub(super) posted: bool,
}

impl Event {
    pub(super) fn json(&self) -> Value {
        json!({ "id": self.id, "code": self.code, "occurred_at": self.occurred_at.display_with_offset(OFFSET).to_string() })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEvent {
    /// Any text: codes that nobody knows are part of a carrier's habits.
    status: String,
    occurred_at: Option<Timestamp>,
    #[serde(default = "one")]
    times: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    life: Life,
    #[serde(default)]
    order: Sequence,
    #[serde(default = "one")]
    times: u32,
}

fn one() -> u32 {
    1
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Life {
    Delivered,
    Refused,
    Attempted,
    Pickup,
    Lost,
    Return,
}

impl Life {
    fn codes(self) -> &'static [&'static str] {
        match self {
            Self::Delivered => &["accepted", "in_transit", "out_for_delivery", "delivered"],
            Self::Refused => &["accepted", "in_transit", "out_for_delivery", "refused", "return_to_sender", "returned"],
            Self::Attempted => {
                &["accepted", "in_transit", "out_for_delivery", "delivery_attempted", "out_for_delivery", "delivered"]
            }
            Self::Pickup => &["accepted", "in_transit", "available_for_pickup", "delivered"],
            Self::Lost => &["accepted", "in_transit", "lost"],
            Self::Return => &["accepted", "in_transit", "delivered"],
        }
    }
}

/// In which order webhooks go out.
#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
enum Sequence {
    #[default]
    InOrder,
    Reversed,
    Shuffled,
}

pub(super) async fn add_event(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let add = || -> Result<Value, ApiError> {
        let account = account(&headers)?;
        let event: NewEvent = read(&body)?;
        move_parcel(&shared, &account, &id, &[(&event.status, event.occurred_at)], Sequence::InOrder, event.times)
    };
    respond(StatusCode::CREATED, add())
}

pub(super) async fn play_script(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let play = || -> Result<Value, ApiError> {
        let account = account(&headers)?;
        let script: Script = read(&body)?;
        let steps: Vec<(&str, Option<Timestamp>)> = script.life.codes().iter().map(|code| (*code, None)).collect();
        move_parcel(&shared, &account, &id, &steps, script.order, script.times)
    };
    respond(StatusCode::CREATED, play())
}

/// Adds events and posts them. Those without an instant follow each other by a millisecond, after all earlier ones.
fn move_parcel(
    shared: &Shared,
    account: &str,
    id: &str,
    steps: &[(&str, Option<Timestamp>)],
    order: Sequence,
    times: u32,
) -> Result<Value, ApiError> {
    if !(1..=TIMES_MAX).contains(&times) {
        return Err(ApiError::refused("between_1_and_10", "times"));
    }
    let now = (shared.clock)();
    let mut carrier = lock(&shared.carrier);
    let listening = carrier.webhooks.contains_key(account);
    let mut shipment = carrier.shipment(account, id)?.clone();
    if shipment.voided {
        return Err(ApiError::new(StatusCode::CONFLICT, "voided"));
    }
    if shipment.events.len() + steps.len() > EVENTS_MAX {
        return Err(ApiError::new(StatusCode::CONFLICT, "too_many_events"));
    }
    let mut added = Vec::new();
    for (code, at) in steps {
        if code.is_empty() || code.len() > 100 {
            return Err(ApiError::refused("1_to_100_bytes", "status"));
        }
        let after = shipment.events.iter().map(|event| event.occurred_at).max();
        let next = after
            .and_then(|last| last.checked_add(SignedDuration::from_millis(1)).ok())
            .map_or(now, |next| next.max(now));
        let event = Event {
            id: format!("ev_{}_{}", shipment.tracking_number, shipment.events.len() + 1),
            code: (*code).to_owned(),
            occurred_at: at.unwrap_or(next),
            posted: !listening,
        };
        added.push(event.clone());
        shipment.events.push(event);
    }
    carrier.keep(shared, shipment)?;
    drop(carrier);
    let shown: Vec<Value> = added.iter().map(Event::json).collect();
    let mut ids: Vec<String> = added.into_iter().flat_map(|event| (0..times).map(move |_| event.id.clone())).collect();
    match order {
        Sequence::InOrder => {}
        Sequence::Reversed => ids.reverse(),
        Sequence::Shuffled => {
            let mut mixed: Vec<(String, String)> = ids
                .into_iter()
                .enumerate()
                .map(|(n, event)| (domain::ids::digest(&[&event, &n.to_string()], 8), event))
                .collect();
            mixed.sort();
            ids = mixed.into_iter().map(|(_, event)| event).collect();
        }
    }
    let deliveries = if listening { webhooks::post(shared, account, id, ids) } else { Vec::new() };
    Ok(json!({ "events": shown, "deliveries": deliveries }))
}

/// A tracker as polled.
pub(super) async fn show_tracker(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(number): Path<String>,
) -> Response {
    let account = match account(&headers) {
        Ok(account) => account,
        Err(error) => return error.into_response(),
    };
    let work = || {
        let carrier = lock(&shared.carrier);
        let shipment = carrier.by_tracking_number.get(&number).and_then(|id| carrier.shipments.get(id));
        let tracker = shipment.filter(|shipment| shipment.account == account).map(|shipment| {
            let events: Vec<Value> = shipment.events.iter().map(Event::json).collect();
            json!({ "tracking_number": number, "reference": shipment.booking.reference, "shipment_id": shipment.id, "events": events })
        });
        respond(StatusCode::OK, tracker.ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "tracker_not_found")))
    };
    faults::answer(&shared, &account, false, faults::too_many_requests, work).await
}

/// What a shopper sees: no name, no address.
pub(super) async fn track_page(State(shared): State<Shared>, Path(number): Path<String>) -> Response {
    let carrier = lock(&shared.carrier);
    match carrier.by_tracking_number.get(&number).and_then(|id| carrier.shipments.get(id)) {
        Some(shipment) => {
            let line = |event: &Event| format!("{}  {}\n", event.occurred_at.display_with_offset(OFFSET), event.code);
            let lines: String = shipment.events.iter().map(line).collect();
            format!("{number}\n{lines}").into_response()
        }
        None => (StatusCode::NOT_FOUND, "unknown tracking number\n").into_response(),
    }
}
