//! Times: start of the stack, webhook to durable order, webhook to label, orders a second through the whole chain.

use super::{BenchError, Plan, spread};
use crate::demo::api::{StepError, must, send, text};
use crate::demo::setup::{Endpoints, World, set_up};
use crate::host::{Host, now};
use crate::sandbox::{ShopOrder, shopify_order};
use domain::address::{Address, Person};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::Instant;

/// Starts of a fresh stack.
const STARTS: usize = 5;
/// Webhooks of the acknowledgement figure.
const WEBHOOKS: u32 = 300;
/// Orders of the webhook-to-label figure.
const LABELS: u32 = 20;
/// Orders of the throughput figure, and how many at a time.
const ORDERS: u32 = 200;
const AT_A_TIME: usize = 16;

/// Time from the start to the first request that can be answered.
pub(super) async fn start_up(plan: &Plan) -> Result<(), BenchError> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let host = Host::start(plan.stack("start")).await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        host.shutdown().await;
    }
    spread("start of cargo local, fresh data, all functions ready", times);
    Ok(())
}

/// The flow's times.
pub(super) async fn flow(endpoints: &Endpoints) -> Result<(), BenchError> {
    let world = set_up(endpoints, "Benchmark of times").await?;
    world.stock_up(|_, location| if location == "SOF1" { 20_000 } else { 0 }).await?;
    println!("\nTimes over loopback, all processes on this machine");
    let mut acknowledged = Vec::new();
    for number in 0..WEBHOOKS {
        acknowledged.push(place(&world, 1, number).await?.1.as_secs_f64() * 1000.0);
    }
    spread("webhook answered, order durable", acknowledged);
    let mut labelled = Vec::new();
    for number in 0..LABELS {
        let began = Instant::now();
        let (order, _) = place(&world, 2, number).await?;
        to_label(&world, &order).await?;
        labelled.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    spread("webhook to booked label (floor scans at once)", labelled);
    let began = Instant::now();
    let numbers = futures_util::stream::iter(0..ORDERS);
    let world = &world;
    let outcomes: Vec<Result<(), StepError>> = numbers
        .map(|number| async move {
            let (order, _) = place(world, 3, number).await?;
            let shipment = to_label(world, &order).await?;
            world.close_out_one(&shipment).await?;
            world.play(&shipment, "delivered", "in_order", 1).await?;
            world.order_is(&order, "delivery", "delivered").await.map(drop)
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    outcomes.into_iter().collect::<Result<(), _>>()?;
    let rate = f64::from(ORDERS) / began.elapsed().as_secs_f64();
    println!(
        "{:<52} {rate:>12.1} orders a second ({ORDERS} orders, {AT_A_TIME} at a time)",
        "webhook to delivered, whole chain"
    );
    Ok(())
}

/// Sends the webhook of one order of the fixed basket: two lines, three units.
pub(super) async fn place(world: &World, series: u64, number: u32) -> Result<(String, Duration), StepError> {
    let order = basket(series, number);
    world.shop_admin.post("/shop/admin/orders", &order.body()).await?;
    let request = shopify_order(&order, &world.shop, &world.webhook_url, now());
    let began = Instant::now();
    let answer = send(&request).await?;
    let took = began.elapsed();
    Ok((text(&must("a webhook", answer, &[201])?, "/id")?, took))
}

fn basket(series: u64, number: u32) -> ShopOrder {
    let shopper = Person {
        name: "Мария Иванова".to_owned(),
        email: Some(format!("shopper{number}@example.org")),
        phone: Some("+359888123456".to_owned()),
        address: Address {
            line1: "ул. „Граф Игнатиев“ 12".to_owned(),
            city: "София".to_owned(),
            postal_code: Some("1000".to_owned()),
            country: "BG".to_owned(),
            ..Address::default()
        },
        ..Person::default()
    };
    ShopOrder::new(series * 1_000_000 + u64::from(number), number + 1000, now(), shopper)
        .line("TEA-GREEN-100", "Зелен чай 100 г", 2, 890)
        .line("CUP-BLUE", "Чаша синя", 1, 1450)
}

async fn to_label(world: &World, order: &str) -> Result<String, StepError> {
    let tasks = world.pick_tasks(order, 1).await?;
    world.pick_and_pack(&tasks[0]).await?;
    Ok(world.labels(order, 1).await?.remove(0).0)
}
