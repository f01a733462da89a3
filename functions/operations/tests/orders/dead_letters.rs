use crate::world::{World, world};
use domain::{MerchantId, Message, MessageKind, OrderId, Queue};
use serde_json::{Value, json};
use testkit::request;
use testkit::stack::ADMINISTRATOR_KEY;

const LIST: &str = "GET /v1/dead-letters";
const REDRIVE: &str = "POST /v1/dead-letters/redrive";
const DISCARD: &str = "POST /v1/dead-letters/discard";

fn message(merchant: &MerchantId, number: &str) -> Message {
    let order = OrderId::derive(merchant, &[number]);
    MessageKind::Reserve { order: order.clone() }.for_merchant(merchant, order)
}

async fn bury(world: &World, queue: Queue, body: &str) {
    let queues = &world.stack.deps.queues;
    queues.bury(queue, body, "malformed: no such thing", "stock-reservation", world.stack.now()).await.unwrap();
}

async fn bury_message(world: &World, merchant: &MerchantId, number: &str) {
    bury(world, Queue::Reservations, &serde_json::to_string(&message(merchant, number)).unwrap()).await;
}

async fn list(world: &World, key: &str) -> Vec<Value> {
    let (status, body) = world.call(request(LIST).key(key).build()).await;
    assert_eq!(status, 200, "{body}");
    body["items"].as_array().unwrap().clone()
}

async fn redrive(world: &World, body: &Value) -> (u16, Value) {
    world.call(request(REDRIVE).key(&world.operations).json(body).build()).await
}

#[tokio::test]
async fn a_dead_letter_is_shown_with_its_reason_and_stays_listed() {
    let world = world().await;
    bury_message(&world, &world.merchant, "1001").await;
    for _ in 0..2 {
        let items = list(&world, &world.operations).await;
        assert_eq!(items.len(), 1, "listing hides nothing from the next one");
        let sent = message(&world.merchant, "1001");
        assert_eq!(items[0]["queue"], "reservations");
        assert_eq!(items[0]["kind"], "reserve");
        assert_eq!(items[0]["correlation_id"], sent.correlation_id);
        assert_eq!(items[0]["ids"]["order"], sent.correlation_id);
        assert_eq!(items[0]["reason"], "malformed: no such thing");
        assert_eq!(items[0]["function"], "stock-reservation");
        assert_eq!(items[0]["failed_at"], world.stack.now().to_string());
    }
}

#[tokio::test]
async fn a_merchants_key_sees_its_own_letters_only_and_nobody_sees_a_raw_body() {
    let world = world().await;
    let other = MerchantId::derive(&["testkit", "other"]);
    bury_message(&world, &other, "1").await;
    bury(&world, Queue::Bookings, "{\"name\": \"Мария\"}").await;
    let relay = world.stack.deps.settings.require("RELAY_DEAD_LETTERS_QUEUE_URL").unwrap();
    world.stack.deps.queues.bury_at(relay, "orders/x/y", "unreadable", "relay", world.stack.now()).await.unwrap();
    assert_eq!(list(&world, &world.operations).await.len(), 0);
    assert_eq!(list(&world, &world.stranger).await.len(), 1);
    let all = list(&world, ADMINISTRATOR_KEY).await;
    assert_eq!(
        all.iter().map(|item| item["queue"].as_str().unwrap()).collect::<Vec<_>>(),
        ["reservations", "bookings", "relay"]
    );
    assert!(!Value::from(all).to_string().contains("Мария"));
}

#[tokio::test]
async fn letters_go_back_to_the_named_queue() {
    let world = world().await;
    for number in ["1", "2", "3"] {
        bury_message(&world, &world.merchant, number).await;
    }
    let other = MerchantId::derive(&["testkit", "other"]);
    bury_message(&world, &other, "4").await;
    let chosen = list(&world, &world.operations).await[1].clone();
    let body = json!({"queue": "reservations", "message_ids": [chosen["message_id"], "gone"]});
    let (status, report) = redrive(&world, &body).await;
    assert_eq!((status, report["redriven"].as_u64()), (200, Some(1)));
    assert_eq!(report["messages"][1]["result"], "not_found");
    let back = world.stack.drain("reservations");
    assert_eq!(back.len(), 1);
    assert_eq!(back[0].0["correlation_id"], chosen["correlation_id"]);
    assert_eq!(list(&world, &world.operations).await.len(), 2, "the others stay visible");
    let (_, report) = redrive(&world, &json!({"queue": "reservations"})).await;
    assert_eq!(report["redriven"], 2);
    assert_eq!(world.stack.drain("reservations").len(), 2);
    assert_eq!(world.stack.drain("reservations-dead-letters").len(), 1, "another merchant's letter stays");
}

#[tokio::test]
async fn what_no_reader_could_take_is_not_sent_back() {
    let world = world().await;
    bury(&world, Queue::Bookings, "nonsense").await;
    bury(&world, Queue::Bookings, &serde_json::to_string(&message(&world.merchant, "1")).unwrap()).await;
    let all = request(REDRIVE).key(ADMINISTRATOR_KEY).json(&json!({"queue": "bookings"})).build();
    let (status, report) = world.call(all).await;
    assert_eq!((status, report["redriven"].as_u64()), (200, Some(0)));
    assert_eq!(report["messages"].as_array().unwrap().len(), 2);
    assert_eq!(list(&world, ADMINISTRATOR_KEY).await.len(), 2);
    for (queue, status, code) in
        [("relay", 409, "not-redrivable"), ("facts", 409, "not-redrivable"), ("x", 400, "invalid-field")]
    {
        let (got, problem) = redrive(&world, &json!({"queue": queue})).await;
        assert_eq!((got, problem["type"].as_str()), (status, Some(format!("urn:sklad:problem:{code}").as_str())));
        assert_eq!(problem["pointer"], "/queue");
    }
}

#[tokio::test]
async fn dead_letters_are_for_ops_teams() {
    let world = world().await;
    for key in [&world.floor, &world.merchants] {
        assert_eq!(world.call(request(LIST).key(key).build()).await.0, 403);
        assert_eq!(world.call(request(REDRIVE).key(key).json(&json!({"queue": "picks"})).build()).await.0, 403);
    }
    for (name, value) in [("queue", "x"), ("limit", "0"), ("limit", "101")] {
        let (status, problem) = world.call(request(LIST).key(&world.operations).query(name, value).build()).await;
        assert_eq!((status, problem["pointer"].as_str()), (400, Some(format!("?{name}").as_str())));
    }
    let (status, problem) = redrive(&world, &json!({"queue": "picks", "message_ids": []})).await;
    assert_eq!((status, problem["pointer"].as_str()), (400, Some("/message_ids")));
}

#[tokio::test]
async fn at_a_rate_letters_go_back_one_after_the_other() {
    let world = world().await;
    for number in ["1", "2", "3", "4"] {
        bury_message(&world, &world.merchant, number).await;
    }
    let began = std::time::Instant::now();
    let (status, report) = redrive(&world, &json!({"queue": "reservations", "messages_per_second": 20})).await;
    assert_eq!((status, report["redriven"].as_u64()), (200, Some(4)));
    assert!(began.elapsed() >= std::time::Duration::from_millis(150), "three pauses of 50 ms");
    assert_eq!(world.stack.drain("reservations").len(), 4);
    // One request is over before its letters come back to others: at one a second it takes twenty.
    for number in 0..25 {
        bury_message(&world, &world.merchant, &format!("more-{number}")).await;
    }
    let ids: Vec<String> = (0..21).map(|number| format!("id-{number}")).collect();
    let (status, problem) =
        redrive(&world, &json!({"queue": "reservations", "messages_per_second": 1, "message_ids": ids})).await;
    assert_eq!((status, problem["pointer"].as_str()), (400, Some("/message_ids")));
    for rate in [0, 101] {
        let (status, problem) = redrive(&world, &json!({"queue": "reservations", "messages_per_second": rate})).await;
        assert_eq!((status, problem["pointer"].as_str()), (400, Some("/messages_per_second")));
    }
}

#[tokio::test]
async fn a_letter_that_is_thrown_away_is_gone_and_the_others_stay() {
    let world = world().await;
    for number in ["1", "2"] {
        bury_message(&world, &world.merchant, number).await;
    }
    let other = MerchantId::derive(&["testkit", "other"]);
    bury_message(&world, &other, "3").await;
    let relay = world.stack.deps.settings.require("RELAY_DEAD_LETTERS_QUEUE_URL").unwrap();
    world.stack.deps.queues.bury_at(relay, "orders/x/y", "unreadable", "relay", world.stack.now()).await.unwrap();
    let all = list(&world, ADMINISTRATOR_KEY).await;
    let id = |at: usize| all[at]["message_id"].clone();
    let discard = async |key: &str, body: Value| world.call(request(DISCARD).key(key).json(&body).build()).await;
    let own = all.iter().position(|letter| letter["merchant"] == world.merchant.as_str()).unwrap();
    let theirs = all.iter().position(|letter| letter["merchant"] == other.as_str()).unwrap();
    let body = json!({"queue": "reservations", "message_ids": [id(own), id(theirs), "gone"], "reason": "obsolete"});
    let (status, report) = discard(&world.operations, body).await;
    assert_eq!((status, report["discarded"].as_u64()), (200, Some(1)), "{report}");
    let results: Vec<&str> =
        report["messages"].as_array().unwrap().iter().map(|line| line["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["discarded", "not_found", "not_found"]);
    // A stream's letters are for the platform's keys.
    let body = json!({"queue": "relay", "message_ids": [id(all.len() - 1)], "reason": "done_otherwise"});
    assert_eq!(discard(&world.operations, body.clone()).await.1["discarded"], 0);
    assert_eq!(discard(ADMINISTRATOR_KEY, body).await.1["discarded"], 1);
    let left = list(&world, ADMINISTRATOR_KEY).await;
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|letter| letter["message_id"] != id(own) && letter["queue"] == "reservations"));
    assert_eq!(world.stack.drain("reservations").len(), 0);
    for (body, pointer) in [
        (json!({"queue": "x", "message_ids": ["a"], "reason": "test"}), "/queue"),
        (json!({"queue": "picks", "message_ids": [], "reason": "test"}), "/message_ids"),
        (json!({"queue": "picks", "message_ids": ["a"], "reason": "Мария said so"}), "/reason"),
        (json!({"queue": "picks", "message_ids": ["a"]}), "/reason"),
    ] {
        let (status, problem) = discard(&world.operations, body).await;
        assert_eq!((status, problem["pointer"].as_str()), (400, Some(pointer)), "{problem}");
    }
    for key in [&world.floor, &world.merchants] {
        assert_eq!(discard(key, json!({"queue": "picks", "message_ids": ["a"], "reason": "test"})).await.0, 403);
    }
}
