//! What happens to one batch of stream records: done, tried again, split, or given up. Decisions only, in order:
//! a record is never passed before the ones ahead of it are done or given up.

use std::collections::VecDeque;
use std::ops::Range;

/// When records are given up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Attempts after the first; `None`: no end.
    pub(crate) retries_max: Option<u32>,
    /// Whether a failing batch is split in two.
    pub(crate) bisect: bool,
}

/// How an invocation with the present part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All its records are done.
    Done,
    /// All before this position (in the whole batch) are done; this one is not.
    FailedAt(usize),
    /// It failed as a whole.
    Failed,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Go on with the present part at once.
    Continue,
    /// Wait a little before going on.
    Retry,
    /// These records are given up after so many invocations; go on after them.
    GiveUp {
        /// Positions in the whole batch.
        records: Range<usize>,
        /// Invocations that they had.
        invocations: u32,
    },
}

/// A batch on its way.
#[derive(Debug)]
pub(crate) struct Progress {
    limits: Limits,
    parts: VecDeque<Part>,
    done: usize,
}

#[derive(Debug)]
struct Part {
    records: Range<usize>,
    failures: u32,
}

impl Progress {
    /// A batch of so many records, none of them tried.
    pub(crate) fn new(records: usize, limits: Limits) -> Self {
        let parts = (records > 0).then_some(Part { records: 0..records, failures: 0 });
        Self { limits, parts: parts.into_iter().collect(), done: 0 }
    }

    /// The records to invoke with; `None` at the end.
    pub(crate) fn part(&self) -> Option<Range<usize>> {
        self.parts.front().map(|part| part.records.clone())
    }

    /// Failed invocations of the present part.
    pub(crate) fn failures(&self) -> u32 {
        self.parts.front().map_or(0, |part| part.failures)
    }

    /// So many records are done or given up, from the first on.
    pub(crate) fn done(&self) -> usize {
        self.done
    }

    /// Gives up the present part's records before this position, for their age.
    pub(crate) fn expire(&mut self, before: usize) {
        if let Some(part) = self.parts.front_mut() {
            part.records.start = before.clamp(part.records.start, part.records.end);
            self.done = part.records.start;
            if part.records.is_empty() {
                self.parts.pop_front();
            }
        }
    }

    /// Takes in how the invocation with the present part ended.
    pub(crate) fn report(&mut self, outcome: Outcome) -> Step {
        let Some(mut part) = self.parts.pop_front() else {
            return Step::Continue;
        };
        match outcome {
            Outcome::Done => {
                self.done = part.records.end;
                return Step::Continue;
            }
            Outcome::FailedAt(position) if position > part.records.start && position < part.records.end => {
                // Something was done: the rest starts afresh, or a long batch would be given up for its length.
                self.done = position;
                part.records.start = position;
                part.failures = 0;
            }
            Outcome::FailedAt(_) | Outcome::Failed => {}
        }
        if self.limits.bisect && part.records.len() > 1 {
            // A named record is parted from those behind it; otherwise the halves show where the bad one is.
            let middle = match outcome {
                Outcome::FailedAt(_) => part.records.start + 1,
                Outcome::Done | Outcome::Failed => part.records.start + part.records.len() / 2,
            };
            // Splitting does not use up an attempt.
            for records in [middle..part.records.end, part.records.start..middle] {
                self.parts.push_front(Part { records, failures: part.failures });
            }
            return Step::Continue;
        }
        part.failures += 1;
        if self.limits.retries_max.is_some_and(|retries| part.failures > retries) {
            self.done = part.records.end;
            return Step::GiveUp { records: part.records, invocations: part.failures };
        }
        self.parts.push_front(part);
        Step::Retry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NO_BISECT: Limits = Limits { retries_max: Some(2), bisect: false };

    #[test]
    fn a_failing_batch_is_given_up_after_its_retries() {
        let mut progress = Progress::new(3, NO_BISECT);
        assert_eq!(progress.report(Outcome::Failed), Step::Retry);
        assert_eq!(progress.report(Outcome::Failed), Step::Retry);
        assert_eq!(progress.done(), 0);
        let step = progress.report(Outcome::Failed);
        assert_eq!(step, Step::GiveUp { records: 0..3, invocations: 3 });
        assert_eq!((progress.part(), progress.done()), (None, 3));
    }

    #[test]
    fn what_stands_before_a_reported_record_is_done() {
        let mut progress = Progress::new(5, NO_BISECT);
        assert_eq!(progress.report(Outcome::FailedAt(3)), Step::Retry);
        assert_eq!((progress.part(), progress.done()), (Some(3..5), 3));
        assert_eq!(progress.report(Outcome::Done), Step::Continue);
        assert_eq!((progress.part(), progress.done()), (None, 5));
    }

    #[test]
    fn expired_records_are_passed() {
        let mut progress = Progress::new(3, NO_BISECT);
        progress.expire(2);
        assert_eq!((progress.part(), progress.done()), (Some(2..3), 2));
        progress.expire(3);
        assert_eq!((progress.part(), progress.done()), (None, 3));
    }

    proptest! {
        #[test]
        fn bisecting_gives_up_exactly_the_poison(
            poison in proptest::collection::vec(any::<bool>(), 1..40),
            retries in 0_u32..4,
            names_it in any::<bool>(),
        ) {
            let mut progress = Progress::new(poison.len(), Limits { retries_max: Some(retries), bisect: true });
            let mut given_up = Vec::new();
            let mut before = 0;
            let mut rounds = 0;
            while let Some(part) = progress.part() {
                rounds += 1;
                prop_assert!(rounds < 1_000, "no end");
                prop_assert_eq!(part.start, progress.done(), "a record was passed");
                let first_bad = part.clone().find(|position| poison[*position]);
                let outcome = match first_bad {
                    None => Outcome::Done,
                    Some(position) if names_it => Outcome::FailedAt(position),
                    Some(_) => Outcome::Failed,
                };
                if let Step::GiveUp { records, .. } = progress.report(outcome) {
                    given_up.extend(records);
                }
                prop_assert!(progress.done() >= before);
                before = progress.done();
            }
            let expected: Vec<usize> =
                poison.iter().enumerate().filter(|(_, bad)| **bad).map(|(position, _)| position).collect();
            prop_assert_eq!(given_up, expected);
            prop_assert_eq!(progress.done(), poison.len());
        }
    }
}
