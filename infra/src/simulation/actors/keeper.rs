//! Keepers of the stock: they carry goods from bin to bin, correct what is on record, recall a lot, and have it all audited.

use fastrand::Rng;
use serde_json::{Value, json};

use super::floor::BINS;
use super::{Merchant, Stage, counter};

/// How often a shortage is gone on with before it is left to another day.
const SHORTAGE_TRIES_MAX: u32 = 12;
/// How often somebody looks how far something is that goes on by itself.
const LOOKS_MAX: u32 = 240;

fn actor() -> Value {
    json!({"person": "badge-31", "station": "STOCK-1"})
}

/// Carries units from one bin to another, a few times.
pub(crate) async fn carrier_of_goods(stage: Stage, mut rng: Rng, merchant: Merchant, within_s: u64) {
    let places = ["MAIN", BINS[0], BINS[1], BINS[2]];
    for _ in 0..rng.u32(2..=4) {
        stage.wait(rng.u64(0..=within_s)).await;
        let (sku, location) = merchant.somewhere(&mut rng);
        let mut body = json!({
            "location": location, "sku": sku, "quantity": rng.u32(1..=3), "actor": actor(),
            "from_bin": places[rng.usize(0..4)], "to_bin": places[rng.usize(0..4)],
        });
        if let Some(lot) = merchant.some_lot(&mut rng, &sku) {
            body["lot"] = json!(lot.code);
        }
        let answer = stage.post(&merchant.operations, "/v1/moves", &stage.new_key("move"), &body).await;
        stage.core.mark(if answer.is_success() { "goods carried to another bin" } else { "nothing to carry there" });
        stage.is_posted(&answer);
    }
}

/// Corrects what is on record, once or twice: a little more, a little less, or less than is promised.
pub(crate) async fn bookkeeper(stage: Stage, mut rng: Rng, merchant: Merchant, within_s: u64) {
    for _ in 0..rng.u32(1..=2) {
        stage.wait(rng.u64(30..=within_s.max(30) * 2)).await;
        let (sku, location) = merchant.somewhere(&mut rng);
        let quantity: i64 = [-4, -3, -2, -1, 1, 2][rng.usize(0..6)];
        let mut body = json!({
            "location": location, "sku": sku, "quantity": quantity, "reason": "found when tidying up",
            "liable": "warehouse", "shortage": quantity < 0 && rng.f64() < 0.8, "actor": actor(), "goods": {},
        });
        if let Some(lot) = merchant.some_lot(&mut rng, &sku) {
            body["goods"] = json!({"lot": lot.code});
        }
        correct(&stage, &mut rng, &merchant, &location, &body).await;
    }
}

async fn correct(stage: &Stage, rng: &mut Rng, merchant: &Merchant, location: &str, body: &Value) {
    let key = stage.new_key("adjustment");
    for _ in 0..SHORTAGE_TRIES_MAX {
        let answer = stage.post(&merchant.operations, "/v1/adjustments", &key, body).await;
        if answer.is_success() {
            stage.is_posted(&answer);
            stage.core.mark("stock corrected");
            let short = answer.body["short_picked"].as_array().is_some_and(|short| !short.is_empty());
            if short {
                stage.core.mark("orders lost units to a shortage");
            }
            break;
        }
        if !answer.text("/type").ends_with("shortage-unfinished") {
            stage.core.mark("correction refused");
            return;
        }
        stage.core.mark("shortage gone on with");
        stage.wait(rng.u64(30..=120)).await;
    }
    if body["shortage"] == true {
        counter::is_sent(stage, rng, merchant, location);
    }
}

/// Recalls a lot, waits until everybody who has units of it is found, and cancels what has not left.
pub(crate) async fn recaller(stage: Stage, mut rng: Rng, merchant: Merchant, within_s: u64) {
    let Some(sku) = merchant.lots_of.clone() else { return };
    stage.wait(rng.u64(60..=within_s.max(60) * 3)).await;
    let Some(lot) = merchant.some_lot(&mut rng, &sku) else { return };
    let body = json!({"sku": sku, "lot": lot.code, "reason": "glass in a jar", "actor": actor()});
    let declared = stage.post(&merchant.operations, "/v1/recalls", &stage.new_key("recall"), &body).await;
    if !declared.is_success() {
        return;
    }
    stage.core.mark("lot recalled");
    let path = format!("/v1/recalls/{}", declared.text("/id"));
    for _ in 0..LOOKS_MAX {
        stage.wait(120).await;
        let recall = stage.get(&merchant.operations, &path).await;
        if recall.body["state"] == "listed" || recall.body["state"] == "closed" {
            for entry in recall.body["orders"].as_array().into_iter().flatten() {
                stop(&stage, &merchant, entry).await;
            }
            return;
        }
    }
    stage.broken("liveness", format!("nobody knows who has units of {path}"));
}

/// What has not left is cancelled; what has is for the shopper to hear of.
async fn stop(stage: &Stage, merchant: &Merchant, entry: &Value) {
    if entry["at"] != "warehouse" {
        stage.core.mark("recalled units had left");
        return;
    }
    stage.core.mark("order stopped by a recall");
    let path = format!("/v1/orders/{}/cancel", entry["order"].as_str().unwrap_or_default());
    stage.post(&merchant.operations, &path, &stage.new_key("recall-cancel"), &json!({})).await;
}

/// Has the stock audited when nobody else has anything to do any more: it must agree with itself.
pub(crate) async fn auditor(stage: Stage, mut rng: Rng, merchant: Merchant) {
    stage.when_quiet(&mut rng).await;
    let begun = stage.post(&merchant.operations, "/v1/stock-audits", &stage.new_key("audit"), &json!({})).await;
    let path = format!("/v1/stock-audits/{}", begun.text("/id"));
    for _ in 0..LOOKS_MAX {
        stage.wait(60).await;
        let audit = stage.get(&merchant.operations, &path).await;
        if audit.body["finished_at"].is_string() {
            stage.core.mark("stock audited");
            if audit.body["drifts"] != json!([]) {
                stage.broken("the auditor finds no drift", audit.body.to_string());
            }
            return;
        }
    }
    stage.broken("liveness", format!("{path} does not end"));
}

/// A lot that goods come in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownLot {
    pub(crate) code: &'static str,
    /// Its last good day.
    pub(crate) expiry: &'static str,
}

/// Lots of the item that is kept by lot; the last has expired before the first day of every run.
pub(crate) const LOTS: [KnownLot; 3] = [
    KnownLot { code: "LOT-SOON", expiry: "2026-11-05" },
    KnownLot { code: "LOT-LATE", expiry: "2027-03-01" },
    KnownLot { code: "LOT-OLD", expiry: "2026-10-30" },
];

impl Merchant {
    /// An item that is kept in stock, and a location.
    pub(super) fn somewhere(&self, rng: &mut Rng) -> (String, String) {
        let sku = self.items[rng.usize(0..self.items.len())].clone();
        (sku, self.locations[rng.usize(0..self.locations.len())].clone())
    }

    /// A lot of the item, if it is kept by lot.
    pub(super) fn some_lot(&self, rng: &mut Rng, sku: &str) -> Option<KnownLot> {
        let tracked = self.lots_of.as_deref() == Some(sku);
        tracked.then(|| LOTS[[0, 0, 0, 1, 1, 1, 1, 2][rng.usize(0..8)]])
    }
}
