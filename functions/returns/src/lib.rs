//! `returns`: from the shopper's request (or a refused parcel) to what becomes of the goods and of the money.

mod change;
mod dock;
mod manage;
mod messages;
mod request;
pub mod wire;

use domain::{Message, MessageKind};
use platform::{Deps, Failure, Function, Problem, Request, Response};
use utoipa::OpenApi;

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct Returns;

impl Function for Returns {
    const NAME: &'static str = "returns";

    async fn message(&self, deps: &Deps, message: Message) -> Result<(), Failure> {
        match &message.kind {
            MessageKind::ParcelRefused { shipment } => messages::parcel_refused(deps, shipment).await,
            MessageKind::ReturnParcelMoved { return_id, carrier_account, tracking_number } => {
                messages::parcel_moved(deps, &message, return_id, carrier_account, tracking_number).await
            }
            MessageKind::ReturnLabelBooked { return_id, shipment } => {
                messages::label_booked(deps, &message, return_id, shipment).await
            }
            _ => Err(Failure::Malformed("returns reads what happens to returns' parcels, nothing else".to_owned())),
        }
    }

    async fn http(&self, deps: &Deps, request: Request) -> Result<Response, Problem> {
        match request.route.as_str() {
            "POST /v1/returns" => request::request_return(deps, &request).await,
            "GET /v1/returns" => manage::list_returns(deps, &request).await,
            "GET /v1/returns/{return}" => manage::get_return(deps, &request).await,
            "POST /v1/returns/{return}/approve" => manage::approve_return(deps, &request).await,
            "POST /v1/returns/{return}/decline" => manage::decline_return(deps, &request).await,
            "POST /v1/returns/{return}/receive" => dock::receive_return(deps, &request).await,
            "POST /v1/returns/{return}/inspect" => dock::inspect_return(deps, &request).await,
            "POST /v1/return-receipts" => dock::receive_parcel(deps, &request).await,
            other => Err(Problem::no_route(other)),
        }
    }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(Returns).await
}

#[derive(OpenApi)]
#[openapi(
    paths(
        request::request_return,
        manage::list_returns,
        manage::get_return,
        manage::approve_return,
        manage::decline_return,
        dock::receive_return,
        dock::inspect_return,
        dock::receive_parcel
    ),
    components(schemas(domain::returns::Return, Problem))
)]
struct Api;

/// This function's part of the API's description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
