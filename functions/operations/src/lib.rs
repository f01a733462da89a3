//! `operations`: the HTTP API of ops teams and merchants. Master data here, the orders' day in `orders`.

mod api_keys;
mod carrier_accounts;
mod channels;
mod fields;
mod import;
mod items;
mod kits;
mod locations;
mod merchants;
mod orders;
mod privacy;
mod secrets;
pub mod wire;

use platform::{Deps, Function, Problem, Request, Response};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

/// The function.
#[derive(Debug, Clone, Copy, Default)]
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
            "POST /v1/sealed-secrets/reseal" => secrets::reseal(deps, &request).await,
            other => match orders::route(deps, &request).await {
                Some(answer) => answer,
                None => privacy::route(deps, &request).await.unwrap_or_else(|| Err(Problem::no_route(other))),
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
        secrets::reseal,
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
    api.merge(privacy::openapi());
    api
}
