//! Health, version, the API's description. No key: they tell nothing of anyone.

use crate::wire::{Health, Version};
use platform::{Deps, Problem, Response};

/// The description of the whole API, generated from the code by `cargo local openapi` and committed.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// Whether the API answers.
#[utoipa::path(
    get, path = "/v1/health", tag = "operations",
    responses((status = 200, description = "Alive", body = Health)),
    security(()),
)]
pub(crate) fn health() -> Result<Response, Problem> {
    Response::json(200, &Health { status: "ok".to_owned() })
}

/// What runs here.
#[utoipa::path(
    get, path = "/v1/version", tag = "operations",
    responses((status = 200, description = "The version", body = Version)),
    security(()),
)]
pub(crate) fn version(deps: &Deps) -> Result<Response, Problem> {
    let stage = deps.settings.get("STAGE").unwrap_or("unnamed").to_owned();
    Response::json(200, &Version { version: env!("CARGO_PKG_VERSION").to_owned(), stage })
}

/// The description of this API, OpenAPI 3.1.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "operations",
    responses((status = 200, description = "An OpenAPI document", content_type = "application/json")),
    security(()),
)]
pub(crate) fn description() -> Result<Response, Problem> {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Ok(Response { status: 200, headers, body: OPENAPI.to_owned() })
}
