//! Tells the merchant's shops how much of an item may be sold.
//!
//! A shop takes a quantity only in place of the one that it told us before, and what it is told is read after that: so a
//! slow message cannot put an older quantity in place of a newer one. What may be sold is read once more after the shop
//! took it; if it changed meanwhile, it is published again. The last to publish has published the latest, in whatever order
//! messages come, without a write of ours.

use crate::shop;
use domain::stock::Term;
use domain::{MerchantId, Sku};
use partners::shops::{self, ShopError, StockUpdate};
use platform::failure::QueueAnswer;
use platform::items::{SealedChannel, StoredItem, StoredLevel, item_key, key_prefix};
use platform::{Deps, Failure, Table};

/// Most channels of a merchant, levels of an item, and waiting orders counted.
const COUNT_MAX: usize = 1000;
/// How often a quantity that keeps changing is published before the message comes again.
const ROUNDS_MAX: u32 = 5;

pub(crate) async fn publish(deps: &Deps, merchant: &MerchantId, sku: &Sku) -> Result<(), Failure> {
    let channels = deps
        .store
        .query::<SealedChannel>(Table::Accounts, merchant.as_str(), &key_prefix("channel"), COUNT_MAX)
        .await?;
    let mut outcome = Ok(());
    for (_, channel) in channels {
        // One shop that is down keeps no other from hearing.
        outcome = first_to_retry(outcome, publish_to(deps, &channel.body, merchant, sku).await);
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

async fn publish_to(deps: &Deps, channel: &SealedChannel, merchant: &MerchantId, sku: &Sku) -> Result<(), Failure> {
    let Some(account) = shop::account(deps, channel)? else { return Ok(()) };
    let Some(capability) = shops::find(&channel.channel.platform).and_then(|platform| platform.stock) else {
        return Ok(());
    };
    for round in 0..ROUNDS_MAX {
        let looked_up = shop::call(deps, capability.build_lookup(&account, sku)).await?;
        let Some(sellable) = Sellable::read(deps, merchant, sku).await? else { return Ok(()) };
        let update = StockUpdate {
            sku: sku.clone(),
            quantity: sellable.quantity,
            operation: domain::ids::digest(
                &[channel.channel.id.as_str(), sku.as_str(), &sellable.versions, &round.to_string()],
                32,
            ),
        };
        let request = match capability.plan(&account, &update, &looked_up) {
            Ok(request) => request,
            // The shop sells it under another name, or not at all: nothing to tell it.
            Err(ShopError::Refused { reason, .. }) => {
                tracing::info!(channel = %channel.channel.id, %sku, reason, "stock not published");
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
        match Sellable::read(deps, merchant, sku).await? {
            Some(now) if now.quantity != sellable.quantity => {}
            Some(_) | None => return Ok(()),
        }
    }
    Err(Failure::Conflict(format!("stock of {sku} changes faster than it can be published")))
}

/// How much may be sold, and of which versions of the levels that was computed.
struct Sellable {
    quantity: u32,
    versions: String,
}

impl Sellable {
    /// `None` for an item that the catalogue does not know.
    async fn read(deps: &Deps, merchant: &MerchantId, sku: &Sku) -> Result<Option<Self>, Failure> {
        let Some(item) = deps.store.load::<StoredItem>(&item_key(merchant, sku)).await? else { return Ok(None) };
        let partition = format!("{merchant}#{sku}");
        let levels = deps.store.query::<StoredLevel>(Table::Stock, &partition, "level#", COUNT_MAX).await?;
        let available = levels.iter().map(|(_, level)| level.body.level().get(Term::Available)).sum();
        let waiting = deps.store.waiting(merchant, sku, COUNT_MAX).await?;
        let backordered = waiting.iter().map(|entry| u64::from(entry.units)).sum();
        let versions: Vec<String> = levels.iter().map(|(_, level)| level.version.to_string()).collect();
        let quantity = item.body.item.sellable(available, backordered);
        Ok(Some(Self { quantity: u32::try_from(quantity).unwrap_or(u32::MAX), versions: versions.join(".") }))
    }
}
