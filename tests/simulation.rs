//! The simulation within `cargo test`: many seeds, one seed in two processes, and seeds that once found something.

use std::path::PathBuf;
use std::process::Command;

use infra::simulation::command::{COST_BOUND, Many, REQUIRED, Summary, replay, run_many, size_of};
use infra::simulation::faults::Profile;
use infra::simulation::{Plan, run};

/// Seeds that broke something once: name of the profile (`drawn` for the seed's own) and seed.
const REGRESSIONS: [(&str, u64); 2] = [("standard", 1), ("drawn", 26)];

fn template() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")
}

#[track_caller]
fn all_hold(profile: Option<Profile>, first: u64, count: u64) -> Summary {
    let template = template();
    let many =
        Many { template: &template, first, count, profile: profile.as_ref(), size: None, threads: 2, progress: false };
    let summary = run_many(&many).unwrap();
    if let Some(first) = summary.failed.first() {
        let plan =
            Plan { template, seed: first.seed, profile: profile.clone(), size: size_of(first.seed), trace: true };
        let trace = run(&plan).unwrap().trace;
        let command = replay(first.seed, profile.as_ref());
        panic!("{}\n\n{summary}\n\nreplay with: {command}", trace.join("\n"));
    }
    summary
}

#[test]
fn three_hundred_seeds_hold_and_faults_cost_little() {
    let mut marks = all_hold(None, 1, 240).marks;
    let without = all_hold(Some(Profile::none()), 1000, 30);
    let with = all_hold(Some(Profile::standard()), 1000, 30);
    let (cost, base) = (with.units_per_order(), without.units_per_order());
    assert!(cost <= COST_BOUND * base, "{cost:.1} write units an order with faults, {base:.1} without");
    marks.extend(without.marks);
    marks.extend(with.marks);
    let missing: Vec<&str> = REQUIRED.into_iter().filter(|mark| !marks.contains_key(mark)).collect();
    assert_eq!(missing, [""; 0], "the random runs never came by these");
}

#[test]
fn every_step_may_run_twice() {
    all_hold(Some(Profile::twice()), 1, 3);
}

#[test]
fn every_step_may_die_after_any_call_and_run_again() {
    all_hold(Some(Profile::everywhere()), 1, 3);
}

#[test]
fn two_environments_may_work_on_the_same_messages() {
    all_hold(Some(Profile::together()), 1, 3);
}

#[test]
fn what_was_found_once_stays_mended() {
    for (name, seed) in REGRESSIONS {
        // `named` knows no drawn one: then it is the seed's own.
        all_hold(Profile::named(name), seed, 1);
    }
}

#[test]
fn a_seed_repeats_itself_in_another_process() {
    let story = || {
        let output = Command::new(env!("CARGO_BIN_EXE_sklad"))
            .args(["sim", "--seed", "7", "--template"])
            .arg(template())
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
