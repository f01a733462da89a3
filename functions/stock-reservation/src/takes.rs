//! Takes: opened together, settled by whoever finds them expired.

use domain::order::Order;
use domain::seeded_bugs::{SeededBug, is_on};
use domain::stock::{LevelId, Take, TakeId, TakenFor};
use domain::{Decision, MerchantId};
use futures_util::StreamExt;
use platform::items::order_key;
use platform::{Deps, Failure, Replaced};
use std::collections::{BTreeMap, BTreeSet};

/// Writes at the same time.
pub(crate) const AT_ONCE: usize = 16;
/// How often an order is read again while it changes under the hands of whoever settles.
const FENCE_TRIES: u32 = 8;

/// Opens one take for each level. Gives the levels that have it.
pub(crate) async fn open(
    deps: &Deps,
    merchant: &MerchantId,
    id: &TakeId,
    shares: &BTreeMap<LevelId, Vec<TakenFor>>,
) -> BTreeSet<LevelId> {
    let opened_at = deps.clock.now();
    let open = |(level, orders): (&LevelId, &Vec<TakenFor>)| {
        let take = Take { units: units(orders), opened_at, orders: orders.clone() };
        let level = level.clone();
        async move {
            match deps.store.open_take(merchant, &level, id, take).await {
                Ok(opened) => (level, opened),
                Err(failure) => {
                    // If it was opened all the same, nobody claims from it: it is settled when it has expired.
                    tracing::warn!(%merchant, sku = %level.sku, reason = %failure, "take not opened");
                    (level, false)
                }
            }
        }
    };
    let opened: Vec<(LevelId, bool)> = futures_util::stream::iter(shares).map(open).buffered(AT_ONCE).collect().await;
    opened.into_iter().filter(|(_, opened)| *opened).map(|(level, _)| level).collect()
}

/// Units of a take, or of a part of its orders.
pub(crate) fn units(orders: &[TakenFor]) -> u32 {
    orders.iter().map(|share| share.units).sum()
}

/// Settles a take whose environment does not go on: finds out who claimed, keeps everybody else from claiming, closes it.
pub(crate) async fn settle(
    deps: &Deps,
    merchant: &MerchantId,
    level: &LevelId,
    id: &TakeId,
    take: &Take,
) -> Result<(), Failure> {
    let mut claimed = 0;
    for share in deps.store.orders_of_take(merchant, level, id, take).await? {
        if has_claimed(deps, id, &share).await? {
            claimed += share.units;
        }
    }
    tracing::info!(%merchant, sku = %level.sku, units = take.units, claimed, "expired take settled");
    deps.store.close_take(merchant, level, id, take.units, claimed).await
}

/// Whether an order claimed its share. If it did not, it cannot any more afterwards: a claim is made on one version only.
pub(crate) async fn has_claimed(deps: &Deps, id: &TakeId, share: &TakenFor) -> Result<bool, Failure> {
    for _ in 0..FENCE_TRIES {
        let Some(order) = deps.store.load::<Order>(&order_key(&share.order)).await? else { return Ok(false) };
        if bears(&order.body, id) {
            return Ok(true);
        }
        if order.version != share.version || is_on(SeededBug::ReclaimedWithoutFence) {
            return Ok(false);
        }
        if let Replaced::Yes(_) = deps.store.replace(&order, Decision::of(order.body.clone())).await? {
            return Ok(false);
        }
    }
    Err(Failure::Conflict(format!("{} changes faster than it can be read", share.order)))
}

/// Whether an order claimed from a take.
pub(crate) fn bears(order: &Order, id: &TakeId) -> bool {
    order.fulfillment_orders.iter().any(|fulfillment_order| fulfillment_order.take == *id)
}
