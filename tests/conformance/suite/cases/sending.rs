//! Sending: delays, sizes, attributes and digests.

use super::super::client::{INVALID_PARAMETER, MISSING_PARAMETER, Sqs, refusal, text};
use super::super::{Case, Outcome, same};
use serde_json::{Map, Value, json};

const SEND: &str = "APIReference/API_SendMessage";
const DELAY: &str = "SQSDeveloperGuide/sqs-delay-queues";
const QUOTA: &str = "SQSDeveloperGuide/quotas-messages";
const ATTRIBUTES: &str = "SQSDeveloperGuide/sqs-message-metadata";

pub(super) const CASES: &[Case] = &[
    Case::api("a delayed message appears when its delay has passed", DELAY, delayed),
    Case::api("the queue's delay holds unless the message has its own", DELAY, queue_delay),
    Case::api("a delay is at most 15 minutes", SEND, delay_limit),
    Case::api("a message is at most 1 MiB long", QUOTA, largest),
    Case::api("the queue's limit counts the body and all of each attribute", QUOTA, queue_limit),
    Case::api("a message has a body", SEND, no_body),
    Case::api("a character that XML does not allow is refused", SEND, characters),
    Case::api("any other character comes back as it was sent", SEND, other_characters),
    Case::api("the digest of the body is its MD5", SEND, body_digest),
    Case::api("the digest of attributes is as clients compute it", ATTRIBUTES, attribute_digest),
    Case::api("attributes come back with their types", ATTRIBUTES, attribute_types),
    Case::api("a message has at most ten attributes", QUOTA, attribute_count),
    Case::api("an attribute has a type and a value of it", ATTRIBUTES, bad_attributes),
    Case::api("the trace header is carried as a system attribute", SEND, trace_header),
    Case::api("what only FIFO queues know is refused by a standard queue", SEND, fifo_only),
    Case::api("a message is dropped when its retention has passed", "APIReference/API_SetQueueAttributes", retention)
        .slow(),
];

fn delayed(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send_with(json!({"MessageBody": "a", "DelaySeconds": 1}))?;
    queue.nothing("while the message is delayed")?;
    same("ready, in flight, delayed", queue.counts()?, ["0", "0", "1"].map(str::to_owned))?;
    sqs.pass_s(1);
    same("the body", queue.one()?.body(), "a")
}

fn queue_delay(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("DelaySeconds", "1")])?;
    queue.send("late")?;
    queue.send_with(json!({"MessageBody": "now", "DelaySeconds": 0}))?;
    same("the message with its own delay", queue.one()?.body(), "now")?;
    sqs.pass_s(1);
    same("the message of the queue's delay", queue.one()?.body(), "late")
}

fn delay_limit(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    for seconds in [901, -1] {
        queue.refused("SendMessage", json!({"MessageBody": "a", "DelaySeconds": seconds}), INVALID_PARAMETER)?;
    }
    queue.send_with(json!({"MessageBody": "a", "DelaySeconds": 900})).map(drop)
}

fn largest(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send(&"a".repeat(1_048_576))?;
    same("bytes received", queue.one()?.body().len(), 1_048_576)?;
    queue.refused("SendMessage", json!({"MessageBody": "a".repeat(1_048_577)}), INVALID_PARAMETER)
}

fn queue_limit(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("MaximumMessageSize", "1024")])?;
    // Name, type and value: 4 + 6 + 4 bytes.
    let message = |bytes: usize| {
        json!({"MessageBody": "a".repeat(bytes),
               "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "test"}}})
    };
    queue.send_with(message(1_010))?;
    queue.refused("SendMessage", message(1_011), INVALID_PARAMETER)?;
    // Two bytes a letter.
    queue.refused("SendMessage", json!({"MessageBody": "ж".repeat(513)}), INVALID_PARAMETER)
}

fn no_body(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.refused("SendMessage", json!({}), MISSING_PARAMETER)?;
    queue.refused("SendMessage", json!({"MessageBody": ""}), MISSING_PARAMETER)
}

fn characters(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let refusal = refusal("InvalidMessageContents", "InvalidMessageContents");
    for body in ["a\u{0}", "\u{8}b", "c\u{fffe}"] {
        queue.refused("SendMessage", json!({"MessageBody": body}), refusal)?;
    }
    Ok(())
}

fn other_characters(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let body = "\t\r\n <&>\"' Чаша\u{e000} 📦 {\"a\": [1, \"\\u0000\"]}";
    queue.send(body)?;
    same("the body", queue.one()?.body(), body)
}

fn body_digest(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let sent = queue.call("SendMessage", json!({"MessageBody": "hello"}))?;
    // `printf hello | md5sum`
    let digest = "5d41402abc4b2a76b9719d911017c592";
    same("MD5OfMessageBody", text(&sent, "MD5OfMessageBody")?.as_str(), digest)?;
    same("MD5OfBody", queue.one()?.value()["MD5OfBody"].as_str(), Some(digest))
}

/// Computed as the page's algorithm says, by hand: lengths, names, types, transport byte, values, sorted by name.
const ATTRIBUTES_DIGEST: &str = "1865910d9eb53531417b586f9ce5f59a";

fn three_attributes() -> Value {
    json!({
        "weight": {"DataType": "Number.grams", "StringValue": "250"},
        "blob": {"DataType": "Binary", "BinaryValue": "AAEC"},
        "kind": {"DataType": "String", "StringValue": "Чаша"},
    })
}

fn attribute_digest(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let sent = queue.call("SendMessage", json!({"MessageBody": "a", "MessageAttributes": three_attributes()}))?;
    same("of what is sent", text(&sent, "MD5OfMessageAttributes")?.as_str(), ATTRIBUTES_DIGEST)?;
    same("of what is received", queue.one()?.value()["MD5OfMessageAttributes"].as_str(), Some(ATTRIBUTES_DIGEST))
}

fn attribute_types(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send_with(json!({"MessageBody": "a", "MessageAttributes": three_attributes()}))?;
    let received = queue.one()?;
    for (name, sent) in three_attributes().as_object().into_iter().flatten() {
        for field in ["DataType", "StringValue", "BinaryValue"] {
            let got = received.value()["MessageAttributes"][name].get(field).filter(|value| !value.is_null());
            same(&format!("{field} of {name}"), got, sent.get(field))?;
        }
    }
    Ok(())
}

fn attribute_count(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let message = |count: usize| {
        let attribute = json!({"DataType": "String", "StringValue": "x"});
        let attributes: Map<String, Value> =
            (0..count).map(|number| (format!("a{number}"), attribute.clone())).collect();
        json!({"MessageBody": "a", "MessageAttributes": attributes})
    };
    queue.send_with(message(10))?;
    queue.refused("SendMessage", message(11), INVALID_PARAMETER)
}

fn bad_attributes(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    for attribute in [
        json!({"DataType": "Text", "StringValue": "x"}),
        json!({"DataType": "String", "StringValue": ""}),
        json!({"DataType": "Number", "StringValue": "many"}),
        json!({"DataType": "String"}),
    ] {
        let message = json!({"MessageBody": "a", "MessageAttributes": {"a": attribute}});
        queue.refused("SendMessage", message, INVALID_PARAMETER)?;
    }
    Ok(())
}

fn trace_header(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let attributes = json!({"AWSTraceHeader": {"DataType": "String", "StringValue": header}});
    queue.send_with(json!({"MessageBody": "a", "MessageSystemAttributes": attributes}))?;
    same("AWSTraceHeader", queue.one()?.system("AWSTraceHeader"), Some(header))
}

fn fifo_only(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.refused("SendMessage", json!({"MessageBody": "a", "MessageDeduplicationId": "b"}), INVALID_PARAMETER)
}

fn retention(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("MessageRetentionPeriod", "60")])?;
    queue.send("a")?;
    sqs.pass_s(58);
    queue.change(&queue.one()?, 0)?;
    sqs.pass_s(2);
    queue.nothing("though its retention has passed")?;
    same("ready, in flight, delayed", queue.counts()?, ["0", "0", "0"].map(str::to_owned))
}
