//! What AWS documents of SQS, as cases that any endpoint can be asked: ours in process, `cargo local`, or an
//! independent SQS.

pub(crate) mod client;
pub(crate) mod deviations;
pub(crate) mod remote;

mod cases;

use client::Sqs;
use deviations::Deviation;
use serde_json::Value;
use std::sync::Mutex;

/// An answer as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// The header `x-amzn-query-error`: the code that clients of the old protocol know, and whose fault it was.
    pub(crate) query_error: Option<String>,
    /// The body; null if it was empty.
    pub(crate) body: Value,
}

/// An SQS that speaks the AWS JSON 1.0 protocol.
pub(crate) trait Endpoint: Sync {
    /// Sends one request.
    fn call(&self, action: &str, body: &Value) -> Result<Answer, String>;
    /// Lets time pass. Visibility, delay and retention are spans of time: there is nothing else to wait for.
    fn pass(&self, milliseconds: u64);
    /// The time on the endpoint's clock, for spans; milliseconds.
    fn now_ms(&self) -> u64;
    /// Whether a minute costs nothing.
    fn is_virtual(&self) -> bool;
}

/// How a case went: nothing, or what was seen instead of what is documented.
pub(crate) type Outcome = Result<(), String>;

/// One documented rule.
pub(crate) struct Case {
    /// The rule.
    pub(crate) name: &'static str,
    /// Where it is documented: a page of the SQS developer guide or of its API reference.
    pub(crate) page: &'static str,
    /// It lets more than a few seconds pass, and is run where that costs nothing.
    pub(crate) slow: bool,
    /// Asks.
    pub(crate) run: fn(&Sqs<'_>) -> Outcome,
}

impl Case {
    /// A rule of the API reference's page on an action.
    pub(crate) const fn api(name: &'static str, page: &'static str, run: fn(&Sqs<'_>) -> Outcome) -> Self {
        Self { name, page, slow: false, run }
    }

    /// The same rule, for endpoints on virtual time.
    pub(crate) const fn slow(mut self) -> Self {
        self.slow = true;
        self
    }
}

/// Cases that run beside each other: most of their time is spent waiting.
const THREADS: usize = 16;

/// Runs every case and holds the outcomes against the deviations that are known of this endpoint. Answers what
/// differs: a rule broken that is not listed, or listed and kept.
pub(crate) fn differences(endpoint: &dyn Endpoint, known: &[Deviation]) -> Vec<String> {
    let all = cases::all();
    let mut differences: Vec<String> = known
        .iter()
        .filter(|deviation| !all.iter().any(|case| case.name == deviation.case))
        .map(|deviation| format!("{:?} is listed as a deviation and is no case", deviation.case))
        .collect();
    let waiting = Mutex::new(all.iter().filter(|case| endpoint.is_virtual() || !case.slow).enumerate());
    let found = Mutex::new(Vec::new());
    // On virtual time one case at a time: each moves the clock.
    let threads = if endpoint.is_virtual() { 1 } else { THREADS };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some((number, case)) = waiting.lock().unwrap().next() else { return };
                    let outcome = (case.run)(&Sqs::new(endpoint, number));
                    let listed = known.iter().find(|deviation| deviation.case == case.name);
                    let difference = match (outcome, listed) {
                        (Ok(()), None) | (Err(_), Some(_)) => continue,
                        (Ok(()), Some(deviation)) => {
                            format!("{:?} holds now, and is listed as: {}", case.name, deviation.reason)
                        }
                        (Err(seen), None) => format!("{:?} ({}): {seen}", case.name, case.page),
                    };
                    found.lock().unwrap().push(difference);
                }
            });
        }
    });
    differences.extend(found.into_inner().unwrap());
    differences.sort();
    differences
}

/// Holds what was seen against what is documented.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: T, documented: T) -> Outcome {
    if got == documented {
        return Ok(());
    }
    Err(format!("{what}: {got:?} instead of {documented:?}"))
}
