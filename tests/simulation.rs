//! The simulation within `cargo test`: many seeds, one seed in two processes, and seeds that once found something.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::seeded_bugs::SeededBug;
use infra::simulation::command::{Many, Summary, replay, run_many};
use infra::simulation::cost::{COST_BOUND, COST_IS_DUE_AFTER, Cost};
use infra::simulation::faults::Profile;
use infra::simulation::rights::{Right, unused};
use infra::simulation::size::World;
use infra::simulation::{Plan, Report, bugs, run};

/// Seeds that broke something once: name of the profile (`drawn` for the seed's own), world and seed.
const REGRESSIONS: [(&str, World, u64); 2] = [("standard", World::Drawn, 1), ("drawn", World::Drawn, 107)];

/// Rights that no actor of the simulation makes a function use: whose they are, how they begin, and who does. Those of routes
/// are used by the tests of the function and by `tests/black_box`.
const NOT_BY_ACTORS: [(&str, &str, &str); 35] = [
    ("inventory", "dynamodb:BatchGetItem catalogue", "an audit of named items"),
    ("inventory", "dynamodb:BatchGetItem movements", "rates of sale in the list of replenishment"),
    ("inventory", "dynamodb:BatchGetItem stock", "the list of audits"),
    ("inventory", "dynamodb:Query catalogue", "the list of stock levels"),
    ("inventory", "dynamodb:Query movements", "the ledgers and the feeds"),
    ("operations", "dynamodb:BatchGetItem orders", "the list of orders"),
    ("operations", "dynamodb:DeleteItem accounts", "a key that is revoked"),
    ("operations", "dynamodb:GetItem tasks", "a packing slip"),
    ("operations", "dynamodb:PutItem people", "a recipient's address that is corrected"),
    ("operations", "dynamodb:Query catalogue", "lists of items and locations"),
    ("operations", "dynamodb:Query orders/index/", "lists of orders"),
    ("operations", "dynamodb:Query people", "a request about personal data by number and e-mail"),
    ("operations", "s3:ListBucket", "an export of personal data"),
    ("operations", "s3:GetObject", "links to documents: signed here, fetched by the reader"),
    ("operations", "sqs:ChangeMessageVisibility", "dead letters that are looked at"),
    ("operations", "sqs:DeleteMessage", "dead letters that were redriven or discarded"),
    ("operations", "sqs:GetQueueAttributes", "how many dead letters there are"),
    ("operations", "sqs:ReceiveMessage", "dead letters that are looked at"),
    ("operations", "sqs:SendMessage", "dead letters that are redriven"),
    ("order-intake", "dynamodb:BatchGetItem orders", "orders that a shop's request about personal data names"),
    ("order-intake", "dynamodb:GetItem people", "a person's record that is there already"),
    ("pick-pack", "dynamodb:GetItem catalogue", "a count that a person asks for"),
    ("returns", "dynamodb:BatchGetItem returns", "the list of returns"),
    ("returns", "dynamodb:Query people", "a return that a shopper asks for by number and e-mail"),
    ("returns", "dynamodb:Query returns/index/listed", "the list of returns"),
    ("returns", "sqs:ChangeMessageVisibility", "a message that must wait: seldom"),
    ("sweeper", "dynamodb:GetItem accounts", "polling of a carrier that sends no webhooks"),
    ("sweeper", "dynamodb:GetItem returns", "a return that nobody goes on with: seldom"),
    ("sweeper", "dynamodb:PutItem returns", "a return that nobody goes on with: seldom"),
    ("sweeper", "dynamodb:PutItem people", "erasure"),
    ("sweeper", "dynamodb:Query people", "erasure"),
    ("sweeper", "s3:DeleteObject", "erasure"),
    ("sweeper", "s3:ListBucket", "erasure"),
    ("sweeper", "sqs:SendMessage fulfilments", "a reorder point that is due"),
    ("sweeper", "sqs:SendMessage tracking", "what polling of a carrier finds"),
];

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
    // What a function calls is compared with its role at every call; here what roles allow with what was called.
    let unused = unused(&template(), &summary.rights).unwrap();
    let told: Vec<String> = unused.iter().map(Right::to_string).collect();
    let is_for = |right: &str, (function, start, _): &(&str, &str, &str)| {
        right.split_once(": ").is_some_and(|(of, what)| of == *function && what.starts_with(start))
    };
    let needless: Vec<&String> =
        told.iter().filter(|right| !NOT_BY_ACTORS.iter().any(|known| is_for(right, known))).collect();
    assert!(needless.is_empty(), "rights that nothing uses: {needless:#?}");
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
