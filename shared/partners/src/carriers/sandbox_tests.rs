use super::*;
use crate::Retry;
use crate::carriers::{Leg, Parcel};
use domain::address::Address;
use proptest::prelude::*;

fn account() -> Account {
    Account { base_url: "http://127.0.0.1:9000/".into(), api_key: "sbx_1".into() }
}

fn booking() -> BookingRequest {
    let person = |name: &str| Person {
        name: name.into(),
        address: Address {
            line1: "ул. Шипка 1".into(),
            city: "София".into(),
            country: "BG".into(),
            ..Address::default()
        },
        ..Person::default()
    };
    BookingRequest {
        reference: ShipmentId::parse("shp_acme_1_1").unwrap(),
        leg: Leg::Outbound,
        service: "standard".into(),
        sender: person("Склад"),
        recipient: person("Иван"),
        parcel: Parcel { weight_grams: 900, length_mm: 300, width_mm: 200, height_mm: 100 },
        cash_on_delivery: Some(Money::parse_decimal("61.30", domain::Currency::parse("EUR").unwrap()).unwrap()),
        contents: "Чай".into(),
    }
}

fn response(status: u16, body: Value) -> Response {
    Response { status, headers: vec![("retry-after".into(), "3".into())], body: body.to_string().into_bytes() }
}

fn shipment(status: &str) -> Value {
    json!({"id": "sh_1", "reference": "shp_acme_1_1", "status": status, "tracking_number": "SBX1", "tracking_url": "http://t/SBX1",
        "cost": {"amount_minor": 499, "currency": "EUR"}, "labels": {"pdf": STANDARD.encode(b"%PDF"), "zpl": STANDARD.encode("^XA^XZ")}})
}

#[test]
fn a_booking_says_all_there_is_to_say() {
    let request = Sandbox.build_booking(&account(), &booking());
    assert_eq!((request.method, request.url.as_str()), (Method::Post, "http://127.0.0.1:9000/carrier/v1/shipments"));
    assert!(request.headers.contains(&("authorization".into(), "Bearer sbx_1".into())));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["reference"], "shp_acme_1_1");
    assert_eq!(body["recipient"]["city"], "София");
    assert_eq!(body["cash_on_delivery"], json!({"amount_minor": 6130, "currency": "EUR"}));
    assert_eq!(body["parcel"]["weight_grams"], 900);
}

#[test]
fn a_booking_is_read_with_both_labels() {
    let booked = Sandbox.read_booking(&response(201, shipment("booked"))).unwrap();
    assert_eq!((booked.tracking_number.as_str(), booked.cost.amount_minor), ("SBX1", 499));
    assert_eq!((booked.label_pdf.as_slice(), booked.label_zpl.as_str()), (b"%PDF".as_slice(), "^XA^XZ"));
    assert!(!format!("{booked:?}").contains("PDF"));
}

#[test]
fn whatever_leaves_a_purchase_in_doubt_is_looked_up_first() {
    let mut without_label = shipment("booked");
    without_label["labels"]["pdf"] = json!("");
    let mut without_number = shipment("booked");
    without_number["tracking_number"] = Value::Null;
    let torn = Response { status: 201, headers: vec![], body: b"{\"id\": \"sh_".to_vec() };
    for answer in [
        response(500, json!({})),
        response(503, json!({})),
        response(201, without_label),
        response(201, without_number),
        torn,
    ] {
        let error = Sandbox.read_booking(&answer).unwrap_err();
        assert_eq!(error.retry(), Retry::LookFirst, "{error}");
    }
}

#[test]
fn a_clear_answer_is_not_in_doubt() {
    let check = |status: u16, expect: Retry| {
        let body = json!({"error": {"code": "postal_code_unknown", "field": "recipient.postal_code", "message": "Иван, ул. Шипка"}});
        let error = Sandbox.read_booking(&response(status, body)).unwrap_err();
        assert_eq!(error.retry(), expect, "{status}");
        assert!(!error.to_string().contains("Иван"), "{error}");
        error
    };
    check(401, Retry::Never);
    check(429, Retry::Later { after_seconds: Some(3) });
    let refused = check(422, Retry::Never);
    let expect =
        CarrierError::Refused { reason: "postal_code_unknown".into(), field: Some("recipient.postal_code".into()) };
    assert_eq!(refused, expect);
}

#[test]
fn a_lookup_finds_every_purchase_and_says_which_is_void() {
    let body = json!({"shipments": [shipment("booked"), shipment("voided")]});
    let found = Sandbox.read_lookup(&response(200, body)).unwrap();
    assert_eq!(found.iter().map(|f| f.voided).collect::<Vec<_>>(), [false, true]);
    assert_eq!(Sandbox.read_lookup(&response(200, json!({"shipments": []}))), Ok(vec![]));
    let error = Sandbox.read_lookup(&response(503, json!({}))).unwrap_err();
    assert_eq!(error.retry(), Retry::Later { after_seconds: Some(3) });
    assert!(matches!(Sandbox.read_lookup(&response(200, json!({}))), Err(CarrierError::Malformed { .. })));
    let request = Sandbox.build_lookup(&account(), &booking().reference);
    assert_eq!(request.url, "http://127.0.0.1:9000/carrier/v1/shipments?reference=shp_acme_1_1");
}

#[test]
fn a_void_may_be_repeated_and_may_be_too_late() {
    let done = json!({"id": "sh_1", "status": "voided", "refund": {"amount_minor": 499, "currency": "EUR"}});
    assert_eq!(Sandbox.read_void(&response(200, done)).unwrap().refund.unwrap().amount_minor, 499);
    let again = json!({"error": {"code": "already_voided"}});
    assert_eq!(Sandbox.read_void(&response(409, again)), Ok(Voided { refund: None }));
    let late = json!({"error": {"code": "already_handed_over"}});
    assert_eq!(Sandbox.read_void(&response(409, late)).unwrap_err().retry(), Retry::Never);
    assert_eq!(
        Sandbox.read_void(&response(500, json!({}))).unwrap_err().retry(),
        Retry::Later { after_seconds: Some(3) }
    );
}

#[test]
fn rates_come_cheapest_first() {
    let rate = |service: &str, minor: i64| json!({"service": service, "cost": {"amount_minor": minor, "currency": "EUR"}, "days": 2});
    let body = json!({"rates": [rate("express", 999), rate("standard", 499)]});
    let rates = Sandbox.read_rates(&response(200, body)).unwrap();
    assert_eq!(rates.iter().map(|r| r.service.as_str()).collect::<Vec<_>>(), ["standard", "express"]);
}

fn webhook(code: &str) -> Value {
    json!({"id": "wh_1", "type": "tracking.updated", "data": {"tracking_number": "SBX1", "reference": "shp_acme_1_1",
        "events": [{"id": "ev_1", "code": code, "occurred_at": "2026-03-02T10:00:00+02:00"}]}})
}

#[test]
fn a_webhook_becomes_events() {
    let events = Sandbox.parse_webhook(webhook("delivered").to_string().as_bytes()).unwrap();
    let expect = TrackingEvent {
        tracking_number: "SBX1".into(),
        event_id: "ev_1".into(),
        status: TrackingStatus::Delivered,
        carrier_code: "delivered".into(),
        occurred_at: "2026-03-02T08:00:00Z".parse().unwrap(),
        reference: Some(booking().reference),
    };
    assert_eq!(events, [expect]);
    assert_eq!(Sandbox.read_poll(&response(200, webhook("delivered")["data"].clone())), Ok(events));
}

#[test]
fn a_webhook_about_something_else_has_no_events_and_a_broken_one_names_the_field() {
    assert_eq!(Sandbox.parse_webhook(br#"{"type": "invoice.created"}"#), Ok(vec![]));
    let check = |pointer: &str, value: Value| {
        let mut body = webhook("delivered");
        *body.pointer_mut(pointer).unwrap() = value;
        assert_eq!(Sandbox.parse_webhook(body.to_string().as_bytes()).unwrap_err().pointer, pointer);
    };
    check("/data/events/0/occurred_at", json!("yesterday"));
    check("/data/events/0/id", json!(""));
    check("/data/events", json!({}));
    check("/data/tracking_number", Value::Null);
}

#[test]
fn a_foreign_reference_is_no_error() {
    let mut body = webhook("accepted");
    body["data"]["reference"] = json!("Order 17");
    assert_eq!(Sandbox.parse_webhook(body.to_string().as_bytes()).unwrap()[0].reference, None);
}

#[test]
fn timestamp_and_body_are_signed_and_secrets_rotate() {
    let now: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
    let body = b"{}";
    let secrets = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let headers = sign(&secrets(&["old", "new"]), now, body);
    for known in [secrets(&["old"]), secrets(&["new"]), secrets(&["x", "new"])] {
        assert_eq!(Sandbox.verify_webhook(&known, &headers, body, now), Ok(()));
    }
    let old = secrets(&["old"]);
    assert_eq!(Sandbox.verify_webhook(&secrets(&["x"]), &headers, body, now), Err(SignatureError::Mismatch));
    assert_eq!(Sandbox.verify_webhook(&[], &headers, body, now), Err(SignatureError::NoSecret));
    assert_eq!(Sandbox.verify_webhook(&old, &headers, b"{ }", now), Err(SignatureError::Mismatch));
    let mut later = headers.clone();
    later[0].1 = (now.as_second() + 1).to_string();
    assert_eq!(Sandbox.verify_webhook(&old, &later, body, now), Err(SignatureError::Mismatch));
    let after = now + jiff::SignedDuration::from_secs(301);
    assert_eq!(Sandbox.verify_webhook(&old, &headers, body, after), Err(SignatureError::TooOld));
    let before = now - jiff::SignedDuration::from_secs(301);
    assert_eq!(Sandbox.verify_webhook(&old, &headers, body, before), Err(SignatureError::TooNew));
    for missing in 0..2 {
        let mut headers = headers.clone();
        let (name, _) = headers.remove(missing);
        let error = Sandbox.verify_webhook(&old, &headers, body, now).unwrap_err();
        assert!(matches!(error, SignatureError::Missing { header } if header == name));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300), status in 100..600_u16) {
        let _ = Sandbox.parse_webhook(&body);
        let response = Response { status, headers: vec![], body };
        let _ = Sandbox.read_booking(&response);
        let _ = Sandbox.read_lookup(&response);
        let _ = Sandbox.read_void(&response);
    }
}
