//! `cargo local sim`: one seed with its trace, or many with a summary.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;

use super::clock::lock;
use super::faults::Profile;
use super::previous::{self, Previous};
use super::side_by_side::side_by_side;
use super::size::World;
use super::{Plan, Report, SimulationError, run};
use crate::rights::Right;

/// What the random runs must have come by: a run of [`MARKS_ARE_DUE_AFTER`] seeds fails when one was never hit.
pub const REQUIRED: [&str; 31] = [
    "bin frozen",
    "cancellation too late",
    "client sends again",
    "count approved",
    "dead letter with its reason",
    "edit refused: handed over",
    "frozen bin counted",
    "goods carried to another bin",
    "goods of a lot received",
    "goods received",
    "kit came back",
    "line removed from an order",
    "lot recalled",
    "order cancelled",
    "order held",
    "orders lost units to a shortage",
    "parcel delivered",
    "parcel handed over",
    "parcel refused",
    "return inspected",
    "return parcel arrived",
    "rush for one item",
    "scan of another lot refused",
    "stock audited",
    "stock corrected",
    "stranger turned away",
    "unit not found",
    "unit scanned by its serial number",
    "units added to an order",
    "units taken off an order",
    "wrong request refused",
];
/// From so many seeds on every required mark must have been hit.
pub const MARKS_ARE_DUE_AFTER: u64 = 300;

/// Many runs.
#[derive(Debug, Clone, Copy)]
pub struct Many<'a> {
    /// The template.
    pub template: &'a Path,
    /// The first seed.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// What goes wrong; drawn from each seed when absent.
    pub profile: Option<&'a Profile>,
    /// How large each world is.
    pub world: World,
    /// How many at a time.
    pub threads: usize,
    /// Whether progress is shown on standard error.
    pub progress: bool,
    /// The version that is there before, if this one is deployed in the middle of each run.
    pub previous: Option<&'a Previous>,
}

/// What many runs came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// Seeds that ran.
    pub seeds: u64,
    /// Steps of all.
    pub steps: u64,
    /// Virtual hours of all.
    pub hours: f64,
    /// Orders of all.
    pub orders: usize,
    /// Write units of all, by table and kind of item.
    pub write_units: BTreeMap<String, f64>,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// What was come by.
    pub marks: BTreeMap<&'static str, u64>,
    /// Rights that functions used.
    pub rights: BTreeSet<Right>,
    /// Reports of seeds that broke something, without their traces.
    pub failed: Vec<Report>,
    /// Whether they were upgrades.
    pub upgrades: bool,
}

impl Summary {
    fn add(&mut self, mut report: Report) {
        self.seeds += 1;
        self.steps += report.steps;
        self.hours += report.lasted_us as f64 / 3.6e9;
        self.orders += report.orders;
        for (kind, units) in &report.write_units {
            *self.write_units.entry(kind.clone()).or_default() += units;
        }
        for (kind, count) in &report.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        for (mark, count) in &report.marks {
            *self.marks.entry(mark).or_default() += count;
        }
        self.rights.append(&mut report.rights);
        if !report.violations.is_empty() {
            self.failed.push(report);
        }
    }

    /// Required marks that were not hit, once there were seeds enough.
    #[must_use]
    pub fn missing_marks(&self) -> Vec<&'static str> {
        if self.seeds < MARKS_ARE_DUE_AFTER {
            return Vec::new();
        }
        self.required().filter(|mark| !self.marks.contains_key(mark)).collect()
    }

    /// What such runs must have come by.
    fn required(&self) -> impl Iterator<Item = &'static str> {
        let of_upgrades = if self.upgrades { &previous::MARKS[..] } else { &[] };
        REQUIRED.iter().chain(of_upgrades).copied()
    }

    /// Write units of one order.
    #[must_use]
    pub fn units_per_order(&self) -> f64 {
        self.write_units.values().sum::<f64>() / (self.orders.max(1) as f64)
    }
}

/// Runs many seeds.
///
/// # Errors
/// [`SimulationError`], when a run could not be made at all.
pub fn run_many(many: &Many<'_>) -> Result<Summary, SimulationError> {
    let started = crate::host::now();
    let seeds: Vec<u64> = (many.first..many.first + many.count).collect();
    let outcome: Mutex<(Summary, Option<SimulationError>)> = Mutex::default();
    side_by_side(&seeds, many.threads, |&seed| {
        if lock(&outcome).1.is_some() {
            return;
        }
        let plan = Plan {
            template: many.template.to_owned(),
            seed,
            profile: many.profile.cloned(),
            size: many.world.size(seed),
            trace: false,
            previous: many.previous.cloned(),
        };
        let report = run(&plan);
        let mut outcome = lock(&outcome);
        match report {
            Ok(report) => outcome.0.add(report),
            Err(error) => outcome.1 = Some(error),
        }
        if many.progress {
            show_progress(&outcome.0, many.count, started);
        }
    });
    let (mut summary, error) = outcome.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if many.progress {
        eprintln!();
    }
    // Seeds end in any order: the same seeds give the same summary.
    summary.failed.sort_by_key(|report| report.seed);
    summary.upgrades = many.previous.is_some();
    match error {
        Some(error) => Err(error),
        None => Ok(summary),
    }
}

/// One line that is written over, on a terminal only.
fn show_progress(so_far: &Summary, count: u64, started: jiff::Timestamp) {
    const WIDTH: u64 = 40;
    let (done, failed) = (so_far.seeds, so_far.failed.len());
    let a_second = done as f64 / started.duration_until(crate::host::now()).as_secs_f64().max(0.001);
    let mut standard_error = std::io::stderr();
    if !standard_error.is_terminal() {
        return;
    }
    let full = usize::try_from(done * WIDTH / count.max(1)).unwrap_or(0);
    let bar = format!("{:<40}", "#".repeat(full));
    // A bar that cannot be drawn is no reason to stop.
    let _ = write!(standard_error, "\r[{bar}] {done}/{count} seeds, {failed} failed, {a_second:.1} seeds/s ");
    let _ = standard_error.flush();
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "seeds                  {:>12}", self.seeds)?;
        writeln!(f, "failed                 {:>12}", self.failed.len())?;
        writeln!(f, "steps                  {:>12}", self.steps)?;
        writeln!(f, "simulated hours        {:>12.1}", self.hours)?;
        writeln!(f, "orders                 {:>12}", self.orders)?;
        writeln!(f, "write units per order  {:>12.2}", self.units_per_order())?;
        writeln!(f, "\nfaults injected")?;
        for (kind, count) in &self.faults {
            writeln!(f, "  {kind:<40} {count:>9}")?;
        }
        writeln!(f, "\nwhat the runs came by (* required)")?;
        for (mark, count) in &self.marks {
            let required = if self.required().any(|required| required == *mark) { "*" } else { " " };
            writeln!(f, "{required} {mark:<40} {count:>9}")?;
        }
        for mark in self.missing_marks() {
            writeln!(f, "* {mark:<40}     NEVER")?;
        }
        for report in &self.failed {
            writeln!(f, "\nseed {} ({})", report.seed, report.profile)?;
            for violation in &report.violations {
                writeln!(f, "  {} at step {}: {}", violation.invariant, violation.step, violation.evidence)?;
            }
        }
        Ok(())
    }
}

/// The command that replays a run.
#[must_use]
pub fn replay(report: &Report, world: World, previous: Option<&Previous>) -> String {
    let profile = Profile::named(report.profile_name);
    let profile = profile.map(|profile| format!(" --profile {}", profile.name)).unwrap_or_default();
    let world = match world {
        World::Drawn => String::new(),
        World::Rush => " --rush".to_owned(),
        World::Fixed(size) => format!(" --orders {}", size.orders),
    };
    let previous = previous.map(|previous| format!(" --upgrade-from {}", previous.commit)).unwrap_or_default();
    format!("cargo local sim --seed {}{profile}{world}{previous}", report.seed)
}
