//! When each function's new code takes over, as the template's gradual deployment has it: a tenth of its invocations for five
//! minutes, then all of them.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::Version;
use crate::simulation::clock::MINUTE_US;
use crate::simulation::trace::instant;

/// How long a tenth is enough.
const CANARY_US: u64 = 5 * MINUTE_US;
/// Invocations of a hundred that new code gets meanwhile.
const CANARY_PERCENT: u8 = 10;

/// From when on new code gets so many invocations of a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    from_us: u64,
    percent: u8,
}

/// The deployments of one run.
#[derive(Debug)]
pub(crate) struct Rollout {
    steps: BTreeMap<String, Vec<Step>>,
    rng: Rng,
}

impl Rollout {
    /// Each function is deployed at an instant of its own from `from_us` on: within the time in which the orders come, within
    /// five minutes, or within fifteen. In a third of the runs one deployment is taken back, and made again later.
    pub(crate) fn drawn(mut rng: Rng, functions: &[&str], from_us: u64, orders_come_within_us: u64) -> Self {
        let within_us = [orders_come_within_us, 5 * MINUTE_US, 15 * MINUTE_US][rng.usize(0..3)];
        let begin = |from_us| Step { from_us, percent: CANARY_PERCENT };
        let complete = |begun_us| Step { from_us: begun_us + CANARY_US, percent: 100 };
        let mut steps = BTreeMap::new();
        for function in functions {
            let at_us = from_us + rng.u64(0..=within_us);
            steps.insert((*function).to_owned(), vec![begin(at_us), complete(at_us)]);
        }
        let taken_back = (rng.u8(0..3) == 0 && !functions.is_empty()).then(|| functions[rng.usize(0..functions.len())]);
        if let Some(steps) = taken_back.and_then(|function| steps.get_mut(function)) {
            // While it gets a tenth, as an alarm has it, or later, as people have it.
            let back_us = steps[0].from_us + rng.u64(MINUTE_US..=8 * MINUTE_US);
            let again_us = back_us + rng.u64(MINUTE_US..=5 * MINUTE_US);
            steps.retain(|step| step.from_us < back_us);
            steps.extend([Step { from_us: back_us, percent: 0 }, begin(again_us), complete(again_us)]);
        }
        Self { steps, rng }
    }

    /// Which code gets the next invocation of a function. One that the previous version does not have is new from the start.
    pub(crate) fn version(&mut self, function: &str, now_us: u64) -> Version {
        let new = match self.percent(function, now_us) {
            0 => false,
            100 => true,
            percent => self.rng.u8(0..100) < percent,
        };
        if new { Version::New } else { Version::Old }
    }

    /// The versions of which one may get the next invocation.
    pub(crate) fn possible(&self, function: &str, now_us: u64) -> &'static [Version] {
        match self.percent(function, now_us) {
            0 => &[Version::Old],
            100 => &[Version::New],
            _ => &[Version::Old, Version::New],
        }
    }

    /// Whether every deployment is complete, and stays so.
    pub(crate) fn is_complete(&self, now_us: u64) -> bool {
        self.steps.values().flatten().all(|step| step.from_us <= now_us)
    }

    /// Whether a deployment was taken back before this instant.
    pub(crate) fn was_taken_back(&self, now_us: u64) -> bool {
        self.steps.values().flatten().any(|step| step.percent == 0 && step.from_us <= now_us)
    }

    fn percent(&self, function: &str, now_us: u64) -> u8 {
        let Some(steps) = self.steps.get(function) else { return 100 };
        steps.iter().rfind(|step| step.from_us <= now_us).map_or(0, |step| step.percent)
    }
}

impl std::fmt::Display for Rollout {
    /// `relay 00:03:10.000000 10 %, 00:08:10.000000 100 %; …`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, (function, steps)) in self.steps.iter().enumerate() {
            write!(f, "{}{function}", if number == 0 { "" } else { "; " })?;
            for (number, Step { from_us, percent }) in steps.iter().enumerate() {
                write!(f, "{} {} {percent} %", if number == 0 { "" } else { "," }, instant(*from_us))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["facts", "relay", "sweeper"];

    fn drawn(seed: u64) -> Rollout {
        Rollout::drawn(Rng::with_seed(seed), &NAMES, MINUTE_US, 4 * MINUTE_US)
    }

    #[test]
    fn every_function_goes_from_old_code_over_a_tenth_to_new_code() {
        for seed in 0..50 {
            let mut rollout = drawn(seed);
            let at_once: Vec<_> = rollout.steps.clone().into_iter().filter(|(_, steps)| steps.len() == 2).collect();
            for (name, steps) in at_once {
                assert_eq!(rollout.version(&name, steps[0].from_us - 1), Version::Old);
                assert_eq!(rollout.possible(&name, steps[0].from_us), [Version::Old, Version::New]);
                let tenth = (0..1000).filter(|_| rollout.version(&name, steps[0].from_us) == Version::New).count();
                assert!((50..=150).contains(&tenth), "{tenth} of 1000");
                assert_eq!(rollout.version(&name, steps[0].from_us + CANARY_US), Version::New);
            }
            assert!(!rollout.is_complete(MINUTE_US) && rollout.is_complete(60 * MINUTE_US));
        }
    }

    #[test]
    fn in_a_third_of_the_runs_one_deployment_is_taken_back_and_made_again() {
        let mut count = 0;
        for mut rollout in (0..300).map(drawn) {
            let backs = rollout
                .steps
                .iter()
                .filter_map(|(name, steps)| Some((name.clone(), steps.iter().find(|step| step.percent == 0)?.from_us)));
            let backs: Vec<_> = backs.collect();
            assert!(backs.len() <= 1, "{rollout}");
            for (name, back_us) in backs {
                count += 1;
                assert_eq!(rollout.version(&name, back_us), Version::Old);
                assert!(rollout.was_taken_back(back_us) && !rollout.was_taken_back(back_us - 1));
                assert_eq!(rollout.version(&name, 60 * MINUTE_US), Version::New);
            }
        }
        assert!((70..=130).contains(&count), "{count} of 300");
    }

    #[test]
    fn a_function_that_the_previous_version_lacks_is_new_from_the_start() {
        assert_eq!(drawn(1).version("another", 0), Version::New);
    }
}
