//! The shopper's request, and a person's yes or no.

use crate::world::{EMAIL, World};
use domain::account::Scope;
use domain::tracking_status::TrackingStatus;
use domain::{MessageKind, OrderId, ReturnId};
use platform::items::item_key;
use platform::{Operation, Versioned};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::request;

fn tea(quantity: u32) -> Value {
    json!([{"sku": "TEA", "quantity": quantity, "reason": "changed_mind"}])
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 3600)
}

#[tokio::test]
async fn a_shopper_known_by_number_and_email_gets_a_return_and_a_label_is_asked_for() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    let _ = world.stack.outbox();
    let id = world.opened(&world.ask("1001", tea(1))).await;
    assert_eq!(id, ReturnId::of(&order, 1));
    let back = world.stored(&id).await.body;
    assert_eq!((back.state.name(), back.number), ("approved".to_owned(), "#1001-R1".to_owned()));
    let kinds: Vec<MessageKind> = world.stack.outbox().into_iter().map(|message| message.kind).collect();
    assert_eq!(kinds, vec![MessageKind::BookReturn { return_id: id.clone() }]);
    let (status, answer) = world.call(request("GET /v1/returns/{return}").path("return", &id).key(&world.shop)).await;
    assert_eq!((status, answer["kind"].as_str()), (200, Some("withdrawal")));
    assert!(!answer.to_string().to_lowercase().contains("maria"), "a return has no personal data");
}

#[tokio::test]
async fn an_unknown_order_and_a_wrong_email_have_the_same_answer() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    let with = |field: &str, value: &str, email: &str| json!({field: value, "email": email, "lines": tea(1)});
    let (_, unknown_number) = world.call(world.requesting(&with("order_number", "1002", EMAIL))).await;
    let (status, wrong_email) = world.call(world.requesting(&with("order_number", "1001", "eve@example.org"))).await;
    assert_eq!((status, &wrong_email), (404, &unknown_number));
    let nobodys = OrderId::derive(&world.merchant, &["nobody"]);
    let (_, unknown_id) = world.call(world.requesting(&with("order", nobodys.as_str(), EMAIL))).await;
    let (status, wrong_email) = world.call(world.requesting(&with("order", order.as_str(), "eve@example.org"))).await;
    assert_eq!((status, &wrong_email), (404, &unknown_id));
    assert_eq!(world.call(world.requesting(&with("order", order.as_str(), " MARIA@example.org "))).await.0, 201);
}

#[tokio::test]
async fn another_merchants_order_is_unknown() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    let stranger = world.stack.merchant("Other").await;
    let key = world.stack.api_key(&stranger, Scope::Merchant).await;
    for body in [json!({"order": order}), json!({"order_number": "1001"})] {
        let mut body = body;
        body["email"] = json!(EMAIL);
        body["lines"] = tea(1);
        assert_eq!(world.call(request("POST /v1/returns").key(&key).json(&body)).await.0, 404);
    }
}

#[tokio::test]
async fn several_orders_of_one_number_are_told_apart_by_email_or_by_id() {
    let world = World::new().await;
    world.delivered("#1001").await;
    let twin = world.delivered("1001").await;
    let (status, problem) = world.call(world.requesting(&world.ask("1001", tea(1)))).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:order-ambiguous")));
    let body = json!({"order": twin, "email": EMAIL, "lines": tea(1)});
    assert_eq!(world.opened(&body).await, ReturnId::of(&twin, 1));
}

#[tokio::test]
async fn a_repeated_request_opens_one_return_also_when_the_answer_was_lost() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    let asked = world.requesting(&world.ask("1001", tea(1))).header("idempotency-key", "k1");
    world.faults.arm(&["TransactWriteItems"], 3);
    let first = world.call(asked.clone()).await;
    let second = world.call(asked.clone()).await;
    let third = world.call(asked).await;
    assert_eq!((second.0, &second), (201, &third));
    assert!(first.0 == 503 || first == second, "{first:?}");
    let head = world.order_head(&order).await;
    assert_eq!((head.returns, head.lines[0].returned), (1, 1));
    let other = world.requesting(&world.ask("1001", tea(2))).header("idempotency-key", "k1");
    let (status, problem) = world.call(other).await;
    assert_eq!((status, problem["type"].as_str()), (422, Some("urn:sklad:problem:idempotency-key-reused")));
}

#[tokio::test]
async fn no_unit_is_returned_twice_across_returns() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    world.opened(&world.ask("1001", tea(2))).await;
    let (status, problem) = world.call(world.requesting(&world.ask("1001", tea(1)))).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:not-returnable")));
    assert_eq!(problem["pointer"], "/lines/0/quantity");
    assert_eq!(world.order_head(&order).await.returns, 1);
}

#[tokio::test]
async fn racing_requests_do_not_return_a_unit_twice() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    let body = world.ask("1001", tea(2));
    let (first, second) = tokio::join!(world.call(world.requesting(&body)), world.call(world.requesting(&body)));
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert_eq!(world.order_head(&order).await.lines[0].returned, 2);
}

#[tokio::test]
async fn an_undelivered_order_is_not_returned() {
    let world = World::new().await;
    let order = world.order("#1001", TrackingStatus::InTransit).await;
    let (status, problem) = world.call(world.requesting(&world.ask("1001", tea(1)))).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:not-delivered")));
    assert_eq!(world.order_head(&order).await.returns, 0);
}

#[tokio::test]
async fn the_window_counts_from_the_carriers_delivery() {
    let world = World::new().await;
    world.delivered("#1001").await;
    world.stack.clock.advance(days(14));
    world.opened(&world.ask("1001", tea(1))).await;
    world.stack.clock.advance(days(1));
    let (status, problem) = world.call(world.requesting(&world.ask("1001", tea(1)))).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:return-window-closed")));
}

#[tokio::test]
async fn an_item_that_may_not_come_back_is_named_and_a_warranty_claim_waits_for_a_person() {
    let world = World::new().await;
    world.delivered("#1001").await;
    let key = item_key(&world.merchant, &world.tea);
    let change = async |loaded: Option<&Versioned<platform::items::StoredItem>>| {
        let mut item = loaded.expect("an item").body.clone();
        item.item.non_returnable = true;
        Ok::<_, platform::Failure>(domain::Decision::of(item))
    };
    world.stack.deps.store.change(&key, &Operation::of(&["test"]), change).await.unwrap();
    let (status, problem) = world.call(world.requesting(&world.ask("1001", tea(1)))).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:item-not-returnable")));
    assert_eq!(problem["pointer"], "/lines/0");
    let _ = world.stack.outbox();
    let mut claim = world.ask("1001", tea(1));
    claim["kind"] = json!("warranty");
    let id = world.opened(&claim).await;
    assert_eq!(world.stored(&id).await.body.state.name(), "requested");
    assert_eq!(world.stack.outbox(), vec![]);
    for _ in 0..2 {
        let (status, answer) = world.call(world.step(&id, "approve", &json!({})).key(&world.office)).await;
        assert_eq!((status, answer["state"].as_str()), (200, Some("approved")));
    }
    let kinds: Vec<MessageKind> = world.stack.outbox().into_iter().map(|message| message.kind).collect();
    assert_eq!(kinds, vec![MessageKind::BookReturn { return_id: id }]);
}

#[tokio::test]
async fn a_declined_claim_frees_its_units_once_and_a_withdrawal_is_not_declined() {
    let world = World::new().await;
    let order = world.delivered("#1001").await;
    let mut claim = world.ask("1001", tea(1));
    claim["kind"] = json!("warranty");
    let declined = world.opened(&claim).await;
    let other = world.opened(&claim).await;
    for _ in 0..2 {
        let body = json!({"reason": "worn out"});
        let (status, answer) = world.call(world.step(&declined, "decline", &body).key(&world.office)).await;
        assert_eq!((status, answer["state"].as_str()), (200, Some("declined")));
    }
    assert_eq!(world.order_head(&order).await.lines[0].returned, 1, "the other claim's unit stays claimed");
    assert_eq!(world.stored(&other).await.body.state.name(), "requested");
    let withdrawal = world.opened(&world.ask("1001", tea(1))).await;
    let refused = world.step(&withdrawal, "decline", &json!({"reason": "no"})).key(&world.office);
    let (status, problem) = world.call(refused).await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("urn:sklad:problem:withdrawal-not-declinable")));
}

#[tokio::test]
async fn an_edit_at_another_version_is_refused() {
    let world = World::new().await;
    world.delivered("#1001").await;
    let mut claim = world.ask("1001", tea(1));
    claim["kind"] = json!("warranty");
    let id = world.opened(&claim).await;
    let approve = |version: &str| world.step(&id, "approve", &json!({})).key(&world.office).header("if-match", version);
    assert_eq!(world.call(approve("\"7\"")).await.0, 412);
    assert_eq!(world.call(approve("\"1\"")).await.0, 200);
}

#[tokio::test]
async fn returns_are_listed_newest_first_and_by_state() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for number in ["#1", "#2", "#3"] {
        world.delivered(number).await;
        let mut body = world.ask(number, tea(1));
        body["kind"] = json!(if number == "#2" { "warranty" } else { "withdrawal" });
        ids.insert(0, world.opened(&body).await.to_string());
        world.stack.clock.advance(Duration::from_secs(60));
    }
    let list = async |state: Option<&str>| {
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut asked = request("GET /v1/returns").key(&world.shop).query("limit", 2);
            for (name, value) in [("state", state.map(str::to_owned)), ("cursor", cursor.clone())] {
                if let Some(value) = value {
                    asked = asked.query(name, value);
                }
            }
            let (status, page) = world.call(asked).await;
            assert_eq!(status, 200, "{page}");
            found.extend(page["items"].as_array().unwrap().iter().map(|back| back["id"].as_str().unwrap().to_owned()));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return found;
            }
        }
    };
    assert_eq!(list(None).await, ids);
    assert_eq!(list(Some("requested")).await, vec![ids[1].clone()]);
    let wrong = request("GET /v1/returns").key(&world.shop).query("state", "gone");
    let (status, problem) = world.call(wrong).await;
    assert_eq!((status, problem["pointer"].as_str()), (400, Some("?state")));
}
