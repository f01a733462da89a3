//! `kill -9` at any moment: no accepted order is lost, no finished step takes effect twice. Of `cargo local` alone: no other
//! stack is this test's to kill.

use crate::shop::{live_labels, now, shopper, units};
use crate::stack::{Process, free_ports};
use infra::demo::api::send;
use infra::demo::setup::{Endpoints, World, set_up};
use infra::sandbox::{ShopOrder, shopify_order};
use std::path::Path;

async fn restarted(process: Process, data: &Path, ports: [u16; 3]) -> Process {
    process.kill();
    Process::start(data, ports).await.0
}

async fn prepared(endpoints: &Endpoints) -> World {
    let world = set_up(endpoints, "Restart").await.unwrap();
    world.stock_up(|_, location| if location == "SOF1" { 7 } else { 0 }).await.unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_every_step_an_order_is_still_delivered_once() {
    let data = tempfile::tempdir().unwrap();
    let ports = free_ports();
    let (mut process, endpoints) = Process::start(data.path(), ports).await;
    let world = prepared(&endpoints).await;
    let now = now();
    let order = ShopOrder::new(9, 9, now, shopper()).line("CUP-BLUE", "Чаша", 2, 100);
    world.shop_admin.post("/shop/admin/orders", &order.body()).await.unwrap();
    let webhook = shopify_order(&order, &world.shop, &world.webhook_url, now);
    let (status, accepted) = send(&webhook).await.unwrap();
    assert_eq!(status, 201, "{accepted}");
    let id = accepted["id"].as_str().unwrap().to_owned();

    process = restarted(process, data.path(), ports).await;
    let tasks = world.pick_tasks(&id, 1).await.unwrap();
    world.pick_and_pack(&tasks[0]).await.unwrap();

    process = restarted(process, data.path(), ports).await;
    let (shipment, _) = world.labels(&id, 1).await.unwrap().remove(0);
    assert_eq!(live_labels(&world, &shipment).await, 1, "one live label");
    world.close_out().await.unwrap();

    process = restarted(process, data.path(), ports).await;
    world.order_is(&id, "fulfilment", "fulfilled").await.unwrap();
    world.play(&shipment, "delivered", "in_order", 1).await.unwrap();
    world.order_is(&id, "delivery", "delivered").await.unwrap();

    process = restarted(process, data.path(), ports).await;
    let again = send(&webhook).await.unwrap();
    assert_eq!((again.0, again.1["id"].as_str()), (201, Some(id.as_str())), "the first answer again");
    assert_eq!(units(&world, "CUP-BLUE", "on_hand").await, 5);
    assert_eq!(units(&world, "CUP-BLUE", "available").await, 5);
    process.kill();
}
