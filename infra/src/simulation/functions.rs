//! The real functions, by their names in the template.

use std::rc::Rc;

use platform::Deps;
use platform::function::{Error, handle};
use serde_json::Value;

/// Handles one raw event, as the function's own process would.
///
/// # Errors
/// What the function's invocation ends with; an unknown name.
pub(crate) async fn invoke(name: &str, deps: Rc<Deps>, event: Value) -> Result<Value, Error> {
    match name {
        "about" => Box::pin(handle(&about::About, &deps, event)).await,
        "carrier-booking" => Box::pin(handle(&carrier_booking::CarrierBooking, &deps, event)).await,
        "facts" => Box::pin(handle(&facts::Facts, &deps, event)).await,
        "operations" => Box::pin(handle(&operations::Operations, &deps, event)).await,
        "order-intake" => Box::pin(handle(&order_intake::OrderIntake, &deps, event)).await,
        "inventory" => Box::pin(handle(&inventory::Inventory, &deps, event)).await,
        "pick-pack" => Box::pin(handle(&pick_pack::PickPack, &deps, event)).await,
        "relay" => Box::pin(handle(&relay::Relay, &deps, event)).await,
        "returns" => Box::pin(handle(&returns::Returns, &deps, event)).await,
        "stock-reservation" => Box::pin(handle(&stock_reservation::StockReservation, &deps, event)).await,
        "sweeper" => Box::pin(handle(&sweeper::Sweeper, &deps, event)).await,
        "tracking-webhooks" => Box::pin(handle(&tracking_webhooks::TrackingWebhooks, &deps, event)).await,
        other => {
            Err(format!("no function `{other}` in the simulation: add it to infra/src/simulation/functions.rs").into())
        }
    }
}
