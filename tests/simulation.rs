//! The simulation within `cargo test`: many seeds, one seed in two processes, and seeds that once found something.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::seeded_bugs::SeededBug;
use infra::simulation::command::{Many, Summary, replay, run_many};
use infra::simulation::cost::{COST_BOUND, COST_IS_DUE_AFTER, Cost};
use infra::simulation::faults::Profile;
use infra::simulation::size::World;
use infra::simulation::{Plan, Report, bugs, run};

/// Seeds that broke something once: name of the profile (`drawn` for the seed's own), world and seed.
const REGRESSIONS: [(&str, World, u64); 3] =
    [("standard", World::Drawn, 1), ("drawn", World::Drawn, 26), ("drawn", World::Drawn, 108)];

fn template() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")
}

fn many<'a>(template: &'a Path, profile: Option<&'a Profile>, world: World, first: u64, count: u64) -> Many<'a> {
    Many { template, first, count, profile, world, threads: 2, progress: false }
}

/// Fails with the trace of the first run that broke something.
#[track_caller]
fn none_failed<'a>(failed: impl IntoIterator<Item = &'a Report>, world: World) {
    let Some(first) = failed.into_iter().next() else { return };
    let profile = Profile::named(first.profile_name);
    let plan = Plan { template: template(), seed: first.seed, profile, size: world.size(first.seed), trace: true };
    let trace = run(&plan).unwrap().trace.join("\n");
    panic!("{trace}\n\n{:#?}\n\nreplay with: {}", first.violations, replay(first, world));
}

#[track_caller]
fn all_hold(profile: Option<Profile>, world: World, first: u64, count: u64) -> Summary {
    let summary = run_many(&many(&template(), profile.as_ref(), world, first, count)).unwrap();
    none_failed(&summary.failed, world);
    summary
}

#[test]
fn what_must_hold_holds_in_every_seed_and_the_seeds_come_by_all_that_is_required() {
    let summary = all_hold(None, World::Drawn, 1, 300);
    assert_eq!(summary.missing_marks(), [""; 0], "the random runs never came by these");
}

#[test]
fn faults_cost_no_more_than_stated() {
    let template = template();
    let cost = Cost::measure(&many(&template, None, World::Drawn, 1, COST_IS_DUE_AFTER)).unwrap();
    none_failed(cost.failed(), World::Drawn);
    assert!(cost.ratio() <= COST_BOUND, "{cost}");
}

#[test]
fn every_seeded_bug_is_caught() {
    let outcomes = bugs::run_all(&template(), 2, |_| {}).unwrap();
    let survivors: Vec<_> = outcomes.iter().filter(|outcome| outcome.caught.is_none()).collect();
    assert!(survivors.is_empty(), "{survivors:?}");
    assert_eq!(outcomes.len(), SeededBug::ALL.len());
}

#[test]
fn every_step_may_run_twice() {
    all_hold(Some(Profile::twice()), World::Drawn, 1, 3);
}

#[test]
fn every_step_may_die_after_any_call_and_run_again() {
    all_hold(Some(Profile::everywhere()), World::Drawn, 1, 3);
}

#[test]
fn two_environments_may_work_on_the_same_messages() {
    all_hold(Some(Profile::together()), World::Drawn, 1, 3);
}

#[test]
fn what_was_found_once_stays_mended() {
    for (name, world, seed) in REGRESSIONS {
        // `named` knows no drawn one: then it is the seed's own.
        all_hold(Profile::named(name), world, seed, 1);
    }
}

#[test]
fn a_seed_repeats_itself_in_another_process() {
    let story = || {
        let output = Command::new(env!("CARGO_BIN_EXE_sklad"))
            .arg("--template")
            .arg(template())
            .args(["sim", "--seed", "7"])
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let (one, other) = (story(), story());
    assert!(one.lines().count() > 500, "{one}");
    for (first, second) in one.lines().zip(other.lines()) {
        assert_eq!(first, second);
    }
    assert_eq!(one.len(), other.len());
}
