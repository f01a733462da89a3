//! What must hold, at every step and at rest. A violation names the invariant, the evidence and the step.

mod image;
mod levels;
mod rest;
mod states;
mod tenancy;

use std::collections::BTreeMap;

use domain::order::Order;
use domain::pick_task::PickTask;
use domain::returns::Return;
use domain::shipment::Shipment;
use serde_json::Value;

use super::size::Size;

pub(crate) use rest::Rest;

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's name.
    pub invariant: &'static str,
    /// What was seen.
    pub evidence: String,
    /// The step at which it was seen; 0 where a client or the rest showed it.
    pub step: u64,
}

/// All invariants of a run, with what they remember.
#[derive(Debug, Default)]
pub(crate) struct Invariants {
    levels: levels::Levels,
    orders: BTreeMap<String, Order>,
    tasks: BTreeMap<String, PickTask>,
    shipments: BTreeMap<String, Shipment>,
    returns: BTreeMap<String, Return>,
    /// Whether nobody picks in this world: then what is reserved is at rest.
    nobody_picks: bool,
    violations: Vec<Violation>,
}

impl Invariants {
    /// Of a world whose goods are picked, or stay where they are.
    pub(crate) fn new(size: &Size) -> Self {
        Self { nobody_picks: !size.floor, ..Self::default() }
    }

    /// Looks at one write to a table that has a stream.
    pub(crate) fn record(&mut self, step: u64, event: &Value) {
        let keys = image::plain(&json_object(&event["dynamodb"]["Keys"]));
        let (pk, sk) = (text(&keys, "pk"), text(&keys, "sk"));
        let raw = &event["dynamodb"]["NewImage"];
        if raw.is_null() {
            return;
        }
        let item = image::plain(&json_object(raw));
        let mut found = Vec::new();
        found.extend(tenancy::check(pk, &item));
        match sk.split('#').next().unwrap_or_default() {
            "level" => found.extend(self.levels.record(pk, sk, &item)),
            "order" => found.extend(moved(&mut self.orders, pk, item, states::order)),
            "task" => found.extend(moved(&mut self.tasks, pk, item, states::task)),
            "shipment" => found.extend(moved(&mut self.shipments, pk, item, states::shipment)),
            "return" => found.extend(moved(&mut self.returns, pk, item, states::returned)),
            _ => {}
        }
        for (invariant, evidence) in found {
            self.violations.push(Violation { invariant, evidence, step });
        }
    }

    /// Something that a client or the rest showed.
    pub(crate) fn broken(&mut self, invariant: &'static str, evidence: String) {
        self.violations.push(Violation { invariant, evidence, step: 0 });
    }

    /// The machinery of the run itself failed.
    pub(crate) fn machinery(&mut self, step: u64, evidence: &str) {
        self.violations.push(Violation { invariant: "machinery", evidence: evidence.to_owned(), step });
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Where an order stands.
    pub(crate) fn order(&self, id: &str) -> Option<&Order> {
        self.orders.values().find(|order| order.id.as_str() == id)
    }

    /// What is neither at its end nor waits for a person or for stock.
    pub(crate) fn unsettled(&self) -> Option<String> {
        rest::unsettled(self)
    }
}

/// What is wrong, by the invariant's name.
type Found = Vec<(&'static str, String)>;

/// Holds the next state of an aggregate against the one before.
fn moved<T: serde::de::DeserializeOwned>(
    known: &mut BTreeMap<String, T>,
    pk: &str,
    item: Value,
    check: impl FnOnce(Option<&T>, &T) -> Found,
) -> Found {
    match serde_json::from_value::<T>(item) {
        Ok(next) => {
            let found = check(known.get(pk), &next);
            known.insert(pk.to_owned(), next);
            found
        }
        Err(error) => vec![("machinery", format!("{pk} cannot be read: {error}"))],
    }
}

fn json_object(attributes: &Value) -> Value {
    serde_json::json!({ "M": attributes })
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
