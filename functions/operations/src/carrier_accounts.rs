//! Merchants' accounts with carriers. Their secrets go in, sealed, and never out.

use crate::fields::{base_url, seal, seal_all};
use crate::wire::{CarrierAccountView, NewCarrierAccount};
use domain::account::{CarrierAccount, Merchant, check_name, check_text};
use domain::{CarrierAccountId, Decision};
use partners::carriers;
use platform::auth::authenticate;
use platform::items::{SealedCarrierAccount, key_prefix, merchant_key};
use platform::listing::{Page, PageRequest};
use platform::partition::PartitionList;
use platform::requests::{created, existing_merchant, failed, operation, refused};
use platform::spec::{CreateRefusals, ForMerchant, Idempotent, PageQuery, Refusals};
use platform::{Deps, Problem, Request, Response, Step, Table};

/// Connect a carrier account.
///
/// With `default`, the merchant's parcels are booked with it from now on.
#[utoipa::path(
    post, path = "/v1/carrier-accounts", tag = "operations", params(Idempotent, ForMerchant),
    request_body = NewCarrierAccount,
    responses((status = 201, description = "Connected", body = CarrierAccountView), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_carrier_account(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[]).await?;
    let merchant = existing_merchant(deps, &principal).await?;
    let new: NewCarrierAccount = request.json()?;
    let operation = operation(deps, request, merchant)?;
    let id = CarrierAccountId::derive(merchant, &["carrier-account", operation.id()]);
    let key = SealedCarrierAccount::key_of(&id);
    let is_default = new.default;
    let sealed = sealed(deps, id.clone(), new)?;
    let changed = deps
        .store
        .change::<SealedCarrierAccount, _>(&key, &operation, async |_| {
            let mut step = Step::from(Decision::of(sealed.clone()));
            if is_default {
                let loaded = deps.store.require::<Merchant>(&merchant_key(merchant), "this merchant").await?;
                let next = Merchant { default_carrier_account: Some(id.clone()), ..loaded.body.clone() };
                step.also = deps.store.write_of(Some(&loaded), Decision::of(next), &operation)?.0;
            }
            Ok(step)
        })
        .await
        .map_err(failed)?;
    created(changed, &operation, |sealed| CarrierAccountView::from(sealed.account))
}

fn sealed(deps: &Deps, id: CarrierAccountId, new: NewCarrierAccount) -> Result<SealedCarrierAccount, Problem> {
    let carrier = carriers::find(&new.carrier).ok_or_else(|| unknown_carrier(&new.carrier))?;
    if new.default && carrier.book.is_none() {
        return Err(Problem::invalid(
            "/default",
            "parcels cannot be booked with this carrier: it is for tracking only",
        ));
    }
    check_name("/name", &new.name).map_err(refused)?;
    check_text("/service", &new.service, 100).map_err(refused)?;
    Ok(SealedCarrierAccount {
        api_key: seal(deps, id.as_str(), "/api_key", &new.api_key)?,
        webhook_secrets: seal_all(deps, id.as_str(), &new.webhook_secrets, usize::from(carrier.webhook.is_some()))?,
        account: CarrierAccount {
            id,
            carrier: new.carrier,
            name: new.name,
            api_url: base_url(deps, "/api_url", &new.api_url)?,
            service: new.service,
            created_at: deps.clock.now(),
        },
    })
}

fn unknown_carrier(name: &str) -> Problem {
    let known: Vec<&str> = carriers::CARRIERS.iter().map(|carrier| carrier.name).collect();
    let shown: String = name.chars().take(40).collect();
    Problem::invalid("/carrier", format!("`{shown}` is no carrier that we know: send one of {}", known.join(", ")))
}

/// List the merchant's carrier accounts.
#[utoipa::path(
    get, path = "/v1/carrier-accounts", tag = "operations", params(PageQuery, ForMerchant),
    responses((status = 200, description = "One page", body = Page<CarrierAccountView>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_carrier_accounts(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[]).await?;
    let list = PartitionList {
        table: Table::Accounts,
        partitions: &[principal.merchant()?.to_string()],
        prefix: &key_prefix("carrier"),
        descending: false,
    };
    let page = deps.store.list_partitions::<SealedCarrierAccount>(&list, &PageRequest::of(request)?).await?;
    Response::json(200, &page.map(|stored| CarrierAccountView::from(stored.body.account)))
}

/// One carrier account.
#[utoipa::path(
    get, path = "/v1/carrier-accounts/{carrier_account}", tag = "operations",
    params(("carrier_account" = String, Path, description = "Its id")),
    responses((status = 200, description = "The account", body = CarrierAccountView), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn carrier_account(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[]).await?;
    let id: CarrierAccountId = request.parameter("carrier_account")?;
    principal.may_see(&id.merchant(), "this carrier account")?;
    let key = SealedCarrierAccount::key_of(&id);
    let stored = deps.store.require::<SealedCarrierAccount>(&key, "this carrier account").await?;
    Ok(Response::json(200, &CarrierAccountView::from(stored.body.account))?.with_version(stored.version))
}
