//! Computes what a channel may sell, and stores it with a version.
//!
//! The stored version is read first, then item, levels and waiting orders; the outcome becomes the next version, if nobody
//! stored another meanwhile. So of two computations the later to be stored has read the later stock, and a slow one is lost
//! instead of overwriting. A kit is computed from its components' levels, not from their figures: what is read after its version
//! is never older than what an earlier computation read. Nothing is stored twice for a message, and no message is done before its outcome is stored.

use domain::Sku;
use domain::sellable::Sellable;
use platform::feed;
use platform::items::{SealedChannel, StoredItem, item_key, sellable_key};
use platform::sellable::{Asked, figure};
use platform::{Deps, Failure, Operation, Versioned};

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
    let days = channel.channel.min_remaining_shelf_life_days;
    let stored = feed::change::<Sellable>(deps, &sellable_key(id, sku), operation, async |before, now| {
        let item = deps.store.require::<StoredItem>(&item_key(&merchant, sku), sku).await?.body.item;
        let levels = deps.store.levels(&merchant, sku).await?;
        let computed = figure(deps, Asked { merchant: &merchant, days, now }, &item, &levels).await?.computed;
        Ok(match before {
            None => Sellable::first(id, sku, computed, now),
            Some(before) if unchanged == Unchanged::Left && before.quantity == computed.quantity => before.clone(),
            Some(before) => before.again(computed, now),
        })
    })
    .await;
    match stored {
        // The item: it is not in the catalogue.
        Err(Failure::NotFound(_)) => Ok(None),
        stored => stored.map(Some),
    }
}
