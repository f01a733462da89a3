//! `facts`: what happened becomes a record, and the shop hears of it.
//!
//! From the streams it copies movements and activity facts into their ledgers and asks for stock to be published; from its
//! queue it reports fulfilments and sellable stock to shops, and looks at reorder points. Shops are asked before they are told, so that telling them
//! twice has the effect of once.

mod copy;
mod fulfilment;
mod replenishment;
mod sellable;
mod shop;
mod stock;

use domain::{Message, MessageKind};
use platform::stream::StreamRecord;
use platform::{Deps, Failure, Function};

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct Facts;

impl Function for Facts {
    const NAME: &'static str = "facts";

    async fn records(&self, deps: &Deps, records: Vec<Result<StreamRecord, Failure>>) -> Result<(), Failure> {
        copy::copy(deps, records).await
    }

    async fn message(&self, deps: &Deps, message: Message) -> Result<(), Failure> {
        match &message.kind {
            MessageKind::ReportFulfilment { shipment } => fulfilment::report(deps, &message, shipment).await,
            MessageKind::PublishStock { sku, .. } => {
                // A shop that is down keeps no alert from being raised.
                let published = stock::publish(deps, &message, sku).await;
                replenishment::look(deps, &message, sku).await.and(published)
            }
            MessageKind::ReviewStock { sku, .. } => replenishment::look_if_due(deps, &message, sku).await,
            other => Err(Failure::Malformed(format!("not for this queue: {other:?}"))),
        }
    }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(Facts).await
}
