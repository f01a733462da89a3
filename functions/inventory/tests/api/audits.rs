//! Audits: begun, read, and what they found repaired on the version that it was found on.

use crate::World;
use domain::audit::{AuditCause, Drift, Evidence, Found, Held, Looked, StockAudit};
use domain::stock::{Level, LevelId, Term};
use domain::{AuditId, MessageKind, OrderId};
use platform::Operation;
use platform::items::{StoredLevel, audit_key};
use platform::level::level_key;
use serde_json::{Value, json};
use testkit::api::{new_item, new_location, new_receipt, refused};
use testkit::request;

/// A world with nine teas in Sofia.
struct Stocked(World);

impl std::ops::Deref for Stocked {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

async fn stocked() -> Stocked {
    let world = World::new().await;
    for request in [
        request("POST /v1/locations").json(&new_location("SOF1")),
        request("POST /v1/items").json(&new_item("TEA")),
        request("POST /v1/receipts").json(&new_receipt("TEA", "SOF1", 9)),
    ] {
        assert_eq!(world.ops(request).await.0, 201);
    }
    Stocked(world)
}

impl Stocked {
    fn tea(&self) -> LevelId {
        let (sku, location) = ("TEA".to_owned().try_into().unwrap(), "SOF1".to_owned().try_into().unwrap());
        LevelId { sku, location, lot: None }
    }

    async fn stored(&self) -> (u64, StoredLevel) {
        let stored = self.stack.deps.store.load::<StoredLevel>(&level_key(&self.merchant, &self.tea())).await;
        let stored = stored.unwrap().unwrap();
        (stored.version, stored.body)
    }

    /// Changes the level past all our code.
    fn corrupt(&self, expression: &str) {
        let key = level_key(&self.merchant, &self.tea());
        let mut values = json!({ ":one": { "N": "1" } });
        if expression.contains(":minus") {
            values[":minus"] = json!({ "N": "-1" });
        }
        let update = json!({
            "TableName": "stock",
            "Key": { "pk": { "S": key.pk }, "sk": { "S": key.sk } },
            "UpdateExpression": expression,
            "ExpressionAttributeValues": values,
        });
        let answer = self.stack.engine.dynamodb().call("UpdateItem", update.to_string().as_bytes());
        assert!(answer.status().is_success(), "{}", String::from_utf8_lossy(answer.body()));
    }

    /// An audit that found the level to differ from a ledger of nine received teas and `held` units of an order.
    async fn audited(&self, held: Held) -> String {
        let (version, stored) = self.stored().await;
        let mut evidence = Evidence::default();
        for movement in stored.movement().unwrap().unwrap().movements {
            evidence.ledger.add(&movement);
        }
        evidence.add(&OrderId::derive(&self.merchant, &["1"]), 3, held);
        let drift = Drift::of(self.tea(), version, (&stored.level(), &stored.bins()), evidence).expect("a drift");
        let now = self.stack.now();
        let id = AuditId::derive(&self.merchant, &["test"]);
        let mut audit = StockAudit::begin(id.clone(), AuditCause::Scheduled, vec![], now);
        for _ in 0..2 {
            let found = Found::Drift(Box::new(drift.clone()));
            audit = audit.looked(Looked { levels: vec![(self.tea(), found)], after: None }, now).0.next;
        }
        self.stack.deps.store.begin_audit(&Operation::of(&["test"]), audit).await.unwrap();
        id.to_string()
    }

    async fn repair(&self, audit: &str, change: &Value) -> (u16, Value) {
        let mut drift = json!({"sku": "TEA", "location": "SOF1"});
        for (name, value) in change.as_object().unwrap() {
            drift[name] = value.clone();
        }
        let body = json!({"drifts": [drift], "actor": {"person": "badge-17", "station": "OFFICE"}});
        self.ops(request("POST /v1/stock-audits/{audit}/repair").path("audit", audit).json(&body)).await
    }

    async fn level_now(&self) -> Level {
        self.stored().await.1.level()
    }
}

#[tokio::test]
async fn an_audit_is_begun_once_and_listed_newest_first() {
    let world = stocked().await;
    let begin =
        |key: &str, body: Value| world.ops(request("POST /v1/stock-audits").header("idempotency-key", key).json(&body));
    let (status, first) = begin("a", json!({"skus": ["TEA"]})).await;
    assert_eq!((status, &first["state"], &first["cause"]), (202, &json!("running"), &json!("requested")), "{first}");
    assert_eq!(begin("a", json!({"skus": ["TEA"]})).await, (202, first.clone()));
    assert_eq!(begin("a", json!({})).await.0, 422);
    world.stack.clock.advance(std::time::Duration::from_secs(60));
    let (_, second) = begin("b", json!({})).await;
    let listed = world
        .pages(
            request("GET /v1/stock-audits")
                .query("limit", 1)
                .key(&World::key(&world.merchant, domain::account::Scope::Operations)),
        )
        .await;
    let ids: Vec<&Value> = listed.iter().flatten().map(|audit| &audit["id"]).collect();
    assert_eq!(ids, [&second["id"], &first["id"]]);
    let id = first["id"].as_str().unwrap();
    let (status, audit) = world.ops(request("GET /v1/stock-audits/{audit}").path("audit", id)).await;
    assert_eq!((status, &audit["skus"], &audit["drifts"]), (200, &json!(["TEA"]), &json!([])));
}

#[tokio::test]
async fn an_audit_of_what_is_not_there_is_refused_with_the_field() {
    let world = stocked().await;
    let begin = |body: Value| world.ops(request("POST /v1/stock-audits").json(&body));
    refused(begin(json!({"skus": ["TEA", "COFFEE"]})).await, 422, "unknown-item", "/skus/1");
    refused(begin(json!({"skus": vec!["TEA"; 101]})).await, 400, "invalid-field", "/skus");
    assert_eq!(begin(json!({"items": []})).await.0, 400);
    let unknown = AuditId::derive(&world.merchant, &["unknown"]);
    assert_eq!(world.ops(request("GET /v1/stock-audits/{audit}").path("audit", &unknown)).await.0, 404);
    assert_eq!(world.repair(unknown.as_str(), &json!({})).await.0, 404);
    let body = json!({"drifts": [], "actor": {"person": "badge-17", "station": "OFFICE"}});
    let none = world.ops(request("POST /v1/stock-audits/{audit}/repair").path("audit", &unknown).json(&body)).await;
    refused(none, 400, "invalid-field", "/drifts");
}

#[tokio::test]
async fn drifted_promises_are_set_to_what_orders_hold_once() {
    let world = stocked().await;
    world.corrupt("ADD reserved :one, available :minus, version :one");
    let audit = world.audited(Held::default()).await;
    let _ = world.stack.outbox();
    let (status, repaired) = world.repair(&audit, &json!({})).await;
    assert_eq!(
        (status, &repaired["drifts"][0]["repaired"]["actor"]["person"]),
        (200, &json!("badge-17")),
        "{repaired}"
    );
    let level = world.level_now().await;
    assert_eq!((level.get(Term::Available), level.get(Term::Reserved), level.get(Term::OnHand)), (9, 0, 9));
    assert_eq!(world.stored().await.1.movement().unwrap(), None, "promises are no movement");
    let kinds: Vec<MessageKind> = world.stack.outbox().into_iter().map(|message| message.kind).collect();
    assert_eq!(kinds, [MessageKind::StockArrived { sku: world.tea().sku, location: world.tea().location }]);
    let version = world.stored().await.0;
    refused(world.repair(&audit, &json!({})).await, 409, "drift-repaired", "/drifts/0");
    assert_eq!(world.stored().await.0, version);
}

#[tokio::test]
async fn evidence_of_another_version_repairs_nothing() {
    let world = stocked().await;
    world.corrupt("ADD reserved :one, available :minus, version :one");
    let audit = world.audited(Held::default()).await;
    world.corrupt("ADD version :one");
    let before = world.stored().await;
    refused(world.repair(&audit, &json!({})).await, 409, "level-changed", "/drifts/0");
    assert_eq!(world.stored().await, before);
    let stored = world.stack.deps.store.load::<StockAudit>(&audit_key(&audit.parse().unwrap())).await.unwrap().unwrap();
    assert!(stored.body.drifts[0].repaired.is_none());
}

#[tokio::test]
async fn a_level_that_is_believed_gives_the_ledger_the_movement_that_it_lacks() {
    let world = stocked().await;
    world.corrupt("ADD available :one, on_hand :one, version :one");
    let audit = world.audited(Held::default()).await;
    refused(world.repair(&audit, &json!({"believe": "level"})).await, 409, "liable-missing", "/drifts/0");
    let (status, body) = world.repair(&audit, &json!({"believe": "level", "liable": "warehouse"})).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(world.level_now().await.get(Term::OnHand), 10);
    let movements = world.stored().await.1.movement().unwrap().unwrap().movements;
    let movement = serde_json::to_value(&movements[0]).unwrap();
    assert_eq!(movements.len(), 1);
    assert_eq!(
        (&movement["type"], &movement["quantity"], &movement["to"]),
        (&json!("COUNT_ADJUST"), &json!(1), &json!("available"))
    );
    assert_eq!((&movement["cause"], &movement["liable"]), (&json!(audit), &json!("warehouse")));
}

#[tokio::test]
async fn a_broken_equation_is_repaired_by_the_movements() {
    let world = stocked().await;
    world.corrupt("ADD available :minus, version :one");
    let audit = world.audited(Held::default()).await;
    let (status, body) = world.repair(&audit, &json!({})).await;
    assert_eq!(status, 200, "{body}");
    let level = world.level_now().await;
    assert!(level.is_sound());
    assert_eq!((level.get(Term::Available), level.get(Term::OnHand)), (9, 9));
}
