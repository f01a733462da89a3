//! The API's description: every function's part merged into one OpenAPI 3.1 document.
//!
//! `about` serves it from the file that `cargo local openapi` prints; a test holds the file against the code, and the
//! document against the template's routes.

use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum OpenApiError {
    /// A function's part cannot be written as JSON.
    #[error("the OpenAPI document cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

fn parts() -> Vec<OpenApi> {
    vec![
        about::openapi(),
        operations::openapi(),
        order_intake::openapi(),
        inventory::openapi(),
        pick_pack::openapi(),
        returns::openapi(),
        tracking_webhooks::openapi(),
    ]
}

/// The whole document.
///
/// # Errors
/// [`OpenApiError`].
pub fn document() -> Result<Value, OpenApiError> {
    let mut merged = utoipa::openapi::OpenApiBuilder::new().build();
    for part in parts() {
        merged.merge(part);
    }
    let mut document = serde_json::to_value(merged)?;
    document["info"] = json!({
        "title": "Sklad",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "E-fulfilment: orders in, parcels out, returns back. Instants are RFC 3339 in UTC, money is integer minor units with an ISO 4217 currency, weights are grams, lengths millimetres. Every POST but webhooks and redrive takes `Idempotency-Key`; fulfilment orders and movements bear Shopify's and the trade's names in capitals; errors are RFC 9457 problem details.",
        "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
    });
    document["components"]["securitySchemes"] = json!({
        "api_key": {"type": "http", "scheme": "bearer", "bearerFormat": "sklad_…", "description": "An API key. A key of the platform names the merchant it acts for in the header `Sklad-Merchant`."},
    });
    Ok(document)
}

/// The document as text, as the file holds it.
///
/// # Errors
/// [`OpenApiError`].
pub fn document_text() -> Result<String, OpenApiError> {
    Ok(format!("{}\n", serde_json::to_string_pretty(&document()?)?))
}

/// `METHOD path` of every operation in a document.
#[must_use]
pub fn routes(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let mut routes: Vec<String> = paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().into_iter().flatten();
            methods.map(move |(method, _)| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    routes.sort();
    routes
}
