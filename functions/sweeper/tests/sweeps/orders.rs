//! Orders: what was lost is sent again, and nothing else is.

use crate::world::{World, world, world_of};
use domain::MessageKind;
use domain::order::{Hold, HoldReason, Order};
use domain::pick_task::PickTaskState;
use domain::shipment::{Shipment, ShipmentState};
use domain::{OrderId, PickTaskId};
use platform::items::order_key;
use platform::{Deps, Failure, Function, Operation, Versioned};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use sweeper::{Sweeper, sweep};
use testkit::Stack;
use testkit::connector::{Call, Fault, Faults, Service};

fn reserve(order: &OrderId) -> MessageKind {
    MessageKind::Reserve { order: order.clone() }
}

#[tokio::test]
async fn an_order_whose_message_was_lost_is_reserved_again_at_doubling_intervals() {
    let world = world().await;
    let order = world.received("1").await;
    world.lose_messages();
    world.minutes(9);
    assert_eq!(world.sweep().await.1, [], "it may take ten minutes");
    for minutes in [1, 10, 20, 40, 80] {
        world.minutes(minutes);
        assert_eq!(world.sweep().await.1, [reserve(&order)], "after {minutes} more minutes");
        let (swept, messages) = world.sweep().await;
        assert_eq!((swept.looks, messages), (0, vec![]), "not again in the same minute");
    }
    let stored = world.stored(&order).await;
    assert_eq!(stored.version, 6, "one write a look");
}

#[tokio::test]
async fn a_message_sent_again_waits_for_the_item_that_stored_it() {
    let world = world().await;
    let order = world.received("1").await;
    world.lose_messages();
    world.minutes(10);
    sweep(&world.stack.deps).await.1.unwrap();
    let messages = world.stack.outbox();
    assert_eq!((messages[0].version, world.stored(&order).await.version), (2, 2));
    assert_eq!((&messages[0].merchant, messages[0].correlation_id.as_str()), (&world.merchant, order.as_str()));
}

#[tokio::test]
async fn an_order_that_ended_or_waits_for_a_person_is_sent_nothing() {
    let world = world().await;
    let unpaid = world.decided("1", false);
    let unpaid_id = unpaid.next.id.clone();
    world.create(unpaid).await;
    let cancelled = world.received("2").await;
    world
        .change(&order_key(&cancelled), "cancel", |order: &Order| order.request_cancel(order.created_at).unwrap())
        .await;
    let working = world.allocated("3", Some(PickTaskState::InProgress)).await;
    world.minutes(60);
    let (swept, messages) = world.sweep().await;
    assert_eq!((swept.looks, messages), (2, vec![]), "the cancelled one is in no index");
    for order in [&unpaid_id, &working] {
        let due = world.stored(order).await.body.look_due_at().unwrap();
        assert_eq!(due, world.stack.now() + jiff::SignedDuration::from_hours(1));
    }
}

#[tokio::test]
async fn a_missing_task_is_created_and_a_packed_one_is_booked() {
    let world = world().await;
    let without = world.allocated("1", None).await;
    let packed = world.allocated("2", Some(PickTaskState::Packed)).await;
    world.minutes(10);
    let (_, messages) = world.sweep().await;
    let task = PickTaskId::of(&packed, 1);
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages.contains(&MessageKind::CreatePickTasks { order: without }));
    assert!(messages.contains(&MessageKind::Book { task }));
}

#[tokio::test]
async fn a_message_that_a_task_causes_carries_the_tasks_version() {
    let world = world().await;
    let order = world.allocated("1", Some(PickTaskState::Packed)).await;
    for _ in 0..3 {
        world
            .change(&order_key(&order), &world.stack.now().to_string(), |order: &Order| {
                let mut next = order.clone();
                next.returns += 1;
                domain::Decision::of(next)
            })
            .await;
        world.minutes(10);
    }
    let before = world.task(&order).await;
    world.lose_messages();
    sweep(&world.stack.deps).await.1.unwrap();
    let messages = world.stack.outbox();
    let after = world.task(&order).await;
    assert_eq!(messages[0].kind, MessageKind::Book { task: after.body.id.clone() });
    assert_eq!((messages[0].version, after.version), (before.version + 1, before.version + 1));
    assert_eq!(after.body, before.body);
    assert!(world.stored(&order).await.version > after.version, "the order's own version is another one");
}

#[tokio::test]
async fn a_hold_keeps_a_packed_task_from_being_booked() {
    let world = world().await;
    let order = world.allocated("1", Some(PickTaskState::Packed)).await;
    let hold = |order: &Order| {
        order.place_hold(Hold { reason: HoldReason::MerchantRequest, note: None }, order.created_at).unwrap()
    };
    world.change(&order_key(&order), "hold", hold).await;
    world.minutes(10);
    assert_eq!(world.sweep().await.1, []);
}

#[tokio::test]
async fn a_cancellation_is_carried_on() {
    let world = world().await;
    let order = world.allocated("1", Some(PickTaskState::Assigned)).await;
    world.change(&order_key(&order), "cancel", |order: &Order| order.request_cancel(order.created_at).unwrap()).await;
    world.minutes(10);
    assert_eq!(world.sweep().await.1, [MessageKind::CancelPickTasks { order }]);
}

#[tokio::test]
async fn a_shipment_that_the_order_does_not_know_as_handed_over_says_so_again() {
    let world = world().await;
    let order = world.allocated("1", Some(PickTaskState::Packed)).await;
    let shipment = world.shipment(&order, ShipmentState::HandedOver);
    let id = shipment.id.clone();
    world.create(domain::Decision::of(shipment)).await;
    world.minutes(10);
    let both =
        [MessageKind::ShipmentChanged { shipment: id.clone() }, MessageKind::ReportFulfilment { shipment: id.clone() }];
    assert_eq!(world.sweep().await.1, both);
    let stored: Versioned<Shipment> = world.load(&platform::items::shipment_key(&id)).await.unwrap();
    assert_eq!(stored.version, 2);
}

#[tokio::test]
async fn every_page_of_every_shard_is_looked_at() {
    let world = world().await;
    for number in 0..120 {
        world.received(&number.to_string()).await;
    }
    world.minutes(10);
    let (swept, messages) = world.sweep().await;
    assert_eq!((swept.looks, swept.messages, messages.len()), (120, 120, 120));
    assert_eq!(world.sweep().await.0.looks, 0);
}

#[tokio::test]
async fn looks_do_not_push_out_what_callers_repeat_their_requests_by() {
    let world = world().await;
    let order = world.received("1").await;
    for _ in 0..20 {
        world.minutes(24 * 60);
        assert_eq!(world.sweep().await.0.looks, 1);
    }
    let stored = world.stored(&order).await;
    assert_eq!(stored.version, 21);
    let key = order_key(&order);
    assert!(Operation::of(&["test", &key.pk]).is_done(&stored.operations).unwrap());
}

/// While it is on, every put of an order is answered as if somebody else had just changed it.
#[derive(Default)]
struct Changed(AtomicBool);

impl Faults for Changed {
    fn before(&self, call: &Call) -> Option<Fault> {
        let is_put = call.service == Service::DynamoDb && call.operation == "PutItem";
        let status = "400".parse().ok()?;
        (is_put && self.0.load(Ordering::SeqCst))
            .then(|| Fault::Answer { status, code: "ConditionalCheckFailedException".to_owned() })
    }
}

#[tokio::test]
async fn an_order_that_changes_meanwhile_is_left_for_the_next_run() {
    let changed = Arc::new(Changed::default());
    let world = world_of(Stack::builder().faults(changed.clone())).await;
    let order = world.received("1").await;
    world.minutes(10);
    changed.0.store(true, Ordering::SeqCst);
    let (swept, messages) = world.sweep().await;
    assert_eq!((swept.looks, swept.messages, messages), (1, 0, vec![]));
    changed.0.store(false, Ordering::SeqCst);
    assert_eq!(world.sweep().await.1, [reserve(&order)]);
}

/// An item in the index that no code of ours can read.
fn break_an_order(world: &World) {
    for shard in ["0", "1"] {
        let text = |text: &str| json!({ "S": text });
        world.dynamodb(
            "PutItem",
            &json!({ "TableName": "orders", "Item": {
                "pk": text(&format!("{}#ord_x_{shard}", world.merchant)), "sk": text("order"), "version": { "N": "1" },
                "due_pk": text(shard), "due_sk": text("2026-01-01T00:00:00Z#ord_x"),
            }}),
        );
    }
}

#[tokio::test]
async fn an_item_that_cannot_be_read_keeps_no_other_from_being_looked_at() {
    let world = world().await;
    let order = world.received("1").await;
    break_an_order(&world);
    world.lose_messages();
    world.minutes(10);
    let (swept, outcome) = sweep(&world.stack.deps).await;
    assert!(matches!(outcome, Err(Failure::Bug(_))), "{outcome:?}");
    assert_eq!((swept.looks, swept.messages), (3, 1));
    let kinds: Vec<_> = world.stack.outbox().into_iter().map(|message| message.kind).collect();
    assert_eq!(kinds, [reserve(&order)]);
}

#[tokio::test]
async fn the_schedules_event_runs_it_and_a_failure_fails_the_run() {
    let world = world().await;
    let order = world.received("1").await;
    world.lose_messages();
    world.minutes(10);
    let event = json!({ "version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} });
    let run = async |deps: &Deps| platform::function::handle(&Sweeper, deps, event.clone()).await;
    assert!(run(&world.stack.deps).await.unwrap().is_null());
    assert_eq!(world.stack.outbox()[0].kind, reserve(&order));
    break_an_order(&world);
    assert!(run(&world.stack.deps).await.is_err());
    assert_eq!(Sweeper::NAME, "sweeper");
}
