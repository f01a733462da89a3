//! Stock levels: every term of the equation, and what shops are told.

use crate::wire::{LevelView, StockView};
use domain::{MerchantId, Sku};
use futures_util::{StreamExt, TryStreamExt};
use platform::auth::{READERS, authenticate};
use platform::items::{StoredItem, StoredLevel, item_key};
use platform::listing::{Page, PageRequest};
use platform::requests::query_sku;
use platform::sellable::{Asked, Figure, figure};
use platform::spec::{ForMerchant, PageQuery, Refusals};
use platform::{Deps, Failure, Problem, Request, Response, Versioned};

/// Items whose stock is read at the same time.
const AT_ONCE: usize = 8;

/// The stock of one item, and a number that grows with every change of it.
async fn stock_of(
    deps: &Deps,
    merchant: &MerchantId,
    stored: Versioned<StoredItem>,
) -> Result<(StockView, u64), Failure> {
    let item = stored.body.item;
    let levels = deps.store.levels(merchant, &item.sku).await?;
    // For nobody in particular: each channel has a figure of its own, by how long goods must keep for it.
    let asked = Asked { merchant, days: 0, now: deps.clock.now() };
    let Figure { computed, versions } = figure(deps, asked, &item, &levels).await?;
    let view = |(id, level): (_, Versioned<StoredLevel>)| {
        LevelView::new(id, level.version, (&level.body.level(), &level.body.bins()))
    };
    let views = levels.into_iter().map(view).collect();
    let view =
        StockView { sku: item.sku, sellable: computed.quantity.into(), safety_stock: item.safety_stock, levels: views };
    Ok((view, stored.version + versions))
}

/// The stock of one item, or of one page of items.
#[utoipa::path(
    get, path = "/v1/stock-levels", tag = "inventory",
    params(("sku" = Option<String>, Query, description = "Only this item"), PageQuery, ForMerchant),
    responses((status = 200, description = "One page, in the order of the SKUs", body = Page<StockView>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_stock_levels(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let merchant = principal.merchant()?;
    let Page { items, next_cursor } = match query_sku(request)? {
        Some(sku) => {
            let item = deps.store.load::<StoredItem>(&item_key(merchant, &sku)).await?;
            Page { items: item.into_iter().collect(), next_cursor: None }
        }
        None => deps.store.items(merchant, &PageRequest::of(request)?).await?,
    };
    let items: Vec<StockView> = futures_util::stream::iter(items)
        .map(|item| stock_of(deps, merchant, item))
        .buffered(AT_ONCE)
        .map_ok(|(view, _)| view)
        .try_collect()
        .await?;
    Response::json(200, &Page { items, next_cursor })
}

/// The stock of one item.
///
/// The `ETag` changes with every change of the item or of one of its levels; of a kit, of its components or theirs.
#[utoipa::path(
    get, path = "/v1/stock-levels/{sku}", tag = "inventory",
    params(("sku" = String, Path, description = "The item"), ForMerchant),
    responses((status = 200, description = "Its stock", body = StockView), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn stock_level(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let merchant = principal.merchant()?;
    let sku: Sku = request.parameter("sku")?;
    let item = deps.store.require::<StoredItem>(&item_key(merchant, &sku), "this item").await?;
    let (view, total) = stock_of(deps, merchant, item).await?;
    Ok(Response::json(200, &view)?.with_version(total))
}
