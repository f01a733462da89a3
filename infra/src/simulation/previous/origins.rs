//! Which code wrote what: known at the gates, which every write passes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use testkit::connector::{Call, Service};

use super::Version;

/// What the runs of an upgrade must have come by.
pub const MARKS: [&str; 9] = [
    "invocation of old code",
    "invocation of new code",
    "old code read what new code wrote",
    "new code read what old code wrote",
    "old code changed what new code wrote",
    "new code changed what old code wrote",
    "old code got a message of new code",
    "new code got a message of old code",
    "deployment taken back",
];

/// Who wrote the items, stream records and messages of a run. Only tables with a stream are seen.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    items: BTreeMap<String, Version>,
    records: BTreeMap<String, Version>,
    messages: BTreeMap<String, Version>,
}

impl Origins {
    /// A call was answered: whether it read one item that the other version wrote.
    pub(crate) fn read(&self, by: Version, call: &Call<'_>) -> Option<&'static str> {
        if call.service != Service::DynamoDb || call.operation != "GetItem" {
            return None;
        }
        let body: Value = serde_json::from_slice(call.request.body()).ok()?;
        let writer = *self.items.get(&item(body["TableName"].as_str()?, &body["Key"]))?;
        (writer != by).then_some(read_by(by))
    }

    /// A write became a record of a stream: whether it changed what the other version wrote.
    pub(crate) fn wrote(&mut self, by: Version, record: &Value) -> Option<&'static str> {
        let change = &record["dynamodb"];
        let before = self.items.insert(item(table(record), &change["Keys"]), by);
        self.records.insert(place(record), by);
        for message in messages(&change["NewImage"]).unwrap_or_default() {
            self.messages.insert(message, by);
        }
        before.filter(|writer| *writer != by).map(|_| match by {
            Version::Old => "old code changed what new code wrote",
            Version::New => "new code changed what old code wrote",
        })
    }

    /// An event is handed over: what it has of the other version.
    pub(crate) fn delivered(&self, to: Version, event: &Value) -> BTreeSet<&'static str> {
        let mut marks = BTreeSet::from([match to {
            Version::Old => "invocation of old code",
            Version::New => "invocation of new code",
        }]);
        for record in event["Records"].as_array().into_iter().flatten() {
            let of_stream = record.get("dynamodb").is_some();
            let writer = if of_stream {
                self.records.get(&place(record))
            } else {
                record["body"].as_str().and_then(canonical).and_then(|message| self.messages.get(&message))
            };
            if writer.is_some_and(|writer| *writer != to) {
                marks.insert(match (of_stream, to) {
                    (true, _) => read_by(to),
                    (false, Version::Old) => "old code got a message of new code",
                    (false, Version::New) => "new code got a message of old code",
                });
            }
        }
        marks
    }
}

fn read_by(version: Version) -> &'static str {
    match version {
        Version::Old => "old code read what new code wrote",
        Version::New => "new code read what old code wrote",
    }
}

fn table(record: &Value) -> &str {
    record["eventSourceARN"].as_str().and_then(|arn| arn.split('/').nth(1)).unwrap_or_default()
}

fn item(table: &str, keys: &Value) -> String {
    format!("{table} {} {}", keys["pk"]["S"], keys["sk"]["S"])
}

fn place(record: &Value) -> String {
    format!("{} {}", table(record), record["dynamodb"]["SequenceNumber"])
}

/// The messages that a commit stored, as they are sent. An outbox of an older commit is none of this write's.
fn messages(image: &Value) -> Option<Vec<String>> {
    let outbox: Value = serde_json::from_str(image["outbox"]["S"].as_str()?).ok()?;
    let version: u64 = image["version"]["N"].as_str()?.parse().ok()?;
    let of = outbox["version"].as_u64()?;
    if of != 0 && of != version {
        return None;
    }
    let messages = outbox["messages"].as_array()?.iter().map(|message| {
        let mut message = message.clone();
        // A level's outbox cannot name the version that its write makes: the relay does.
        message["version"] = version.into();
        message.to_string()
    });
    Some(messages.collect())
}

/// The same text for the same message, whoever wrote it down: names are sorted.
fn canonical(body: &str) -> Option<String> {
    serde_json::from_str::<Value>(body).ok().map(|message| message.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn write(number: &str) -> Value {
        let outbox =
            json!({"version": 3, "messages": [{"kind": "reserve", "version": 3, "order": "ord_1"}]}).to_string();
        json!({
            "eventSourceARN": "arn:aws:dynamodb:r:a:table/orders/stream/x",
            "dynamodb": {
                "Keys": {"pk": {"S": "p"}, "sk": {"S": "order"}}, "SequenceNumber": number,
                "NewImage": {"version": {"N": "3"}, "outbox": {"S": outbox}},
            },
        })
    }

    #[test]
    fn what_the_other_version_wrote_is_told_where_it_is_changed_and_where_it_is_delivered() {
        let mut origins = Origins::default();
        assert_eq!(origins.wrote(Version::New, &write("1")), None);
        assert_eq!(origins.wrote(Version::New, &write("2")), None);
        let told = origins.delivered(Version::Old, &json!({"Records": [write("1")]}));
        assert!(told.contains("old code read what new code wrote"), "{told:?}");
        let body = r#"{"order":"ord_1","kind":"reserve","version":3}"#;
        let told = origins.delivered(Version::Old, &json!({"Records": [{"body": body}]}));
        assert!(told.contains("old code got a message of new code"), "{told:?}");
        let told = origins.delivered(Version::New, &json!({"Records": [{"body": body}, write("2")]}));
        assert_eq!(told, BTreeSet::from(["invocation of new code"]));
        assert_eq!(origins.wrote(Version::Old, &write("3")), Some("old code changed what new code wrote"));
    }
}
