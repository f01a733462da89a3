//! `kill -9` loses nothing that was acknowledged.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use engine::Engine;
use engine::clock::ManualClock;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

const DIR: &str = "ENGINE_KILL_TEST_DIR";

fn open(dir: &Path) -> Engine {
    Engine::open(dir, Arc::new(ManualClock::new(1_770_000_000_000)), 7).unwrap()
}

fn ok(answer: Response<Vec<u8>>) -> Value {
    let body = String::from_utf8_lossy(answer.body()).into_owned();
    assert_eq!(answer.status(), StatusCode::OK, "{body}");
    serde_json::from_str(&body).unwrap_or_default()
}

fn json_call(engine: &Engine, target: &str, body: Value) -> Value {
    let request = Request::post("/").header("x-amz-target", target).body(body.to_string().into_bytes()).unwrap();
    ok(engine.call(request))
}

fn put_object(engine: &Engine, path: &str, body: &str) {
    let request = Request::put(path).body(body.as_bytes().to_vec()).unwrap();
    ok(engine.call(request));
}

/// Not a test of its own: the process that the next test kills.
#[test]
#[ignore = "run, and killed, by the test beside it"]
fn a_writer_until_killed() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let engine = open(Path::new(&dir));
    json_call(
        &engine,
        "DynamoDB_20120810.CreateTable",
        json!({
            "TableName": "orders", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"},
        }),
    );
    let queue = json_call(&engine, "AmazonSQS.CreateQueue", json!({"QueueName": "picks"}));
    put_object(&engine, "/docs", "");
    for number in 0.. {
        let name = format!("n{number}");
        json_call(&engine, "DynamoDB_20120810.PutItem", json!({"TableName": "orders", "Item": {"pk": {"S": name}}}));
        json_call(&engine, "AmazonSQS.SendMessage", json!({"QueueUrl": queue["QueueUrl"], "MessageBody": name}));
        put_object(&engine, &format!("/docs/{name}"), &name);
        println!("acknowledged {number}");
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_writer_until_killed", "--ignored", "--nocapture"])
        .env(DIR, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut acknowledged = None;
    let mut killed = false;
    for line in lines.by_ref() {
        if let Some(number) = line.unwrap().strip_prefix("acknowledged ") {
            let number: u32 = number.parse().unwrap();
            acknowledged = Some(number);
            if number >= 40 && !killed {
                writer.kill().unwrap();
                killed = true;
            }
        }
    }
    writer.wait().unwrap();
    let last = acknowledged.expect("the writer got somewhere");
    assert!(killed);

    let engine = open(dir.path());
    let records = engine.dynamodb().stream_records("orders", None, 1000).unwrap();
    assert!(records.len() > last as usize);
    for number in 0..=last {
        let name = format!("n{number}");
        let item =
            json_call(&engine, "DynamoDB_20120810.GetItem", json!({"TableName": "orders", "Key": {"pk": {"S": name}}}));
        assert_eq!(item["Item"]["pk"]["S"], name);
        let object = engine.call(Request::get(format!("/docs/{name}")).body(Vec::new()).unwrap());
        assert_eq!(object.body(), name.as_bytes());
    }
    let queue = json_call(&engine, "AmazonSQS.GetQueueUrl", json!({"QueueName": "picks"}));
    let depth = json_call(
        &engine,
        "AmazonSQS.GetQueueAttributes",
        json!({"QueueUrl": queue["QueueUrl"], "AttributeNames": ["ApproximateNumberOfMessages"]}),
    );
    let depth: u32 = depth["Attributes"]["ApproximateNumberOfMessages"].as_str().and_then(|d| d.parse().ok()).unwrap();
    assert!(depth > last);
}
