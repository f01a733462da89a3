//! The dock: goods come in, announced or not, and are looked at.

use domain::ShipmentId;
use fastrand::Rng;
use serde_json::{Value, json};

use super::setup::receipt;
use super::{Merchant, Stage};

/// How often something is looked for that the system does by itself, in all.
const LOOKS_MAX: u32 = 240;

/// New goods, a few times.
pub(crate) async fn restock(stage: Stage, mut rng: Rng, merchant: Merchant, within_s: u64) {
    for number in 0..rng.u32(1..=3) {
        stage.wait(rng.u64(60..=within_s.max(60))).await;
        let sku = &merchant.items[rng.usize(0..merchant.items.len())];
        let location = &merchant.locations[rng.usize(0..merchant.locations.len())];
        let body = receipt(sku, location, rng.u32(1..=6));
        let answer = stage.post(&merchant.operations, "/v1/receipts", &format!("restock-{number}"), &body).await;
        if answer.is_success() {
            stage.core.mark("goods received");
        }
    }
}

/// A parcel that was refused is at the dock again.
pub(super) async fn takes_back_refused(
    stage: &Stage,
    rng: &mut Rng,
    merchant: &Merchant,
    order: &str,
    shipment: &ShipmentId,
) {
    let path = format!("/v1/orders/{order}");
    for _ in 0..LOOKS_MAX {
        let seen = stage.get(&merchant.operations, &path).await;
        let opened = seen.body["returns"].as_array().into_iter().flatten().filter_map(|back| back["id"].as_str());
        for id in opened {
            let back = stage.get(&merchant.operations, &format!("/v1/returns/{id}")).await;
            if back.body["kind"] == "refused" && back.body["shipment"] == shipment.as_str() {
                take_in(stage, rng, merchant, &back.body).await;
                return;
            }
        }
        stage.wait(60).await;
    }
    stage.broken("liveness", format!("no return was opened for {shipment}, which was refused"));
}

/// Counts what came and says what becomes of it.
pub(super) async fn take_in(stage: &Stage, rng: &mut Rng, merchant: &Merchant, back: &Value) {
    let id = back["id"].as_str().unwrap_or_default();
    let actor = json!({"person": "badge-07", "station": "DOCK-1"});
    let mut counted = std::collections::BTreeMap::<String, u64>::new();
    for line in back["lines"].as_array().into_iter().flatten() {
        *counted.entry(line["sku"].as_str().unwrap_or_default().to_owned()).or_default() +=
            line["quantity"].as_u64().unwrap_or(0);
    }
    let lines: Vec<Value> = counted.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
    let body = json!({"location": back["location"], "lines": lines, "actor": actor});
    let received =
        stage.post(&merchant.floor, &format!("/v1/returns/{id}/receive"), &format!("receive-{id}"), &body).await;
    if !received.is_success() {
        stage.core.say(format!("{id} cannot be received: {}", received.body));
        return;
    }
    stage.wait(rng.u64(10..=120)).await;
    let lines: Vec<Value> = counted
        .iter()
        .map(|(sku, quantity)| {
            let disposition = ["restock", "restock", "quarantine", "write_off"][rng.usize(0..4)];
            json!({"sku": sku, "quantity": quantity, "disposition": disposition})
        })
        .collect();
    let body = json!({"lines": lines, "actor": actor});
    let inspected =
        stage.post(&merchant.floor, &format!("/v1/returns/{id}/inspect"), &format!("inspect-{id}"), &body).await;
    if inspected.is_success() {
        stage.core.mark("return inspected");
    }
}

/// Waits until a return has come as far as `until` says; `None` when it does not.
pub(super) async fn return_is(
    stage: &Stage,
    merchant: &Merchant,
    id: &str,
    until: impl Fn(&Value) -> bool,
) -> Option<Value> {
    for _ in 0..LOOKS_MAX {
        let back = stage.get(&merchant.operations, &format!("/v1/returns/{id}")).await;
        if until(&back.body) {
            return Some(back.body);
        }
        stage.wait(60).await;
    }
    None
}
