//! A suite that cannot fail proves nothing: each bug of `domain::seeded_bugs` is made in turn, and must be caught.

use std::path::Path;

use super::SimulationError;
#[cfg(feature = "seeded-bugs")]
use super::invariants::Violation;

/// Makes each bug and prints which seed caught it, and how; false when one survives. A build without the feature
/// `seeded-bugs` has cargo build and run one that has it.
///
/// # Errors
/// [`SimulationError`].
#[cfg(not(feature = "seeded-bugs"))]
pub fn run(_: &Path) -> Result<bool, SimulationError> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = "run --quiet --package infra --features seeded-bugs --bin sklad -- sim --bugs";
    let status =
        std::process::Command::new(cargo).args(arguments.split(' ')).status().map_err(SimulationError::Bugs)?;
    Ok(status.success())
}

/// Makes each bug and prints which seed caught it, and how; false when one survives.
///
/// # Errors
/// [`SimulationError`].
#[cfg(feature = "seeded-bugs")]
pub fn run(template: &Path) -> Result<bool, SimulationError> {
    use domain::seeded_bugs::SeededBug;
    let mut all_caught = true;
    println!("{:<30} {:>6}  {:<40} evidence", "bug", "seed", "invariant broken");
    for bug in SeededBug::ALL {
        match catch(template, bug)? {
            Some((seed, Violation { invariant, evidence, .. })) => {
                let evidence: String = evidence.chars().take(EVIDENCE_MAX).collect();
                println!("{:<30} {seed:>6}  {invariant:<40} {evidence}", format!("{bug:?}"));
            }
            None => {
                all_caught = false;
                println!("{:<30} {:>6}  SURVIVES {SEEDS_MAX} seeds", format!("{bug:?}"), "-");
            }
        }
    }
    Ok(all_caught)
}

/// Characters of the evidence that are printed.
#[cfg(feature = "seeded-bugs")]
const EVIDENCE_MAX: usize = 160;
/// Most seeds that a bug may survive.
#[cfg(feature = "seeded-bugs")]
const SEEDS_MAX: u64 = 40;

/// The first seed that breaks something with the bug and nothing without it.
#[cfg(feature = "seeded-bugs")]
fn catch(template: &Path, bug: domain::seeded_bugs::SeededBug) -> Result<Option<(u64, Violation)>, SimulationError> {
    use super::{Plan, run};
    for seed in 1..=SEEDS_MAX {
        let size = size(bug, seed);
        let plan = Plan { template: template.to_owned(), seed, profile: Some(profile(bug)), size, trace: false };
        domain::seeded_bugs::switch(Some(bug));
        let with = run(&plan);
        domain::seeded_bugs::switch(None);
        let Some(violation) = with?.violations.into_iter().next() else { continue };
        if run(&plan)?.violations.is_empty() {
            return Ok(Some((seed, violation)));
        }
    }
    Ok(None)
}

/// The world in which a bug of this kind shows: most of the stock's need a crowd, and little for it.
#[cfg(feature = "seeded-bugs")]
fn size(bug: domain::seeded_bugs::SeededBug, seed: u64) -> super::size::Size {
    use super::size::{Size, World};
    use domain::seeded_bugs::SeededBug as B;
    match bug {
        B::TakenWithoutCondition | B::TakenWithoutName | B::ReclaimedWithoutFence => World::Rush.size(seed),
        // Whoever comes later fills what waits: so there are few orders, and stock for all of them.
        B::SoldOutWhileTakeOpen => Size { orders: 4, units: 8, spread_s: seed % 2, ..World::Rush.size(seed) },
        _ => Size { merchants: 1, orders: 8, ..Size::default() },
    }
}

/// The adversity in which a bug of this kind shows.
#[cfg(feature = "seeded-bugs")]
fn profile(bug: domain::seeded_bugs::SeededBug) -> super::faults::Profile {
    use super::faults::Profile;
    use domain::seeded_bugs::SeededBug as B;
    let none = Profile::none();
    match bug {
        B::CarrierCalledWithoutIntent => Profile { partner_silent: 0.4, ..none },
        B::TrackingInArrivalOrder => Profile { webhook_late: 0.6, client_twice: 0.3, ..none },
        B::ReturnLegMovesOrder | B::SentWithoutOutbox => none,
        B::WholeBatchAcknowledged => Profile { throttle: 0.25, lost_call: 0.15, ..none },
        B::AcknowledgedOnStaleRead => Profile { stale: 0.9, ..none },
        B::TakenWithoutCondition => none,
        B::TakenWithoutName => Profile { lost_answer: 0.3, slow_call: 0.1, ..none },
        B::ReclaimedWithoutFence => Profile { zombie: 0.5, ..none },
        B::SoldOutWhileTakeOpen => Profile::together(),
        B::StatusWithoutVersion => Profile { duplicate: 0.4, again: 0.2, stream_again: 0.3, ..none },
    }
}
