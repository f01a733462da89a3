//! What may be sold of an item now, read from its levels and from the orders that wait for it.

use crate::items::{StoredItem, StoredLevel, item_key};
use crate::{Deps, Failure, Versioned};
use domain::catalogue::Item;
use domain::sellable::{Claims, Computed, Part, Supply, eligible, falls_on, sellable};
use domain::stock::{LevelId, Term};
use domain::{MerchantId, Sku};
use futures_util::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Most waiting orders counted: when more wait, nothing is sellable until they are filled.
const WAITING_MAX: u64 = 10_000;
/// Components of a kit that are read at the same time.
const COMPONENTS_AT_ONCE: usize = 8;

/// One of an item's levels, as [`crate::Store::levels`] gives them.
type OfItem = (LevelId, Versioned<StoredLevel>);

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

/// What may be sold of an item, or of a kit, whose `levels` were read just now.
///
/// # Errors
/// As [`crate::Store::query`].
pub async fn figure(deps: &Deps, asked: Asked<'_>, item: &Item, levels: &[OfItem]) -> Result<Figure, Failure> {
    if !item.is_kit() {
        let Part { computed, .. } = part(deps, asked, item, 1, levels).await?;
        return Ok(Figure { computed, versions: versions(levels) });
    }
    let components: Vec<(Part, u64)> = futures_util::stream::iter(&item.kit)
        .map(async |component| -> Result<(Part, u64), Failure> {
            let (merchant, sku) = (asked.merchant, &component.sku);
            let stored = deps.store.load::<StoredItem>(&item_key(merchant, sku)).await?;
            let stored = stored.ok_or_else(|| Failure::bug(format!("a component that is no item: {sku}")))?;
            let levels = deps.store.levels(merchant, sku).await?;
            let part = part(deps, asked, &stored.body.item, component.quantity, &levels).await?;
            Ok((part, stored.version + versions(&levels)))
        })
        .buffered(COMPONENTS_AT_ONCE)
        .try_collect()
        .await?;
    let (parts, versions): (Vec<Part>, Vec<u64>) = components.into_iter().unzip();
    Ok(Figure { computed: Computed::of_kit(&parts, item.safety_stock), versions: versions.iter().sum() })
}

fn versions(levels: &[OfItem]) -> u64 {
    levels.iter().map(|(_, level)| level.version).sum()
}

async fn part(deps: &Deps, asked: Asked<'_>, item: &Item, per_kit: u32, levels: &[OfItem]) -> Result<Part, Failure> {
    let Asked { merchant, days, now } = asked;
    let today = now.to_zoned(TimeZone::UTC).date();
    let (mut supplies, mut at_locations) = (Vec::with_capacity(levels.len()), BTreeMap::new());
    for (LevelId { location, lot, .. }, level) in levels {
        let available = level.body.level().get(Term::Available);
        let supply = Supply { available, expiry: lot.as_ref().and_then(|lot| lot.expiry) };
        *at_locations.entry(location.clone()).or_default() += eligible(&[supply], days, today);
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
