//! Cancelling by stage, to the last unit.

use crate::world::{World, actor, scan};
use domain::pick_task::{Parcel, PickTaskState};
use domain::shipment::{Leg, Shipment, ShipmentPlan};
use domain::{MessageKind, ShipmentId};
use platform::Operation;
use serde_json::json;

async fn kinds(world: &World) -> Vec<MessageKind> {
    world.deliver().await.into_iter().map(|message| message.kind).collect()
}

fn release(world: &World) -> MessageKind {
    MessageKind::Release { task: world.task.clone() }
}

#[tokio::test]
async fn a_task_that_was_not_created_yet_is_born_cancelled() {
    let world = World::allocated(&[("TEA", 2)]).await;
    let create = world.stack.outbox();
    world.cancel().await;
    assert_eq!(world.task().await.body.state, PickTaskState::Cancelled);
    assert_eq!(world.stack.outbox().into_iter().filter(|m| m.kind == release(&world)).count(), 1);
    for message in create.into_iter().filter(|message| message.kind.queue() == domain::Queue::Picks) {
        world.send(message).await.unwrap();
    }
    assert_eq!(world.task().await.version, 1, "the late message found it");
    assert!(world.work().await.is_empty());
}

#[tokio::test]
async fn an_order_cancelled_before_its_tasks_were_made_gets_none_to_pick() {
    let world = World::allocated(&[("TEA", 2)]).await;
    let now = world.stack.now();
    let create = world.stack.outbox();
    world.change_order("cancel", |order| order.request_cancel(now).unwrap().next).await;
    for message in create.into_iter().filter(|message| message.kind.queue() == domain::Queue::Picks) {
        world.send(message).await.unwrap();
    }
    assert_eq!(world.task().await.body.state, PickTaskState::Cancelled);
    assert!(kinds(&world).await.contains(&release(&world)));
}

#[tokio::test]
async fn a_task_with_nothing_scanned_gives_back_at_once() {
    let world = World::released(&[("TEA", 2)]).await;
    world.ok("claim", json!({"actor": actor("ann")})).await;
    let _ = world.stack.outbox();
    world.cancel().await;
    world.cancel().await;
    let task = world.task().await.body;
    assert_eq!(task.state, PickTaskState::Cancelled);
    assert_eq!(task.held().map(domain::pick_task::PickLine::held).sum::<u32>(), 2);
    assert_eq!(kinds(&world).await.iter().filter(|kind| **kind == release(&world)).count(), 1);
    assert!(world.work().await.is_empty());
    world.refused("scans", scan("TEA", 1), 409, "order-cancelled").await;
    world.refused("put-back", json!({"actor": actor("ann")}), 409, "nothing-to-put-back").await;
}

#[tokio::test]
async fn scanned_units_are_put_back_before_they_are_released() {
    for (scans, level) in [(1, [8, 2, 0, 0]), (2, [8, 0, 2, 0])] {
        let world = World::released(&[("TEA", 2)]).await;
        world.ok("claim", json!({"actor": actor("ann")})).await;
        world.ok("scans", scan("TEA", scans)).await;
        world.cancel().await;
        assert_eq!(world.task().await.body.state, PickTaskState::PutBack);
        assert_eq!(world.work().await, vec![world.task.to_string()]);
        assert_eq!(world.level("TEA").await, level);
        assert!(!kinds(&world).await.contains(&release(&world)));
        world.faults.arm(if scans == 2 { &["TransactWriteItems"] } else { &["PutItem"] }, 3);
        let body = json!({"actor": actor("bob")});
        let (status, _) = world.call_as(&world.key, "back", "put-back", &body).await;
        assert_eq!(status, 503, "the answers are lost");
        let (status, answer) = world.call_as(&world.key, "back", "put-back", &body).await;
        assert_eq!((status, answer["state"].as_str()), (200, Some("cancelled")));
        assert_eq!(world.level("TEA").await, [8, 2, 0, 0], "reserved until stock-reservation releases it");
        assert_eq!(kinds(&world).await, vec![release(&world)]);
        assert!(world.work().await.is_empty());
    }
}

#[tokio::test]
async fn a_packed_task_is_put_back_once_its_label_is_voided() {
    let world = World::picked(&[("TEA", 2)]).await;
    let parcel = Parcel { weight_grams: 750, length_mm: 300, width_mm: 200, height_mm: 100 };
    world.ok("pack", json!({"parcel": parcel, "actor": actor("eve")})).await;
    let _ = world.stack.outbox();
    world.cancel().await;
    assert_eq!(world.task().await.body.state, PickTaskState::Packed);
    let shipment = ShipmentId::of(&world.order, 1);
    assert_eq!(kinds(&world).await, vec![MessageKind::Void { shipment: shipment.clone() }]);
    let plan = ShipmentPlan {
        id: shipment,
        order: world.order.clone(),
        leg: Leg::Outbound,
        location: world.location.clone(),
        carrier_account: None,
        service: "standard".to_owned(),
        parcel,
        contents: Vec::new(),
        cash_on_delivery_minor: None,
    };
    let voided = Shipment::tombstone(plan, world.stack.now());
    world.stack.deps.store.create(&Operation::of(&["test", "void"]), voided).await.unwrap();
    // The voided shipment asks for the tasks to be cancelled again.
    let others = kinds(&world).await;
    assert!(!others.contains(&release(&world)), "{others:?}");
    assert_eq!(world.task().await.body.state, PickTaskState::PutBack);
    world.ok("put-back", json!({"actor": actor("bob")})).await;
    assert_eq!(world.level("TEA").await, [8, 2, 0, 0]);
    assert_eq!(kinds(&world).await, vec![release(&world)]);
}

#[tokio::test]
async fn a_message_about_an_order_that_is_not_cancelled_stops_nothing() {
    let world = World::released(&[("TEA", 2)]).await;
    let kind = MessageKind::CancelPickTasks { order: world.order.clone() };
    world.send(kind.for_merchant(&world.merchant, &world.order)).await.unwrap();
    assert_eq!(world.task().await.body.state, PickTaskState::Released);
}
