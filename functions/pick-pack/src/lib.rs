//! `pick-pack`: creates pick tasks and stops them, and serves the people who pick, pack and count.

mod counts;
mod floor;
mod messages;
mod pack;
mod read;
mod serials;
pub mod wire;

use domain::{Message, MessageKind};
use platform::{Deps, Failure, Function, Problem, Request, Response};
use utoipa::OpenApi;

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct PickPack;

impl Function for PickPack {
    const NAME: &'static str = "pick-pack";

    async fn message(&self, deps: &Deps, message: Message) -> Result<(), Failure> {
        match &message.kind {
            MessageKind::CreatePickTasks { order } => messages::create_pick_tasks(deps, &message, order).await,
            MessageKind::CancelPickTasks { order } => messages::cancel_pick_tasks(deps, &message, order).await,
            _ => Err(Failure::Malformed("pick-pack creates and cancels pick tasks, nothing else".to_owned())),
        }
    }

    async fn http(&self, deps: &Deps, request: Request) -> Result<Response, Problem> {
        match request.route.as_str() {
            "GET /v1/pick-tasks" => read::list_pick_tasks(deps, &request).await,
            "GET /v1/pick-tasks/{task}" => read::get_pick_task(deps, &request).await,
            "POST /v1/pick-tasks/{task}/claim" => floor::claim_pick_task(deps, &request).await,
            "POST /v1/pick-tasks/{task}/scans" => floor::scan_item(deps, &request).await,
            "POST /v1/pick-tasks/{task}/short-picks" => floor::report_short_pick(deps, &request).await,
            "POST /v1/pick-tasks/{task}/pack" => pack::pack_parcel(deps, &request).await,
            "POST /v1/pick-tasks/{task}/put-back" => floor::put_back(deps, &request).await,
            "POST /v1/count-tasks" => counts::create_count_task(deps, &request).await,
            "GET /v1/count-tasks" => counts::list_count_tasks(deps, &request).await,
            "GET /v1/count-tasks/{count}" => counts::get_count_task(deps, &request).await,
            "POST /v1/count-tasks/{count}/start" => counts::start_count(deps, &request).await,
            "POST /v1/count-tasks/{count}/count" => counts::enter_count(deps, &request).await,
            "POST /v1/count-tasks/{count}/review" => counts::review_count(deps, &request).await,
            "POST /v1/count-tasks/{count}/cancel" => counts::cancel_count(deps, &request).await,
            other => Err(Problem::no_route(other)),
        }
    }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(PickPack).await
}

#[derive(OpenApi)]
#[openapi(
    paths(
        read::list_pick_tasks,
        read::get_pick_task,
        floor::claim_pick_task,
        floor::scan_item,
        floor::report_short_pick,
        pack::pack_parcel,
        floor::put_back,
        counts::create_count_task,
        counts::list_count_tasks,
        counts::get_count_task,
        counts::start_count,
        counts::enter_count,
        counts::review_count,
        counts::cancel_count
    ),
    components(schemas(wire::Task, wire::TaskLine, Problem))
)]
struct Api;

/// This function's part of the API's description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
