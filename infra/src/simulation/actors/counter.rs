//! People who count what pickers did not find, and one of the office who approves it.

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Merchant, Stage};
use crate::simulation::door::Answer;

/// How often a count is done again before it is given up.
const COUNTS_MAX: u32 = 3;

/// Somebody is told that there is something to count at a location.
pub(super) fn is_sent(stage: &Stage, rng: &mut Rng, merchant: &Merchant, location: &str) {
    let (merchant, location, badge) = (merchant.clone(), location.to_owned(), stage.new_key("badge"));
    let after_s = rng.u64(60..=900);
    stage.act(&badge.clone(), |stage, rng| async move {
        stage.wait(after_s).await;
        Counter { stage, merchant, location, badge }.count_all(rng).await;
    });
}

struct Counter {
    stage: Stage,
    merchant: Merchant,
    location: String,
    badge: String,
}

impl Counter {
    async fn count_all(&self, mut rng: Rng) {
        let path = format!("/v1/count-tasks?location={}&limit=20", self.location);
        let list = self.stage.get(&self.merchant.floor, &path).await;
        for task in list.body["items"].as_array().into_iter().flatten() {
            self.count(&mut rng, task).await;
        }
    }

    async fn post(&self, key: &str, task: &Value, what: &str, mut body: Value) -> Answer {
        body["actor"] = json!({"person": self.badge, "station": "FLOOR-2"});
        let path = format!("/v1/count-tasks/{}/{what}", task["id"].as_str().unwrap_or_default());
        self.stage.post(key, &path, &self.stage.new_key(what), &body).await
    }

    /// Counts until the count is approved, or is not this person's any more.
    async fn count(&self, rng: &mut Rng, task: &Value) {
        let (floor, office) = (&self.merchant.floor, &self.merchant.operations);
        for _ in 0..COUNTS_MAX {
            if !self.post(floor, task, "start", json!({})).await.is_success() {
                return;
            }
            self.stage.wait(rng.u64(5..=60)).await;
            let units = self.lies_there(rng, task).await;
            let counted = self.post(floor, task, "count", json!({"units": units})).await;
            if counted.body["state"] != "counted" {
                return;
            }
            self.stage.wait(rng.u64(5..=60)).await;
            let review = json!({"approve": true, "liable": "warehouse", "reason": "counted after a short pick"});
            let answer = self.post(office, task, "review", review).await;
            if answer.is_success() {
                self.stage.core.mark("count approved");
                if task["bin"].is_string() {
                    self.stage.core.mark("frozen bin counted");
                }
                return;
            }
            // More is missing than is free: somebody looks once more.
            let again = json!({"approve": false, "reason": "count again"});
            if !self.post(office, task, "review", again).await.is_success() {
                return;
            }
            self.stage.wait(rng.u64(60..=300)).await;
        }
        self.post(office, task, "cancel", json!({})).await;
    }

    /// What is on the shelf: what should be there, without some of what pickers did not find, and seldom one more.
    async fn lies_there(&self, rng: &mut Rng, task: &Value) -> i64 {
        let sku = task["sku"].as_str().unwrap_or_default();
        let stock = self.stage.get(&self.merchant.floor, &format!("/v1/stock-levels/{sku}")).await;
        let mut levels = stock.body["levels"].as_array().into_iter().flatten();
        let own = |level: &&Value| level["location"] == task["location"] && level["lot"] == task["lot"];
        let Some(level) = levels.find(own) else { return 0 };
        let term = |name: &str| level[name].as_i64().unwrap_or(0);
        let on_record = match task["bin"].as_str() {
            Some(bin) => level["bins"][bin].as_i64().unwrap_or(0),
            None => term("on_hand") - term("picked"),
        };
        let lost = rng.i64(0..=term("count_suspect").max(0));
        let found = i64::from(rng.f64() < 0.1);
        (on_record - lost + found).max(0)
    }
}
