//! What tests do with a merchant's shop and stock.

use domain::address::{Address, Person};
use infra::demo::api::send;
use infra::demo::setup::World;
use infra::sandbox::{ShopOrder, shopify_order};
use jiff::Timestamp;
use serde_json::Value;

/// The machine's time.
pub(crate) fn now() -> Timestamp {
    platform::clock::Clock::now(&platform::clock::SystemClock)
}

/// Somebody who buys.
pub(crate) fn shopper() -> Person {
    let address = Address {
        line1: "ул. Шипка 1".to_owned(),
        city: "София".to_owned(),
        country: "BG".to_owned(),
        postal_code: Some("1000".to_owned()),
        ..Default::default()
    };
    let (email, phone) = (Some("ana@example.org".to_owned()), Some("+359888123456".to_owned()));
    Person { name: "Ана Ангелова".to_owned(), email, phone, address, ..Default::default() }
}

/// The shop sends its webhook of the order; gives the order's id.
pub(crate) async fn webhook(world: &World, order: &ShopOrder, sent_at: Timestamp) -> String {
    let (status, accepted) = send(&shopify_order(order, &world.shop, &world.webhook_url, sent_at)).await.unwrap();
    assert_eq!(status, 201, "{accepted}");
    accepted["id"].as_str().unwrap().to_owned()
}

/// Units of one term of an item's stock, over all locations.
pub(crate) async fn units(world: &World, sku: &str, term: &str) -> i64 {
    let body = world.operations.get(&format!("/v1/stock-levels/{sku}")).await.unwrap();
    body["levels"].as_array().unwrap().iter().map(|level| level[term].as_i64().unwrap()).sum()
}

/// Labels that the carrier has sold for a shipment and that were not given back.
pub(crate) async fn live_labels(world: &World, shipment: &str) -> usize {
    let sold = world.carrier.get(&format!("/carrier/v1/shipments?reference={shipment}")).await.unwrap();
    sold["shipments"].as_array().unwrap().iter().filter(|label| label["voided"] != Value::Bool(true)).count()
}
