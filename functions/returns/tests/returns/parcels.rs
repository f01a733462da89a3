//! What the queue says about parcels.

use crate::world::World;
use domain::returns::ReturnState;
use domain::shipment::Leg;
use domain::tracking_status::TrackingStatus;
use domain::{MessageKind, ReturnId, ShipmentId};
use platform::Failure;
use platform::failure::QueueAnswer;
use serde_json::json;
use testkit::Stack;

#[tokio::test]
async fn a_refused_parcel_opens_one_return_whatever_is_lost_or_repeated() {
    let world = World::new().await;
    let order = world.order("#1001", TrackingStatus::Refused).await;
    let refused = MessageKind::ParcelRefused { shipment: ShipmentId::of(&order, 1) };
    let _ = world.stack.outbox();
    world.faults.arm(&["TransactWriteItems"], 3);
    let first = world.deliver(refused.clone()).await;
    assert!(first.is_ok() || matches!(first, Err(Failure::Unavailable { .. })), "{first:?}");
    world.deliver(refused.clone()).await.unwrap();
    world.deliver(refused).await.unwrap();
    let back = world.stored(&ReturnId::of(&order, 1)).await.body;
    assert_eq!((back.state, back.shipment), (ReturnState::InTransit, Some(ShipmentId::of(&order, 1))));
    let head = world.order_head(&order).await;
    assert_eq!((head.returns, head.returnable()), (1, vec![]));
    assert_eq!(world.stack.outbox(), vec![], "no label, no refund");
}

#[tokio::test]
async fn a_refusal_before_the_hand_over_is_known_comes_again() {
    let world = World::new().await;
    let order = world.order("#1001", TrackingStatus::PreTransit).await;
    let failure = world.deliver(MessageKind::ParcelRefused { shipment: ShipmentId::of(&order, 1) }).await.unwrap_err();
    assert_eq!(failure.queue_answer(), QueueAnswer::Retry(None));
}

#[tokio::test]
async fn a_refusal_of_an_unknown_order_is_a_dead_letter() {
    let world = World::new().await;
    let nobodys = ShipmentId::derive(&world.merchant, &["nobody"]);
    let failure = world.deliver(MessageKind::ParcelRefused { shipment: nobodys }).await.unwrap_err();
    assert_eq!(failure.queue_answer(), QueueAnswer::DeadLetter);
}

#[tokio::test]
async fn a_return_follows_its_label_and_its_parcel_and_arriving_is_not_received() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    let lines = json!([{"sku": "TEA", "quantity": 1, "reason": "other"}]);
    let id = world.opened(&world.ask("1001", lines)).await;
    let shipment = id.shipment();
    let booked = MessageKind::ReturnLabelBooked { return_id: id.clone(), shipment: shipment.clone() };
    let early = world.deliver(booked.clone()).await.unwrap_err();
    assert_eq!(early.queue_answer(), QueueAnswer::Retry(None), "the shipment is not visible yet");
    world.parcel(&shipment, &order, Leg::Return(id.clone()), "BACK-1", TrackingStatus::Delivered).await;
    for _ in 0..2 {
        world.deliver(booked.clone()).await.unwrap();
    }
    let issued = world.stored(&id).await;
    assert_eq!((issued.body.state, issued.body.shipment), (ReturnState::LabelIssued, Some(shipment)));
    assert_eq!(issued.version, 2, "the second message wrote nothing");
    let moved = MessageKind::ReturnParcelMoved {
        return_id: id.clone(),
        carrier_account: Stack::carrier_account_id(&world.merchant),
        tracking_number: "BACK-1".to_owned(),
    };
    for _ in 0..2 {
        world.deliver(moved.clone()).await.unwrap();
    }
    let moving = world.stored(&id).await;
    assert_eq!((moving.body.state, moving.version), (ReturnState::InTransit, 3));
    world.received(&id, json!([{"sku": "TEA", "quantity": 1}])).await;
    world.deliver(booked).await.unwrap();
    assert_eq!(world.stored(&id).await.body.state, ReturnState::Received);
}

#[tokio::test]
async fn a_message_of_another_queue_is_poison() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    let failure = world.deliver(MessageKind::Reserve { order }).await.unwrap_err();
    assert_eq!(failure.queue_answer(), QueueAnswer::DeadLetter);
}
