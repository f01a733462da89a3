//! Lambda: environments of each function, one invocation at a time in each; they time out, die, and go on as zombies.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use serde_json::Value;
use testkit::connector::{EngineConnector, Handler};

use super::SimulationError;
use super::clock::{SeededIds, lock};
use super::core::Core;
use super::declared::Declared;
use super::environment::{self, Code};
use super::executor::{Spawner, TaskId};
use super::gate::{EnvironmentGate, Fate, Running, When};
use super::invariants::Invariants;
use super::previous::Version;
use super::previous::environment::OldEnvironment;
use super::previous::versions::Versions;
use crate::template::model::Function;

/// Calls of an invocation among which it may die or freeze.
const CALLS: u64 = 12;
/// The shortest freeze, seconds: longer than any function may run.
const SHORTEST_FREEZE_S: u64 = 61;
/// Most environments of one version of a function.
const ENVIRONMENTS_MAX: usize = 6;

/// What became of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// It answered.
    Answered(Value),
    /// It answered with an error.
    Failed(String),
    /// Its environment died.
    Crashed,
    /// It did not answer in time.
    TimedOut,
    /// No environment was free.
    Throttled,
}

#[derive(Default)]
struct Slot {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

type SharedSlot = Rc<RefCell<Slot>>;

/// Puts `Crashed` there if the future is dropped before it answered.
struct Answering(SharedSlot);

impl Answering {
    fn put(&self, outcome: Outcome) {
        let mut slot = self.0.borrow_mut();
        if slot.outcome.is_none() {
            slot.outcome = Some(outcome);
        }
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.put(Outcome::Crashed);
    }
}

/// Removes the environment of a zombie when its task ends, however that is.
struct Leaving {
    lambda: Lambda,
    function: String,
    environment: String,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.lambda.end_of_zombie(&self.function, &self.environment);
    }
}

struct Environment {
    name: String,
    code: Code,
    running: Arc<Mutex<Running>>,
    busy: bool,
    /// It will take no more invocations.
    gone: bool,
}

/// All functions' environments. Clones share them.
#[derive(Clone)]
pub(crate) struct Lambda {
    pub(crate) core: Arc<Core>,
    pub(crate) declared: &'static Declared,
    pub(crate) spawner: Spawner,
    pub(crate) invariants: Arc<Mutex<Invariants>>,
    /// Two versions of the code, where there are.
    pub(crate) versions: Option<Versions>,
    ids: Arc<SeededIds>,
    partners: Vec<(String, Handler)>,
    pools: Rc<RefCell<BTreeMap<String, Vec<Environment>>>>,
    /// How often each piece of work has died, where all do.
    died: Rc<RefCell<BTreeMap<String, u32>>>,
    /// Numbers environments, by function.
    started: Rc<RefCell<BTreeMap<String, u32>>>,
}

impl Lambda {
    pub(crate) fn new(
        core: Arc<Core>,
        declared: &'static Declared,
        invariants: Arc<Mutex<Invariants>>,
        partners: Vec<(String, Handler)>,
        versions: Option<Versions>,
        seed: u64,
    ) -> Self {
        Self {
            core,
            declared,
            spawner: Spawner::default(),
            invariants,
            versions,
            ids: Arc::new(SeededIds::new(seed)),
            partners,
            pools: Rc::default(),
            died: Rc::default(),
            started: Rc::default(),
        }
    }

    /// The function as the template declares it.
    ///
    /// # Errors
    /// [`SimulationError::NoFunction`].
    pub(crate) fn function(&self, name: &str) -> Result<&'static Function, SimulationError> {
        self.declared.stack.functions.get(name).ok_or_else(|| SimulationError::NoFunction(name.to_owned()))
    }

    /// How many invocations run now, zombies included.
    pub(crate) fn busy(&self) -> usize {
        self.pools.borrow().values().flatten().filter(|environment| environment.busy).count()
    }

    /// Whether an invocation would find an environment.
    pub(crate) fn has_room(&self, name: &str) -> bool {
        let pools = self.pools.borrow();
        let Some(pool) = pools.get(name) else { return true };
        let possible = self.versions.as_ref().map_or(&[Version::New][..], |versions| versions.possible(name));
        possible.iter().all(|version| {
            let mut of_version = pool.iter().filter(|environment| environment.code.version() == *version);
            of_version.clone().count() < ENVIRONMENTS_MAX || of_version.any(|environment| !environment.busy)
        })
    }

    /// Invokes a function, waits for its answer or its time-out.
    pub(crate) async fn invoke(&self, name: &str, event: Value) -> Outcome {
        let Ok(function) = self.function(name) else { return Outcome::Failed(format!("no function {name}")) };
        let (index, cold) = match self.take(function) {
            Ok(Some(taken)) => taken,
            Ok(None) => return Outcome::Throttled,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let start = if cold { self.core.draw_ms(120, 350) } else { self.core.draw_ms(1, 12) };
        self.core.agenda.pass(start).await;
        let slot = SharedSlot::default();
        let fate = self.fate(name, &event);
        let (task, environment) = self.start(name, &index, event, &slot, fate);
        let timeout = Duration::from_secs(function.timeout_s.into());
        let mut deadline = std::pin::pin!(self.core.agenda.pass(timeout));
        let outcome = poll_fn(|context| {
            if let Some(outcome) = slot.borrow().outcome.clone() {
                return Poll::Ready(outcome);
            }
            slot.borrow_mut().waker = Some(context.waker().clone());
            deadline.as_mut().poll(context).map(|()| Outcome::TimedOut)
        })
        .await;
        match &outcome {
            Outcome::TimedOut if self.core.reins.is_frozen(task) => {
                // It will go on some day: nobody waits for its answer then.
                self.retire(name, &environment);
            }
            Outcome::TimedOut => {
                self.core.say(format!("{environment} is ended: time-out after {} s", timeout.as_secs()));
                self.core.reins.kill(task);
                self.remove(name, &environment);
            }
            Outcome::Crashed => self.remove(name, &environment),
            Outcome::Answered(_) | Outcome::Failed(_) | Outcome::Throttled => self.give_back(name, &environment),
        }
        outcome
    }

    /// An environment that is free, or a new one: its name, and whether it starts cold.
    fn take(&self, function: &'static Function) -> Result<Option<(String, bool)>, SimulationError> {
        let version = self.versions.as_ref().map_or(Version::New, |versions| versions.choose(&function.name));
        let mut pools = self.pools.borrow_mut();
        let pool = pools.entry(function.name.clone()).or_default();
        let of_version: Vec<usize> = (0..pool.len()).filter(|index| pool[*index].code.version() == version).collect();
        let free: Vec<usize> = of_version.iter().copied().filter(|index| !pool[*index].busy).collect();
        if !free.is_empty() {
            let chosen = usize::try_from(self.core.draw(0, free.len() as u64 - 1)).unwrap_or(0);
            let environment = &mut pool[free[chosen]];
            environment.busy = true;
            return Ok(Some((environment.name.clone(), false)));
        }
        if of_version.len() >= ENVIRONMENTS_MAX {
            return Ok(None);
        }
        let mut started = self.started.borrow_mut();
        let number = started.entry(function.name.clone()).or_default();
        *number += 1;
        let name = match version {
            Version::Old => format!("old {}#{number}", function.name),
            Version::New => format!("{}#{number}", function.name),
        };
        pool.push(self.environment(function, name.clone(), version)?);
        Ok(Some((name, true)))
    }

    fn environment(&self, function: &Function, name: String, version: Version) -> Result<Environment, SimulationError> {
        let running: Arc<Mutex<Running>> = Arc::default();
        let gate = EnvironmentGate {
            core: Arc::clone(&self.core),
            invariants: Arc::clone(&self.invariants),
            name: name.clone(),
            function: function.name.clone(),
            grants: self.declared.grants.get(&function.name).map_or(&[], Vec::as_slice),
            running: Arc::clone(&running),
            origins: self.versions.as_ref().map(|versions| (version, Arc::clone(&versions.origins))),
        };
        let mut connector = EngineConnector::new(self.core.engine.clone()).gate(Arc::new(gate));
        for (prefix, handler) in &self.partners {
            connector = connector.route(prefix.clone(), Arc::clone(handler));
        }
        let (clock, agenda) = (&self.core.clock, self.core.agenda.clone());
        let code = match &self.versions {
            Some(versions) if version == Version::Old => {
                let process = Rc::clone(&versions.process);
                Code::Old(Rc::new(OldEnvironment::new(process, &function.name, connector, agenda)))
            }
            _ => Code::New(Rc::new(environment::deps(function, connector, clock, agenda, &self.ids)?)),
        };
        Ok(Environment { name, code, running, busy: true, gone: false })
    }

    fn start(
        &self,
        function: &str,
        environment: &str,
        event: Value,
        slot: &SharedSlot,
        fate: Fate,
    ) -> (TaskId, String) {
        let found = self.pools.borrow().get(function).and_then(|pool| {
            let found = pool.iter().find(|candidate| candidate.name == environment)?;
            Some((found.code.clone(), Arc::clone(&found.running)))
        });
        let answering = Answering(Rc::clone(slot));
        let Some((code, running)) = found else {
            answering.put(Outcome::Failed("its environment is gone".to_owned()));
            return (0, environment.to_owned());
        };
        if let Some(versions) = &self.versions {
            versions.delivered(code.version(), &event);
        }
        let (lambda, function, name) = (self.clone(), function.to_owned(), environment.to_owned());
        let of_task = Arc::clone(&running);
        let leaving = Leaving { lambda: self.clone(), function: function.clone(), environment: name.clone() };
        let task = self.spawner.spawn(async move {
            let _leaving = leaving;
            let answer = code.invoke(&function, event).await;
            let dies_now = !lambda.core.profile().everywhere && lock(&of_task).dies_before_its_answer();
            answering.put(match answer {
                Ok(Ok(_)) if dies_now => {
                    lambda.core.fault("crash");
                    lambda.core.say(format!("{name} dies before its answer"));
                    Outcome::Crashed
                }
                Ok(Ok(answer)) => Outcome::Answered(answer),
                Ok(Err(error)) => Outcome::Failed(error),
                Err(error) => {
                    lock(&lambda.invariants).machinery(lambda.core.counts().steps, &error.to_string());
                    Outcome::Failed(error.to_string())
                }
            });
        });
        let mut running = lock(&running);
        *running = Running { task: Some(task), calls: 0, fate };
        (task, environment.to_owned())
    }

    /// All environments of a function are replaced: what they do ends where it is.
    pub(crate) fn deploy(&self, function: &str) {
        let Some(pool) = self.pools.borrow_mut().get_mut(function).map(std::mem::take) else { return };
        for environment in pool {
            if let Some(task) = lock(&environment.running).task {
                self.core.reins.kill(task);
            }
        }
    }

    fn fate(&self, function: &str, event: &Value) -> Fate {
        let profile = self.core.profile();
        if profile.everywhere {
            // The same work, however it is delivered.
            let text = |pointer: &str| event.pointer(pointer).map(ToString::to_string).unwrap_or_default();
            let work = [
                function.to_owned(),
                text("/Records/0/body"),
                text("/Records/0/dynamodb/SequenceNumber"),
                text("/rawPath"),
                text("/headers/idempotency-key"),
                text("/body"),
            ];
            let mut died = self.died.borrow_mut();
            let deaths = died.entry(work.join(" ")).or_default();
            *deaths += 1;
            return Fate { crash: Some((*deaths, When::After)), freeze: None };
        }
        Fate::drawn(&self.core, SHORTEST_FREEZE_S, || CALLS)
    }

    fn with(&self, function: &str, name: &str, change: impl FnOnce(&mut Environment)) {
        let mut pools = self.pools.borrow_mut();
        let found = pools.get_mut(function).and_then(|pool| pool.iter_mut().find(|own| own.name == name));
        if let Some(environment) = found {
            change(environment);
        }
    }

    fn give_back(&self, function: &str, name: &str) {
        self.with(function, name, |environment| environment.busy = false);
    }

    fn retire(&self, function: &str, name: &str) {
        self.with(function, name, |environment| environment.gone = true);
    }

    fn remove(&self, function: &str, name: &str) {
        if let Some(pool) = self.pools.borrow_mut().get_mut(function) {
            pool.retain(|environment| environment.name != name);
        }
    }

    /// A zombie that has come to its end leaves; any other environment is given back by its invoker.
    fn end_of_zombie(&self, function: &str, name: &str) {
        if let Some(pool) = self.pools.borrow_mut().get_mut(function) {
            pool.retain(|environment| !(environment.name == name && environment.gone));
        }
    }
}
