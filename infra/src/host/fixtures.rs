//! Stacks for the tests of this module.

use std::collections::BTreeMap;

use crate::template::model::{Function, Route, Stack};

/// A function with these routes and nothing else.
pub(crate) fn function(name: &str, routes: &[(&str, &str)]) -> Function {
    Function {
        name: name.to_owned(),
        memory_mib: 128,
        timeout_s: 10,
        environment: BTreeMap::new(),
        routes: routes
            .iter()
            .map(|(method, path)| Route { method: (*method).to_owned(), path: (*path).to_owned() })
            .collect(),
        queue_sources: Vec::new(),
        stream_sources: Vec::new(),
        schedules: Vec::new(),
    }
}

/// A stack of these functions.
pub(crate) fn stack<const N: usize>(functions: [Function; N]) -> Stack {
    Stack {
        functions: functions.into_iter().map(|function| (function.name.clone(), function)).collect(),
        ..Stack::default()
    }
}
