//! The routes themselves: no key, a wrong key, a wrong scope; the description.

use crate::World;
use domain::account::Scope;
use serde_json::Value;
use testkit::routes;

/// A route of the master data, and which scopes may use it (an administrator may always).
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
    ("POST /v1/sealed-secrets/reseal", &[]),
    ("POST /v1/privacy-requests", &[Scope::Merchant, Scope::Operations]),
    ("GET /v1/privacy-requests", &[Scope::Merchant, Scope::Operations]),
    ("GET /v1/privacy-requests/{privacy_request}", &[Scope::Merchant, Scope::Operations]),
    ("POST /v1/privacy-requests/{privacy_request}/confirm", &[Scope::Merchant]),
    ("POST /v1/privacy-requests/{privacy_request}/decline", &[Scope::Merchant]),
    ("GET /v1/privacy-requests/{privacy_request}/export", &[Scope::Merchant]),
];

fn described() -> Value {
    serde_json::to_value(operations::openapi()).unwrap()
}

#[tokio::test]
async fn no_route_answers_without_a_valid_key() {
    routes::need_a_key(&World::new().await, &described()).await;
}

#[tokio::test]
async fn every_route_of_the_table_is_described_and_takes_its_scopes_only() {
    routes::take_their_scopes_only(&World::new().await, &described(), ROUTES).await;
}

#[tokio::test]
async fn a_merchants_key_cannot_act_for_another_merchant() {
    routes::act_for_the_keys_merchant_only(&World::new().await, ROUTES).await;
}

#[test]
fn the_description_names_every_schema_that_it_refers_to() {
    routes::describe_every_schema(&described());
}
