//! Shopify: webhooks (REST-shaped JSON) in, Admin GraphQL out.

mod admin;
mod order;
mod privacy;

use super::{Account, Delivery, FulfilmentReport, Fulfilments, Orders, ShopError, Stock, StockUpdate, Topic};
use crate::http::{Headers, Request, Response};
use crate::signature::{any_secret, single_header, verify_base64};
use crate::{FieldError, SignatureError};
use domain::ids::Sku;
use domain::incoming::IncomingOrder;
use domain::privacy::PrivacyKind;
use jiff::Timestamp;

/// The version of the Admin API that this file is written against. From 2026-04 on, setting stock needs
/// `changeFromQuantity` and the `@idempotent` directive.
pub const API_VERSION: &str = "2026-04";

/// Header: base64 of the HMAC-SHA256 of the raw body.
pub const HMAC: &str = "x-shopify-hmac-sha256";
/// Header: the topic, for example `orders/create`.
pub const TOPIC: &str = "x-shopify-topic";
/// Header: the shop's `….myshopify.com`.
pub const SHOP_DOMAIN: &str = "x-shopify-shop-domain";
/// Header: id of the delivery.
pub const WEBHOOK_ID: &str = "x-shopify-webhook-id";
/// Header: id of the event.
pub const EVENT_ID: &str = "x-shopify-event-id";
/// Header: version of the API that the body follows.
pub const API_VERSION_HEADER: &str = "x-shopify-api-version";
/// Header: when it happened.
pub const TRIGGERED_AT: &str = "x-shopify-triggered-at";

/// Longest id taken from a header, in bytes: it may become part of a key.
const HEADER_BYTES_MAX: usize = 200;

/// The plug-in.
#[derive(Debug, Clone, Copy)]
pub struct Shopify;

impl Orders for Shopify {
    fn verify(
        &self,
        secrets: &[String],
        headers: &Headers,
        body: &[u8],
        _now: Timestamp,
    ) -> Result<(), SignatureError> {
        let given = single_header(headers, HMAC, "the base64 of 32 bytes")?;
        any_secret(secrets, |secret| verify_base64(secret, &[body], given))
    }

    fn delivery(&self, headers: &Headers) -> Result<Delivery, SignatureError> {
        let needed = |name: &'static str| {
            let value = single_header(headers, name, "1 to 200 printable ASCII characters")?;
            if value.len() > HEADER_BYTES_MAX || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(SignatureError::Malformed {
                    header: name,
                    expected: "1 to 200 printable ASCII characters",
                });
            }
            Ok(value.to_owned())
        };
        let optional = |name: &'static str| match needed(name) {
            Ok(value) => Ok(Some(value)),
            Err(SignatureError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let triggered_at = optional(TRIGGERED_AT)?
            .map(|text| text.parse::<Timestamp>())
            .transpose()
            .map_err(|_| SignatureError::Malformed { header: TRIGGERED_AT, expected: "an instant as in RFC 3339" })?;
        let topic = needed(TOPIC)?;
        Ok(Delivery {
            topic: match topic.as_str() {
                "orders/create" => Topic::OrderCreated,
                "customers/data_request" => Topic::PrivacyRequest(PrivacyKind::Access),
                "customers/redact" => Topic::PrivacyRequest(PrivacyKind::Erasure),
                "shop/redact" => Topic::ShopErasure,
                _ => Topic::Other(topic),
            },
            shop: needed(SHOP_DOMAIN)?.to_ascii_lowercase(),
            delivery_id: needed(WEBHOOK_ID)?,
            event_id: optional(EVENT_ID)?,
            api_version: optional(API_VERSION_HEADER)?,
            triggered_at,
        })
    }

    fn parse_order(&self, body: &[u8]) -> Result<IncomingOrder, FieldError> {
        order::parse_order(body)
    }

    fn parse_privacy_request(&self, kind: PrivacyKind, body: &[u8]) -> Result<Vec<String>, FieldError> {
        privacy::parse_orders(kind, body)
    }
}

impl Fulfilments for Shopify {
    fn build_lookup(&self, account: &Account, report: &FulfilmentReport) -> Request {
        admin::fulfilment_lookup(account, report)
    }

    fn plan(
        &self,
        account: &Account,
        report: &FulfilmentReport,
        looked_up: &Response,
    ) -> Result<Vec<Request>, ShopError> {
        admin::fulfilment_plan(account, report, looked_up)
    }

    fn read_created(&self, response: &Response) -> Result<String, ShopError> {
        admin::read_fulfilment(response)
    }
}

impl Stock for Shopify {
    fn build_lookup(&self, account: &Account, sku: &Sku) -> Request {
        admin::stock_lookup(account, sku)
    }

    fn plan(
        &self,
        account: &Account,
        update: &StockUpdate,
        looked_up: &Response,
    ) -> Result<Option<Request>, ShopError> {
        admin::stock_plan(account, update, looked_up)
    }

    fn read_set(&self, response: &Response) -> Result<(), ShopError> {
        admin::read_stock(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::hmac_base64;

    fn headers() -> Headers {
        [
            ("X-Shopify-Topic", "orders/create"),
            ("X-Shopify-Shop-Domain", "Acme.myshopify.com"),
            ("X-Shopify-Webhook-Id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"),
            ("X-Shopify-Event-Id", "98880550-7158-44d4-b7cd-2c97c8a091b5"),
            ("X-Shopify-API-Version", API_VERSION),
            ("X-Shopify-Triggered-At", "2026-03-01T07:30:00.123456789Z"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn the_headers_are_read_regardless_of_case() {
        let delivery = Shopify.delivery(&headers()).unwrap();
        assert_eq!(delivery.topic, Topic::OrderCreated);
        assert_eq!(delivery.shop, "acme.myshopify.com");
        assert_eq!(delivery.delivery_id, "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043");
        assert!(delivery.event_id.is_some() && delivery.triggered_at.is_some());
    }

    #[test]
    fn topic_shop_and_id_are_needed_and_the_rest_is_not() {
        for (name, needed) in
            [(TOPIC, true), (SHOP_DOMAIN, true), (WEBHOOK_ID, true), (EVENT_ID, false), (TRIGGERED_AT, false)]
        {
            let without: Headers = headers().into_iter().filter(|(own, _)| !own.eq_ignore_ascii_case(name)).collect();
            let result = Shopify.delivery(&without);
            assert_eq!(result.is_err(), needed, "{name}");
        }
    }

    #[test]
    fn the_compliance_topics_are_known() {
        let topic = |name: &str| {
            let mut headers = headers();
            headers[0].1 = name.into();
            Shopify.delivery(&headers).unwrap().topic
        };
        assert_eq!(topic("customers/data_request"), Topic::PrivacyRequest(PrivacyKind::Access));
        assert_eq!(topic("customers/redact"), Topic::PrivacyRequest(PrivacyKind::Erasure));
        assert_eq!(topic("shop/redact"), Topic::ShopErasure);
    }

    #[test]
    fn another_topic_is_other() {
        let mut headers = headers();
        headers[0].1 = "app/uninstalled".into();
        assert_eq!(Shopify.delivery(&headers).unwrap().topic, Topic::Other("app/uninstalled".into()));
    }

    #[test]
    fn the_raw_bytes_are_what_is_signed() {
        let secrets = ["hush".to_owned()];
        let body = r#"{"price": 136.0, "name": "Иван"}"#.as_bytes();
        let signed: Headers = vec![("X-Shopify-Hmac-SHA256".into(), hmac_base64(b"hush", &[body]))];
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(Shopify.verify(&secrets, &signed, body, now), Ok(()));
        let reserialised = r#"{"price":136.0,"name":"Иван"}"#.as_bytes();
        assert_eq!(Shopify.verify(&secrets, &signed, reserialised, now), Err(SignatureError::Mismatch));
        assert_eq!(Shopify.verify(&secrets, &vec![], body, now), Err(SignatureError::Missing { header: HMAC }));
        assert_eq!(Shopify.verify(&[], &signed, body, now), Err(SignatureError::NoSecret));
    }
}
