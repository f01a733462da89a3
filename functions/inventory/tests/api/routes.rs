//! The routes themselves: no key, a wrong key, a wrong scope; the description.

use crate::World;
use domain::account::Scope;
use serde_json::Value;
use testkit::routes;

/// A route of the stock, and which scopes may use it (an administrator may always).
pub(crate) const ROUTES: &[(&str, &[Scope])] = &[
    ("POST /v1/receipts", &[Scope::Floor, Scope::Operations]),
    ("POST /v1/moves", &[Scope::Floor, Scope::Operations]),
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
    ("POST /v1/recalls", &[Scope::Operations]),
    ("GET /v1/recalls/{recall}", &[Scope::Merchant, Scope::Floor, Scope::Operations]),
];

fn described() -> Value {
    serde_json::to_value(inventory::openapi()).unwrap()
}

#[tokio::test]
async fn no_route_answers_without_a_valid_key() {
    routes::need_a_key(&World::new().await, &described()).await;
}

#[tokio::test]
async fn every_route_of_the_table_is_described_and_takes_its_scopes_only() {
    routes::take_their_scopes_only(&World::new().await, &described(), ROUTES).await;
}

#[test]
fn the_table_has_every_route() {
    let table: Vec<&str> = ROUTES.iter().map(|(route, _)| *route).collect();
    let missing: Vec<String> =
        routes::described(&described()).into_iter().filter(|route| !table.contains(&route.as_str())).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[tokio::test]
async fn a_merchants_key_cannot_act_for_another_merchant() {
    routes::act_for_the_keys_merchant_only(&World::new().await, ROUTES).await;
}

#[test]
fn the_description_names_every_schema_that_it_refers_to() {
    routes::describe_every_schema(&described());
}
