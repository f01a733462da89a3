//! Computes how much of an item each of the merchant's channels may sell, and tells the shops.
//!
//! What may be sold is stored first, with its version: a channel without a shop to call reads it by cursor. A shop takes a
//! quantity only in place of the one that it told us before, and what it is told is computed after that: so a slow message
//! cannot put an older quantity in place of a newer one. After the shop took it, it is computed once more; if there is a newer
//! one, that is told too. The last to publish has published the latest, in whatever order messages come.

use crate::{sellable, shop};
use domain::{Message, Sku};
use partners::shops::{self, ShopError, StockUpdate};
use platform::failure::QueueAnswer;
use platform::items::{SealedChannel, key_prefix};
use platform::{Deps, Failure, Operation, Table};

/// Most channels of a merchant.
const CHANNELS_MAX: usize = 1000;
/// How often a quantity that keeps changing is published before the message comes again.
const ROUNDS_MAX: u32 = 5;

pub(crate) async fn publish(deps: &Deps, message: &Message, sku: &Sku) -> Result<(), Failure> {
    let channels = deps
        .store
        .query::<SealedChannel>(Table::Accounts, message.merchant.as_str(), &key_prefix("channel"), CHANNELS_MAX)
        .await?;
    let mut outcome = Ok(());
    for (_, channel) in channels {
        // One shop that is down keeps no other from hearing.
        outcome = first_to_retry(outcome, publish_to(deps, message, &channel.body, sku).await);
    }
    outcome
}

/// Of several failures one that passes by itself: a shop that a person must connect again must not put aside the message
/// that another shop still waits for.
fn first_to_retry(before: Result<(), Failure>, now: Result<(), Failure>) -> Result<(), Failure> {
    let passes = |outcome: &Result<(), Failure>| {
        outcome.as_ref().is_err_and(|failure| matches!(failure.queue_answer(), QueueAnswer::Retry(_)))
    };
    if passes(&now) && !passes(&before) { now } else { before.and(now) }
}

async fn publish_to(deps: &Deps, message: &Message, channel: &SealedChannel, sku: &Sku) -> Result<(), Failure> {
    let id = channel.channel.id.as_str();
    let operation = Operation::of(&[Operation::of_message(message).id(), id]);
    if sellable::compute(deps, &operation, channel, sku).await?.is_none() {
        return Ok(());
    }
    let Some(account) = shop::account(deps, channel)? else { return Ok(()) };
    let Some(capability) = shops::find(&channel.channel.platform).and_then(|platform| platform.stock) else {
        return Ok(());
    };
    for round in 0..ROUNDS_MAX {
        let looked_up = shop::call(deps, capability.build_lookup(&account, sku)).await?;
        let Some(newest) = sellable::compute_again(deps, channel, sku).await? else { return Ok(()) };
        let update = StockUpdate {
            sku: sku.clone(),
            quantity: newest.body.quantity,
            operation: domain::ids::digest(&[id, sku.as_str(), &newest.version.to_string(), &round.to_string()], 32),
        };
        let request = match capability.plan(&account, &update, &looked_up) {
            Ok(request) => request,
            // The shop sells it under another name, or not at all: nothing to tell it.
            Err(ShopError::Refused { reason, .. }) => {
                tracing::info!(channel = id, %sku, reason, "stock not published");
                return Ok(());
            }
            Err(error) => return Err(shop::failure(&error)),
        };
        if let Some(request) = request {
            let answer = shop::call(deps, request).await?;
            match capability.read_set(&answer) {
                Ok(()) => {}
                Err(ShopError::Conflict) => continue,
                Err(error) => return Err(shop::failure(&error)),
            }
        }
        match sellable::compute_again(deps, channel, sku).await? {
            Some(now) if now.body.quantity != newest.body.quantity => {}
            Some(_) | None => return Ok(()),
        }
    }
    Err(Failure::Conflict(format!("stock of {sku} changes faster than it can be published")))
}
