use std::collections::BTreeSet;
use std::sync::Arc;

use engine::Engine;
use engine::clock::ManualClock;
use engine::dynamodb::Shard;
use engine::dynamodb::adversity::{Adversities, Budgets, Lag};
use http::Request;
use serde_json::{Value, json};

use crate::{NOW_MS, World, count, get, key, order, put};

/// Everything that a run of one script was answered, as bytes.
fn run(seed: u64) -> Vec<String> {
    let lag = Some(Lag { max_ms: 40, per_mille: 500 });
    let budgets = Some(Budgets { write_units: 12, read_units: 20 });
    let world = World::new(Adversities { seed, budgets, stale_reads: lag, index_lag: lag });
    let mut said = Vec::new();
    let note = |said: &mut Vec<String>, operation: &str, body: &Value| {
        let response = world.begin(operation, body).finish();
        said.push(format!("{operation} {} {}", response.status(), String::from_utf8(response.into_body()).unwrap()));
    };
    for n in 0..60_u32 {
        let (o, other) = ((n % 5).to_string(), (n * n % 5).to_string());
        let due = n.to_string();
        let item = order(&o, Some(("due", due.as_str())).filter(|_| n % 3 != 0), &"x".repeat(n as usize * 20));
        let mut create = put(&item);
        create["ConditionExpression"] = json!("attribute_not_exists(pk)");
        create["ReturnValuesOnConditionCheckFailure"] = json!("ALL_OLD");
        note(&mut said, "PutItem", &create);
        let transaction = json!({
            "ClientRequestToken": format!("token-{}", n / 2),
            "ReturnConsumedCapacity": "INDEXES",
            "TransactItems": [{ "Put": put(&item) }, { "Update": count("hot") }],
        });
        let held = world.begin("TransactWriteItems", &transaction);
        note(&mut said, "UpdateItem", &count("hot"));
        note(&mut said, "TransactWriteItems", &transaction);
        let response = held.finish();
        said.push(format!("{} {}", response.status(), String::from_utf8_lossy(response.body())));
        world.clock.advance(u64::from(n * 7 % 23));
        note(&mut said, "GetItem", &get(&o, false));
        note(
            &mut said,
            "BatchGetItem",
            &json!({ "RequestItems": {
            "orders": { "Keys": [key(&o), key("none")] }, "stock": { "Keys": [key("hot"), key("cold")] },
        } }),
        );
        note(
            &mut said,
            "BatchWriteItem",
            &json!({ "RequestItems": {
            "orders": [{ "DeleteRequest": { "Key": key(&other) } }],
            "stock": [{ "PutRequest": { "Item": key("cold") } }],
        } }),
        );
        note(
            &mut said,
            "Query",
            &json!({
                "TableName": "orders", "IndexName": "due", "KeyConditionExpression": "due_pk = :p", "Limit": 2,
                "ExpressionAttributeValues": { ":p": { "S": "due" } },
            }),
        );
        note(&mut said, "PutItem", &json!({ "TableName": "none", "Item": key("a"), "ConditionExpression": "(" }));
    }
    note(&mut said, "ListTables", &json!({}));
    note(&mut said, "Scan", &json!({ "TableName": "orders" }));
    note(&mut said, "DescribeTable", &json!({ "TableName": "orders" }));
    for shard in Shard::all(3) {
        for record in world.engine.dynamodb().shard_records("orders", shard, None, 1000).unwrap() {
            said.push(record.event.to_string());
        }
    }
    said.push(format!("{:?}", world.engine.dynamodb().partition_usage()));
    said
}

/// What queues and buckets answer: ids, receipts, order, headers.
fn run_beside_tables(seed: u64) -> Vec<String> {
    let clock = ManualClock::new(NOW_MS);
    let engine = Engine::memory(Arc::new(clock.clone()), seed).unwrap();
    let mut said = Vec::new();
    let mut ask = |request: http::request::Builder, body: Vec<u8>| {
        let response = engine.call(request.body(body).unwrap());
        let headers: BTreeSet<String> = response.headers().iter().map(|(n, v)| format!("{n}: {v:?}")).collect();
        said.push(format!("{} {headers:?} {}", response.status(), String::from_utf8_lossy(response.body())));
    };
    let sqs =
        |action: &str| Request::post("http://engine.local/").header("x-amz-target", format!("AmazonSQS.{action}"));
    let url = "http://engine.local/000000000000/orders";
    ask(sqs("CreateQueue"), json!({ "QueueName": "orders" }).to_string().into_bytes());
    ask(Request::put("http://engine.local/documents"), Vec::new());
    for n in 0..20 {
        let send = json!({ "QueueUrl": url, "MessageBody": n.to_string(), "MessageGroupId": format!("m-{}", n % 3) });
        ask(sqs("SendMessage"), send.to_string().into_bytes());
        let receive =
            json!({ "QueueUrl": url, "MaxNumberOfMessages": n % 4 + 1, "MessageSystemAttributeNames": ["All"] });
        ask(sqs("ReceiveMessage"), receive.to_string().into_bytes());
        ask(Request::put(format!("http://engine.local/documents/o{}", n % 7)), vec![b'x'; n]);
        ask(Request::get(format!("http://engine.local/documents/o{}", n % 5)), Vec::new());
        clock.advance(7000);
    }
    ask(Request::get("http://engine.local/documents?list-type=2&max-keys=3"), Vec::new());
    said
}

#[test]
fn queues_and_buckets_repeat_too() {
    let first = run_beside_tables(11);
    assert_eq!(first, run_beside_tables(11));
    assert_ne!(first, run_beside_tables(12), "the seed decides");
}

#[test]
fn a_run_repeats_byte_for_byte() {
    let (first, second) = (run(11), run(11));
    for (one, other) in first.iter().zip(&second) {
        assert_eq!(one, other);
    }
    assert_eq!(first.len(), second.len());
    let text = first.concat();
    for mark in [
        "TransactionConflictException",
        "TransactionInProgressException",
        "ThrottlingError",
        "ProvisionedThroughputExceededException",
        "ConditionalCheckFailedException",
        "ConditionalCheckFailed",
        "\"UnprocessedItems\":{\"",
    ] {
        assert!(text.contains(mark), "the script never met {mark}");
    }
    assert_ne!(first, run(12), "the seed decides");
}
