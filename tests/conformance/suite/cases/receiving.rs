//! Long polls, and what a receive answers.

use super::super::client::{INVALID_PARAMETER, Sqs, refusal};
use super::super::{Case, Outcome, same};
use serde_json::{Value, json};

const POLLING: &str = "SQSDeveloperGuide/sqs-short-and-long-polling";
const RECEIVE: &str = "APIReference/API_ReceiveMessage";

pub(super) const CASES: &[Case] = &[
    Case::api("a long poll of an empty queue ends when its time has passed", POLLING, empty_poll),
    Case::api("a long poll ends when a message becomes available", POLLING, answered_poll),
    Case::api("the queue's wait holds unless the receive names its own", POLLING, default_wait),
    Case::api("a long poll waits for at most 20 seconds", RECEIVE, wait_limit),
    Case::api("a receive gives one message unless it asks for more, and at most ten", RECEIVE, counts),
    Case::api("an empty receive has no messages", RECEIVE, empty),
    Case::api("system attributes come when they are asked for", RECEIVE, system_attributes),
    Case::api("MessageSystemAttributeNames asks as AttributeNames does", RECEIVE, system_attribute_names),
    Case::api("message attributes are chosen by name, prefix or All", RECEIVE, chosen_attributes),
    Case::api("an unknown system attribute is refused", RECEIVE, unknown_attribute),
];

fn timed(sqs: &Sqs<'_>, receive: impl FnOnce() -> Result<usize, String>) -> Result<(usize, u64), String> {
    let began = sqs.now_ms();
    Ok((receive()?, sqs.now_ms() - began))
}

fn empty_poll(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let poll = || Ok(queue.receive_with(json!({"WaitTimeSeconds": 1}))?.len());
    match timed(sqs, poll)? {
        (0, 950..=5_000) => Ok(()),
        (count, took_ms) => Err(format!("{count} messages after {took_ms} ms instead of none after 1 s")),
    }
}

fn answered_poll(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send_with(json!({"MessageBody": "a", "DelaySeconds": 1}))?;
    let poll = || Ok(queue.receive_with(json!({"WaitTimeSeconds": 10}))?.len());
    match timed(sqs, poll)? {
        (1, 500..=5_000) => Ok(()),
        (count, took_ms) => Err(format!("{count} messages after {took_ms} ms instead of one after 1 s")),
    }
}

fn default_wait(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("ReceiveMessageWaitTimeSeconds", "2")])?;
    let (_, own_ms) = timed(sqs, || Ok(queue.receive_with(json!({"WaitTimeSeconds": 0}))?.len()))?;
    let (_, default_ms) = timed(sqs, || Ok(queue.receive_with(json!({}))?.len()))?;
    match (own_ms, default_ms) {
        (..=1_000, 1_900..) => Ok(()),
        _ => Err(format!("waits of {own_ms} and {default_ms} ms instead of 0 and 2 s")),
    }
}

fn wait_limit(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    for seconds in [21, -1] {
        queue.refused("ReceiveMessage", json!({"WaitTimeSeconds": seconds}), INVALID_PARAMETER)?;
    }
    Ok(())
}

fn counts(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    for number in 0..12 {
        queue.send(&number.to_string())?;
    }
    same("messages by default", queue.receive_with(json!({}))?.len(), 1)?;
    same("messages of ten asked for", queue.receive(10)?.len(), 10)?;
    for count in [0, 11] {
        queue.refused("ReceiveMessage", json!({"MaxNumberOfMessages": count}), INVALID_PARAMETER)?;
    }
    Ok(())
}

fn empty(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let answer = queue.call("ReceiveMessage", json!({}))?;
    same("Messages", answer.get("Messages").and_then(Value::as_array).map_or(0, Vec::len), 0)
}

fn system_attributes(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("VisibilityTimeout", "0")])?;
    queue.send("a")?;
    let none = queue.receive_with(json!({"AttributeNames": []}))?;
    same("system attributes not asked for", none.first().and_then(|one| one.system("SentTimestamp")), None)?;
    let some = queue.receive_with(json!({"AttributeNames": ["SentTimestamp"]}))?;
    let some = some.first().ok_or("no message")?;
    same("SentTimestamp is there", some.system("SentTimestamp").is_some(), true)?;
    same("SenderId, not asked for", some.system("SenderId"), None)
}

fn system_attribute_names(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send("a")?;
    let request = json!({"AttributeNames": [], "MessageSystemAttributeNames": ["ApproximateReceiveCount"]});
    let got = queue.receive_with(request)?;
    let got = got.first().ok_or("no message")?;
    same("ApproximateReceiveCount", got.system("ApproximateReceiveCount"), Some("1"))?;
    same("SenderId, not asked for", got.system("SenderId"), None)
}

fn chosen_attributes(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("VisibilityTimeout", "0")])?;
    let text = |text: &str| json!({"DataType": "String", "StringValue": text});
    let attributes = json!({"order.id": text("1"), "order.kind": text("2"), "other": text("3")});
    queue.send_with(json!({"MessageBody": "a", "MessageAttributes": attributes}))?;
    for (wanted, expected) in [
        (json!([]), vec![]),
        (json!(["other"]), vec!["other"]),
        (json!(["order.*"]), vec!["order.id", "order.kind"]),
        (json!(["All"]), vec!["order.id", "order.kind", "other"]),
        (json!([".*"]), vec!["order.id", "order.kind", "other"]),
    ] {
        let got = queue.receive_with(json!({"MessageAttributeNames": wanted}))?;
        let got = got.first().ok_or("no message")?.value();
        let mut names: Vec<&str> = got["MessageAttributes"]
            .as_object()
            .map(|attributes| attributes.keys().map(String::as_str).collect())
            .unwrap_or_default();
        names.sort_unstable();
        same(&format!("attributes for {wanted}"), names, expected)?;
    }
    Ok(())
}

fn unknown_attribute(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let refusal = refusal("InvalidAttributeName", "InvalidAttributeName");
    queue.refused("ReceiveMessage", json!({"AttributeNames": ["Nonsense"]}), refusal)
}
