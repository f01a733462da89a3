//! A model, and no more than that, of what a sale does to another merchant's orders in the same queue.
//!
//! Messages become visible by the relay's lag (100 to 250 ms). Invocations take batches, gathered for a window, as long as
//! one is free; a batch lasts a fixed time and some more for each message. Which message comes next is decided either by
//! deficit round robin over the merchants (what SQS documents of fair queues comes near to it: a quiet group is not
//! delayed by a noisy one) or by age alone.

use std::collections::{BTreeMap, VecDeque};

use fastrand::Rng;

/// Messages that a merchant may take in one turn.
const QUANTUM: usize = 10;
/// Invocations at the same time: so many that the sale overloads them.
const INVOCATIONS: usize = 20;
/// A batch lasts so long, whatever is in it.
const BATCH_US: u64 = 35_000;
/// And so much longer for each message.
const MESSAGE_US: u64 = 400;
/// The quiet merchant's orders a second.
const QUIET_PER_S: u64 = 50;
/// How long the sale lasts, and how long the quiet merchant is looked at.
const LASTS_US: u64 = 5_000_000;

/// 99th percentiles of the quiet merchant, from an order's commit to the end of its batch, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fairness {
    /// Without a sale.
    pub alone_ms: u64,
    /// Beside the sale, served in turn.
    pub in_turn_ms: u64,
    /// Beside the sale, served by age: what the groups are for.
    pub by_age_ms: u64,
}

#[derive(Clone, Copy)]
struct Message {
    committed_us: u64,
    visible_us: u64,
    quiet: bool,
}

/// Runs the model.
#[must_use]
pub fn fairness(seed: u64, sale_per_s: u64, batch: usize) -> Fairness {
    let run = |sale_per_s, in_turn| p99_ms(&messages(seed, sale_per_s), batch, in_turn);
    Fairness { alone_ms: run(0, true), in_turn_ms: run(sale_per_s, true), by_age_ms: run(sale_per_s, false) }
}

fn messages(seed: u64, sale_per_s: u64) -> Vec<Message> {
    let mut rng = Rng::with_seed(seed);
    let mut found = Vec::new();
    for (quiet, rate) in [(true, QUIET_PER_S), (false, sale_per_s)] {
        for number in 0..rate * LASTS_US / 1_000_000 {
            let committed_us = number * 1_000_000 / rate.max(1);
            found.push(Message { committed_us, visible_us: committed_us + rng.u64(100_000..250_000), quiet });
        }
    }
    found.sort_by_key(|message| message.visible_us);
    found
}

fn p99_ms(messages: &[Message], batch: usize, in_turn: bool) -> u64 {
    let mut coming: VecDeque<Message> = messages.iter().copied().collect();
    // One queue for each merchant in turn, one for all by age.
    let mut queues: BTreeMap<bool, VecDeque<Message>> = BTreeMap::new();
    let mut free_at_us = [0_u64; INVOCATIONS];
    let mut waits_ms = Vec::new();
    let mut now_us = 0;
    while !coming.is_empty() || queues.values().any(|queue| !queue.is_empty()) {
        let next_free = free_at_us.iter().copied().min().unwrap_or(0);
        let waiting = queues.values().any(|queue| !queue.is_empty());
        let arrives = coming.front().map_or(u64::MAX, |message| message.visible_us);
        now_us = now_us.max(next_free).max(if waiting { 0 } else { arrives });
        while let Some(message) = coming.front().filter(|message| message.visible_us <= now_us).copied() {
            coming.pop_front();
            queues.entry(in_turn && message.quiet).or_default().push_back(message);
        }
        let taken = take(&mut queues, batch);
        let done_us = now_us + BATCH_US + MESSAGE_US * taken.len() as u64;
        if let Some(slot) = free_at_us.iter_mut().min() {
            *slot = done_us;
        }
        waits_ms.extend(taken.iter().filter(|m| m.quiet).map(|message| (done_us - message.committed_us) / 1000));
    }
    waits_ms.sort_unstable();
    waits_ms.get(waits_ms.len() * 99 / 100).copied().unwrap_or(0)
}

/// Deficit round robin: each queue in its turn gives what it may, until the batch is full.
fn take(queues: &mut BTreeMap<bool, VecDeque<Message>>, batch: usize) -> Vec<Message> {
    let mut taken = Vec::new();
    // The quiet one's turn comes first or second: over many batches that is the same.
    while taken.len() < batch && queues.values().any(|queue| !queue.is_empty()) {
        for queue in queues.values_mut().rev() {
            let most = QUANTUM.min(batch - taken.len()).min(queue.len());
            taken.extend(queue.drain(..most));
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merchant_beside_a_sale_keeps_its_pace_when_served_in_turn() {
        for batch in [10, 100, 1000] {
            let model = fairness(7, 10_000, batch);
            assert!(model.in_turn_ms * 2 <= model.alone_ms * 3, "{batch}: {model:?}");
        }
    }

    #[test]
    fn by_age_alone_it_would_wait_behind_the_crowd() {
        let model = fairness(7, 10_000, 10);
        assert!(model.by_age_ms > 2 * model.in_turn_ms, "{model:?}");
    }
}
