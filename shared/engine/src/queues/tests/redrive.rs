//! Dead letters and the way back.

use super::*;

/// Delivers `orders`' messages until none is left there.
fn exhaust(queues: &Queues, clock: &ManualClock, deliveries: u32) {
    for _ in 0..deliveries {
        assert!(!receive(queues, 10).is_empty());
        clock.advance_s(30);
    }
}

#[test]
fn a_message_is_delivered_as_often_as_allowed_and_then_moved_with_its_id() {
    let (queues, clock) = start_with_dead_letters(2);
    let id = send(&queues, "poison");
    exhaust(&queues, &clock, 2);
    assert!(receive(&queues, 10).is_empty(), "the third receive moves it");
    assert_eq!(queues.depth("orders").unwrap(), Depth::default());
    let dead = queues.receive("dead", 10, None).unwrap().remove(0);
    assert_eq!(dead.message_id, id);
    assert_eq!(dead.sent_at_ms, START_MS, "retention runs on");
    assert_eq!(dead.receive_count, 3, "receives in all queues count");
    assert_eq!(dead.dead_letter_source_arn.as_deref(), Some("arn:aws:sqs:eu-central-1:000000000000:orders"));
}

#[test]
fn dead_letters_make_room_for_healthy_messages_in_the_same_receive() {
    let (queues, clock) = start_with_dead_letters(1);
    for number in 0..20 {
        send(&queues, &format!("poison-{number}"));
    }
    assert_eq!(receive(&queues, 10).len() + receive(&queues, 10).len(), 20);
    clock.advance_s(30);
    send(&queues, "healthy");
    assert_eq!(bodies(&queues, 1), ["healthy"]);
    assert_eq!(queues.depth("dead").unwrap().visible, 20);
}

#[test]
fn a_handle_of_the_source_does_not_delete_the_dead_letter() {
    let (queues, clock) = start_with_dead_letters(1);
    send(&queues, "poison");
    let handle = receive(&queues, 1).remove(0).receipt_handle;
    clock.advance_s(30);
    assert!(receive(&queues, 1).is_empty());
    assert!(!queues.delete("orders", &handle).unwrap());
    assert_eq!(queues.depth("dead").unwrap().visible, 1);
}

#[test]
fn hooks_hear_of_dead_letters() {
    let (queues, clock) = start_with_dead_letters(1);
    send(&queues, "poison");
    exhaust(&queues, &clock, 1);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = heard.clone();
    queues.on_arrival(Arc::new(move |name| log.lock().unwrap().push(name.to_owned())));
    receive(&queues, 1);
    assert_eq!(*heard.lock().unwrap(), ["dead"]);
}

#[test]
fn a_dead_letter_expires_by_the_time_it_was_sent() {
    let (queues, clock) = start_with_dead_letters(1);
    send(&queues, "poison");
    clock.advance_ms(3 * DAY_MS);
    exhaust(&queues, &clock, 1);
    receive(&queues, 1);
    assert_eq!(queues.depth("dead").unwrap().visible, 1);
    clock.advance_ms(DAY_MS);
    assert_eq!(queues.depth("dead").unwrap().visible, 0);
}

#[test]
fn without_its_dead_letter_queue_a_message_stays_deliverable() {
    let (queues, clock) = start_with_dead_letters(1);
    send(&queues, "poison");
    exhaust(&queues, &clock, 1);
    queues.delete_queue("dead").unwrap();
    assert_eq!(bodies(&queues, 1), ["poison"]);
}

#[test]
fn a_move_sends_dead_letters_back_as_new_messages() {
    let (queues, clock) = start_with_dead_letters(1);
    let id = send(&queues, "poison");
    exhaust(&queues, &clock, 1);
    receive(&queues, 1);
    let task = queues.start_move("dead", None).unwrap();
    assert_eq!((task.to_move, task.moved, task.failure.clone()), (1, 1, None));
    let back = receive(&queues, 1).remove(0);
    assert_ne!(back.message_id, id);
    assert_eq!(back.body, "poison");
    assert_eq!(back.receive_count, 1);
    assert_eq!(back.sent_at_ms, START_MS + 30_000);
    assert_eq!(back.dead_letter_source_arn, None);
    assert_eq!(queues.moves("dead").unwrap(), [task]);
}

#[test]
fn a_move_to_a_named_queue_takes_messages_of_unknown_origin_too() {
    let (queues, _) = start_with_dead_letters(1);
    queues.create("repair", &AttributeChanges::default()).unwrap();
    queues.send("dead", &OutgoingMessage::new("direct")).unwrap();
    let stuck = queues.start_move("dead", None).unwrap();
    assert_eq!(stuck.moved, 0);
    assert_eq!(stuck.failure.as_deref(), Some("CouldNotDetermineMessageSource"));
    let moved = queues.start_move("dead", Some("repair")).unwrap();
    assert_eq!((moved.moved, moved.failure), (1, None));
    assert_eq!(queues.receive("repair", 1, None).unwrap()[0].body, "direct");
    assert_eq!(queues.moves("dead").unwrap().len(), 2);
}

#[test]
fn a_move_leaves_messages_in_flight() {
    let (queues, _) = start_with_dead_letters(1);
    queues.send("dead", &OutgoingMessage::new("busy")).unwrap();
    queues.receive("dead", 1, None).unwrap();
    let task = queues.start_move("dead", Some("orders")).unwrap();
    assert_eq!(task.to_move, 0);
    assert_eq!(queues.depth("dead").unwrap().in_flight, 1);
}

#[test]
fn only_dead_letter_queues_can_be_moved_from() {
    let (queues, _) = start_with_dead_letters(1);
    for (source, destination, code) in [
        ("orders", None, "InvalidParameterValue"),
        ("dead", Some("dead"), "InvalidParameterValue"),
        ("none", None, "AWS.SimpleQueueService.NonExistentQueue"),
        ("dead", Some("none"), "AWS.SimpleQueueService.NonExistentQueue"),
    ] {
        let error = queues.start_move(source, destination).unwrap_err();
        assert_eq!(error.code(), code, "{source} to {destination:?}");
    }
}
