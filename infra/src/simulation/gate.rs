//! What every call of an environment goes through: virtual latency, faults, the trace, and the look at what it changed.

use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use http::{Response, StatusCode};
use testkit::connector::{Call, Fault, Gate, Service, Verdict, Wait};

use super::clock::lock;
use super::core::Core;
use super::executor::TaskId;
use super::invariants::{Invariants, Moment};
use super::previous::Version;
use super::previous::origins::Origins;
use super::trace;
use crate::rights;
use crate::template::Grant;

/// What is to happen to an invocation, decided at its beginning.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fate {
    /// The environment dies at this call (from 1): before it is sent, or after it took effect.
    pub(crate) crash: Option<(u32, When)>,
    /// It freezes at this call, for so long.
    pub(crate) freeze: Option<(u32, When, Duration)>,
}

impl Fate {
    /// The longest of the short freezes, seconds.
    const SHORT_FREEZE_S: u64 = 150;
    /// The longest freeze, seconds.
    const LONGEST_FREEZE_S: u64 = 600;

    /// What this time's luck is, by the rates that rule now: a death, a freeze of at least so many seconds, each at one of
    /// the first `calls` calls.
    pub(crate) fn drawn(core: &Core, shortest_freeze_s: u64, calls: impl Fn() -> u64) -> Self {
        let profile = core.profile();
        let place = || {
            let call = u32::try_from(core.draw(1, calls())).unwrap_or(1);
            (call, if core.chance(0.5) { When::Before } else { When::After })
        };
        let crash = core.chance(profile.crash).then(place);
        let freeze = core.chance(profile.zombie).then(|| {
            let (call, when) = place();
            // Half of them go on at about the time at which their work is done again by others.
            let most = if core.chance(0.5) { Self::SHORT_FREEZE_S } else { Self::LONGEST_FREEZE_S };
            (call, when, Duration::from_secs(core.draw(shortest_freeze_s, most)))
        });
        Self { crash, freeze }
    }
}

/// On which side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// The invocation that an environment is in.
#[derive(Debug, Default)]
pub(crate) struct Running {
    pub(crate) task: Option<TaskId>,
    pub(crate) calls: u32,
    pub(crate) fate: Fate,
}

impl Running {
    /// Whether its death was to come at a call that it never made: then it dies with its work done and its answer unsent.
    pub(crate) fn dies_before_its_answer(&self) -> bool {
        self.fate.crash.is_some_and(|(call, _)| call > self.calls)
    }
}

/// The gate of one environment.
pub(crate) struct EnvironmentGate {
    pub(crate) core: Arc<Core>,
    pub(crate) invariants: Arc<Mutex<Invariants>>,
    /// `relay#2`.
    pub(crate) name: String,
    /// `relay`.
    pub(crate) function: String,
    /// What its role allows.
    pub(crate) grants: &'static [Grant],
    pub(crate) running: Arc<Mutex<Running>>,
    /// Its version and who wrote what, where there are two versions.
    pub(crate) origins: Option<(Version, Arc<Mutex<Origins>>)>,
}

/// Dies or freezes here, if that is the fate of this call. An environment that dies does not come back from this.
pub(crate) async fn meet(core: &Core, name: &str, running: &Mutex<Running>, when: When) {
    let (task, freeze, dies) = {
        let mut running = lock(running);
        let here = (running.calls, when);
        // Calls may run beside each other: a fate is met once.
        let freeze = running.fate.freeze.take_if(|(call, side, _)| (*call, *side) == here).map(|(_, _, long)| long);
        (running.task, freeze, running.fate.crash.is_some_and(|at| at == here))
    };
    let Some(task) = task else { return };
    if dies {
        core.fault("crash");
        core.say(format!("{name} dies {} call {}", side(when), lock(running).calls));
        core.reins.kill(task);
        std::future::pending::<()>().await;
    }
    if let Some(long) = freeze.filter(|_| core.profile().zombie > 0.0) {
        core.fault("zombie");
        core.say(format!("{name} is frozen for {} s {} a call", long.as_secs(), side(when)));
        core.reins.freeze(task, core.clock.after_us(long));
        // Polled again, it was thawed: at its time, or because everything was.
        thawed().await;
        core.say(format!("{name} goes on"));
    }
}

impl EnvironmentGate {
    async fn meet(&self, when: When) {
        meet(&self.core, &self.name, &self.running, when).await;
    }

    fn fail(&self, kind: &'static str, fault: Fault) -> Verdict {
        self.core.fault(kind);
        self.core.say(format!("{}: {kind}", self.name));
        Verdict::Fail(fault)
    }

    /// What the call changed, seen before anything else happens.
    fn look(&self, call: &Call<'_>, answer: &Response<Vec<u8>>) {
        let step = self.core.step();
        match rights::used(self.grants, &self.function, (call.service, call.operation), call.request) {
            Ok(rights) => self.core.used(rights),
            Err(denied) => lock(&self.invariants).broken("a function does what its role allows", denied.to_string()),
        }
        if self.core.traces() {
            self.core.say(format!("{} {}", self.name, trace::describe(call, answer)));
        }
        let new = match self.core.watch.take_in(&self.core.engine) {
            Ok(new) => new,
            Err(error) => {
                lock(&self.invariants).machinery(step, &error.to_string());
                return;
            }
        };
        if let Some((version, origins)) = &self.origins {
            let mut origins = lock(origins);
            let wrote = new.iter().filter_map(|record| origins.wrote(*version, &record.event)).collect::<Vec<_>>();
            for mark in wrote.into_iter().chain(origins.read(*version, call)) {
                self.core.mark(mark);
            }
        }
        let may_freeze = self.core.profile().zombie > 0.0;
        let moment = Moment { step, now_us: self.core.clock.now_us(), may_freeze };
        let mut invariants = lock(&self.invariants);
        for record in &new {
            invariants.record(moment, &record.event);
        }
    }
}

/// Pending once: the executor polls a frozen task again when it is thawed.
async fn thawed() {
    let mut polled = false;
    std::future::poll_fn(|context| {
        if polled {
            return Poll::Ready(());
        }
        polled = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn throttled(service: Service) -> Fault {
    let (status, code) = match service {
        Service::DynamoDb | Service::DynamoDbStreams => (StatusCode::BAD_REQUEST, "ThrottlingException"),
        Service::Sqs => (StatusCode::FORBIDDEN, "RequestThrottled"),
        Service::S3 | Service::Partner => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
    };
    Fault::Answer { status, code: code.to_owned() }
}

fn side(when: When) -> &'static str {
    match when {
        When::Before => "before",
        When::After => "after",
    }
}

impl Gate for EnvironmentGate {
    fn arrive<'a>(&'a self, call: &'a Call<'a>) -> Wait<'a, Verdict> {
        Box::pin(async move {
            lock(&self.running).calls += 1;
            self.meet(When::Before).await;
            self.core.agenda.pass(self.core.draw_ms(1, 3)).await;
            if call.service == Service::Partner {
                return Verdict::Pass;
            }
            let profile = self.core.profile();
            if self.core.chance(profile.throttle) {
                return self.fail("throttled", throttled(call.service));
            }
            if self.core.chance(profile.lost_call) {
                return self.fail("call lost", Fault::Connection);
            }
            Verdict::Pass
        })
    }

    fn effect<'a>(&'a self, call: &'a Call<'a>) -> Wait<'a, ()> {
        Box::pin(async move {
            let (least, most) = match call.service {
                Service::Partner => (50, 400),
                Service::S3 => (10, 40),
                Service::DynamoDb | Service::DynamoDbStreams | Service::Sqs => (1, 6),
            };
            self.core.agenda.pass(self.core.draw_ms(least, most)).await;
        })
    }

    fn answer<'a>(&'a self, call: &'a Call<'a>, answer: &'a Response<Vec<u8>>) -> Wait<'a, Verdict> {
        self.look(call, answer);
        Box::pin(async move {
            self.meet(When::After).await;
            self.core.agenda.pass(self.core.draw_ms(1, 3)).await;
            let profile = self.core.profile();
            if call.service == Service::Partner {
                if self.core.chance(profile.partner_silent) {
                    // Longer than anybody waits for a partner.
                    self.core.fault("partner silent after doing the work");
                    self.core.say(format!("{}: no answer comes", self.name));
                    self.core.agenda.pass(Duration::from_secs(15)).await;
                }
                return Verdict::Pass;
            }
            if self.core.chance(profile.slow_call) {
                self.core.fault("answer slower than an attempt may be");
                self.core.agenda.pass(self.core.draw_ms(2_600, 4_000)).await;
            }
            if self.core.chance(profile.lost_answer) {
                return self.fail("answer lost", Fault::Connection);
            }
            Verdict::Pass
        })
    }
}
