use crate::world::{header, world};
use domain::returns::Return;
use domain::tracker::Tracker;
use domain::tracking_status::{TrackingEvent, TrackingStatus};
use platform::Operation;
use std::time::Duration;
use testkit::request;

const ROUTE: &str = "GET /v1/orders/{order}";

#[tokio::test]
async fn an_order_is_shown_with_everything_that_belongs_to_it_and_one_timeline() {
    let world = world().await;
    let (id, shipment) = world.labelled("1001").await;
    world.stack.clock.advance(Duration::from_secs(60));
    let event = TrackingEvent {
        tracking_number: "TRK1001".to_owned(),
        event_id: "e1".to_owned(),
        status: TrackingStatus::InTransit,
        carrier_code: "IT".to_owned(),
        occurred_at: world.stack.now(),
        reference: None,
    };
    let tracker = Tracker::new(world.account.clone(), "TRK1001", world.stack.now()).link(&shipment, world.stack.now());
    let tracker = tracker.next.event(&event, world.stack.now());
    world.stack.deps.store.create(&Operation::of(&["tracker"]), tracker).await.unwrap();

    let response = world.answer(request(ROUTE).key(&world.merchants).path("order", &id).build()).await;
    assert_eq!(response.status, 200);
    assert!(header(&response, "etag").is_some());
    let body: serde_json::Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(body["fulfilment"], "allocated");
    assert_eq!(body["delivery"], "none");
    assert_eq!(body["money"], "settled");
    assert_eq!(body["recipient"]["name"], "Мария Иванова");
    assert_eq!(body["note"], "call first");
    assert_eq!(body["pick_tasks"][0]["state"], "packed");
    assert_eq!(body["shipments"][0]["state"], "label_purchased");
    assert_eq!(body["shipments"][0]["tracker"]["status"], "in_transit");
    let timeline = body["timeline"].as_array().unwrap();
    let instants: Vec<&str> = timeline.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(instants.is_sorted(), "{instants:?}");
    let events: Vec<(&str, &str)> =
        timeline.iter().map(|entry| (entry["object"].as_str().unwrap(), entry["event"].as_str().unwrap())).collect();
    for expected in [
        ("order", "received"),
        ("order", "allocated"),
        ("pick_task", "packed"),
        ("shipment", "label_purchased"),
        ("tracker", "in_transit"),
    ] {
        assert!(events.contains(&expected), "{expected:?} in {events:?}");
    }
    let packed = timeline.iter().find(|entry| entry["event"] == "packed").unwrap();
    assert_eq!((packed["person"].as_str(), packed["station"].as_str()), (Some("badge-7"), Some("DOCK-1")));
}

#[tokio::test]
async fn a_return_is_part_of_its_order() {
    let world = world().await;
    let (id, shipment) = world.labelled("1001").await;
    let at = world.stack.now();
    world.change_order(&id, |order| order.handed_over(1, at)).await;
    let opened = Return::refused(&world.load(&id).await, &shipment, at).unwrap();
    let back = opened.back.next.id.clone();
    world.stack.deps.store.create(&Operation::of(&["return"]), opened.back).await.unwrap();
    world.change_order(&id, |order| Return::refused(order, &shipment, at).unwrap().order).await;
    let (status, body) = world.call(request(ROUTE).key(&world.merchants).path("order", &id).build()).await;
    assert_eq!(status, 200);
    assert_eq!(body["returns"][0]["id"], back.as_str());
    assert_eq!(body["returns"][0]["kind"], "refused");
    let timeline = body["timeline"].as_array().unwrap();
    assert!(timeline.iter().any(|entry| entry["object"] == "return" && entry["id"] == back.as_str()));
}

#[tokio::test]
async fn the_floor_sees_the_order_but_not_the_person() {
    let world = world().await;
    let id = world.order("1001").await;
    let response = world.answer(request(ROUTE).key(&world.floor).path("order", &id).build()).await;
    assert_eq!(response.status, 200);
    for personal in ["Мария", "maria@", "Витоша", "call first"] {
        assert!(!response.body.contains(personal), "{personal}");
    }
}

#[tokio::test]
async fn what_does_not_exist_and_what_is_anothers_look_alike() {
    let world = world().await;
    let id = world.order("1001").await;
    let foreign = world.call(request(ROUTE).key(&world.stranger).path("order", &id).build()).await;
    let unknown = world.call(request(ROUTE).key(&world.operations).path("order", format!("{id}0")).build()).await;
    let no_id = world.call(request(ROUTE).key(&world.operations).path("order", "1001").build()).await;
    assert_eq!((foreign.0, unknown.0, no_id.0), (404, 404, 404));
    assert_eq!(foreign.1, unknown.1);
    assert_eq!(world.call(request(ROUTE).path("order", &id).build()).await.0, 401);
}
