//! What is counted and inspected at the dock.

use crate::world::{World, actor};
use domain::returns::{ReturnKind, ReturnState};
use domain::shipment::Leg;
use domain::stock::{LevelId, Lot, Term};
use domain::tracking_status::TrackingStatus;
use domain::{MessageKind, ReturnId, ShipmentId};
use platform::Function;
use returns::Returns;
use serde_json::{Value, json};
use testkit::request;
use testkit::request::RequestBuilder;

fn both() -> Value {
    json!([
        {"sku": "TEA", "quantity": 2, "reason": "changed_mind"},
        {"line": 2, "quantity": 1, "reason": "damaged"},
    ])
}

fn came(tea: u32, mug: u32) -> Value {
    let lines = [("TEA", tea), ("MUG", mug)].into_iter().filter(|(_, units)| *units > 0);
    lines.map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect()
}

fn parcel(world: &World, tracking_number: Option<&str>, lines: Value) -> RequestBuilder {
    let mut body = json!({"location": "SOF1", "lines": lines, "actor": actor()});
    if let Some(number) = tracking_number {
        body["tracking_number"] = json!(number);
    }
    request("POST /v1/return-receipts").key(&world.floor).json(&body)
}

#[tokio::test]
async fn goods_enter_the_stock_in_inspection_once_with_their_movement() {
    let world = World::new().await;
    world.delivered("#1001").await;
    let id = world.opened(&world.ask("1001", both())).await;
    let _ = world.stack.stream_records();
    let body = json!({"location": "SOF1", "lines": came(1, 0), "actor": actor()});
    let asked = world.step(&id, "receive", &body).key(&world.floor).header("idempotency-key", "k1");
    world.faults.arm(&["TransactWriteItems"], 3);
    let first = world.call(asked.clone()).await;
    let second = world.call(asked).await;
    assert!(first.0 == 503 || first.0 == 200, "{first:?}");
    assert_eq!((second.0, second.1["state"].as_str()), (200, Some("partially_received")));
    assert_eq!(world.units(&world.tea, Term::Inspection).await, 1);
    let records = world.stack.stream_records();
    let movement = records.iter().find_map(|record| record.text("movement")).expect("a movement");
    let movement: Value = serde_json::from_str(movement).unwrap();
    let movement = &movement["movements"][0];
    assert_eq!((movement["type"].as_str(), movement["condition"].as_str()), (Some("RETURN_RECEIPT"), Some("opened")));
    assert_eq!(movement["actor"], actor());
    let facts = records.iter().find_map(|record| record.text("facts")).expect("facts");
    assert!(facts.contains("return_receive"), "{facts}");
    world.received(&id, came(1, 1)).await;
    assert_eq!(world.stored(&id).await.body.state, ReturnState::Received);
    let more = json!({"location": "SOF1", "lines": came(1, 0), "actor": actor()});
    let (status, problem) = world.call(world.step(&id, "receive", &more).key(&world.floor)).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:return-not-receivable")));
}

#[tokio::test]
async fn an_inspection_restocks_refunds_once_and_fills_waiting_orders() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    let id = world.opened(&world.ask("1001", both())).await;
    world.received(&id, came(2, 1)).await;
    let _ = world.stack.outbox();
    let body = json!({"actor": actor(), "lines": [
        {"sku": "TEA", "quantity": 1, "disposition": "restock", "condition": "new"},
        {"sku": "TEA", "quantity": 1, "disposition": "quarantine", "condition": "opened"},
        {"sku": "MUG", "quantity": 1, "disposition": "write_off", "condition": "damaged", "note": "broken"},
    ]});
    let asked = world.step(&id, "inspect", &body).key(&world.floor).header("idempotency-key", "k1");
    world.faults.arm(&["TransactWriteItems"], 3);
    let first = world.call(asked.clone()).await;
    assert!(first.0 == 503 || first.0 == 200, "{first:?}");
    let (status, answer) = world.call(asked.clone()).await;
    assert_eq!((status, answer["state"].as_str()), (200, Some("closed")));
    assert_eq!(answer["refund"]["amount_minor"], 1600);
    world.stack.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(world.call(asked).await.1, answer);
    let (status, problem) = world.call(world.step(&id, "inspect", &body).key(&world.floor)).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:return-not-inspectable")));
    let terms = [Term::OnHand, Term::Available, Term::Quarantine, Term::Inspection];
    for (sku, expect) in [(&world.tea, [2, 1, 1, 0]), (&world.mug, [0, 0, 0, 0])] {
        for (term, units) in terms.into_iter().zip(expect) {
            assert_eq!(world.units(sku, term).await, units, "{sku} {term:?}");
        }
    }
    let kinds: Vec<MessageKind> = world.stack.outbox().into_iter().map(|message| message.kind).collect();
    let arrived = MessageKind::StockArrived { sku: world.tea.clone(), location: world.sofia.clone() };
    let changed = MessageKind::ReturnChanged { return_id: id };
    assert_eq!(kinds.iter().filter(|kind| **kind == arrived).count(), 1, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == changed).count(), 1, "{kinds:?}");
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert_eq!(world.order_head(&order).await.lines[0].returned, 2);
}

#[tokio::test]
async fn not_more_and_not_less_than_was_received_is_disposed_of() {
    let world = World::new().await;
    world.delivered("#1001").await;
    let id = world.opened(&world.ask("1001", both())).await;
    world.received(&id, came(2, 0)).await;
    for units in [1, 3] {
        let body = json!({"actor": actor(), "lines": [{"sku": "TEA", "quantity": units, "disposition": "restock"}]});
        let (status, problem) = world.call(world.step(&id, "inspect", &body).key(&world.floor)).await;
        assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:not-all-disposed")));
    }
    assert_eq!(world.units(&world.tea, Term::Inspection).await, 2);
}

#[tokio::test]
async fn units_that_did_not_come_may_be_returned_again() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    let id = world.opened(&world.ask("1001", both())).await;
    world.received(&id, came(1, 0)).await;
    let body = json!({"actor": actor(), "lines": [{"sku": "TEA", "quantity": 1, "disposition": "restock"}]});
    assert_eq!(world.call(world.step(&id, "inspect", &body).key(&world.floor)).await.0, 200);
    let returned: Vec<u32> = world.order_head(&order).await.lines.iter().map(|line| line.returned).collect();
    assert_eq!(returned, [1, 0]);
    let again =
        json!([{"sku": "TEA", "quantity": 1, "reason": "other"}, {"sku": "MUG", "quantity": 1, "reason": "other"}]);
    world.opened(&world.ask("1001", again)).await;
}

#[tokio::test]
async fn a_parcel_is_matched_by_the_tracking_number_of_its_return() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    let id = world.opened(&world.ask("1001", both())).await;
    world.parcel(&id.shipment(), &order, Leg::Return(id.clone()), "BACK-1", TrackingStatus::InTransit).await;
    let (status, answer) = world.call(parcel(&world, Some("BACK-1"), came(2, 1))).await;
    assert_eq!((status, answer["id"].as_str()), (201, Some(id.as_str())), "{answer}");
    assert_eq!(answer["state"], "received");
}

#[tokio::test]
async fn an_outbound_parcel_at_our_dock_is_its_refusal_also_before_the_carrier_says_so() {
    let world = World::new().await;
    let order = world.order("#1001", TrackingStatus::InTransit).await;
    let (status, answer) = world.call(parcel(&world, Some("OUT-#1001"), came(2, 1))).await;
    assert_eq!((status, answer["kind"].as_str(), answer["state"].as_str()), (201, Some("refused"), Some("received")));
    world.deliver(MessageKind::ParcelRefused { shipment: ShipmentId::of(&order, 1) }).await.unwrap();
    assert_eq!(world.order_head(&order).await.returns, 1, "the carrier's word opens no second one");
    assert_eq!(world.units(&world.tea, Term::Inspection).await, 2);
}

#[tokio::test]
async fn a_parcel_that_nobody_announced_is_counted_once_and_inspected() {
    let world = World::new().await;
    let asked = parcel(&world, Some("WHO-KNOWS"), came(1, 0)).header("idempotency-key", "k1");
    world.faults.arm(&["TransactWriteItems"], 3);
    let first = world.call(asked.clone()).await;
    assert!(first.0 == 503 || first.0 == 201, "{first:?}");
    let (status, answer) = world.call(asked.clone()).await;
    assert_eq!((status, answer["kind"].as_str()), (201, Some("unidentified")));
    assert_eq!(world.call(asked).await.1, answer);
    assert_eq!(world.units(&world.tea, Term::Inspection).await, 1);
    let other = parcel(&world, Some("WHO-KNOWS"), came(2, 0)).header("idempotency-key", "k1");
    assert_eq!(world.call(other).await.0, 422);
    let id = ReturnId::parse(answer["id"].as_str().unwrap()).unwrap();
    let body = json!({"actor": actor(), "lines": [{"sku": "TEA", "quantity": 1, "disposition": "restock"}]});
    let (status, closed) = world.call(world.step(&id, "inspect", &body).key(&world.floor)).await;
    assert_eq!((status, closed["state"].as_str(), closed.get("refund")), (200, Some("closed"), None));
    assert_eq!(world.units(&world.tea, Term::Available).await, 1);
}

#[tokio::test]
async fn a_second_parcel_of_a_closed_return_is_unidentified() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    let one = json!([{"sku": "TEA", "quantity": 1, "reason": "other"}]);
    let id = world.opened(&world.ask("1001", one)).await;
    world.parcel(&id.shipment(), &order, Leg::Return(id.clone()), "BACK-1", TrackingStatus::InTransit).await;
    world.received(&id, came(1, 0)).await;
    let (status, answer) = world.call(parcel(&world, Some("BACK-1"), came(1, 0))).await;
    assert_eq!((status, answer["kind"].as_str()), (201, Some("unidentified")));
    let note = answer["history"][0]["note"].as_str().unwrap();
    assert!(note.contains(id.as_str()), "{note}");
}

#[tokio::test]
async fn unknown_items_and_places_are_refused_by_name() {
    let world = World::new().await;
    let unknown = json!([{"sku": "TEA", "quantity": 1}, {"sku": "NOPE", "quantity": 1}]);
    let (status, problem) = world.call(parcel(&world, None, unknown)).await;
    assert_eq!((status, problem["pointer"].as_str()), (422, Some("/lines/1/sku")));
    let body = json!({"location": "MOON", "lines": came(1, 0), "actor": actor()});
    let (status, problem) = world.call(request("POST /v1/return-receipts").key(&world.floor).json(&body)).await;
    assert_eq!((status, problem["pointer"].as_str()), (422, Some("/location")));
    let answer = Returns.http(&world.stack.deps, request("GET /v1/elsewhere").build()).await;
    assert_eq!(answer.unwrap_err().status, 404);
}

#[tokio::test]
async fn a_refused_parcel_is_inspected_without_refund() {
    let world = World::new().await;
    let order = world.order("#1001", TrackingStatus::Refused).await;
    world.deliver(MessageKind::ParcelRefused { shipment: ShipmentId::of(&order, 1) }).await.unwrap();
    let id = ReturnId::of(&order, 1);
    assert_eq!(world.stored(&id).await.body.kind, ReturnKind::Refused);
    world.received(&id, came(2, 1)).await;
    let body = json!({"actor": actor(), "lines": [
        {"sku": "TEA", "quantity": 2, "disposition": "restock"}, {"sku": "MUG", "quantity": 1, "disposition": "restock"},
    ]});
    let (status, closed) = world.call(world.step(&id, "inspect", &body).key(&world.floor)).await;
    assert_eq!((status, closed.get("refund")), (200, None));
}

#[tokio::test]
async fn goods_that_are_kept_by_lot_come_back_into_their_lot() {
    let world = World::new().await;
    let honey = world.stack.item_with(&world.merchant, "HONEY", |item| item.lot_tracked = true).await;
    let lot = |code: &str, expiry: Option<&str>| Lot {
        code: code.to_owned(),
        expiry: expiry.map(|day| day.parse().unwrap()),
    };
    let at = |lot: &Lot| LevelId { sku: honey.clone(), location: world.sofia.clone(), lot: Some(lot.clone()) };
    let (good, unknown) = (lot("L7", Some("2099-01-31")), lot("UNKNOWN", None));
    world.stack.stock_of(&world.merchant, &at(&good), 1).await;
    let units = async |lot: &Lot, term| {
        let level = world.stack.level_of(&world.merchant, &at(lot)).await;
        assert!(level.is_sound(), "{level:?}");
        level.get(term)
    };
    let line = |lot: Option<&str>| json!({"sku": "HONEY", "quantity": 1, "lot": lot});
    let (status, back) =
        world.call(parcel(&world, None, json!([line(Some("L7")), line(Some("L8")), line(None)]))).await;
    assert_eq!(status, 201, "{back}");
    assert_eq!((units(&good, Term::Inspection).await, units(&unknown, Term::Inspection).await), (1, 2));
    let id: ReturnId = back["id"].as_str().unwrap().parse().unwrap();
    let line = |lot: Option<&str>, quantity: u32, disposition: &str| json!({"sku": "HONEY", "quantity": quantity, "lot": lot, "disposition": disposition});
    let inspect = |lines: Value| {
        let body = json!({"lines": lines, "actor": actor()});
        world.call(world.step(&id, "inspect", &body).key(&world.floor))
    };
    let (status, problem) = inspect(json!([line(None, 3, "restock")])).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:lot-unknown")), "{problem}");
    let lines =
        json!([line(Some("L7"), 1, "restock"), line(Some("UNKNOWN"), 1, "quarantine"), line(None, 1, "write_off")]);
    let (status, closed) = inspect(lines).await;
    assert_eq!(status, 200, "{closed}");
    assert_eq!((units(&good, Term::Available).await, units(&unknown, Term::Quarantine).await), (2, 1));
    assert_eq!(units(&unknown, Term::OnHand).await, 1);
}
