//! Merchants.

use crate::requests::{created, operation, platform_only, refused};
use crate::wire::NewMerchant;
use crate::wire::{CreateRefusals, Idempotent, PageQuery, Refusals};
use domain::account::Merchant;
use domain::{Decision, MerchantId};
use platform::auth::authenticate;
use platform::items::{key_prefix, merchant_key};
use platform::listing::{Page, PageRequest};
use platform::partition::PartitionList;
use platform::{Deps, Problem, Request, Response, Table};

/// Create a merchant.
#[utoipa::path(
    post, path = "/v1/merchants", tag = "operations", params(Idempotent), request_body = NewMerchant,
    responses((status = 201, description = "Created", body = Merchant), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_merchant(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    platform_only(&authenticate(deps, request, &[]).await?)?;
    let NewMerchant { name, allocation_rule, return_window_days, hold_unpaid_stock_minutes } = request.json()?;
    let operation = operation(deps, request, &MerchantId::platform())?;
    let merchant = Merchant {
        id: MerchantId::derive(&["merchant", operation.id()]),
        name,
        allocation_rule,
        return_window_days,
        default_carrier_account: None,
        hold_unpaid_stock_minutes,
        created_at: deps.clock.now(),
    };
    merchant.check().map_err(refused)?;
    created(deps.store.create(&operation, Decision::of(merchant)).await?, &operation, |merchant| merchant)
}

/// List merchants.
#[utoipa::path(
    get, path = "/v1/merchants", tag = "operations", params(PageQuery),
    responses((status = 200, description = "One page", body = Page<Merchant>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_merchants(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    platform_only(&authenticate(deps, request, &[]).await?)?;
    let list = PartitionList {
        table: Table::Accounts,
        partitions: &[MerchantId::platform().to_string()],
        prefix: &key_prefix("merchant"),
        descending: false,
    };
    let page = deps.store.list_partitions::<Merchant>(&list, &PageRequest::of(request)?).await?;
    Response::json(200, &page.map(|stored| stored.body))
}

/// One merchant.
#[utoipa::path(
    get, path = "/v1/merchants/{merchant}", tag = "operations",
    params(("merchant" = String, Path, description = "Its id")),
    responses((status = 200, description = "The merchant", body = Merchant), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn merchant(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[]).await?;
    let id: MerchantId = request.parameter("merchant")?;
    principal.may_see(&id, "this merchant")?;
    let stored = deps.store.require::<Merchant>(&merchant_key(&id), "this merchant").await?;
    Ok(Response::json(200, &stored.body)?.with_version(stored.version))
}
