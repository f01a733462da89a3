//! The two versions of one run: the old program, the deployments, and who wrote what.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::origins::Origins;
use super::process::Process;
use super::rollout::Rollout;
use super::{Previous, PreviousError, Version};
use crate::simulation::clock::lock;
use crate::simulation::core::Core;

/// Two versions of the code. Clones share them.
#[derive(Clone)]
pub(crate) struct Versions {
    pub(crate) process: Rc<Process>,
    /// None until deployments begin: the world is set up by old code.
    rollout: Rc<RefCell<Option<Rollout>>>,
    pub(crate) origins: Arc<Mutex<Origins>>,
    core: Arc<Core>,
}

impl Versions {
    /// Starts the old program for a run. What it draws changes nothing of what the new code draws.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub(crate) fn start(
        previous: &Previous,
        core: &Arc<Core>,
        parameters: BTreeMap<String, String>,
    ) -> Result<Self, PreviousError> {
        let seed = core.luck_of("previous version").u64(..);
        let process = Rc::new(Process::start(previous, seed, parameters)?);
        Ok(Self { process, rollout: Rc::default(), origins: Arc::default(), core: Arc::clone(core) })
    }

    /// From now on new code is deployed, function by function.
    pub(crate) fn begin(&self, orders_come_within_us: u64) {
        let functions: Vec<&str> = self.process.functions.iter().map(String::as_str).collect();
        let luck = self.core.luck_of("deployments");
        let rollout = Rollout::drawn(luck, &functions, self.core.clock.now_us(), orders_come_within_us);
        self.core.say(format!("deployments begin: {rollout}"));
        *self.rollout.borrow_mut() = Some(rollout);
    }

    /// Which code gets the next event.
    pub(crate) fn choose(&self, function: &str) -> Version {
        match &mut *self.rollout.borrow_mut() {
            Some(rollout) => rollout.version(function, self.core.clock.now_us()),
            None if self.process.functions.iter().any(|known| known == function) => Version::Old,
            None => Version::New,
        }
    }

    /// An event is handed over.
    pub(crate) fn delivered(&self, to: Version, event: &Value) {
        for mark in lock(&self.origins).delivered(to, event) {
            self.core.mark(mark);
        }
    }

    /// The versions of which one may get the next event.
    pub(crate) fn possible(&self, function: &str) -> &'static [Version] {
        let rollout = self.rollout.borrow();
        rollout.as_ref().map_or(&[Version::Old], |rollout| rollout.possible(function, self.core.clock.now_us()))
    }

    /// Whether new code has taken over everywhere.
    pub(crate) fn are_deployed(&self) -> bool {
        let now_us = self.core.clock.now_us();
        self.rollout.borrow().as_ref().is_some_and(|rollout| rollout.is_complete(now_us))
    }

    /// Notes what became of the deployments.
    pub(crate) fn conclude(&self) {
        let now_us = self.core.clock.now_us();
        if self.rollout.borrow().as_ref().is_some_and(|rollout| rollout.was_taken_back(now_us)) {
            self.core.mark("deployment taken back");
        }
    }
}
