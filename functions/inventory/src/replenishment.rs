//! What is to be ordered again: item by item, and as a feed of alerts.

use crate::wire::{ReplenishmentAlert, ReplenishmentView, alert_of};
use domain::MerchantId;
use domain::replenishment::{Figures, Replenishment, Sales};
use futures_util::{StreamExt, TryStreamExt};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use platform::auth::{READERS, authenticate};
use platform::feed::{Feed, FeedOf};
use platform::items::{ALERTS_PART, CHANGED_INDEX, StoredItem, StoredLevel, replenishment_key, stock_of};
use platform::listing::{Page, PageRequest};
use platform::spec::{ForMerchant, PageQuery, Refusals};
use platform::{Deps, Failure, Key, Problem, Request, Response, Table};
use std::collections::BTreeMap;

/// Most waiting orders counted of one item.
const WAITING_MAX: usize = 10_000;
/// Items whose stock is read at the same time.
const AT_ONCE: usize = 8;

/// Rate of sale, days of stock left and reorder point of each item.
///
/// The rate is that of the last 28 whole days (UTC). `needed=true` leaves out what need not be ordered: a page may then be
/// shorter than `limit` without being the last.
#[utoipa::path(
    get, path = "/v1/replenishment", tag = "inventory",
    params(
        ("needed" = Option<bool>, Query, description = "`true`: only items that are to be ordered now"),
        PageQuery, ForMerchant,
    ),
    responses((status = 200, description = "One page, in the order of the SKUs", body = Page<ReplenishmentView>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_replenishment(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let merchant = principal.merchant()?;
    let only_needed = request.query::<bool>("needed")?.unwrap_or(false);
    let Page { items, next_cursor } = deps.store.items(merchant, &PageRequest::of(request)?).await?;
    let keys: Vec<Key> = items.iter().map(|item| replenishment_key(merchant, &item.body.item.sku)).collect();
    let stored = deps.store.load_many::<Replenishment>(&keys).await?;
    let sales: BTreeMap<_, _> = stored.into_iter().map(|stored| (stored.body.sku, stored.body.sales)).collect();
    let today = deps.clock.now().to_zoned(TimeZone::UTC).date();
    let mut views: Vec<ReplenishmentView> = futures_util::stream::iter(items)
        .map(|item| view(deps, merchant, item.body, &sales, today))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    views.retain(|view| view.figures.needed || !only_needed);
    Response::json(200, &Page { items: views, next_cursor })
}

async fn view(
    deps: &Deps,
    merchant: &MerchantId,
    StoredItem { item, .. }: StoredItem,
    sales: &BTreeMap<domain::Sku, Sales>,
    today: Date,
) -> Result<ReplenishmentView, Failure> {
    let levels = deps.store.levels(merchant, &item.sku).await?;
    let levels: Vec<StoredLevel> = levels.into_iter().map(|(_, level)| level.body).collect();
    let waiting = deps.store.waiting(merchant, &item.sku, WAITING_MAX).await?;
    let stock = stock_of(&levels, waiting.iter().map(|entry| u64::from(entry.units)).sum());
    let sold = sales.get(&item.sku).cloned().unwrap_or_default().rate(today);
    let figures = Figures::of(&item, stock, sold);
    Ok(ReplenishmentView {
        units_per_day: sold.per_day(),
        lead_time_days: item.lead_time_days,
        safety_stock: item.safety_stock,
        sku: item.sku,
        name: item.name,
        figures,
    })
}

/// Alerts that an item is to be ordered, in the order of their crossing.
///
/// An item's alert is raised once when it crosses its reorder point, and cleared when there is enough again; the feed has the
/// last of the two. Every entry comes at least once: one that is younger than 5 seconds comes again, since others as young may
/// not have come out yet. Keep `next_cursor` and ask again later: a feed has no last page.
#[utoipa::path(
    get, path = "/v1/replenishment/alerts", tag = "inventory", params(PageQuery, ForMerchant),
    responses((status = 200, description = "One page", body = Feed<ReplenishmentAlert>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_replenishment_alerts(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let parts = [principal.merchant()?.as_str(), ALERTS_PART];
    let of = FeedOf { table: Table::Movements, index: CHANGED_INDEX, parts: &parts };
    let Feed { items, next_cursor, more } = deps.store.feed::<Replenishment>(&of, request, deps.clock.now()).await?;
    let items: Vec<ReplenishmentAlert> = items.into_iter().filter_map(alert_of).collect();
    Response::json(200, &Feed { items, next_cursor, more })
}
