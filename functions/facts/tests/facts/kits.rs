//! What may be sold of a kit follows its components.

use crate::sellable::{AtWrite, own_channel};
use crate::shop::{Shop, URL};
use domain::sellable::Sellable;
use domain::stock::{LevelId, Lot, StockChange};
use domain::{ChannelId, Decision, LocationId, Message, MessageKind, ReceiptId, Sku};
use facts::Facts;
use operations::Operations;
use platform::items::{PartOf, Receipt, kits_partition, part_of_prefix, replenishment_key, sellable_key};
use platform::{Function, Operation, Table, Versioned};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use testkit::{Stack, request};

type World = testkit::api::World<Operations>;

const CATALOGUE: &str = "sku,name,safety_stock,kit\nTEA,Tea,,\nCUP,Cup,,\nSET,Set,1,TEA*2|CUP\n";

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

async fn over(stack: Stack) -> World {
    let world = World::over(stack).await;
    import(&world, CATALOGUE).await;
    world.stack.location(&world.merchant, "SOF1").await;
    world
}

async fn world() -> (World, ChannelId) {
    let world = over(Stack::new()).await;
    let channel = own_channel(&world.stack, &world.merchant, "own", 0).await;
    (world, channel)
}

async fn import(world: &World, file: &str) {
    let import = request("POST /v1/items/import").header("content-type", "text/csv").body(file.to_owned());
    let (status, report) = world.ops(import).await;
    assert_eq!((status, report["refused"].as_u64()), (200, Some(0)), "{report}");
}

async fn receive(world: &World, item: &str, units: u32) {
    let sofia = LocationId::parse("SOF1").unwrap();
    world.stack.stock(&world.merchant, &sku(item), &sofia, units).await;
}

async fn reserve(world: &World, item: &str, units: u32) {
    let (item, sofia) = (sku(item), LocationId::parse("SOF1").unwrap());
    let id = ReceiptId::derive(&world.merchant, &["reservation", &world.stack.deps.ids.random(8)]);
    let movement =
        domain::stock::Movement::new(domain::stock::MovementKind::Move, 1, None, None, "test", world.stack.now());
    let operation = Operation::of(&["test", id.as_str()]);
    let change = StockChange::reserve(&item, &sofia, units);
    let remembered = Receipt { id, sku: item, location: sofia, movement, reference: None };
    world.stack.deps.store.create(&operation, Decision::of(remembered).with_stock([change])).await.unwrap();
}

/// Copies what the streams have, and gives the messages that this sends.
async fn asked(world: &World) -> Vec<Message> {
    let records = world.stack.stream_records().into_iter().map(Ok).collect();
    Facts.records(&world.stack.deps, records).await.unwrap();
    let messages = world.stack.drain("fulfilments").into_iter();
    messages.map(|(body, _)| serde_json::from_value(body).unwrap()).collect()
}

/// Until nothing is left to do; gives the items whose figures were asked for.
async fn settle(world: &World) -> BTreeSet<String> {
    let mut items = BTreeSet::new();
    loop {
        let messages = asked(world).await;
        if messages.is_empty() {
            return items;
        }
        for message in messages {
            if let MessageKind::PublishStock { sku, .. } = &message.kind {
                items.insert(sku.to_string());
            }
            Facts.message(&world.stack.deps, message).await.unwrap();
        }
    }
}

async fn figure(world: &World, channel: &ChannelId, item: &str) -> Versioned<Sellable> {
    world.stack.deps.store.load(&sellable_key(channel, &sku(item))).await.unwrap().unwrap()
}

async fn kits_of(world: &World, item: &str) -> Vec<String> {
    let partition = kits_partition(&world.merchant, &sku(item));
    let store = &world.stack.deps.store;
    let parts = store.query::<PartOf>(Table::Stock, &partition, part_of_prefix(), 9).await.unwrap();
    parts.into_iter().map(|(_, part)| part.body.kit.to_string()).collect()
}

#[tokio::test]
async fn the_figure_of_a_kit_is_that_of_its_scarcest_component_less_its_own_safety_stock() {
    let (world, channel) = world().await;
    settle(&world).await;
    assert_eq!(figure(&world, &channel, "SET").await.body.quantity, 0);
    receive(&world, "TEA", 9).await;
    receive(&world, "CUP", 7).await;
    assert_eq!(settle(&world).await, ["CUP", "SET", "TEA"].map(str::to_owned).into());
    let first = figure(&world, &channel, "SET").await;
    assert_eq!(first.body.quantity, 3, "four can be made");
    world.stack.clock.advance(Duration::from_secs(60));
    reserve(&world, "TEA", 4).await;
    settle(&world).await;
    let less = figure(&world, &channel, "SET").await;
    assert_eq!((less.body.quantity, less.body.changed_at), (1, world.stack.now()));
    assert!(less.version > first.version);
    reserve(&world, "CUP", 1).await;
    settle(&world).await;
    let same = figure(&world, &channel, "SET").await;
    assert_eq!((same.body.quantity, same.body.changed_at), (1, less.body.changed_at), "computed, not changed");
    assert!(same.version > less.version);
    let looked_at = replenishment_key(&world.merchant, &sku("SET"));
    let looked_at = world.stack.deps.store.load::<domain::replenishment::Replenishment>(&looked_at).await.unwrap();
    assert_eq!(looked_at, None, "a kit is not ordered");
}

#[tokio::test]
async fn a_batch_in_which_every_component_changes_asks_for_the_kit_once() {
    let (world, _) = world().await;
    settle(&world).await;
    receive(&world, "TEA", 2).await;
    receive(&world, "CUP", 1).await;
    receive(&world, "TEA", 2).await;
    let mut items: Vec<String> = asked(&world).await.iter().map(|message| message.correlation_id.clone()).collect();
    items.sort();
    assert_eq!(items, ["CUP", "SET", "TEA"]);
}

#[tokio::test]
async fn a_kit_that_is_made_of_other_items_follows_these() {
    let (world, channel) = world().await;
    import(&world, "sku,name\nPOT,Pot\n").await;
    for (item, units) in [("TEA", 10), ("CUP", 3), ("POT", 6)] {
        receive(&world, item, units).await;
    }
    settle(&world).await;
    assert_eq!(figure(&world, &channel, "SET").await.body.quantity, 2);
    assert_eq!((kits_of(&world, "CUP").await, kits_of(&world, "POT").await), (vec!["SET".to_owned()], vec![]));
    import(&world, "sku,name,kit\nSET,Set,TEA|POT*2\n").await;
    settle(&world).await;
    assert_eq!(figure(&world, &channel, "SET").await.body.quantity, 2, "three of six pots");
    assert_eq!((kits_of(&world, "CUP").await, kits_of(&world, "POT").await), (vec![], vec!["SET".to_owned()]));
    let before = figure(&world, &channel, "SET").await.version;
    reserve(&world, "CUP", 3).await;
    assert_eq!(settle(&world).await, ["CUP".to_owned()].into());
    assert_eq!(figure(&world, &channel, "SET").await.version, before, "it has no cup any more");
    reserve(&world, "POT", 3).await;
    settle(&world).await;
    assert_eq!(figure(&world, &channel, "SET").await.body.quantity, 0);
    // An item that is no kit any more has the figure of its own levels.
    import(&world, "sku,name,kit\nSET,Set,\n").await;
    receive(&world, "SET", 5).await;
    settle(&world).await;
    assert_eq!((figure(&world, &channel, "SET").await.body.quantity, kits_of(&world, "POT").await), (4, vec![]));
}

#[tokio::test]
async fn each_channel_sells_only_kits_whose_components_keep_long_enough_for_it() {
    let (world, any) = world().await;
    let picky = own_channel(&world.stack, &world.merchant, "picky", 30).await;
    receive(&world, "CUP", 9).await;
    for (code, expiry, units) in [("OLD", "2026-11-30", 4), ("NEW", "2027-06-30", 6)] {
        let lot = Some(Lot { code: code.to_owned(), expiry: Some(expiry.parse().unwrap()) });
        let level = LevelId { sku: sku("TEA"), location: LocationId::parse("SOF1").unwrap(), lot };
        world.stack.stock_of(&world.merchant, &level, units).await;
    }
    settle(&world).await;
    let (any, picky) = (figure(&world, &any, "SET").await.body, figure(&world, &picky, "SET").await.body);
    assert_eq!((any.quantity, picky.quantity), (4, 2));
    let day = |text: &str| Some(format!("{text}T00:00:00Z").parse::<jiff::Timestamp>().unwrap());
    assert_eq!((any.due_at, picky.due_at), (day("2026-12-01"), day("2027-06-01")));
}

#[tokio::test]
async fn a_slow_computation_of_a_kit_is_not_stored_after_a_quicker_one() {
    let at_write = AtWrite::default();
    let world = over(Stack::builder().faults(Arc::new(at_write.clone())).build()).await;
    let channel = own_channel(&world.stack, &world.merchant, "own", 0).await;
    receive(&world, "TEA", 4).await;
    receive(&world, "CUP", 9).await;
    settle(&world).await;
    assert_eq!(figure(&world, &channel, "SET").await.body.quantity, 1);
    let publish = |cause: &str| {
        let kind = MessageKind::PublishStock { sku: sku("SET"), cause: cause.to_owned() };
        kind.for_merchant(&world.merchant, sku("SET"))
    };
    // The slow one has read four teas. Before it can store that, six come and the quick one computes four sets.
    let (stack, merchant, message) = (world.stack.clone(), world.merchant.clone(), publish("quick"));
    at_write.before(Box::new(move || {
        let (stack, merchant, message) = (stack.clone(), merchant.clone(), message.clone());
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                stack.stock(&merchant, &sku("TEA"), &LocationId::parse("SOF1").unwrap(), 6).await;
                Facts.message(&stack.deps, message).await.unwrap();
            });
        };
        std::thread::spawn(run).join().unwrap();
    }));
    let before = figure(&world, &channel, "SET").await.version;
    Facts.message(&world.stack.deps, publish("slow")).await.unwrap();
    let figure = figure(&world, &channel, "SET").await;
    assert_eq!(
        (figure.body.quantity, figure.version),
        (4, before + 2),
        "both are stored, the slow one after it read anew"
    );
}

#[tokio::test]
async fn shops_are_told_of_kits() {
    let shop = Shop::default();
    let world = World::over(Stack::builder().partner(URL, shop.handler()).build()).await;
    world.stack.channel(&world.merchant, URL).await;
    world.stack.location(&world.merchant, "SOF1").await;
    // What the shop sells as `TEA` is a box of leaves and a cup.
    import(&world, "sku,name,kit\nLEAF,Leaves,\nCUP,Cup,\nTEA,Tea box,LEAF*3|CUP\n").await;
    receive(&world, "LEAF", 8).await;
    receive(&world, "CUP", 5).await;
    settle(&world).await;
    assert_eq!(shop.state().available, 2);
    reserve(&world, "LEAF", 3).await;
    settle(&world).await;
    assert_eq!(shop.state().available, 1);
}
