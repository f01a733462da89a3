//! Orders, holds, close-out, documents, dead letters.

use platform::{Deps, Problem, Request, Response};
use utoipa::OpenApi;

/// Answers the routes of this room; `None` for any other.
pub(crate) async fn route(_deps: &Deps, _request: &Request) -> Option<Result<Response, Problem>> {
    None
}

#[derive(OpenApi)]
#[openapi()]
struct Api;

/// This room's part of the API's description.
pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
