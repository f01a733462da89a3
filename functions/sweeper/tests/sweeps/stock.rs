//! Stock that falls due without a movement.

use crate::world::world;
use domain::replenishment::Replenishment;
use domain::sellable::{Computed, Sellable};
use domain::{ChannelId, Decision, MerchantId, Sku};
use jiff::{SignedDuration, Timestamp};
use platform::Operation;
use std::time::Duration;
use sweeper::sweep;

fn replenishment(merchant: &MerchantId, sku: &str, due_at: Option<Timestamp>) -> Replenishment {
    let sku = Sku::parse(sku).unwrap();
    Replenishment { due_at, ..Replenishment::new(merchant.clone(), sku) }
}

#[tokio::test]
async fn what_is_due_is_asked_for_every_minute_until_it_is_done_and_nothing_else() {
    let world = world().await;
    let (store, now) = (&world.stack.deps.store, world.stack.now());
    let later = |hours| Some(now + SignedDuration::from_hours(hours));
    let channel = ChannelId::derive(&world.merchant, &["1"]);
    let computed = Computed { quantity: 5, due_at: later(1) };
    let figure = Sellable::first(&channel, &world.tea, computed, now);
    store.create(&Operation::of(&["test", "tea"]), Decision::of(figure.clone())).await.unwrap();
    for (sku, due_at) in [("CUP", later(1)), ("POT", later(3)), ("PAN", None)] {
        let state = replenishment(&world.merchant, sku, due_at);
        store.create(&Operation::of(&["test", sku]), Decision::of(state)).await.unwrap();
    }
    let asked = async || -> Vec<String> {
        let (_, outcome) = sweep(&world.stack.deps).await;
        outcome.unwrap();
        let messages = world.stack.drain("fulfilments").into_iter();
        let mut asked: Vec<String> = messages
            .map(|(body, _)| format!("{} {}", body["kind"].as_str().unwrap(), body["sku"].as_str().unwrap()))
            .collect();
        asked.sort();
        asked
    };
    assert_eq!(asked().await, Vec::<String>::new());
    world.stack.clock.advance(Duration::from_secs(2 * 3600));
    for _ in 0..2 {
        assert_eq!(asked().await, ["publish_stock TEA", "review_stock CUP"]);
    }
    let done = figure.again(Computed { quantity: 2, due_at: None }, world.stack.now());
    let operation = Operation::of(&["test", "done"]);
    store
        .change::<Sellable, Decision<Sellable>>(&platform::Stored::key(&figure), &operation, async |_| {
            Ok(Decision::of(done.clone()))
        })
        .await
        .unwrap();
    assert_eq!(asked().await, ["review_stock CUP"]);
}

#[tokio::test]
async fn more_than_a_page_is_asked_for_in_one_run() {
    let world = world().await;
    for number in 0..230 {
        let state = replenishment(&world.merchant, &format!("SKU-{number}"), Some(world.stack.now()));
        let operation = Operation::of(&["test", &number.to_string()]);
        world.stack.deps.store.create(&operation, Decision::of(state)).await.unwrap();
    }
    let (swept, outcome) = sweep(&world.stack.deps).await;
    outcome.unwrap();
    assert_eq!(swept.messages, 230);
    assert_eq!(world.stack.drain("fulfilments").len(), 230);
}
