//! Queues themselves.

use super::*;

fn timeout(seconds: u32) -> AttributeChanges {
    AttributeChanges { visibility_timeout_seconds: Some(seconds), ..AttributeChanges::default() }
}

fn dead_letters(queue: &str) -> AttributeChanges {
    AttributeChanges {
        redrive_policy: Some(Some(RedrivePolicy { dead_letter_queue: queue.into(), max_receive_count: 3 })),
        ..AttributeChanges::default()
    }
}

#[test]
fn creating_again_is_fine_unless_a_named_attribute_differs() {
    let (queues, _) = start();
    let url = queues.create("picks", &timeout(60)).unwrap();
    assert_eq!(url, "http://127.0.0.1:4566/000000000000/picks");
    assert_eq!(queues.create("picks", &timeout(60)).unwrap(), url);
    assert_eq!(queues.create("picks", &AttributeChanges::default()).unwrap(), url);
    let error = queues.create("picks", &timeout(61)).unwrap_err();
    assert!(matches!(error, QueueError::QueueNameExists { attribute: "VisibilityTimeout", .. }));
}

#[test]
fn declaring_brings_a_queue_to_what_is_said_and_keeps_its_messages() {
    let (queues, _) = start();
    send(&queues, "a");
    queues.set_attributes("orders", &timeout(99)).unwrap();
    let delay = AttributeChanges { delay_seconds: Some(5), ..AttributeChanges::default() };
    queues.declare("orders", &delay).unwrap();
    queues.declare("new", &delay).unwrap();
    for name in ["orders", "new"] {
        let attributes = queues.attributes(name).unwrap();
        assert_eq!(attributes.delay_seconds, 5);
        assert_eq!(attributes.visibility_timeout_seconds, 30, "back to the default");
    }
    assert_eq!(queues.depth("orders").unwrap().visible, 1);
}

#[test]
fn the_oldest_message_is_the_first_sent_of_those_that_are_left() {
    let (queues, clock) = start();
    let oldest = |queues: &Queues| queues.oldest_sent_at_ms("orders").unwrap();
    assert_eq!(oldest(&queues), None);
    send(&queues, "first");
    clock.advance_s(5);
    send(&queues, "second");
    let first = receive(&queues, 1).remove(0);
    assert_eq!((first.body.as_str(), oldest(&queues)), ("first", Some(START_MS)), "also while it is in flight");
    queues.delete("orders", &first.receipt_handle).unwrap();
    assert_eq!(oldest(&queues), Some(START_MS + 5_000));
    let second = receive(&queues, 1).remove(0);
    queues.delete("orders", &second.receipt_handle).unwrap();
    assert_eq!(oldest(&queues), None);
    assert!(queues.oldest_sent_at_ms("nowhere").is_err());
}

#[test]
fn names_follow_the_rules_of_sqs() {
    let (queues, _) = start();
    let long = "x".repeat(81);
    for (name, code) in [
        ("", "MissingParameter"),
        ("with.dot", "InvalidParameterValue"),
        ("ü", "InvalidParameterValue"),
        (long.as_str(), "InvalidParameterValue"),
        ("x.fifo", "AWS.SimpleQueueService.UnsupportedOperation"),
    ] {
        let error = queues.create(name, &AttributeChanges::default()).unwrap_err();
        assert_eq!(error.code(), code, "{name}");
    }
    assert!(queues.create(&long[1..], &AttributeChanges::default()).is_ok());
}

#[test]
fn a_redrive_policy_needs_another_existing_queue_that_allows_it() {
    let (queues, _) = start();
    let allow = |policy| AttributeChanges { redrive_allow_policy: Some(policy), ..AttributeChanges::default() };
    queues.create("closed", &allow(RedriveAllowPolicy::DenyAll)).unwrap();
    let by_queue = RedriveAllowPolicy::ByQueue(vec!["orders".into()]);
    queues.create("by-queue", &allow(by_queue)).unwrap();
    for target in ["orders", "none", "closed"] {
        let error = queues.set_attributes("orders", &dead_letters(target)).unwrap_err();
        assert_eq!(error.code(), "InvalidParameterValue", "{target}");
    }
    assert!(queues.create("picks", &dead_letters("by-queue")).is_err());
    queues.set_attributes("orders", &dead_letters("by-queue")).unwrap();
    assert_eq!(queues.dead_letter_sources("by-queue").unwrap(), ["orders"]);
    let none = AttributeChanges { redrive_policy: Some(None), ..AttributeChanges::default() };
    queues.set_attributes("orders", &none).unwrap();
    assert!(queues.dead_letter_sources("by-queue").unwrap().is_empty());
}

#[test]
fn values_out_of_range_change_nothing() {
    let (queues, _) = start();
    let mut wrong = timeout(43_201);
    wrong.delay_seconds = Some(1);
    let error = queues.set_attributes("orders", &wrong).unwrap_err();
    assert_eq!(error.code(), "InvalidAttributeValue");
    assert_eq!(queues.attributes("orders").unwrap(), QueueAttributes::default());
}

#[test]
fn names_are_listed_by_prefix_in_order() {
    let (queues, _) = start();
    for name in ["picks", "orders-dead", "order"] {
        queues.create(name, &AttributeChanges::default()).unwrap();
    }
    assert_eq!(queues.names("orders"), ["orders", "orders-dead"]);
    assert_eq!(queues.names(""), ["order", "orders", "orders-dead", "picks"]);
    assert!(queues.names("z").is_empty());
}

#[test]
fn purging_takes_all_messages_once_a_minute() {
    let (queues, clock) = start();
    send(&queues, "in flight");
    receive(&queues, 1);
    send(&queues, "visible");
    queues.purge("orders").unwrap();
    assert_eq!(queues.depth("orders").unwrap(), Depth::default());
    clock.advance_ms(59_999);
    assert!(matches!(queues.purge("orders").unwrap_err(), QueueError::PurgeInProgress { .. }));
    clock.advance_ms(1);
    queues.purge("orders").unwrap();
}

#[test]
fn a_deleted_queue_is_gone_and_its_name_is_free_after_a_minute() {
    let (queues, clock) = start();
    send(&queues, "a");
    let handle = receive(&queues, 1).remove(0).receipt_handle;
    queues.delete_queue("orders").unwrap();
    assert!(matches!(queues.send("orders", &OutgoingMessage::new("b")).unwrap_err(), QueueError::NoSuchQueue { .. }));
    clock.advance_ms(59_999);
    let early = queues.create("orders", &AttributeChanges::default()).unwrap_err();
    assert!(matches!(early, QueueError::QueueDeletedRecently { .. }));
    clock.advance_ms(1);
    queues.create("orders", &AttributeChanges::default()).unwrap();
    assert_eq!(queues.depth("orders").unwrap(), Depth::default());
    assert!(matches!(queues.delete("orders", &handle).unwrap_err(), QueueError::ReceiptHandleIsInvalid));
}

#[test]
fn urls_and_arns_carry_authority_and_region() {
    let (queues, _) = start();
    queues.set_authority("localhost:1234");
    assert_eq!(queues.url("orders"), "http://localhost:1234/000000000000/orders");
    let arn = queues.arn("orders");
    assert_eq!(arn, "arn:aws:sqs:eu-central-1:000000000000:orders");
    assert_eq!(queues.name_of_arn(&arn).as_deref(), Some("orders"));
    for foreign in [
        "arn:aws:sqs:eu-west-1:000000000000:orders",
        "arn:aws:sqs:eu-central-1:111111111111:orders",
        "arn:aws:sns:eu-central-1:000000000000:orders",
        "arn:aws:sqs:eu-central-1:000000000000:",
        "orders",
    ] {
        assert_eq!(queues.name_of_arn(foreign), None, "{foreign}");
    }
}
