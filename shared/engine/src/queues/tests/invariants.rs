//! Whatever the order of calls: nothing accepted is lost, nothing deleted comes back, no message is handed to
//! two receivers at once.

use super::*;
use proptest::prelude::*;
use proptest::sample::Index;

const RETENTION_S: u64 = 600;
const DELIVERIES_MAX: u32 = 3;

#[derive(Debug, Clone)]
enum Step {
    Send { group: u8, delay_s: u32 },
    Receive { dead: bool, count: usize, visibility_s: u32 },
    Delete(Index),
    Hide { delivery: Index, seconds: u32 },
    Advance { ms: u64 },
    MoveBack,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_u8, prop_oneof![Just(0), 1..60_u32]).prop_map(|(group, delay_s)| Step::Send { group, delay_s }),
        6 => (any::<bool>(), 1..=10_usize, 0..60_u32)
            .prop_map(|(dead, count, visibility_s)| Step::Receive { dead, count, visibility_s }),
        4 => any::<Index>().prop_map(Step::Delete),
        2 => (any::<Index>(), 0..60_u32).prop_map(|(delivery, seconds)| Step::Hide { delivery, seconds }),
        3 => (1..40_000_u64).prop_map(|ms| Step::Advance { ms }),
        1 => (100_000..500_000_u64).prop_map(|ms| Step::Advance { ms }),
        1 => Just(Step::MoveBack),
        1 => Just(Step::Restart),
    ]
}

/// What the callers know of a message.
#[derive(Debug, Default)]
struct Known {
    sent_at_ms: u64,
    hidden_until_ms: u64,
    latest_handle: Option<String>,
    deliveries_in_orders: u32,
}

struct World {
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
    clock: Arc<ManualClock>,
    queues: Queues,
    /// All messages that must still exist.
    alive: BTreeMap<String, Known>,
    /// All deliveries so far: queue, message, handle.
    deliveries: Vec<(&'static str, String, String)>,
}

impl World {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queues.sqlite");
        let clock = ManualClock::new();
        let queues = Queues::open(&path, clock.clone(), settings(3)).unwrap();
        let mut attributes =
            AttributeChanges { retention_seconds: Some(RETENTION_S as u32), ..AttributeChanges::default() };
        queues.create("dead", &attributes).unwrap();
        attributes.redrive_policy =
            Some(Some(RedrivePolicy { dead_letter_queue: "dead".into(), max_receive_count: DELIVERIES_MAX }));
        queues.create("orders", &attributes).unwrap();
        Self { _folder: folder, path, clock, queues, alive: BTreeMap::new(), deliveries: Vec::new() }
    }

    fn take(&mut self, queue: &'static str, count: usize, visibility_s: u32) -> usize {
        let now = self.clock.now_ms();
        let received = self.queues.receive(queue, count, Some(visibility_s)).unwrap();
        assert!(received.len() <= count);
        for message in &received {
            let id = &message.message_id;
            let known = self.alive.get_mut(id).expect("only what is alive is delivered");
            assert!(known.hidden_until_ms <= now, "delivered while hidden");
            assert_eq!(known.sent_at_ms, message.sent_at_ms);
            if queue == "orders" {
                known.deliveries_in_orders += 1;
                assert!(known.deliveries_in_orders <= DELIVERIES_MAX);
            }
            known.hidden_until_ms = now + u64::from(visibility_s) * 1_000;
            known.latest_handle = Some(message.receipt_handle.clone());
            let handle = message.receipt_handle.clone();
            assert!(
                self.deliveries.iter().all(|(_, _, earlier)| *earlier != handle),
                "each delivery has its own handle"
            );
            self.deliveries.push((queue, id.clone(), handle));
        }
        received.len()
    }

    fn forget_expired(&mut self) {
        let now = self.clock.now_ms();
        self.alive.retain(|_, known| known.sent_at_ms + RETENTION_S * 1_000 > now);
    }

    fn run(&mut self, step: Step) {
        let now = self.clock.now_ms();
        match step {
            Step::Send { group, delay_s } => {
                let message = OutgoingMessage {
                    group_id: (group > 0).then(|| group.to_string()),
                    delay_seconds: Some(delay_s),
                    ..OutgoingMessage::new("body")
                };
                let id = self.queues.send("orders", &message).unwrap().message_id;
                let known =
                    Known { sent_at_ms: now, hidden_until_ms: now + u64::from(delay_s) * 1_000, ..Known::default() };
                assert!(self.alive.insert(id, known).is_none(), "ids are never reused");
            }
            Step::Receive { dead, count, visibility_s } => {
                let queue = if dead { "dead" } else { "orders" };
                self.take(queue, count, visibility_s);
            }
            Step::Delete(_) | Step::Hide { .. } if self.deliveries.is_empty() => {}
            Step::Delete(delivery) => {
                let (queue, id, handle) = delivery.get(&self.deliveries).clone();
                let known = self.alive.get(&id);
                let latest = known.is_some_and(|known| known.latest_handle.as_ref() == Some(&handle));
                let deleted = self.queues.delete(queue, &handle).unwrap();
                if deleted {
                    assert!(latest, "only the latest handle deletes");
                    self.alive.remove(&id);
                } else if let Some(known) = known {
                    let may_have_moved = queue == "orders"
                        && known.deliveries_in_orders == DELIVERIES_MAX
                        && known.hidden_until_ms <= now;
                    assert!(!latest || may_have_moved, "the latest handle deletes");
                }
            }
            Step::Hide { delivery, seconds } => {
                let (queue, id, handle) = delivery.get(&self.deliveries).clone();
                if self.queues.change_visibility(queue, &handle, seconds).is_ok() {
                    let known = self.alive.get_mut(&id).expect("only what is alive is in flight");
                    assert_eq!(known.latest_handle.as_ref(), Some(&handle));
                    assert!(known.hidden_until_ms > now);
                    known.hidden_until_ms = now + u64::from(seconds) * 1_000;
                }
            }
            Step::Advance { ms } => self.clock.advance_ms(ms),
            Step::MoveBack => {
                let visible = self.queues.depth("dead").unwrap().visible;
                let task = self.queues.start_move("dead", None).unwrap();
                assert_eq!((task.to_move, task.moved), (visible, visible));
                // Moved messages are new ones: learn which by looking at what came back.
                self.relearn(task.moved);
            }
            Step::Restart => {
                let elsewhere = Queues::memory(self.clock.clone(), settings(0)).unwrap();
                drop(std::mem::replace(&mut self.queues, elsewhere));
                self.queues = Queues::open(&self.path, self.clock.clone(), settings(3)).unwrap();
            }
        }
        self.forget_expired();
        assert_eq!(self.stored(), self.alive.len() as u64);
    }

    /// After a move back, replaces the ids that vanished by those that appeared.
    fn relearn(&mut self, moved: u64) {
        let now = self.clock.now_ms();
        let core = self.queues.lock();
        let mut statement = core.connection.prepare("SELECT id FROM messages").unwrap();
        let ids: BTreeSet<String> =
            statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        let before = self.alive.len();
        let gone = self.alive.keys().filter(|id| !ids.contains(*id)).count();
        // Messages that expired at this very moment are gone as well.
        assert!(gone as u64 >= moved);
        self.alive.retain(|id, _| ids.contains(id));
        let new: Vec<&String> = ids.iter().filter(|id| !self.alive.contains_key(*id)).collect();
        assert_eq!(new.len() as u64, moved);
        assert!(self.alive.len() + new.len() <= before);
        for id in new {
            let known = Known { sent_at_ms: now, hidden_until_ms: now, ..Known::default() };
            self.alive.insert(id.clone(), known);
        }
    }

    fn stored(&self) -> u64 {
        ["orders", "dead"]
            .into_iter()
            .map(|name| {
                let depth = self.queues.depth(name).unwrap();
                depth.visible + depth.in_flight + depth.delayed
            })
            .sum()
    }

    /// Lets everything become visible and takes it all.
    fn drain(&mut self) {
        self.clock.advance_s(60);
        self.forget_expired();
        for queue in ["orders", "dead"] {
            let mut first = self.deliveries.len();
            while self.take(queue, 10, 60) > 0 {
                for (queue, id, handle) in self.deliveries[first..].iter() {
                    assert!(self.queues.delete(queue, handle).unwrap());
                    self.alive.remove(id);
                }
                first = self.deliveries.len();
            }
        }
        assert!(self.alive.is_empty(), "lost: {:?}", self.alive);
        assert_eq!(self.stored(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_message_is_lost_doubled_or_revived(steps in proptest::collection::vec(step(), 1..120)) {
        let mut world = World::start();
        for step in steps {
            world.run(step);
        }
        world.drain();
    }
}
