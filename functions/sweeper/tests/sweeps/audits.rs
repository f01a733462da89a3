//! Audits: legal stock is proven, one corruption is found by two runs, a lost movement is copied, a dead take is announced.

use crate::world::{World, world};
use domain::audit::{AuditState, Check, StockAudit};
use domain::order::Order;
use domain::pick_task::PickTaskState;
use domain::stock::{LevelId, StockChange, Take, TakenFor, Term};
use domain::{AuditId, Decision, MessageKind, OrderId};
use platform::Operation;
use platform::Table;
use platform::items::{
    ListedAudit, RunningAudit, StoredLevel, StoredMovement, audit_key, listed_audits_partition, movements_partition,
    order_key, running_audits_partition,
};
use serde_json::json;

impl World {
    fn level_id(&self) -> LevelId {
        LevelId { sku: self.tea.clone(), location: self.sofia.clone(), lot: None }
    }

    /// Copies embedded movements to the ledger, as `facts` does.
    async fn copy_movements(&self) {
        for record in self.stack.stream_records() {
            let Some(text) = record.text("movement") else { continue };
            let outbox = serde_json::from_str(text).unwrap();
            let entries = StoredMovement::all_of(&self.merchant, &self.level_id(), outbox);
            self.stack.deps.store.put_all(Table::Movements, &entries).await.unwrap();
        }
    }

    /// An order of two teas, reserved with its stock.
    async fn reserved(&self, number: &str) -> OrderId {
        let order = self.allocated(number, Some(PickTaskState::Released)).await;
        let change = StockChange::reserve(&self.tea, &self.sofia, 2);
        let decide = async |stored: Option<&platform::Versioned<Order>>| {
            let mut next = stored.unwrap().body.clone();
            next.history.record(self.stack.now(), "reserved_in_test", None);
            Ok::<_, platform::Failure>(Decision::of(next).with_stock([change.clone()]))
        };
        self.stack.deps.store.change(&order_key(&order), &Operation::of(&["reserve", number]), decide).await.unwrap();
        order
    }

    /// Changes the level past all our code.
    fn corrupt(&self, expression: &str) {
        let key = StoredLevel::key_of(&self.merchant, &self.tea, &self.sofia);
        let update = json!({
            "TableName": "stock",
            "Key": { "pk": { "S": key.pk }, "sk": { "S": key.sk } },
            "UpdateExpression": expression,
            "ExpressionAttributeValues": { ":one": { "N": "1" } },
        });
        self.dynamodb("UpdateItem", &update);
    }

    async fn audits(&self) -> Vec<StockAudit> {
        let partition = listed_audits_partition(&self.merchant);
        let listed = self.stack.deps.store.query::<ListedAudit>(Table::Stock, &partition, "audit#", 100).await.unwrap();
        let mut audits = Vec::new();
        for (_, entry) in listed {
            audits.push(self.load::<StockAudit>(&audit_key(&entry.body.audit)).await.unwrap().body);
        }
        audits
    }

    async fn running(&self) -> Vec<AuditId> {
        let partition = running_audits_partition();
        let running = self.stack.deps.store.query::<RunningAudit>(Table::Stock, &partition, "running#", 100).await;
        running.unwrap().into_iter().map(|(_, entry)| entry.body.audit).collect()
    }

    async fn ledger(&self) -> usize {
        let partition = movements_partition(&self.merchant, &self.tea, &self.sofia);
        self.stack.deps.store.query::<StoredMovement>(Table::Movements, &partition, "", 100).await.unwrap().len()
    }
}

async fn stocked() -> World {
    let world = world().await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 9).await;
    world.reserved("1").await;
    world.copy_movements().await;
    world
}

#[tokio::test]
async fn sound_stock_is_proven_twice_a_day_and_nothing_is_left_under_way() {
    let world = stocked().await;
    for rounds in 1..=2 {
        let (swept, _) = world.sweep().await;
        assert_eq!(swept.drifts, []);
        let audits = world.audits().await;
        assert_eq!(audits.len(), rounds);
        let last = audits.last().unwrap();
        assert_eq!((last.state, last.levels, last.suspects.len()), (AuditState::Done, 1, 0), "{last:?}");
        assert_eq!(world.running().await, []);
        world.sweep().await;
        assert_eq!(world.audits().await.len(), rounds, "not again within the round");
        world.minutes(12 * 60);
    }
}

#[tokio::test]
async fn a_corrupted_level_is_a_drift_when_two_runs_find_it_alike() {
    let world = stocked().await;
    world.corrupt("ADD available :one, version :one");
    let (swept, _) = world.sweep().await;
    assert_eq!(swept.drifts, [], "once is not enough");
    world.minutes(1);
    let (swept, _) = world.sweep().await;
    assert_eq!(swept.drifts, [world.level_id()]);
    let audit = world.audits().await.remove(0);
    let drift = &audit.drifts[0];
    let checks: Vec<Check> = drift.findings.iter().map(|finding| finding.check).collect();
    assert_eq!(checks, [Check::Equation, Check::Movements]);
    assert_eq!((drift.evidence.held.reserved, drift.evidence.holders_total, drift.evidence.ledger.entries), (2, 1, 1));
    assert_eq!((audit.state, drift.terms[&Term::Available]), (AuditState::Done, 8));
}

#[tokio::test]
async fn an_order_that_lost_its_promise_is_a_drift_of_promises_alone() {
    let world = stocked().await;
    let lost = world.reserved("2").await;
    world
        .change(&order_key(&lost), "lose", |order: &Order| order.fulfillment_order_cancelled(1, order.created_at))
        .await;
    world.sweep().await;
    world.minutes(1);
    assert_eq!(world.sweep().await.0.drifts, [world.level_id()]);
    let drift = world.audits().await.remove(0).drifts.remove(0);
    let [finding] = drift.findings.as_slice() else { panic!("{drift:?}") };
    assert_eq!(
        (finding.check, finding.terms.as_slice(), finding.level, finding.evidence),
        (Check::Orders, &[Term::Reserved][..], 4, 2)
    );
}

#[tokio::test]
async fn a_movement_whose_record_was_lost_is_copied_and_no_drift() {
    let world = world().await;
    world.stack.stock(&world.merchant, &world.tea, &world.sofia, 9).await;
    world.lose_messages();
    assert_eq!(world.ledger().await, 0);
    world.sweep().await;
    assert_eq!(world.ledger().await, 1);
    let audit = world.audits().await.remove(0);
    assert_eq!((audit.state, audit.drifts.len(), audit.suspects.len()), (AuditState::Done, 0, 0));
}

#[tokio::test]
async fn work_beside_the_audit_is_no_drift() {
    for yields in 0..16 {
        let world = stocked().await;
        let work = async {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
            world.reserved("2").await;
        };
        let ((swept, outcome), ()) = tokio::join!(sweeper::sweep(&world.stack.deps), work);
        outcome.unwrap();
        assert_eq!(swept.drifts, []);
        world.minutes(1);
        assert_eq!(world.sweep().await.0.drifts, [], "after {yields}");
        assert_eq!(world.audits().await.remove(0).state, AuditState::Done);
    }
}

/// A take of two teas for an order; `claimed` by it or not.
async fn open_take(world: &World, claimed: bool) -> OrderId {
    let take = "take-1".to_owned();
    let order = world.received("7").await;
    let orders = vec![TakenFor { order: order.clone(), version: 1, units: 2 }];
    let open = Take { units: 2, opened_at: world.stack.now(), orders };
    assert!(world.stack.deps.store.open_take(&world.merchant, &world.level_id(), &take, open).await.unwrap());
    if claimed {
        let lines = vec![domain::order::AllocatedLine { line: 1, quantity: 2 }];
        let allocation = domain::order::Allocation::plain(world.sofia.clone(), lines);
        world
            .change(&order_key(&order), "claim", |stored: &Order| {
                stored.allocated(vec![allocation.clone()], &take, stored.created_at)
            })
            .await;
    }
    order
}

#[tokio::test]
async fn an_open_take_is_no_drift_and_an_expired_one_is_announced() {
    for claimed in [false, true] {
        let world = stocked().await;
        open_take(&world, claimed).await;
        world.copy_movements().await;
        assert_eq!(world.sweep().await.0.drifts, []);
        assert_eq!(world.audits().await[0].suspects, []);
        assert_eq!(world.stack.drain("reservations").len(), 0, "it may be alive");
        world.minutes(12 * 60);
        world.sweep().await;
        assert_eq!(world.audits().await[1].suspects, []);
        let announced = world.stack.drain("reservations");
        assert_eq!(announced.len(), 1);
        assert_eq!(announced[0].0["kind"], "stock_arrived");
    }
}

#[tokio::test]
async fn an_order_whose_batch_died_after_its_claim_has_the_take_settled() {
    let world = stocked().await;
    let order = open_take(&world, true).await;
    let arrived = MessageKind::StockArrived { sku: world.tea.clone(), location: world.sofia.clone() };
    world.minutes(10);
    let (_, messages) = world.sweep().await;
    assert!(messages.contains(&arrived), "{messages:?}");
    world.stack.deps.store.close_take(&world.merchant, &world.level_id(), "take-1", 2, 2).await.unwrap();
    world.minutes(20);
    let (_, messages) = world.sweep().await;
    assert!(messages.contains(&MessageKind::CreatePickTasks { order }), "{messages:?}");
    assert!(!messages.contains(&arrived), "it is closed");
}

#[tokio::test]
async fn a_level_that_is_gone_is_missed_by_its_orders_and_its_ledger() {
    let world = stocked().await;
    let key = StoredLevel::key_of(&world.merchant, &world.tea, &world.sofia);
    world.dynamodb(
        "DeleteItem",
        &json!({ "TableName": "stock", "Key": { "pk": { "S": key.pk }, "sk": { "S": key.sk } } }),
    );
    world.sweep().await;
    world.minutes(1);
    assert_eq!(world.sweep().await.0.drifts, [world.level_id()]);
    let drift = world.audits().await.remove(0).drifts.remove(0);
    assert_eq!((drift.version, drift.evidence.ledger.entries, drift.evidence.held.reserved), (0, 1, 2));
}
