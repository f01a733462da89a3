//! What every row of both tables must keep to.

use domain::tracking_status::TrackingStatus;
use jiff::Timestamp;
use partners::carriers::CARRIERS;
use partners::shops::PLATFORMS;
use partners::{SignatureError, carriers, shops};
use std::collections::BTreeSet;

const HOSTILE: &[&[u8]] = &[
    b"",
    b"null",
    b"[]",
    b"{}",
    b"\xff\x00",
    b"{\"id\":1e400}",
    b"\"text\"",
    b"{\"type\":{}}",
];

fn now() -> Timestamp {
    "2026-03-01T08:00:00Z".parse().unwrap()
}

#[test]
fn names_are_unique_and_found() {
    let shops: BTreeSet<&str> = PLATFORMS.iter().map(|row| row.name).collect();
    assert_eq!(shops.len(), PLATFORMS.len());
    let carriers: BTreeSet<&str> = CARRIERS.iter().map(|row| row.name).collect();
    assert_eq!(carriers.len(), CARRIERS.len());
    assert!(
        shops
            .iter()
            .all(|name| shops::find(name).is_some_and(|row| row.name == *name))
    );
    assert!(
        carriers
            .iter()
            .all(|name| carriers::find(name).is_some_and(|row| row.name == *name))
    );
    assert!(shops::find("Shopify").is_none() && carriers::find("").is_none());
}

#[test]
fn every_carrier_can_do_something_and_a_parcel_that_it_takes_can_be_followed() {
    for row in CARRIERS {
        assert!(
            row.book.is_some() || row.webhook.is_some() || row.poll.is_some(),
            "{}",
            row.name
        );
        assert!(
            row.book.is_none() || row.webhook.is_some() || row.poll.is_some(),
            "{} books but does not track",
            row.name
        );
        assert!(
            row.book.is_some() || !(row.cash_on_delivery || row.returns),
            "{}",
            row.name
        );
    }
}

#[test]
fn only_a_carriers_own_word_for_it_means_delivered() {
    for row in CARRIERS {
        let codes: BTreeSet<&str> = row.statuses.iter().map(|(code, _)| *code).collect();
        assert_eq!(
            codes.len(),
            row.statuses.len(),
            "{}: a code stands twice",
            row.name
        );
        for (code, status) in row.statuses {
            assert_eq!(row.status(code), *status, "{} {code}", row.name);
            for variation in [
                code.to_uppercase(),
                format!("{code} "),
                format!("{code}x"),
                format!("un{code}"),
            ] {
                if !codes.contains(variation.as_str()) {
                    assert_eq!(
                        row.status(&variation),
                        TrackingStatus::Unknown,
                        "{} {variation}",
                        row.name
                    );
                }
            }
        }
        for needed in [
            TrackingStatus::InTransit,
            TrackingStatus::Delivered,
            TrackingStatus::ReturnToSender,
        ] {
            assert!(
                row.statuses.iter().any(|(_, status)| *status == needed),
                "{} never says {needed:?}",
                row.name
            );
        }
        assert_eq!(row.status(""), TrackingStatus::Unknown);
    }
}

#[test]
fn unsigned_webhooks_are_refused_by_all() {
    let secrets = ["secret".to_owned()];
    for row in PLATFORMS {
        let Some(orders) = row.orders else { continue };
        let result = orders.verify(&secrets, &vec![], b"{}", now());
        assert!(
            matches!(result, Err(SignatureError::Missing { .. })),
            "{}: {result:?}",
            row.name
        );
        assert!(orders.delivery(&vec![]).is_err(), "{}", row.name);
    }
    for row in CARRIERS {
        let Some(webhook) = row.webhook else { continue };
        let result = webhook.verify_webhook(&secrets, &vec![], b"{}", now());
        assert!(
            matches!(result, Err(SignatureError::Missing { .. })),
            "{}: {result:?}",
            row.name
        );
    }
}

#[test]
fn hostile_bodies_are_errors_or_nothing_and_never_events_or_orders() {
    for body in HOSTILE {
        for row in PLATFORMS {
            if let Some(orders) = row.orders {
                assert!(orders.parse_order(body).is_err(), "{} {body:?}", row.name);
            }
        }
        for row in CARRIERS {
            if let Some(webhook) = row.webhook {
                assert!(
                    webhook
                        .parse_webhook(body)
                        .map_or(true, |events| events.is_empty()),
                    "{} {body:?}",
                    row.name
                );
            }
        }
        assert!(shops::own::parse_own(body).is_err());
    }
}
