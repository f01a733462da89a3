//! Reservations of unpaid orders end in time, and give back what they held, once.

use crate::world::{World, world, world_of};
use domain::order::{FulfilmentState, HoldReason, Order};
use domain::{MessageKind, OrderId};
use platform::items::{WaitingOrder, order_key};
use platform::{Function, Operation, Stored};
use std::sync::Arc;
use sweeper::{Sweeper, sweep};
use testkit::LostAnswers;
use testkit::Stack;

fn arrived(world: &World) -> MessageKind {
    MessageKind::StockArrived { sku: world.tea.clone(), location: world.sofia.clone() }
}

async fn pay(world: &World, order: &OrderId) {
    let at = world.stack.now();
    let paid = |order: &Order| order.release_hold(HoldReason::AwaitingPayment, at).unwrap();
    world.change(&order_key(order), "pay", paid).await;
}

#[tokio::test]
async fn an_unpaid_order_gives_its_stock_back_in_the_minute_it_expires() {
    let world = world().await;
    let order = world.held_unpaid("1").await;
    world.minutes(29);
    assert_eq!(world.sweep().await.1, [], "no pick task is owed to what is only held");
    assert_eq!(world.units().await, (0, 2));
    world.minutes(1);
    assert_eq!(world.sweep().await.1, [arrived(&world)], "others may wait for it");
    assert_eq!(world.units().await, (2, 0));
    let stored = world.stored(&order).await.body;
    assert!(stored.reservation_expired && stored.reserved_until.is_none());
    assert_eq!((stored.fulfilment, stored.holds[0].reason), (FulfilmentState::Received, HoldReason::AwaitingPayment));
    assert_eq!(stored.history.0.last().unwrap().note.as_deref(), Some("EXPIRE 2 units"));
    world.minutes(60);
    assert_eq!(world.sweep().await.1, [], "it waits for a person, or for a late payment");
    assert_eq!(world.units().await, (2, 0));
}

#[tokio::test]
async fn a_payment_or_a_cancellation_in_time_leaves_nothing_to_expire() {
    let world = world().await;
    let paid = world.held_unpaid("1").await;
    let cancelled = world.held_unpaid("2").await;
    pay(&world, &paid).await;
    let at = world.stack.now();
    world.change(&order_key(&cancelled), "cancel", |order: &Order| order.request_cancel(at).unwrap()).await;
    assert_eq!(world.units().await, (2, 2), "the cancelled one gave its units back at once");
    world.minutes(31);
    assert_eq!(world.sweep().await.1, [MessageKind::CreatePickTasks { order: paid.clone() }]);
    assert_eq!(world.units().await, (2, 2));
    assert_eq!(world.stored(&paid).await.body.fulfilment, FulfilmentState::Allocated);
}

#[tokio::test]
async fn an_expired_order_leaves_the_waiting_queue() {
    let world = world().await;
    let mut decision = world.decided("1", false);
    decision.next.reserved_until = Some(world.stack.now());
    let order = decision.next.allocated(vec![], &String::new(), world.stack.now()).next;
    let entry = WaitingOrder::new(&order, world.tea.clone(), 2, 1, world.stack.deps.store.list_shards());
    world.create(domain::Decision::of(order)).await;
    world.stack.deps.store.put_child(&entry, &Operation::of(&["test"])).await.unwrap();
    world.minutes(1);
    assert_eq!(world.sweep().await.1, []);
    assert_eq!(world.load::<WaitingOrder>(&entry.key()).await, None);
}

/// A payment that begins after `yields` turns of the scheduler, beside a sweep that finds the order due.
async fn race(yields: usize) -> (World, OrderId) {
    let world = world().await;
    let order = world.held_unpaid("1").await;
    world.minutes(30);
    let payment = async {
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        pay(&world, &order).await;
    };
    let ((_, outcome), ()) = tokio::join!(sweep(&world.stack.deps), payment);
    outcome.unwrap();
    // Whoever lost the race is decided anew on what the other left.
    sweep(&world.stack.deps).await.1.unwrap();
    (world, order)
}

#[tokio::test]
async fn a_payment_beside_the_expiry_either_confirms_or_waits_for_a_person() {
    let (mut confirmed, mut late) = (0, 0);
    for yields in 0..24 {
        let (world, order) = race(yields).await;
        let stored = world.stored(&order).await.body;
        let units = world.units().await;
        if stored.reservation_expired {
            late += 1;
            assert_eq!(units, (2, 0), "after {yields}");
            assert_eq!(stored.holds[0].reason, HoldReason::InventoryOutOfStock);
        } else {
            confirmed += 1;
            assert_eq!(units, (0, 2), "after {yields}");
            assert!(stored.holds.is_empty());
        }
    }
    assert!(confirmed > 0 && late > 0, "{confirmed} confirmed, {late} late");
}

#[tokio::test]
async fn an_expiry_whose_answer_was_lost_counts_once() {
    let faults = Arc::new(LostAnswers::default());
    let world = world_of(Stack::builder().faults(faults.clone())).await;
    let order = world.held_unpaid("1").await;
    world.minutes(30);
    faults.arm(&["TransactWriteItems"], 1);
    let _ = Sweeper.scheduled(&world.stack.deps).await;
    assert_eq!(faults.left(), 0, "an answer was lost");
    Sweeper.scheduled(&world.stack.deps).await.unwrap();
    assert_eq!(world.units().await, (2, 0));
    let expired = world.stored(&order).await.body.history.0.into_iter().filter(|e| e.event == "reservation_expired");
    assert_eq!(expired.count(), 1);
}
