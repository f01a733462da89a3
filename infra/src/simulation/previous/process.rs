//! The old program as a child process, in lock-step.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::BufReader;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::protocol::{Answer, Body, Came, Event, Hello, Order, Turn, VERSION, Wish, read, write};
use super::{Previous, PreviousError, WORKER};

/// The old program of one run. It is ended with it.
pub(crate) struct Process {
    child: RefCell<Child>,
    orders: RefCell<ChildStdin>,
    answers: RefCell<BufReader<ChildStdout>>,
    next_environment: Cell<u64>,
    renamed: Option<(String, String)>,
    /// The functions that it has.
    pub(crate) functions: Vec<String>,
}

impl Process {
    /// Starts the program for one run.
    ///
    /// # Errors
    /// [`PreviousError`] says why it is none that can be a previous version.
    pub(crate) fn start(
        previous: &Previous,
        seed: u64,
        parameters: BTreeMap<String, String>,
    ) -> Result<Self, PreviousError> {
        let mut child = Command::new(&previous.program)
            .arg("--template")
            .arg(&previous.template)
            .arg(WORKER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(PreviousError::io(format!("{} cannot be started", previous.program.display())))?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(PreviousError::Unexpected("it has no pipes".to_owned()));
        };
        let mut process = Self {
            child: RefCell::new(child),
            orders: RefCell::new(orders),
            answers: RefCell::new(BufReader::new(answers)),
            next_environment: Cell::new(0),
            renamed: previous.renamed.clone(),
            functions: Vec::new(),
        };
        let hello = read::<Hello>(&mut *process.answers.borrow_mut());
        match hello {
            Ok(Some(Hello { protocol: VERSION })) => {}
            Ok(Some(Hello { protocol })) => {
                let commit = previous.commit.clone();
                return Err(PreviousError::OtherProtocol { commit, theirs: protocol, ours: VERSION });
            }
            Ok(None) | Err(_) => return Err(PreviousError::NoWorker(previous.commit.clone())),
        }
        match process.exchange(&Order::Begin { seed, parameters })? {
            Answer::Ready { functions } => process.functions = functions,
            other => return Err(PreviousError::Unexpected(format!("{other:?}"))),
        }
        Ok(process)
    }

    /// A number for an environment.
    pub(crate) fn new_environment(&self) -> u64 {
        let number = self.next_environment.get();
        self.next_environment.set(number + 1);
        number
    }

    /// Has an environment go on, as far as it can.
    ///
    /// # Errors
    /// [`PreviousError`] when the program is gone or makes no sense.
    pub(crate) fn turn(&self, order: Order) -> Result<Turn, PreviousError> {
        match self.exchange(&self.for_old(order)?)? {
            Answer::Turn(turn) => self.of_old(turn),
            other => Err(PreviousError::Unexpected(format!("{other:?}"))),
        }
    }

    /// An environment is gone. A program that is gone itself shows at the next turn.
    pub(crate) fn end(&self, environment: u64) {
        let _ = write(&mut *self.orders.borrow_mut(), &Order::End { environment });
    }

    fn exchange(&self, order: &Order) -> Result<Answer, PreviousError> {
        if write(&mut *self.orders.borrow_mut(), order).is_err() {
            return Err(self.ended());
        }
        let answer = read(&mut *self.answers.borrow_mut());
        match answer {
            Ok(Some(Answer::Refused(reason))) => Err(PreviousError::Refused(reason)),
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(self.ended()),
            Err(source) => Err(PreviousError::Unexpected(source.to_string())),
        }
    }

    /// Its pipes are closed, so that it ends, if it has not.
    fn ended(&self) -> PreviousError {
        let status = self.child.borrow_mut().wait();
        PreviousError::Ended(status.map_or_else(|error| error.to_string(), |status| status.to_string()))
    }

    fn for_old(&self, order: Order) -> Result<Order, PreviousError> {
        if self.renamed.is_none() {
            return Ok(order);
        }
        Ok(match order {
            Order::Invoke { environment, function, now_us, event } => {
                let event = serde_json::from_str(&self.swapped(&event.to_string()))
                    .map_err(|error| PreviousError::Unexpected(error.to_string()))?;
                Order::Invoke { environment, function, now_us, event }
            }
            Order::Resume { environment, now_us, events } => {
                let events = events.into_iter().map(|Event { id, came }| match came {
                    Came::Answer { status, headers, body } => {
                        Event { id, came: Came::Answer { status, headers, body: self.swapped_body(body) } }
                    }
                    other => Event { id, came: other },
                });
                Order::Resume { environment, now_us, events: events.collect() }
            }
            other => other,
        })
    }

    fn of_old(&self, mut turn: Turn) -> Result<Turn, PreviousError> {
        if self.renamed.is_none() {
            return Ok(turn);
        }
        for (_, wish) in &mut turn.asked {
            if let Wish::Call { body, .. } = wish {
                *body = self.swapped_body(std::mem::replace(body, Body(Vec::new())));
            }
        }
        if let Some(Ok(answer)) = &mut turn.ended {
            *answer = serde_json::from_str(&self.swapped(&answer.to_string()))
                .map_err(|error| PreviousError::Unexpected(error.to_string()))?;
        }
        Ok(turn)
    }

    fn swapped_body(&self, body: Body) -> Body {
        match String::from_utf8(body.0) {
            Ok(text) => Body(self.swapped(&text).into_bytes()),
            Err(not_text) => Body(not_text.into_bytes()),
        }
    }

    fn swapped(&self, text: &str) -> String {
        let Some((one, other)) = &self.renamed else { return text.to_owned() };
        let parts: Vec<String> = text.split(one.as_str()).map(|part| part.replace(other.as_str(), one)).collect();
        parts.join(other)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child.borrow_mut();
        // One that has ended already cannot be killed, and is waited for all the same.
        let _ = child.kill();
        let _ = child.wait();
    }
}
