//! What a channel may sell is stored once a change, and never an older figure after a newer one.

use domain::sellable::Sellable;
use domain::{ChannelId, Decision, LocationId, MerchantId, MessageKind, OrderId, Sku};
use facts::Facts;
use jiff::SignedDuration;
use platform::items::{
    SealedChannel, StoredItem, StoredLevel, WaitingOrder, derived_partition, item_key, sellable_key, sellable_prefix,
};
use platform::{Failure, Function, Operation, Table, Versioned};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::Stack;
use testkit::connector::{Call, Fault, Faults, Service};

pub(crate) type Hook = Box<dyn FnMut() + Send>;

/// Does something once before, or loses the answer to, the next write of a figure.
#[derive(Clone, Default)]
pub(crate) struct AtWrite(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    before: Option<Hook>,
    /// The answers to so many writes are lost.
    lost: u32,
    /// The clock moves by this much while the write is under way.
    slow: Option<(testkit::time::TestClock, Duration)>,
}

impl AtWrite {
    /// Does something once before the next figure is written.
    pub(crate) fn before(&self, hook: Hook) {
        self.0.lock().unwrap().before = Some(hook);
    }
}

fn is_figure(call: &Call) -> bool {
    call.service == Service::DynamoDb
        && call.operation == "PutItem"
        && String::from_utf8_lossy(call.request.body()).contains("sellable#")
}

impl Faults for AtWrite {
    fn before(&self, call: &Call) -> Option<Fault> {
        if is_figure(call) {
            let hook = self.0.lock().unwrap().before.take();
            if let Some(mut hook) = hook {
                hook();
            }
        }
        None
    }

    fn after(&self, call: &Call) -> Option<Fault> {
        if !is_figure(call) {
            return None;
        }
        let mut state = self.0.lock().unwrap();
        if let Some((clock, pause)) = state.slow.take() {
            clock.advance(pause);
        }
        let left = state.lost.checked_sub(1)?;
        state.lost = left;
        Some(Fault::Connection)
    }
}

struct World {
    stack: Stack,
    at_write: AtWrite,
    merchant: MerchantId,
    channel: ChannelId,
    tea: Sku,
    sofia: LocationId,
}

/// A channel without a shop that could be called: it reads the feed.
async fn world() -> World {
    let at_write = AtWrite::default();
    let stack = Stack::builder().faults(Arc::new(at_write.clone())).build();
    let merchant = stack.merchant("acme").await;
    let channel = own_channel(&stack, &merchant, "own", 0).await;
    let (tea, sofia) = (stack.item(&merchant, "TEA").await, stack.location(&merchant, "SOF1").await);
    World { stack, at_write, merchant, channel, tea, sofia }
}

pub(crate) async fn own_channel(stack: &Stack, merchant: &MerchantId, name: &str, days: u32) -> ChannelId {
    let id = ChannelId::derive(merchant, &[name]);
    let channel = SealedChannel {
        channel: domain::account::Channel {
            id: id.clone(),
            platform: "own".to_owned(),
            name: name.to_owned(),
            shop_domain: "shop.example".to_owned(),
            api_url: String::new(),
            shop_location: None,
            min_remaining_shelf_life_days: days,
            created_at: stack.now(),
        },
        webhook_secrets: Vec::new(),
        access_token: None,
    };
    stack.deps.store.create(&Operation::of(&["test", name]), Decision::of(channel)).await.unwrap();
    id
}

impl World {
    async fn publish(&self, cause: &str) -> Result<(), Failure> {
        let kind = MessageKind::PublishStock { sku: self.tea.clone(), cause: cause.to_owned() };
        Facts.message(&self.stack.deps, kind.for_merchant(&self.merchant, &self.tea)).await
    }

    async fn figure_of(&self, channel: &ChannelId) -> Versioned<Sellable> {
        self.stack.deps.store.load(&sellable_key(channel, &self.tea)).await.unwrap().unwrap()
    }

    async fn figure(&self) -> Versioned<Sellable> {
        self.figure_of(&self.channel).await
    }

    async fn stock(&self, units: u32) {
        self.stack.stock(&self.merchant, &self.tea, &self.sofia, units).await;
    }

    /// Moves units past our code, at once.
    fn take(&self, units: i64) -> impl FnMut() + Send + use<> {
        let key = StoredLevel::key_of(&self.merchant, &self.tea, &self.sofia);
        update(&self.stack, key.pk, key.sk, units)
    }
}

fn update(stack: &Stack, pk: String, sk: String, less: i64) -> impl FnMut() + Send + use<> {
    let engine = stack.engine.clone();
    move || {
        let request = json!({
            "TableName": "stock", "Key": { "pk": { "S": pk }, "sk": { "S": sk } },
            "UpdateExpression": "ADD available :less, reserved :more, version :one",
            "ExpressionAttributeValues": {
                ":less": { "N": (-less).to_string() }, ":more": { "N": less.to_string() }, ":one": { "N": "1" },
            },
        });
        assert!(engine.dynamodb().call("UpdateItem", request.to_string().as_bytes()).status().is_success());
    }
}

#[tokio::test]
async fn a_channel_without_a_shop_to_call_has_its_figure_with_a_version_that_grows() {
    let world = world().await;
    world.stock(5).await;
    world.publish("1").await.unwrap();
    let first = world.figure().await;
    assert_eq!((first.body.quantity, first.version), (5, 1));
    world.stack.clock.advance(Duration::from_secs(60));
    world.take(2)();
    world.publish("2").await.unwrap();
    let second = world.figure().await;
    assert_eq!((second.body.quantity, second.version), (3, 2));
    assert_eq!(second.body.changed_at, first.body.changed_at + SignedDuration::from_secs(60));
    world.stack.clock.advance(Duration::from_secs(60));
    world.publish("3").await.unwrap();
    let third = world.figure().await;
    assert_eq!((third.body.changed_at, third.version), (second.body.changed_at, 3), "computed, not changed");
}

#[tokio::test]
async fn a_slow_computation_is_not_stored_after_a_quicker_one_not_even_when_that_changed_nothing() {
    let world = world().await;
    world.stock(5).await;
    world.publish("1").await.unwrap();
    world.take(2)();
    // The slow one has read 3. Before it can store that, two units come back and the quick one computes 5, as before.
    let other = world.stack.clone();
    let (mut give_back, message) = (world.take(-2), {
        let kind = MessageKind::PublishStock { sku: world.tea.clone(), cause: "quick".to_owned() };
        kind.for_merchant(&world.merchant, &world.tea)
    });
    world.at_write.0.lock().unwrap().before = Some(Box::new(move || {
        give_back();
        let (deps, message) = (other.deps.clone(), message.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(Facts.message(&deps, message)).unwrap();
        })
        .join()
        .unwrap();
    }));
    world.publish("slow").await.unwrap();
    let figure = world.figure().await;
    assert_eq!(figure.body.quantity, 5);
    assert!(figure.version >= 3, "both were stored, one after the other: {}", figure.version);
}

#[tokio::test]
async fn a_run_that_died_after_its_write_is_made_up_for_and_its_entry_is_stamped_anew() {
    let world = world().await;
    world.stock(5).await;
    world.at_write.0.lock().unwrap().lost = 3; // as often as the SDK tries
    assert!(world.publish("1").await.is_err());
    let lost = world.figure().await;
    // A reader of the feed may have passed the first stamp, if the run was frozen before it wrote.
    world.stack.clock.advance(Duration::from_secs(100));
    world.publish("1").await.unwrap();
    let found = world.figure().await;
    assert_eq!((found.body.quantity, found.version), (5, lost.version + 1));
    assert_eq!(found.body.changed_at, world.stack.now());
}

#[tokio::test]
async fn a_stamp_that_took_too_long_to_be_stored_is_replaced() {
    let world = world().await;
    world.stock(5).await;
    world.at_write.0.lock().unwrap().slow = Some((world.stack.clock.clone(), Duration::from_secs(30)));
    world.publish("1").await.unwrap();
    assert_eq!(world.figure().await.body.changed_at, world.stack.now());
}

#[tokio::test]
async fn safety_stock_and_waiting_orders_are_kept_back() {
    let world = world().await;
    world.stock(9).await;
    let key = item_key(&world.merchant, &world.tea);
    let operation = Operation::of(&["test", "safety"]);
    let store = &world.stack.deps.store;
    store
        .change::<StoredItem, Decision<StoredItem>>(&key, &operation, async |item| {
            let mut item = item.unwrap().body.clone();
            item.item.safety_stock = 3;
            Ok(Decision::of(item))
        })
        .await
        .unwrap();
    world.publish("0").await.unwrap();
    assert_eq!(world.figure().await.body.quantity, 6);
    for (number, units, expect) in [("1", 2, 4), ("2", 3, 1), ("3", 7, 0)] {
        let order = OrderId::derive(&world.merchant, &["api", number]);
        let (sku, rank) = (world.tea.clone(), number.to_owned());
        let waiting = WaitingOrder { sku, order, rank, units, since: 1, shard: units % 2 };
        store.enter_waiting(&waiting).await.unwrap();
        world.publish(number).await.unwrap();
        assert_eq!(world.figure().await.body.quantity, expect, "units, not orders");
    }
}

#[tokio::test]
async fn each_channel_sells_only_what_keeps_long_enough_for_it_and_is_computed_again_when_that_ends() {
    let world = world().await;
    let picky = own_channel(&world.stack, &world.merchant, "picky", 30).await;
    let partition = format!("{}#{}", world.merchant, world.tea);
    for (lot, units) in [("2026-11-30#OLD", 2), ("2027-06-30#NEW", 5), ("9999-99-99#KEEPS", 1)] {
        update(&world.stack, partition.clone(), format!("level#SOF1#{lot}"), -units)();
    }
    let now = world.stack.now();
    assert!(now.to_string().starts_with("2026-11-02"), "{now}");
    world.publish("1").await.unwrap();
    let (any, picks) = (world.figure().await.body, world.figure_of(&picky).await.body);
    assert_eq!((any.quantity, picks.quantity), (8, 6));
    let day = |text: &str| Some(format!("{text}T00:00:00Z").parse::<jiff::Timestamp>().unwrap());
    assert_eq!((any.due_at, picks.due_at), (day("2026-12-01"), day("2027-06-01")));
    world.stack.clock.advance(Duration::from_secs(29 * 86_400));
    world.publish("2").await.unwrap();
    assert_eq!(world.figure().await.body.quantity, 6);
    let of_item = derived_partition(&world.merchant, &world.tea);
    let all = world.stack.deps.store.query::<Sellable>(Table::Movements, &of_item, sellable_prefix(), 9).await.unwrap();
    assert_eq!(all.len(), 2);
}
