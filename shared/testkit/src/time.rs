//! One clock for the engine, the SDK and the functions, moved by the test; and ids that repeat.

use aws_smithy_async::time::TimeSource;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// When tests begin: 2026-11-02T08:00:00Z.
pub const START_MS: u64 = 1_793_606_400_000;

/// A clock that only the test moves.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<AtomicU64>);

impl Default for TestClock {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(START_MS)))
    }
}

impl TestClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    fn ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl engine::clock::Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.ms()
    }
}

impl platform::clock::Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(i64::try_from(self.ms()).unwrap_or(i64::MAX)).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl TimeSource for TestClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.ms())
    }
}

/// Ids that are the same in every run of a test.
#[derive(Debug, Clone, Default)]
pub struct TestIds(Arc<AtomicU64>);

impl platform::clock::Ids for TestIds {
    fn random(&self, length: usize) -> String {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let text = domain::ids::digest(&["test", &number.to_string()], 64);
        text.chars().cycle().take(length).collect()
    }
}
