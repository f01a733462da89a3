//! Shoppers who want something else than they ordered, at any stage: more, less, a line less, or to be served first.

use fastrand::Rng;
use partners::http::Method;
use serde_json::{Value, json};

use super::{Merchant, Stage, request};
use crate::simulation::clock::lock;

/// Most units that somebody wants of a line.
const UNITS_MAX: u64 = 4;

/// Has an order changed, once or twice. What was answered is what must hold in the end.
pub(super) async fn change_mind(stage: &Stage, rng: &mut Rng, merchant: &Merchant, order: &str) {
    for _ in 0..rng.u32(1..=2) {
        // Some at once, some when it is picked, some when it has left.
        let within_s = [5, 90, 90, 240, 1_500][rng.usize(0..5)];
        stage.wait(rng.u64(0..=within_s)).await;
        edit(stage, rng, merchant, order).await;
    }
}

async fn edit(stage: &Stage, rng: &mut Rng, merchant: &Merchant, order: &str) {
    let path = format!("/v1/orders/{order}");
    let seen = stage.get(&merchant.operations, &path).await;
    let lines = seen.body["lines"].as_array().cloned().unwrap_or_default();
    if lines.is_empty() {
        return;
    }
    let chosen = &lines[rng.usize(0..lines.len())];
    let (number, before) = (chosen["number"].as_u64().unwrap_or(0), chosen["quantity"].as_u64().unwrap_or(0));
    // The only line is not removed: that would be a cancellation.
    let after = if lines.len() > 1 && rng.f64() < 0.3 { 0 } else { rng.u64(0..=UNITS_MAX) };
    let mut body = json!({"lines": [{"line": number, "quantity": after}]});
    if rng.f64() < 0.2 {
        body["priority"] = json!(rng.u32(0..=99));
    }
    if let Some(minor) = seen.body["cash_on_delivery_minor"].as_i64() {
        body["cash_on_delivery_minor"] = json!(minor + rng.i64(-200..=200));
    }
    let mut patch = request(Method::Patch, &merchant.operations, &path)
        .with_header("idempotency-key", stage.new_key("edit"))
        .with_json(&body);
    if rng.f64() < 0.2 {
        patch = patch.with_header("if-match", format!("\"{}\"", seen.body["version"]));
    }
    let answer = stage.door.insist(&patch).await;
    if answer.is_success() {
        lock(&stage.invariants).is_ordered(order, number, after);
    }
    stage.core.mark(came_of_it(answer.status, &answer.body, before, after));
}

/// What the run has come by.
fn came_of_it(status: u16, body: &Value, before: u64, after: u64) -> &'static str {
    if status == 200 {
        return match after {
            0 if before > 0 => "line removed from an order",
            _ if after > before => "units added to an order",
            _ if after < before => "units taken off an order",
            _ => "order edited without change",
        };
    }
    let kind = body["type"].as_str().unwrap_or_default();
    let refused = [
        ("picking-started", "edit refused: picking has started"),
        ("label-purchased", "edit refused: label purchased"),
        ("order-handed-over", "edit refused: handed over"),
        ("handed-over", "edit refused: handed over"),
        ("packed", "edit refused: packed"),
        ("nothing-left", "edit refused: nothing left"),
        ("order-cancelled", "edit refused: order cancelled"),
    ];
    let known = refused.into_iter().find(|(code, _)| kind.ends_with(code));
    known.map_or("edit refused otherwise", |(_, mark)| mark)
}
