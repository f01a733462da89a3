//! An item that runs low is told once, from what the ledger says was handed over.

use domain::replenishment::{AlertState, Replenishment};
use domain::stock::{Movement, MovementKind, Term};
use domain::{Decision, LocationId, MerchantId, MessageKind, OrderId, Sku};
use facts::Facts;
use platform::items::{StoredItem, StoredLevel, StoredMovement, WaitingOrder, item_key, replenishment_key};
use platform::{Function, Operation, Table, Versioned};
use serde_json::json;
use std::time::Duration;
use testkit::Stack;

struct World {
    stack: Stack,
    merchant: MerchantId,
    tea: Sku,
    sofia: LocationId,
}

const DAY: Duration = Duration::from_secs(86_400);

async fn world() -> World {
    let stack = Stack::new();
    let merchant = stack.merchant("acme").await;
    let (tea, sofia) = (stack.item(&merchant, "TEA").await, stack.location(&merchant, "SOF1").await);
    World { stack, merchant, tea, sofia }
}

impl World {
    async fn send(&self, kind: MessageKind) {
        Facts.message(&self.stack.deps, kind.for_merchant(&self.merchant, &self.tea)).await.unwrap();
    }

    fn cause(&self) -> String {
        self.stack.deps.ids.random(8)
    }

    /// The item's stock changed.
    async fn changed(&self) {
        self.send(MessageKind::PublishStock { sku: self.tea.clone(), cause: self.cause() }).await;
    }

    /// Units were handed over, or a day began.
    async fn review(&self) {
        self.send(MessageKind::ReviewStock { sku: self.tea.clone(), cause: self.cause() }).await;
    }

    async fn state(&self) -> Versioned<Replenishment> {
        self.stack.deps.store.load(&replenishment_key(&self.merchant, &self.tea)).await.unwrap().unwrap()
    }

    async fn alert(&self) -> Option<AlertState> {
        self.state().await.body.alert.map(|alert| alert.state)
    }

    /// Writes an entry of the ledger, so many days ago.
    async fn moved(&self, kind: MovementKind, location: &str, days_ago: u64, units: u32) {
        let at = self.stack.now() - jiff::SignedDuration::from_hours(i64::try_from(24 * days_ago).unwrap());
        let entry = StoredMovement {
            merchant: self.merchant.clone(),
            sku: self.tea.clone(),
            lot: None,
            location: LocationId::parse(location).unwrap(),
            operation: self.cause(),
            index: 0,
            movement: Movement::new(kind, units, Some(Term::Picked), None, "shp_m_1", at),
        };
        self.stack.deps.store.put_all(Table::Movements, &[entry]).await.unwrap();
    }

    async fn terms(&self, change: impl Fn(&mut domain::catalogue::Item)) {
        let operation = Operation::of(&["test", &self.cause()]);
        let store = &self.stack.deps.store;
        let key = item_key(&self.merchant, &self.tea);
        store
            .change::<StoredItem, Decision<StoredItem>>(&key, &operation, async |item| {
                let mut item = item.unwrap().body.clone();
                change(&mut item.item);
                Ok(Decision::of(item))
            })
            .await
            .unwrap();
    }

    /// Takes units off, past our code.
    fn take(&self, units: i64) {
        let key = StoredLevel::key_of(&self.merchant, &self.tea, &self.sofia);
        let request = json!({
            "TableName": "stock", "Key": { "pk": { "S": key.pk }, "sk": { "S": key.sk } },
            "UpdateExpression": "ADD available :less, on_hand :less, version :one",
            "ExpressionAttributeValues": { ":less": { "N": (-units).to_string() }, ":one": { "N": "1" } },
        });
        let answer = self.stack.engine.dynamodb().call("UpdateItem", request.to_string().as_bytes());
        assert!(answer.status().is_success());
    }
}

#[tokio::test]
async fn the_rate_is_what_the_ledger_says_was_handed_over_at_all_locations_within_four_weeks() {
    let world = world().await;
    let varna = world.stack.location(&world.merchant, "VAR1").await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 50).await;
    world.stack.stock(&world.merchant, &world.tea, &varna, 50).await;
    for (kind, location, days_ago, units) in [
        (MovementKind::Ship, "SOF1", 28, 20),
        (MovementKind::Ship, "SOF1", 3, 4),
        (MovementKind::Ship, "VAR1", 3, 3),
        (MovementKind::Ship, "SOF1", 1, 1),
        (MovementKind::Ship, "SOF1", 29, 99), // before the window
        (MovementKind::Ship, "SOF1", 0, 99),  // a day that is not over
        (MovementKind::Pick, "SOF1", 2, 99),
        (MovementKind::Receipt, "SOF1", 2, 99),
    ] {
        world.moved(kind, location, days_ago, units).await;
    }
    world.changed().await;
    let today = world.stack.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let rate = world.state().await.body.sales.rate(today);
    assert_eq!((rate.units, rate.days), (28, 28));
    // What the stream brings late, and what was handed over today, is in the next day's sum.
    world.moved(MovementKind::Ship, "SOF1", 1, 2).await;
    world.stack.clock.advance(DAY);
    world.review().await;
    let rate = world.state().await.body.sales.rate(today.tomorrow().unwrap());
    assert_eq!(rate.units, 28 - 20 + 2 + 99);
}

#[tokio::test]
async fn an_alert_is_raised_once_a_crossing_and_cleared_when_stock_is_back() {
    let world = world().await;
    world.terms(|item| item.reorder_point = Some(10)).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 12).await;
    world.changed().await;
    assert_eq!(world.alert().await, None);
    world.take(2);
    world.changed().await;
    let raised = world.state().await;
    let alert = raised.body.alert.clone().unwrap();
    assert_eq!((alert.state, alert.figures.available, alert.figures.needed), (AlertState::Raised, 10, true));
    for _ in 0..3 {
        world.take(1);
        world.stack.clock.advance(Duration::from_secs(60));
        world.changed().await;
    }
    assert_eq!(world.state().await, raised, "one alert a crossing, and no write for the rest");
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 20).await;
    world.changed().await;
    assert_eq!(world.alert().await, Some(AlertState::Cleared));
    world.take(20);
    world.changed().await;
    assert_eq!(world.alert().await, Some(AlertState::Raised));
}

#[tokio::test]
async fn orders_that_wait_are_wanted_even_without_a_reorder_point() {
    let world = world().await;
    world.changed().await;
    assert_eq!(world.alert().await, None, "nobody wants it");
    let order = OrderId::derive(&world.merchant, &["api", "1"]);
    let waiting =
        WaitingOrder { sku: world.tea.clone(), order, rank: "0001#1".to_owned(), units: 3, since: 1, shard: 0 };
    world.stack.deps.store.enter_waiting(&waiting).await.unwrap();
    world.changed().await;
    let figures = world.state().await.body.alert.unwrap().figures;
    assert_eq!((figures.needed, figures.backordered, figures.suggested_quantity), (true, 3, 4));
    world.changed().await;
    assert_eq!(world.alert().await, Some(AlertState::Raised));
    world.stack.deps.store.leave_waiting(&waiting, 1).await.unwrap();
    world.changed().await;
    assert_eq!(world.alert().await, Some(AlertState::Cleared));
}

#[tokio::test]
async fn an_item_that_sells_no_more_is_looked_at_daily_until_its_alert_is_cleared_and_then_left_alone() {
    let world = world().await;
    world.terms(|item| item.lead_time_days = 14).await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 10).await;
    world.moved(MovementKind::Ship, "SOF1", 20, 1).await;
    world.moved(MovementKind::Ship, "SOF1", 1, 27).await;
    world.changed().await;
    assert_eq!(world.alert().await, Some(AlertState::Raised), "28 in 20 days: 20 in the lead time");
    let mut looks = 0;
    while let Some(due_at) = world.state().await.body.due_at {
        let ahead = due_at.duration_since(world.stack.now());
        assert!(ahead.is_positive() && ahead < jiff::SignedDuration::from_hours(29), "{ahead}");
        world.review().await;
        world.stack.clock.advance(ahead.unsigned_abs());
        world.review().await;
        looks += 1;
        assert!(looks < 60, "it is never left alone");
    }
    assert_eq!(world.alert().await, Some(AlertState::Cleared));
    assert!((27..=30).contains(&looks), "as long as there are sales within the window: {looks}");
}

#[tokio::test]
async fn a_movement_asks_for_a_look_only_while_none_is_to_come() {
    let world = world().await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 10).await;
    world.review().await;
    let first = world.state().await;
    assert!(first.body.due_at.is_some());
    world.terms(|item| item.reorder_point = Some(10)).await;
    world.review().await;
    assert_eq!(world.state().await, first, "a hand-over takes nothing from what is free");
    world.changed().await;
    assert_eq!(world.alert().await, Some(AlertState::Raised));
    world.send(MessageKind::ReviewStock { sku: Sku::parse("NOTHING").unwrap(), cause: String::new() }).await;
}
