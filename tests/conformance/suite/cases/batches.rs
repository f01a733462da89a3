//! Batches: every entry stands for itself, or the whole batch is refused.

use super::super::client::{Queue, Refusal, Sqs, refusal};
use super::super::{Case, Outcome, same};
use serde_json::{Value, json};

const BATCHES: &str = "SQSDeveloperGuide/sqs-batch-api-actions";
const SEND: &str = "APIReference/API_SendMessageBatch";

pub(super) const CASES: &[Case] = &[
    Case::api("ten messages are sent, received, hidden and deleted at once", BATCHES, ten),
    Case::api("a batch holds one to ten entries", SEND, entry_count),
    Case::api("the ids of a batch are distinct", SEND, distinct_ids),
    Case::api("an id is 1 to 80 letters, digits, hyphens and underscores", SEND, id_form),
    Case::api("the messages of a batch are at most 1 MiB together", SEND, total_size),
    Case::api("a bad entry fails by itself", SEND, one_bad),
    Case::api("each message of a batch has its own delay and group", SEND, own_parameters),
    Case::api("a bad handle in a batch fails by itself", "APIReference/API_DeleteMessageBatch", bad_handle),
];

const fn batch(shape: &'static str, query: &'static str) -> Refusal {
    refusal(shape, query)
}

fn entries(count: usize) -> Value {
    (0..count).map(|number| json!({"Id": format!("e{number}"), "MessageBody": number.to_string()})).collect()
}

/// The ids under `Successful`, in order; and those under `Failed` with code and fault.
fn outcomes(answer: &Value) -> (Vec<&str>, Vec<(&str, &str, bool)>) {
    let list = |name: &str| answer.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut good: Vec<&str> = list("Successful").iter().filter_map(|entry| entry["Id"].as_str()).collect();
    good.sort_unstable();
    let bad = list("Failed")
        .iter()
        .map(|entry| {
            let field = |name: &str| entry[name].as_str().unwrap_or_default();
            (field("Id"), field("Code"), entry["SenderFault"].as_bool().unwrap_or_default())
        })
        .collect();
    (good, bad)
}

fn with_handles(queue: &Queue<'_>, extra: &Value) -> Result<Value, String> {
    let mut entries = Vec::new();
    for (number, message) in queue.receive(10)?.iter().enumerate() {
        let mut entry = json!({"Id": format!("e{number}"), "ReceiptHandle": message.handle()?});
        for (name, value) in extra.as_object().into_iter().flatten() {
            entry[name] = value.clone();
        }
        entries.push(entry);
    }
    Ok(json!({"Entries": entries}))
}

fn ten(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let ids = ["e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9"];
    let sent = queue.call("SendMessageBatch", json!({"Entries": entries(10)}))?;
    same("sent", outcomes(&sent), (ids.to_vec(), vec![]))?;
    let shown = with_handles(&queue, &json!({"VisibilityTimeout": 0}))?;
    let shown = queue.call("ChangeMessageVisibilityBatch", shown)?;
    same("made visible", outcomes(&shown), (ids.to_vec(), vec![]))?;
    let deleted = queue.call("DeleteMessageBatch", with_handles(&queue, &json!({}))?)?;
    same("deleted", outcomes(&deleted), (ids.to_vec(), vec![]))?;
    same("ready, in flight, delayed", queue.counts()?, ["0", "0", "0"].map(str::to_owned))
}

fn entry_count(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let many = batch("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest");
    let none = batch("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest");
    queue.refused("SendMessageBatch", json!({"Entries": entries(11)}), many)?;
    for action in ["SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"] {
        queue.refused(action, json!({"Entries": []}), none)?;
    }
    queue.nothing("though every batch was refused")
}

fn distinct_ids(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let twice = json!([{"Id": "a", "MessageBody": "1"}, {"Id": "a", "MessageBody": "2"}]);
    let refusal = batch("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct");
    queue.refused("SendMessageBatch", json!({"Entries": twice}), refusal)?;
    queue.nothing("though the batch was refused")
}

fn id_form(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let refusal = batch("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId");
    let long = "a".repeat(81);
    for id in ["", "a b", "a.b", long.as_str()] {
        let entries = json!([{"Id": id, "MessageBody": "1"}]);
        queue.refused("SendMessageBatch", json!({"Entries": entries}), refusal)?;
    }
    let entries = json!([{"Id": "a".repeat(80), "MessageBody": "1"}, {"Id": "A-z_9", "MessageBody": "1"}]);
    queue.call("SendMessageBatch", json!({"Entries": entries})).map(drop)
}

fn total_size(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let half = "a".repeat(524_288);
    let of = |second: &str| json!([{"Id": "a", "MessageBody": half}, {"Id": "b", "MessageBody": second}]);
    let refusal = batch("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong");
    queue.refused("SendMessageBatch", json!({"Entries": of(&format!("{half}a"))}), refusal)?;
    let sent = queue.call("SendMessageBatch", json!({"Entries": of(&half)}))?;
    same("sent", outcomes(&sent), (vec!["a", "b"], vec![]))
}

fn one_bad(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let entries = json!([
        {"Id": "good", "MessageBody": "1"},
        {"Id": "delay", "MessageBody": "2", "DelaySeconds": 901},
        {"Id": "text", "MessageBody": "3\u{0}"},
    ]);
    let answer = queue.call("SendMessageBatch", json!({"Entries": entries}))?;
    let (good, mut bad) = outcomes(&answer);
    bad.sort_unstable();
    same("sent", good, vec!["good"])?;
    let expected = vec![("delay", "InvalidParameterValue", true), ("text", "InvalidMessageContents", true)];
    same("failed", bad, expected)?;
    same("the body", queue.one()?.body(), "1")
}

fn own_parameters(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let entries = json!([
        {"Id": "a", "MessageBody": "now", "MessageGroupId": "one"},
        {"Id": "b", "MessageBody": "late", "MessageGroupId": "two", "DelaySeconds": 1},
    ]);
    queue.call("SendMessageBatch", json!({"Entries": entries}))?;
    let now = queue.one()?;
    same("first", (now.body(), now.system("MessageGroupId")), ("now", Some("one")))?;
    sqs.pass_s(1);
    let late = queue.one()?;
    same("second", (late.body(), late.system("MessageGroupId")), ("late", Some("two")))
}

fn bad_handle(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send("a")?;
    let mut request = with_handles(&queue, &json!({}))?;
    if let Some(entries) = request["Entries"].as_array_mut() {
        entries.push(json!({"Id": "bad", "ReceiptHandle": "invented"}));
    }
    let answer = queue.call("DeleteMessageBatch", request)?;
    same("outcomes", outcomes(&answer), (vec!["e0"], vec![("bad", "ReceiptHandleIsInvalid", true)]))
}
