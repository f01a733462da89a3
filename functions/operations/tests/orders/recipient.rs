use crate::world::{World, world};
use domain::OrderId;
use platform::Operation;
use platform::items::{PersonRecord, person_key};
use serde_json::{Value, json};
use testkit::request;

const ROUTE: &str = "PUT /v1/orders/{order}/recipient";

fn corrected() -> Value {
    json!({"name": "Hans Meier", "phone": "+49301234567",
           "address": {"line1": "Unter den Linden 1", "city": "Berlin", "postal_code": "10117", "country": "DE"}})
}

async fn put(world: &World, id: &OrderId, body: &Value) -> (u16, Value) {
    world.call(request(ROUTE).key(&world.operations).path("order", id).json(body).build()).await
}

async fn release(world: &World, id: &OrderId) -> (u16, Value) {
    let route = "DELETE /v1/orders/{order}/holds/{reason}";
    let release = request(route).key(&world.operations).path("order", id).path("reason", "incorrect_address");
    world.call(release.build()).await
}

#[tokio::test]
async fn an_order_without_address_is_corrected_and_released() {
    let world = world().await;
    let id = world.order_with("1001", |incoming| incoming.ship_to = None).await;
    let (status, body) = release(&world, &id).await;
    assert_eq!((status, body["type"].as_str()), (409, Some("urn:sklad:problem:address-incomplete")));
    let (status, body) = put(&world, &id, &corrected()).await;
    assert_eq!((status, body["ship_to_country"].as_str()), (200, Some("DE")));
    assert!(!body.to_string().contains("Meier"));
    let order = world.load(&id).await;
    let stored =
        world.stack.deps.store.load::<PersonRecord>(&person_key(&id, &order.content)).await.unwrap().unwrap().body;
    assert_eq!(stored.person.as_ref().unwrap().address.city, "Berlin");
    assert_eq!(stored.inflate(), b"{}", "what the shop sent stays on record");
    assert!(!serde_json::to_string(&order).unwrap().contains("Meier"), "the head has a stream: no person in it");
    assert_eq!(release(&world, &id).await.0, 200);
}

#[tokio::test]
async fn the_shops_repeated_webhook_does_not_undo_a_correction() {
    let world = world().await;
    let id = world.order_with("1001", |incoming| incoming.ship_to = None).await;
    let key = person_key(&id, &world.load(&id).await.content);
    let store = &world.stack.deps.store;
    let sent = store.load::<PersonRecord>(&key).await.unwrap().unwrap().body;
    assert_eq!(put(&world, &id, &corrected()).await.0, 200);
    store.create_child(&sent, &Operation::of(&["intake"])).await.unwrap();
    let stored = store.load::<PersonRecord>(&key).await.unwrap().unwrap().body;
    assert_eq!(stored.person.unwrap().name, "Hans Meier");
}

#[tokio::test]
async fn an_order_that_moves_must_be_held_first() {
    let world = world().await;
    let id = world.order("1001").await;
    let (status, body) = put(&world, &id, &corrected()).await;
    assert_eq!((status, body["type"].as_str()), (409, Some("urn:sklad:problem:order-not-on-hold")));
}

#[tokio::test]
async fn once_a_label_may_be_bought_the_recipient_stands() {
    let world = world().await;
    let (labelled, _) = world.labelled("1001").await;
    let intended = world.order("1002").await;
    world.allocate(&intended).await;
    let shipment = world.intent(&intended).await;
    for id in [&labelled, &intended] {
        let hold = request("POST /v1/orders/{order}/holds").key(&world.operations).path("order", id);
        assert_eq!(world.call(hold.json(&json!({"reason": "incorrect_address"})).build()).await.0, 200);
        let (status, body) = put(&world, id, &corrected()).await;
        assert_eq!((status, body["type"].as_str()), (409, Some("urn:sklad:problem:label-purchased")));
    }
    let at = world.stack.now();
    world.change_shipment(&shipment, |shipment| shipment.booking_refused("no such street", at)).await;
    assert_eq!(put(&world, &intended, &corrected()).await.0, 200, "a refused booking is just what is corrected");
}

#[tokio::test]
async fn bad_recipients_are_refused_by_field() {
    let world = world().await;
    let id = world.order_with("1001", |incoming| incoming.ship_to = None).await;
    let with = |pointer: &str, value: Value| {
        let mut body = corrected();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (body, pointer) in [
        (with("/name", json!("")), "/name"),
        (with("/address/city", json!(" ")), "/address/city"),
        (with("/address/country", json!("Germany")), "/address/country"),
        (with("/phone", json!("1".repeat(300))), "/phone"),
        (json!({"name": "A", "adress": {}}), "/adress"),
    ] {
        let (status, problem) = put(&world, &id, &body).await;
        assert_eq!((status, problem["pointer"].as_str()), (400, Some(pointer)), "{body}");
    }
    let by = |key: &str| request(ROUTE).key(key).path("order", &id).json(&corrected()).build();
    assert_eq!(world.call(by(&world.floor)).await.0, 403);
    assert_eq!(world.call(by(&world.stranger)).await.0, 404);
}
