//! Computes what a channel may sell, and stores it with a version.
//!
//! The stored version is read first, then item, levels and waiting orders; the outcome becomes the next version, if nobody
//! stored another meanwhile. So of two computations the later to be stored has read the later stock, and a slow one is lost
//! instead of overwriting. A kit is computed from its components' levels, not from their figures: what is read after its version
//! is never older than what an earlier computation read. Nothing is stored twice for a message, and no message is done before its outcome is stored.

use domain::catalogue::Item;
use domain::sellable::{Claims, Computed, Part, Sellable, Supply, eligible, falls_on, sellable};
use domain::stock::{LevelId, Term};
use domain::{MerchantId, Sku};
use futures_util::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use platform::feed;
use platform::items::{SealedChannel, StoredItem, StoredLevel, item_key, level_prefix, sellable_key, stock_partition};
use platform::{Deps, Failure, Operation, Table, Versioned};
use std::collections::BTreeMap;

/// Most levels of an item.
const LEVELS_MAX: usize = 10_000;
/// Most waiting orders counted: when more wait, nothing is sellable until they are filled.
const WAITING_MAX: u64 = 10_000;
/// Components of a kit that are read at the same time.
const COMPONENTS_AT_ONCE: usize = 8;

/// Whether a computation that changes nothing is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unchanged {
    /// Yes: a slower computation, from older stock, must not be stored after it.
    Stored,
    /// No: this message has stored one already.
    Left,
}

/// What `channel` may sell of an item, computed for a message and stored; `None` for an item that the catalogue does not know.
pub(crate) async fn compute(
    deps: &Deps,
    operation: &Operation,
    channel: &SealedChannel,
    sku: &Sku,
) -> Result<Option<Versioned<Sellable>>, Failure> {
    store(deps, operation, channel, sku, Unchanged::Stored).await
}

/// The same, once more for the same message: stored only if the quantity is another one by now.
pub(crate) async fn compute_again(
    deps: &Deps,
    channel: &SealedChannel,
    sku: &Sku,
) -> Result<Option<Versioned<Sellable>>, Failure> {
    let operation = Operation::of(&["sellable", &deps.ids.random(16)]);
    store(deps, &operation, channel, sku, Unchanged::Left).await
}

async fn store(
    deps: &Deps,
    operation: &Operation,
    channel: &SealedChannel,
    sku: &Sku,
    unchanged: Unchanged,
) -> Result<Option<Versioned<Sellable>>, Failure> {
    let id = &channel.channel.id;
    let merchant = id.merchant();
    // Items are never taken out of the catalogue, so that this needs no repetition.
    if deps.store.load::<StoredItem>(&item_key(&merchant, sku)).await?.is_none() {
        return Ok(None);
    }
    let days = channel.channel.min_remaining_shelf_life_days;
    let stored = feed::change::<Sellable>(deps, &sellable_key(id, sku), operation, async |before, now| {
        let computed = read(deps, &merchant, sku, days, now).await?;
        Ok(match before {
            None => Sellable::first(id, sku, computed, now),
            Some(before) if unchanged == Unchanged::Left && before.quantity == computed.quantity => before.clone(),
            Some(before) => before.again(computed, now),
        })
    })
    .await?;
    Ok(Some(stored))
}

async fn read(deps: &Deps, merchant: &MerchantId, sku: &Sku, days: u32, now: Timestamp) -> Result<Computed, Failure> {
    let item = load(deps, merchant, sku).await?;
    if !item.is_kit() {
        return Ok(read_part(deps, merchant, &item, 1, (days, now)).await?.computed);
    }
    let components: Vec<Part> = futures_util::stream::iter(&item.kit)
        .map(async |component| -> Result<Part, Failure> {
            let part = load(deps, merchant, &component.sku).await?;
            read_part(deps, merchant, &part, component.quantity, (days, now)).await
        })
        .buffered(COMPONENTS_AT_ONCE)
        .try_collect()
        .await?;
    Ok(Computed::of_kit(&components, item.safety_stock))
}

async fn load(deps: &Deps, merchant: &MerchantId, sku: &Sku) -> Result<Item, Failure> {
    Ok(deps.store.require::<StoredItem>(&item_key(merchant, sku), sku).await?.body.item)
}

async fn read_part(
    deps: &Deps,
    merchant: &MerchantId,
    item: &Item,
    per_kit: u32,
    (days, now): (u32, Timestamp),
) -> Result<Part, Failure> {
    let sku = &item.sku;
    let partition = stock_partition(merchant, sku);
    let levels = deps.store.query::<StoredLevel>(Table::Stock, &partition, level_prefix(), LEVELS_MAX).await?;
    let today = now.to_zoned(TimeZone::UTC).date();
    let (mut supplies, mut at_locations) = (Vec::with_capacity(levels.len()), BTreeMap::new());
    for (key, level) in &levels {
        let unreadable = || Failure::bug(format!("a level that names no location: {}/{}", key.pk, key.sk));
        let LevelId { location, lot, .. } = level.body.id().ok_or_else(unreadable)?;
        let available = level.body.level().get(Term::Available);
        let supply = Supply { available, expiry: lot.and_then(|lot| lot.expiry) };
        *at_locations.entry(location).or_default() += eligible(&[supply], days, today);
        supplies.push(supply);
    }
    let at_most = eligible(&supplies, days, today).saturating_sub(u64::from(item.safety_stock));
    let claims =
        Claims { safety_stock: item.safety_stock, backordered: backordered(deps, merchant, sku, at_most).await? };
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
