//! The functions that this binary contains.

use std::future::Future;
use std::pin::Pin;

type Running = Pin<Box<dyn Future<Output = Result<(), lambda_runtime::Error>>>>;

/// A function that runs until the Runtime API goes away.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// The name in the template.
    pub(crate) name: &'static str,
    /// Starts it.
    pub(crate) run: fn() -> Running,
}

macro_rules! entries {
    ($($name:literal => $function:path),+ $(,)?) => {
        [$(Entry { name: $name, run: || Box::pin($function()) }),+]
    };
}

/// All functions; one that a crate adds is named here once.
pub(crate) const ALL: &[Entry] = &entries! {
    "about" => about::run,
    "carrier-booking" => carrier_booking::run,
    "facts" => facts::run,
    "operations" => operations::run,
    "order-intake" => order_intake::run,
    "inventory" => inventory::run,
    "pick-pack" => pick_pack::run,
    "relay" => relay::run,
    "returns" => returns::run,
    "stock-reservation" => stock_reservation::run,
    "sweeper" => sweeper::run,
    "tracking-webhooks" => tracking_webhooks::run,
};

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<Entry> {
    ALL.iter().copied().find(|entry| entry.name == name)
}
