//! What every function's routes must keep: no key, a wrong key, a wrong scope, another merchant; the description.
//!
//! All of it panics, as a test does, when it does not hold.
#![allow(clippy::missing_panics_doc)]

use crate::api::{SCOPES, World};
use crate::request::{read, request};
use domain::account::Scope;
use platform::Function;
use serde_json::Value;

/// Routes, and which scopes may use each (an administrator may always).
pub type Routes<'a> = &'a [(&'a str, &'a [Scope])];

/// Every route of a description.
#[must_use]
pub fn described(api: &Value) -> Vec<String> {
    let paths = api["paths"].as_object().expect("a description has paths");
    let routes = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("a path has methods");
        methods.keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    routes.collect()
}

/// No route answers without a valid key.
pub async fn need_a_key<F: Function>(world: &World<F>, api: &Value) {
    let unknown = platform::auth::new_key(&world.merchant, "guess");
    let keys =
        ["", "Basic abc", "Bearer ", "Bearer x", "Bearer sklad_", "Bearer sklad_a#b_c", &format!("Bearer {unknown}")];
    let described = described(api);
    assert!(!described.is_empty());
    for route in &described {
        assert_eq!(world.send(request(route)).await.status, 401, "{route}");
        for key in keys {
            assert_eq!(world.send(request(route).header("authorization", key)).await.status, 401, "{route} {key}");
        }
    }
}

/// Every route is described and takes its scopes only.
pub async fn take_their_scopes_only<F: Function>(world: &World<F>, api: &Value, routes: Routes<'_>) {
    let described = described(api);
    for (route, allowed) in routes {
        assert!(described.iter().any(|known| known == route), "{route} is not in the description");
        for scope in SCOPES {
            let key = World::<F>::key(&world.merchant, scope);
            let (status, body) = read(Ok(world.send(request(route).key(&key)).await));
            if allowed.contains(&scope) {
                assert!(![401, 403, 500].contains(&status), "{route} {scope:?}: {body}");
            } else {
                assert_eq!(status, 403, "{route} {scope:?}: {body}");
            }
        }
    }
}

/// A merchant's key cannot act for another merchant.
pub async fn act_for_the_keys_merchant_only<F: Function>(world: &World<F>, routes: Routes<'_>) {
    for (route, allowed) in routes {
        for scope in *allowed {
            let forged =
                request(route).key(&World::<F>::key(&world.other, *scope)).header("sklad-merchant", &world.merchant);
            assert_eq!(world.send(forged).await.status, 403, "{route} {scope:?}");
        }
    }
}

/// The description names every schema that it refers to.
pub fn describe_every_schema(api: &Value) {
    let mut references = Vec::new();
    collect_references(api, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        assert!(api.pointer(&reference).is_some(), "{reference} is not described");
    }
}

fn collect_references(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                references.push(reference.trim_start_matches('#').to_owned());
            }
            fields.values().for_each(|value| collect_references(value, references));
        }
        Value::Array(entries) => entries.iter().for_each(|value| collect_references(value, references)),
        _ => {}
    }
}
