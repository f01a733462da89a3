use super::*;
use crate::signature::hmac_hex;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const FIXTURE: &[u8] = include_bytes!("easypost_tracker_updated.json");

fn read(body: &Value) -> Result<Vec<TrackingEvent>, FieldError> {
    EasyPost.parse_webhook(body.to_string().as_bytes())
}

fn fixture() -> Value {
    serde_json::from_slice(FIXTURE).unwrap()
}

#[test]
fn every_scan_is_an_event_and_details_refine_the_status() {
    let events = EasyPost.parse_webhook(FIXTURE).unwrap();
    let statuses: Vec<TrackingStatus> = events.iter().map(|event| event.status).collect();
    use TrackingStatus::{Accepted, Delayed, Delivered, OutForDelivery, PreTransit};
    assert_eq!(statuses, [PreTransit, Accepted, Delayed, OutForDelivery, Delivered]);
    assert_eq!(events[1].occurred_at.to_string(), "2026-03-02T15:00:00Z");
    assert_eq!(events[4].carrier_code, "delivered.arrived_at_destination");
    let ids: BTreeSet<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
    assert_eq!(ids.len(), 5);
    assert_eq!(EasyPost.parse_webhook(FIXTURE).unwrap(), events, "the same scans have the same ids");
}

#[test]
fn polling_gives_the_same_events_as_the_webhook() {
    let body = json!({"trackers": [fixture()["result"]], "has_more": false});
    let response = Response { status: 200, headers: vec![], body: body.to_string().into_bytes() };
    assert_eq!(EasyPost.read_poll(&response), EasyPost.parse_webhook(FIXTURE).map_err(|_| unreachable!()));
    let account = Account { base_url: "https://api.easypost.com".into(), api_key: "EZTK1".into() };
    let request = EasyPost.build_poll(&account, "EZ 4");
    assert_eq!(request.url, "https://api.easypost.com/v2/trackers?tracking_code=EZ%204");
    assert!(request.headers.contains(&("authorization".into(), "Basic RVpUSzE6".into())));
}

#[test]
fn a_status_that_nobody_knows_is_unknown_whatever_its_detail() {
    let mut body = fixture();
    body["result"]["tracking_details"] =
        json!([{"status": "teleported", "status_detail": "delivered", "datetime": "2026-03-04T12:30:00Z"}]);
    let events = read(&body).unwrap();
    assert_eq!((events[0].status, events[0].carrier_code.as_str()), (TrackingStatus::Unknown, "teleported.delivered"));
}

#[test]
fn a_tracker_without_scans_and_a_scan_without_an_instant_are_dated_by_the_tracker() {
    let mut body = fixture();
    body["result"]["tracking_details"] = json!([]);
    let events = read(&body).unwrap();
    assert_eq!((events.len(), events[0].occurred_at.to_string().as_str()), (1, "2026-03-04T12:31:00Z"));
    let mut body = fixture();
    body["result"]["tracking_details"][0]["datetime"] = Value::Null;
    assert_eq!(read(&body).unwrap()[0].occurred_at.to_string(), "2026-03-04T12:31:00Z");
}

#[test]
fn other_events_are_nothing_and_broken_ones_name_the_field() {
    assert_eq!(EasyPost.parse_webhook(br#"{"description": "batch.created"}"#), Ok(vec![]));
    let mut body = fixture();
    body["result"]["tracking_details"][2]["status"] = json!(7);
    assert_eq!(read(&body).unwrap_err().pointer, "/result/tracking_details/2/status");
}

#[test]
fn the_raw_body_is_signed_with_the_normalised_secret() {
    let now = Timestamp::UNIX_EPOCH;
    // The ligature is two letters in NFKD.
    let composed = ["\u{fb01}sh-\u{e9}".to_owned()];
    let signed = |key: &str| {
        vec![("X-Hmac-Signature".to_owned(), format!("hmac-sha256-hex={}", hmac_hex(key.as_bytes(), &[FIXTURE])))]
    };
    let headers = signed("fish-e\u{301}");
    assert_eq!(EasyPost.verify_webhook(&composed, &headers, FIXTURE, now), Ok(()));
    assert_eq!(EasyPost.verify_webhook(&composed, &signed(&composed[0]), FIXTURE, now), Err(SignatureError::Mismatch));
    let reserialised = fixture().to_string();
    assert_eq!(
        EasyPost.verify_webhook(&composed, &headers, reserialised.as_bytes(), now),
        Err(SignatureError::Mismatch)
    );
    let bare = vec![("x-hmac-signature".to_owned(), hmac_hex(b"fish", &[FIXTURE]))];
    assert!(matches!(EasyPost.verify_webhook(&composed, &bare, FIXTURE, now), Err(SignatureError::Malformed { .. })));
    assert_eq!(EasyPost.verify_webhook(&[], &headers, FIXTURE, now), Err(SignatureError::NoSecret));
}
