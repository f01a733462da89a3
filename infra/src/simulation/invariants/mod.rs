//! What must hold, at every step and at rest. A violation names the invariant, the evidence and the step.

mod levels;

use serde_json::Value;

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's name.
    pub invariant: &'static str,
    /// What was seen.
    pub evidence: String,
    /// The step at which it was seen; 0 at rest.
    pub step: u64,
}

/// All invariants of a run, with what they remember.
#[derive(Debug, Default)]
pub(crate) struct Invariants {
    levels: levels::Levels,
    violations: Vec<Violation>,
}

impl Invariants {
    /// Looks at one write to a table that has a stream.
    pub(crate) fn record(&mut self, step: u64, table: &str, event: &Value) {
        let image = &event["dynamodb"]["NewImage"];
        if let Err(broken) = self.levels.record(table, &event["dynamodb"]["Keys"], image) {
            self.violations.push(Violation { step, ..broken });
        }
    }

    /// The machinery of the run itself failed.
    pub(crate) fn machinery(&mut self, step: u64, evidence: &str) {
        self.violations.push(Violation { invariant: "machinery", evidence: evidence.to_owned(), step });
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }
}
