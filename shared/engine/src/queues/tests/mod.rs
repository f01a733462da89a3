//! Tests of the queues, through their public interface and a clock moved by hand.

mod administration;
mod delivery;
mod durability;
mod invariants;
mod protocol;
mod protocol_errors;
mod redrive;

use super::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;
const DAY_MS: u64 = 86_400_000;

struct ManualClock(AtomicU64);

impl ManualClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(START_MS)))
    }

    fn advance_ms(&self, by_ms: u64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }

    fn advance_s(&self, by_s: u64) {
        self.advance_ms(by_s * 1_000);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

fn settings(seed: u64) -> Settings {
    Settings { seed, ..Settings::default() }
}

/// Queues in memory, with the queue `orders` of default attributes.
fn start() -> (Queues, Arc<ManualClock>) {
    let clock = ManualClock::new();
    let queues = Queues::memory(clock.clone(), settings(7)).unwrap();
    queues.create("orders", &AttributeChanges::default()).unwrap();
    (queues, clock)
}

fn send(queues: &Queues, body: &str) -> String {
    queues.send("orders", &OutgoingMessage::new(body)).unwrap().message_id
}

fn send_as(queues: &Queues, group: &str, body: &str) {
    let message = OutgoingMessage { group_id: Some(group.into()), ..OutgoingMessage::new(body) };
    queues.send("orders", &message).unwrap();
}

fn receive(queues: &Queues, count_max: usize) -> Vec<ReceivedMessage> {
    queues.receive("orders", count_max, None).unwrap()
}

fn bodies(queues: &Queues, count_max: usize) -> Vec<String> {
    let received = receive(queues, count_max);
    received.into_iter().map(|message| message.body).collect()
}

/// `dead` and `orders`, which gives up on a message after `max_receive_count` deliveries.
fn start_with_dead_letters(max_receive_count: u32) -> (Queues, Arc<ManualClock>) {
    let (queues, clock) = start();
    queues.create("dead", &AttributeChanges::default()).unwrap();
    let changes = AttributeChanges {
        redrive_policy: Some(Some(RedrivePolicy { dead_letter_queue: "dead".into(), max_receive_count })),
        ..AttributeChanges::default()
    };
    queues.set_attributes("orders", &changes).unwrap();
    (queues, clock)
}
