//! `carrier-booking`: buys one label for each packed parcel, gives it back when the order is cancelled in time, and finds
//! out what became of a purchase whose answer was lost.
//!
//! No carrier offers an idempotent purchase. So the intent is stored first, under a reference of our own; the carrier is
//! called once; and whoever finds an intent whose outcome is not known looks it up by that reference before anything else.

mod account;
mod label;
mod plan;
mod purchase;
mod request;
mod settle;
mod void;

use domain::{Message, MessageKind};
use platform::{Deps, Failure, Function};

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct CarrierBooking;

impl Function for CarrierBooking {
    const NAME: &'static str = "carrier-booking";

    async fn message(&self, deps: &Deps, message: Message) -> Result<(), Failure> {
        match &message.kind {
            MessageKind::Book { task } => plan::book(deps, &message, task).await,
            MessageKind::BookReturn { return_id } => plan::book_return(deps, &message, return_id).await,
            MessageKind::Void { shipment } => void::void(deps, &message, shipment).await,
            MessageKind::Reconcile { shipment } => settle::settle(deps, shipment).await,
            other => Err(Failure::Malformed(format!("{} does not do {:?}", Self::NAME, std::mem::discriminant(other)))),
        }
    }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(CarrierBooking).await
}
