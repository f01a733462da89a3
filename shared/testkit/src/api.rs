//! The HTTP API of a function, as merchants and administrators call it.

use crate::request::{RequestBuilder, read};
use crate::stack::{ADMINISTRATOR_KEY, Stack};
use domain::MerchantId;
use domain::account::Scope;
use platform::{Function, Response};
use serde_json::{Value, json};

/// A merchant with keys of every scope, and another one.
pub struct World<F> {
    /// The function.
    pub function: F,
    /// The stack.
    pub stack: Stack,
    /// A merchant.
    pub merchant: MerchantId,
    /// Another one.
    pub other: MerchantId,
}

/// Every scope of a merchant's keys.
pub const SCOPES: [Scope; 3] = [Scope::Merchant, Scope::Floor, Scope::Operations];

impl<F: Function + Default> World<F> {
    /// Over a stack without faults.
    pub async fn new() -> Self {
        Self::over(Stack::new()).await
    }

    /// Over `stack`.
    pub async fn over(stack: Stack) -> Self {
        let merchant = stack.merchant("acme").await;
        let other = stack.merchant("other").await;
        for merchant in [&merchant, &other] {
            for scope in SCOPES {
                stack.api_key(merchant, scope).await;
            }
        }
        Self { function: F::default(), stack, merchant, other }
    }
}

impl<F: Function> World<F> {
    /// A key of `merchant`.
    #[must_use]
    pub fn key(merchant: &MerchantId, scope: Scope) -> String {
        platform::auth::new_key(merchant, &format!("secret-{scope:?}"))
    }

    /// Sends as it is.
    pub async fn send(&self, request: RequestBuilder) -> Response {
        self.function.http(&self.stack.deps, request.build()).await.unwrap_or_else(Into::into)
    }

    /// Sends with the merchant's operations key.
    pub async fn ops(&self, request: RequestBuilder) -> (u16, Value) {
        read(Ok(self.send(request.key(&Self::key(&self.merchant, Scope::Operations))).await))
    }

    /// Sends with the administrator's key, acting for the merchant.
    pub async fn admin(&self, request: RequestBuilder) -> (u16, Value) {
        read(Ok(self.send(request.key(ADMINISTRATOR_KEY).header("sklad-merchant", &self.merchant)).await))
    }

    /// Sends with the administrator's key alone.
    pub async fn platform(&self, request: RequestBuilder) -> (u16, Value) {
        read(Ok(self.send(request.key(ADMINISTRATOR_KEY)).await))
    }

    /// Every page of a list.
    ///
    /// # Panics
    /// When one is refused, or the cursor does not advance.
    pub async fn pages(&self, request: RequestBuilder) -> Vec<Vec<Value>> {
        let mut pages = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = match &cursor {
                Some(cursor) => request.clone().query("cursor", cursor),
                None => request.clone(),
            };
            let (status, body) = read(Ok(self.send(page).await));
            assert_eq!(status, 200, "{body}");
            pages.push(body["items"].as_array().cloned().unwrap_or_default());
            cursor = body["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return pages;
            }
            assert!(pages.len() < 100, "the cursor does not advance");
        }
    }
}

/// Merges `change` over `body`: a field with null is left out.
#[must_use]
pub fn with(body: &Value, change: &Value) -> Value {
    let mut body = body.clone();
    let (Some(fields), Some(changes)) = (body.as_object_mut(), change.as_object()) else { return change.clone() };
    for (name, value) in changes {
        match value {
            Value::Null => drop(fields.remove(name)),
            value => drop(fields.insert(name.clone(), value.clone())),
        }
    }
    body
}

/// A Shopify channel to be created.
#[must_use]
pub fn new_channel() -> Value {
    json!({
        "platform": "shopify", "name": "Shop", "shop_domain": "acme.myshopify.com", "api_url": "https://acme.myshopify.com",
        "webhook_secrets": ["shpss_hush"], "access_token": "shpat_hush",
    })
}

/// An account at the sandbox carrier to be created.
#[must_use]
pub fn new_carrier_account() -> Value {
    json!({
        "carrier": "sandbox", "name": "Sandbox", "api_url": "http://127.0.0.1:9100", "service": "standard",
        "api_key": "carrier-hush", "webhook_secrets": ["webhook-hush"],
    })
}

/// A location to be created.
#[must_use]
pub fn new_location(code: &str) -> Value {
    json!({
        "id": code, "name": "София 1",
        "address": {"line1": "ул. Склад 1", "city": "София", "postal_code": "1000", "country": "BG"},
    })
}

/// An item to be created.
#[must_use]
pub fn new_item(sku: &str) -> Value {
    json!({"sku": sku, "name": "Зелен чай 🍵", "barcodes": ["3800000000011"], "weight_grams": 120, "safety_stock": 2})
}

/// Goods that come in.
#[must_use]
pub fn new_receipt(sku: &str, location: &str, quantity: i64) -> Value {
    json!({
        "sku": sku, "location": location, "quantity": quantity,
        "actor": {"person": "badge-17", "station": "DOCK-1"},
    })
}

/// A correction.
#[must_use]
pub fn new_adjustment(sku: &str, location: &str, quantity: i64) -> Value {
    json!({
        "sku": sku, "location": location, "quantity": quantity, "reason": "cycle count", "liable": "warehouse",
        "actor": {"person": "badge-17", "station": "DESK-1"},
    })
}

/// Asserts that a body is refused with the field.
///
/// # Panics
/// When it is not.
#[track_caller]
pub fn refused(answer: (u16, Value), status: u16, kind: &str, pointer: &str) {
    let (answered, body) = answer;
    assert_eq!(answered, status, "{body}");
    assert_eq!(body["type"], format!("urn:sklad:problem:{kind}"), "{body}");
    assert_eq!(body["pointer"].as_str().unwrap_or_default(), pointer, "{body}");
    assert!(body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{body}");
}
