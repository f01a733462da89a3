//! What channels may sell: of one item, and as a change feed.

use crate::wire::{SellableOfItem, SellableView};
use domain::sellable::Sellable;
use domain::{ChannelId, Sku};
use platform::auth::{READERS, authenticate};
use platform::feed::{Feed, FeedOf};
use platform::items::{CHANGED_INDEX, SealedChannel, StoredItem, derived_partition, item_key, sellable_prefix};
use platform::spec::{ForMerchant, PageQuery, Refusals};
use platform::{Deps, Problem, Request, Response, Table};

/// Most channels of an item.
const CHANNELS_MAX: usize = 1000;

/// What a channel may sell, in the order of change.
///
/// Each item stands where its quantity changed last. Every entry comes at least once: one that is younger than 5 seconds comes
/// again, since others as young may not have come out yet. Keep `next_cursor` and ask again later: a feed has no last page.
/// A reader that applies an entry only if its version is greater than the one that it has ends with the latest.
#[utoipa::path(
    get, path = "/v1/sellable-stock", tag = "inventory",
    params(("channel" = String, Query, description = "The channel"), PageQuery, ForMerchant),
    responses((status = 200, description = "One page", body = Feed<SellableView>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_sellable_stock(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let channel: ChannelId = request
        .query("channel")?
        .ok_or_else(|| Problem::invalid("?channel", "say of which channel: ?channel=chn_…"))?;
    principal.may_see(&channel.merchant(), "this channel")?;
    deps.store.require::<SealedChannel>(&SealedChannel::key_of(&channel), "this channel").await?;
    let of = FeedOf { table: Table::Movements, index: CHANGED_INDEX, parts: &[channel.as_str()] };
    let feed = deps.store.feed::<Sellable>(&of, request, deps.clock.now()).await?;
    Response::json(200, &feed.map(SellableView::from))
}

/// What each channel may sell of an item.
#[utoipa::path(
    get, path = "/v1/sellable-stock/{sku}", tag = "inventory",
    params(("sku" = String, Path, description = "The item"), ForMerchant),
    responses((status = 200, description = "Each channel's figure", body = SellableOfItem), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn sellable_stock(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let merchant = principal.merchant()?;
    let sku: Sku = request.parameter("sku")?;
    deps.store.require::<StoredItem>(&item_key(merchant, &sku), "this item").await?;
    let partition = derived_partition(merchant, &sku);
    let stored = deps.store.query::<Sellable>(Table::Movements, &partition, sellable_prefix(), CHANNELS_MAX).await?;
    let channels = stored.into_iter().map(|(_, stored)| SellableView::from(stored)).collect();
    Response::json(200, &SellableOfItem { sku, channels })
}
