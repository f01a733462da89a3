//! Reading what speaks for or against some levels of a merchant: each level before and after, the ledger, every unsettled
//! order once.
//!
//! Unsettled orders are found by their due instants: an order that may hold anything has one. The index is a hint, so the
//! heads are read consistently, and an entry that it has not yet is what the second look is for.

use super::ledger;
use domain::audit::{Drift, Evidence, Found, OpenTake};
use domain::order::{FulfillmentOrderStatus, Order};
use domain::pick_task::PickTask;
use domain::shipment::Shipment;
use domain::stock::{Bins, Level, LevelId, Take, TakeId, TakenFor};
use domain::sweep::Parts;
use domain::{LocationId, MerchantId, Message, MessageKind, OrderId, PickTaskId, Sku};
use futures_util::{StreamExt, TryStreamExt};
use platform::items::{StoredMovement, order_key, pick_task_key, shipment_key};
use platform::store::IndexPage;
use platform::{Deps, Failure, Key, Table, Versioned};
use std::collections::{BTreeMap, BTreeSet};

/// Most unsettled orders of a merchant that an audit reads: beyond, its promises are not judged.
const ORDERS_MAX: usize = 50_000;
/// Entries of one page of the index.
const PAGE: usize = 1000;
/// Orders read together.
const ORDERS: usize = 100;
/// Reads at the same time.
const AT_ONCE: usize = 4;

/// What to look at.
pub(super) struct Slice<'a> {
    pub(super) merchant: &'a MerchantId,
    pub(super) skus: &'a [Sku],
    /// Only these levels, again.
    pub(super) only: Option<&'a BTreeSet<LevelId>>,
}

/// A level as it was read.
struct Seen {
    version: u64,
    level: Level,
    bins: Bins,
    takes: BTreeMap<TakeId, Take>,
    embedded: Vec<StoredMovement>,
}

type Levels = BTreeMap<LevelId, Seen>;

/// Looks at every level of the slice, once.
pub(super) async fn look(deps: &Deps, slice: &Slice<'_>) -> Result<Vec<(LevelId, Found)>, Failure> {
    let before = levels(deps, slice).await?;
    let takes = takes(deps, slice.merchant, &before).await?;
    let Some(mut found) = promises(deps, slice, &takes).await? else {
        let reason =
            format!("the merchant has more than {ORDERS_MAX} unsettled orders: its promises cannot be summed up");
        return Ok(wanted(slice, before.into_keys()).map(|level| (level, Found::Beyond(reason.clone()))).collect());
    };
    movements(deps, slice, &before, &mut found).await?;
    let after = levels(deps, slice).await?;
    announce_expired(deps, slice.merchant, &before).await?;
    // A level that is gone is spoken of by its orders.
    let all: BTreeSet<LevelId> = before.keys().chain(found.keys()).cloned().collect();
    let judge = |level: LevelId| {
        let (seen, now) = (before.get(&level), after.get(&level));
        let version = seen.map_or(0, |seen| seen.version);
        if version != now.map_or(0, |now| now.version) {
            return (level, Found::Changed);
        }
        if takes.nameless.contains(&level) {
            return (level, Found::Beyond("nobody knows whom one of its open takes is for".to_owned()));
        }
        let evidence = found.remove(&level).unwrap_or_default();
        let (units, bins) = seen.map(|seen| (seen.level.clone(), seen.bins.clone())).unwrap_or_default();
        let drift = Drift::of(level.clone(), version, (&units, &bins), evidence);
        (level, drift.map_or(Found::Proven, |drift| Found::Drift(Box::new(drift))))
    };
    Ok(wanted(slice, all.into_iter()).map(judge).collect())
}

fn wanted<'a>(slice: &'a Slice<'_>, levels: impl Iterator<Item = LevelId> + 'a) -> impl Iterator<Item = LevelId> + 'a {
    levels.filter(|level| slice.only.is_none_or(|only| only.contains(level)))
}

async fn levels(deps: &Deps, slice: &Slice<'_>) -> Result<Levels, Failure> {
    let read = |sku| deps.store.levels(slice.merchant, sku);
    let pages: Vec<_> =
        futures_util::stream::iter(slice.skus).map(read).buffered(AT_ONCE).try_collect::<Vec<_>>().await?;
    let mut levels = Levels::new();
    for (id, Versioned { body, version, .. }) in pages.into_iter().flatten() {
        let embedded = body.movement()?.map(|outbox| StoredMovement::all_of(slice.merchant, &id, outbox));
        let seen = Seen {
            version,
            level: body.level(),
            bins: body.bins(),
            takes: body.takes(),
            embedded: embedded.unwrap_or_default(),
        };
        levels.insert(id, seen);
    }
    Ok(levels)
}

/// Open takes of the levels, with the orders that they are for.
#[derive(Default)]
struct Takes {
    open: BTreeMap<(LevelId, TakeId), (Take, Vec<TakenFor>)>,
    /// Levels of takes of which the orders are not known any more.
    nameless: BTreeSet<LevelId>,
}

async fn takes(deps: &Deps, merchant: &MerchantId, levels: &Levels) -> Result<Takes, Failure> {
    let mut takes = Takes::default();
    for (level, seen) in levels {
        for (id, take) in &seen.takes {
            match deps.store.orders_of_take(merchant, level, id, take).await {
                Ok(orders) => {
                    takes.open.insert((level.clone(), id.clone()), (take.clone(), orders));
                }
                Err(Failure::Bug(reason)) => {
                    tracing::error!(%merchant, sku = %level.sku, reason, "take without orders");
                    takes.nameless.insert(level.clone());
                }
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(takes)
}

/// What orders hold of the levels, and what they claimed of open takes: from one read of each. `None`: too many orders.
async fn promises(
    deps: &Deps,
    slice: &Slice<'_>,
    takes: &Takes,
) -> Result<Option<BTreeMap<LevelId, Evidence>>, Failure> {
    let mut orders = unsettled(deps, slice.merchant).await?;
    if orders.len() > ORDERS_MAX {
        return Ok(None);
    }
    orders.extend(takes.open.values().flat_map(|(_, shares)| shares).map(|share| share.order.clone()));
    let orders: Vec<OrderId> = orders.into_iter().collect();
    let skus: BTreeSet<&Sku> = slice.skus.iter().collect();
    let mut found: BTreeMap<LevelId, Evidence> = BTreeMap::new();
    let mut bearers: BTreeSet<(OrderId, TakeId)> = BTreeSet::new();
    let read = |orders: Vec<OrderId>| {
        let skus = &skus;
        async move { of_orders(deps, &orders, skus).await }
    };
    let chunks: Vec<Vec<OrderId>> = orders.chunks(ORDERS).map(<[OrderId]>::to_vec).collect();
    let mut pages = futures_util::stream::iter(chunks).map(read).buffered(AT_ONCE);
    while let Some(page) = pages.try_next().await? {
        for (order, parts) in page {
            let held = order.body.holds(&parts).into_iter();
            for (level, held) in held.filter(|(level, _)| skus.contains(&level.sku)) {
                found.entry(level).or_default().add(&order.body.id, order.version, held);
            }
            let taken = order.body.fulfillment_orders.iter().filter(|f| !f.take.is_empty());
            let named = |take: &TakeId| takes.open.keys().any(|(_, open)| open == take);
            bearers.extend(taken.filter(|f| named(&f.take)).map(|f| (order.body.id.clone(), f.take.clone())));
        }
    }
    for ((level, id), (take, shares)) in &takes.open {
        let claims = shares.iter().filter(|share| bearers.contains(&(share.order.clone(), id.clone())));
        let claimed = claims.map(|share| share.units).sum();
        let open = OpenTake { take: id.clone(), units: take.units, claimed };
        found.entry(level.clone()).or_default().takes.push(open);
    }
    Ok(Some(found))
}

/// The merchant's orders to which something may still happen; one more than are allowed when there are too many.
async fn unsettled(deps: &Deps, merchant: &MerchantId) -> Result<BTreeSet<OrderId>, Failure> {
    let prefix = format!("{merchant}#");
    let mut orders = BTreeSet::new();
    for shard in 0..deps.store.list_shards() {
        let (shard, mut after) = (shard.to_string(), None::<String>);
        loop {
            let page = IndexPage {
                table: Table::Orders,
                index: "due",
                partition: &shard,
                after: after.as_deref(),
                until: None,
                descending: false,
                limit: PAGE,
            };
            let entries = deps.store.index_page(&page).await?;
            let full = entries.len() == PAGE;
            after = entries.last().map(|(sort_key, _)| sort_key.clone());
            let own = entries.iter().filter_map(|(_, key)| OrderId::parse(key.pk.strip_prefix(&prefix)?).ok());
            orders.extend(own);
            if !full || orders.len() > ORDERS_MAX {
                break;
            }
        }
    }
    Ok(orders)
}

/// Heads with the tasks and shipments of those that concern the items.
async fn of_orders(
    deps: &Deps,
    orders: &[OrderId],
    skus: &BTreeSet<&Sku>,
) -> Result<Vec<(Versioned<Order>, Parts)>, Failure> {
    let keys: Vec<Key> = orders.iter().map(order_key).collect();
    let heads = deps.store.load_many::<Order>(&keys).await?;
    let concerns = |order: &Order| {
        order.lines.iter().any(|line| {
            let component = |sku: &Sku| order.kit_of(line.number).iter().any(|component| component.sku == *sku);
            skus.iter().any(|sku| line.sku.as_ref() == Some(sku) || component(sku))
        })
    };
    // Also of cancelled ones: a kit that lacks a component leaves what was scanned of it with the picker.
    let tasks = |order: &Order| -> Vec<PickTaskId> {
        let open = order.fulfillment_orders.iter().filter(|f| f.status != FulfillmentOrderStatus::Closed);
        open.map(|f| PickTaskId::of(&order.id, f.number)).collect()
    };
    let concerned = heads.iter().map(|head| &head.body).filter(|order| concerns(order));
    let ids: Vec<PickTaskId> = concerned.flat_map(tasks).collect();
    let task_keys: Vec<Key> = ids.iter().map(pick_task_key).collect();
    let shipment_keys: Vec<Key> = ids.iter().map(|id| shipment_key(&id.shipment())).collect();
    let mut parts: BTreeMap<OrderId, Parts> = BTreeMap::new();
    for task in deps.store.load_many::<PickTask>(&task_keys).await? {
        parts.entry(task.body.order.clone()).or_default().tasks.insert(task.body.number, task.body);
    }
    for shipment in deps.store.load_many::<Shipment>(&shipment_keys).await? {
        if let Some((order, number)) = shipment.body.id.pick_task().order() {
            parts.entry(order).or_default().shipments.insert(number, shipment.body);
        }
    }
    let with_parts = |head: Versioned<Order>| {
        let parts = parts.remove(&head.body.id).unwrap_or_default();
        (head, parts)
    };
    Ok(heads.into_iter().map(with_parts).collect())
}

/// Sums up the ledgers; copies what a lost stream record kept from them.
async fn movements(
    deps: &Deps,
    slice: &Slice<'_>,
    levels: &Levels,
    found: &mut BTreeMap<LevelId, Evidence>,
) -> Result<(), Failure> {
    let gone: Vec<LevelId> = found.keys().filter(|level| !levels.contains_key(level)).cloned().collect();
    let mut places: BTreeMap<(&Sku, &LocationId), Vec<StoredMovement>> = BTreeMap::new();
    for (id, seen) in levels {
        places.entry((&id.sku, &id.location)).or_default().extend(seen.embedded.iter().cloned());
    }
    for id in &gone {
        places.entry((&id.sku, &id.location)).or_default();
    }
    let whole = slice.only.is_some();
    let read = |((sku, location), embedded): ((&Sku, &LocationId), Vec<StoredMovement>)| {
        let (sku, location) = (sku.clone(), location.clone());
        async move {
            let sums = ledger::sums(deps, (slice.merchant, &sku, &location), embedded, whole).await?;
            Ok::<_, Failure>((sku, location, sums))
        }
    };
    let mut pages = futures_util::stream::iter(places).map(read).buffered(AT_ONCE);
    while let Some((sku, location, sums)) = pages.try_next().await? {
        for (lot, ledger) in sums.by_lot {
            let of_lot = LevelId { sku: sku.clone(), location: location.clone(), lot };
            // Goods of an item that is not kept by lot may name one all the same.
            let level = if levels.contains_key(&of_lot) { of_lot } else { LevelId { lot: None, ..of_lot } };
            found.entry(level).or_default().ledger.merge(&ledger);
        }
        if !sums.lost.is_empty() {
            tracing::warn!(merchant = %slice.merchant, %sku, %location, entries = sums.lost.len(), "movements copied late");
            deps.store.put_all(Table::Movements, &sums.lost).await?;
        }
    }
    Ok(())
}

/// An expired take is settled by the reader of this message: nobody else takes stock.
async fn announce_expired(deps: &Deps, merchant: &MerchantId, levels: &Levels) -> Result<(), Failure> {
    let now = deps.clock.now();
    let expired = levels.iter().filter(|(_, seen)| seen.takes.values().any(|take| take.is_expired(now)));
    let places: BTreeSet<(&Sku, &LocationId)> = expired.map(|(id, _)| (&id.sku, &id.location)).collect();
    let messages: Vec<Message> = places
        .into_iter()
        .map(|(sku, location)| {
            MessageKind::StockArrived { sku: sku.clone(), location: location.clone() }
                .for_merchant(merchant, format!("{sku}@{location}"))
        })
        .collect();
    deps.queues.send(&messages).await
}
