//! Booking over the real SDK, the in-process engine, and a carrier that counts what it sells.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod carrier;

use carrier::{Answer, Carrier, Crash, LostAnswers, URL};
use carrier_booking::CarrierBooking;
use domain::aggregate::Actor;
use domain::order::{Hold, HoldReason, Order};
use domain::returns::Return;
use domain::shipment::{Leg, Shipment, ShipmentState};
use domain::stock::Term;
use domain::tracker::Tracker;
use domain::tracking_status::{TrackingEvent, TrackingStatus};
use domain::{Decision, MerchantId, Message, MessageKind, ReturnId, ShipmentId};
use platform::items::{order_key, pick_task_key, shipment_key, tracker_key};
use platform::{Failure, Function, Operation, Versioned};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use testkit::Stack;
use testkit::connector::Faults;
use testkit::parcel::PackedParcel;

struct World {
    stack: Stack,
    merchant: MerchantId,
    parcel: PackedParcel,
}

async fn world(carrier: &Carrier) -> World {
    world_with(carrier, None, None).await
}

async fn world_with(carrier: &Carrier, faults: Option<Arc<dyn Faults>>, cash: Option<i64>) -> World {
    let mut builder = Stack::builder().partner(URL, carrier.handler());
    if let Some(faults) = faults {
        builder = builder.faults(faults);
    }
    let stack = builder.build();
    let merchant = stack.merchant("acme").await;
    stack.carrier_account(&merchant, URL).await;
    let parcel = stack.packed_parcel_with(&merchant, "1001", cash).await;
    World { stack, merchant, parcel }
}

impl World {
    fn message(&self, kind: MessageKind) -> Message {
        kind.for_merchant(&self.merchant, &self.parcel.order)
    }

    fn id(&self) -> ShipmentId {
        self.parcel.task.shipment()
    }

    async fn run(&self, kind: MessageKind) -> Result<(), Failure> {
        CarrierBooking.message(&self.stack.deps, self.message(kind)).await
    }

    async fn book(&self) -> Result<(), Failure> {
        self.run(MessageKind::Book { task: self.parcel.task.clone() }).await
    }

    async fn void(&self) -> Result<(), Failure> {
        self.run(MessageKind::Void { shipment: self.id() }).await
    }

    async fn reconcile(&self) -> Result<(), Failure> {
        self.run(MessageKind::Reconcile { shipment: self.id() }).await
    }

    /// Runs the message until it is done, as the queue does: later, when it says when.
    async fn until_done(&self, kind: MessageKind) {
        for _ in 0..12 {
            match self.run(kind.clone()).await {
                Ok(()) | Err(Failure::Indeterminate(_) | Failure::Rejected(_)) => return,
                Err(Failure::Unavailable { after, .. }) => {
                    self.stack.clock.advance(after.unwrap_or(Duration::from_secs(1)))
                }
                Err(other) => panic!("{other}"),
            }
        }
        panic!("the message is never done");
    }

    /// Runs everything that the commits asked `carrier-booking` for, and what follows from that.
    async fn settle(&self) {
        for _ in 0..5 {
            for message in self.stack.outbox() {
                if message.kind.queue() == domain::Queue::Bookings {
                    self.until_done(message.kind).await;
                }
            }
        }
    }

    async fn stored(&self) -> Option<Versioned<Shipment>> {
        self.stack.deps.store.load(&shipment_key(&self.id())).await.unwrap()
    }

    async fn shipment(&self) -> Shipment {
        self.stored().await.expect("a shipment").body
    }

    async fn tracker(&self, number: &str) -> Option<Tracker> {
        let key = tracker_key(&Stack::carrier_account_id(&self.merchant), number);
        self.stack.deps.store.load(&key).await.unwrap().map(|stored| stored.body)
    }

    async fn change_order(&self, name: &str, change: impl Fn(&mut Order)) {
        let key = order_key(&self.parcel.order);
        let operation = Operation::of(&["test", name]);
        let changed = self.stack.deps.store.change(&key, &operation, async |loaded: Option<&Versioned<Order>>| {
            let mut next = loaded.unwrap().body.clone();
            change(&mut next);
            Ok::<_, Failure>(Decision::of(next))
        });
        changed.await.unwrap();
    }

    async fn hand_over(&self) {
        let actor = Actor { person: "badge-9".into(), station: "DOCK".into() };
        let key = shipment_key(&self.id());
        let operation = Operation::of(&["test", "close-out"]);
        let changed = self.stack.deps.store.change(&key, &operation, async |loaded: Option<&Versioned<Shipment>>| {
            Ok::<_, Failure>(loaded.unwrap().body.hand_over(&actor, self.stack.now())?)
        });
        changed.await.unwrap();
    }
}

fn kinds(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| serde_json::to_value(message).unwrap()["kind"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn a_packed_parcel_gets_its_label_its_documents_and_its_tracker() {
    let carrier = Carrier::new();
    let world = world_with(&carrier, None, Some(2000)).await;
    world.book().await.unwrap();
    let shipment = world.shipment().await;
    assert_eq!(shipment.state, ShipmentState::LabelPurchased);
    assert_eq!(shipment.cash_on_delivery_minor, Some(2000));
    let label = shipment.label.clone().unwrap();
    assert_eq!((label.tracking_number.as_str(), label.cost.amount_minor), ("T-c1", 450));
    assert!(label.pdf_key.starts_with(&format!("orders/{}/label-1-", world.parcel.order)), "{}", label.pdf_key);
    let documents = &world.stack.deps.documents;
    assert_eq!(documents.get(&label.pdf_key).await.unwrap().unwrap(), b"pdf of c1");
    assert_eq!(documents.get(&label.zpl_key).await.unwrap().unwrap(), b"^XAc1^XZ");
    assert_eq!(world.tracker("T-c1").await.unwrap().shipment, Some(world.id()));
    let sent = &carrier.sold()[0].request;
    assert_eq!(sent["reference"], world.id().as_str());
    assert_eq!(sent["recipient"]["name"], "Иван Петров");
    assert_eq!(sent["parcel"]["weight_grams"], 500);
    assert_eq!(sent["cash_on_delivery"]["amount_minor"], 2000);
    assert_eq!(sent["contents"], "2 × TEA");
    let facts = world.stack.stream_records().iter().filter(|record| record.text("facts").is_some()).count();
    assert_eq!(facts, 1, "one label is one activity");
}

#[tokio::test]
async fn a_repeated_message_buys_nothing_more_and_changes_nothing() {
    let carrier = Carrier::new();
    let world = world(&carrier).await;
    world.book().await.unwrap();
    let first = world.stored().await.unwrap();
    for _ in 0..3 {
        world.book().await.unwrap();
        world.reconcile().await.unwrap();
    }
    assert_eq!(carrier.purchases(), 1);
    assert_eq!(world.stored().await.unwrap(), first);
}

#[tokio::test]
async fn a_time_out_after_the_purchase_never_leads_to_a_second_label() {
    let carrier = Carrier::new();
    let world = world_with(&carrier, Some(Arc::new(LostAnswers(AtomicU64::new(1)))), None).await;
    assert!(matches!(world.book().await, Err(Failure::Indeterminate(_))));
    let parked = world.shipment().await;
    assert_eq!(parked.state, ShipmentState::BookingUnknown);
    assert!(parked.reconcile_due_at().is_some(), "the sweeper asks for it");
    for _ in 0..3 {
        world.book().await.unwrap();
    }
    world.reconcile().await.unwrap();
    assert_eq!((carrier.purchases(), carrier.live().len()), (1, 1));
    let shipment = world.shipment().await;
    assert_eq!(shipment.state, ShipmentState::LabelPurchased);
    let label = shipment.label.unwrap();
    assert_eq!(label.tracking_number, "T-c1");
    assert!(world.stack.deps.documents.get(&label.pdf_key).await.unwrap().is_some(), "its bytes were fetched");
    assert!(world.tracker("T-c1").await.is_some());
}

#[tokio::test]
async fn a_server_error_after_the_purchase_is_looked_up_too() {
    let carrier = Carrier::answering([Answer::SoldThen500]);
    let world = world(&carrier).await;
    assert!(matches!(world.book().await, Err(Failure::Indeterminate(_))));
    world.reconcile().await.unwrap();
    assert_eq!((carrier.purchases(), world.shipment().await.state), (1, ShipmentState::LabelPurchased));
}

#[tokio::test]
async fn of_several_labels_under_one_reference_one_is_kept() {
    let carrier = Carrier::answering([Answer::SoldTwice]);
    let world = world(&carrier).await;
    assert!(matches!(world.book().await, Err(Failure::Indeterminate(_))));
    world.reconcile().await.unwrap();
    world.settle().await;
    let shipment = world.shipment().await;
    assert_eq!(carrier.sold().len(), 2);
    assert_eq!(carrier.live().len(), 1);
    assert_eq!(carrier.live()[0].id, shipment.label.unwrap().carrier_shipment_id);
    assert!(shipment.surplus.is_empty());
}

#[tokio::test]
async fn a_throttled_purchase_is_repeated_after_the_time_that_the_carrier_asks_for() {
    let carrier = Carrier::answering([Answer::Throttled]);
    let world = world(&carrier).await;
    match world.book().await {
        Err(Failure::Unavailable { after, .. }) => assert_eq!(after, Some(Duration::from_secs(7))),
        other => panic!("{other:?}"),
    }
    world.book().await.unwrap();
    let shipment = world.shipment().await;
    assert_eq!((carrier.purchases(), carrier.live().len(), shipment.attempts), (2, 1, 2));
}

#[tokio::test]
async fn a_refused_booking_waits_for_a_person_and_is_repeated_by_one() {
    let carrier = Carrier::answering([Answer::Refused]);
    let world = world(&carrier).await;
    world.book().await.unwrap();
    let refused = world.shipment().await;
    assert_eq!(refused.state, ShipmentState::BookingRefused);
    assert!(refused.reason.unwrap().contains("recipient.city"));
    world.book().await.unwrap();
    assert_eq!(carrier.purchases(), 1, "no message books it again");
    let actor = Actor { person: "badge-1".into(), station: "DESK".into() };
    let operation = Operation::of(&["test", "retry"]);
    let key = shipment_key(&world.id());
    let retried = world.stack.deps.store.change(&key, &operation, async |loaded: Option<&Versioned<Shipment>>| {
        Ok::<_, Failure>(loaded.unwrap().body.retry_booking(&actor, world.stack.now())?)
    });
    retried.await.unwrap();
    world.settle().await;
    assert_eq!((carrier.purchases(), world.shipment().await.state), (2, ShipmentState::LabelPurchased));
}

#[tokio::test]
async fn an_order_on_hold_or_without_carrier_account_waits_for_a_person() {
    let carrier = Carrier::new();
    let world = world(&carrier).await;
    let hold = Hold { reason: HoldReason::IncorrectAddress, note: None };
    world.change_order("hold", |order| order.holds.push(hold.clone())).await;
    world.book().await.unwrap();
    let shipment = world.shipment().await;
    assert_eq!(shipment.state, ShipmentState::BookingRefused);
    assert!(shipment.reason.unwrap().contains("hold"));
    assert_eq!(carrier.purchases(), 0);
}

#[tokio::test]
async fn a_cancelled_order_is_not_booked_and_a_void_before_the_booking_leaves_a_tombstone() {
    let carrier = Carrier::new();
    let world = world(&carrier).await;
    world.change_order("cancel", |order| order.cancel_requested = true).await;
    world.book().await.unwrap();
    assert!(world.stored().await.is_none());
    world.void().await.unwrap();
    assert_eq!(world.shipment().await.state, ShipmentState::Voided);
    assert!(kinds(&world.stack.outbox()).contains(&"cancel_pick_tasks".to_owned()));
    // The cancellation raced with the booking: the tombstone stands.
    world.change_order("uncancel", |order| order.cancel_requested = false).await;
    world.book().await.unwrap();
    assert_eq!((carrier.purchases(), world.shipment().await.state), (0, ShipmentState::Voided));
}

#[tokio::test]
async fn a_void_gives_the_label_back_once() {
    let carrier = Carrier::new();
    let world = world(&carrier).await;
    world.book().await.unwrap();
    drop(world.stack.outbox());
    world.void().await.unwrap();
    world.void().await.unwrap();
    assert_eq!((world.shipment().await.state, carrier.live().len()), (ShipmentState::Voided, 0));
    let told = kinds(&world.stack.outbox());
    assert_eq!(told.iter().filter(|kind| *kind == "cancel_pick_tasks").count(), 1);
    world.book().await.unwrap();
    assert_eq!(carrier.purchases(), 1, "a late booking finds it voided");
}

#[tokio::test]
async fn a_void_of_a_purchase_whose_answer_was_lost_finds_the_label_and_gives_it_back() {
    let carrier = Carrier::new();
    let world = world_with(&carrier, Some(Arc::new(LostAnswers(AtomicU64::new(1)))), None).await;
    assert!(matches!(world.book().await, Err(Failure::Indeterminate(_))));
    world.until_done(MessageKind::Void { shipment: world.id() }).await;
    assert_eq!(
        (world.shipment().await.state, carrier.sold().len(), carrier.live().len()),
        (ShipmentState::Voided, 1, 0)
    );
}

#[tokio::test]
async fn a_label_that_the_carrier_does_not_take_back_is_thrown_away_with_the_reason() {
    let carrier = Carrier::new();
    let world = world(&carrier).await;
    world.book().await.unwrap();
    carrier.refuses_voids();
    world.void().await.unwrap();
    let shipment = world.shipment().await;
    assert_eq!(shipment.state, ShipmentState::Voided);
    assert!(
        shipment.history.0.iter().any(|entry| entry.event == "label_discarded"
            && entry.note.as_deref().is_some_and(|note| note.contains("too_late")))
    );
}

#[tokio::test]
async fn a_void_after_hand_over_changes_nothing_but_tells_the_order() {
    let carrier = Carrier::new();
    let world = world(&carrier).await;
    world.book().await.unwrap();
    world.hand_over().await;
    let level = world.stack.level(&world.merchant, &world.parcel.sku, &world.parcel.location).await;
    assert_eq!((level.get(Term::OnHand), level.get(Term::Picked)), (0, 0));
    drop(world.stack.outbox());
    world.void().await.unwrap();
    assert_eq!((world.shipment().await.state, carrier.live().len()), (ShipmentState::HandedOver, 1));
    assert_eq!(kinds(&world.stack.outbox()), ["shipment_changed"]);
}

#[tokio::test]
async fn tracking_that_came_before_the_booking_is_matched_by_it() {
    let carrier = Carrier::new();
    let world = world(&carrier).await;
    let account = Stack::carrier_account_id(&world.merchant);
    let event = TrackingEvent {
        tracking_number: "T-c1".into(),
        event_id: "e1".into(),
        status: TrackingStatus::Accepted,
        carrier_code: "accepted".into(),
        occurred_at: world.stack.now(),
        reference: None,
    };
    let early = Tracker::new(account, "T-c1", world.stack.now()).event(&event, world.stack.now());
    world.stack.deps.store.create(&Operation::of(&["test", "early"]), early).await.unwrap();
    world.book().await.unwrap();
    let tracker = world.tracker("T-c1").await.unwrap();
    assert_eq!((tracker.status, tracker.shipment), (TrackingStatus::Accepted, Some(world.id())));
    assert_eq!(kinds(&world.stack.outbox()), ["tracker_changed"]);
}

#[tokio::test]
async fn a_message_that_comes_before_its_task_is_visible_comes_again() {
    let carrier = Carrier::new();
    let world = world(&carrier).await;
    let kind = MessageKind::Book { task: world.parcel.task.clone() };
    let early = Message { version: 99, ..world.message(kind) };
    assert!(matches!(CarrierBooking.message(&world.stack.deps, early).await, Err(Failure::Unavailable { .. })));
    assert_eq!(carrier.purchases(), 0);
}

#[tokio::test]
async fn a_return_is_booked_on_its_own_leg_from_the_shopper_to_the_warehouse() {
    let carrier = Carrier::new();
    let world = world(&carrier).await;
    world.book().await.unwrap();
    world.hand_over().await;
    world.change_order("closed", |order| *order = order.handed_over(1, order.created_at).next).await;
    let return_id = ReturnId::of(&world.parcel.order, 1);
    let back: Return = serde_json::from_value(json!({
        "id": return_id, "order": world.parcel.order, "number": "#1001-R1", "kind": "withdrawal", "state": "approved",
        "lines": [{"line": 1, "sku": world.parcel.sku, "quantity": 1}],
        "location": world.parcel.location, "created_at": world.stack.now(),
    }))
    .unwrap();
    world.stack.deps.store.create(&Operation::of(&["test", "return"]), Decision::of(back)).await.unwrap();
    drop(world.stack.outbox());
    let book = MessageKind::BookReturn { return_id: return_id.clone() };
    world.run(book.clone()).await.unwrap();
    world.run(book).await.unwrap();
    assert_eq!(carrier.purchases(), 2, "one outbound, one back");
    let sent = &carrier.sold()[1].request;
    assert_eq!((sent["leg"].as_str(), sent["sender"]["name"].as_str()), (Some("return"), Some("Иван Петров")));
    assert_eq!(sent["recipient"]["line1"], "ул. Склад 1");
    let stored = world.stack.deps.store.load::<Shipment>(&shipment_key(&return_id.shipment())).await.unwrap().unwrap();
    assert_eq!(stored.body.leg, Leg::Return(return_id));
    assert_eq!(stored.body.state, ShipmentState::LabelPurchased);
    assert_eq!(kinds(&world.stack.outbox()), ["return_label_booked"]);
}

#[tokio::test]
async fn whatever_call_a_run_dies_at_the_next_ones_end_with_one_label() {
    // A run without a crash says how many calls there are.
    let calls = {
        let (carrier, crash) = (Carrier::new(), Arc::new(Crash::default()));
        let world = world_with(&carrier, Some(crash.clone()), None).await;
        crash.heal();
        world.book().await.unwrap();
        crash.heal()
    };
    assert!(calls > 8, "{calls}");
    for call in 1..=calls {
        for after in [false, true] {
            let (carrier, crash) = (Carrier::new(), Arc::new(Crash::default()));
            let world = world_with(&carrier, Some(crash.clone()), None).await;
            crash.arm(call, after);
            let died = world.book().await;
            crash.heal();
            let at = format!("call {call}, after {after}: {died:?}");
            world.until_done(MessageKind::Book { task: world.parcel.task.clone() }).await;
            world.settle().await;
            let shipment = world.shipment().await;
            assert_eq!(shipment.state, ShipmentState::LabelPurchased, "{at}");
            assert_eq!((carrier.purchases(), carrier.live().len()), (1, 1), "{at}");
            let label = shipment.label.unwrap();
            assert!(world.stack.deps.documents.get(&label.zpl_key).await.unwrap().is_some(), "{at}");
            assert_eq!(world.tracker("T-c1").await.unwrap().shipment, Some(world.id()), "{at}");
        }
    }
}

#[tokio::test]
async fn whatever_call_a_void_dies_at_the_next_ones_end_without_a_label() {
    let calls = {
        let (carrier, crash) = (Carrier::new(), Arc::new(Crash::default()));
        let world = world_with(&carrier, Some(crash.clone()), None).await;
        world.book().await.unwrap();
        crash.heal();
        world.void().await.unwrap();
        crash.heal()
    };
    for call in 1..=calls {
        for after in [false, true] {
            let (carrier, crash) = (Carrier::new(), Arc::new(Crash::default()));
            let world = world_with(&carrier, Some(crash.clone()), None).await;
            world.book().await.unwrap();
            crash.arm(call, after);
            let died = world.void().await;
            crash.heal();
            world.until_done(MessageKind::Void { shipment: world.id() }).await;
            let at = format!("call {call}, after {after}: {died:?}");
            assert_eq!((world.shipment().await.state, carrier.live().len()), (ShipmentState::Voided, 0), "{at}");
        }
    }
}

#[tokio::test]
async fn a_cancellation_that_races_with_the_booking_ends_without_a_live_label() {
    let carrier = Carrier::new();
    let world = world(&carrier).await;
    let (booked, voided) = tokio::join!(world.book(), world.void());
    drop((booked, voided));
    for _ in 0..3 {
        world.until_done(MessageKind::Book { task: world.parcel.task.clone() }).await;
        world.until_done(MessageKind::Void { shipment: world.id() }).await;
        world.settle().await;
    }
    assert_eq!((world.shipment().await.state, carrier.live().len()), (ShipmentState::Voided, 0));
    assert!(carrier.purchases() <= 1);
}

#[tokio::test]
async fn two_environments_on_the_same_message_buy_one_label() {
    let carrier = Carrier::new();
    let world = world(&carrier).await;
    let runs = tokio::join!(world.book(), world.book(), world.book());
    drop(runs);
    world.until_done(MessageKind::Book { task: world.parcel.task.clone() }).await;
    assert_eq!((carrier.purchases(), carrier.live().len()), (1, 1));
    assert!(
        world
            .stack
            .deps
            .store
            .load::<domain::pick_task::PickTask>(&pick_task_key(&world.parcel.task))
            .await
            .unwrap()
            .is_some()
    );
}

/// As after tables were restored to an instant before the booking: the shipment is not in them.
async fn restored(world: &mut World) {
    let gone = shipment_key(&world.id());
    let deps = &mut world.stack.deps;
    deps.settings = deps.settings.clone().with("ASK_CARRIERS_FIRST", "true");
    deps.store.apply(vec![platform::Write::Delete(gone)]).await.unwrap();
}

#[tokio::test]
async fn a_label_that_was_bought_after_the_restored_instant_is_found_and_not_bought_again() {
    let carrier = Carrier::new();
    let mut world = world(&carrier).await;
    world.book().await.unwrap();
    let before = world.shipment().await.label.unwrap();
    restored(&mut world).await;
    world.book().await.unwrap();
    let found = world.shipment().await;
    assert_eq!(found.state, ShipmentState::LabelPurchased);
    assert_eq!(found.label.unwrap().carrier_shipment_id, before.carrier_shipment_id);
    assert_eq!((carrier.purchases(), carrier.live().len()), (1, 1));
}

#[tokio::test]
async fn of_several_labels_that_a_lost_time_left_one_is_kept_and_the_others_are_given_back() {
    let carrier = Carrier::answering([Answer::SoldTwice]);
    let mut world = world(&carrier).await;
    world.book().await.unwrap_err();
    restored(&mut world).await;
    world.until_done(MessageKind::Book { task: world.parcel.task.clone() }).await;
    world.settle().await;
    assert_eq!(world.shipment().await.state, ShipmentState::LabelPurchased);
    assert_eq!((carrier.purchases(), carrier.live().len()), (1, 1));
}

#[tokio::test]
async fn after_a_restore_what_was_never_bought_is_bought_once() {
    let carrier = Carrier::answering([Answer::Throttled, Answer::SoldThen500]);
    let mut world = world(&carrier).await;
    restored(&mut world).await;
    world.until_done(MessageKind::Book { task: world.parcel.task.clone() }).await;
    // The second answer was lost: found like any other.
    world.until_done(MessageKind::Reconcile { shipment: world.id() }).await;
    world.stack.clock.advance(Duration::from_secs(120));
    world.until_done(MessageKind::Reconcile { shipment: world.id() }).await;
    assert_eq!(world.shipment().await.state, ShipmentState::LabelPurchased);
    assert_eq!(carrier.live().len(), 1);
}
