//! From the streams into the ledgers.

use domain::stock::{ActivityFact, MovementKind, StockChange, Term};
use domain::{Decision, LocationId, MerchantId, MessageKind, ReceiptId, Sku};
use facts::Facts;
use platform::items::{
    FACT_SHARDS, Receipt, StockTerms, StoredFacts, StoredMovement, WaitingOrder, facts_partition, movements_partition,
};
use platform::stream::StreamRecord;
use platform::{Deps, Failure, Function, Operation, Table};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use testkit::Stack;
use testkit::connector::{Call, Fault, Faults, Service};

struct World {
    stack: Stack,
    merchant: MerchantId,
    tea: Sku,
    cup: Sku,
    sofia: LocationId,
    varna: LocationId,
}

async fn world_of(stack: Stack) -> World {
    let merchant = stack.merchant("acme").await;
    let (tea, cup) = (stack.item(&merchant, "TEA").await, stack.item(&merchant, "CUP").await);
    let (sofia, varna) = (stack.location(&merchant, "SOF1").await, stack.location(&merchant, "VAR1").await);
    World { stack, merchant, tea, cup, sofia, varna }
}

async fn world() -> World {
    world_of(Stack::new()).await
}

impl World {
    async fn copy(&self, records: &[StreamRecord]) -> Result<(), Failure> {
        Facts.records(&self.stack.deps, records.iter().cloned().map(Ok).collect()).await
    }

    async fn movements(&self, sku: &Sku, location: &LocationId) -> Vec<StoredMovement> {
        let partition = movements_partition(&self.merchant, sku, location);
        query(&self.stack.deps, &partition).await
    }

    async fn facts(&self) -> Vec<StoredFacts> {
        let day = self.stack.now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut found = Vec::new();
        for shard in 0..FACT_SHARDS {
            found.extend(query(&self.stack.deps, &facts_partition(&self.merchant, day, shard)).await);
        }
        found
    }

    fn published(&self) -> Vec<String> {
        let messages = self.stack.drain("fulfilments").into_iter();
        messages
            .map(|(body, _)| format!("{} {}", body["merchant"].as_str().unwrap(), body["sku"].as_str().unwrap()))
            .collect()
    }

    /// A receipt with an activity fact, as goods come in at the dock.
    async fn receive(&self, number: &str, quantity: u32) {
        let id = ReceiptId::derive(&self.merchant, &["test", number]);
        let movement = domain::stock::Movement::new(
            MovementKind::Receipt,
            quantity,
            None,
            Some(Term::Available),
            id.as_str(),
            self.stack.now(),
        );
        let receipt = Receipt {
            id: id.clone(),
            sku: self.tea.clone(),
            location: self.sofia.clone(),
            movement: movement.clone(),
            reference: None,
        };
        let fact = ActivityFact {
            activity: "receive".into(),
            quantity,
            unit: "unit".into(),
            cause: id.to_string(),
            at: self.stack.now(),
            actor: None,
        };
        let change = StockChange::add(&self.tea, &self.sofia, quantity, Term::Available).moved([movement]);
        let decision = Decision::of(receipt).with_stock([change]).with_facts([fact]);
        self.stack.deps.store.create(&Operation::of(&["test", number]), decision).await.unwrap();
    }

    /// A change of the tea's level in Sofia that some receipt causes.
    async fn shift(&self, name: &str, change: StockChange) {
        let id = ReceiptId::derive(&self.merchant, &["test", name]);
        let movement = domain::stock::Movement::new(MovementKind::Pick, 1, None, None, id.as_str(), self.stack.now());
        let receipt = Receipt { id, sku: self.tea.clone(), location: self.sofia.clone(), movement, reference: None };
        let decision = Decision::of(receipt).with_stock([change]);
        self.stack.deps.store.create(&Operation::of(&["test", name]), decision).await.unwrap();
    }
}

async fn query<T: platform::Stored>(deps: &Deps, partition: &str) -> Vec<T> {
    let found = deps.store.query::<T>(Table::Movements, partition, "", 1000).await.unwrap();
    found.into_iter().map(|(_, stored)| stored.body).collect()
}

#[tokio::test]
async fn movements_and_facts_are_copied_once_even_when_records_repeat() {
    let world = world().await;
    world.receive("1", 5).await;
    let records = world.stack.stream_records();
    for _ in 0..2 {
        world.copy(&records).await.unwrap();
    }
    world.copy(&[records.clone(), records].concat()).await.unwrap();
    let movements = world.movements(&world.tea, &world.sofia).await;
    assert_eq!(movements.len(), 1);
    let movement = &movements[0].movement;
    assert_eq!((movement.kind, movement.quantity, movement.to), (MovementKind::Receipt, 5, Some(Term::Available)));
    let facts = world.facts().await;
    assert_eq!(facts.len(), 1);
    assert_eq!((facts[0].facts[0].activity.as_str(), facts[0].facts[0].quantity), ("receive", 5));
}

#[tokio::test]
async fn every_operation_has_an_entry_of_its_own() {
    let world = world().await;
    // More than one request to the ledger takes.
    for number in 0..30 {
        world.receive(&number.to_string(), 1).await;
    }
    world.copy(&world.stack.stream_records()).await.unwrap();
    assert_eq!(world.movements(&world.tea, &world.sofia).await.len(), 30);
    assert_eq!(world.facts().await.len(), 30);
}

#[tokio::test]
async fn stock_is_published_once_for_each_item_of_a_batch() {
    let world = world().await;
    for location in [&world.sofia, &world.varna, &world.sofia] {
        world.stack.stock(&world.merchant, &world.tea, location, 5).await;
    }
    world.stack.stock(&world.merchant, &world.cup, &world.sofia, 5).await;
    let rival = world.stack.merchant("rival").await;
    let (theirs, there) = (world.stack.item(&rival, "TEA").await, world.stack.location(&rival, "SOF1").await);
    world.stack.stock(&rival, &theirs, &there, 5).await;
    world.copy(&world.stack.stream_records()).await.unwrap();
    let mut published = world.published();
    published.sort();
    let mut expect = vec![format!("{} CUP", world.merchant), format!("{} TEA", world.merchant), format!("{rival} TEA")];
    expect.sort();
    assert_eq!(published, expect);
    assert_eq!(world.movements(&world.tea, &world.sofia).await.len(), 2);
}

#[tokio::test]
async fn only_what_changes_the_sellable_quantity_is_published() {
    let world = world().await;
    world.receive("1", 5).await;
    world.shift("reserve", StockChange::reserve(&world.tea, &world.sofia, 2)).await;
    let _ = world.stack.stream_records();
    world.shift("pick", StockChange::shift(&world.tea, &world.sofia, 2, Term::Reserved, Term::Picked)).await;
    world.copy(&world.stack.stream_records()).await.unwrap();
    assert_eq!(world.published(), Vec::<String>::new(), "picked units were promised before");
    world.shift("release", StockChange::reserve(&world.tea, &world.sofia, 1)).await;
    world.copy(&world.stack.stream_records()).await.unwrap();
    assert_eq!(world.published(), [format!("{} TEA", world.merchant)]);
}

#[tokio::test]
async fn units_that_were_handed_over_are_reason_for_a_look_at_the_reorder_point() {
    let world = world().await;
    world.receive("1", 5).await;
    world.shift("pick", StockChange::shift(&world.tea, &world.sofia, 5, Term::Available, Term::Picked)).await;
    let _ = world.stack.stream_records();
    let shipped = |kind| {
        let movement = domain::stock::Movement::new(kind, 1, Some(Term::Picked), None, "shp", world.stack.now());
        StockChange::remove(&world.tea, &world.sofia, 1, Term::Picked).moved([movement])
    };
    let kinds = || -> Vec<String> {
        let messages = world.stack.drain("fulfilments").into_iter();
        messages
            .map(|(body, _)| format!("{} {}", body["kind"].as_str().unwrap(), body["sku"].as_str().unwrap()))
            .collect()
    };
    world.shift("lost", shipped(MovementKind::WriteOff)).await;
    world.copy(&world.stack.stream_records()).await.unwrap();
    assert_eq!(kinds(), Vec::<String>::new());
    world.shift("ship", shipped(MovementKind::Ship)).await;
    world.shift("ship again", shipped(MovementKind::Ship)).await;
    world.copy(&world.stack.stream_records()).await.unwrap();
    assert_eq!(kinds(), ["review_stock TEA"]);
    world.shift("ship once more", shipped(MovementKind::Ship)).await;
    world.receive("2", 5).await;
    world.copy(&world.stack.stream_records()).await.unwrap();
    assert_eq!(kinds(), ["publish_stock TEA"], "which looks at it too");
}

#[tokio::test]
async fn an_order_that_waits_or_waits_no_longer_and_terms_that_changed_are_published() {
    let world = world().await;
    let order = domain::OrderId::derive(&world.merchant, &["api", "1"]);
    let waiting =
        WaitingOrder { sku: world.tea.clone(), order, rank: "0001#1".to_owned(), units: 2, since: 1, shard: 1 };
    let store = &world.stack.deps.store;
    store.enter_waiting(&waiting).await.unwrap();
    world.copy(&world.stack.stream_records()).await.unwrap();
    assert_eq!(world.published(), [format!("{} TEA", world.merchant)]);
    store.leave_waiting(&waiting, 1).await.unwrap();
    world.copy(&world.stack.stream_records()).await.unwrap();
    assert_eq!(world.published(), [format!("{} TEA", world.merchant)], "its removal has no image");
    let terms = StockTerms { merchant: world.merchant.clone(), sku: world.cup.clone(), change: "1".to_owned() };
    store.put_child(&terms, &Operation::of(&["test", "terms"])).await.unwrap();
    world.copy(&world.stack.stream_records()).await.unwrap();
    assert_eq!(world.published(), [format!("{} CUP", world.merchant)]);
}

#[tokio::test]
async fn an_unreadable_record_goes_to_the_dead_letters_while_its_neighbours_are_copied() {
    let world = world().await;
    world.receive("1", 5).await;
    let mut records = world.stack.stream_records();
    let mut broken = records.iter().find(|record| record.text("movement").is_some()).unwrap().clone();
    let image = broken.image.as_mut().unwrap();
    // The keys name another level, so that nothing of this one is copied in its place.
    broken.sk = "level#VAR1".to_owned();
    *image.get_mut("movement").unwrap() = image["pk"].clone();
    records.insert(0, broken);
    world.copy(&records).await.unwrap();
    assert_eq!(world.movements(&world.tea, &world.sofia).await.len(), 1);
    assert_eq!(world.movements(&world.tea, &world.varna).await.len(), 0);
    let letters = world.stack.drain("facts-dead-letters");
    assert_eq!(letters.len(), 1);
    assert!(
        letters[0].0.as_str().is_some_and(|body| body.contains("level#VAR1") && body.contains("movement")),
        "{letters:?}"
    );
}

#[tokio::test]
async fn a_record_that_is_no_record_is_kept_too() {
    let world = world().await;
    let event = json!({ "Records": [{ "eventSource": "aws:dynamodb", "dynamodb": { "Keys": 7 } }] });
    let answer = platform::function::handle(&Facts, &world.stack.deps, event).await.unwrap();
    assert_eq!(answer, Value::Null);
    assert_eq!(world.stack.drain("facts-dead-letters").len(), 1);
}

/// DynamoDB takes no batch, for the first `n` requests.
struct Refuses(AtomicU32);

impl Faults for Refuses {
    fn before(&self, call: &Call) -> Option<Fault> {
        let is_batch = call.service == Service::DynamoDb && call.operation == "BatchWriteItem";
        let refused =
            is_batch && self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        refused.then_some(Fault::Connection)
    }
}

#[tokio::test]
async fn a_ledger_that_takes_nothing_fails_the_invocation_and_the_batch_comes_again() {
    let world = world_of(Stack::builder().faults(Arc::new(Refuses(AtomicU32::new(3)))).build()).await;
    world.receive("1", 5).await;
    let records = world.stack.stream_records();
    assert!(matches!(world.copy(&records).await, Err(Failure::Unavailable { .. })));
    assert_eq!(world.published(), Vec::<String>::new(), "the shops hear after the ledger has it");
    world.copy(&records).await.unwrap();
    assert_eq!(world.movements(&world.tea, &world.sofia).await.len(), 1);
    assert_eq!(world.published().len(), 1);
}

#[tokio::test]
async fn a_message_of_another_queue_is_poison() {
    let world = world().await;
    let order = domain::OrderId::derive(&world.merchant, &["api", "1"]);
    let message = MessageKind::Reserve { order }.for_merchant(&world.merchant, "x");
    assert!(matches!(Facts.message(&world.stack.deps, message).await, Err(Failure::Malformed(_))));
}
