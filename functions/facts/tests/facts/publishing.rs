//! The shops know how much may be sold, whatever happens meanwhile.

use crate::shop::{Shop, URL};
use domain::{Decision, LocationId, MerchantId, MessageKind, Sku};
use facts::Facts;
use platform::failure::QueueAnswer;
use platform::items::{SealedChannel, StoredLevel};
use platform::{Failure, Function, Operation};
use serde_json::json;
use std::sync::Arc;
use testkit::Stack;

struct World {
    stack: Stack,
    shop: Shop,
    merchant: MerchantId,
    tea: Sku,
    sofia: LocationId,
}

async fn world() -> World {
    let (shop, other) = (Shop::default(), Shop::default());
    other.state().status = Some(503);
    let stack = Stack::builder()
        .partner(URL, shop.handler())
        .partner("https://down.example", other.handler())
        .faults(Arc::new(shop.clone()))
        .build();
    let merchant = stack.merchant("acme").await;
    stack.channel(&merchant, URL).await;
    let (tea, sofia) = (stack.item(&merchant, "TEA").await, stack.location(&merchant, "SOF1").await);
    stack.stock(&merchant, &tea, &sofia, 5).await;
    World { stack, shop, merchant, tea, sofia }
}

impl World {
    async fn publish(&self) -> Result<(), Failure> {
        let kind = MessageKind::PublishStock { sku: self.tea.clone(), cause: String::new() };
        Facts.message(&self.stack.deps, kind.for_merchant(&self.merchant, &self.tea)).await
    }

    /// Reserves units past our code, at once.
    fn reserve(&self, units: i64) -> impl FnMut() + Send + use<> {
        let engine = self.stack.engine.clone();
        let key = StoredLevel::key_of(&self.merchant, &self.tea, &self.sofia);
        move || {
            let request = json!({
                "TableName": "stock",
                "Key": { "pk": { "S": key.pk }, "sk": { "S": key.sk } },
                "UpdateExpression": "ADD available :less, reserved :more, version :one",
                "ExpressionAttributeValues": {
                    ":less": { "N": (-units).to_string() }, ":more": { "N": units.to_string() }, ":one": { "N": "1" },
                },
            });
            let answer = engine.dynamodb().call("UpdateItem", request.to_string().as_bytes());
            assert!(answer.status().is_success());
        }
    }
}

#[tokio::test]
async fn what_is_available_is_published_once() {
    let world = world().await;
    for _ in 0..3 {
        world.publish().await.unwrap();
    }
    let state = world.shop.state();
    assert_eq!((state.available, state.set.as_slice()), (5, [5].as_slice()));
}

#[tokio::test]
async fn what_changes_before_the_shop_is_told_is_what_it_is_told() {
    let world = world().await;
    world.shop.state().on_question = Some(Box::new(world.reserve(2)));
    world.publish().await.unwrap();
    assert_eq!(world.shop.state().set, [3], "never more than may be sold");
}

#[tokio::test]
async fn what_changes_while_the_shop_is_told_is_published_again() {
    let world = world().await;
    world.shop.state().on_set = Some(Box::new(world.reserve(2)));
    world.publish().await.unwrap();
    assert_eq!(world.shop.state().set, [5, 3]);
}

#[tokio::test]
async fn a_slow_publisher_does_not_undo_what_a_quick_one_published() {
    let world = world().await;
    let shop = world.shop.clone();
    let mut reserve = world.reserve(2);
    // While the first one holds the shop's answer to its question, another one publishes the latest.
    let (asked, mut quick) = (shop.clone(), Some(3));
    world.shop.state().available = 9;
    world.shop.state().on_question = Some(Box::new(move || {
        reserve();
        if let Some(latest) = quick.take() {
            let mut state = asked.state();
            state.available = latest;
            state.set.push(latest);
        }
    }));
    world.publish().await.unwrap();
    let state = shop.state();
    assert_eq!((state.available, state.set.as_slice()), (3, [3].as_slice()));
}

#[tokio::test]
async fn a_sale_in_the_shop_between_question_and_change_is_seen() {
    let world = world().await;
    world.shop.state().available = 9;
    let sold = world.shop.clone();
    world.shop.state().on_question = Some(Box::new(move || sold.state().available = 8));
    world.publish().await.unwrap();
    assert_eq!(world.shop.state().available, 5);
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_not_made_twice() {
    let world = world().await;
    world.shop.state().lost = 1;
    let failure = world.publish().await.unwrap_err();
    assert!(matches!(failure.queue_answer(), QueueAnswer::Retry(_)), "{failure}");
    world.publish().await.unwrap();
    assert_eq!(world.shop.state().set, [5]);
}

#[tokio::test]
async fn a_shop_that_is_down_hears_later_and_one_with_a_wrong_token_never() {
    let world = world().await;
    world.shop.state().status = Some(503);
    assert!(matches!(world.publish().await, Err(Failure::Unavailable { .. })));
    world.shop.state().status = Some(401);
    let failure = world.publish().await.unwrap_err();
    assert_eq!(failure.queue_answer(), QueueAnswer::DeadLetter);
    assert!(failure.to_string().contains("credentials"), "{failure}");
}

#[tokio::test]
async fn one_shop_that_is_down_keeps_no_other_from_hearing() {
    let world = world().await;
    let id = domain::ChannelId::derive(&world.merchant, &["another"]);
    let own = SealedChannel::key_of(&domain::ChannelId::derive(&world.merchant, &["testkit"]));
    let mut channel = world.stack.deps.store.load::<SealedChannel>(&own).await.unwrap().unwrap().body;
    channel.channel.id = id.clone();
    channel.channel.api_url = "https://down.example".to_owned();
    channel.access_token = Some(world.stack.deps.secrets.seal(id.as_str(), "token", &"ab".repeat(12)).unwrap());
    world.stack.deps.store.create(&Operation::of(&["test"]), Decision::of(channel)).await.unwrap();
    assert!(matches!(world.publish().await, Err(Failure::Unavailable { .. })));
    assert_eq!(world.shop.state().set, [5]);
}

#[tokio::test]
async fn an_item_that_the_shop_or_the_catalogue_does_not_know_is_nothing_to_publish() {
    let world = world().await;
    let cup = world.stack.item(&world.merchant, "CUP").await;
    for sku in [cup, Sku::parse("NOTHING").unwrap()] {
        let message =
            MessageKind::PublishStock { sku: sku.clone(), cause: String::new() }.for_merchant(&world.merchant, &sku);
        Facts.message(&world.stack.deps, message).await.unwrap();
    }
    assert_eq!(world.shop.state().set, Vec::<i64>::new());
}
