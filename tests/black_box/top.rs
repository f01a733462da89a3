//! `cargo local top` shows what the running stack does. Of `cargo local` alone, as `restart`.

use crate::shop::{now, shopper, webhook};
use crate::stack::{Process, free_ports, sqs};
use infra::demo::api::Api;
use infra::demo::setup::set_up;
use infra::sandbox::ShopOrder;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn top(data: &Path, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sklad")).arg("top").arg("--data").arg(data).args(options).output().unwrap()
}

fn shown(data: &Path, options: &[&str]) -> String {
    let output = top(data, options);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Sum of a business metric over its series with this state.
fn metric(report: &Value, name: &str, state: &str) -> f64 {
    let all = report["metrics"].as_array().unwrap().iter();
    let own = all.filter(|metric| metric["name"] == name && metric["dimensions"]["State"] == state);
    own.map(|metric| metric["sum"].as_f64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_order_sets_going_is_shown_by_the_next_look() {
    let data = tempfile::tempdir().unwrap();
    let ports = free_ports();
    let refused = top(data.path(), &["--once"]);
    assert!(!refused.status.success());
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("start one with `cargo local`"), "{message}");

    let (process, endpoints) = Process::start(data.path(), ports).await;
    let world = set_up(&endpoints, "Top").await.unwrap();
    world.stock_up(|_, location| if location == "SOF1" { 5 } else { 0 }).await.unwrap();
    let order = ShopOrder::new(21, 21, now(), shopper()).line("CUP-BLUE", "Чаша", 2, 100);
    let id = webhook(&world, &order, now()).await;
    world.pick_tasks(&id, 1).await.unwrap();
    let letter = serde_json::json!({
        "QueueUrl": format!("http://127.0.0.1:{}/000000000000/picks-dead-letters", ports[1]),
        "MessageBody": "unreadable",
    });
    sqs(&format!("http://127.0.0.1:{}", ports[1]), "SendMessage", &letter).await;

    // A metric's line is on its way through a pipe when the order is seen already.
    let aws = Api::new(&format!("http://127.0.0.1:{}", ports[1]), "none");
    let counted = |report: &Value| {
        let entered = |state| metric(report, "OrdersEntered", state);
        (entered("received") == 1.0 && entered("allocated") == 1.0).then_some(())
    };
    aws.until("the metrics of the order", "/_sklad/status", counted).await.unwrap();

    let text = shown(data.path(), &["--once", "--json", "--every", "0.5"]);
    assert_eq!(text.lines().count(), 1, "{text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    let number =
        |pointer: &str| report.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer}: {text}"));
    let orders: f64 = report["orders"]["by_state"].as_object().unwrap().values().filter_map(Value::as_f64).sum();
    assert_eq!(orders, 1.0, "{text}");
    for function in ["order-intake", "stock-reservation", "pick-pack", "relay"] {
        assert!(number(&format!("/functions/{function}/invocations")) >= 1.0, "{function}: {text}");
        assert!(number(&format!("/functions/{function}/durations/p50_ms")) > 0.0, "{function}: {text}");
        assert!(number(&format!("/functions/{function}/cold_starts")) >= 1.0, "{function}: {text}");
        assert_eq!(number(&format!("/functions/{function}/errors")), 0.0, "{function}: {text}");
        assert!(number(&format!("/per_second/invocations/{function}")) >= 0.0, "{function}: {text}");
    }
    let tables = report["tables"].as_object().unwrap();
    let written: f64 = tables.values().filter_map(|units| units["write"].as_f64()).sum();
    assert!(written >= 20.0, "an order's way costs some units: {text}");
    assert_eq!(number("/queues/picks/visible"), 0.0);
    assert_eq!(report["queues"]["picks"]["dead_letter_queue"], "picks-dead-letters");
    assert_eq!(number("/queues/picks-dead-letters/visible"), 1.0);
    assert!(number("/queues/picks-dead-letters/oldest_age_ms") > 0.0);

    // Figures only: what top shows names no order, merchant or person.
    let shopper = shopper();
    for secret in [id.as_str(), &world.merchant, &shopper.name, shopper.email.as_deref().unwrap()] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }

    // To a pipe there are no escape codes, and the dead letter is marked.
    let text = shown(data.path(), &["--once", "--every", "0.5"]);
    assert!(!text.contains('\u{1b}'), "{text}");
    let picks = text.lines().find(|line| line.starts_with("picks ")).unwrap();
    assert!(picks.ends_with("1!"), "{text}");

    process.kill();
    assert!(!top(data.path(), &["--once"]).status.success(), "its address is still noted, and nobody answers");
}
