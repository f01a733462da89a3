//! The routes themselves: no key, a wrong key, a wrong scope; what is open; the description.

use crate::{SCOPES, World};
use domain::account::Scope;
use serde_json::Value;
use testkit::request;

/// A route of the master data and stock, and which scopes may use it (an administrator may always).
pub(crate) const ROUTES: &[(&str, &[Scope])] = &[
    ("POST /v1/merchants", &[]),
    ("GET /v1/merchants", &[]),
    ("GET /v1/merchants/{merchant}", &[]),
    ("PUT /v1/merchants/{merchant}", &[]),
    ("POST /v1/channels", &[]),
    ("GET /v1/channels", &[Scope::Merchant]),
    ("GET /v1/channels/{channel}", &[Scope::Merchant]),
    ("PUT /v1/channels/{channel}", &[]),
    ("POST /v1/carrier-accounts", &[]),
    ("GET /v1/carrier-accounts", &[]),
    ("GET /v1/carrier-accounts/{carrier_account}", &[]),
    ("POST /v1/api-keys", &[]),
    ("GET /v1/api-keys", &[]),
    ("DELETE /v1/api-keys/{key}", &[]),
    ("POST /v1/locations", &[Scope::Operations]),
    ("GET /v1/locations", &[Scope::Merchant, Scope::Floor, Scope::Operations]),
    ("PUT /v1/locations/{location}", &[Scope::Operations]),
    ("POST /v1/items", &[Scope::Operations]),
    ("GET /v1/items", &[Scope::Merchant, Scope::Floor, Scope::Operations]),
    ("GET /v1/items/{sku}", &[Scope::Merchant, Scope::Floor, Scope::Operations]),
    ("POST /v1/items/import", &[Scope::Operations]),
    ("POST /v1/receipts", &[Scope::Floor, Scope::Operations]),
    ("POST /v1/adjustments", &[Scope::Operations]),
    ("GET /v1/stock-levels", &[Scope::Merchant, Scope::Floor, Scope::Operations]),
    ("GET /v1/stock-levels/{sku}", &[Scope::Merchant, Scope::Floor, Scope::Operations]),
    ("POST /v1/stock-audits", &[Scope::Operations]),
    ("GET /v1/stock-audits", &[Scope::Merchant, Scope::Operations]),
    ("GET /v1/stock-audits/{audit}", &[Scope::Merchant, Scope::Operations]),
    ("POST /v1/stock-audits/{audit}/repair", &[Scope::Operations]),
    ("GET /v1/sellable-stock", &[Scope::Merchant, Scope::Floor, Scope::Operations]),
    ("GET /v1/sellable-stock/{sku}", &[Scope::Merchant, Scope::Floor, Scope::Operations]),
    ("GET /v1/replenishment", &[Scope::Merchant, Scope::Floor, Scope::Operations]),
    ("GET /v1/replenishment/alerts", &[Scope::Merchant, Scope::Floor, Scope::Operations]),
    ("GET /v1/movements", &[Scope::Merchant, Scope::Floor, Scope::Operations]),
    ("GET /v1/activity-facts", &[Scope::Merchant, Scope::Operations]),
];

/// Every route that the function describes, the orders' too.
fn described() -> Vec<String> {
    let api = serde_json::to_value(operations::openapi()).unwrap();
    let paths = api["paths"].as_object().unwrap();
    let routes = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    routes.collect()
}

#[tokio::test]
async fn no_route_answers_without_a_valid_key() {
    let world = World::new().await;
    let unknown = platform::auth::new_key(&world.merchant, "guess");
    let keys =
        ["", "Basic abc", "Bearer ", "Bearer x", "Bearer sklad_", "Bearer sklad_a#b_c", &format!("Bearer {unknown}")];
    let described = described();
    assert!(described.len() >= ROUTES.len());
    for route in &described {
        assert_eq!(world.send(request(route)).await.status, 401, "{route}");
        for key in keys {
            assert_eq!(world.send(request(route).header("authorization", key)).await.status, 401, "{route} {key}");
        }
    }
}

#[tokio::test]
async fn every_route_of_the_table_is_described_and_takes_its_scopes_only() {
    let world = World::new().await;
    let described = described();
    for (route, allowed) in ROUTES {
        assert!(described.iter().any(|known| known == route), "{route} is not in the description");
        for scope in SCOPES {
            let key = World::key(&world.merchant, scope);
            let (status, body) = crate::read(world.send(request(route).key(&key)).await);
            if allowed.contains(&scope) {
                assert!(![401, 403, 500].contains(&status), "{route} {scope:?}: {body}");
            } else {
                assert_eq!(status, 403, "{route} {scope:?}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn a_merchants_key_cannot_act_for_another_merchant() {
    let world = World::new().await;
    for (route, allowed) in ROUTES {
        for scope in *allowed {
            let forged =
                request(route).key(&World::key(&world.other, *scope)).header("sklad-merchant", &world.merchant);
            assert_eq!(world.send(forged).await.status, 403, "{route} {scope:?}");
        }
    }
}

#[test]
fn the_description_names_every_schema_that_it_refers_to() {
    let api = serde_json::to_value(operations::openapi()).unwrap();
    let mut references = Vec::new();
    fn collect(value: &Value, references: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    references.push(reference.trim_start_matches('#').to_owned());
                }
                fields.values().for_each(|value| collect(value, references));
            }
            Value::Array(entries) => entries.iter().for_each(|value| collect(value, references)),
            _ => {}
        }
    }
    collect(&api, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        assert!(api.pointer(&reference).is_some(), "{reference} is not described");
    }
}
