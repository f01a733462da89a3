//! The HTTP API of the stock, over the real SDK and the in-process engine. Master data are made by the function that makes them.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod audits;
mod bins;
mod closing;
mod crash;
mod lots;
mod recalls;
mod replenishment;
mod routes;
mod sellable;
mod serials;
mod stock;
mod tenancy;

use inventory::Inventory;
use operations::Operations;
use platform::{Deps, Function, Problem, Request, Response};

/// Both functions behind one API, as API Gateway has them.
#[derive(Debug, Default)]
pub(crate) struct Api;

impl Function for Api {
    const NAME: &'static str = Inventory::NAME;

    async fn http(&self, deps: &Deps, request: Request) -> Result<Response, Problem> {
        if routes::ROUTES.iter().any(|(route, _)| *route == request.route) {
            Inventory.http(deps, request).await
        } else {
            Operations.http(deps, request).await
        }
    }
}

/// Two merchants and the functions.
pub(crate) type World = testkit::api::World<Api>;
