use crate::world::{World, header, over, world};
use domain::order::{Hold, HoldReason};
use domain::shipment::ShipmentState;
use domain::stock::Term;
use domain::{MessageKind, ShipmentId};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testkit::connector::{Call, Fault, Faults};
use testkit::{Stack, request};

const ROUTE: &str = "POST /v1/close-outs";

fn body(world: &World, shipments: Option<&[&ShipmentId]>) -> Value {
    let mut body = json!({"carrier_account": world.account, "location": "SOF1",
                          "actor": {"person": "badge-7", "station": "DOCK-1"}});
    if let Some(shipments) = shipments {
        body["shipments"] = json!(shipments);
    }
    body
}

async fn close_out(world: &World, shipments: Option<&[&ShipmentId]>) -> Value {
    let (status, report) = world.call(request(ROUTE).key(&world.floor).json(&body(world, shipments)).build()).await;
    assert_eq!(status, 200, "{report}");
    report
}

/// `(shipment, result or reason)` of each line.
fn lines(report: &Value) -> Vec<(String, String)> {
    let lines = report["shipments"].as_array().unwrap().iter();
    lines
        .map(|line| {
            let said = line["reason"].as_str().unwrap_or_else(|| line["result"].as_str().unwrap());
            (line["shipment"].as_str().unwrap().to_owned(), said.to_owned())
        })
        .collect()
}

#[tokio::test]
async fn every_labelled_parcel_is_handed_over_and_leaves_the_stock() {
    let world = world().await;
    let (order, first) = world.labelled("1001").await;
    world.stack.clock.advance(Duration::from_secs(1));
    let (_, second) = world.labelled("1002").await;
    let intended = world.order("1003").await;
    world.intent(&intended).await;
    let before = world.stack.level(&world.merchant, &world.tea, &world.sofia).await;
    let _ = world.stack.outbox();
    let report = close_out(&world, None).await;
    assert_eq!((report["handed_over"].as_u64(), report["more"].as_bool()), (Some(2), Some(false)));
    let done = "handed_over".to_owned();
    assert_eq!(lines(&report), [(first.to_string(), done.clone()), (second.to_string(), done)]);
    let after = world.stack.level(&world.merchant, &world.tea, &world.sofia).await;
    assert_eq!(after.get(Term::OnHand), before.get(Term::OnHand) - 4);
    assert_eq!((before.get(Term::Picked), after.get(Term::Picked)), (4, 0));
    assert!(after.is_sound());
    let shipment = world.load_shipment(&first).await;
    assert_eq!(shipment.state, ShipmentState::HandedOver);
    assert_eq!(shipment.history.0.last().unwrap().person.as_deref(), Some("badge-7"));
    let messages = world.stack.outbox();
    for kind in [
        MessageKind::ShipmentChanged { shipment: first.clone() },
        MessageKind::ReportFulfilment { shipment: first.clone() },
    ] {
        let sent = messages.iter().filter(|message| message.kind == kind);
        assert_eq!(sent.map(|message| message.correlation_id.as_str()).collect::<Vec<_>>(), [order.as_str()]);
    }
    assert_eq!(close_out(&world, None).await["shipments"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn held_and_cancelled_orders_stay_with_the_reason() {
    let world = world().await;
    let (held, parcel_of_held) = world.labelled("1001").await;
    let (cancelled, parcel_of_cancelled) = world.labelled("1002").await;
    let at = world.stack.now();
    let hold = Hold { reason: HoldReason::Dispute, note: None };
    world.change_order(&held, |order| order.place_hold(hold.clone(), at).unwrap()).await;
    world.change_order(&cancelled, |order| order.request_cancel(at).unwrap()).await;
    let report = close_out(&world, Some(&[&parcel_of_held, &parcel_of_cancelled])).await;
    assert_eq!(
        lines(&report),
        [
            (parcel_of_held.to_string(), "order-on-hold".to_owned()),
            (parcel_of_cancelled.to_string(), "order-cancelled".to_owned())
        ]
    );
    assert_eq!(world.load_shipment(&parcel_of_held).await.state, ShipmentState::LabelPurchased);
    let level = world.stack.level(&world.merchant, &world.tea, &world.sofia).await;
    assert_eq!((level.get(Term::OnHand), level.get(Term::Picked)), (100, 4));
}

#[tokio::test]
async fn named_parcels_are_reported_one_by_one() {
    let world = world().await;
    let (_, labelled) = world.labelled("1001").await;
    let (_, left) = world.labelled("1002").await;
    let unlabelled = world.order("1003").await;
    let unlabelled = world.intent(&unlabelled).await;
    let unknown = ShipmentId::parse(&format!("{labelled}9")).unwrap();
    close_out(&world, Some(&[&left])).await;
    let report = close_out(&world, Some(&[&labelled, &labelled, &left, &unlabelled, &unknown])).await;
    let said: Vec<String> = lines(&report).into_iter().map(|(_, said)| said).collect();
    assert_eq!(said, ["handed_over", "shipment-handed-over", "shipment-not-labelled", "not-found"]);
    let mut elsewhere = body(&world, Some(&[&left]));
    elsewhere["location"] = json!("VAR1");
    let (_, report) = world.call(request(ROUTE).key(&world.floor).json(&elsewhere).build()).await;
    assert_eq!(report["shipments"][0]["reason"], "other-location");
}

#[tokio::test]
async fn the_same_key_gives_the_first_report_and_no_other_body() {
    let world = world().await;
    let (_, first) = world.labelled("1001").await;
    let send = |body: &Value| request(ROUTE).key(&world.floor).header("idempotency-key", "k").json(body).build();
    let all = body(&world, None);
    let one = world.answer(send(&all)).await;
    let (_, later) = world.labelled("1002").await;
    let two = world.answer(send(&all)).await;
    assert_eq!((one.status, two.status), (200, 200));
    assert_eq!(one.body, two.body, "a parcel that came since is not part of it");
    assert_eq!(header(&two, "idempotent-replayed"), Some("true"));
    assert!(one.body.contains(first.as_str()));
    assert_eq!(world.load_shipment(&later).await.state, ShipmentState::LabelPurchased);
    assert_eq!(world.call(send(&body(&world, Some(&[&later])))).await.0, 422);
}

/// From the chosen write on nothing is written any more, though that write itself took effect.
#[derive(Default)]
struct DiesAfter(AtomicU32);

impl Faults for DiesAfter {
    fn before(&self, call: &Call) -> Option<Fault> {
        let is_write = matches!(call.operation, "PutItem" | "TransactWriteItems");
        (is_write && self.0.load(Ordering::SeqCst) == 1).then_some(Fault::Connection)
    }

    fn after(&self, call: &Call) -> Option<Fault> {
        let is_hand_over = call.operation == "TransactWriteItems" && self.0.load(Ordering::SeqCst) > 1;
        if !is_hand_over {
            return None;
        }
        (self.0.fetch_sub(1, Ordering::SeqCst) == 2).then_some(Fault::Connection)
    }
}

#[tokio::test]
async fn an_interrupted_close_out_goes_on_under_its_key_and_ships_each_parcel_once() {
    let faults = Arc::new(DiesAfter::default());
    let world = over(Stack::builder().faults(faults.clone()).build()).await;
    for number in ["1001", "1002", "1003"] {
        world.labelled(number).await;
        world.stack.clock.advance(Duration::from_secs(1));
    }
    let send = || request(ROUTE).key(&world.floor).header("idempotency-key", "k").json(&body(&world, None)).build();
    faults.0.store(3, Ordering::SeqCst);
    let (status, interrupted) = world.call(send()).await;
    assert_eq!(status, 200);
    assert!(interrupted["skipped"].as_u64().unwrap() >= 1, "{interrupted}");
    faults.0.store(0, Ordering::SeqCst);
    let (_, report) = world.call(send()).await;
    assert_eq!(report["handed_over"], 3, "{report}");
    let level = world.stack.level(&world.merchant, &world.tea, &world.sofia).await;
    assert_eq!((level.get(Term::OnHand), level.get(Term::Picked)), (94, 0));
}

#[tokio::test]
async fn a_close_out_names_what_exists_and_is_the_callers() {
    let world = world().await;
    let (_, shipment) = world.labelled("1001").await;
    let send = |key: &str, body: &Value| request(ROUTE).key(key).json(body).build();
    let good = body(&world, Some(&[&shipment]));
    assert_eq!(world.call(send(&world.stranger, &good)).await.0, 404);
    assert_eq!(world.call(send(&world.merchants, &good)).await.0, 403);
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (bad, status, pointer) in [
        (with("/carrier_account", json!(format!("{}0", world.account))), 404, "/carrier_account"),
        (with("/carrier_account", json!("x")), 400, "/carrier_account"),
        (with("/location", json!("NOWHERE")), 400, "/location"),
        (with("/shipments", json!([])), 400, "/shipments"),
        (with("/actor/person", json!("")), 400, "/actor/person"),
        (with("/actor", json!({"person": "a"})), 400, "/actor/station"),
    ] {
        let (got, problem) = world.call(send(&world.floor, &bad)).await;
        assert_eq!((got, problem["pointer"].as_str()), (status, Some(pointer)), "{bad}");
    }
    assert_eq!(world.load_shipment(&shipment).await.state, ShipmentState::LabelPurchased);
}
