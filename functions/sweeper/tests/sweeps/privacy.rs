//! Erasure: class by class when the last hold has passed, whole though it crashes, and for good.

use crate::world::{World, world, world_of};
use domain::address::Person;
use domain::aggregate::Actor;
use domain::lot_record::LotRecord;
use domain::order::receive::content_digest;
use domain::order::{AllocatedGoods, DeliveryState, FulfilmentState, MoneyState, Order};
use domain::privacy::{
    DataClass, ErasureState, InvoiceHold, LegalHoldReason, PersonalData, PrivacyKind, PrivacyOrigin, PrivacyRequest,
    PrivacyState,
};
use domain::recall::Recall;
use domain::returns::{Return, ReturnState};
use domain::shipment::ShipmentState;
use domain::stock::Lot;
use domain::{Decision, OrderId, PrivacyRequestId, RecallId, ReturnId};
use platform::documents::document_key;
use platform::items::{PersonRecord, lot_key, order_key, person_key, persons_prefix, privacy_request_key, return_key};
use platform::{Operation, Table};
use serde_json::json;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use testkit::Stack;
use testkit::connector::{Call, Fault, Faults, Service};

fn who() -> Actor {
    Actor { person: "clerk".to_owned(), station: "DESK".to_owned() }
}

/// An order whose parcel was delivered, with everything that is personal.
async fn delivered(world: &World, number: &str) -> OrderId {
    let id = world.allocated(number, None).await;
    world.create(Decision::of(world.shipment(&id, ShipmentState::HandedOver))).await;
    let now = world.stack.now();
    world
        .change(&order_key(&id), number, |order: &Order| {
            let mut decision = order.handed_over(1, now).next.parcel_moved(1, DeliveryState::Delivered, now);
            decision.next.fulfilment = FulfilmentState::Fulfilled;
            decision.next.content = content_digest(number, "{}");
            decision
        })
        .await;
    // One was sent under another body, and refused.
    for content in [content_digest(number, "{}"), content_digest(number, "[]")] {
        let record = PersonRecord {
            order: id.clone(),
            content,
            person: Some(Person { name: "Мария Иванова".to_owned(), ..Person::default() }),
            note: Some("call first".to_owned()),
            raw: PersonRecord::deflate("{\"name\":\"Мария\"}".as_bytes()),
        };
        world.stack.deps.store.create_child(&record, &Operation::of(&["intake"])).await.unwrap();
    }
    for name in ["label-1.pdf", "label-1.zpl", "slip-1.pdf"] {
        let key = document_key(&id, name);
        world.stack.deps.documents.put(&key, "text/plain", b"Maria".to_vec()).await.unwrap();
    }
    id
}

/// An erasure that was confirmed now.
async fn confirmed(world: &World, orders: &[OrderId], invoice: InvoiceHold) -> PrivacyRequestId {
    let id = PrivacyRequestId::derive(&world.merchant, &[&orders[0].to_string()]);
    let (named, now) = ((PrivacyKind::Erasure, PrivacyOrigin::Merchant), world.stack.now());
    let opened = PrivacyRequest::open(id.clone(), named, orders.to_vec(), Some(&who()), now).unwrap();
    world.create(opened.next.confirm(Some(invoice), &who(), now).unwrap()).await;
    for order in orders {
        world.change(&order_key(order), "restrict", |order: &Order| order.restricted(now)).await;
    }
    id
}

async fn request(world: &World, id: &PrivacyRequestId) -> PrivacyRequest {
    world.load::<PrivacyRequest>(&privacy_request_key(id)).await.unwrap().body
}

async fn persons(world: &World, id: &OrderId) -> Vec<PersonRecord> {
    let partition = person_key(id, &world.stored(id).await.body.content).pk;
    let store = &world.stack.deps.store;
    let found = store.query::<PersonRecord>(Table::People, &partition, &persons_prefix(id), 9).await.unwrap();
    found.into_iter().map(|(_, stored)| stored.body).collect()
}

/// How many persons, bodies and documents are left.
async fn left(world: &World, id: &OrderId) -> [usize; 3] {
    let persons = persons(world, id).await;
    let bodies = persons.iter().filter(|record| record.note.is_some() || !record.raw.is_empty()).count();
    let documents = world.stack.deps.documents.keys(id).await.unwrap().len();
    [persons.iter().filter(|record| record.person.is_some()).count(), bodies, documents]
}

async fn hold_of(world: &World, id: &PrivacyRequestId) -> Vec<LegalHoldReason> {
    request(world, id).await.orders[0].holds.iter().map(|hold| hold.reason).collect()
}

#[tokio::test]
async fn what_nothing_holds_is_erased_and_what_is_no_ones_stays_for_the_books() {
    let world = world().await;
    let (id, other) = (delivered(&world, "1").await, delivered(&world, "2").await);
    let request_id = confirmed(&world, std::slice::from_ref(&id), InvoiceHold::KeptElsewhere).await;
    world.sweep().await;
    assert_eq!(left(&world, &id).await, [0, 0, 0], "also of the body that was refused");
    assert_eq!(left(&world, &other).await, [2, 2, 3], "another order's");
    assert_eq!(request(&world, &request_id).await.state, PrivacyState::Restricted, "it is looked for again");
    let order = world.stored(&id).await.body;
    assert_eq!((order.personal_data, order.lines.len()), (Some(PersonalData::Erased), 1));
    world.minutes(14);
    world.sweep().await;
    assert_eq!(request(&world, &request_id).await.state, PrivacyState::Restricted);
    world.minutes(1);
    world.sweep().await;
    let done = request(&world, &request_id).await;
    assert_eq!((done.state, done.next_look_at), (PrivacyState::Erased, None));
    assert_eq!(world.sweep().await.0.looks, 0, "nothing is due any more");
    // The shop's webhook comes once more, with the same body.
    let late = PersonRecord {
        person: Some(Person { name: "Мария".to_owned(), ..Person::default() }),
        ..PersonRecord::erased(&id, &order.content)
    };
    world.stack.deps.store.create_child(&late, &Operation::of(&["intake"])).await.unwrap();
    assert_eq!(left(&world, &id).await, [0, 0, 0]);
}

#[tokio::test]
async fn each_hold_keeps_what_it_is_for_and_ends_with_its_event_or_day() {
    let world = world().await;
    let id = delivered(&world, "1").await;
    let now = world.stack.now();
    let lot = Lot { code: "L7".to_owned(), expiry: None };
    world
        .change(&order_key(&id), "open", |order: &Order| {
            let mut next = order.clone();
            (next.cash_on_delivery_minor, next.money, next.returns) = (Some(1000), MoneyState::Collected, 1);
            let goods = AllocatedGoods { line: 1, sku: world.tea.clone(), lot: Some(lot.clone()), quantity: 2 };
            next.fulfillment_orders[0].goods = vec![goods];
            Decision::of(next)
        })
        .await;
    let unexpected = json!({
        "id": ReturnId::of(&id, 1), "order": id, "number": "#1-R1", "kind": "withdrawal", "state": "in_transit",
        "lines": [], "location": "SOF1", "created_at": now,
    });
    world.create(Decision::of(serde_json::from_value::<Return>(unexpected).unwrap())).await;
    let mut record = LotRecord::new(&world.merchant, &world.tea, lot.clone(), now);
    let recall = RecallId::derive(&world.merchant, &["1"]);
    record.recall = Some(recall.clone());
    world.create(Decision::of(record)).await;
    assert!(world.load::<LotRecord>(&lot_key(&world.merchant, &world.tea, "L7")).await.is_some());
    let mut declared = Recall::declare(recall, (&world.tea, &lot), "mould".to_owned(), now, &who(), now);
    declared.next.next_look_at = None;
    world.create(declared).await;

    use LegalHoldReason as R;
    let until = (now + jiff::SignedDuration::from_hours(400 * 24)).to_zoned(jiff::tz::TimeZone::UTC).date();
    let request_id = confirmed(&world, std::slice::from_ref(&id), InvoiceHold::Until(until)).await;
    world.sweep().await;
    assert_eq!(hold_of(&world, &request_id).await, [R::OpenClaim, R::CashOnDelivery, R::Recall, R::Invoice]);
    assert_eq!(left(&world, &id).await, [2, 2, 3]);

    let closed = |own: &Return| Decision::of(Return { state: ReturnState::Closed, ..own.clone() });
    world.change(&return_key(&ReturnId::of(&id, 1)), "close", closed).await;
    world.minutes(60);
    world.sweep().await;
    assert_eq!(left(&world, &id).await, [2, 0, 3], "the label proves to the carrier what it collected");
    assert_eq!(world.stored(&id).await.body.personal_data, Some(PersonalData::Restricted));
    let paid_out = |order: &Order| Decision::of(Order { money: MoneyState::Remitted, ..order.clone() });
    world.change(&order_key(&id), "paid out", paid_out).await;
    world.minutes(60);
    world.sweep().await;
    assert_eq!(left(&world, &id).await, [2, 0, 0]);
    world.minutes(366 * 24 * 60);
    world.sweep().await;
    assert_eq!((hold_of(&world, &request_id).await, left(&world, &id).await), (vec![R::Invoice], [2, 0, 0]));
    world.minutes(40 * 24 * 60);
    world.sweep().await;
    assert_eq!(left(&world, &id).await, [0, 0, 0]);
    world.minutes(15);
    world.sweep().await;
    assert_eq!(request(&world, &request_id).await.state, PrivacyState::Erased);
}

#[tokio::test]
async fn orders_of_one_request_go_each_in_its_time() {
    let world = world().await;
    let (done, open) = (delivered(&world, "1").await, world.allocated("2", None).await);
    let request_id = confirmed(&world, &[done.clone(), open.clone()], InvoiceHold::KeptElsewhere).await;
    world.sweep().await;
    world.minutes(15);
    world.sweep().await;
    let own = request(&world, &request_id).await;
    let is_erased = |id: &OrderId| own.orders.iter().find(|own| own.order == *id).unwrap().is_erased();
    assert_eq!((own.state, is_erased(&done), is_erased(&open)), (PrivacyState::Restricted, true, false));
    assert_eq!(world.stored(&open).await.body.personal_data, Some(PersonalData::Restricted));
}

/// Lets so many writing calls of an erasure through, and no more.
struct Dies(AtomicU32);

impl Faults for Dies {
    fn before(&self, call: &Call) -> Option<Fault> {
        let is_erasing = match call.service {
            Service::DynamoDb => {
                matches!(call.operation, "PutItem" | "TransactWriteItems")
                    && String::from_utf8_lossy(call.request.body()).contains("erase")
            }
            _ => call.operation == "DeleteObject",
        };
        let spent = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err();
        (is_erasing && spent).then_some(Fault::Connection)
    }

    fn after(&self, _: &Call) -> Option<Fault> {
        None
    }
}

#[tokio::test]
async fn an_erasure_that_dies_anywhere_is_finished_by_a_later_look() {
    let mut held_back = 0;
    for calls in 0..9 {
        let faults = Arc::new(Dies(AtomicU32::new(u32::MAX)));
        let world = world_of(Stack::builder().faults(faults.clone())).await;
        let id = delivered(&world, "1").await;
        let request_id = confirmed(&world, std::slice::from_ref(&id), InvoiceHold::KeptElsewhere).await;
        faults.0.store(calls, Ordering::SeqCst);
        let failed = sweeper::sweep(&world.stack.deps).await.1.is_err();
        held_back += u32::from(failed);
        let own = request(&world, &request_id).await;
        assert_ne!(own.state, PrivacyState::Erased);
        if left(&world, &id).await != [2, 2, 3] {
            assert!(own.orders[0].classes_in(ErasureState::Erasing).eq(DataClass::ALL), "first decided, then done");
        }
        faults.0.store(u32::MAX, Ordering::SeqCst);
        world.minutes(1);
        world.sweep().await;
        assert_eq!(left(&world, &id).await, [0, 0, 0], "{calls} calls");
        world.minutes(16);
        world.sweep().await;
        assert_eq!(request(&world, &request_id).await.state, PrivacyState::Erased, "{calls} calls");
    }
    assert!(held_back >= 5, "it died {held_back} times");
}

#[tokio::test]
async fn what_a_run_wrote_late_is_found_before_erased_is_said() {
    let world = world().await;
    let id = delivered(&world, "1").await;
    let request_id = confirmed(&world, std::slice::from_ref(&id), InvoiceHold::KeptElsewhere).await;
    world.sweep().await;
    let late = document_key(&id, "label-1-late.pdf");
    world.stack.deps.documents.put(&late, "application/pdf", b"Maria".to_vec()).await.unwrap();
    world.minutes(15);
    world.sweep().await;
    assert_eq!(left(&world, &id).await, [0, 0, 0]);
    assert_eq!(request(&world, &request_id).await.state, PrivacyState::Restricted, "it waits anew");
    world.minutes(15);
    world.sweep().await;
    assert_eq!(request(&world, &request_id).await.state, PrivacyState::Erased);
}

/// Changes something right before an erasure is decided, once.
#[derive(Default)]
struct Meddles(OnceLock<Box<dyn Fn() + Send + Sync>>, AtomicU32);

impl Faults for Meddles {
    fn before(&self, call: &Call) -> Option<Fault> {
        let decides =
            call.operation == "TransactWriteItems" && String::from_utf8_lossy(call.request.body()).contains("erase");
        if let Some(change) = self.0.get().filter(|_| decides)
            && self.1.fetch_add(1, Ordering::SeqCst) == 0
        {
            change();
        }
        None
    }

    fn after(&self, _: &Call) -> Option<Fault> {
        None
    }
}

#[tokio::test]
async fn what_is_opened_while_the_look_decides_keeps_what_it_needs() {
    let meddles = Arc::new(Meddles::default());
    let world = world_of(Stack::builder().faults(meddles.clone())).await;
    let id = delivered(&world, "1").await;
    let request_id = confirmed(&world, std::slice::from_ref(&id), InvoiceHold::KeptElsewhere).await;
    let key = order_key(&id);
    let change = json!({
        "TableName": "orders", "Key": {"pk": {"S": key.pk}, "sk": {"S": key.sk}},
        "UpdateExpression": "SET version = version + :one, fulfilment = :open",
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":open": {"S": "in_progress"}},
    });
    let engine = world.stack.engine.clone();
    let change = move || {
        let answer = engine.dynamodb().call("UpdateItem", change.to_string().as_bytes());
        assert!(answer.status().is_success(), "{}", String::from_utf8_lossy(answer.body()));
    };
    assert!(meddles.0.set(Box::new(change)).is_ok());
    world.sweep().await;
    assert_eq!(left(&world, &id).await, [2, 2, 3]);
    assert_eq!(world.stored(&id).await.body.personal_data, Some(PersonalData::Restricted));
    world.minutes(1);
    world.sweep().await;
    assert_eq!(hold_of(&world, &request_id).await, [LegalHoldReason::OpenWork]);
    assert_eq!((left(&world, &id).await, meddles.1.load(Ordering::SeqCst)), ([2, 2, 3], 1));
}
