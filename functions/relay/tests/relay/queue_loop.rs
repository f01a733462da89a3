//! What the loop around every function does with the messages of a queue, by what became of each.

use domain::{Message, MessageKind, OrderId, Rejected};
use engine::queues::OutgoingMessage;
use platform::{Deps, Failure, Function};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::Stack;
use testkit::connector::{Call, Fault, Faults, Service};

/// A reader whose message's correlation id says what becomes of it.
#[derive(Default)]
struct Reader {
    done: Mutex<Vec<String>>,
}

impl Function for Reader {
    const NAME: &'static str = "reader";

    async fn message(&self, _: &Deps, message: Message) -> Result<(), Failure> {
        let outcome = match message.correlation_id.as_str() {
            "rejected" => Err(Failure::Rejected(Rejected::new("order-cancelled", "too late"))),
            "unknown" => Err(Failure::Indeterminate("no answer".to_owned())),
            "malformed" => Err(Failure::Malformed("makes no sense".to_owned())),
            "missing" => Err(Failure::NotFound("ord_x".to_owned())),
            "bug" => Err(Failure::bug("impossible")),
            "conflict" => Err(Failure::Conflict("a race".to_owned())),
            "busy" => Err(Failure::unavailable("throttled")),
            "busy for 7 s" => {
                Err(Failure::Unavailable { reason: "throttled".to_owned(), after: Some(Duration::from_secs(7)) })
            }
            _ => Ok(()),
        };
        self.done.lock().unwrap().push(message.correlation_id);
        outcome
    }
}

fn body(outcome: &str) -> String {
    let merchant = domain::MerchantId::derive(&["acme"]);
    let order = OrderId::derive(&merchant, &["api", outcome]);
    serde_json::to_string(&MessageKind::Reserve { order }.for_merchant(&merchant, outcome)).unwrap()
}

/// The event of these bodies, received from `reservations` as Lambda's poller does; and each message id by its body.
fn receive(stack: &Stack, bodies: &[String]) -> (Value, BTreeMap<String, String>) {
    let queues = stack.engine.queues();
    for body in bodies {
        queues.send("reservations", &OutgoingMessage::new(body.clone())).unwrap();
    }
    let mut ids = BTreeMap::new();
    let mut records = Vec::new();
    for message in queues.receive("reservations", 10, Some(30)).unwrap() {
        ids.insert(message.body.clone(), message.message_id.clone());
        records.push(json!({
            "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body,
            "attributes": { "ApproximateReceiveCount": message.receive_count.to_string() },
            "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
            "eventSourceARN": queues.arn("reservations"), "awsRegion": "eu-central-1",
        }));
    }
    assert_eq!(records.len(), bodies.len());
    (json!({ "Records": records }), ids)
}

/// Hands the event over, and deletes what did not fail, as Lambda's poller does; gives the ids that failed.
async fn handle(stack: &Stack, reader: &Reader, event: Value) -> Vec<String> {
    let answer = platform::function::handle(reader, &stack.deps, event.clone()).await.unwrap();
    let failures = answer["batchItemFailures"].as_array().unwrap();
    let failed: Vec<String> =
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect();
    for record in event["Records"].as_array().unwrap() {
        if !failed.iter().any(|id| record["messageId"] == id.as_str()) {
            stack.engine.queues().delete("reservations", record["receiptHandle"].as_str().unwrap()).unwrap();
        }
    }
    failed
}

#[tokio::test]
async fn a_poison_message_goes_to_its_dead_letters_with_the_reason_while_its_neighbours_proceed() {
    let stack = Stack::new();
    let reader = Reader::default();
    let bodies: Vec<String> = ["a", "malformed", "b", "missing", "bug"].iter().map(|name| body(name)).collect();
    let (event, _) = receive(&stack, &[bodies.as_slice(), &["not a message".to_owned()]].concat());
    assert_eq!(handle(&stack, &reader, event).await, Vec::<String>::new());
    assert_eq!(*reader.done.lock().unwrap(), ["a", "malformed", "b", "missing", "bug"]);
    let url = stack.deps.settings.dead_letters_url(domain::Queue::Reservations).unwrap();
    let letters = stack.deps.queues.dead_letters(url, 10, 30).await.unwrap();
    let mut found: Vec<(String, String)> =
        letters.into_iter().map(|letter| (letter.body, letter.reason.unwrap_or_default())).collect();
    found.sort();
    let mut expect = vec![
        (bodies[1].clone(), "malformed: makes no sense".to_owned()),
        (bodies[3].clone(), "ord_x does not exist".to_owned()),
        (bodies[4].clone(), "bug: impossible".to_owned()),
    ];
    let unread = found.iter().find(|(body, _)| body == "not a message").expect("kept as it came");
    assert!(unread.1.contains("not a message of ours"), "{}", unread.1);
    expect.push(unread.clone());
    expect.sort();
    assert_eq!(found, expect);
    stack.clock.advance(Duration::from_secs(3600));
    assert!(stack.drain("reservations").is_empty(), "all were dealt with");
}

#[tokio::test]
async fn the_answer_lists_only_what_must_come_again() {
    let stack = Stack::new();
    let names = ["a", "rejected", "unknown", "conflict", "busy", "b"];
    let bodies: Vec<String> = names.iter().map(|name| body(name)).collect();
    let (event, ids) = receive(&stack, &bodies);
    let failed = handle(&stack, &Reader::default(), event).await;
    assert_eq!(failed, [ids[&bodies[3]].clone(), ids[&bodies[4]].clone()]);
    assert!(stack.drain("reservations-dead-letters").is_empty());
}

#[tokio::test]
async fn a_message_comes_again_when_its_failure_says() {
    let stack = Stack::new();
    let bodies = [body("busy for 7 s")];
    let (event, _) = receive(&stack, &bodies);
    assert_eq!(handle(&stack, &Reader::default(), event).await.len(), 1);
    stack.clock.advance(Duration::from_secs(6));
    assert!(stack.engine.queues().receive("reservations", 10, None).unwrap().is_empty());
    stack.clock.advance(Duration::from_secs(1));
    assert_eq!(stack.engine.queues().receive("reservations", 10, None).unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_that_keeps_failing_comes_later_and_later() {
    let stack = Stack::new();
    let queues = stack.engine.queues();
    queues.send("reservations", &OutgoingMessage::new(body("conflict"))).unwrap();
    let mut waits = Vec::new();
    for _ in 0..9 {
        let mut waited = 0;
        let message = loop {
            match queues.receive("reservations", 1, Some(120)).unwrap().pop() {
                Some(message) => break message,
                None => {
                    stack.clock.advance(Duration::from_secs(1));
                    waited += 1;
                }
            }
        };
        waits.push(waited);
        let event = json!({ "Records": [{
            "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body,
            "attributes": { "ApproximateReceiveCount": message.receive_count.to_string() },
            "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": queues.arn("reservations"),
        }]});
        assert_eq!(handle(&stack, &Reader::default(), event).await.len(), 1);
    }
    assert_eq!(waits[0], 0);
    assert!(waits[1] <= 2, "{waits:?}");
    for (receives, wait) in waits.iter().enumerate().skip(1) {
        let limit = 1 << receives;
        assert!((limit / 2..=limit).contains(wait), "after {receives} receives: {waits:?}");
    }
}

/// No dead letter can be kept, no visibility changed.
struct QueueIsDown;

impl Faults for QueueIsDown {
    fn before(&self, call: &Call) -> Option<Fault> {
        (call.service == Service::Sqs).then_some(Fault::Connection)
    }
}

#[tokio::test]
async fn a_poison_message_that_cannot_be_kept_stays_in_its_queue() {
    let stack = Stack::builder().faults(Arc::new(QueueIsDown)).build();
    let (event, _) = receive(&stack, &[body("malformed")]);
    assert_eq!(handle(&stack, &Reader::default(), event).await.len(), 1);
    stack.clock.advance(Duration::from_secs(30));
    assert_eq!(stack.engine.queues().receive("reservations", 10, None).unwrap().len(), 1, "the queue's own time-out");
}

#[tokio::test]
async fn an_event_that_no_function_takes_is_an_error() {
    let stack = Stack::new();
    let handle = async |event: Value| platform::function::handle(&Reader::default(), &stack.deps, event).await;
    assert!(handle(json!({ "Records": [{ "eventSource": "aws:s3" }] })).await.is_err());
    assert!(handle(json!({ "Records": [{ "eventSource": "aws:dynamodb", "dynamodb": {} }] })).await.is_err());
    assert!(handle(json!({ "source": "aws.events" })).await.is_err());
}
