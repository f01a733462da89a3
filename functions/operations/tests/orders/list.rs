use crate::world::world;
use domain::order::{Hold, HoldReason};
use serde_json::Value;
use std::time::Duration;
use testkit::request;

const ROUTE: &str = "GET /v1/orders";

fn numbers(body: &Value) -> Vec<&str> {
    body["items"].as_array().unwrap().iter().map(|item| item["number"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn orders_come_newest_first_in_pages_without_gap_or_repetition() {
    let world = world().await;
    for number in 1..=7 {
        world.order(&number.to_string()).await;
        world.stack.clock.advance(Duration::from_secs(1));
    }
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut page = request(ROUTE).key(&world.operations).query("limit", 3);
        if let Some(cursor) = &cursor {
            page = page.query("cursor", cursor);
        }
        let (status, body) = world.call(page.build()).await;
        assert_eq!(status, 200);
        seen.extend(numbers(&body).into_iter().map(str::to_owned));
        match body["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen, ["#7", "#6", "#5", "#4", "#3", "#2", "#1"]);
}

#[tokio::test]
async fn a_state_lists_just_its_orders() {
    let world = world().await;
    world.order("received").await;
    let held = world.order("held").await;
    let backordered = world.order("backordered").await;
    let allocated = world.order("allocated").await;
    world.allocate(&allocated).await;
    let at = world.stack.now();
    world.change_order(&backordered, |order| order.allocated(vec![], &String::new(), at)).await;
    let hold = Hold { reason: HoldReason::Other, note: None };
    world.change_order(&held, |order| order.place_hold(hold.clone(), at).unwrap()).await;
    for (state, expect) in [
        ("received", vec!["#held", "#received"]),
        ("allocated", vec!["#allocated"]),
        ("on_hold", vec!["#held"]),
        ("backordered", vec!["#backordered"]),
        ("cancelled", vec![]),
    ] {
        let (status, body) = world.call(request(ROUTE).key(&world.operations).query("state", state).build()).await;
        assert_eq!(status, 200);
        let mut found = numbers(&body);
        found.sort_unstable();
        assert_eq!(found, expect, "{state}");
    }
}

#[tokio::test]
async fn an_order_is_found_by_the_shops_own_id() {
    let world = world().await;
    let id = world.order("1001").await;
    world.order("1002").await;
    let found = request(ROUTE).key(&world.merchants).query("source_id", "1001").build();
    assert_eq!(world.call(found).await.1["items"][0]["id"], id.as_str());
    let none = request(ROUTE).key(&world.merchants).query("source_id", "9").build();
    assert_eq!(world.call(none).await.1["items"].as_array().unwrap().len(), 0);
    let foreign = request(ROUTE).key(&world.stranger).query("source_id", "1001").build();
    assert_eq!(world.call(foreign).await.1["items"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn no_merchant_sees_anothers_orders_and_bad_queries_are_named() {
    let world = world().await;
    world.order("1001").await;
    let (status, body) = world.call(request(ROUTE).key(&world.stranger).build()).await;
    assert_eq!((status, body["items"].as_array().unwrap().len()), (200, 0));
    assert_eq!(world.call(request(ROUTE).build()).await.0, 401);
    for (name, value) in [("state", "lost"), ("limit", "0"), ("limit", "x"), ("cursor", "%"), ("channel", "chn_a_b")] {
        let (status, body) = world.call(request(ROUTE).key(&world.operations).query(name, value).build()).await;
        assert_eq!((status, body["pointer"].as_str()), (400, Some(format!("?{name}").as_str())), "{name}={value}");
    }
}
