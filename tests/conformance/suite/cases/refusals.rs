//! How what is wrong with a request is spelt.

use super::super::client::{MISSING_PARAMETER, NO_QUEUE, Sqs, refusal};
use super::super::{Case, Outcome};
use serde_json::{Value, json};

const ERRORS: &str = "APIReference/CommonErrors";
const PROTOCOL: &str = "SQSDeveloperGuide/sqs-json-faqs";

pub(super) const CASES: &[Case] = &[
    Case::api("every action on a queue that does not exist is refused alike", PROTOCOL, no_queue),
    Case::api("what an action needs is named when it is missing", ERRORS, missing),
    Case::api("an invented receipt handle is refused", "APIReference/API_DeleteMessage", handles),
    Case::api("an action that SQS does not have is refused", ERRORS, unknown_action),
    Case::api("a parameter of the wrong type is refused", ERRORS, wrong_type),
];

fn no_queue(sqs: &Sqs<'_>) -> Outcome {
    let url = sqs.create("q", &[])?.url.replace("-q", "-absent");
    let with = |mut body: Value| {
        body["QueueUrl"] = json!(url);
        body
    };
    for (action, body) in [
        ("SendMessage", json!({"MessageBody": "a"})),
        ("SendMessageBatch", json!({"Entries": [{"Id": "a", "MessageBody": "a"}]})),
        ("ReceiveMessage", json!({})),
        ("DeleteMessage", json!({"ReceiptHandle": "a"})),
        ("DeleteMessageBatch", json!({"Entries": [{"Id": "a", "ReceiptHandle": "a"}]})),
        ("ChangeMessageVisibility", json!({"ReceiptHandle": "a", "VisibilityTimeout": 1})),
        ("GetQueueAttributes", json!({"AttributeNames": ["All"]})),
        ("SetQueueAttributes", json!({"Attributes": {"DelaySeconds": "1"}})),
        ("PurgeQueue", json!({})),
        ("DeleteQueue", json!({})),
        ("ListDeadLetterSourceQueues", json!({})),
        ("ListQueueTags", json!({})),
        ("TagQueue", json!({"Tags": {"a": "b"}})),
    ] {
        sqs.refused(action, &with(body), NO_QUEUE)?;
    }
    Ok(())
}

fn missing(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    sqs.refused("CreateQueue", &json!({}), MISSING_PARAMETER)?;
    sqs.refused("SendMessage", &json!({"MessageBody": "a"}), MISSING_PARAMETER)?;
    queue.refused("DeleteMessage", json!({}), MISSING_PARAMETER)?;
    queue.refused("ChangeMessageVisibility", json!({"VisibilityTimeout": 1}), MISSING_PARAMETER)
}

fn handles(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let invalid = refusal("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid");
    queue.refused("DeleteMessage", json!({"ReceiptHandle": "invented"}), invalid)?;
    let change = json!({"ReceiptHandle": "invented", "VisibilityTimeout": 1});
    queue.refused("ChangeMessageVisibility", change, invalid)
}

fn unknown_action(sqs: &Sqs<'_>) -> Outcome {
    sqs.refused_as("Nonsense", &json!({}), &["UnknownOperationException", "InvalidAction"])
}

fn wrong_type(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let request = queue.request(json!({"MaxNumberOfMessages": {"a": 1}}));
    sqs.refused_as("ReceiveMessage", &request, &["SerializationException"])
}
