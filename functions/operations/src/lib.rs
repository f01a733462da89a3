//! `operations`: the HTTP API of ops teams and merchants. Master data and stock here, the orders' day in [`orders`].

mod orders;

use platform::{Deps, Function, Problem, Request, Response};
use utoipa::OpenApi;

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct Operations;

impl Function for Operations {
    const NAME: &'static str = "operations";

    async fn http(&self, deps: &Deps, request: Request) -> Result<Response, Problem> {
        match orders::route(deps, &request).await {
            Some(answer) => answer,
            None => Err(Problem::no_route(&request.route)),
        }
    }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(Operations).await
}

#[derive(OpenApi)]
#[openapi(components(schemas(Problem)))]
struct Api;

/// This function's part of the API's description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut api = Api::openapi();
    api.merge(orders::openapi());
    api
}
