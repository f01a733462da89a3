//! Stock levels: every term of the equation, and what shops are told.

use crate::wire::{LevelView, StockView};
use domain::{MerchantId, Sku};
use futures_util::{StreamExt, TryStreamExt};
use platform::auth::{READERS, authenticate};
use platform::items::{StoredItem, StoredLevel, item_key, level_prefix, stock_partition};
use platform::listing::{Page, PageRequest};
use platform::requests::query_sku;
use platform::spec::{ForMerchant, PageQuery, Refusals};
use platform::{Deps, Failure, Problem, Request, Response, Table, Versioned};

/// Most locations read of one item.
const LOCATIONS_MAX: usize = 1000;
/// Most waiting orders counted of one item.
const WAITING_MAX: u64 = 1000;
/// Items whose stock is read at the same time.
const AT_ONCE: usize = 8;

/// The stock of one item, and a number that grows with every change of it.
///
/// Waiting orders are counted only where their number can matter: not past what could be sold.
async fn stock_of(
    deps: &Deps,
    merchant: &MerchantId,
    item: Versioned<StoredItem>,
) -> Result<(StockView, u64), Failure> {
    let Versioned { body: StoredItem { item, .. }, version: mut total, .. } = item;
    let partition = stock_partition(merchant, &item.sku);
    let stored = deps.store.query::<StoredLevel>(Table::Stock, &partition, level_prefix(), LOCATIONS_MAX).await?;
    let mut levels = Vec::with_capacity(stored.len());
    for (key, level) in stored {
        let id =
            level.body.id().ok_or_else(|| Failure::bug(format!("a level without location: {}/{}", key.pk, key.sk)))?;
        total += level.version;
        levels.push(LevelView::new(id, level.version, (&level.body.level(), &level.body.bins())));
    }
    let available: i64 = levels.iter().map(|level| level.available).sum();
    let at_most = item.sellable(available, 0);
    let waiting = if at_most == 0 {
        0
    } else {
        let limit = usize::try_from(at_most.min(WAITING_MAX)).unwrap_or(usize::MAX);
        let waiting = deps.store.waiting(merchant, &item.sku, limit).await?;
        waiting.iter().map(|entry| u64::from(entry.units)).sum()
    };
    let sellable = item.sellable(available, waiting);
    Ok((StockView { sku: item.sku, sellable, safety_stock: item.safety_stock, levels }, total))
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
/// The `ETag` changes with every change of the item or of one of its levels.
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
