//! Bodies that a route's description asks for, made from the description itself: a new route needs no body written here.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The smallest body that fits the route's description, if it takes JSON; fields that are called like one of `ids` have it.
pub(super) fn body_of(document: &Value, route: &str, ids: &BTreeMap<String, String>) -> Option<Value> {
    let schema = schema_of(document, route)?;
    Some(instance(document, schema, ids))
}

/// The schema of a route's JSON body.
pub(super) fn schema_of<'d>(document: &'d Value, route: &str) -> Option<&'d Value> {
    let (method, path) = route.split_once(' ')?;
    let operation = &document["paths"][path][method.to_lowercase()];
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    (!schema.is_null() && schema["type"] != "string").then_some(schema)
}

fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(reference) => resolved(document, document.pointer(reference.trim_start_matches('#')).expect("a schema")),
        None => schema,
    }
}

fn instance(document: &Value, schema: &Value, ids: &BTreeMap<String, String>) -> Value {
    let schema = resolved(document, schema);
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(first) = schema[choice].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null")) {
            return instance(document, first, ids);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().filter_map(|part| instance(document, part, ids).as_object().cloned());
        return Value::Object(parts.flatten().collect());
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
    match kind {
        "integer" | "number" => json!(schema["minimum"].as_i64().unwrap_or(1).max(1)),
        "boolean" => json!(false),
        "array" => json!([instance(document, &schema["items"], ids)]),
        "string" => match schema["format"].as_str() {
            Some("date-time") => json!("2030-01-01T00:00:00Z"),
            Some("date") => json!("2030-01-01"),
            _ => json!("x1"),
        },
        _ => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let field = |name: &str| match ids.get(name) {
                Some(id) => json!(id),
                None if name == "country" => json!("BG"),
                None => instance(document, &schema["properties"][name], ids),
            };
            Value::Object(required.map(|name| (name.to_owned(), field(name))).collect::<Map<_, _>>())
        }
    }
}

/// The names of all fields that bodies of the API may have, by route.
pub(super) fn fields(document: &Value, route: &str) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(schema) = schema_of(document, route) {
        collect(document, schema, &mut names, 0);
    }
    names
}

fn collect(document: &Value, schema: &Value, names: &mut Vec<String>, depth: usize) {
    if depth > 12 {
        return; // A schema that refers to itself.
    }
    let schema = resolved(document, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        names.push(name.clone());
        collect(document, property, names, depth + 1);
    }
    for part in ["oneOf", "anyOf", "allOf"] {
        schema[part].as_array().into_iter().flatten().for_each(|part| collect(document, part, names, depth + 1));
    }
    if schema["items"].is_object() {
        collect(document, &schema["items"], names, depth + 1);
    }
}
