//! The template as a tree that knows its lines, and strict reading of it: a key that nobody named is an
//! error, so nothing is ignored by accident.

use super::error::{Checked, Fault, Problem};
use std::ops::RangeInclusive;

/// A value of the template, with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) path: String,
    pub(super) value: Value,
}

/// What stands at a place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
    /// An intrinsic function not yet resolved: `!Ref`, `!GetAtt`, `!Sub`, `!If`.
    Call(String, Box<Node>),
    /// What `AWS::NoValue` stands for: the property or list entry is not there.
    Absent,
}

/// A key of a mapping, with its line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) line: usize,
}

impl Node {
    pub(super) fn fault(&self, problem: Problem) -> Fault {
        Fault { line: self.line, path: self.path.clone(), problem }
    }

    pub(super) fn invalid(&self, message: impl Into<String>) -> Fault {
        self.fault(Problem::Invalid(message.into()))
    }

    fn wrong_type(&self, expected: &'static str) -> Fault {
        let found = match &self.value {
            Value::Null => "empty",
            Value::Boolean(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Call(..) => "an intrinsic function",
            Value::Absent => "AWS::NoValue",
        };
        self.fault(Problem::WrongType { expected, found })
    }

    /// The text; numbers and booleans become text, as CloudFormation makes them.
    pub(super) fn text(&self) -> Checked<String> {
        match &self.value {
            Value::Text(text) => Ok(text.clone()),
            Value::Integer(number) => Ok(number.to_string()),
            Value::Boolean(boolean) => Ok(boolean.to_string()),
            _ => Err(self.wrong_type("a text")),
        }
    }

    /// A whole number in AWS's range; a reference's text is taken if it is one.
    pub(super) fn integer(&self, range: RangeInclusive<u32>) -> Checked<u32> {
        let number = match &self.value {
            Value::Integer(number) => *number,
            Value::Text(text) => text.parse().map_err(|_| self.wrong_type("an integer"))?,
            _ => return Err(self.wrong_type("an integer")),
        };
        match u32::try_from(number) {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(self.fault(Problem::OutOfRange {
                found: number,
                from: i64::from(*range.start()),
                to: i64::from(*range.end()),
            })),
        }
    }

    pub(super) fn boolean(&self) -> Checked<bool> {
        match &self.value {
            Value::Boolean(boolean) => Ok(*boolean),
            _ => Err(self.wrong_type("true or false")),
        }
    }

    pub(super) fn list(&self) -> Checked<&[Node]> {
        match &self.value {
            Value::List(items) => Ok(items),
            _ => Err(self.wrong_type("a list")),
        }
    }

    /// A list, or a single value in place of a list of one, as policies allow.
    pub(super) fn one_or_many(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    pub(super) fn map(&self) -> Checked<&[(Key, Node)]> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            _ => Err(self.wrong_type("a mapping")),
        }
    }

    /// The same as JSON; what is not resolved is `null`.
    pub(super) fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null | Value::Call(..) | Value::Absent => serde_json::Value::Null,
            Value::Boolean(boolean) => (*boolean).into(),
            Value::Integer(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::json).collect(),
            Value::Map(entries) => entries.iter().map(|(key, value)| (key.name.clone(), value.json())).collect(),
        }
    }

    /// One of a fixed set of texts.
    pub(super) fn one_of(&self, what: &'static str, known: &[&'static str]) -> Checked<&'static str> {
        let text = self.text()?;
        known.iter().find(|name| **name == text).copied().ok_or_else(|| self.unknown(what, text, known))
    }

    pub(super) fn unknown(&self, what: &'static str, found: String, known: &[&str]) -> Fault {
        self.fault(Problem::Unknown { what, found, known: known.iter().map(|name| (*name).to_owned()).collect() })
    }

    /// A mapping of which every key is named: `used` ones are read, `inert` ones are AWS's business and
    /// have no effect on one machine.
    pub(super) fn fields(
        &self,
        what: &'static str,
        used: &[&'static str],
        inert: &[&'static str],
    ) -> Checked<Fields<'_>> {
        let entries = self.map()?;
        for (key, _) in entries {
            if !used.contains(&key.name.as_str()) && !inert.contains(&key.name.as_str()) {
                let known: Vec<&str> = used.iter().chain(inert).copied().collect();
                return Err(Fault { line: key.line, ..self.unknown(what, key.name.clone(), &known) });
            }
        }
        Ok(Fields { node: self, entries })
    }
}

/// A mapping whose keys have been checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'n> {
    pub(super) node: &'n Node,
    entries: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }

    pub(super) fn required(&self, name: &str) -> Checked<&'n Node> {
        self.get(name).ok_or_else(|| self.node.fault(Problem::Missing(name.to_owned())))
    }

    /// The integer at `name`, or AWS's default.
    pub(super) fn integer_or(&self, name: &str, range: RangeInclusive<u32>, default: u32) -> Checked<u32> {
        self.get(name).map_or(Ok(default), |node| node.integer(range))
    }
}

/// What SAM makes of a property that stands in `Globals` and at the resource: mappings merge, lists are
/// joined, anything else is the resource's.
pub(super) fn merged(global: &Node, local: &Node) -> Node {
    let value = match (&global.value, &local.value) {
        (Value::Map(globals), Value::Map(locals)) => {
            let mut entries = globals.clone();
            for (key, value) in locals {
                match entries.iter_mut().find(|(known, _)| known.name == key.name) {
                    Some((_, known)) => *known = merged(known, value),
                    None => entries.push((key.clone(), value.clone())),
                }
            }
            Value::Map(entries)
        }
        (Value::List(globals), Value::List(locals)) => Value::List(globals.iter().chain(locals).cloned().collect()),
        _ => return local.clone(),
    };
    Node { line: local.line, path: local.path.clone(), value }
}
