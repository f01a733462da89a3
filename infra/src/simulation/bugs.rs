//! A suite that cannot fail proves nothing: each bug of [`domain::seeded_bugs`] is made in turn, and must be caught.

use std::path::Path;

use domain::seeded_bugs::{CAN_BE_MADE, SeededBug as B, switch};

use super::faults::Profile;
use super::invariants::Violation;
use super::side_by_side::side_by_side;
use super::size::{Size, World};
use super::{Plan, SimulationError, run};

/// Most seeds that a bug may survive.
const SEEDS_MAX: u64 = 100;
/// Characters of the evidence that are printed.
const EVIDENCE_MAX: usize = 160;

/// What became of one bug.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The bug.
    pub bug: B,
    /// The first seed that breaks something with the bug and nothing without it, and what it breaks; `None`: the bug survives.
    pub caught: Option<(u64, Violation)>,
}

impl Outcome {
    /// What the table's columns are.
    #[must_use]
    pub fn head() -> String {
        format!("{:<30} {:>6}  {:<40} evidence", "bug", "seed", "invariant broken")
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bug = format!("{:?}", self.bug);
        match &self.caught {
            Some((seed, Violation { invariant, evidence, .. })) => {
                let evidence: String = evidence.chars().take(EVIDENCE_MAX).collect();
                write!(f, "{bug:<30} {seed:>6}  {invariant:<40} {evidence}")
            }
            None => write!(f, "{bug:<30} {:>6}  SURVIVES {SEEDS_MAX} seeds", "-"),
        }
    }
}

/// Makes each bug, on so many threads, and tells of each as soon as it is known.
///
/// # Errors
/// [`SimulationError`]: [`SimulationError::NoBugs`] in a release build.
pub fn run_all(
    template: &Path,
    threads: usize,
    tell: impl Fn(&Outcome) + Sync,
) -> Result<Vec<Outcome>, SimulationError> {
    if !CAN_BE_MADE {
        return Err(SimulationError::NoBugs);
    }
    let outcomes = side_by_side(&B::ALL, threads, |&bug| {
        let outcome = Outcome { bug, caught: catch(template, bug)? };
        tell(&outcome);
        Ok(outcome)
    });
    outcomes.into_iter().collect()
}

fn catch(template: &Path, bug: B) -> Result<Option<(u64, Violation)>, SimulationError> {
    for seed in 1..=SEEDS_MAX {
        let size = size(bug, seed);
        let plan = Plan {
            template: template.to_owned(),
            seed,
            profile: Some(profile(bug)),
            size,
            trace: false,
            previous: None,
        };
        switch(Some(bug));
        let with = run(&plan);
        switch(None);
        let Some(violation) = with?.violations.into_iter().next() else { continue };
        if run(&plan)?.violations.is_empty() {
            return Ok(Some((seed, violation)));
        }
    }
    Ok(None)
}

/// The world in which a bug of this kind shows: most of the stock's need a crowd, and little for it.
fn size(bug: B, seed: u64) -> Size {
    match bug {
        B::TakenWithoutCondition | B::TakenWithoutName | B::ReclaimedWithoutFence => World::Rush.size(seed),
        // Whatever comes later fills what waits: so nothing does.
        B::SoldOutWhileTakeOpen => {
            Size { orders: 20, units: 30, spread_s: 4, only_orders: true, ..World::Rush.size(seed) }
        }
        _ => Size { merchants: 1, orders: 8, ..Size::default() },
    }
}

/// The adversity in which a bug of this kind shows.
fn profile(bug: B) -> Profile {
    let none = Profile::none();
    match bug {
        B::CarrierCalledWithoutIntent => Profile { partner_silent: 0.4, ..none },
        B::TrackingInArrivalOrder => Profile { webhook_late: 0.6, client_twice: 0.3, ..none },
        B::ReturnLegMovesOrder | B::SentWithoutOutbox => none,
        B::WholeBatchAcknowledged => Profile { throttle: 0.25, lost_call: 0.15, ..none },
        B::AcknowledgedOnStaleRead => Profile { stale: 0.9, ..none },
        // Batches of the same messages plan from the same level.
        B::TakenWithoutCondition => Profile { duplicate: 0.5, slow_call: 0.1, ..none },
        B::TakenWithoutName => Profile { lost_answer: 0.3, slow_call: 0.1, ..none },
        B::ReclaimedWithoutFence => Profile { zombie: 0.5, ..none },
        // Two takes for the same order, of which one gives back, and late enough for another order to have looked again.
        B::SoldOutWhileTakeOpen => Profile { duplicate: 0.5, slow_call: 0.1, ..none },
        B::StatusWithoutVersion => Profile { duplicate: 0.4, again: 0.2, stream_again: 0.3, ..none },
    }
}
