//! `stock-reservation`: reserves whole orders, gives back what is cancelled, fills waiting orders. One transaction an
//! order; nothing outside this function turns available units into reserved ones.

mod offers;
mod reserve;

use domain::{Message, MessageKind};
use platform::{Deps, Failure, Function};

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct StockReservation;

impl Function for StockReservation {
    const NAME: &'static str = "stock-reservation";

    async fn message(&self, deps: &Deps, message: Message) -> Result<(), Failure> {
        match &message.kind {
            MessageKind::Reserve { order } => reserve::reserve(deps, &message, order).await,
            MessageKind::StockArrived { sku, .. } => reserve::fill_waiting(deps, &message, sku).await,
            MessageKind::ShortPicked { task } => reserve::short_picked(deps, &message, task).await,
            MessageKind::Release { task } => reserve::release(deps, &message, task).await,
            other => Err(Failure::Malformed(format!("not for this queue: {other:?}"))),
        }
    }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(StockReservation).await
}
