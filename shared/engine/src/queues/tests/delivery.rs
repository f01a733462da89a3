//! Sending, receiving, deleting, hiding.

use super::*;

#[test]
fn a_received_message_is_hidden_until_its_time_out_passes() {
    let (queues, clock) = start();
    let id = send(&queues, "a");
    let first = receive(&queues, 10).remove(0);
    assert_eq!((first.message_id.as_str(), first.receive_count), (id.as_str(), 1));
    clock.advance_ms(29_999);
    assert!(receive(&queues, 10).is_empty());
    clock.advance_ms(1);
    let second = receive(&queues, 10).remove(0);
    assert_eq!((second.message_id, second.receive_count), (id, 2));
    assert_ne!(first.receipt_handle, second.receipt_handle);
    assert_eq!(second.sent_at_ms, START_MS);
    assert_eq!(second.first_received_at_ms, START_MS);
}

#[test]
fn a_receive_may_choose_its_own_visibility() {
    let (queues, clock) = start();
    send(&queues, "a");
    assert_eq!(queues.receive("orders", 1, Some(5)).unwrap().len(), 1);
    clock.advance_s(4);
    assert!(receive(&queues, 1).is_empty());
    clock.advance_s(1);
    assert_eq!(queues.receive("orders", 1, Some(0)).unwrap().len(), 1);
    assert_eq!(receive(&queues, 1).len(), 1, "0 seconds hide nothing");
}

#[test]
fn a_delayed_message_appears_when_its_delay_is_over() {
    let (queues, clock) = start();
    let delayed = OutgoingMessage { delay_seconds: Some(10), ..OutgoingMessage::new("a") };
    queues.send("orders", &delayed).unwrap();
    let expected = Depth { delayed: 1, ..Depth::default() };
    assert_eq!(queues.depth("orders").unwrap(), expected);
    assert_eq!(queues.next_visible_at_ms("orders").unwrap(), Some(START_MS + 10_000));
    clock.advance_ms(9_999);
    assert!(receive(&queues, 1).is_empty());
    clock.advance_ms(1);
    assert_eq!(bodies(&queues, 1), ["a"]);
}

#[test]
fn the_queues_delay_holds_unless_the_message_has_its_own() {
    let (queues, clock) = start();
    let changes = AttributeChanges { delay_seconds: Some(60), ..AttributeChanges::default() };
    queues.set_attributes("orders", &changes).unwrap();
    send(&queues, "late");
    let soon = OutgoingMessage { delay_seconds: Some(0), ..OutgoingMessage::new("soon") };
    queues.send("orders", &soon).unwrap();
    assert_eq!(bodies(&queues, 10), ["soon"]);
    clock.advance_s(60);
    assert!(bodies(&queues, 10).contains(&"late".to_owned()));
}

#[test]
fn a_deleted_message_never_comes_back() {
    let (queues, clock) = start();
    send(&queues, "a");
    let received = receive(&queues, 1).remove(0);
    assert!(queues.delete("orders", &received.receipt_handle).unwrap());
    assert!(!queues.delete("orders", &received.receipt_handle).unwrap());
    clock.advance_s(100);
    assert!(receive(&queues, 1).is_empty());
    assert_eq!(queues.depth("orders").unwrap(), Depth::default());
}

#[test]
fn the_latest_handle_deletes_even_after_its_time_out_but_an_older_one_does_not() {
    let (queues, clock) = start();
    send(&queues, "a");
    let first = receive(&queues, 1).remove(0);
    clock.advance_s(30);
    let second = receive(&queues, 1).remove(0);
    assert!(!queues.delete("orders", &first.receipt_handle).unwrap());
    clock.advance_s(30);
    assert!(queues.delete("orders", &second.receipt_handle).unwrap());
}

#[test]
fn visibility_can_be_prolonged_shortened_and_ended() {
    let (queues, clock) = start();
    send(&queues, "a");
    let handle = receive(&queues, 1).remove(0).receipt_handle;
    queues.change_visibility("orders", &handle, 100).unwrap();
    clock.advance_s(99);
    assert!(receive(&queues, 1).is_empty());
    queues.change_visibility("orders", &handle, 0).unwrap();
    assert_eq!(receive(&queues, 1).len(), 1);
}

#[test]
fn visibility_of_what_is_not_in_flight_cannot_change() {
    let (queues, clock) = start();
    send(&queues, "a");
    let first = receive(&queues, 1).remove(0).receipt_handle;
    clock.advance_s(30);
    let timed_out = queues.change_visibility("orders", &first, 5).unwrap_err();
    assert!(matches!(timed_out, QueueError::MessageNotInFlight));
    let second = receive(&queues, 1).remove(0).receipt_handle;
    let replaced = queues.change_visibility("orders", &first, 5).unwrap_err();
    assert!(matches!(replaced, QueueError::MessageNotInFlight));
    queues.delete("orders", &second).unwrap();
    let gone = queues.change_visibility("orders", &second, 5).unwrap_err();
    assert_eq!(gone.code(), "InvalidParameterValue");
}

#[test]
fn a_message_stays_hidden_for_twelve_hours_at_most() {
    let (queues, clock) = start();
    send(&queues, "a");
    let handle = receive(&queues, 1).remove(0).receipt_handle;
    clock.advance_s(10);
    queues.change_visibility("orders", &handle, 43_190).unwrap();
    let error = queues.change_visibility("orders", &handle, 43_191).unwrap_err();
    assert_eq!(error.code(), "InvalidParameterValue");
}

#[test]
fn handles_of_another_queue_and_invented_ones_are_refused() {
    let (queues, _) = start();
    queues.create("other", &AttributeChanges::default()).unwrap();
    send(&queues, "a");
    let handle = receive(&queues, 1).remove(0).receipt_handle;
    for (queue, handle) in [("other", handle.as_str()), ("orders", "invented"), ("orders", &handle[4..])] {
        let error = queues.delete(queue, handle).unwrap_err();
        assert!(matches!(error, QueueError::ReceiptHandleIsInvalid), "{error}");
    }
    assert_eq!(queues.depth("orders").unwrap().in_flight, 1);
}

#[test]
fn groups_are_served_in_turn_so_that_a_noisy_one_does_not_starve_others() {
    let (queues, _) = start();
    for number in 0..100 {
        send_as(&queues, "noisy", &format!("noisy-{number}"));
    }
    send_as(&queues, "quiet", "quiet-0");
    send_as(&queues, "alone", "alone-0");
    send(&queues, "ungrouped");
    let first = bodies(&queues, 4);
    for body in ["noisy-0", "quiet-0", "alone-0", "ungrouped"] {
        assert!(first.contains(&body.to_owned()), "{body} in {first:?}");
    }
    assert_eq!(bodies(&queues, 3), ["noisy-1", "noisy-2", "noisy-3"]);
}

#[test]
fn single_receives_go_round_the_groups_too() {
    let (queues, _) = start();
    for group in ["a", "b", "c"] {
        for number in 0..3 {
            send_as(&queues, group, &format!("{group}{number}"));
        }
    }
    let order: Vec<String> = (0..9).flat_map(|_| bodies(&queues, 1)).collect();
    assert_eq!(order, ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]);
}

#[test]
fn messages_of_a_group_come_in_the_order_of_sending() {
    let (queues, _) = start();
    for number in 0..25 {
        send(&queues, &number.to_string());
    }
    let order: Vec<String> = (0..3).flat_map(|_| bodies(&queues, 10)).collect();
    let expected: Vec<String> = (0..25).map(|number| number.to_string()).collect();
    assert_eq!(order, expected);
}

#[test]
fn a_message_is_dropped_when_its_retention_has_passed_even_in_flight() {
    let (queues, clock) = start();
    send(&queues, "old");
    clock.advance_ms(4 * DAY_MS - 1);
    let handle = receive(&queues, 1).remove(0).receipt_handle;
    send(&queues, "new");
    clock.advance_ms(1);
    assert!(!queues.delete("orders", &handle).unwrap(), "gone before the delete");
    assert_eq!(bodies(&queues, 10), ["new"]);
    clock.advance_ms(4 * DAY_MS);
    assert_eq!(queues.depth("orders").unwrap(), Depth::default());
    assert_eq!(queues.next_visible_at_ms("orders").unwrap(), None);
}

#[test]
fn a_shorter_retention_reaches_messages_sent_before() {
    let (queues, clock) = start();
    send(&queues, "a");
    clock.advance_s(61);
    let changes = AttributeChanges { retention_seconds: Some(60), ..AttributeChanges::default() };
    queues.set_attributes("orders", &changes).unwrap();
    assert!(receive(&queues, 1).is_empty());
}

#[test]
fn a_batch_takes_the_good_messages_and_names_the_bad_ones() {
    let (queues, _) = start();
    let batch = [
        OutgoingMessage::new("good"),
        OutgoingMessage::new(""),
        OutgoingMessage::new("\u{0}"),
        OutgoingMessage { delay_seconds: Some(901), ..OutgoingMessage::new("delay") },
        OutgoingMessage { group_id: Some("with space".into()), ..OutgoingMessage::new("group") },
        OutgoingMessage::new("also good"),
    ];
    let codes: Vec<Option<&str>> = queues
        .send_batch("orders", &batch)
        .unwrap()
        .iter()
        .map(|answer| answer.as_ref().err().map(QueueError::code))
        .collect();
    let expected = [
        None,
        Some("MissingParameter"),
        Some("InvalidMessageContents"),
        Some("InvalidParameterValue"),
        Some("InvalidParameterValue"),
        None,
    ];
    assert_eq!(codes, expected);
    assert_eq!(bodies(&queues, 10), ["good", "also good"]);
}

#[test]
fn sizes_count_the_body_and_attributes_up_to_one_mebibyte() {
    let (queues, _) = start();
    let mut message = OutgoingMessage::new("x".repeat(MESSAGE_BYTES_MAX));
    queues.send("orders", &message).unwrap();
    message
        .attributes
        .insert("n".into(), MessageAttribute { data_type: "String".into(), value: AttributeValue::Text("v".into()) });
    assert_eq!(queues.send("orders", &message).unwrap_err().code(), "InvalidParameterValue");
    let half = OutgoingMessage::new("x".repeat(MESSAGE_BYTES_MAX / 2));
    let more = OutgoingMessage::new("x".repeat(MESSAGE_BYTES_MAX / 2 + 1));
    queues.send_batch("orders", &[half.clone(), half.clone()]).unwrap();
    assert!(matches!(queues.send_batch("orders", &[half, more]).unwrap_err(), QueueError::BatchTooLong { .. }));
}

#[test]
fn next_visible_tells_when_looking_is_worth_it() {
    let (queues, clock) = start();
    assert_eq!(queues.next_visible_at_ms("orders").unwrap(), None);
    send(&queues, "a");
    assert_eq!(queues.next_visible_at_ms("orders").unwrap(), Some(START_MS));
    clock.advance_s(1);
    let handle = receive(&queues, 1).remove(0).receipt_handle;
    assert_eq!(queues.next_visible_at_ms("orders").unwrap(), Some(START_MS + 31_000));
    queues.delete("orders", &handle).unwrap();
    assert_eq!(queues.next_visible_at_ms("orders").unwrap(), None);
}

#[test]
fn hooks_hear_of_arrivals_and_may_call_the_queues() {
    let (queues, _) = start();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (log, inner) = (heard.clone(), queues.clone());
    queues.on_arrival(Arc::new(move |name| {
        let visible = inner.depth(name).unwrap().visible;
        log.lock().unwrap().push((name.to_owned(), visible));
    }));
    send(&queues, "a");
    let handle = receive(&queues, 1).remove(0).receipt_handle;
    queues.change_visibility("orders", &handle, 0).unwrap();
    let refused = queues.send("orders", &OutgoingMessage::new(""));
    assert!(refused.is_err());
    let expected = [("orders".to_owned(), 1), ("orders".to_owned(), 1)];
    assert_eq!(*heard.lock().unwrap(), expected);
}
