//! What must hold, at every step and at rest. A violation names the invariant, the evidence and the step.

mod bins;
mod fill;
mod goods;
mod image;
mod ledger;
mod levels;
mod lots;
mod rest;
mod serials;
mod states;
mod tenancy;

use std::collections::BTreeMap;

use domain::count_task::CountTask;
use domain::order::Order;
use domain::pick_task::PickTask;
use domain::recall::Recall;
use domain::returns::Return;
use domain::serial_record::SerialRecord;
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
    bins: bins::Bins,
    lots: lots::Lots,
    counts: BTreeMap<String, CountTask>,
    recalls: BTreeMap<String, Recall>,
    serials: BTreeMap<String, SerialRecord>,
    /// Bins that are frozen, by level.
    frozen: BTreeMap<(String, String), Vec<String>>,
    /// Units of receipts, moves and adjustments that were answered, by id.
    posted: BTreeMap<String, u64>,
    /// Units that a line is of since its last edit was answered, by order and number.
    ordered: BTreeMap<(String, u64), u64>,
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
    pub(crate) fn record(&mut self, moment: Moment, event: &Value) {
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
            "level" => found.extend(self.level(moment, (pk, sk), &item)),
            "order" => {
                let (lots, seen) = (&self.lots, (&self.levels, &self.tasks));
                found.extend(moved(&mut self.orders, pk, item, |before, next| {
                    let mut found = states::order(before, next);
                    found.extend(goods::check(before, next));
                    found.extend(lots.promised(moment, seen, before, next));
                    found
                }));
            }
            "count" => found.extend(moved(&mut self.counts, pk, item, |_, _| Found::new())),
            "serial" => found.extend(moved(&mut self.serials, pk, item, serials::check)),
            "recall" => found.extend(moved(&mut self.recalls, pk, item, |_, _| Found::new())),
            "task" => found.extend(moved(&mut self.tasks, pk, item, states::task)),
            "shipment" => found.extend(moved(&mut self.shipments, pk, item, states::shipment)),
            "return" => found.extend(moved(&mut self.returns, pk, item, states::returned)),
            _ => {}
        }
        for (invariant, evidence) in found {
            self.violations.push(Violation { invariant, evidence, step: moment.step });
        }
    }

    fn level(&mut self, moment: Moment, (pk, sk): (&str, &str), item: &Value) -> Found {
        let (mut found, level, moved) = self.levels.record(pk, sk, item);
        found.extend(self.bins.record((pk, sk), item, &level, &moved));
        found.extend(self.lots.record(moment, (pk, sk), item, &level));
        let names = item.as_object().into_iter().flatten().map(|(name, _)| name);
        let frozen = names.filter_map(|name| name.strip_prefix("frozen:")).map(str::to_owned).collect();
        self.frozen.insert((pk.to_owned(), sk.to_owned()), frozen);
        found
    }

    /// A client was answered that so many units were received, carried or corrected under this id.
    pub(crate) fn is_posted(&mut self, id: &str, units: u64) {
        self.posted.insert(id.to_owned(), units);
    }

    /// A client was answered that a line is of so many units from now on.
    pub(crate) fn is_ordered(&mut self, order: &str, line: u64, units: u64) {
        self.ordered.insert((order.to_owned(), line), units);
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

/// When a write took effect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) step: u64,
    pub(crate) now_us: u64,
    /// Whether work may be frozen for minutes in this run.
    pub(crate) may_freeze: bool,
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
