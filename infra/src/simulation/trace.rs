//! The readable story of a run: decoded operations with sorted keys, no bytes, no headers, no ids that are not ours.

use std::collections::BTreeMap;

use http::{Request, Response};
use serde_json::Value;
use testkit::connector::{Call, Service};

use super::clock::START_US;

/// The lines so far.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    kept: bool,
    lines: Vec<String>,
}

impl Trace {
    /// A trace that keeps its lines.
    pub(crate) fn kept() -> Self {
        Self { kept: true, lines: Vec::new() }
    }

    /// A trace that forgets: the seed is run again when its story is wanted.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.kept
    }

    pub(crate) fn line(&mut self, now_us: u64, text: &str) {
        if self.kept {
            self.lines.push(format!("{} {text}", instant(now_us)));
        }
    }

    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}

/// Virtual time since the run began.
pub(crate) fn instant(now_us: u64) -> String {
    let us = now_us.saturating_sub(START_US);
    let seconds = us / 1_000_000;
    format!("{:02}:{:02}:{:02}.{:06}", seconds / 3600, seconds / 60 % 60, seconds % 60, us % 1_000_000)
}

/// What a call asks for, and what it got.
pub(crate) fn describe(call: &Call<'_>, answer: &Response<Vec<u8>>) -> String {
    let asked = match call.service {
        Service::DynamoDb | Service::DynamoDbStreams => dynamodb(call.operation, &json(call.request.body())),
        Service::Sqs => sqs(call.operation, &json(call.request.body())),
        Service::S3 => format!("{} {}", call.operation, call.request.uri().path()),
        Service::Partner => partner(call.request),
    };
    format!("{asked} -> {}", outcome(call, answer))
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn key(attributes: &Value) -> String {
    format!("{} {}", text(attributes, "/pk/S"), text(attributes, "/sk/S"))
}

fn dynamodb(operation: &str, body: &Value) -> String {
    let table = text(body, "/TableName");
    match operation {
        "GetItem" | "UpdateItem" | "DeleteItem" => {
            format!("{operation} {table} {}{}", key(&body["Key"]), expression(body))
        }
        "PutItem" => format!("{operation} {table} {}{}", key(&body["Item"]), item(&body["Item"])),
        "Query" => {
            let index = text(body, "/IndexName");
            let values = values(&body["ExpressionAttributeValues"]);
            format!("{operation} {table} {index} {values}")
        }
        "TransactWriteItems" => {
            let parts: Vec<String> = body["TransactItems"].as_array().into_iter().flatten().map(transacted).collect();
            format!("{operation} [{}]", parts.join("; "))
        }
        "BatchWriteItem" | "BatchGetItem" => {
            let tables: BTreeMap<String, usize> = body["RequestItems"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(table, asked)| {
                    let keys = asked["Keys"].as_array().or_else(|| asked.as_array());
                    (table.clone(), keys.map_or(0, Vec::len))
                })
                .collect();
            format!("{operation} {tables:?}")
        }
        other => format!("{other} {table}"),
    }
}

fn transacted(part: &Value) -> String {
    let Some((kind, body)) = part.as_object().and_then(|part| part.iter().next()) else { return String::new() };
    let table = text(body, "/TableName");
    match kind.as_str() {
        "Put" => format!("Put {table} {}{}", key(&body["Item"]), item(&body["Item"])),
        _ => format!("{kind} {table} {}{}", key(&body["Key"]), expression(body)),
    }
}

/// What tells two versions of an item apart: version and states.
fn item(item: &Value) -> String {
    let mut words = String::new();
    for name in ["version", "state", "status", "fulfilment", "delivery", "money"] {
        let value = item[name]["N"].as_str().or_else(|| item[name]["S"].as_str());
        if let Some(value) = value {
            words.push_str(&format!(" {name}={value}"));
        }
    }
    words
}

/// The numbers of an update.
fn expression(body: &Value) -> String {
    let names = &body["ExpressionAttributeNames"];
    let numbers: BTreeMap<String, &str> = body["ExpressionAttributeValues"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(value, given)| {
            let number = given["N"].as_str()?;
            let name = names[value.replace(":d", "#t")].as_str().unwrap_or(value);
            Some((name.to_owned(), number))
        })
        .collect();
    let words: Vec<String> = numbers.into_iter().map(|(name, number)| format!("{name}:{number}")).collect();
    if words.is_empty() { String::new() } else { format!(" {{{}}}", words.join(" ")) }
}

fn values(values: &Value) -> String {
    let values: BTreeMap<&String, String> = values
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name, value["S"].as_str().or_else(|| value["N"].as_str()).unwrap_or("?").to_owned()))
        .collect();
    values.into_values().collect::<Vec<_>>().join(" ")
}

fn sqs(operation: &str, body: &Value) -> String {
    let queue = text(body, "/QueueUrl").rsplit('/').next().unwrap_or_default().to_owned();
    let kinds: Vec<String> = match body["Entries"].as_array() {
        Some(entries) => entries.iter().map(|entry| message(text(entry, "/MessageBody"))).collect(),
        None => vec![message(text(body, "/MessageBody"))],
    };
    let wait = body["VisibilityTimeout"].as_u64().map(|seconds| format!(" {seconds} s")).unwrap_or_default();
    format!("{operation} {queue}{wait} {}", kinds.join(", "))
}

/// A message in a few words.
pub(crate) fn message(body: &str) -> String {
    let body = json(body.as_bytes());
    let kind = text(&body, "/kind");
    let id = ["order", "task", "shipment", "return_id", "sku", "tracking_number"]
        .iter()
        .map(|name| text(&body, &format!("/{name}")))
        .find(|id| !id.is_empty())
        .unwrap_or_else(|| text(&body, "/event/tracking_number"));
    format!("{kind} {id}").trim().to_owned()
}

fn partner(request: &Request<Vec<u8>>) -> String {
    let body = json(request.body());
    let reference = text(&body, "/reference");
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    format!("{} {path} {reference}", request.method()).trim_end().to_owned()
}

fn outcome(call: &Call<'_>, answer: &Response<Vec<u8>>) -> String {
    let status = answer.status().as_u16();
    if answer.status().is_success() {
        let found = match call.operation {
            "GetItem" => match json(answer.body()).get("Item") {
                Some(found) => format!(" found{}", item(found)),
                None => " nothing".to_owned(),
            },
            "Query" => format!(" {} items", json(answer.body())["Items"].as_array().map_or(0, Vec::len)),
            _ => String::new(),
        };
        return format!("{status}{found}");
    }
    let body = json(answer.body());
    let kind = text(&body, "/__type").rsplit('#').next().unwrap_or_default().to_owned();
    let reasons: Vec<&str> =
        body["CancellationReasons"].as_array().into_iter().flatten().map(|reason| text(reason, "/Code")).collect();
    let code = text(&body, "/error/code");
    format!("{status} {kind}{code} {}", reasons.join(",")).trim_end().to_owned()
}
