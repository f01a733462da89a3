//! Items of a merchant's catalogue, one by one. Many at once: [`crate::import`].

use crate::wire::{ItemView, NewItem};
use domain::account::Scope;
use domain::catalogue::Item;
use domain::{MerchantId, Sku};
use platform::auth::{READERS, authenticate};
use platform::items::{StockTerms, StoredItem, item_key};
use platform::listing::{Page, PageRequest};
use platform::requests::{answer, create_named, existing_merchant, failed, refused};
use platform::spec::{CreateRefusals, ForMerchant, Idempotent, PageQuery, Refusals};
use platform::{Deps, Failure, Operation, Problem, Request, Response, Versioned, Write};

/// Create an item.
///
/// One that is there already is changed by an import. A kit is sold as one item and kept in stock as its components: they are
/// received, reserved and picked, all or none of a kit, and at one location. Its components are items that are no kits; an item
/// that has stock, or is a component itself, does not become one.
#[utoipa::path(
    post, path = "/v1/items", tag = "operations", params(Idempotent, ForMerchant), request_body = NewItem,
    responses((status = 201, description = "Created", body = ItemView), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_item(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let merchant = existing_merchant(deps, &principal).await?;
    let item = Item::from(request.json::<NewItem>()?);
    item.check().map_err(refused)?;
    let exists = Problem::new(409, "item-exists", "there is an item with this SKU: POST /v1/items/import changes it");
    let terms = terms_changed(deps, merchant, None, &item)?;
    let stored = StoredItem { merchant: merchant.clone(), item, kits: 0 };
    let operation = Operation::of(&["item", &deps.ids.random(16)]);
    let mut also = crate::kits::follow(deps, None, &stored, &operation).await.map_err(failed)?;
    also.extend(terms);
    let changed = create_named(deps, request, merchant, stored, also, exists.at("/sku")).await?;
    let version = changed.value.version;
    answer(changed, |stored| ItemView { item: stored.item, version })
}

/// What is written beside an item whose safety stock, lead time or reorder point is another than before, so that `facts` hears of
/// it: shops are told, and its reorder point is looked at.
pub(crate) fn terms_changed(
    deps: &Deps,
    merchant: &MerchantId,
    before: Option<&Item>,
    item: &Item,
) -> Result<Option<Write>, Failure> {
    let terms = |item: &Item| (item.safety_stock, item.lead_time_days, item.reorder_point);
    if before.map_or((0, 0, None), terms) == terms(item) {
        return Ok(None);
    }
    let change = deps.ids.random(16);
    let operation = Operation::of(&["terms", &change]);
    let mark = StockTerms { merchant: merchant.clone(), sku: item.sku.clone(), change };
    deps.store.put_of(&mark, &operation).map(Some)
}

/// List the merchant's items.
#[utoipa::path(
    get, path = "/v1/items", tag = "operations", params(PageQuery, ForMerchant),
    responses((status = 200, description = "One page, in the order of the SKUs", body = Page<ItemView>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_items(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let page = deps.store.items(principal.merchant()?, &PageRequest::of(request)?).await?;
    Response::json(200, &page.map(|stored| ItemView { item: stored.body.item, version: stored.version }))
}

/// One item.
#[utoipa::path(
    get, path = "/v1/items/{sku}", tag = "operations",
    params(("sku" = String, Path, description = "Its SKU"), ForMerchant),
    responses((status = 200, description = "The item", body = ItemView), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn item(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let sku: Sku = request.parameter("sku")?;
    let stored = deps.store.require::<StoredItem>(&item_key(principal.merchant()?, &sku), "this item").await?;
    let Versioned { body, version, .. } = stored;
    Ok(Response::json(200, &ItemView { item: body.item, version })?.with_version(version))
}
