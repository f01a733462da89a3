//! What may be sold of an item now, read from its levels and from the orders that wait for it.

use crate::items::{StoredItem, StoredLevel, item_key, level_prefix, stock_partition};
use crate::{Deps, Failure, Key, Table, Versioned};
use domain::catalogue::Item;
use domain::sellable::{Claims, Computed, Part, Supply, eligible, falls_on, sellable};
use domain::stock::{LevelId, Term};
use domain::{MerchantId, Sku};
use futures_util::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Most levels of an item.
const LEVELS_MAX: usize = 10_000;
/// Most waiting orders counted: when more wait, nothing is sellable until they are filled.
const WAITING_MAX: u64 = 10_000;
/// Components of a kit that are read at the same time.
const COMPONENTS_AT_ONCE: usize = 8;

/// The levels of an item as they are stored.
pub type Levels = Vec<(Key, Versioned<StoredLevel>)>;

/// For whom, and when.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Whose item.
    pub merchant: &'a MerchantId,
    /// Days that goods must keep at least.
    pub days: u32,
    /// The instant, UTC.
    pub now: Timestamp,
}

/// What may be sold, and a number that grows with every change of the stock that it was computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// What may be sold.
    pub computed: Computed,
    /// The sum of the versions of all levels read, and of a kit's components.
    pub versions: u64,
}

/// All levels of an item.
///
/// # Errors
/// As [`crate::Store::query`].
pub async fn levels(deps: &Deps, merchant: &MerchantId, sku: &Sku) -> Result<Levels, Failure> {
    deps.store.query::<StoredLevel>(Table::Stock, &stock_partition(merchant, sku), level_prefix(), LEVELS_MAX).await
}

/// What may be sold of an item, or of a kit, whose `levels` were read just now.
///
/// # Errors
/// As [`crate::Store::query`].
pub async fn figure(deps: &Deps, asked: Asked<'_>, item: &Item, levels: &Levels) -> Result<Figure, Failure> {
    if !item.is_kit() {
        let Part { computed, .. } = part(deps, asked, item, 1, levels).await?;
        return Ok(Figure { computed, versions: versions(levels) });
    }
    let components: Vec<(Part, u64)> = futures_util::stream::iter(&item.kit)
        .map(async |component| -> Result<(Part, u64), Failure> {
            let (merchant, sku) = (asked.merchant, &component.sku);
            let stored = deps.store.load::<StoredItem>(&item_key(merchant, sku)).await?;
            let stored = stored.ok_or_else(|| Failure::bug(format!("a component that is no item: {sku}")))?;
            let levels = self::levels(deps, merchant, sku).await?;
            let part = part(deps, asked, &stored.body.item, component.quantity, &levels).await?;
            Ok((part, stored.version + versions(&levels)))
        })
        .buffered(COMPONENTS_AT_ONCE)
        .try_collect()
        .await?;
    let (parts, versions): (Vec<Part>, Vec<u64>) = components.into_iter().unzip();
    Ok(Figure { computed: Computed::of_kit(&parts, item.safety_stock), versions: versions.iter().sum() })
}

fn versions(levels: &Levels) -> u64 {
    levels.iter().map(|(_, level)| level.version).sum()
}

async fn part(deps: &Deps, asked: Asked<'_>, item: &Item, per_kit: u32, levels: &Levels) -> Result<Part, Failure> {
    let Asked { merchant, days, now } = asked;
    let today = now.to_zoned(TimeZone::UTC).date();
    let (mut supplies, mut at_locations) = (Vec::with_capacity(levels.len()), BTreeMap::new());
    for (key, level) in levels {
        let unreadable = || Failure::bug(format!("a level that names no location: {}/{}", key.pk, key.sk));
        let LevelId { location, lot, .. } = level.body.id().ok_or_else(unreadable)?;
        let available = level.body.level().get(Term::Available);
        let supply = Supply { available, expiry: lot.and_then(|lot| lot.expiry) };
        *at_locations.entry(location).or_default() += eligible(&[supply], days, today);
        supplies.push(supply);
    }
    let at_most = eligible(&supplies, days, today).saturating_sub(u64::from(item.safety_stock));
    let backordered = backordered(deps, merchant, &item.sku, at_most).await?;
    let claims = Claims { safety_stock: item.safety_stock, backordered };
    let due_at = falls_on(&supplies, days, today).map(midnight).transpose()?;
    let computed = Computed { quantity: sellable(&supplies, claims, days, today), due_at };
    Ok(Part { computed, eligible: at_locations, per_kit })
}

fn midnight(day: Date) -> Result<Timestamp, Failure> {
    let midnight = day.to_zoned(TimeZone::UTC).map_err(|error| Failure::bug(error.to_string()))?;
    Ok(midnight.timestamp())
}

/// Units that orders wait for, counted only as far as it matters: where nothing could be sold, nobody is asked.
async fn backordered(deps: &Deps, merchant: &MerchantId, sku: &Sku, at_most: u64) -> Result<u64, Failure> {
    if at_most == 0 {
        return Ok(0);
    }
    // An entry stands for at least one unit.
    let limit = usize::try_from(at_most.min(WAITING_MAX)).unwrap_or(usize::MAX);
    let waiting = deps.store.waiting(merchant, sku, limit).await?;
    if waiting.len() >= limit {
        return Ok(at_most);
    }
    Ok(waiting.iter().map(|entry| u64::from(entry.units)).sum())
}
