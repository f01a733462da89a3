//! What every row of both tables must keep to.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use domain::privacy::PrivacyKind;
use domain::tracking_status::TrackingStatus;
use jiff::Timestamp;
use partners::carriers::{CARRIERS, easypost, sandbox};
use partners::http::Headers;
use partners::shops::{PLATFORMS, shopify};
use partners::signature::{hmac_base64, hmac_hex};
use partners::{SignatureError, carriers, shops};
use std::collections::BTreeSet;

const HOSTILE: &[&[u8]] = &[b"", b"null", b"[]", b"{}", b"\xff\x00", b"{\"id\":1e400}", b"\"text\"", b"{\"type\":{}}"];

fn now() -> Timestamp {
    "2026-03-01T08:00:00Z".parse().unwrap()
}

#[test]
fn names_are_unique_and_found() {
    let shops: BTreeSet<&str> = PLATFORMS.iter().map(|row| row.name).collect();
    assert_eq!(shops.len(), PLATFORMS.len());
    let carriers: BTreeSet<&str> = CARRIERS.iter().map(|row| row.name).collect();
    assert_eq!(carriers.len(), CARRIERS.len());
    assert!(shops.iter().all(|name| shops::find(name).is_some_and(|row| row.name == *name)));
    assert!(carriers.iter().all(|name| carriers::find(name).is_some_and(|row| row.name == *name)));
    assert!(shops::find("Shopify").is_none() && carriers::find("").is_none());
}

#[test]
fn every_carrier_can_do_something_and_a_parcel_that_it_takes_can_be_followed() {
    for row in CARRIERS {
        assert!(row.book.is_some() || row.webhook.is_some() || row.poll.is_some(), "{}", row.name);
        assert!(
            row.book.is_none() || row.webhook.is_some() || row.poll.is_some(),
            "{} books but does not track",
            row.name
        );
        assert!(row.book.is_some() || !(row.cash_on_delivery || row.returns), "{}", row.name);
    }
}

#[test]
fn only_a_carriers_own_word_for_it_means_delivered() {
    for row in CARRIERS {
        let codes: BTreeSet<&str> = row.statuses.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes.len(), row.statuses.len(), "{}: a code stands twice", row.name);
        for (code, status) in row.statuses {
            assert_eq!(row.status(code), *status, "{} {code}", row.name);
            for variation in [code.to_uppercase(), format!("{code} "), format!("{code}x"), format!("un{code}")] {
                if !codes.contains(variation.as_str()) {
                    assert_eq!(row.status(&variation), TrackingStatus::Unknown, "{} {variation}", row.name);
                }
            }
        }
        for needed in [TrackingStatus::InTransit, TrackingStatus::Delivered, TrackingStatus::ReturnToSender] {
            assert!(row.statuses.iter().any(|(_, status)| *status == needed), "{} never says {needed:?}", row.name);
        }
        assert_eq!(row.status(""), TrackingStatus::Unknown);
    }
}

/// What a partner with that name would send. A new row of a table needs its arm here.
fn signed(partner: &str, secret: &str, body: &[u8]) -> Headers {
    match partner {
        "shopify" => vec![(shopify::HMAC.into(), hmac_base64(secret.as_bytes(), &[body]))],
        "sandbox" => sandbox::sign(&[secret.to_owned()], now(), body),
        "easypost" => {
            vec![(easypost::SIGNATURE.into(), format!("hmac-sha256-hex={}", hmac_hex(secret.as_bytes(), &[body])))]
        }
        other => panic!("say how {other} signs"),
    }
}

type Verify = Box<dyn Fn(&[String], &Headers, &[u8]) -> Result<(), SignatureError>>;

/// Every webhook there is, by its partner's name.
fn webhooks() -> Vec<(&'static str, Verify)> {
    let mut all: Vec<(&'static str, Verify)> = Vec::new();
    for row in PLATFORMS {
        if let Some(orders) = row.orders {
            all.push((row.name, Box::new(|secrets, headers, body| orders.verify(secrets, headers, body, now()))));
        }
    }
    for row in CARRIERS {
        if let Some(webhook) = row.webhook {
            all.push((
                row.name,
                Box::new(|secrets, headers, body| webhook.verify_webhook(secrets, headers, body, now())),
            ));
        }
    }
    all
}

#[test]
fn every_webhook_fails_closed() {
    let secrets = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let body = "{\"name\": \"Иван\", \"price\": 136.0}".as_bytes();
    for (name, verify) in webhooks() {
        let good = signed(name, "right", body);
        assert_eq!(verify(&secrets(&["right"]), &good, body), Ok(()), "{name}");
        assert_eq!(verify(&secrets(&["retired", "right"]), &good, body), Ok(()), "{name}: rotation");
        let mismatch = Err(SignatureError::Mismatch);
        assert_eq!(verify(&secrets(&["wrong"]), &good, body), mismatch, "{name}: another secret");
        assert_eq!(verify(&secrets(&["right"]), &good, &body[..body.len() - 1]), mismatch, "{name}: another body");
        assert_eq!(
            verify(&secrets(&["right"]), &signed(name, "", body), body),
            mismatch,
            "{name}: signed with nothing"
        );
        assert_eq!(verify(&[], &good, body), Err(SignatureError::NoSecret), "{name}: no secret");
        assert_eq!(
            verify(&secrets(&[""]), &signed(name, "", body), body),
            Err(SignatureError::NoSecret),
            "{name}: empty"
        );
        for at in 0..good.len() {
            let mut without = good.clone();
            let (header, _) = without.remove(at);
            let missing = verify(&secrets(&["right"]), &without, body);
            assert!(matches!(missing, Err(SignatureError::Missing { .. })), "{name} without {header}: {missing:?}");
            let mut twice = good.clone();
            twice.push((header.to_uppercase(), "x".into()));
            let malformed = verify(&secrets(&["right"]), &twice, body);
            assert!(matches!(malformed, Err(SignatureError::Malformed { .. })), "{name} {header} twice: {malformed:?}");
            let mut garbled = good.clone();
            garbled[at].1 = "🔑=,;".into();
            assert!(verify(&secrets(&["right"]), &garbled, body).is_err(), "{name} {header} garbled");
        }
    }
}

#[test]
fn hostile_bodies_are_errors_or_nothing_and_never_events_or_orders() {
    for body in HOSTILE {
        for row in PLATFORMS {
            if let Some(orders) = row.orders {
                assert!(orders.parse_order(body).is_err(), "{} {body:?}", row.name);
                for kind in [PrivacyKind::Access, PrivacyKind::Erasure] {
                    assert!(orders.parse_privacy_request(kind, body).is_err(), "{} {body:?}", row.name);
                }
            }
        }
        for row in CARRIERS {
            if let Some(webhook) = row.webhook {
                assert!(webhook.parse_webhook(body).map_or(true, |events| events.is_empty()), "{} {body:?}", row.name);
            }
        }
        assert!(shops::own::parse_own(body).is_err());
    }
}
