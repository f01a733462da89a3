//! The one clock of a run, and what passes time on it.

use std::collections::BinaryHeap;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;
use jiff::Timestamp;

/// When every run begins: 2026-11-02T08:00:00Z, in microseconds.
pub(crate) const START_US: u64 = 1_793_606_400_000_000;

/// A minute, microseconds.
pub(crate) const MINUTE_US: u64 = 60_000_000;

/// A clock that only the executor moves, in microseconds. Clones share the time.
#[derive(Debug, Clone)]
pub(crate) struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START_US)))
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The instant after so much time.
    pub(crate) fn after_us(&self, time: Duration) -> u64 {
        self.now_us() + u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 4)
    }

    pub(crate) fn set(&self, now_us: u64) {
        self.0.store(now_us, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Timestamp {
        platform::clock::Clock::now(self)
    }
}

impl engine::clock::Clock for VirtualClock {
    fn now_ms(&self) -> u64 {
        self.now_us() / 1000
    }
}

impl platform::clock::Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let ms = i64::try_from(self.now_us() / 1000).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl TimeSource for VirtualClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_micros(self.now_us())
    }
}

/// The content of a lock: no thread dies with it half changed, since a run has one thread.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Entry {
    at_us: u64,
    /// Decides among events of one instant: in the order in which they were put down.
    number: u64,
    wakes: Waker,
    dropped: Arc<AtomicBool>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    /// The heap's greatest is the earliest.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at_us, other.number).cmp(&(self.at_us, self.number))
    }
}

#[derive(Default)]
struct Entries {
    heap: BinaryHeap<Entry>,
    next: u64,
}

/// Whom to wake, and when. Clones share it.
#[derive(Clone)]
pub(crate) struct Agenda {
    pub(crate) clock: VirtualClock,
    entries: Arc<Mutex<Entries>>,
}

impl fmt::Debug for Agenda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agenda").finish_non_exhaustive()
    }
}

impl Agenda {
    pub(crate) fn new(clock: VirtualClock) -> Self {
        Self { clock, entries: Arc::default() }
    }

    /// Resolves when so much virtual time has passed.
    pub(crate) fn pass(&self, time: Duration) -> Nap {
        self.until(self.clock.after_us(time))
    }

    /// Resolves at that instant.
    pub(crate) fn until(&self, until_us: u64) -> Nap {
        Nap { agenda: self.clone(), until_us, noted: None, dropped: Arc::default() }
    }

    /// Moves the clock to the next event and wakes whom it is for; `None` when nobody waits for anything.
    pub(crate) fn advance(&self) -> Option<u64> {
        loop {
            let entry = lock(&self.entries).heap.pop()?;
            if entry.dropped.load(Ordering::Relaxed) {
                continue;
            }
            if entry.at_us > self.clock.now_us() {
                self.clock.set(entry.at_us);
            }
            entry.wakes.wake();
            return Some(entry.at_us);
        }
    }

    /// Wakes somebody at that instant.
    pub(crate) fn wake_at(&self, at_us: u64, wakes: Waker) {
        self.note(at_us, wakes, Arc::default());
    }

    fn note(&self, at_us: u64, wakes: Waker, dropped: Arc<AtomicBool>) {
        let mut entries = lock(&self.entries);
        entries.next += 1;
        let number = entries.next;
        entries.heap.push(Entry { at_us, number, wakes, dropped });
    }
}

/// A wait on the virtual clock. Dropped, it is forgotten: a time-out that did not come does not move the clock.
pub(crate) struct Nap {
    agenda: Agenda,
    until_us: u64,
    noted: Option<Waker>,
    dropped: Arc<AtomicBool>,
}

impl Future for Nap {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.agenda.clock.now_us() >= self.until_us {
            return Poll::Ready(());
        }
        if !self.noted.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            self.agenda.note(self.until_us, context.waker().clone(), Arc::clone(&self.dropped));
            self.noted = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

impl AsyncSleep for Agenda {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(self.pass(duration))
    }
}

/// Unguessable text that is the same in every run of a seed.
#[derive(Debug)]
pub(crate) struct SeededIds {
    seed: String,
    next: AtomicU64,
}

impl SeededIds {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed: seed.to_string(), next: AtomicU64::new(0) }
    }
}

impl platform::clock::Ids for SeededIds {
    fn random(&self, length: usize) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let text = domain::ids::digest(&["simulation", &self.seed, &number.to_string()], 64);
        text.chars().cycle().take(length).collect()
    }
}
