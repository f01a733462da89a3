//! The template's conditions: which of its parts take effect with these parameters.

use super::error::Checked;
use super::node::{Node, Value};
use std::collections::BTreeMap;

/// Every condition, decided.
#[derive(Debug, Default)]
pub(super) struct Conditions(BTreeMap<String, bool>);

impl Conditions {
    /// Decides all conditions of the section.
    pub(super) fn read(section: &Node, parameters: &BTreeMap<String, Value>) -> Checked<Self> {
        let mut decided = BTreeMap::new();
        for (key, node) in section.map()? {
            decided.insert(key.name.clone(), decide(node, parameters)?);
        }
        Ok(Self(decided))
    }

    /// Whether the condition that the node names holds.
    pub(super) fn holds(&self, name: &Node) -> Checked<bool> {
        let text = name.text()?;
        self.0.get(&text).copied().ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            name.unknown("condition", text, &known)
        })
    }
}

fn decide(node: &Node, parameters: &BTreeMap<String, Value>) -> Checked<bool> {
    let (function, argument) = match &node.value {
        Value::Call(function, argument) => (function.as_str(), argument),
        _ => return Err(node.invalid("a condition is !Equals or !Not")),
    };
    match (function, argument.list()?) {
        ("!Equals", [one, other]) => Ok(operand(one, parameters)? == operand(other, parameters)?),
        ("!Not", [inner]) => decide(inner, parameters).map(|holds| !holds),
        ("!Equals" | "!Not", _) => Err(node.invalid("!Equals takes two values, !Not one condition")),
        _ => Err(node.unknown("condition function", function.to_owned(), &["!Equals", "!Not"])),
    }
}

/// A parameter's value or a constant; as for CloudFormation, a number equals its digits.
fn operand(node: &Node, parameters: &BTreeMap<String, Value>) -> Checked<String> {
    let Value::Call(function, argument) = &node.value else { return node.text() };
    if function != "!Ref" {
        return Err(node.unknown("function in a condition", function.clone(), &["!Ref"]));
    }
    let name = argument.text()?;
    let value = parameters.get(&name).cloned().ok_or_else(|| {
        let known: Vec<&str> = parameters.keys().map(String::as_str).collect();
        node.unknown("parameter", name, &known)
    })?;
    Node { value, ..node.clone() }.text()
}
