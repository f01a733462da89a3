//! Looks at an item's reorder point: when its stock changes, and once a day while it sells or its alert is raised.

use domain::catalogue::Item;
use domain::replenishment::{Figures, Replenishment, reorder_point};
use domain::{LocationId, Message, Sku};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use platform::feed;
use platform::items::{StoredItem, StoredLevel, item_key, replenishment_key, shard, stock_of};
use platform::{Deps, Failure, Operation};
use std::collections::{BTreeMap, BTreeSet};

/// Most waiting orders counted.
const WAITING_MAX: usize = 10_000;
/// The daily looks of all items are spread over so many minutes of the night.
const SPREAD_MINUTES: u32 = 240;

/// A look that a movement or a day asks for: nothing to do while the next one is yet to come.
pub(crate) async fn look_if_due(deps: &Deps, message: &Message, sku: &Sku) -> Result<(), Failure> {
    let stored = deps.store.load::<Replenishment>(&replenishment_key(&message.merchant, sku)).await?;
    let due_at = stored.and_then(|stored| stored.body.due_at);
    if due_at.is_some_and(|due_at| due_at > deps.clock.now()) {
        return Ok(());
    }
    look(deps, message, sku).await
}

/// A look at an item whose stock may have changed.
pub(crate) async fn look(deps: &Deps, message: &Message, sku: &Sku) -> Result<(), Failure> {
    let merchant = &message.merchant;
    let operation = Operation::of(&[Operation::of_message(message).id(), "replenishment"]);
    let looked =
        feed::change::<Replenishment>(deps, &replenishment_key(merchant, sku), &operation, async |before, now| {
            let item = deps.store.require::<StoredItem>(&item_key(merchant, sku), sku).await?.body.item;
            let before = match before {
                Some(before) => before.clone(),
                // A kit is not ordered: its components are. What was known of it before it became one is still looked at: an alert ends.
                None if item.is_kit() => return Err(Failure::NotFound(format!("{sku} as an item that is ordered"))),
                None => Replenishment::new(merchant.clone(), sku.clone()),
            };
            look_at(deps, &item, before, now).await
        })
        .await;
    match looked {
        // It is not in the catalogue, or never ordered.
        Err(Failure::NotFound(_)) => Ok(()),
        looked => looked.map(drop),
    }
}

async fn look_at(deps: &Deps, item: &Item, before: Replenishment, now: Timestamp) -> Result<Replenishment, Failure> {
    let (merchant, sku) = (&before.merchant, &before.sku);
    let levels = deps.store.levels(merchant, sku).await?;
    let levels: Vec<StoredLevel> = levels.into_iter().map(|(_, level)| level.body).collect();
    let today = now.to_zoned(TimeZone::UTC).date();
    let sales = match before.sales.missing(today) {
        None => before.sales.clone(),
        Some(days) => {
            let mut sums = BTreeMap::new();
            let locations: BTreeSet<LocationId> = levels.iter().filter_map(StoredLevel::location).collect();
            for location in locations {
                for (day, units) in deps.store.shipped(merchant, sku, &location, days).await? {
                    let sum = sums.entry(day).or_insert(0_u32);
                    *sum = sum.saturating_add(units);
                }
            }
            before.sales.summed(&sums, today)
        }
    };
    let sold = sales.rate(today);
    let mut stock = stock_of(&levels, 0);
    let spare = stock.available.saturating_add(stock.incoming).saturating_sub(reorder_point(item, sold));
    stock.backordered = backordered(deps, spare, &before).await?;
    let figures = Figures::of(item, stock, sold);
    let spread = SignedDuration::from_mins(i64::from(shard(sku.as_str(), SPREAD_MINUTES)));
    Ok(before.looked_at(sales, figures, spread, now))
}

/// Units that orders wait for, as far as it matters: a queue that grows in a sale is not read again for every order of it.
async fn backordered(deps: &Deps, spare: u64, before: &Replenishment) -> Result<u64, Failure> {
    let count = async |limit: usize| -> Result<u64, Failure> {
        let waiting = deps.store.waiting(&before.merchant, &before.sku, limit).await?;
        Ok(waiting.iter().map(|entry| u64::from(entry.units)).sum())
    };
    // An entry stands for at least one unit: as many as there are spare units decide, and one where there are none.
    let decisive = usize::try_from(spare).unwrap_or(usize::MAX).clamp(1, WAITING_MAX);
    let counted = count(decisive).await?;
    // The alert that is raised now tells how much is missing.
    if !before.is_raised() && counted >= spare.max(1) { count(WAITING_MAX).await } else { Ok(counted) }
}
