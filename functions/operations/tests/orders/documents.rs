use crate::world::{World, world};
use domain::MessageKind;
use domain::shipment::ShipmentState;
use serde_json::{Value, json};
use testkit::request;

const SHIPMENT: &str = "GET /v1/shipments/{shipment}";
const LABEL: &str = "GET /v1/shipments/{shipment}/label";
const SLIP: &str = "GET /v1/pick-tasks/{task}/packing-slip";
const RETRY: &str = "POST /v1/shipments/{shipment}/retry-booking";

/// What a link downloads, without key.
fn download(world: &World, link: &Value) -> Vec<u8> {
    let url = link["url"].as_str().unwrap();
    let answer = world.stack.engine.call(http::Request::get(url).body(Vec::new()).unwrap());
    assert!(answer.status().is_success(), "{}", String::from_utf8_lossy(answer.body()));
    answer.into_body()
}

#[tokio::test]
async fn labels_and_packing_slips_are_downloaded_by_link() {
    let world = world().await;
    let (order, shipment) = world.labelled("1001").await;
    for (format, bytes) in [("pdf", "pdf"), ("zpl", "zpl")] {
        let asked = request(LABEL).key(&world.floor).path("shipment", &shipment).query("format", format).build();
        let (status, link) = world.call(asked).await;
        assert_eq!(status, 200);
        assert_eq!(download(&world, &link), bytes.as_bytes());
        let expires: jiff::Timestamp = link["expires_at"].as_str().unwrap().parse().unwrap();
        assert_eq!((expires - world.stack.now()).total(jiff::Unit::Second).unwrap() as i64, 300);
    }
    let task = domain::PickTaskId::of(&order, 1);
    let (status, link) = world.call(request(SLIP).key(&world.merchants).path("task", &task).build()).await;
    assert_eq!((status, download(&world, &link)), (200, b"slip".to_vec()));
}

#[tokio::test]
async fn there_is_no_document_before_its_time_and_no_label_after_it_is_void() {
    let world = world().await;
    let order = world.order("1001").await;
    world.allocate(&order).await;
    let task = world.task(&order, false).await;
    let intended = world.intent(&order).await;
    assert_eq!(world.call(request(SLIP).key(&world.floor).path("task", &task).build()).await.0, 404);
    assert_eq!(world.call(request(LABEL).key(&world.floor).path("shipment", &intended).build()).await.0, 404);
    let (_, labelled) = world.labelled("1002").await;
    let at = world.stack.now();
    world.change_shipment(&labelled, |shipment| shipment.request_void(at)).await;
    assert_eq!(world.call(request(LABEL).key(&world.floor).path("shipment", &labelled).build()).await.0, 404);
    let bad = request(LABEL).key(&world.floor).path("shipment", &labelled).query("format", "png").build();
    assert_eq!(world.call(bad).await.1["pointer"], "?format");
}

#[tokio::test]
async fn shipments_and_documents_of_another_merchant_do_not_exist() {
    let world = world().await;
    let (order, shipment) = world.labelled("1001").await;
    let task = domain::PickTaskId::of(&order, 1);
    assert_eq!(world.call(request(SHIPMENT).key(&world.merchants).path("shipment", &shipment).build()).await.0, 200);
    for asked in [
        request(SHIPMENT).path("shipment", &shipment),
        request(LABEL).path("shipment", &shipment),
        request(SLIP).path("task", &task),
        request(RETRY).path("shipment", &shipment).json(&json!({"actor": {"person": "a", "station": "b"}})),
    ] {
        assert_eq!(world.call(asked.clone().key(&world.stranger).build()).await.0, 404);
        assert_eq!(world.call(asked.build()).await.0, 401);
    }
    let unknown = request(SHIPMENT).key(&world.floor).path("shipment", format!("{shipment}9")).build();
    assert_eq!(world.call(unknown).await.0, 404);
}

#[tokio::test]
async fn a_refused_booking_is_tried_again_once_by_a_person() {
    let world = world().await;
    let order = world.order("1001").await;
    world.allocate(&order).await;
    let shipment = world.intent(&order).await;
    let retry = || {
        let retry = request(RETRY).key(&world.floor).path("shipment", &shipment).header("idempotency-key", "k");
        retry.json(&json!({"actor": {"person": "badge-7", "station": "PACK-1"}})).build()
    };
    let (status, body) = world.call(retry()).await;
    assert_eq!((status, body["type"].as_str()), (409, Some("urn:sklad:problem:booking-not-waiting")));
    let at = world.stack.now();
    world.change_shipment(&shipment, |shipment| shipment.booking_refused("no such street", at)).await;
    let _ = world.stack.outbox();
    assert_eq!(world.call(retry()).await.0, 200);
    assert_eq!(world.call(retry()).await.0, 200);
    let kinds: Vec<MessageKind> = world.stack.outbox().into_iter().map(|message| message.kind).collect();
    assert_eq!(kinds, [MessageKind::Reconcile { shipment: shipment.clone() }]);
    assert_eq!(world.load_shipment(&shipment).await.state, ShipmentState::BookingIntent);
    let anonymous = request(RETRY).key(&world.floor).path("shipment", &shipment).json(&json!({})).build();
    assert_eq!(world.call(anonymous).await.0, 400);
}
