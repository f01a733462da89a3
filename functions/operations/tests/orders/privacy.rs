//! Personal data on request: who decides, what is shown from then on, what an export holds.

use crate::world::{World, header, world};
use domain::OrderId;
use domain::order::Order;
use domain::privacy::PersonalData;
use domain::shipment::{Shipment, ShipmentState};
use domain::{Decision, ShipmentId};
use platform::items::{PersonRecord, person_key, privacy_request_key};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::request;

const CREATE: &str = "POST /v1/privacy-requests";
const GET: &str = "GET /v1/privacy-requests/{privacy_request}";
const CONFIRM: &str = "POST /v1/privacy-requests/{privacy_request}/confirm";
const DECLINE: &str = "POST /v1/privacy-requests/{privacy_request}/decline";
const EXPORT: &str = "GET /v1/privacy-requests/{privacy_request}/export";

fn actor() -> Value {
    json!({"person": "clerk-3", "station": "DESK-1"})
}

fn asks(kind: &str, orders: &[&OrderId]) -> Value {
    json!({"kind": kind, "orders": orders, "actor": actor()})
}

fn confirmation() -> Value {
    json!({"actor": actor(), "invoice": "kept_elsewhere"})
}

async fn create(world: &World, body: &Value) -> (u16, Value) {
    world.call(request(CREATE).key(&world.operations).json(body).build()).await
}

async fn created(world: &World, body: &Value) -> String {
    let (status, body) = create(world, body).await;
    assert_eq!((status, body["state"].as_str()), (201, Some("requested")), "{body}");
    body["id"].as_str().unwrap().to_owned()
}

/// With the merchant's own key.
async fn decide(world: &World, route: &str, id: &str, body: &Value) -> (u16, Value) {
    world.call(request(route).key(&world.merchants).path("privacy_request", id).json(body).build()).await
}

async fn restricted(world: &World, order: &OrderId) -> String {
    let id = created(world, &asks("erasure", &[order])).await;
    let (status, body) = decide(world, CONFIRM, &id, &confirmation()).await;
    assert_eq!((status, body["state"].as_str()), (200, Some("restricted")), "{body}");
    id
}

async fn get_order(world: &World, id: &OrderId) -> Value {
    let (status, body) =
        world.call(request("GET /v1/orders/{order}").key(&world.operations).path("order", id).build()).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn label(world: &World, id: &ShipmentId) -> (u16, Value) {
    let label = request("GET /v1/shipments/{shipment}/label").key(&world.floor).path("shipment", id);
    world.call(label.build()).await
}

fn kind(problem: &Value) -> &str {
    problem["type"].as_str().unwrap_or_default().trim_start_matches("urn:sklad:problem:")
}

#[tokio::test]
async fn a_confirmed_erasure_hides_the_person_at_once_and_the_work_goes_on() {
    let world = world().await;
    let (id, shipment) = world.labelled("1001").await;
    let other = world.order("1002").await;
    let request_id = created(&world, &asks("erasure", &[&id])).await;
    assert_eq!(get_order(&world, &id).await["recipient"]["name"], "Мария Иванова", "nothing is decided yet");
    let (_, body) = decide(&world, CONFIRM, &request_id, &confirmation()).await;
    assert_eq!(body["orders"][0]["classes"]["recipient"]["state"], "held");
    let shown = get_order(&world, &id).await;
    assert_eq!(shown["personal_data"], "restricted");
    for personal in ["Мария", "maria@", "Витоша", "call first"] {
        assert!(!shown.to_string().contains(personal), "{personal}");
        assert!(!body.to_string().contains(personal), "{personal}");
    }
    assert_eq!(get_order(&world, &other).await["recipient"]["name"], "Мария Иванова", "another order's");
    assert_eq!(label(&world, &shipment).await.0, 200, "the parcel has to leave");
    world
        .change_shipment(&shipment, |own| Decision::of(Shipment { state: ShipmentState::HandedOver, ..own.clone() }))
        .await;
    let (status, problem) = label(&world, &shipment).await;
    assert_eq!((status, kind(&problem)), (409, "personal-data-restricted"));
    let slip = || request("GET /v1/pick-tasks/{task}/packing-slip").key(&world.floor);
    let slip = || slip().path("task", domain::PickTaskId::of(&id, 1)).build();
    assert_eq!(world.call(slip()).await.0, 200, "the order is not at rest");
    world.change_order(&id, |order| order.handed_over(1, order.created_at)).await;
    assert_eq!(world.call(slip()).await.0, 409);
}

#[tokio::test]
async fn only_the_merchant_decides_and_once() {
    let world = world().await;
    let order = world.order("1001").await;
    let id = created(&world, &asks("erasure", &[&order])).await;
    for key in [&world.operations, &world.floor] {
        for (route, body) in [(CONFIRM, confirmation()), (DECLINE, json!({"actor": actor(), "reason": "no"}))] {
            let answer = world.call(request(route).key(key).path("privacy_request", &id).json(&body).build()).await;
            assert_eq!(answer.0, 403, "{route}");
        }
    }
    assert!(world.load(&order).await.personal_data.is_none());
    let (status, problem) = decide(&world, CONFIRM, &id, &json!({"actor": actor()})).await;
    assert_eq!((status, problem["pointer"].as_str()), (400, Some("/invoice")));
    assert_eq!(decide(&world, CONFIRM, &id, &confirmation()).await.0, 200);
    let version = world.load(&order).await.history.0.len();
    let (status, again) = decide(&world, CONFIRM, &id, &confirmation()).await;
    assert_eq!((status, again["state"].as_str()), (200, Some("restricted")), "confirming twice changes nothing");
    assert_eq!(world.load(&order).await.history.0.len(), version);
    let (status, problem) = decide(&world, DECLINE, &id, &json!({"actor": actor(), "reason": "no"})).await;
    assert_eq!((status, kind(&problem)), (409, "privacy-request-confirmed"));

    let declined = created(&world, &asks("erasure", &[&world.order("1002").await])).await;
    let no = json!({"actor": actor(), "reason": "it was not the shopper who asked"});
    assert_eq!(decide(&world, DECLINE, &declined, &no).await.1["state"], "declined");
    assert_eq!(decide(&world, DECLINE, &declined, &no).await.0, 200);
    let (status, problem) = decide(&world, CONFIRM, &declined, &confirmation()).await;
    assert_eq!((status, kind(&problem)), (409, "privacy-request-declined"));
}

#[tokio::test]
async fn an_order_is_named_by_its_id_or_by_number_and_email_and_only_ones_own() {
    let world = world().await;
    let order = world.order("1001").await;
    let by_email = |number: &str, email: &str| json!({"kind": "erasure", "order_number": number, "email": email, "actor": actor()});
    // The world's order has its number for a content; a real one's content begins with the number's digest.
    let (status, problem) = create(&world, &by_email("#1001", "somebody@else.com")).await;
    assert_eq!((status, kind(&problem)), (404, "order-not-found"));
    assert!(!problem.to_string().contains("somebody"));
    let unknown = OrderId::derive(&world.merchant, &["no such"]);
    let (status, problem) = create(&world, &asks("erasure", &[&order, &unknown])).await;
    assert_eq!((status, problem["pointer"].as_str()), (404, Some("/orders/1")));
    let theirs = world.call(request(CREATE).key(&world.stranger).json(&asks("erasure", &[&order])).build()).await;
    assert_eq!((theirs.0, theirs.1["pointer"].as_str()), (404, Some("/orders/0")));
    for body in [
        asks("erasure", &[]),
        json!({"kind": "erasure", "order_number": "#1001", "actor": actor()}),
        json!({"kind": "erasure", "orders": [order], "order_number": "#1001", "email": "a@b.c", "actor": actor()}),
        json!({"kind": "portability", "orders": [order], "actor": actor()}),
        json!({"kind": "erasure", "orders": ["tsk_1"], "actor": actor()}),
        json!({"kind": "erasure", "orders": [order], "actor": {"person": "", "station": "D"}}),
    ] {
        assert_eq!(create(&world, &body).await.0, 400, "{body}");
    }
    let many: Vec<OrderId> = (0..26).map(|n| OrderId::derive(&world.merchant, &[&n.to_string()])).collect();
    let many: Vec<&OrderId> = many.iter().collect();
    assert!([400, 404].contains(&create(&world, &asks("erasure", &many)).await.0));
    let id = created(&world, &asks("erasure", &[&order])).await;
    for route in [GET, CONFIRM, DECLINE, EXPORT] {
        let theirs = request(route).key(&world.stranger).path("privacy_request", &id);
        let status = world.call(theirs.json(&confirmation()).build()).await.0;
        assert!([403, 404].contains(&status), "{route}: {status}");
    }
}

#[tokio::test]
async fn a_repeated_request_is_the_same_one_and_the_list_shows_it_newest_first() {
    let world = world().await;
    let order = world.order("1001").await;
    let send = |body: Value| request(CREATE).key(&world.merchants).header("idempotency-key", "k").json(&body).build();
    let first = world.answer(send(asks("erasure", &[&order]))).await;
    let again = world.answer(send(asks("erasure", &[&order]))).await;
    assert_eq!((first.status, again.status, &first.body), (201, 201, &again.body));
    assert_eq!(header(&again, "idempotent-replayed"), Some("true"));
    assert_eq!(world.call(send(asks("access", &[&order]))).await.0, 422);
    world.stack.clock.advance(Duration::from_secs(60));
    let newer = created(&world, &asks("access", &[&order])).await;
    let list = |state: Option<&str>| {
        let list = request("GET /v1/privacy-requests").key(&world.operations);
        state.map_or(list.clone(), |state| list.query("state", state)).build()
    };
    let (_, page) = world.call(list(None)).await;
    assert_eq!((page["items"].as_array().unwrap().len(), page["items"][0]["id"].as_str()), (2, Some(newer.as_str())));
    decide(&world, CONFIRM, &newer, &json!({"actor": actor()})).await;
    assert_eq!(world.call(list(Some("granted"))).await.1["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.call(list(Some("lost"))).await.0, 400);
    let orders = world.call(request("GET /v1/orders").key(&world.operations).build()).await.1;
    assert_eq!(orders["items"].as_array().unwrap().len(), 1, "no request is among the orders: {orders}");
}

#[tokio::test]
async fn an_export_has_everything_that_is_stored_of_the_shopper_for_thirty_days() {
    let world = world().await;
    let (id, _) = world.labelled("1001").await;
    let key = person_key(&id, &world.load(&id).await.content);
    let sent = json!({"id": 1001, "email": "maria@example.com", "billing_address": {"name": "Иван Иванов"}});
    let store = &world.stack.deps.store;
    let stored = store.load::<PersonRecord>(&key).await.unwrap().unwrap();
    let record = PersonRecord { raw: PersonRecord::deflate(sent.to_string().as_bytes()), ..stored.body };
    store.put_child(&record, &platform::Operation::of(&["test"])).await.unwrap();
    let second = world.order("1002").await;

    let request_id = created(&world, &asks("access", &[&id, &second])).await;
    let export = |cursor: Option<&str>| {
        let export = request(EXPORT).key(&world.merchants).path("privacy_request", &request_id).query("limit", "1");
        cursor.map_or(export.clone(), |cursor| export.query("cursor", cursor)).build()
    };
    let (status, problem) = world.call(export(None)).await;
    assert_eq!((status, kind(&problem)), (409, "no-export"), "nobody confirmed it");
    decide(&world, CONFIRM, &request_id, &json!({"actor": actor()})).await;
    assert_eq!(get_order(&world, &id).await["recipient"]["name"], "Мария Иванова", "access restricts nothing");
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let (status, page) = world.call(export(cursor.as_deref())).await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
        items.extend(page["items"].as_array().unwrap().clone());
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let own = items.iter().find(|item| item["order"]["id"] == json!(id)).unwrap();
    assert_eq!((items.len(), &own["as_sent"]), (2, &sent), "also whom the invoice went to");
    assert_eq!(
        (own["recipient"]["email"].as_str(), own["note"].as_str()),
        (Some("maria@example.com"), Some("call first"))
    );
    assert_eq!(own["shipments"][0]["label"]["tracking_number"], "TRK1001");
    let names: Vec<_> = own["documents"].as_array().unwrap().iter().map(|own| own["name"].as_str().unwrap()).collect();
    assert!(names.len() == 3 && names.contains(&"label-1.pdf"), "{names:?}");
    let by = |key: &str| request(EXPORT).key(key).path("privacy_request", &request_id).build();
    assert_eq!(world.call(by(&world.operations)).await.0, 403, "the merchant's alone");
    world.stack.clock.advance(Duration::from_secs(31 * 24 * 3600));
    assert_eq!(world.call(export(None)).await.0, 409);
}

#[tokio::test]
async fn of_an_erased_order_nothing_is_asked_shown_written_or_booked_again() {
    let world = world().await;
    let (id, shipment) = world.labelled("1001").await;
    let at = world.stack.now();
    world
        .change_shipment(&shipment, |own| {
            Decision::of(Shipment { state: ShipmentState::BookingRefused, ..own.clone() })
        })
        .await;
    world.change_order(&id, |order: &Order| order.erased(at)).await;
    let (status, problem) = create(&world, &asks("erasure", &[&id])).await;
    assert_eq!((status, kind(&problem), problem["pointer"].as_str()), (409, "personal-data-erased", Some("/orders/0")));
    assert_eq!(get_order(&world, &id).await["personal_data"], "erased");
    let person = json!({"name": "A", "address": {"line1": "1", "city": "Sofia", "country": "BG"}});
    let correct = request("PUT /v1/orders/{order}/recipient").key(&world.operations).path("order", &id).json(&person);
    assert_eq!(kind(&world.call(correct.build()).await.1), "personal-data-erased");
    let retry =
        request("POST /v1/shipments/{shipment}/retry-booking").key(&world.operations).path("shipment", &shipment);
    assert_eq!(kind(&world.call(retry.json(&json!({"actor": actor()})).build()).await.1), "personal-data-erased");
    assert_eq!(kind(&label(&world, &shipment).await.1), "personal-data-erased");
}

#[tokio::test]
async fn a_confirmation_marks_every_order_or_none() {
    let world = world().await;
    let orders = [world.order("1001").await, world.order("1002").await, world.order("1003").await];
    let id = created(&world, &asks("erasure", &orders.iter().collect::<Vec<_>>())).await;
    let other = restricted(&world, &orders[1]).await;
    assert_ne!(id, other);
    assert_eq!(decide(&world, CONFIRM, &id, &confirmation()).await.0, 200);
    for order in &orders {
        let own = world.load(order).await;
        assert_eq!(own.personal_data, Some(PersonalData::Restricted));
        let times = own.history.0.iter().filter(|entry| entry.event == "personal_data_restricted").count();
        assert_eq!(times, 1, "also of one that another request had restricted");
    }
    let id = id.parse().unwrap();
    let store = &world.stack.deps.store;
    let stored = store.load::<domain::privacy::PrivacyRequest>(&privacy_request_key(&id)).await.unwrap().unwrap();
    assert!(stored.body.next_look_at.is_some(), "the sweeper carries it out");
}
