//! The recall of a lot: what has not left is stopped, and everybody who has units is listed.

use crate::world::{World, world};
use domain::aggregate::Actor;
use domain::lot_record::LotRecord;
use domain::order::{AllocatedGoods, FulfillmentOrderStatus, HoldReason, Order};
use domain::pick_task::{PickTask, PickTaskState};
use domain::recall::{Recall, RecallState, RecalledAt, RecalledUnits};
use domain::stock::{LevelId, Lot, Movement, MovementKind, StockChange, Term};
use domain::{Decision, OrderId, PickTaskId, RecallId};
use platform::items::{RECALLED_PREFIX, StoredMovement, lot_key, order_key, recall_key, recall_partition};
use platform::{Operation, Step, Table};
use std::collections::BTreeMap;

fn level(world: &World) -> LevelId {
    let lot = Some(Lot { code: "L7".to_owned(), expiry: None });
    LevelId { sku: world.tea.clone(), location: world.sofia.clone(), lot }
}

async fn post(world: &World, change: StockChange) {
    world.stack.change_level(&world.merchant, change.of_lot(level(world).lot)).await;
}

/// An allocated order of two units of the lot.
async fn order(world: &World, number: &str, status: FulfillmentOrderStatus, task: Option<PickTaskState>) -> OrderId {
    let id = world.allocated(number, None).await;
    let lot = level(world).lot;
    world
        .change(&order_key(&id), number, |order: &Order| {
            let mut next = order.clone();
            let goods = AllocatedGoods { line: 1, sku: world.tea.clone(), lot: lot.clone(), quantity: 2 };
            next.fulfillment_orders[0].goods = vec![goods];
            next.fulfillment_orders[0].status = status;
            Decision::of(next)
        })
        .await;
    if let Some(state) = task {
        let stored = world.stored(&id).await.body;
        let made = PickTask::create(&stored, &stored.fulfillment_orders[0], &BTreeMap::new(), world.stack.now());
        let mut task = made.unwrap().next;
        task.state = state;
        world.create(Decision::of(task)).await;
    }
    id
}

/// The ledger's entry of a movement of the lot.
async fn moved(world: &World, kind: MovementKind, cause: &str) {
    let LevelId { sku, location, lot } = level(world);
    let movement = Movement::new(kind, 2, None, None, cause, world.stack.now());
    let merchant = world.merchant.clone();
    let entry = StoredMovement { merchant, sku, location, lot, operation: cause.to_owned(), index: 0, movement };
    world.stack.deps.store.put_all(Table::Movements, &[entry]).await.unwrap();
}

async fn declare(world: &World) -> RecallId {
    let id = RecallId::derive(&world.merchant, &["1"]);
    let record = world.load::<LotRecord>(&lot_key(&world.merchant, &world.tea, "L7")).await.unwrap();
    let actor = Actor { person: "badge-1".to_owned(), station: "DESK-1".to_owned() };
    let (now, LotRecord { sku, lot, first_received_at, .. }) = (world.stack.now(), &record.body);
    let decision = Recall::declare(id.clone(), (sku, lot), "mould".to_owned(), *first_received_at, &actor, now);
    let operation = Operation::of(&["test", "recall"]);
    let store = &world.stack.deps.store;
    let recalled = Decision::of(record.body.recalled(&id).unwrap());
    let also = store.write_of(Some(&record), recalled, &operation).unwrap().0;
    store.create(&operation, Step { decision, also }).await.unwrap();
    id
}

async fn state(world: &World, recall: &RecallId) -> RecallState {
    world.load::<Recall>(&recall_key(recall)).await.unwrap().body.state
}

async fn units(world: &World) -> [i64; 4] {
    let level = world.stack.level_of(&world.merchant, &level(world)).await;
    assert!(level.is_sound(), "{level:?}");
    [Term::Available, Term::Reserved, Term::Picked, Term::Recalled].map(|term| level.get(term))
}

#[tokio::test]
async fn what_has_not_left_is_stopped_and_all_who_have_units_are_listed() {
    use FulfillmentOrderStatus as F;
    let world = world().await;
    world.stack.stock_of(&world.merchant, &level(&world), 10).await;
    let (tea, sofia) = (&world.tea, &world.sofia);
    world.minutes(1);
    let promised = order(&world, "1", F::Open, Some(PickTaskState::Released)).await;
    let packed = order(&world, "2", F::Open, Some(PickTaskState::Packed)).await;
    let gone = order(&world, "3", F::Closed, None).await;
    let other = world.allocated("4", Some(PickTaskState::Released)).await;
    post(&world, StockChange::reserve(tea, sofia, 4)).await;
    post(&world, StockChange::shift(tea, sofia, 2, Term::Reserved, Term::Picked)).await;
    moved(&world, MovementKind::Ship, PickTaskId::of(&gone, 1).shipment().as_str()).await;
    let recall = declare(&world).await;
    world.sweep().await;
    assert_eq!((state(&world, &recall).await, units(&world).await), (RecallState::Stopped, [0, 2, 2, 6]));
    world.minutes(3);
    world.sweep().await;
    assert_eq!(state(&world, &recall).await, RecallState::Stopped, "the packed units are not accounted for yet");
    moved(&world, MovementKind::Pick, PickTaskId::of(&packed, 1).as_str()).await;
    world.minutes(1);
    world.sweep().await;
    assert_eq!(state(&world, &recall).await, RecallState::Listed);
    let partition = recall_partition(&recall);
    let listed = world.stack.deps.store.query::<RecalledUnits>(Table::Stock, &partition, RECALLED_PREFIX, 99).await;
    let mut listed: Vec<_> =
        listed.unwrap().into_iter().map(|(_, entry)| (entry.body.order, entry.body.units, entry.body.at)).collect();
    listed.sort();
    let (here, away) = (RecalledAt::Warehouse, RecalledAt::HandedOver);
    let mut expect = vec![(promised.clone(), 2, here), (packed.clone(), 2, here), (gone.clone(), 2, away)];
    expect.sort();
    assert_eq!(listed, expect);
    for (order, held) in [(&promised, true), (&packed, true), (&gone, false), (&other, false)] {
        let holds = world.stored(order).await.body.holds;
        assert_eq!(holds.iter().any(|hold| hold.reason == HoldReason::ComplianceBlock), held, "{holds:?}");
    }
    // One order is cancelled, and its units come back to the shelf.
    post(&world, StockChange::release(tea, sofia, 2)).await;
    world.minutes(1);
    world.sweep().await;
    assert_eq!((state(&world, &recall).await, units(&world).await), (RecallState::Listed, [0, 0, 2, 8]));
    post(&world, StockChange::remove(tea, sofia, 2, Term::Picked)).await;
    world.minutes(1);
    world.sweep().await;
    assert_eq!(state(&world, &recall).await, RecallState::Closed);
    assert!(world.load::<Recall>(&recall_key(&recall)).await.unwrap().body.next_look_at.is_none());
}
