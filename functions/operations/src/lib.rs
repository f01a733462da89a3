//! `operations`: the HTTP API of ops teams and merchants. Master data and stock here, the orders' day in `orders`.

mod api_keys;
mod audits;
mod carrier_accounts;
mod channels;
mod fields;
mod import;
mod items;
mod kits;
mod levels;
mod locations;
mod merchants;
mod movements;
mod orders;
mod receipts;
mod replenishment;
mod requests;
mod sellable_stock;
pub mod wire;

use platform::{Deps, Function, Problem, Request, Response};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct Operations;

impl Function for Operations {
    const NAME: &'static str = "operations";

    async fn http(&self, deps: &Deps, request: Request) -> Result<Response, Problem> {
        match request.route.as_str() {
            "POST /v1/merchants" => merchants::create_merchant(deps, &request).await,
            "GET /v1/merchants" => merchants::list_merchants(deps, &request).await,
            "GET /v1/merchants/{merchant}" => merchants::merchant(deps, &request).await,
            "PUT /v1/merchants/{merchant}" => merchants::edit_merchant(deps, &request).await,
            "POST /v1/channels" => channels::create_channel(deps, &request).await,
            "GET /v1/channels" => channels::list_channels(deps, &request).await,
            "GET /v1/channels/{channel}" => channels::channel(deps, &request).await,
            "PUT /v1/channels/{channel}" => channels::edit_channel(deps, &request).await,
            "POST /v1/carrier-accounts" => carrier_accounts::create_carrier_account(deps, &request).await,
            "GET /v1/carrier-accounts" => carrier_accounts::list_carrier_accounts(deps, &request).await,
            "GET /v1/carrier-accounts/{carrier_account}" => carrier_accounts::carrier_account(deps, &request).await,
            "POST /v1/api-keys" => api_keys::create_api_key(deps, &request).await,
            "GET /v1/api-keys" => api_keys::list_api_keys(deps, &request).await,
            "DELETE /v1/api-keys/{key}" => api_keys::delete_api_key(deps, &request).await,
            "POST /v1/locations" => locations::create_location(deps, &request).await,
            "GET /v1/locations" => locations::list_locations(deps, &request).await,
            "PUT /v1/locations/{location}" => locations::edit_location(deps, &request).await,
            "POST /v1/items" => items::create_item(deps, &request).await,
            "GET /v1/items" => items::list_items(deps, &request).await,
            "GET /v1/items/{sku}" => items::item(deps, &request).await,
            "POST /v1/items/import" => import::import_items(deps, &request).await,
            "POST /v1/receipts" => receipts::create_receipt(deps, &request).await,
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
            other => match orders::route(deps, &request).await {
                Some(answer) => answer,
                None => Err(Problem::no_route(other)),
            },
        }
    }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(Operations).await
}

#[derive(OpenApi)]
#[openapi(
    paths(
        merchants::create_merchant,
        merchants::list_merchants,
        merchants::merchant,
        merchants::edit_merchant,
        channels::create_channel,
        channels::list_channels,
        channels::channel,
        channels::edit_channel,
        carrier_accounts::create_carrier_account,
        carrier_accounts::list_carrier_accounts,
        carrier_accounts::carrier_account,
        api_keys::create_api_key,
        api_keys::list_api_keys,
        api_keys::delete_api_key,
        locations::create_location,
        locations::list_locations,
        locations::edit_location,
        items::create_item,
        items::list_items,
        items::item,
        import::import_items,
        receipts::create_receipt,
        receipts::create_adjustment,
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
    ),
    components(schemas(Problem))
)]
struct Api;

/// This function's part of the API's description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut api = Api::openapi();
    let bearer = SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).build());
    api.components.get_or_insert_default().security_schemes.insert("api_key".to_owned(), bearer.into());
    api.merge(orders::openapi());
    api
}
