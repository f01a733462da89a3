//! `stock-reservation`: reserves whole orders, gives back what is cancelled, fills waiting orders. Nothing outside this
//! function turns available units into reserved ones.
//!
//! A batch of messages is planned together and shares its writes of inventory levels: see `domain::stock::Take`.

mod batch;
mod offers;
mod release;
mod round;
mod takes;
mod wish;

use domain::{Message, MessageKind};
use platform::{Deps, Failure, Function};

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct StockReservation;

impl Function for StockReservation {
    const NAME: &'static str = "stock-reservation";

    async fn message(&self, deps: &Deps, message: Message) -> Result<(), Failure> {
        match &message.kind {
            MessageKind::Release { task } => release::release(deps, &message, task).await,
            MessageKind::Reserve { .. } | MessageKind::StockArrived { .. } | MessageKind::ShortPicked { .. } => {
                let outcome = self.messages(deps, vec![message]).await.pop();
                outcome.unwrap_or_else(|| Err(Failure::bug("a message of the batch was left out")))
            }
            other => Err(Failure::Malformed(format!("not for this queue: {other:?}"))),
        }
    }

    async fn messages(&self, deps: &Deps, messages: Vec<Message>) -> Vec<Result<(), Failure>> {
        batch::handle(deps, messages).await
    }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(StockReservation).await
}
