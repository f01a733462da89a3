//! `tracking-webhooks`: carriers' signed updates become trackers, and orders follow their parcels.
//!
//! A webhook is answered when its events are in the queue. The reducer is `domain::tracker`; the order's head follows by
//! messages that say which tracker, shipment or return changed, so that a late message applies what is true now.

mod follow;
mod webhook;
pub mod wire;

use domain::{Message, MessageKind};
use platform::{Deps, Failure, Function, Problem, Request, Response};
use utoipa::OpenApi;

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct TrackingWebhooks;

impl Function for TrackingWebhooks {
    const NAME: &'static str = "tracking-webhooks";

    async fn http(&self, deps: &Deps, request: Request) -> Result<Response, Problem> {
        match request.route.as_str() {
            "POST /webhooks/carriers/{carrier_account}" => webhook::carrier_webhook(deps, &request).await,
            other => Err(Problem::no_route(other)),
        }
    }

    async fn message(&self, deps: &Deps, message: Message) -> Result<(), Failure> {
        match &message.kind {
            MessageKind::TrackingEvent { carrier_account, event } => {
                follow::tracking_event(deps, &message, carrier_account, event).await
            }
            MessageKind::TrackerChanged { carrier_account, tracking_number, shipment } => {
                follow::tracker_changed(deps, &message, carrier_account, tracking_number, shipment).await
            }
            MessageKind::ShipmentChanged { shipment } => follow::shipment_changed(deps, &message, shipment).await,
            MessageKind::ReturnChanged { return_id } => follow::return_changed(deps, &message, return_id).await,
            other => Err(Failure::Malformed(format!("{} does not do {:?}", Self::NAME, std::mem::discriminant(other)))),
        }
    }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(TrackingWebhooks).await
}

#[derive(OpenApi)]
#[openapi(paths(webhook::carrier_webhook), components(schemas(wire::Taken, Problem)))]
struct Api;

/// This function's part of the API's description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
