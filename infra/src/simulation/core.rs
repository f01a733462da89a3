//! What everything in a run shares, also what must be `Send` for the SDK's sake: clock, engine, luck, trace, watch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use engine::Engine;
use engine::dynamodb::adversity::{Adversities, Budgets, Lag};
use fastrand::Rng;

use super::clock::{Agenda, VirtualClock, lock};
use super::executor::Reins;
use super::faults::Profile;
use super::trace::Trace;
use super::watch::Watch;
use crate::rights::Right;

/// The heart of a run.
pub(crate) struct Core {
    pub(crate) clock: VirtualClock,
    pub(crate) agenda: Agenda,
    pub(crate) reins: Reins,
    pub(crate) engine: Engine,
    pub(crate) watch: Watch,
    pub(crate) trace: Mutex<Trace>,
    /// What goes wrong, until everything is healed.
    profile: Mutex<Profile>,
    seed: u64,
    rng: Mutex<Rng>,
    counts: Mutex<Counts>,
}

/// What a run counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Calls that took effect.
    pub(crate) steps: u64,
    /// Faults that were injected, by kind.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// What the run has come by.
    pub(crate) marks: BTreeMap<&'static str, u64>,
    /// Rights that functions used.
    pub(crate) rights: BTreeSet<Right>,
}

impl Core {
    pub(crate) fn new(seed: u64, engine: Engine, clock: VirtualClock, profile: Profile, trace: Trace) -> Self {
        let watch = Watch::new(&engine);
        Self {
            agenda: Agenda::new(clock.clone()),
            clock,
            reins: Reins::default(),
            engine,
            watch,
            trace: Mutex::new(trace),
            profile: Mutex::new(profile),
            seed,
            rng: Mutex::new(Rng::with_seed(seed)),
            counts: Mutex::default(),
        }
    }

    /// A draw: true with this probability.
    pub(crate) fn chance(&self, probability: f64) -> bool {
        // No draw for what cannot be, so that a rate of zero changes nothing else.
        probability > 0.0 && lock(&self.rng).f64() < probability
    }

    /// A whole number of the range, both ends included.
    pub(crate) fn draw(&self, from: u64, to: u64) -> u64 {
        lock(&self.rng).u64(from..=to.max(from))
    }

    /// A time within these milliseconds.
    pub(crate) fn draw_ms(&self, from: u64, to: u64) -> Duration {
        Duration::from_micros(self.draw(from * 1000, to * 1000))
    }

    /// A generator of its own for an actor: what one draws changes nothing for the others, and whether something goes wrong
    /// changes nothing of what it draws.
    pub(crate) fn luck_of(&self, actor: &str) -> Rng {
        let digest = domain::ids::digest(&["luck", &self.seed.to_string(), actor], 16);
        Rng::with_seed(u64::from_str_radix(&digest, 16).unwrap_or(self.seed))
    }

    pub(crate) fn profile(&self) -> Profile {
        lock(&self.profile).clone()
    }

    /// From now on this goes wrong.
    pub(crate) fn begin(&self, profile: Profile) {
        let budgets = profile.budgets();
        self.begin_within(profile, budgets);
    }

    /// From now on this goes wrong, and a partition serves no more than this a second.
    pub(crate) fn begin_within(&self, profile: Profile, budgets: Option<Budgets>) {
        self.say(format!("faults begin: {profile}"));
        let per_mille = (profile.stale * 1000.0) as u16;
        let lag = |max_ms| (per_mille > 0).then_some(Lag { max_ms, per_mille });
        // Conflicts of transactions and tokens that expire are no faults: DynamoDB has them every day.
        self.engine.dynamodb().set_adversities(Adversities {
            seed: self.draw(0, u64::MAX - 1),
            budgets,
            stale_reads: lag(800),
            index_lag: lag(2_000),
        });
        *lock(&self.profile) = profile;
    }

    /// From now on nothing goes wrong, and what was frozen goes on.
    pub(crate) fn heal(&self) {
        *lock(&self.profile) = Profile::none();
        let usage = self.engine.dynamodb().partition_usage();
        let throttled: u64 = usage.iter().map(|used| used.writes.throttled + used.reads.throttled).sum();
        if throttled > 0 {
            *lock(&self.counts).faults.entry("throttled by a narrow partition").or_default() += throttled;
        }
        self.engine.dynamodb().set_adversities(Adversities::default());
        self.say("all faults end here");
        self.reins.thaw_all();
    }

    /// Notes a fault that is injected now.
    pub(crate) fn fault(&self, kind: &'static str) {
        *lock(&self.counts).faults.entry(kind).or_default() += 1;
    }

    /// Notes that the run has come by this.
    pub(crate) fn mark(&self, mark: &'static str) {
        *lock(&self.counts).marks.entry(mark).or_default() += 1;
    }

    /// Notes rights that were used.
    pub(crate) fn used(&self, rights: Vec<Right>) {
        lock(&self.counts).rights.extend(rights);
    }

    pub(crate) fn step(&self) -> u64 {
        let mut counts = lock(&self.counts);
        counts.steps += 1;
        counts.steps
    }

    pub(crate) fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }

    /// Write units so far, indexes included, by table and kind of item: `orders order`.
    pub(crate) fn write_units(&self) -> BTreeMap<String, f64> {
        let tables = self.engine.meter().snapshot().tables;
        let kinds = tables.iter().flat_map(|(table, usage)| usage.kinds.iter().map(move |kind| (table, kind)));
        kinds.map(|(table, (kind, usage))| (format!("{table} {kind}"), usage.units.total.write)).collect()
    }

    /// Adds a line to the trace.
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        lock(&self.trace).line(self.clock.now_us(), line.as_ref());
    }

    /// Whether the trace is kept: what is only told there need not be made otherwise.
    pub(crate) fn traces(&self) -> bool {
        lock(&self.trace).is_kept()
    }
}
