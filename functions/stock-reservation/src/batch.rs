//! A batch of messages: taken apart by merchant and by what they ask for, put together by order.

use crate::release::release;
use crate::round::{self, settled_levels};
use crate::wish::{Wish, task_of};
use domain::{MerchantId, Message, MessageKind, OrderId, Sku};
use platform::{Deps, Failure};
use std::collections::{BTreeMap, BTreeSet};

/// Most waiting orders looked at for one arrival.
const WAITING_MAX: usize = 1000;
/// Waiting orders planned together.
const FILLED_AT_ONCE: usize = 50;

/// Does what a batch asks for: first what gives stock back, then who waits for it, then who is new.
pub(crate) async fn handle(deps: &Deps, messages: Vec<Message>) -> Vec<Result<(), Failure>> {
    let mut outcomes: Vec<Result<(), Failure>> = messages.iter().map(|_| Ok(())).collect();
    let mut arrivals: BTreeMap<(MerchantId, Sku), Vec<usize>> = BTreeMap::new();
    let mut wishes: BTreeMap<MerchantId, Vec<Wish>> = BTreeMap::new();
    for (index, message) in messages.iter().enumerate() {
        outcomes[index] = match &message.kind {
            MessageKind::Release { task } => release(deps, message, task).await,
            MessageKind::StockArrived { sku, .. } => {
                arrivals.entry((message.merchant.clone(), sku.clone())).or_default().push(index);
                Ok(())
            }
            MessageKind::Reserve { order } => {
                let wishes = wishes.entry(message.merchant.clone()).or_default();
                let wish = wish_for(wishes, order, index);
                wish.version = wish.version.max(message.version);
                Ok(())
            }
            MessageKind::ShortPicked { task } => match task_of(deps, message, task).await {
                Ok(task) => {
                    let wishes = wishes.entry(message.merchant.clone()).or_default();
                    wish_for(wishes, &task.order, index).short.push(task.clone());
                    Ok(())
                }
                Err(failure) => Err(failure),
            },
            other => Err(Failure::Malformed(format!("not for this queue: {other:?}"))),
        };
    }
    for ((merchant, sku), asking) in arrivals {
        let outcome = fill(deps, &merchant, &sku).await;
        for index in asking {
            outcomes[index] = outcome.clone();
        }
    }
    for (merchant, wishes) in wishes {
        let fates = round::run(deps, &merchant, &wishes).await;
        for (wish, fate) in wishes.into_iter().zip(fates) {
            let outcome = fate.map(drop);
            for index in wish.messages {
                outcomes[index] = outcome.clone();
            }
        }
    }
    outcomes
}

/// The wish for an order: several messages may ask for the same one.
fn wish_for<'a>(wishes: &'a mut Vec<Wish>, order: &OrderId, message: usize) -> &'a mut Wish {
    let place = wishes.iter().position(|wish| wish.order == *order).unwrap_or_else(|| {
        wishes.push(Wish { order: order.clone(), version: 0, short: Vec::new(), messages: Vec::new() });
        wishes.len() - 1
    });
    wishes[place].messages.push(message);
    &mut wishes[place]
}

/// Fills the orders that wait for an item, in the order of their queue, until it is used up.
async fn fill(deps: &Deps, merchant: &MerchantId, sku: &Sku) -> Result<(), Failure> {
    let skus = BTreeSet::from([sku.clone()]);
    let mut levels = settled_levels(deps, merchant, &skus).await?;
    let queue = deps.store.waiting(merchant, sku, WAITING_MAX).await?;
    let mut outcome = Ok(());
    for entries in queue.chunks(FILLED_AT_ONCE) {
        if !levels.has_any(std::slice::from_ref(sku)) {
            break;
        }
        let wish = |order: &OrderId| Wish { order: order.clone(), version: 0, short: Vec::new(), messages: Vec::new() };
        let wishes: Vec<Wish> = entries.iter().map(|entry| wish(&entry.order)).collect();
        for (entry, fate) in entries.iter().zip(round::run(deps, merchant, &wishes).await) {
            match fate {
                // It was cancelled, or its environment died between its claim and here.
                Ok(seen) if !seen.changed && !seen.order.body.waits_for.contains(sku) => {
                    deps.store.leave_waiting(entry, seen.order.version).await?;
                }
                Ok(_) => {}
                Err(failure) => outcome = outcome.and(Err(failure)),
            }
        }
        levels = settled_levels(deps, merchant, &skus).await?;
    }
    outcome
}
