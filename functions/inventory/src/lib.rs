//! `inventory`: the HTTP API of the stock. What comes in and is corrected, what there is and may be sold, what is to be ordered
//! again, audits, recalls, and the ledgers.

mod audits;
mod levels;
mod movements;
mod moves;
mod recalls;
mod receipts;
mod replenishment;
mod sellable_stock;
pub mod wire;

use platform::{Deps, Function, Problem, Request, Response};
use utoipa::OpenApi;

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct Inventory;

impl Function for Inventory {
    const NAME: &'static str = "inventory";

    async fn http(&self, deps: &Deps, request: Request) -> Result<Response, Problem> {
        match request.route.as_str() {
            "POST /v1/receipts" => receipts::create_receipt(deps, &request).await,
            "POST /v1/moves" => moves::create_move(deps, &request).await,
            "POST /v1/adjustments" => receipts::create_adjustment(deps, &request).await,
            "GET /v1/stock-levels" => levels::list_stock_levels(deps, &request).await,
            "GET /v1/stock-levels/{sku}" => levels::stock_level(deps, &request).await,
            "POST /v1/stock-audits" => audits::create_stock_audit(deps, &request).await,
            "GET /v1/stock-audits" => audits::list_stock_audits(deps, &request).await,
            "GET /v1/stock-audits/{audit}" => audits::stock_audit(deps, &request).await,
            "POST /v1/stock-audits/{audit}/repair" => audits::repair_stock_audit(deps, &request).await,
            "GET /v1/sellable-stock" => sellable_stock::list_sellable_stock(deps, &request).await,
            "GET /v1/sellable-stock/{sku}" => sellable_stock::sellable_stock(deps, &request).await,
            "GET /v1/replenishment" => replenishment::list_replenishment(deps, &request).await,
            "GET /v1/replenishment/alerts" => replenishment::list_replenishment_alerts(deps, &request).await,
            "GET /v1/movements" => movements::list_movements(deps, &request).await,
            "GET /v1/activity-facts" => movements::list_activity_facts(deps, &request).await,
            "POST /v1/recalls" => recalls::create_recall(deps, &request).await,
            "GET /v1/recalls/{recall}" => recalls::recall(deps, &request).await,
            other => Err(Problem::no_route(other)),
        }
    }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(Inventory).await
}

#[derive(OpenApi)]
#[openapi(
    paths(
        receipts::create_receipt,
        receipts::create_adjustment,
        moves::create_move,
        levels::list_stock_levels,
        levels::stock_level,
        audits::create_stock_audit,
        audits::list_stock_audits,
        audits::stock_audit,
        audits::repair_stock_audit,
        sellable_stock::list_sellable_stock,
        sellable_stock::sellable_stock,
        replenishment::list_replenishment,
        replenishment::list_replenishment_alerts,
        movements::list_movements,
        movements::list_activity_facts,
        recalls::create_recall,
        recalls::recall,
    ),
    components(schemas(Problem))
)]
struct Api;

/// This function's part of the API's description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
