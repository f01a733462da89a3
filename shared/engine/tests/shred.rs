//! What is deleted from a table of personal data leaves no byte in the files.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::Path;
use std::sync::Arc;

use engine::Engine;
use engine::clock::ManualClock;
use serde_json::{Value, json};

const NAME: &str = "Distinctive-Person-71";

fn open(dir: &Path) -> Engine {
    let engine = Engine::open(dir, Arc::new(ManualClock::new(1_770_000_000_000)), 7).unwrap();
    engine.dynamodb().shred_what_leaves("people");
    engine
}

fn call(engine: &Engine, operation: &str, body: Value) {
    let answer = engine.dynamodb().call(operation, body.to_string().as_bytes());
    assert!(answer.status().is_success(), "{}", String::from_utf8_lossy(answer.body()));
}

fn prepared(dir: &Path) -> Engine {
    let engine = open(dir);
    for table in ["people", "orders"] {
        call(
            &engine,
            "CreateTable",
            json!({
                "TableName": table, "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            }),
        );
    }
    for number in 0..50 {
        call(&engine, "PutItem", new(number, NAME));
    }
    engine
}

fn put(number: u32, name: &str) -> Value {
    json!({"TableName": "people", "Item": {"pk": {"S": number.to_string()}, "name": {"S": name.repeat(40)}}})
}

fn new(number: u32, name: &str) -> Value {
    let mut put = put(number, name);
    put["ConditionExpression"] = json!("attribute_not_exists(pk)");
    put
}

/// In how many files of the directory the name is.
fn traces(dir: &Path) -> usize {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let has_name = |path: &std::path::PathBuf| {
        std::fs::read(path).unwrap().windows(NAME.len()).any(|window| window == NAME.as_bytes())
    };
    files.filter(has_name).count()
}

#[test]
fn what_was_deleted_or_replaced_is_in_no_file_after_shredding() {
    let dir = tempfile::tempdir().unwrap();
    let engine = prepared(dir.path());
    assert!(!engine.dynamodb().shred().unwrap(), "nothing left the table");
    for number in 0..50 {
        match number % 2 {
            0 => call(&engine, "DeleteItem", json!({"TableName": "people", "Key": {"pk": {"S": number.to_string()}}})),
            _ => call(&engine, "TransactWriteItems", json!({"TransactItems": [{"Put": put(number, "-")}]})),
        }
    }
    assert!(traces(dir.path()) > 0, "deleting alone leaves traces: else this shows nothing");
    assert!(engine.dynamodb().shred().unwrap());
    assert_eq!(traces(dir.path()), 0);
    assert!(!engine.dynamodb().shred().unwrap());
    call(&engine, "PutItem", new(99, "still here"));
}

#[test]
fn what_was_not_shredded_before_the_end_is_after_the_restart() {
    let dir = tempfile::tempdir().unwrap();
    let engine = prepared(dir.path());
    for number in 0..50 {
        call(&engine, "PutItem", put(number, "-"));
    }
    // It ends before its housekeeping comes round.
    drop(engine);
    assert!(traces(dir.path()) > 0);
    let restarted = open(dir.path());
    assert!(restarted.dynamodb().shred().unwrap());
    assert_eq!(traces(dir.path()), 0);
}

#[test]
fn other_tables_may_change_at_no_cost() {
    let dir = tempfile::tempdir().unwrap();
    let engine = prepared(dir.path());
    call(&engine, "PutItem", json!({"TableName": "orders", "Item": {"pk": {"S": "1"}}}));
    call(&engine, "DeleteItem", json!({"TableName": "orders", "Key": {"pk": {"S": "1"}}}));
    assert!(!engine.dynamodb().shred().unwrap());
}
