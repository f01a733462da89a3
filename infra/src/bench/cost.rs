//! Counts: DynamoDB units per step and per kind of item, requests to SQS and S3, for a fixed basket of two lines, three
//! units, one parcel, six tracking events and no return; at one order and at ten at a time.

use super::BenchError;
use super::latency::place;
use crate::demo::api::{Api, StepError};
use crate::demo::setup::{Endpoints, World, set_up};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Without a further write for this long, everything that follows from a step has happened.
const QUIET: Duration = Duration::from_millis(1500);

/// Units of one step.
#[derive(Debug, Clone, Copy, Default)]
struct Units {
    read: f64,
    write: f64,
}

/// A look at the engine's meter.
struct Meter {
    api: Api,
}

impl Meter {
    async fn look(&self) -> Result<Value, StepError> {
        self.api.get("/_sklad/meter").await
    }

    /// Waits until nothing is written any more.
    async fn settled(&self) -> Result<Value, StepError> {
        let mut seen = self.look().await?;
        let mut since = Instant::now();
        while since.elapsed() < QUIET {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = self.look().await?;
            if written(&now) != written(&seen) {
                since = Instant::now();
            }
            seen = now;
        }
        Ok(seen)
    }
}

fn units(snapshot: &Value, pointer: &str) -> Units {
    let number = |kind: &str| snapshot.pointer(&format!("{pointer}/{kind}")).and_then(Value::as_f64).unwrap_or(0.0);
    Units { read: number("read"), write: number("write") }
}

fn tables(snapshot: &Value) -> Vec<String> {
    snapshot["tables"].as_object().map(|tables| tables.keys().cloned().collect()).unwrap_or_default()
}

fn total(snapshot: &Value) -> Units {
    tables(snapshot)
        .iter()
        .map(|table| units(snapshot, &format!("/tables/{table}/units/total")))
        .fold(Units::default(), |sum, part| Units { read: sum.read + part.read, write: sum.write + part.write })
}

fn written(snapshot: &Value) -> (String, String) {
    (format!("{:.1}", total(snapshot).write), snapshot["sqs"].to_string())
}

/// Prints the counts of one order at a time and of ten at a time.
pub(super) async fn per_order(endpoints: &Endpoints, aws_url: &str) -> Result<(), BenchError> {
    let world = set_up(endpoints, "Benchmark of costs").await?;
    world.stock_up(|_, location| if location == "SOF1" { 20_000 } else { 0 }).await?;
    let meter = Meter { api: Api::new(aws_url, "none") };
    for (series, batch) in [(11, 1_u32), (12, 10)] {
        life(&world, &meter, series, batch).await?;
    }
    Ok(())
}

async fn life(world: &World, meter: &Meter, series: u64, batch: u32) -> Result<(), BenchError> {
    let per_order = f64::from(batch);
    let start = meter.settled().await?;
    let mut before = start.clone();
    println!("\nOne order's life at {batch} at a time: DynamoDB units per order, index entries included");
    println!("  {:<44} {:>8} {:>8}", "step", "write", "read");
    let mut steps: Vec<(&str, Value)> = Vec::new();
    let placing = (0..batch).map(|number| place(world, series, number));
    let orders = futures_util::future::try_join_all(placing).await?;
    let orders: Vec<String> = orders.into_iter().map(|(order, _)| order).collect();
    steps.push(("intake, reservation, pick task", meter.settled().await?));
    let mut tasks = Vec::new();
    for order in &orders {
        tasks.extend(world.pick_tasks(order, 1).await?);
    }
    futures_util::future::try_join_all(tasks.iter().map(|task| world.pick_and_pack(task))).await?;
    steps.push(("claim, three scans, pack, booking, label", meter.settled().await?));
    let mut shipments = Vec::new();
    for order in &orders {
        shipments.push(world.labels(order, 1).await?.remove(0).0);
    }
    world.close_out().await?;
    steps.push(("close-out, fulfilment reported", meter.settled().await?));
    futures_util::future::try_join_all(
        shipments.iter().map(|shipment| world.play(shipment, "attempted", "in_order", 1)),
    )
    .await?;
    for order in &orders {
        world.order_is(order, "delivery", "delivered").await?;
    }
    let end = meter.settled().await?;
    steps.push(("six tracking events, delivered", end.clone()));
    for (name, after) in steps {
        let (from, to) = (total(&before), total(&after));
        println!(
            "  {name:<44} {:>8.1} {:>8.1}",
            (to.write - from.write) / per_order,
            (to.read - from.read) / per_order
        );
        before = after;
    }
    let (from, to) = (total(&start), total(&end));
    println!(
        "  {:<44} {:>8.1} {:>8.1}",
        "whole life",
        (to.write - from.write) / per_order,
        (to.read - from.read) / per_order
    );
    kinds(&start, &end, per_order);
    for service in ["sqs", "s3"] {
        let counts = requests(&start, &end, service);
        let text: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {:.1}", count / per_order)).collect();
        println!("  {service} requests per order: {}", text.join(", "));
    }
    Ok(())
}

fn kinds(start: &Value, end: &Value, per_order: f64) {
    println!("  {:<44} {:>8} {:>8}   of which indexes", "kind of item", "write", "read");
    for table in tables(end) {
        let names =
            end.pointer(&format!("/tables/{table}/kinds")).and_then(Value::as_object).cloned().unwrap_or_default();
        for kind in names.keys() {
            let at =
                |snapshot: &Value, part: &str| units(snapshot, &format!("/tables/{table}/kinds/{kind}/units/{part}"));
            let grown = |part: &str| {
                let (from, to) = (at(start, part), at(end, part));
                Units { read: (to.read - from.read) / per_order, write: (to.write - from.write) / per_order }
            };
            let (all, own) = (grown("total"), grown("table"));
            if all.write > 0.0 || all.read > 0.0 {
                let name = format!("{table}/{kind}");
                println!("  {name:<44} {:>8.1} {:>8.1} {:>18.1}", all.write, all.read, all.write - own.write);
            }
        }
    }
}

fn requests(start: &Value, end: &Value, service: &str) -> BTreeMap<String, f64> {
    let counts = |snapshot: &Value| -> BTreeMap<String, f64> {
        let found = snapshot[service].as_object().cloned().unwrap_or_default();
        found.into_iter().filter_map(|(name, count)| Some((name, count.as_f64()?))).collect()
    };
    let before = counts(start);
    counts(end)
        .into_iter()
        .map(|(name, count)| {
            let grown = count - before.get(&name).copied().unwrap_or(0.0);
            (name, grown)
        })
        .filter(|(_, count)| *count > 0.0)
        .collect()
}
