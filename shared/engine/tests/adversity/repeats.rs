use engine::dynamodb::Shard;
use engine::dynamodb::adversity::{Adversities, Budgets, Lag};
use serde_json::{Value, json};

use crate::{World, count, get, key, order, put};

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
    for shard in Shard::all(3) {
        for record in world.engine.dynamodb().shard_records("orders", shard, None, 1000).unwrap() {
            said.push(record.event.to_string());
        }
    }
    said.push(format!("{:?}", world.engine.dynamodb().partition_usage()));
    said
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
