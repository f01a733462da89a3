//! The simulation within `cargo test`: many seeds, one seed in two processes, and seeds that once found something.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::seeded_bugs::SeededBug;
use infra::simulation::command::{Many, Summary, replay, run_many};
use infra::simulation::cost::{COST_BOUND, COST_IS_DUE_AFTER, Cost};
use infra::simulation::faults::Profile;
use infra::simulation::previous::{self, Previous, PreviousError};
use infra::simulation::rights::unused;
use infra::simulation::size::World;
use infra::simulation::{Plan, Report, SimulationError, bugs, run};

/// Seeds that broke something once: name of the profile (`drawn` for the seed's own), world and seed.
const REGRESSIONS: [(&str, World, u64); 2] = [("standard", World::Drawn, 1), ("drawn", World::Drawn, 107)];

fn template() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")
}

fn many<'a>(template: &'a Path, profile: Option<&'a Profile>, world: World, first: u64, count: u64) -> Many<'a> {
    Many { template, first, count, profile, world, threads: 2, progress: false, previous: None }
}

/// Fails with the trace of the first run that broke something.
#[track_caller]
fn none_failed<'a>(failed: impl IntoIterator<Item = &'a Report>, world: World) {
    let Some(first) = failed.into_iter().next() else { return };
    let profile = Profile::named(first.profile_name);
    let plan = Plan {
        template: template(),
        seed: first.seed,
        profile,
        size: world.size(first.seed),
        trace: true,
        previous: None,
    };
    let trace = run(&plan).unwrap().trace.join("\n");
    panic!("{trace}\n\n{:#?}\n\nreplay with: {}", first.violations, replay(first, world, None));
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
    // What a function calls is compared with its role at every call; `.ci/rights.py` compares the other way, with what the
    // black-box tests used.
    let unused: String =
        unused(&template(), &summary.rights).unwrap().iter().map(|right| format!("{right}\n")).collect();
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("rights-unused-by-simulation"), unused).unwrap();
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

/// This build as the previous version of itself: old in nothing but that it is another process. `cargo local sim
/// --upgrade-from` takes a real one.
fn previous() -> Previous {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_sklad"));
    Previous { program, template: template(), commit: "this build".to_owned(), renamed: None }
}

fn upgrade(previous: Previous, seed: u64) -> Plan {
    let size = World::Drawn.size(seed);
    Plan { template: template(), seed, profile: None, size, trace: false, previous: Some(previous) }
}

/// A program that says so as the previous version's, and then ends.
#[cfg(unix)]
fn script(directory: &Path, lines: &str) -> Previous {
    use std::os::unix::fs::PermissionsExt;
    let program = directory.join("sklad");
    std::fs::write(&program, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    Previous { program, ..previous() }
}

#[test]
fn two_versions_work_on_the_same_orders_while_one_takes_over_from_the_other() {
    let (template, previous) = (template(), previous());
    let many = Many { previous: Some(&previous), ..many(&template, None, World::Drawn, 1, 12) };
    let summary = run_many(&many).unwrap();
    if let Some(first) = summary.failed.first() {
        let trace = run(&Plan { trace: true, ..upgrade(previous, first.seed) }).unwrap().trace.join("\n");
        panic!("{trace}\n\n{:#?}", first.violations);
    }
    let missing: Vec<_> = previous::MARKS.iter().filter(|mark| !summary.marks.contains_key(*mark)).collect();
    assert!(missing.is_empty(), "the upgrades never came by {missing:?}");
}

#[test]
fn an_upgrade_repeats_itself() {
    let story = || run(&Plan { trace: true, ..upgrade(previous(), 7) }).unwrap().trace;
    let (one, other) = (story(), story());
    assert!(one.iter().any(|line| line.contains(" old relay#")), "{one:#?}");
    for (first, second) in one.iter().zip(&other) {
        assert_eq!(first, second);
    }
    assert_eq!(one.len(), other.len());
}

#[test]
fn versions_that_cannot_read_each_other_are_caught() {
    let caught = |ours: &str, theirs: &str| {
        let renamed = Some((ours.to_owned(), theirs.to_owned()));
        let seeds = (1..=10).map(|seed| upgrade(Previous { renamed: renamed.clone(), ..previous() }, seed));
        seeds.map(|plan| run(&plan).unwrap().violations).find(|violations| !violations.is_empty())
    };
    let of_message = caught("create_pick_tasks", "make_pick_tasks").expect("a message's kind was renamed");
    assert_eq!(of_message[0].invariant, "versions read each other", "{of_message:?}");
    // Absent it means none: nothing is unreadable, and promises are forgotten.
    caught("fulfillment_orders", "shipping_orders").expect("a stored field was renamed");
}

#[cfg(unix)]
#[test]
fn a_program_that_is_no_previous_version_or_stops_being_one_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let outcome = |lines: &str| run(&upgrade(script(directory.path(), lines), 1));
    let refused = |lines: &str| match outcome(lines) {
        Err(SimulationError::Previous(error)) => error,
        other => panic!("{other:?}"),
    };
    let error = refused("echo 'error: unrecognized subcommand' >&2; exit 2");
    assert!(matches!(error, PreviousError::NoWorker(_)), "{error}");
    let error = refused(r#"echo '{"protocol":99}'; read -r line"#);
    assert!(matches!(error, PreviousError::OtherProtocol { theirs: 99, .. }), "{error}");
    let stops =
        r#"echo '{"protocol":1}'; read -r line; echo '{"ready":{"functions":["operations"]}}'; read -r line; exit 3"#;
    let report = outcome(stops).unwrap();
    assert_eq!(report.violations[0].invariant, "machinery");
    assert!(report.violations[0].evidence.contains("exit status: 3"), "{:?}", report.violations);
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
