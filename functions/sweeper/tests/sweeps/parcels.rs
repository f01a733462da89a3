//! Shipments, trackers and returns.

use crate::world::{World, world, world_of};
use domain::order::Order;
use domain::pick_task::PickTaskState;
use domain::returns::{Return, ReturnState, SEND_WITHIN};
use domain::shipment::{Shipment, ShipmentState};
use domain::tracker::Tracker;
use domain::{Decision, MessageKind, OrderId, ShipmentId};
use platform::items::{order_key, return_key, shipment_key, tracker_key};
use platform::{Operation, Versioned};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::Duration;
use testkit::Stack;

#[tokio::test]
async fn a_booking_of_unknown_outcome_is_reconciled_at_doubling_intervals() {
    let world = world().await;
    let order = world.allocated("1", Some(PickTaskState::Packed)).await;
    let shipment = world.shipment(&order, ShipmentState::BookingUnknown);
    let id = shipment.id.clone();
    world.create(Decision::of(shipment)).await;
    world.minutes(1);
    assert_eq!(world.sweep().await.1, [MessageKind::Reconcile { shipment: id.clone() }]);
    assert_eq!(world.sweep().await.1, []);
    let stored: Versioned<Shipment> = world.load(&shipment_key(&id)).await.unwrap();
    let due = stored.body.reconcile_due_at().unwrap();
    assert_eq!(due, world.stack.now() + jiff::SignedDuration::from_mins(10));
    world.minutes(10);
    let (_, messages) = world.sweep().await;
    assert_eq!(messages, [MessageKind::Reconcile { shipment: id }], "once, though its order is looked at too");
}

/// A carrier that answers with this status, and one event.
fn carrier(status: Arc<AtomicU16>, calls: Arc<AtomicU32>) -> testkit::connector::Handler {
    Arc::new(move |request| {
        calls.fetch_add(1, Ordering::SeqCst);
        let number = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let events = json!([{ "id": "e1", "code": "in_transit", "occurred_at": "2026-11-03T08:00:00Z" }]);
        let body = json!({ "tracking_number": number, "events": events }).to_string();
        let mut answer = http::Response::new(body.into_bytes());
        *answer.status_mut() = http::StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap();
        answer
    })
}

async fn with_carrier(status: u16) -> (World, Arc<AtomicU16>, Arc<AtomicU32>) {
    let (status, calls) = (Arc::new(AtomicU16::new(status)), Arc::new(AtomicU32::new(0)));
    let handler = carrier(status.clone(), calls.clone());
    let world = world_of(Stack::builder().partner("https://carrier.example", handler)).await;
    world.stack.carrier_account(&world.merchant, "https://carrier.example").await;
    (world, status, calls)
}

async fn tracked(world: &World, number: &str) -> Tracker {
    let order = world.received(number).await;
    let shipment: ShipmentId = world.shipment(&order, ShipmentState::HandedOver).id;
    let now = world.stack.now();
    let tracker = Tracker::new(Stack::carrier_account_id(&world.merchant), &format!("T{number}"), now);
    let tracker = tracker.link(&shipment, now).next;
    world.create(Decision::of(tracker.clone())).await;
    tracker
}

fn tracker_messages(world: &World) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let messages = world.stack.drain("tracking").into_iter();
    messages.map(|(body, _)| (text(&body["kind"]), text(&body["event"]["tracking_number"]))).collect()
}

async fn poll_due(world: &World, tracker: &Tracker) -> jiff::Timestamp {
    let key = tracker_key(&tracker.carrier_account, &tracker.tracking_number);
    world.load::<Tracker>(&key).await.unwrap().body.poll_due_at().unwrap()
}

#[tokio::test]
async fn a_parcel_of_which_nothing_was_heard_is_asked_for() {
    let (world, _, calls) = with_carrier(200).await;
    let tracker = tracked(&world, "1").await;
    world.stack.clock.advance(Duration::from_secs(23 * 3600));
    assert_eq!((world.sweep().await.0.polls, calls.load(Ordering::SeqCst)), (0, 0));
    world.stack.clock.advance(Duration::from_secs(3600));
    assert_eq!(world.sweep().await.0.polls, 1);
    assert_eq!(tracker_messages(&world), [("tracking_event".to_owned(), "T1".to_owned())]);
    assert!(poll_due(&world, &tracker).await > world.stack.now());
    assert_eq!(world.sweep().await.0.polls, 0, "not again before its time");
}

#[tokio::test]
async fn a_carrier_that_is_down_is_asked_once_a_run_and_again_in_the_next() {
    let (world, status, calls) = with_carrier(503).await;
    let trackers = [tracked(&world, "1").await, tracked(&world, "2").await, tracked(&world, "3").await];
    world.stack.clock.advance(Duration::from_secs(24 * 3600));
    world.sweep().await;
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    for tracker in &trackers {
        assert!(poll_due(&world, tracker).await <= world.stack.now(), "it stays due");
    }
    status.store(200, Ordering::SeqCst);
    assert_eq!(world.sweep().await.0.polls, 3);
    assert_eq!(tracker_messages(&world).len(), 3);
}

#[tokio::test]
async fn a_carrier_that_does_not_know_the_parcel_is_not_asked_every_minute() {
    let (world, _, calls) = with_carrier(404).await;
    let tracker = tracked(&world, "1").await;
    world.stack.clock.advance(Duration::from_secs(24 * 3600));
    world.sweep().await;
    world.sweep().await;
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert!(poll_due(&world, &tracker).await > world.stack.now());
}

/// A shipped order with an approved return of both its units.
async fn approved(world: &World) -> (OrderId, Return) {
    let order = world.allocated("1", None).await;
    world.change(&order_key(&order), "ship", |order: &Order| order.handed_over(1, order.created_at)).await;
    let stored = world.stored(&order).await;
    let shipment = world.shipment(&order, ShipmentState::HandedOver).id;
    let opened = Return::refused(&stored.body, &shipment, world.stack.now()).unwrap();
    let mut back = opened.back.next;
    back.state = ReturnState::Approved;
    back.shipment = None;
    back.send_by = Some(world.stack.now() + SEND_WITHIN);
    world.change(&order_key(&order), "open", |_: &Order| opened.order.clone()).await;
    world.create(Decision::of(back.clone())).await;
    (order, back)
}

#[tokio::test]
async fn an_approved_return_without_label_is_booked_again() {
    let world = world().await;
    let (_, back) = approved(&world).await;
    world.minutes(10);
    assert_eq!(world.sweep().await.1, [MessageKind::BookReturn { return_id: back.id }]);
    assert_eq!(world.sweep().await.1, []);
}

#[tokio::test]
async fn a_return_that_was_not_sent_expires_and_its_units_may_be_returned_again() {
    let world = world().await;
    let (order, back) = approved(&world).await;
    let issued = world.shipment(&order, ShipmentState::LabelPurchased).id;
    world.change(&return_key(&back.id), "label", |back: &Return| back.label_booked(&issued, back.created_at)).await;
    assert_eq!(world.stored(&order).await.body.lines[0].returned, 2);
    world.minutes(30 * 24 * 60 - 1);
    world.sweep().await;
    assert_eq!(world.stored(&order).await.body.lines[0].returned, 2);
    world.minutes(1);
    world.sweep().await;
    let stored: Versioned<Return> = world.load(&return_key(&back.id)).await.unwrap();
    assert_eq!(stored.body.state, ReturnState::ExpiredUnsent);
    assert!(Operation::of(&["sweep"]).is_done(&stored.operations).unwrap());
    assert_eq!(world.stored(&order).await.body.lines[0].returned, 0);
    let (swept, _) = world.sweep().await;
    assert_eq!(swept.looks, 0);
    assert_eq!(world.stored(&order).await.body.lines[0].returned, 0);
}
