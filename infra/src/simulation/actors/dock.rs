//! The dock: goods come in, announced or not, and are looked at.

use std::collections::{BTreeMap, BTreeSet};

use domain::ShipmentId;
use fastrand::Rng;
use serde_json::{Value, json};

use super::keeper::LOTS;
use super::setup::receipt;
use super::{Merchant, Stage};

/// How often something is looked for that the system does by itself, in all.
const LOOKS_MAX: u32 = 240;

/// New goods, a few times.
pub(crate) async fn restock(stage: Stage, mut rng: Rng, merchant: Merchant, within_s: u64) {
    for number in 0..rng.u32(1..=3) {
        stage.wait(rng.u64(60..=within_s.max(60))).await;
        let (sku, location) = merchant.somewhere(&mut rng);
        let mut body = receipt(&sku, &location, rng.u32(1..=6));
        if let Some(lot) = merchant.some_lot(&mut rng, &sku) {
            body["goods"] = json!({"lot": lot.code, "expiry": lot.expiry});
            stage.core.mark("goods of a lot received");
        }
        let serial = (merchant.serials_of.as_ref() == Some(&sku)).then(|| stage.new_serial());
        if let Some(serial) = &serial {
            body["goods"] = json!({ "serial": serial });
            body["quantity"] = json!(1);
        }
        let answer = stage.post(&merchant.operations, "/v1/receipts", &format!("restock-{number}"), &body).await;
        if answer.is_success() {
            stage.core.mark("goods received");
            stage.is_posted(&answer);
            if let Some(serial) = &serial {
                stage.shelved(&merchant.id, &location, serial);
            }
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

/// Counts what came and says what becomes of it. A part of a kit may be lacking, and of what is kept by lot the lot may not be
/// known any more.
pub(super) async fn take_in(stage: &Stage, rng: &mut Rng, merchant: &Merchant, back: &Value) {
    let id = back["id"].as_str().unwrap_or_default();
    let actor = json!({"person": "badge-07", "station": "DOCK-1"});
    let mut counted = BTreeMap::<String, u64>::new();
    let mut of_kit = BTreeSet::new();
    for line in back["lines"].as_array().into_iter().flatten() {
        let sku = line["sku"].as_str().unwrap_or_default().to_owned();
        *counted.entry(sku.clone()).or_default() += line["quantity"].as_u64().unwrap_or(0);
        if line["per_kit"].as_u64().unwrap_or(0) > 0 {
            of_kit.insert(sku);
        }
    }
    if let Some(units) = of_kit.first().filter(|_| rng.f64() < 0.3).and_then(|sku| counted.get_mut(sku)) {
        *units -= 1;
        stage.core.mark("kit came back without a part");
    }
    counted.retain(|_, units| *units > 0);
    if counted.is_empty() {
        return;
    }
    let goods = arrived(stage, rng, merchant, back, &counted);
    let line = |goods: &Arrived| {
        let Arrived { sku, quantity, lot, serial, .. } = goods;
        json!({"sku": sku, "quantity": quantity, "lot": lot, "serial": serial})
    };
    let lines: Vec<Value> = goods.iter().map(line).collect();
    let body = json!({"location": back["location"], "lines": lines, "actor": actor});
    let received =
        stage.post(&merchant.floor, &format!("/v1/returns/{id}/receive"), &format!("receive-{id}"), &body).await;
    if !received.is_success() {
        stage.core.say(format!("{id} cannot be received: {}", received.body));
        return;
    }
    if !of_kit.is_empty() {
        stage.core.mark("kit came back");
    }
    stage.wait(rng.u64(10..=120)).await;
    let disposed: Vec<(&Arrived, &str)> = goods
        .iter()
        .map(|goods| {
            let known = ["restock", "restock", "quarantine", "write_off"][rng.usize(0..4)];
            (goods, if goods.is_unknown { "quarantine" } else { known })
        })
        .collect();
    let line = |(goods, disposition): &(&Arrived, &str)| {
        let Arrived { sku, quantity, serial, .. } = goods;
        json!({"sku": sku, "quantity": quantity, "serial": serial, "disposition": disposition})
    };
    let lines: Vec<Value> = disposed.iter().map(line).collect();
    let body = json!({"lines": lines, "actor": actor});
    let inspected =
        stage.post(&merchant.floor, &format!("/v1/returns/{id}/inspect"), &format!("inspect-{id}"), &body).await;
    if !inspected.is_success() {
        stage.core.say(format!("{id} cannot be inspected: {}", inspected.body));
        return;
    }
    stage.core.mark("return inspected");
    let location = back["location"].as_str().unwrap_or_default();
    for (goods, _) in disposed.iter().filter(|(_, disposition)| *disposition == "restock") {
        if let Some(serial) = &goods.serial {
            stage.shelved(&merchant.id, location, serial);
            stage.core.mark("unit with a serial number sold again");
        }
    }
}

/// Units that lie on the dock.
struct Arrived {
    sku: String,
    quantity: u64,
    lot: Option<&'static str>,
    serial: Option<String>,
    /// Whether nobody can say which lot or which unit it is.
    is_unknown: bool,
}

fn arrived(
    stage: &Stage,
    rng: &mut Rng,
    merchant: &Merchant,
    back: &Value,
    counted: &BTreeMap<String, u64>,
) -> Vec<Arrived> {
    let order = back["order"].as_str().unwrap_or_default();
    let mut arrived = Vec::new();
    for (sku, units) in counted {
        let plain = Arrived { sku: sku.clone(), quantity: *units, lot: None, serial: None, is_unknown: false };
        if merchant.serials_of.as_ref() == Some(sku) {
            arrived.extend((0..*units).map(|_| {
                let serial = stage.unit_back(order);
                Arrived { quantity: 1, is_unknown: serial.is_none(), serial, sku: sku.clone(), lot: None }
            }));
        } else if merchant.lots_of.as_ref() == Some(sku) {
            let lot = (rng.f64() < 0.7).then(|| LOTS[rng.usize(0..2)].code);
            arrived.push(Arrived { lot, is_unknown: lot.is_none(), ..plain });
        } else {
            arrived.push(plain);
        }
    }
    arrived
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
