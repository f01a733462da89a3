//! What a function's invocations came to: counts since the start, and how long the last ones took. CloudWatch's terms:
//! an invocation is one that was handed to the function, an error is one without an answer of the function's.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::environment::lock;
use super::environments::InvokeError;
use super::status::{Durations, Function};

/// Invocations whose durations are kept, at most.
const KEPT_MAX: usize = 512;
/// How long a duration counts as recent.
const RECENT: Duration = Duration::from_secs(300);

/// The figures of one function.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    counts: Mutex<Counts>,
    recent: Mutex<Recent>,
}

/// Counts since the start of the host, as [`Function`] has them.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    invocations: u64,
    errors: u64,
    time_outs: u64,
    cold_starts: u64,
}

/// How many environments there are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Environments {
    pub(crate) all: usize,
    pub(crate) idle: usize,
    pub(crate) max: usize,
}

impl Figures {
    /// An invocation is over.
    pub(crate) fn ended(&self, failure: Option<&InvokeError>) {
        let mut counts = lock(&self.counts);
        match failure {
            // The host's doing; AWS has no such thing.
            Some(InvokeError::ShuttingDown) => return,
            Some(InvokeError::TimedOut(_)) => {
                counts.errors += 1;
                counts.time_outs += 1;
            }
            Some(InvokeError::Function(_) | InvokeError::Crashed(_) | InvokeError::Init(_)) => counts.errors += 1,
            None => {}
        }
        counts.invocations += 1;
    }

    /// The function had an invocation for so long, until `at`.
    pub(crate) fn lasted(&self, duration: Duration, at: Instant) {
        lock(&self.recent).add(duration, at);
    }

    /// A process has polled for the first time.
    pub(crate) fn started(&self) {
        lock(&self.counts).cold_starts += 1;
    }

    /// All of it.
    pub(crate) fn status(&self, environments: Environments, now: Instant) -> Function {
        let Counts { invocations, errors, time_outs, cold_starts } = *lock(&self.counts);
        let durations = lock(&self.recent).summary(now);
        let Environments { all, idle, max } = environments;
        Function {
            invocations,
            errors,
            time_outs,
            cold_starts,
            environments: all,
            busy: all.saturating_sub(idle),
            environments_max: max,
            durations,
        }
    }
}

/// The last durations, each with the instant of its end.
#[derive(Debug, Default)]
struct Recent {
    kept: VecDeque<(Instant, Duration)>,
}

impl Recent {
    fn add(&mut self, duration: Duration, at: Instant) {
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back((at, duration));
    }

    fn summary(&mut self, now: Instant) -> Option<Durations> {
        self.kept.retain(|(at, _)| now.saturating_duration_since(*at) <= RECENT);
        let mut sorted: Vec<Duration> = self.kept.iter().map(|(_, duration)| *duration).collect();
        sorted.sort_unstable();
        let ms = |duration: Duration| duration.as_micros() as f64 / 1_000.0;
        Some(Durations {
            count: sorted.len(),
            p50_ms: ms(quantile(&sorted, 50)?),
            p99_ms: ms(quantile(&sorted, 99)?),
            max_ms: ms(*sorted.last()?),
        })
    }
}

/// The least of the sorted values that so many per cent of them do not exceed (nearest rank).
fn quantile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::environment::FunctionError;
    use proptest::prelude::*;

    #[track_caller]
    fn check(failures: &[Option<InvokeError>], expect: (u64, u64, u64)) {
        let figures = Figures::default();
        failures.iter().for_each(|failure| figures.ended(failure.as_ref()));
        let status = figures.status(Environments::default(), Instant::now());
        assert_eq!((status.invocations, status.errors, status.time_outs), expect, "{failures:?}");
    }

    #[test]
    fn an_error_is_an_invocation_without_an_answer() {
        let function = FunctionError { kind: "Poison".to_owned(), message: String::new() };
        check(&[], (0, 0, 0));
        check(&[None, None], (2, 0, 0));
        check(&[None, Some(InvokeError::Function(function))], (2, 1, 0));
        check(&[Some(InvokeError::Crashed(String::new())), Some(InvokeError::Init(String::new()))], (2, 2, 0));
        check(&[Some(InvokeError::TimedOut(3)), None], (2, 1, 1));
        check(&[Some(InvokeError::ShuttingDown)], (0, 0, 0));
    }

    #[test]
    fn only_the_last_minutes_count_as_recent() {
        let (figures, start) = (Figures::default(), Instant::now());
        let durations = |at| figures.status(Environments::default(), at).durations;
        assert_eq!(durations(start), None);
        figures.lasted(Duration::from_millis(80), start);
        figures.lasted(Duration::from_millis(20), start + RECENT);
        let seen = |at| durations(at).map(|durations| (durations.count, durations.p50_ms, durations.max_ms));
        assert_eq!(seen(start + RECENT), Some((2, 20.0, 80.0)));
        assert_eq!(seen(start + RECENT + Duration::from_millis(1)), Some((1, 20.0, 20.0)));
        assert_eq!(seen(start + RECENT * 3), None);
    }

    proptest! {
        #[test]
        fn a_quantile_is_the_least_value_that_covers_its_share(
            mut values in prop::collection::vec(0_u32..50, 1..200),
            percent in 0_usize..=100,
        ) {
            values.sort_unstable();
            let found = quantile(&values, percent).unwrap();
            let covered = |limit: u32| values.iter().filter(|value| **value <= limit).count() * 100;
            prop_assert!(values.contains(&found));
            prop_assert!(covered(found) >= values.len() * percent);
            let smaller = values.iter().rev().find(|value| **value < found);
            prop_assert!(smaller.is_none_or(|smaller| covered(*smaller) < values.len() * percent));
        }

        #[test]
        fn the_last_durations_are_kept_and_no_more(ms in prop::collection::vec(0_u64..10_000, 1..(KEPT_MAX * 2))) {
            let (figures, now) = (Figures::default(), Instant::now());
            ms.iter().for_each(|ms| figures.lasted(Duration::from_millis(*ms), now));
            let last = &ms[ms.len().saturating_sub(KEPT_MAX)..];
            let durations = figures.status(Environments::default(), now).durations.unwrap();
            prop_assert_eq!(durations.count, last.len());
            prop_assert_eq!(durations.max_ms, last.iter().max().copied().unwrap() as f64);
            prop_assert!(durations.p50_ms <= durations.p99_ms && durations.p99_ms <= durations.max_ms);
        }
    }
}
