//! The sandbox carrier and shop within the run: the system reaches them over the wire, their owners directly.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use testkit::connector::Handler;

use super::actors::Merchant;
use super::clock::VirtualClock;
use super::core::Core;
use super::door::API;
use crate::sandbox::{InProcess, LabelError, LabelFacts, LabelMaker, Purchase};

/// Where the partners seem to be.
pub(crate) const PARTNERS: &str = "http://127.0.0.1:8081";

/// Labels of a few bytes: drawing them is tested elsewhere, and takes longer than everything else of a run.
#[derive(Debug)]
struct ShortLabels;

impl LabelMaker for ShortLabels {
    fn pdf(&self, facts: &LabelFacts<'_>) -> Result<Vec<u8>, LabelError> {
        Ok(format!("%PDF-1.7\n% {}\n%%EOF\n", facts.tracking_number).into_bytes())
    }

    fn zpl(&self, facts: &LabelFacts<'_>) -> Result<String, LabelError> {
        Ok(format!("^XA^FD{}^FS^XZ", facts.tracking_number))
    }
}

/// The partners of a run.
#[derive(Debug)]
pub(crate) struct Partners {
    pub(crate) sandbox: InProcess,
}

impl Partners {
    pub(crate) fn new(clock: VirtualClock) -> Self {
        Self { sandbox: InProcess::new(Arc::new(move || clock.now()), Arc::new(ShortLabels)) }
    }

    /// How the system's own calls are answered.
    pub(crate) fn handler(self: &Arc<Self>, core: Arc<Core>) -> Handler {
        let partners = Arc::clone(self);
        Arc::new(move |request: Request<Vec<u8>>| {
            partners.perhaps_fail(&core, &request);
            let Some(path) = request.uri().path_and_query().map(ToString::to_string) else { return broken() };
            let (mut parts, body) = request.into_parts();
            match path.parse() {
                Ok(uri) => parts.uri = uri,
                Err(_) => return broken(),
            }
            partners.sandbox.call(Request::from_parts(parts, body)).unwrap_or_else(broken)
        })
    }

    /// Orders a fault for this call, as the sandbox lets its users.
    fn perhaps_fail(&self, core: &Core, request: &Request<Vec<u8>>) {
        let profile = core.profile();
        let kinds = [
            (profile.partner_error, "error_5xx", "partner answers 5xx"),
            (profile.partner_limited, "rate_limited", "partner answers 429"),
            (profile.partner_malformed, "malformed", "partner's answer malformed"),
        ];
        let Some((_, kind, told)) = kinds.into_iter().find(|(rate, _, _)| core.chance(*rate)) else { return };
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (path, name) = match header("x-shopify-access-token") {
            Some(_) => ("/shop/admin/faults", "x-shopify-access-token"),
            None => ("/carrier/v1/faults", "authorization"),
        };
        let credential = header(name).unwrap_or_default();
        let (status, _) = self.sandbox.post(path, (name, &credential), &json!({"kind": kind}));
        if status == 201 {
            core.fault(told);
            core.say(told);
        }
    }

    /// What the owner of a shop does there.
    pub(crate) fn owner_of_shop(&self, merchant: &Merchant, path: &str, body: &Value) {
        let _ = self.sandbox.post(path, ("x-shopify-access-token", &merchant.shop_token), body);
    }

    /// The live label under our reference; the last one if there are several.
    pub(crate) fn label_of(&self, reference: &str) -> Option<Purchase> {
        self.sandbox.purchases().into_iter().rfind(|purchase| purchase.reference == reference && !purchase.voided)
    }

    /// Something happens to a parcel: the id of the event.
    pub(crate) fn happens(
        &self,
        merchant: &Merchant,
        shipment: &str,
        code: &str,
        at: Option<jiff::Timestamp>,
    ) -> Option<String> {
        let path = format!("/carrier/v1/shipments/{shipment}/events");
        let bearer = format!("Bearer {}", merchant.carrier_key);
        let (_, body) =
            self.sandbox.post(&path, ("authorization", &bearer), &json!({"status": code, "occurred_at": at}));
        body.pointer("/events/0/id").and_then(Value::as_str).map(str::to_owned)
    }

    /// The carrier's webhook about an event.
    pub(crate) fn webhook(
        &self,
        merchant: &Merchant,
        shipment: &str,
        event: &str,
        nonce: u32,
    ) -> Option<partners::http::Request> {
        let url = format!("{API}/webhooks/carriers/{}", merchant.carrier_account);
        let request =
            self.sandbox.webhook(&url, &merchant.carrier_secret, &format!("wh_{event}_{nonce}"), shipment, event)?;
        Some(request.with_header("host", "127.0.0.1:8080"))
    }
}

fn broken() -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
