//! What no single resource shows: AWS refuses these at deployment, or runs them wrongly.

use super::error::{Checked, Fault};
use super::model::{Function, Stack};
use super::node::{Key, Node, Value};
use super::scope::{Kind, Scope};
use std::collections::BTreeMap;

/// Checks a whole stack; errors point at the event that contradicts another part.
pub(super) fn check(resources: &Node, scope: &Scope<'_>, stack: &Stack) -> Checked<()> {
    let mut routes: BTreeMap<(String, String), String> = BTreeMap::new();
    for (key, node) in resources.map()? {
        let function = scope
            .resource(&key.name)
            .filter(|resource| resource.kind == Kind::Function)
            .and_then(|resource| stack.functions.get(&resource.name));
        let Some(function) = function else {
            continue;
        };
        for (route, place) in function.routes.iter().zip(events(node, "HttpApi")) {
            let shape = (route.method.clone(), without_names(&route.path));
            if let Some(other) = routes.insert(shape, function.name.clone()) {
                return Err(place.invalid(format!("{} {} is a route of `{other}` already", route.method, route.path)));
            }
        }
        check_sources(function, node, stack)?;
    }
    let declared: Vec<String> = stack
        .functions
        .values()
        .flat_map(|function| &function.routes)
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    for (_, node) in resources.map()? {
        for (key, settings) in route_settings(node) {
            if !declared.contains(&key.name) {
                let known: Vec<&str> = declared.iter().map(String::as_str).collect();
                return Err(Fault { line: key.line, ..settings.unknown("route", key.name.clone(), &known) });
            }
        }
    }
    Ok(())
}

/// Settings of single routes; only an API has them.
fn route_settings(resource: &Node) -> &[(Key, Node)] {
    child(resource, "Properties")
        .and_then(|properties| child(properties, "RouteSettings"))
        .and_then(|settings| settings.map().ok())
        .unwrap_or_default()
}

fn check_sources(function: &Function, node: &Node, stack: &Stack) -> Checked<()> {
    for (source, place) in function.queue_sources.iter().zip(events(node, "SQS")) {
        let short = stack
            .queues
            .iter()
            .find(|queue| queue.name == source.queue)
            .is_some_and(|queue| queue.visibility_timeout_s < function.timeout_s);
        if short {
            return Err(place.invalid(format!(
                "queue `{}` shows a message again before this function's time-out of {} s; Lambda refuses that",
                source.queue, function.timeout_s
            )));
        }
    }
    for (source, place) in function.stream_sources.iter().zip(events(node, "DynamoDB")) {
        let streaming = stack
            .tables
            .iter()
            .find(|table| table.name == source.table)
            .is_some_and(|table| table.create.get("StreamSpecification").is_some());
        if !streaming {
            return Err(place.invalid(format!("table `{}` has no stream", source.table)));
        }
    }
    Ok(())
}

/// The events of one type in the template's order, which is also that of the model.
fn events<'n>(function: &'n Node, kind: &str) -> impl Iterator<Item = &'n Node> {
    let wanted = Value::Text(kind.to_owned());
    child(function, "Properties")
        .and_then(|properties| child(properties, "Events"))
        .and_then(|events| events.map().ok())
        .unwrap_or_default()
        .iter()
        .map(|(_, event)| event)
        .filter(move |event| child(event, "Type").is_some_and(|node| node.value == wanted))
}

fn child<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let entries = node.map().ok()?;
    entries.iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
}

/// `/v1/orders/{order}` → `/v1/orders/{}`: API Gateway takes two names of one parameter for one route.
fn without_names(path: &str) -> String {
    let segments: Vec<&str> =
        path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect();
    segments.join("/")
}
