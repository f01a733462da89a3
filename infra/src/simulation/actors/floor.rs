//! People on the floor: they take work from the list, scan, pack, and put back.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Merchant, Stage, counter};
use crate::simulation::door::Answer;

/// Bins that goods lie in, beside `MAIN`.
pub(super) const BINS: [&str; 3] = ["A-01", "A-02", "B-01"];

/// Works at a location, for ever.
pub(crate) async fn worker(stage: Stage, mut rng: Rng, merchant: Merchant, location: String, badge: String) {
    let path = format!("/v1/pick-tasks?location={location}&limit=10");
    let mut seen = 0;
    loop {
        stage.something_new("tasks", &mut seen).await;
        stage.wait(rng.u64(20..=90)).await;
        let list = stage.get(&merchant.floor, &path).await;
        let tasks = list.body["items"].as_array().cloned().unwrap_or_default();
        let open: Vec<&Value> = tasks
            .iter()
            .filter(|task| {
                task["assigned_to"].as_str().is_none_or(|person| person == badge) || task["state"] == "put_back"
            })
            .collect();
        if open.is_empty() {
            continue;
        }
        // There may be more.
        seen = seen.saturating_sub(1);
        let chosen = open[rng.usize(0..open.len())].clone();
        work(&stage, &mut rng, &merchant, &location, &chosen, &badge).await;
    }
}

async fn work(stage: &Stage, rng: &mut Rng, merchant: &Merchant, location: &str, task: &Value, badge: &str) {
    let id = task["id"].as_str().unwrap_or_default();
    let actor = json!({"person": badge, "station": "FLOOR-1"});
    let order = task["order"].as_str().unwrap_or_default();
    let picker = Picker { stage, merchant, location, order, id, actor };
    if task["state"] == "put_back" {
        if picker.post("put-back", json!({})).await.is_success() {
            stage.units_put_back(&merchant.id, location, order, id);
        }
        return;
    }
    let claimed = picker.post("claim", json!({})).await;
    if !claimed.is_success() {
        return;
    }
    let Some(picked) = picker.pick(rng, claimed.body).await.filter(|task| task["state"] == "picked") else { return };
    stage.wait(rng.u64(5..=30)).await;
    let units: u64 = lines(&picked).map(|line| number(line, "picked")).sum();
    let parcel = json!({"weight_grams": 150 + 120 * units, "length_mm": 300, "width_mm": 200, "height_mm": 150});
    picker.post("pack", json!({ "parcel": parcel })).await;
}

fn lines(task: &Value) -> impl Iterator<Item = &Value> {
    task["lines"].as_array().into_iter().flatten()
}

fn number(line: &Value, name: &str) -> u64 {
    line[name].as_u64().unwrap_or(0)
}

/// What tells the lines of a task apart.
fn goods(line: &Value) -> String {
    format!("{} {}", line["sku"], line["lot"]["code"])
}

/// Somebody with a task in his hand.
struct Picker<'a> {
    stage: &'a Stage,
    merchant: &'a Merchant,
    location: &'a str,
    order: &'a str,
    id: &'a str,
    actor: Value,
}

impl Picker<'_> {
    async fn post(&self, what: &str, mut body: Value) -> Answer {
        body["actor"] = self.actor.clone();
        let path = format!("/v1/pick-tasks/{}/{what}", self.id);
        self.stage.post(&self.merchant.floor, &path, &self.stage.new_key(what), &body).await
    }

    /// Picks until nothing is left, as each answer says; gives the task, or nothing when he was told to stop.
    async fn pick(&self, rng: &mut Rng, claimed: Value) -> Option<Value> {
        let bins: BTreeMap<String, Value> = lines(&claimed).map(|line| (goods(line), line["bins"].clone())).collect();
        let mut looked_for = BTreeSet::new();
        let mut task = claimed;
        loop {
            let Some(line) = lines(&task).find(|line| number(line, "remaining") > 0).cloned() else {
                if lines(&task).all(|line| number(line, "surplus") == 0) {
                    return Some(task);
                }
                // A kit lacks a component: what was scanned for it goes back.
                self.stage.core.mark("parts of a kit put back");
                task = self.told("put-back", json!({})).await?;
                continue;
            };
            self.stage.wait(rng.u64(2..=20)).await;
            let bin = self.bin(rng, bins.get(&goods(&line)));
            let is_missing = looked_for.insert(goods(&line)) && rng.f64() < self.missing();
            task = if line["serial_tracked"] == true && !is_missing {
                self.scan_unit(rng, &line, bin.as_deref()).await?
            } else if is_missing {
                self.not_found(rng, &line, bin.as_deref()).await.unwrap_or(task)
            } else {
                self.scan(rng, &line, bin.as_deref()).await?
            };
        }
    }

    async fn told(&self, what: &str, body: Value) -> Option<Value> {
        let answer = self.post(what, body).await;
        answer.is_success().then_some(answer.body)
    }

    /// How often a unit is not there.
    fn missing(&self) -> f64 {
        if self.merchant.features.bins || self.merchant.features.kits { 0.2 } else { 0.06 }
    }

    /// The bin that he takes the units from: one of those that he is sent to, or now and then another.
    fn bin(&self, rng: &mut Rng, known: Option<&Value>) -> Option<String> {
        if !self.merchant.features.bins {
            return None;
        }
        if rng.f64() < 0.1 {
            self.stage.core.mark("picked from a bin that nobody was sent to");
            return Some(BINS[rng.usize(0..BINS.len())].to_owned());
        }
        let known: Vec<&String> = known?.as_object()?.keys().collect();
        let chosen = known.get(rng.usize(0..known.len().max(1)))?;
        (*chosen != "MAIN").then(|| (*chosen).clone())
    }

    async fn not_found(&self, rng: &mut Rng, line: &Value, bin: Option<&str>) -> Option<Value> {
        let mut body = json!({"sku": line["sku"], "quantity": 1, "bin": bin});
        if let Some(code) = line["lot"]["code"].as_str() {
            body["lot"] = json!(code);
        }
        let task = self.told("short-picks", body).await;
        if task.is_some() {
            self.stage.core.mark("unit not found");
            if bin.is_some() {
                self.stage.core.mark("bin frozen");
            }
            counter::is_sent(self.stage, rng, self.merchant, self.location);
        }
        task
    }

    /// Scans the first unit on the shelf with its number. A number that is not in stock there is refused.
    async fn scan_unit(&self, rng: &mut Rng, line: &Value, bin: Option<&str>) -> Option<Value> {
        let sku = line["sku"].as_str().unwrap_or_default();
        let Some(serial) = self.stage.take_unit(&self.merchant.id, self.location) else {
            return self.not_found(rng, line, bin).await;
        };
        let mut body = json!({"barcode": format!("barcode-{sku}"), "serial": "SN-NONE", "bin": bin});
        if rng.f64() < 0.1 {
            if self.post("scans", body.clone()).await.is_success() {
                self.stage.broken("a scan matches a unit in stock", format!("{}: {body}", self.id));
            }
            self.stage.core.mark("scan of an unknown serial number refused");
        }
        body["serial"] = json!(serial);
        let task = self.told("scans", body).await;
        if task.is_some() {
            self.stage.unit_taken(self.order, self.id, serial);
            self.stage.core.mark("unit scanned by its serial number");
        } else {
            self.stage.shelved(&self.merchant.id, self.location, &serial);
        }
        task
    }

    /// Scans all that is left of a line, or one unit. Units of another lot are refused.
    async fn scan(&self, rng: &mut Rng, line: &Value, bin: Option<&str>) -> Option<Value> {
        let quantity = if rng.f64() < 0.7 { number(line, "remaining") } else { 1 };
        let sku = line["sku"].as_str().unwrap_or_default();
        let mut body = json!({"barcode": format!("barcode-{sku}"), "quantity": quantity, "bin": bin});
        if let Some(code) = line["lot"]["code"].as_str() {
            if rng.f64() < 0.1 {
                let mut other = body.clone();
                other["lot"] = json!("LOT-OTHER");
                if self.post("scans", other).await.is_success() {
                    self.stage.broken("a scan matches the lot", format!("{}: {line} by another lot", self.id));
                }
                self.stage.core.mark("scan of another lot refused");
            }
            body["lot"] = json!(code);
        }
        self.told("scans", body).await
    }
}
