//! The template's parameters: declared limits, defaults, and what the caller gives instead.

use super::Overrides;
use super::error::{Checked, Problem};
use super::node::{Node, Value};
use std::collections::BTreeMap;

/// Every parameter's value.
pub(super) fn read(section: &Node, overrides: &Overrides) -> Checked<BTreeMap<String, Value>> {
    let mut values = BTreeMap::new();
    for (key, declared) in section.map()? {
        values.insert(key.name.clone(), value(&key.name, declared, overrides.parameters.get(&key.name))?);
    }
    Ok(values)
}

fn value(name: &str, declared: &Node, given: Option<&String>) -> Checked<Value> {
    // The pattern is CloudFormation's to apply: what depends on it, the functions check for themselves.
    let fields = declared.fields(
        "parameter property",
        &["Type", "Default", "AllowedValues", "MinValue", "MaxValue", "MinLength", "MaxLength"],
        &["Description", "ConstraintDescription", "NoEcho", "AllowedPattern"],
    )?;
    let kind = fields.required("Type")?.one_of("parameter type", &["String", "Number"])?;
    let source = match (given, fields.get("Default")) {
        (Some(given), _) => Node { value: Value::Text(given.clone()), ..declared.clone() },
        (None, Some(default)) => default.clone(),
        (None, None) => {
            return Err(declared.invalid(format!("parameter `{name}` has no default and was not given")));
        }
    };
    let text = source.text()?;
    if let Some(allowed) = fields.get("AllowedValues") {
        let known = allowed.list()?.iter().map(Node::text).collect::<Checked<Vec<_>>>()?;
        if !known.contains(&text) {
            return Err(source.fault(Problem::Unknown { what: "value", found: text, known }));
        }
    }
    let any = 0..=u32::MAX;
    if kind == "Number" {
        let from = fields.integer_or("MinValue", any.clone(), 0)?;
        let to = fields.integer_or("MaxValue", any, u32::MAX)?;
        return source.integer(from..=to).map(|number| Value::Integer(i64::from(number)));
    }
    let shortest = fields.integer_or("MinLength", any.clone(), 0)?;
    let longest = fields.integer_or("MaxLength", any, u32::MAX)?;
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    if !(shortest..=longest).contains(&length) {
        // The value is not repeated: it may be a secret.
        return Err(source.invalid(format!("`{name}` must have {shortest} to {longest} characters, has {length}")));
    }
    Ok(Value::Text(text))
}
