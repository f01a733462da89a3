//! Makes the tables, queues and buckets that the template declares, on a first start and on every later one.

use axum::http::{Request, Response};
use engine::Engine;
use engine::queues::{AttributeChanges, RedrivePolicy};
use serde_json::{Value, json};

use super::services::ServiceError;
use crate::template::model::{Bucket, Queue, Stack, Table};

/// Why a resource is not as the template declares it.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// What can only be chosen at creation has changed in the template.
    #[error(
        "table {table} exists with another {what} than the template declares. Start once with --fresh (which deletes all data), or take the change back"
    )]
    Changed {
        /// The table.
        table: String,
        /// What differs.
        what: &'static str,
    },
    /// The engine refuses what the template asks for.
    #[error("{resource}: {message}")]
    Refused {
        /// What was to be made.
        resource: String,
        /// The engine's reason.
        message: String,
    },
    /// The engine failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A queue is refused.
    #[error("queue {queue}: {source}")]
    Queue {
        /// Its name.
        queue: String,
        /// The engine's reason.
        source: engine::queues::QueueError,
    },
}

/// Makes everything. What exists already stays as it is, data included.
pub(crate) fn all(engine: &Engine, stack: &Stack) -> Result<(), ProvisionError> {
    for one in &stack.tables {
        table(engine, one)?;
    }
    // A queue names its dead-letter queue, which must exist before it.
    let (with, without): (Vec<&Queue>, Vec<&Queue>) = stack.queues.iter().partition(|queue| queue.redrive.is_some());
    for one in without.into_iter().chain(with) {
        queue(engine, one)?;
    }
    for one in &stack.buckets {
        bucket(engine, one)?;
    }
    Ok(())
}

fn table(engine: &Engine, table: &Table) -> Result<(), ProvisionError> {
    let resource = || format!("table {}", table.name);
    let name = json!({"TableName": table.name});
    match dynamodb(engine, "DescribeTable", &name) {
        Ok(described) => {
            if let Some(what) = difference(&table.create, &described["Table"]) {
                return Err(ProvisionError::Changed { table: table.name.clone(), what });
            }
        }
        Err(refusal) if refusal.kind == "ResourceNotFoundException" => {
            dynamodb(engine, "CreateTable", &table.create).map_err(|refusal| refusal.of(resource()))?;
        }
        Err(refusal) => return Err(refusal.of(resource())),
    }
    let Some(attribute) = &table.time_to_live_attribute else {
        return Ok(());
    };
    let ttl = dynamodb(engine, "DescribeTimeToLive", &name).map_err(|refusal| refusal.of(resource()))?;
    if ttl["TimeToLiveDescription"]["AttributeName"] == json!(attribute) {
        return Ok(());
    }
    let change = json!({
        "TableName": table.name,
        "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true},
    });
    dynamodb(engine, "UpdateTimeToLive", &change).map_err(|refusal| refusal.of(resource()))?;
    Ok(())
}

/// What of an existing table can no longer become what the template declares.
fn difference(declared: &Value, existing: &Value) -> Option<&'static str> {
    if declared["KeySchema"] != existing["KeySchema"] {
        return Some("key schema");
    }
    if sorted(&declared["AttributeDefinitions"], "AttributeName")
        != sorted(&existing["AttributeDefinitions"], "AttributeName")
    {
        return Some("set of key attributes");
    }
    for (kind, what) in [
        ("GlobalSecondaryIndexes", "set of global secondary indexes"),
        ("LocalSecondaryIndexes", "set of local secondary indexes"),
    ] {
        let shape = |table: &Value| -> Vec<Value> {
            sorted(&table[kind], "IndexName")
                .iter()
                .map(|index| json!([index["IndexName"], index["KeySchema"], index["Projection"]["ProjectionType"]]))
                .collect()
        };
        if shape(declared) != shape(existing) {
            return Some(what);
        }
    }
    let stream = |table: &Value| {
        let stream = &table["StreamSpecification"];
        (stream["StreamEnabled"] == json!(true)).then(|| stream["StreamViewType"].clone())
    };
    (stream(declared) != stream(existing)).then_some("stream")
}

fn sorted(list: &Value, by: &str) -> Vec<Value> {
    let mut list = list.as_array().cloned().unwrap_or_default();
    list.sort_by_key(|entry| entry[by].to_string());
    list
}

fn queue(engine: &Engine, queue: &Queue) -> Result<(), ProvisionError> {
    let changes = AttributeChanges {
        visibility_timeout_seconds: Some(queue.visibility_timeout_s),
        retention_seconds: Some(queue.message_retention_s),
        redrive_policy: queue.redrive.as_ref().map(|redrive| {
            Some(RedrivePolicy {
                dead_letter_queue: redrive.dead_letter_queue.clone(),
                max_receive_count: redrive.max_receive_count,
            })
        }),
        ..AttributeChanges::default()
    };
    match engine.queues().declare(&queue.name, &changes) {
        Ok(_) => Ok(()),
        Err(source) => Err(ProvisionError::Queue { queue: queue.name.clone(), source }),
    }
}

fn bucket(engine: &Engine, bucket: &Bucket) -> Result<(), ProvisionError> {
    let refused = |message: String| ProvisionError::Refused { resource: format!("bucket {}", bucket.name), message };
    let mut request = Request::new(Vec::new());
    *request.method_mut() = axum::http::Method::PUT;
    *request.uri_mut() = format!("/{}", bucket.name).parse().map_err(|error| refused(format!("its name: {error}")))?;
    // The host itself needs no signature.
    let response: Response<Vec<u8>> = engine.objects().call(&request, None);
    let body = String::from_utf8_lossy(response.body());
    if response.status().is_success() || body.contains("BucketAlreadyOwnedByYou") {
        Ok(())
    } else {
        Err(refused(format!("{}: {body}", response.status())))
    }
}

struct Refusal {
    kind: String,
    message: String,
}

impl Refusal {
    fn of(self, resource: String) -> ProvisionError {
        ProvisionError::Refused { resource, message: format!("{}: {}", self.kind, self.message) }
    }
}

fn dynamodb(engine: &Engine, operation: &str, body: &Value) -> Result<Value, Refusal> {
    let refused = |kind: &str, message: String| Refusal { kind: kind.to_owned(), message };
    let request = Request::post("/")
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("content-type", "application/x-amz-json-1.0")
        .body(body.to_string().into_bytes())
        .map_err(|error| refused("request", error.to_string()))?;
    let response = engine.call(request);
    let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    if response.status().is_success() {
        return Ok(answer);
    }
    let kind = answer["__type"].as_str().unwrap_or_default();
    let message = answer["message"].as_str().or_else(|| answer["Message"].as_str()).unwrap_or_default();
    Err(refused(kind.rsplit('#').next().unwrap_or(kind), message.to_owned()))
}
