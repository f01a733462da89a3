//! `order-intake`: a shop's signed webhook or a merchant's request becomes a durable order, and is answered only then.

mod api;
mod intake;
mod privacy;
mod webhook;
pub mod wire;

use platform::{Deps, Function, Problem, Request, Response};
use utoipa::OpenApi;

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct OrderIntake;

impl Function for OrderIntake {
    const NAME: &'static str = "order-intake";

    async fn http(&self, deps: &Deps, request: Request) -> Result<Response, Problem> {
        match request.route.as_str() {
            "POST /webhooks/shops/{channel}" => webhook::shop_webhook(deps, &request).await,
            "POST /v1/orders" => api::create_order(deps, &request).await,
            other => Err(Problem::no_route(other)),
        }
    }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(OrderIntake).await
}

#[derive(OpenApi)]
#[openapi(
    paths(webhook::shop_webhook, api::create_order),
    components(schemas(wire::Accepted, wire::Ignored, wire::PrivacyRequests, wire::ShopAnswer, Problem))
)]
struct Api;

/// This function's part of the API's description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
