//! From outboxes to queues.

use domain::{Decision, MerchantId, Message, MessageKind, OrderId, PickTaskId};
use platform::items::IdempotencyRecord;
use platform::store::Outbox;
use platform::stream::StreamRecord;
use platform::{Failure, Function, Operation};
use relay::Relay;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use testkit::Stack;
use testkit::connector::{Call, Fault, Faults, Service};

fn order(merchant: &MerchantId, number: &str) -> OrderId {
    OrderId::derive(merchant, &["api", number])
}

fn reserve(merchant: &MerchantId, number: &str) -> Message {
    let order = order(merchant, number);
    MessageKind::Reserve { order: order.clone() }.for_merchant(merchant, order)
}

/// Commits something with these messages in its outbox.
async fn commit(stack: &Stack, merchant: &MerchantId, name: &str, messages: Vec<Message>) {
    let operation = Operation::of(&["test", name]);
    let record = IdempotencyRecord::new(&operation, &order(merchant, name), stack.now());
    stack.deps.store.create(&operation, Decision::of(record).with_messages(messages)).await.unwrap();
}

fn records(stack: &Stack) -> Vec<Result<StreamRecord, Failure>> {
    stack.stream_records().into_iter().map(Ok).collect()
}

/// Bodies and message groups of a queue.
fn received(stack: &Stack, queue: &str) -> Vec<(Message, Option<String>)> {
    let mut found = Vec::new();
    loop {
        let messages = stack.engine.queues().receive(queue, 10, None).unwrap();
        if messages.is_empty() {
            return found;
        }
        for message in messages {
            stack.engine.queues().delete(queue, &message.receipt_handle).unwrap();
            found.push((serde_json::from_str(&message.body).unwrap(), message.group_id));
        }
    }
}

#[tokio::test]
async fn an_outbox_is_copied_once_with_the_merchant_as_group() {
    let stack = Stack::new();
    let (acme, rival) = (stack.merchant("acme").await, stack.merchant("rival").await);
    commit(&stack, &acme, "1", vec![reserve(&acme, "1")]).await;
    commit(&stack, &rival, "2", vec![reserve(&rival, "2")]).await;
    Relay.records(&stack.deps, records(&stack)).await.unwrap();
    let mut found = received(&stack, "reservations");
    found.sort_by_key(|(message, _)| message.merchant != acme);
    let expect = |message: Message| (Message { version: 1, ..message.clone() }, Some(message.merchant.to_string()));
    assert_eq!(found, [expect(reserve(&acme, "1")), expect(reserve(&rival, "2"))]);
    Relay.records(&stack.deps, records(&stack)).await.unwrap();
    assert_eq!(received(&stack, "reservations"), [], "nothing new was committed");
}

#[tokio::test]
async fn messages_of_one_commit_go_to_the_queues_of_their_readers() {
    let stack = Stack::new();
    let acme = stack.merchant("acme").await;
    let task = PickTaskId::of(&order(&acme, "1"), 1);
    let book = MessageKind::Book { task }.for_merchant(&acme, "x");
    commit(&stack, &acme, "1", vec![reserve(&acme, "1"), book.clone()]).await;
    Relay.records(&stack.deps, records(&stack)).await.unwrap();
    assert_eq!(received(&stack, "reservations").len(), 1);
    assert_eq!(received(&stack, "bookings")[0].0.kind, book.kind);
}

#[tokio::test]
async fn a_batch_of_more_messages_than_one_request_takes_is_sent_whole() {
    let stack = Stack::new();
    let acme = stack.merchant("acme").await;
    let messages = (0..25).map(|number| reserve(&acme, &number.to_string())).collect();
    commit(&stack, &acme, "1", messages).await;
    Relay.records(&stack.deps, records(&stack)).await.unwrap();
    assert_eq!(received(&stack, "reservations").len(), 25);
}

/// The event of a record of the orders' stream whose image has these attributes.
fn event(pk: &str, version: u64, attributes: Value) -> Value {
    let mut image = json!({ "pk": { "S": pk }, "sk": { "S": "order" }, "version": { "N": version.to_string() } });
    image.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    json!({
        "eventID": "1", "eventName": "MODIFY", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "eu-central-1",
        "eventSourceARN": "arn:aws:dynamodb:eu-central-1:000000000000:table/orders/stream/2026-11-02T08:00:00.000",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_793_606_400, "SequenceNumber": "100", "SizeBytes": 10, "StreamViewType": "NEW_IMAGE",
            "Keys": { "pk": { "S": pk }, "sk": { "S": "order" } }, "NewImage": image,
        },
    })
}

fn with_outbox(merchant: &MerchantId, number: &str, item: u64, outbox: u64) -> Value {
    let outbox = Outbox { version: outbox, messages: vec![reserve(merchant, number)] };
    event(&format!("{merchant}#{number}"), item, json!({ "outbox": { "S": serde_json::to_string(&outbox).unwrap() } }))
}

async fn handle(stack: &Stack, records: &[Value]) -> Result<Value, String> {
    let event = json!({ "Records": records });
    platform::function::handle(&Relay, &stack.deps, event).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn an_outbox_that_an_older_commit_left_behind_is_not_sent_again() {
    let stack = Stack::new();
    let acme = stack.merchant("acme").await;
    handle(&stack, &[with_outbox(&acme, "1", 4, 3), with_outbox(&acme, "2", 4, 4)]).await.unwrap();
    let orders: Vec<_> = received(&stack, "reservations").into_iter().map(|(message, _)| message.kind).collect();
    assert_eq!(orders, [reserve(&acme, "2").kind]);
}

#[tokio::test]
async fn a_level_has_no_version_to_compare_since_each_write_replaces_its_outbox() {
    let stack = Stack::new();
    let acme = stack.merchant("acme").await;
    handle(&stack, &[with_outbox(&acme, "1", 9, 0)]).await.unwrap();
    assert_eq!(received(&stack, "reservations").len(), 1);
}

#[tokio::test]
async fn stock_that_arrives_is_told_once_by_each_write_of_its_level() {
    let stack = Stack::new();
    let acme = stack.merchant("acme").await;
    let (tea, sofia) = (stack.item(&acme, "TEA").await, stack.location(&acme, "SOF1").await);
    stack.stock(&acme, &tea, &sofia, 5).await;
    stack.stock(&acme, &tea, &sofia, 5).await;
    Relay.records(&stack.deps, records(&stack)).await.unwrap();
    let kinds: Vec<_> = received(&stack, "reservations").into_iter().map(|(message, _)| message.kind).collect();
    let arrived = MessageKind::StockArrived { sku: tea, location: sofia };
    assert_eq!(kinds, [arrived.clone(), arrived]);
}

#[tokio::test]
async fn an_unreadable_record_goes_to_the_dead_letters_while_its_neighbours_are_sent() {
    let stack = Stack::new();
    let acme = stack.merchant("acme").await;
    let mut keyless = with_outbox(&acme, "2", 1, 1);
    keyless["dynamodb"]["Keys"] = json!({ "pk": { "S": "mer_x" } });
    let records = [
        with_outbox(&acme, "1", 1, 1),
        event("mer_x#ord_bad", 1, json!({ "outbox": { "S": "{\"version\": 1, \"messages\": [{}]}" } })),
        keyless,
        json!({ "eventSource": "aws:dynamodb", "dynamodb": { "Keys": 7 } }),
        with_outbox(&acme, "3", 1, 1),
    ];
    assert_eq!(handle(&stack, &records).await, Ok(Value::Null), "the shard goes on");
    assert_eq!(received(&stack, "reservations").len(), 2);
    let letters = stack.drain("relay-dead-letters");
    assert_eq!(letters.len(), 3);
    assert!(letters[0].0.as_str().is_some_and(|body| body.contains("orders/mer_x#ord_bad/order")), "{letters:?}");
    for (_, attributes) in &letters {
        assert!(attributes["reason"].contains("unreadable") && attributes["function"].contains("relay"));
    }
}

#[tokio::test]
async fn a_removed_or_plain_item_says_nothing() {
    let stack = Stack::new();
    let acme = stack.merchant("acme").await;
    let mut removed = with_outbox(&acme, "1", 1, 1);
    removed["eventName"] = json!("REMOVE");
    removed["dynamodb"].as_object_mut().unwrap().remove("NewImage");
    handle(&stack, &[removed, event("mer_x#ord_y", 1, json!({}))]).await.unwrap();
    for queue in domain::Queue::ALL {
        assert!(stack.drain(queue.name()).is_empty());
    }
    assert!(stack.drain("relay-dead-letters").is_empty());
}

/// SQS does not take the first `n` batches.
struct Refuses(AtomicU32);

impl Faults for Refuses {
    fn before(&self, call: &Call) -> Option<Fault> {
        let is_send = call.service == Service::Sqs && call.operation.starts_with("SendMessage");
        let refused =
            is_send && self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        refused.then_some(Fault::Connection)
    }
}

#[tokio::test]
async fn a_send_that_fails_fails_the_invocation_and_the_batch_comes_again() {
    // Three tries are the SDK's own.
    let stack = Stack::builder().faults(Arc::new(Refuses(AtomicU32::new(3)))).build();
    let acme = stack.merchant("acme").await;
    let records = [with_outbox(&acme, "1", 1, 1), with_outbox(&acme, "2", 1, 1)];
    assert!(handle(&stack, &records).await.is_err());
    assert_eq!(received(&stack, "reservations"), []);
    handle(&stack, &records).await.unwrap();
    assert_eq!(received(&stack, "reservations").len(), 2);
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_kept_fails_the_invocation_after_its_neighbours_were_sent() {
    let stack = Stack::builder().faults(Arc::new(Refuses(AtomicU32::new(3)))).build();
    let acme = stack.merchant("acme").await;
    let bad = event("mer_x#ord_bad", 1, json!({ "outbox": { "S": "?" } }));
    assert!(handle(&stack, &[bad, with_outbox(&acme, "1", 1, 1)]).await.is_err());
    assert_eq!(received(&stack, "reservations").len(), 1, "all are tried");
}
