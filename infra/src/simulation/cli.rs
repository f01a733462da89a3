//! `cargo local sim`: its options, and what each of them asks for.

use std::path::Path;

use clap::Args;

use super::command::{self, Many};
use super::cost::Cost;
use super::faults::Profile;
use super::previous::checkout;
use super::side_by_side::processors;
use super::size::{Size, World};
use super::{Plan, SimulationError, bugs, sale};
use crate::host::now;

/// Most seeds that are run twice to compare costs.
const PAIRS_MAX: u64 = 200;

/// Options of the command.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// Replay this seed and print its trace.
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Run so many seeds and print a summary; one in ten also without faults and in the standard profile, to compare costs.
    #[arg(long, value_name = "N", default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, value_name = "N", default_value_t = 1)]
    first: u64,
    /// What goes wrong; drawn from each seed unless said.
    #[arg(long, value_parser = ["none", "standard", "twice", "everywhere", "together"])]
    profile: Option<String>,
    /// Orders of each seed; drawn from it unless said.
    #[arg(long, value_name = "N")]
    orders: Option<usize>,
    /// Make every seed's world a rush: up to 150 orders for one item within two seconds, and stock for a part of them.
    #[arg(long, conflicts_with_all = ["orders", "bugs", "sale"])]
    rush: bool,
    /// Make each bug of a list in turn, and print which seed caught it by which invariant.
    #[arg(long, conflicts_with_all = ["seed", "seeds", "profile"])]
    bugs: bool,
    /// Begin every run with the functions of this commit, run by its own program, and deploy these in the middle of it.
    #[arg(long, value_name = "COMMIT", conflicts_with_all = ["bugs", "sale"])]
    upgrade_from: Option<String>,
    /// Seeds at a time, each on a thread of its own; as many as there are processors unless said.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Hold a flash sale instead, and print what it costs.
    #[arg(long)]
    sale: bool,
    /// Orders a second of the sale; each is held for five virtual seconds.
    #[arg(long, value_delimiter = ',', default_value = "10000", value_name = "RATES", requires = "sale")]
    rates: Vec<u64>,
    /// Batches among which the least is sought for each rate, ascending.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "10,25,50,100,250,500,1000",
        value_name = "BATCHES",
        requires = "sale"
    )]
    batches: Vec<usize>,
}

/// Does what they ask for, and prints it; says whether all that must hold held.
///
/// # Errors
/// [`SimulationError`], when a run could not be made at all.
pub fn run(template: &Path, arguments: &Arguments) -> Result<bool, SimulationError> {
    if arguments.sale {
        return sale::print(template, &arguments.rates, &arguments.batches);
    }
    let threads = arguments.threads.unwrap_or_else(processors);
    if arguments.bugs {
        println!("{}", bugs::Outcome::head());
        let outcomes = bugs::run_all(template, threads, |outcome| println!("{outcome}"))?;
        return Ok(outcomes.iter().all(|outcome| outcome.caught.is_some()));
    }
    let profile = arguments.profile.as_deref().and_then(Profile::named);
    let world = match arguments.orders {
        Some(orders) => World::Fixed(Size { orders, ..Size::default() }),
        None if arguments.rush => World::Rush,
        None => World::Drawn,
    };
    let previous = arguments.upgrade_from.as_deref().map(|commit| checkout::prepare(template, commit)).transpose()?;
    if let Some(seed) = arguments.seed {
        return replay_seed(&Plan {
            template: template.to_owned(),
            seed,
            profile,
            size: world.size(seed),
            trace: true,
            previous,
        });
    }
    let many = Many {
        template,
        first: arguments.first,
        count: arguments.seeds,
        profile: profile.as_ref(),
        world,
        threads,
        progress: true,
        previous: previous.as_ref(),
    };
    let before = now();
    let summary = command::run_many(&many)?;
    let seconds = before.duration_until(now()).as_secs_f64().max(0.001);
    println!("{summary}");
    println!(
        "{:.1} seeds a second, {:.0} steps a second",
        summary.seeds as f64 / seconds,
        summary.steps as f64 / seconds
    );
    // Whoever names a profile or a previous version asks for no comparison.
    let pairs = if profile.is_none() && previous.is_none() { (arguments.seeds / 10).min(PAIRS_MAX) } else { 0 };
    let cost = (pairs > 0).then(|| Cost::measure(&Many { count: pairs, ..many })).transpose()?;
    if let Some(cost) = &cost {
        println!("\n{cost}");
    }
    let first = summary.failed.first().or_else(|| cost.as_ref().and_then(|cost| cost.failed().next()));
    if let Some(first) = first {
        println!("\nReplay the first failure with\n  {}", command::replay(first, world, previous.as_ref()));
    }
    Ok(first.is_none() && summary.missing_marks().is_empty() && cost.is_none_or(|cost| cost.is_bounded()))
}

fn replay_seed(plan: &Plan) -> Result<bool, SimulationError> {
    let report = super::run(plan)?;
    for line in &report.trace {
        println!("{line}");
    }
    println!("\nseed {}: {} steps, {} orders, faults: {}", report.seed, report.steps, report.orders, report.profile);
    for violation in &report.violations {
        println!("BROKEN {} at step {}: {}", violation.invariant, violation.step, violation.evidence);
    }
    Ok(report.violations.is_empty())
}
