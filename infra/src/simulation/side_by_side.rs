//! Runs beside each other: each seed is a world of its own.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::clock::lock;

/// Processors there are.
#[must_use]
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Acts on each, so many at a time. Gives what each came to, in their order.
pub(crate) fn side_by_side<T: Sync, R: Send>(all: &[T], threads: usize, act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = all.get(index) else { return };
            let outcome = act(one);
            lock(&done).insert(index, outcome);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, all.len().max(1)) {
            scope.spawn(work);
        }
    });
    std::mem::take(&mut *lock(&done)).into_values().collect()
}
