//! What load does to DynamoDB, seen through the wire: budgets, conflicts, late reads, tokens, shards, and that a
//! run can be repeated.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod budgets;
mod conflicts;
mod lag;
mod repeats;
mod shards;
mod tokens;

use std::sync::Arc;

use engine::clock::{Clock, ManualClock};
use engine::dynamodb::adversity::{Adversities, PartitionUsage};
use engine::{Engine, Ticket};
use http::Request;
use serde_json::{Value, json};

pub(crate) const NOW_MS: u64 = 1_770_000_000_000;

/// An engine with a table `orders` (index `due`, stream) and a table `stock`.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) engine: Engine,
}

impl World {
    pub(crate) fn new(adversities: Adversities) -> Self {
        let clock = ManualClock::new(NOW_MS);
        let engine = Engine::memory(Arc::new(clock.clone()), 7).unwrap();
        engine.dynamodb().set_adversities(adversities);
        let world = Self { clock, engine };
        for table in [orders(), table("stock")] {
            world.ok("CreateTable", &table);
        }
        world
    }

    pub(crate) fn begin(&self, operation: &str, body: &Value) -> Ticket {
        let request = Request::post("http://engine.local/")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .body(body.to_string().into_bytes())
            .unwrap();
        self.engine.begin(request)
    }

    pub(crate) fn call(&self, operation: &str, body: &Value) -> Result<Value, Value> {
        answer(self.begin(operation, body))
    }

    pub(crate) fn ok(&self, operation: &str, body: &Value) -> Value {
        self.call(operation, body).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The class of the error, without its namespace.
    pub(crate) fn refused(&self, operation: &str, body: &Value) -> String {
        class(&self.call(operation, body).expect_err("a refusal"))
    }

    pub(crate) fn usage(&self, table: &str, index: Option<&str>, key: &str) -> PartitionUsage {
        let all = self.engine.dynamodb().partition_usage();
        let wanted = |u: &&PartitionUsage| {
            u.partition.table == table && u.partition.index.as_deref() == index && u.partition.key == key
        };
        all.iter().find(wanted).unwrap_or_else(|| panic!("{table} {index:?} {key} among {all:?}")).clone()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }
}

pub(crate) fn answer(ticket: Ticket) -> Result<Value, Value> {
    let response = ticket.finish();
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    if response.status().is_success() { Ok(body) } else { Err(body) }
}

pub(crate) fn class(error: &Value) -> String {
    error["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned()
}

/// The codes of a cancelled transaction's items.
pub(crate) fn reasons(error: &Value) -> Vec<String> {
    assert_eq!(class(error), "TransactionCanceledException", "{error}");
    let reasons = error["CancellationReasons"].as_array().unwrap();
    reasons.iter().map(|reason| reason["Code"].as_str().unwrap().to_owned()).collect()
}

fn table(name: &str) -> Value {
    json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": keys("pk", "sk"),
        "AttributeDefinitions": attributes(&["pk", "sk"]),
    })
}

fn orders() -> Value {
    let mut table = table("orders");
    table["AttributeDefinitions"] = attributes(&["pk", "sk", "due_pk", "due_sk"]);
    table["GlobalSecondaryIndexes"] = json!([{
        "IndexName": "due",
        "KeySchema": keys("due_pk", "due_sk"),
        "Projection": { "ProjectionType": "KEYS_ONLY" },
    }]);
    table["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" });
    table
}

fn keys(pk: &str, sk: &str) -> Value {
    json!([{ "AttributeName": pk, "KeyType": "HASH" }, { "AttributeName": sk, "KeyType": "RANGE" }])
}

fn attributes(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "AttributeName": name, "AttributeType": "S" })).collect()
}

pub(crate) fn key(pk: &str) -> Value {
    json!({ "pk": { "S": pk }, "sk": { "S": "order" } })
}

/// An order that is due at `due` in the index partition `shard`; in no index without.
pub(crate) fn order(pk: &str, due: Option<(&str, &str)>, state: &str) -> Value {
    let mut item = key(pk);
    item["state"] = json!({ "S": state });
    if let Some((shard, instant)) = due {
        item["due_pk"] = json!({ "S": shard });
        item["due_sk"] = json!({ "S": instant });
    }
    item
}

pub(crate) fn put(item: &Value) -> Value {
    json!({ "TableName": "orders", "Item": item })
}

pub(crate) fn get(pk: &str, consistent: bool) -> Value {
    json!({ "TableName": "orders", "Key": key(pk), "ConsistentRead": consistent })
}

/// Adds one to a counter in `stock`.
pub(crate) fn count(pk: &str) -> Value {
    json!({
        "TableName": "stock",
        "Key": key(pk),
        "UpdateExpression": "ADD taken :one",
        "ExpressionAttributeValues": { ":one": { "N": "1" } },
    })
}
