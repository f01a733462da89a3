//! Merchants.

use crate::wire::{MerchantEdit, NewMerchant};
use domain::account::Merchant;
use domain::{CarrierAccountId, Decision, MerchantId, Rejected};
use partners::carriers;
use platform::auth::authenticate;
use platform::items::{SealedCarrierAccount, key_prefix, merchant_key};
use platform::listing::{Page, PageRequest};
use platform::partition::PartitionList;
use platform::requests::{created, edit, edited, operation, platform_only, refused};
use platform::spec::{CreateRefusals, EditRefusals, Idempotent, IfMatch, PageQuery, Refusals};
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
    Response::json(200, &page(deps, request).await?)
}

/// The page of all merchants that a request of the platform asks for.
pub(crate) async fn page(deps: &Deps, request: &Request) -> Result<Page<Merchant>, Problem> {
    platform_only(&authenticate(deps, request, &[]).await?)?;
    let list = PartitionList {
        table: Table::Accounts,
        partitions: &[MerchantId::platform().to_string()],
        prefix: &key_prefix("merchant"),
        descending: false,
    };
    let page = deps.store.list_partitions::<Merchant>(&list, &PageRequest::of(request)?).await?;
    Ok(page.map(|stored| stored.body))
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

/// Edit a merchant.
///
/// Its rules apply to what comes from now on: an order keeps those that it came in under.
#[utoipa::path(
    put, path = "/v1/merchants/{merchant}", tag = "operations",
    params(("merchant" = String, Path, description = "Its id"), Idempotent, IfMatch), request_body = MerchantEdit,
    responses((status = 200, description = "As it is now; its version in `ETag`", body = Merchant), Refusals, EditRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn edit_merchant(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[]).await?;
    let id: MerchantId = request.parameter("merchant")?;
    principal.may_see(&id, "this merchant")?;
    let sent: MerchantEdit = request.json()?;
    if let Some(account) = &sent.default_carrier_account {
        can_be_booked(deps, &id, account).await?;
    }
    let (key, platform) = (merchant_key(&id), MerchantId::platform());
    let of = (&key, id.as_str(), "this merchant");
    let changed = edit(deps, request, &platform, of, async |stored: &Merchant| {
        let MerchantEdit { name, allocation_rule, return_window_days, hold_unpaid_stock_minutes, .. } = sent.clone();
        let next = Merchant {
            name,
            allocation_rule,
            return_window_days,
            hold_unpaid_stock_minutes,
            default_carrier_account: sent.default_carrier_account.clone(),
            ..stored.clone()
        };
        next.check()?;
        Ok(next)
    });
    edited(changed.await?, |merchant| merchant)
}

/// Refuses an account that is not the merchant's, or with which no parcel can be booked.
async fn can_be_booked(deps: &Deps, merchant: &MerchantId, account: &CarrierAccountId) -> Result<(), Problem> {
    let pointer = "/default_carrier_account";
    let stored = match account.merchant() == *merchant {
        true => deps.store.load::<SealedCarrierAccount>(&SealedCarrierAccount::key_of(account)).await?,
        false => None,
    };
    let Some(stored) = stored else {
        let detail = "the merchant has no such carrier account: see GET /v1/carrier-accounts";
        return Err(Problem::new(422, "unknown-carrier-account", detail).at(pointer));
    };
    match carriers::find(&stored.body.account.carrier).is_some_and(|carrier| carrier.book.is_some()) {
        true => Ok(()),
        false => {
            let detail = "parcels cannot be booked with this carrier: it is for tracking only";
            Err(refused(Rejected::new("invalid-field", detail).at(pointer)))
        }
    }
}
