//! The old program's side: it holds environments, and does only what it is told.

mod desk;

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use platform::Deps;
use platform::function::Error;
use serde_json::Value;

use super::PreviousError;
use super::protocol::{Answer, Event, Hello, Order, Turn, VERSION, read, write};
use crate::simulation::clock::{SeededIds, VirtualClock};
use crate::simulation::{declared, environment, functions};
use crate::template::{self, Overrides, Stack};

use desk::{Desk, Woken};

/// Holds the environments of runs, told by `orders`, until those end.
///
/// # Errors
/// [`PreviousError`], when the pipes fail or a frame makes no sense.
pub(crate) fn serve(template: &Path, orders: &mut impl BufRead, answers: &mut impl Write) -> Result<(), PreviousError> {
    let to = "the pipe to the simulation";
    write(answers, &Hello { protocol: VERSION }).map_err(PreviousError::io(to))?;
    let mut run = None;
    while let Some(order) = read::<Order>(orders).map_err(PreviousError::io("the pipe from the simulation"))? {
        let answer = match (order, &mut run) {
            (Order::Begin { seed, parameters }, _) => match Run::begin(template, seed, &parameters) {
                Ok(begun) => Answer::Ready { functions: run.insert(begun).stack.functions.keys().cloned().collect() },
                Err(reason) => Answer::Refused(reason),
            },
            (_, None) => Answer::Refused("no run has begun".to_owned()),
            (Order::Invoke { environment, function, now_us, event }, Some(run)) => {
                run.clock.set(now_us);
                run.invoke(environment, &function, event).map_or_else(Answer::Refused, Answer::Turn)
            }
            (Order::Resume { environment, now_us, events }, Some(run)) => {
                run.clock.set(now_us);
                run.resume(environment, events).map_or_else(Answer::Refused, Answer::Turn)
            }
            (Order::End { environment }, Some(run)) => {
                run.environments.remove(&environment);
                continue;
            }
        };
        write(answers, &answer).map_err(PreviousError::io(to))?;
    }
    Ok(())
}

type Invocation = Pin<Box<dyn Future<Output = Result<Value, Error>>>>;

struct Environment {
    // First, since what it waits for reports to the desk when it is dropped.
    invocation: Option<Invocation>,
    function: String,
    deps: Rc<Deps>,
    desk: Desk,
}

struct Run {
    stack: Stack,
    clock: VirtualClock,
    ids: Arc<SeededIds>,
    environments: BTreeMap<u64, Environment>,
}

impl Run {
    fn begin(template: &Path, seed: u64, parameters: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut own = declared::parameters();
        for (name, value) in &mut own {
            // A parameter that this template does not have yet is none of this version's.
            if let Some(theirs) = parameters.get(name) {
                value.clone_from(theirs);
            }
        }
        let overrides = Overrides { parameters: own, ..Overrides::default() };
        let stack = template::load(template, &overrides).map_err(|error| error.to_string())?;
        fastrand::seed(seed);
        let ids = Arc::new(SeededIds::new(seed));
        Ok(Self { stack, clock: VirtualClock::new(), ids, environments: BTreeMap::new() })
    }

    fn invoke(&mut self, number: u64, function: &str, event: Value) -> Result<Turn, String> {
        if !self.environments.contains_key(&number) {
            let declared = self.stack.functions.get(function).ok_or_else(|| format!("no function `{function}`"))?;
            let desk = Desk::default();
            let deps = environment::deps(declared, desk.clone(), &self.clock, desk.timer(&self.clock), &self.ids)
                .map_err(|error| error.to_string())?;
            let environment =
                Environment { invocation: None, function: function.to_owned(), deps: Rc::new(deps), desk };
            self.environments.insert(number, environment);
        }
        let environment = self.environment(number)?;
        let (function, deps) = (environment.function.clone(), Rc::clone(&environment.deps));
        environment.invocation = Some(Box::pin(async move { functions::invoke(&function, deps, event).await }));
        Ok(environment.run())
    }

    fn resume(&mut self, number: u64, events: Vec<Event>) -> Result<Turn, String> {
        let environment = self.environment(number)?;
        for Event { id, came } in events {
            environment.desk.settle(id, came);
        }
        Ok(environment.run())
    }

    fn environment(&mut self, number: u64) -> Result<&mut Environment, String> {
        self.environments.get_mut(&number).ok_or_else(|| format!("no environment {number}"))
    }
}

impl Environment {
    /// Polls until the invocation has ended or waits for what only the simulation can bring about.
    fn run(&mut self) -> Turn {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut ended = None;
        while let Some(invocation) = &mut self.invocation {
            match invocation.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(outcome) => {
                    self.invocation = None;
                    ended = Some(outcome.map_err(|error| error.to_string()));
                }
                Poll::Pending if woken.take() => {}
                Poll::Pending => break,
            }
        }
        self.desk.turn(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{Came, FailureKind, Wish};
    use super::*;
    use crate::simulation::clock::START_US;
    use serde_json::json;

    /// What a worker answers to these orders.
    fn told(orders: &[Order]) -> Vec<Answer> {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
        let (mut lines, mut answers) = (Vec::new(), Vec::new());
        for order in orders {
            write(&mut lines, order).unwrap();
        }
        serve(&template, &mut lines.as_slice(), &mut answers).unwrap();
        let mut answers = answers.as_slice();
        assert_eq!(read::<Hello>(&mut answers).unwrap().unwrap().protocol, VERSION);
        std::iter::from_fn(|| read(&mut answers).unwrap()).collect()
    }

    fn begin() -> Order {
        Order::Begin { seed: 1, parameters: declared::parameters() }
    }

    fn invoke(function: &str) -> Order {
        Order::Invoke { environment: 0, function: function.to_owned(), now_us: START_US, event: json!({}) }
    }

    #[test]
    fn an_environment_says_what_it_waits_for_and_goes_on_with_what_came() {
        let kind = FailureKind::User;
        let came = |id| Event { id, came: Came::Failure { kind, message: "no".to_owned() } };
        // Its first waits are the call and the times in which that must be answered.
        let failed = Order::Resume { environment: 0, now_us: START_US + 5, events: (0..3).map(came).collect() };
        let answers = told(&[begin(), invoke("sweeper"), failed]);
        let [Answer::Ready { functions }, Answer::Turn(first), Answer::Turn(next)] = &answers[..] else {
            panic!("{answers:?}")
        };
        assert!(functions.contains(&"sweeper".to_owned()));
        let calls = first.asked.iter().filter(|(_, wish)| matches!(wish, Wish::Call { .. })).count();
        let instants = first.asked.iter().filter(|(_, wish)| matches!(wish, Wish::Until(at) if *at > START_US)).count();
        assert!(calls > 0 && instants > 0 && first.ended.is_none(), "{first:?}");
        assert!(next.ended.is_some() || !next.asked.is_empty(), "{next:?}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let answers = told(&[invoke("sweeper"), begin(), invoke("another")]);
        let [Answer::Refused(_), Answer::Ready { .. }, Answer::Refused(reason)] = &answers[..] else {
            panic!("{answers:?}")
        };
        assert!(reason.contains("another"), "{reason}");
    }

    #[test]
    fn an_environment_that_is_gone_does_not_go_on() {
        let resume = Order::Resume { environment: 0, now_us: START_US, events: Vec::new() };
        let answers = told(&[begin(), invoke("sweeper"), Order::End { environment: 0 }, resume]);
        assert!(matches!(answers.last(), Some(Answer::Refused(_))), "{answers:?}");
    }
}
