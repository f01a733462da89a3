//! People on the floor: they take work from the list, scan, pack, and put back.

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Merchant, Stage};

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
        work(&stage, &mut rng, &merchant, &chosen, &badge).await;
    }
}

async fn work(stage: &Stage, rng: &mut Rng, merchant: &Merchant, task: &Value, badge: &str) {
    let id = task["id"].as_str().unwrap_or_default();
    let path = format!("/v1/pick-tasks/{id}");
    let actor = json!({"person": badge, "station": "FLOOR-1"});
    if task["state"] == "put_back" {
        stage
            .post(&merchant.floor, &format!("{path}/put-back"), &format!("put-back-{id}"), &json!({"actor": actor}))
            .await;
        return;
    }
    let claimed = stage
        .post(&merchant.floor, &format!("{path}/claim"), &format!("claim-{id}-{badge}"), &json!({"actor": actor}))
        .await;
    if !claimed.is_success() {
        return;
    }
    let mut weight_grams = 150;
    for line in claimed.body["lines"].as_array().into_iter().flatten() {
        let mut remaining = line["remaining"].as_u64().unwrap_or(0);
        if remaining == 0 {
            continue;
        }
        let sku = line["sku"].as_str().unwrap_or_default();
        stage.wait(rng.u64(2..=20)).await;
        if remaining == line["quantity"] && rng.f64() < 0.06 {
            let body = json!({"sku": sku, "quantity": 1, "actor": actor});
            let short =
                stage.post(&merchant.floor, &format!("{path}/short-picks"), &format!("short-{id}-{sku}"), &body).await;
            stage.core.mark("unit not found");
            if !short.is_success() || remaining == 1 {
                continue;
            }
            remaining -= 1;
        }
        // In one scan, or unit by unit.
        let scans = if rng.bool() { vec![remaining] } else { vec![1; usize::try_from(remaining).unwrap_or(1)] };
        let done = line["picked"].as_u64().unwrap_or(0);
        for (scan, quantity) in scans.iter().enumerate() {
            let body = json!({"barcode": format!("barcode-{sku}"), "quantity": quantity, "actor": actor});
            let key = format!("scan-{id}-{sku}-{done}-{scan}");
            if !stage.post(&merchant.floor, &format!("{path}/scans"), &key, &body).await.is_success() {
                return;
            }
        }
        weight_grams += 120 * remaining;
    }
    stage.wait(rng.u64(5..=30)).await;
    let parcel = json!({"weight_grams": weight_grams, "length_mm": 300, "width_mm": 200, "height_mm": 150});
    let body = json!({"parcel": parcel, "actor": actor});
    stage.post(&merchant.floor, &format!("{path}/pack"), &format!("pack-{id}"), &body).await;
}
