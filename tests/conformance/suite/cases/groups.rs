//! Group ids of standard queues: fair queues.

use super::super::client::{INVALID_PARAMETER, Sqs};
use super::super::{Case, Outcome, same};
use serde_json::json;

const FAIR: &str = "SQSDeveloperGuide/sqs-fair-queues";

pub(super) const CASES: &[Case] = &[
    Case::api("a standard queue carries a group id", FAIR, carried),
    Case::api("a group id does not order or block a standard queue", FAIR, not_blocked),
    Case::api("a noisy group's backlog does not hold up a quiet one", FAIR, fair),
    Case::api("a group id is 1 to 128 letters, digits and punctuation marks", "APIReference/API_SendMessage", form),
];

fn carried(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send_with(json!({"MessageBody": "a", "MessageGroupId": "mer_1"}))?;
    same("MessageGroupId", queue.one()?.system("MessageGroupId"), Some("mer_1"))
}

fn not_blocked(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    for body in ["a", "b"] {
        queue.send_with(json!({"MessageBody": body, "MessageGroupId": "mer_1"}))?;
    }
    let first = queue.receive(1)?;
    let second = queue.receive(1)?;
    same("messages of one group in flight", (first.len(), second.len()), (1, 1))
}

fn fair(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    for batch in 0..6 {
        let entries: Vec<_> = (0..10)
            .map(|number| json!({"Id": format!("e{number}"), "MessageBody": format!("{batch}-{number}"), "MessageGroupId": "noisy"}))
            .collect();
        queue.call("SendMessageBatch", json!({"Entries": entries}))?;
    }
    // The noisy group has most of what is in flight.
    queue.receive(10)?;
    queue.receive(10)?;
    queue.send_with(json!({"MessageBody": "quiet", "MessageGroupId": "quiet"}))?;
    let next = queue.receive(10)?;
    same("the quiet message is among the next ten", next.iter().any(|message| message.body() == "quiet"), true)
}

fn form(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let message = |group: &str| json!({"MessageBody": "a", "MessageGroupId": group});
    for group in ["a b", "ж", &"a".repeat(129)] {
        queue.refused("SendMessage", message(group), INVALID_PARAMETER)?;
    }
    queue.send_with(message("Az09!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"))?;
    queue.send_with(message(&"a".repeat(128))).map(drop)
}
