//! What a restart keeps, and that a run can be repeated.

use super::*;
use std::path::PathBuf;

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queues.sqlite");
    (folder, path)
}

#[test]
fn a_restart_keeps_queues_messages_delays_and_handles() {
    let (_folder, path) = file();
    let clock = ManualClock::new();
    let queues = Queues::open(&path, clock.clone(), settings(1)).unwrap();
    queues.create("dead", &AttributeChanges::default()).unwrap();
    let attributes = AttributeChanges {
        visibility_timeout_seconds: Some(40),
        redrive_policy: Some(Some(RedrivePolicy { dead_letter_queue: "dead".into(), max_receive_count: 1 })),
        ..AttributeChanges::default()
    };
    queues.create("orders", &attributes).unwrap();
    let mut message = OutgoingMessage::new("done");
    message.attributes.insert(
        "blob".into(),
        MessageAttribute { data_type: "Binary".into(), value: AttributeValue::Binary(vec![0, 255]) },
    );
    message.group_id = Some("m-1".into());
    queues.send("orders", &message).unwrap();
    send_as(&queues, "m-2", "in flight");
    let received = receive(&queues, 2);
    send(&queues, "waiting");
    let described = queues.describe("orders").unwrap();
    drop(queues);

    // Another seed: the file's own goes on, or the handles out there would be void.
    let queues = Queues::open(&path, clock.clone(), settings(2)).unwrap();
    assert_eq!(queues.describe("orders").unwrap(), described);
    assert_eq!(received[0].attributes, message.attributes);
    assert!(queues.delete("orders", &received[0].receipt_handle).unwrap());
    assert_eq!(bodies(&queues, 10), ["waiting"]);
    clock.advance_s(40);
    assert!(receive(&queues, 10).is_empty(), "both were delivered once: dead letters");
    assert_eq!(queues.depth("dead").unwrap().visible, 2);
}

#[test]
fn ids_go_on_after_a_restart_even_when_all_messages_were_deleted() {
    let (_folder, path) = file();
    let clock = ManualClock::new();
    let queues = Queues::open(&path, clock.clone(), settings(1)).unwrap();
    queues.create("orders", &AttributeChanges::default()).unwrap();
    let first = send(&queues, "a");
    queues.purge("orders").unwrap();
    drop(queues);
    let queues = Queues::open(&path, clock, settings(1)).unwrap();
    assert_ne!(send(&queues, "a"), first);
}

#[test]
fn what_was_accepted_survives_a_crash() {
    let (folder, path) = file();
    let clock = ManualClock::new();
    let queues = Queues::open(&path, clock.clone(), settings(1)).unwrap();
    queues.create("orders", &AttributeChanges::default()).unwrap();
    for number in 0..50 {
        send(&queues, &number.to_string());
    }
    let handle = receive(&queues, 1).remove(0).receipt_handle;
    queues.delete("orders", &handle).unwrap();
    // The files as a killed process leaves them: no checkpoint, no clean close.
    let copy = folder.path().join("copy.sqlite");
    let wal = |path: &std::path::Path| PathBuf::from(format!("{}-wal", path.display()));
    std::fs::copy(&path, &copy).unwrap();
    std::fs::copy(wal(&path), wal(&copy)).unwrap();
    let revived = Queues::open(&copy, clock, settings(1)).unwrap();
    assert_eq!(revived.depth("orders").unwrap().visible, 49);
}

#[test]
fn deleted_bodies_leave_no_trace_after_a_sweep() {
    let (folder, path) = file();
    let clock = ManualClock::new();
    let queues = Queues::open(&path, clock, settings(1)).unwrap();
    queues.create("orders", &AttributeChanges::default()).unwrap();
    send(&queues, "a-needle-in-the-file");
    let found = |queues: &Queues| {
        queues.sweep().unwrap();
        std::fs::read_dir(folder.path()).unwrap().any(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let needle = b"a-needle-in-the-file";
            bytes.windows(needle.len()).any(|window| window == needle)
        })
    };
    assert!(found(&queues));
    let handle = receive(&queues, 1).remove(0).receipt_handle;
    queues.delete("orders", &handle).unwrap();
    assert!(!found(&queues));
}

#[test]
fn a_file_of_another_version_is_refused() {
    let (_folder, path) = file();
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let refused = Queues::open(&path, ManualClock::new(), settings(1)).err();
    assert!(matches!(refused, Some(QueueError::OtherSchema { found: 99, .. })));
}

#[test]
fn the_same_seed_and_calls_give_the_same_ids_and_another_seed_does_not() {
    let run = |seed| {
        let queues = Queues::memory(ManualClock::new(), settings(seed)).unwrap();
        queues.create("orders", &AttributeChanges::default()).unwrap();
        let ids: Vec<String> = (0..5).map(|_| send(&queues, "a")).collect();
        (ids, receive(&queues, 10))
    };
    assert_eq!(run(1), run(1));
    let (ids, other) = (run(1).0, run(2).0);
    assert!(ids.iter().all(|id| !other.contains(id)));
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), 5);
    assert_eq!(ids[0].len(), 36);
}
