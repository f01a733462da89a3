//! Lambda's event filter patterns: what decides whether a stream record reaches a function.

use serde_json::{Map, Value};

/// Why a pattern can never do what its author meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter pattern at `{at}`: {problem}")]
pub struct FilterError {
    /// Dotted path within the pattern; empty for its root.
    pub at: String,
    /// What is wrong there.
    pub problem: String,
}

/// Whether `pattern` admits `record`: every field of the pattern must hold, and a field holds if any of its
/// alternatives does. A pattern that [`check`] refuses admits nothing at its faulty part.
#[must_use]
pub fn matches(pattern: &Value, record: &Value) -> bool {
    pattern.is_object() && field_holds(pattern, Some(record))
}

fn field_holds(pattern: &Value, value: Option<&Value>) -> bool {
    match pattern {
        Value::Object(fields) => {
            fields.iter().all(|(name, inner)| field_holds(inner, value.and_then(|value| value.get(name))))
        }
        Value::Array(alternatives) => match value {
            // A list in the record holds if one of its elements does.
            Some(Value::Array(elements)) if !elements.is_empty() => {
                alternatives.iter().any(|rule| elements.iter().any(|element| rule_holds(rule, Some(element))))
            }
            _ => alternatives.iter().any(|rule| rule_holds(rule, value)),
        },
        _ => false,
    }
}

fn rule_holds(rule: &Value, value: Option<&Value>) -> bool {
    // Only leaves are compared: an object in the record is neither equal to anything nor "exists".
    let leaf = value.filter(|value| !value.is_object());
    let Value::Object(rule) = rule else {
        return leaf.is_some_and(|leaf| equal(rule, leaf));
    };
    let Some((operator, operand)) = single(rule) else {
        return false;
    };
    match operator {
        "exists" => operand.as_bool() == Some(leaf.is_some()),
        "prefix" => starts_with(leaf, operand),
        "anything-but" => {
            leaf.is_some()
                && match operand {
                    Value::Array(excluded) => !excluded.iter().any(|one| leaf.is_some_and(|leaf| equal(one, leaf))),
                    Value::Object(inner) => match single(inner) {
                        Some(("prefix", prefix)) => !starts_with(leaf, prefix),
                        _ => false,
                    },
                    excluded => !leaf.is_some_and(|leaf| equal(excluded, leaf)),
                }
        }
        "numeric" => {
            let (Some(number), Some(terms)) = (leaf.and_then(Value::as_f64), operand.as_array()) else {
                return false;
            };
            !terms.is_empty() && terms.chunks(2).all(|term| comparison_holds(number, term))
        }
        _ => false,
    }
}

fn single(rule: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = rule.iter();
    match (entries.next(), entries.next()) {
        (Some((name, operand)), None) => Some((name, operand)),
        _ => None,
    }
}

fn starts_with(leaf: Option<&Value>, prefix: &Value) -> bool {
    match (leaf.and_then(Value::as_str), prefix.as_str()) {
        (Some(text), Some(prefix)) => text.starts_with(prefix),
        _ => false,
    }
}

fn equal(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        // 300 and 300.0 are the same number.
        (Value::Number(wanted), Value::Number(found)) => wanted.as_f64() == found.as_f64(),
        _ => wanted == found,
    }
}

fn comparison_holds(number: f64, term: &[Value]) -> bool {
    let [operator, bound] = term else {
        return false;
    };
    let (Some(operator), Some(bound)) = (operator.as_str(), bound.as_f64()) else {
        return false;
    };
    match operator {
        "=" => number == bound,
        "<" => number < bound,
        "<=" => number <= bound,
        ">" => number > bound,
        ">=" => number >= bound,
        _ => false,
    }
}

/// Whether a pattern is one that AWS takes and [`matches`] knows.
///
/// # Errors
/// Names the first place that is not.
pub fn check(pattern: &Value) -> Result<(), FilterError> {
    check_field(pattern, "")
}

/// [`check`], and that the pattern can match a DynamoDB stream record of the `NEW_IMAGE` view at all: a
/// misspelt part would filter everything out and nobody would hear of it.
///
/// # Errors
/// Names the first place that cannot match.
pub fn check_stream(pattern: &Value) -> Result<(), FilterError> {
    check(pattern)?;
    for (name, inner) in named(pattern, "", RECORD_PARTS)? {
        if name != "dynamodb" {
            continue;
        }
        for (part, inner) in named(inner, "dynamodb", STREAM_PARTS)? {
            if part != "Keys" && part != "NewImage" {
                continue;
            }
            let at = format!("dynamodb.{part}");
            let Value::Object(attributes) = inner else {
                return refuse(&at, "names no attribute");
            };
            for (attribute, typed) in attributes {
                let at = format!("{at}.{attribute}");
                for (kind, rules) in named(typed, &at, ATTRIBUTE_TYPES)? {
                    let numeric = |rule: &Value| rule.get("numeric").is_some() || rule.is_number();
                    if kind == "N" && rules.as_array().is_some_and(|rules| rules.iter().any(numeric)) {
                        return refuse(
                            &format!("{at}.N"),
                            "DynamoDB writes numbers as texts, which no numeric rule matches",
                        );
                    }
                }
            }
        }
    }
    Ok(())
}

const RECORD_PARTS: &[&str] = &["awsRegion", "dynamodb", "eventName", "eventSource", "eventVersion"];
const STREAM_PARTS: &[&str] = &["Keys", "NewImage", "StreamViewType"];
const ATTRIBUTE_TYPES: &[&str] = &["B", "BOOL", "BS", "L", "M", "N", "NS", "NULL", "S", "SS"];

fn refuse<T>(at: &str, problem: impl Into<String>) -> Result<T, FilterError> {
    Err(FilterError { at: at.to_owned(), problem: problem.into() })
}

fn named<'p>(pattern: &'p Value, at: &str, known: &[&str]) -> Result<Vec<(&'p str, &'p Value)>, FilterError> {
    let Value::Object(fields) = pattern else {
        return refuse(at, format!("must name one of: {}", known.join(", ")));
    };
    if let Some(stranger) = fields.keys().find(|name| !known.contains(&name.as_str())) {
        return refuse(at, format!("unknown part `{stranger}`; known: {}", known.join(", ")));
    }
    Ok(fields.iter().map(|(name, inner)| (name.as_str(), inner)).collect())
}

fn check_field(pattern: &Value, at: &str) -> Result<(), FilterError> {
    match pattern {
        Value::Object(fields) if fields.is_empty() => refuse(at, "is empty"),
        Value::Object(fields) => fields.iter().try_for_each(|(name, inner)| {
            let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            if name.starts_with('$') {
                return refuse(&at, "is not known");
            }
            check_field(inner, &at)
        }),
        Value::Array(_) if at.is_empty() => refuse(at, "a pattern is an object"),
        Value::Array(rules) if rules.is_empty() => refuse(at, "has no alternative"),
        Value::Array(rules) => rules.iter().try_for_each(|rule| check_rule(rule, at)),
        _ => refuse(at, "a value stands in a list: [value]"),
    }
}

fn check_rule(rule: &Value, at: &str) -> Result<(), FilterError> {
    let known = "known: a value, exists, prefix, anything-but, numeric";
    let rule = match rule {
        Value::Object(rule) => rule,
        Value::Array(_) => return refuse(at, format!("a list is no rule; {known}")),
        _ => return Ok(()),
    };
    let Some((operator, operand)) = single(rule) else {
        return refuse(at, format!("a rule has one operator; {known}"));
    };
    let scalar = |value: &Value| value.is_string() || value.is_number();
    let fits = match operator {
        "exists" => operand.is_boolean(),
        "prefix" => operand.is_string(),
        "anything-but" => match operand {
            Value::Array(excluded) => !excluded.is_empty() && excluded.iter().all(scalar),
            Value::Object(inner) => {
                matches!(single(inner), Some(("prefix", Value::String(_))))
            }
            excluded => scalar(excluded),
        },
        "numeric" => operand.as_array().is_some_and(|terms| {
            matches!(terms.len(), 2 | 4)
                && terms
                    .chunks(2)
                    .all(|term| matches!(term[0].as_str(), Some("=" | "<" | "<=" | ">" | ">=")) && term[1].is_number())
        }),
        _ => return refuse(at, format!("unknown operator `{operator}`; {known}")),
    };
    if fits { Ok(()) } else { refuse(at, format!("`{operator}` does not take {operand}")) }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
