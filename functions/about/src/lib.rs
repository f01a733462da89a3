//! `about`: health, version, the API's description. No key: they tell nothing of anyone. A function of its own, so that
//! the routes that are open to everybody run without any right.

use platform::{Deps, Function, Problem, Request, Response};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

/// The description of the whole API, generated from the code by `cargo local openapi` and committed.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct About;

impl Function for About {
    const NAME: &'static str = "about";

    async fn http(&self, deps: &Deps, request: Request) -> Result<Response, Problem> {
        match request.route.as_str() {
            "GET /v1/health" => health(),
            "GET /v1/version" => version(deps),
            "GET /v1/openapi.json" => Ok(description()),
            other => Err(Problem::no_route(other)),
        }
    }
}

/// Alive.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    pub status: String,
}

/// What runs here.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Version {
    /// Version of the software.
    pub version: String,
    /// Name of the deployment.
    pub stage: String,
}

/// Whether the API answers.
#[utoipa::path(
    get, path = "/v1/health", tag = "about",
    responses((status = 200, description = "Alive", body = Health)),
    security(()),
)]
fn health() -> Result<Response, Problem> {
    Response::json(200, &Health { status: "ok".to_owned() })
}

/// What runs here.
#[utoipa::path(
    get, path = "/v1/version", tag = "about",
    responses((status = 200, description = "The version", body = Version)),
    security(()),
)]
fn version(deps: &Deps) -> Result<Response, Problem> {
    let stage = deps.settings.get("STAGE").unwrap_or("unnamed").to_owned();
    Response::json(200, &Version { version: env!("CARGO_PKG_VERSION").to_owned(), stage })
}

/// The description of this API, OpenAPI 3.1.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "about",
    responses((status = 200, description = "An OpenAPI document", content_type = "application/json")),
    security(()),
)]
fn description() -> Response {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Response { status: 200, headers, body: OPENAPI.to_owned() }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(About).await
}

#[derive(OpenApi)]
#[openapi(paths(health, version, description), components(schemas(Health, Version)))]
struct Api;

/// This function's part of the API's description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
