//! One run of one seed, from an empty stack to rest.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use engine::Engine;
use engine::queues::AttributeValue;
use fastrand::Rng;

use super::SimulationError;
use super::actors::{self, Merchant, Stage};
use super::clock::{MINUTE_US, START_US, VirtualClock, lock};
use super::core::{Core, Counts};
use super::declared::{Declared, declared, parameters};
use super::door::Door;
use super::executor::{Ended, Executor};
use super::faults::Profile;
use super::invariants::{Invariants, Rest, Violation};
use super::lambda::Lambda;
use super::mappings::{self, Arrivals, Position};
use super::partners::{PARTNERS, Partners};
use super::previous::Previous;
use super::previous::versions::Versions;
use super::size::Size;
use super::trace::{self, Trace};
use crate::rights::Right;

/// Which run to make.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The template.
    pub template: PathBuf,
    /// The seed.
    pub seed: u64,
    /// What goes wrong; drawn from the seed when absent.
    pub profile: Option<Profile>,
    /// How large the world is.
    pub size: Size,
    /// Whether the trace is kept.
    pub trace: bool,
    /// The version that is there before: then this one is deployed in the middle of the run.
    pub previous: Option<Previous>,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What should never have been.
    pub violations: Vec<Violation>,
    /// Calls that took effect.
    pub steps: u64,
    /// Faults that were injected, by kind.
    pub faults: std::collections::BTreeMap<&'static str, u64>,
    /// What the run has come by.
    pub marks: std::collections::BTreeMap<&'static str, u64>,
    /// Rights that functions used.
    pub rights: std::collections::BTreeSet<Right>,
    /// Name of the profile: what replays the run.
    pub profile_name: &'static str,
    /// What went wrong.
    pub profile: String,
    /// Virtual time, microseconds.
    pub lasted_us: u64,
    /// Orders that were accepted.
    pub orders: usize,
    /// Write units since the world was set up, indexes included, by table and kind of item.
    pub write_units: std::collections::BTreeMap<String, f64>,
    /// The trace, if it was asked for.
    pub trace: Vec<String>,
}

/// How long faults may last.
const FAULTS_LAST_US: u64 = 15 * MINUTE_US;
/// Within this time everything must have come to rest after the last fault.
const CONVERGES_WITHIN_US: u64 = 4 * 60 * MINUTE_US;

/// How the reason of a dead letter begins when code cannot read what code wrote. What a partner says is malformed, too.
const UNREADABLE: [&str; 3] = ["malformed: not a message of ours", "bug: ", "unreadable"];

/// Runs one seed.
///
/// # Errors
/// [`SimulationError`] when there is no run to speak of: what the run itself shows is in the report.
pub fn run(plan: &Plan) -> Result<Report, SimulationError> {
    let declared = declared(&plan.template)?;
    // The SDK draws its back-off, its jitter and its idempotency tokens from this.
    fastrand::seed(plan.seed);
    let clock = VirtualClock::new();
    let engine = Engine::memory(Arc::new(clock.clone()), plan.seed)?;
    crate::host::provision::all(&engine, &declared.stack)?;
    let trace = if plan.trace { Trace::kept() } else { Trace::none() };
    let core = Arc::new(Core::new(plan.seed, engine, clock.clone(), Profile::none(), trace));
    let invariants = Arc::new(Mutex::new(Invariants::new(&plan.size)));
    let partners = Arc::new(Partners::new(clock));
    let routes = vec![(PARTNERS.to_owned(), partners.handler(Arc::clone(&core)))];
    let versions = plan.previous.as_ref().map(|previous| Versions::start(previous, &core, parameters())).transpose()?;
    let lambda = Lambda::new(Arc::clone(&core), declared, Arc::clone(&invariants), routes, versions, plan.seed);
    let mut executor = Executor::new(core.agenda.clone(), core.reins.clone(), lambda.spawner.clone());
    let stage = Stage {
        core: Arc::clone(&core),
        door: Door::new(lambda.clone()),
        spawner: lambda.spawner.clone(),
        partners: Arc::clone(&partners),
        progress: Rc::default(),
        invariants: Arc::clone(&invariants),
    };
    let positions = connect(&lambda, declared, plan.size.sweeps);
    let merchants = world(&mut executor, &stage, &plan.size)?;
    let units_before = core.write_units();
    let mut drawn = Rng::with_seed(plan.seed);
    let profile = plan.profile.clone().unwrap_or_else(|| Profile::drawn(&mut drawn));
    let (profile_name, told) = (profile.name, profile.to_string());
    core.begin(profile);
    if !plan.size.floor {
        core.mark("rush for one item");
    }
    if let Some(versions) = &lambda.versions {
        versions.begin(plan.size.spread_s * 1_000_000);
    }
    lambda.spawner.spawn(mappings::disorder(lambda.clone()));
    let is_broken = || !lock(&invariants).violations().is_empty();
    if !is_broken() {
        actors::enter(&stage, &merchants, &plan.size);
    }
    let at_rest = || {
        is_broken()
            || stage.progress.borrow().busy == 0
                && lambda.busy() == 0
                && lambda.versions.as_ref().is_none_or(Versions::are_deployed)
                && caught_up(&core, &positions)
                && queues_are_empty(&core, declared)
                && lock(&invariants).unsettled().is_none()
    };
    let heal_at_us = core.clock.now_us() + FAULTS_LAST_US;
    executor.run(heal_at_us, at_rest);
    core.heal();
    let give_up_us = core.clock.now_us() + CONVERGES_WITHIN_US;
    let ended = executor.run(give_up_us, at_rest);
    core.say(format!("the end: {ended:?}"));
    if !is_broken() {
        if ended != Ended::Done {
            let busy = stage.progress.borrow().busy;
            let what = format!(
                "no rest within {} minutes: {busy} actors and {} invocations are busy, streams read: {}, queues empty: {}, {:?}",
                CONVERGES_WITHIN_US / MINUTE_US,
                lambda.busy(),
                caught_up(&core, &positions),
                queues_are_empty(&core, declared),
                lock(&invariants).unsettled(),
            );
            lock(&invariants).broken("liveness", what);
        }
        let accepted = stage.progress.borrow().accepted.clone();
        lock(&invariants).rest(&Rest {
            engine: &core.engine,
            purchases: partners.sandbox.purchases(),
            accepted: &accepted,
            movements_table: "movements",
        });
        dead_letters(&core, declared, &invariants, lambda.versions.is_some());
    }
    if let Some(versions) = &lambda.versions {
        versions.conclude();
    }
    let Counts { steps, faults, marks, rights } = core.counts();
    let mut write_units = core.write_units();
    for (kind, units) in units_before {
        *write_units.entry(kind).or_default() -= units;
    }
    let report = Report {
        seed: plan.seed,
        violations: lock(&invariants).violations().to_vec(),
        steps,
        faults,
        marks,
        rights,
        profile_name,
        profile: told,
        lasted_us: core.clock.now_us() - START_US,
        orders: stage.progress.borrow().accepted.len(),
        write_units,
        trace: lock(&core.trace).take(),
    };
    Ok(report)
}

/// Starts every event source of the template, with every how-manieth sweep; gives where each reader of a stream is.
fn connect(lambda: &Lambda, declared: &'static Declared, sweeps: u64) -> Vec<(String, Position)> {
    let arrivals = Arrivals::default();
    let woken = arrivals.clone();
    lambda.core.engine.queues().on_arrival(Arc::new(move |queue: &str| woken.wake(queue)));
    let mut positions = Vec::new();
    for function in declared.stack.functions.values() {
        let name = &function.name;
        for source in &function.queue_sources {
            lambda.spawner.spawn(mappings::queue(lambda.clone(), name.clone(), source.clone(), arrivals.clone()));
        }
        for source in &function.stream_sources {
            let position = Position::default();
            positions.push((source.table.clone(), Arc::clone(&position)));
            lambda.spawner.spawn(mappings::stream(lambda.clone(), name.clone(), source.clone(), position));
        }
        for schedule in &function.schedules {
            lambda.spawner.spawn(mappings::schedule(lambda.clone(), name.clone(), schedule.clone(), sweeps));
        }
    }
    positions
}

/// The merchants; none when something broke that must hold.
fn world(executor: &mut Executor, stage: &Stage, size: &Size) -> Result<Vec<Merchant>, SimulationError> {
    let made: Rc<RefCell<Vec<Result<Merchant, SimulationError>>>> = Rc::default();
    for number in 0..size.merchants {
        let (made, stage, size) = (Rc::clone(&made), stage.clone(), *size);
        stage.clone().spawner.spawn(async move {
            let merchant = actors::set_up(&stage, number, &size).await;
            made.borrow_mut().push(merchant);
        });
    }
    let deadline_us = START_US + 30 * MINUTE_US;
    let is_broken = || !lock(&stage.invariants).violations().is_empty();
    executor.run(deadline_us, || made.borrow().len() == size.merchants || is_broken());
    if is_broken() {
        return Ok(Vec::new());
    }
    let mut merchants = std::mem::take(&mut *made.borrow_mut()).into_iter().collect::<Result<Vec<_>, _>>()?;
    if merchants.len() < size.merchants {
        return Err(SimulationError::Setup("it takes more than 30 minutes".to_owned()));
    }
    merchants.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(merchants)
}

/// What was given up must say why; what SQS itself gave up after too many receives is counted. Two versions must read all that
/// either of them stored or sent.
fn dead_letters(core: &Core, declared: &Declared, invariants: &Mutex<Invariants>, two_versions: bool) {
    for queue in declared.stack.queues.iter().filter(|queue| queue.redrive.is_none()) {
        while let Ok(letters) = core.engine.queues().receive(&queue.name, 10, Some(3600)) {
            if letters.is_empty() {
                break;
            }
            for letter in letters {
                let reason = letter.attributes.get("reason").map(|reason| &reason.value);
                if let Some(AttributeValue::Text(reason)) = reason
                    && two_versions
                    && letter.body != mappings::POISON
                    && UNREADABLE.iter().any(|start| reason.starts_with(start))
                {
                    let evidence = format!("{}: {} {reason}", queue.name, trace::message(&letter.body));
                    lock(invariants).broken("versions read each other", evidence);
                }
                let told = letter.attributes.contains_key("reason") || letter.body.contains("\"condition\"");
                if told {
                    core.mark("dead letter with its reason");
                } else if letter.dead_letter_source_arn.is_some() {
                    core.mark("dead letter after too many receives");
                } else {
                    let evidence = format!("{}: {}", queue.name, trace::message(&letter.body));
                    lock(invariants).broken("dead letters have reasons", evidence);
                }
            }
        }
    }
}

fn caught_up(core: &Core, positions: &[(String, Position)]) -> bool {
    positions.iter().all(|(table, position)| *lock(position) >= core.watch.length(table))
}

fn queues_are_empty(core: &Core, declared: &Declared) -> bool {
    let sources = declared.stack.functions.values().flat_map(|function| &function.queue_sources);
    sources.into_iter().all(|source| {
        core.engine
            .queues()
            .depth(&source.queue)
            .is_ok_and(|depth| depth.visible + depth.in_flight + depth.delayed == 0)
    })
}
