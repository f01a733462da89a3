//! Every refusal, with the code that SDKs match on.

use super::*;
use serde_json::{Value, json};

const URL: &str = "http://127.0.0.1:4566/000000000000/orders";

fn error(queues: &Queues, action: &str, request: &Value) -> (u16, String, Value) {
    let reply = call(queues, action, request.to_string().as_bytes());
    let body = serde_json::from_slice(&reply.body).unwrap();
    (reply.status, reply.query_error.unwrap_or_default(), body)
}

#[test]
fn an_unknown_queue_is_spelt_as_aws_spells_it() {
    let (queues, _) = start();
    let request = json!({ "QueueUrl": "http://h/000000000000/none", "MessageBody": "x" });
    let reply = call(&queues, "AmazonSQS.SendMessage", request.to_string().as_bytes());
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.headers(),
        [
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender".to_owned()),
        ]
    );
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
    assert!(body["message"].as_str().unwrap().contains("none"));
}

#[test]
fn refusals_carry_their_codes() {
    let (queues, _) = start();
    let entries = |count: usize| -> Vec<Value> {
        let entry = |id: usize| json!({ "Id": id.to_string(), "MessageBody": "x" });
        (0..count).map(entry).collect()
    };
    let attribute =
        |attribute: Value| json!({ "QueueUrl": URL, "MessageBody": "x", "MessageAttributes": { "a": attribute } });
    let mega = "x".repeat(600_000);
    let cases = [
        ("SendMessage", json!({ "MessageBody": "x" }), "MissingParameter"),
        ("SendMessage", json!({ "QueueUrl": URL }), "MissingParameter"),
        ("SendMessage", json!({ "QueueUrl": URL, "MessageBody": "" }), "MissingParameter"),
        ("SendMessage", json!({ "QueueUrl": URL, "MessageBody": "\u{1}" }), "InvalidMessageContents"),
        ("SendMessage", json!({ "QueueUrl": URL, "MessageBody": "x", "DelaySeconds": -1 }), "InvalidParameterValue"),
        (
            "SendMessage",
            json!({ "QueueUrl": URL, "MessageBody": "x", "MessageDeduplicationId": "1" }),
            "InvalidParameterValue",
        ),
        ("SendMessage", json!({ "QueueUrl": URL, "MessageBody": "x", "MessageGroupId": "" }), "InvalidParameterValue"),
        ("SendMessage", json!({ "QueueUrl": URL, "MessageBody": "x", "Priority": 1 }), "SerializationException"),
        ("SendMessage", json!({ "QueueUrl": URL, "MessageBody": 1 }), "SerializationException"),
        ("SendMessage", attribute(json!({ "DataType": "Text", "StringValue": "x" })), "InvalidParameterValue"),
        ("SendMessage", attribute(json!({ "DataType": "Number", "StringValue": "x" })), "InvalidParameterValue"),
        ("SendMessage", attribute(json!({ "DataType": "Binary", "BinaryValue": "%" })), "InvalidParameterValue"),
        ("SendMessage", attribute(json!({ "DataType": "Binary", "StringValue": "x" })), "InvalidParameterValue"),
        ("SendMessage", attribute(json!({ "DataType": "String" })), "InvalidParameterValue"),
        ("SendMessageBatch", json!({ "QueueUrl": URL, "Entries": [] }), "AWS.SimpleQueueService.EmptyBatchRequest"),
        (
            "SendMessageBatch",
            json!({ "QueueUrl": URL, "Entries": entries(11) }),
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        ),
        (
            "SendMessageBatch",
            json!({ "QueueUrl": URL, "Entries": [entries(1)[0], entries(1)[0]] }),
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        ),
        (
            "SendMessageBatch",
            json!({ "QueueUrl": URL, "Entries": [{ "Id": "a b", "MessageBody": "x" }] }),
            "AWS.SimpleQueueService.InvalidBatchEntryId",
        ),
        (
            "SendMessageBatch",
            json!({ "QueueUrl": URL, "Entries": [{ "Id": "1", "MessageBody": mega }, { "Id": "2", "MessageBody": mega }] }),
            "AWS.SimpleQueueService.BatchRequestTooLong",
        ),
        (
            "SendMessageBatch",
            json!({ "QueueUrl": "none", "Entries": [{ "Id": "1" }] }),
            "AWS.SimpleQueueService.NonExistentQueue",
        ),
        ("ReceiveMessage", json!({ "QueueUrl": URL, "MaxNumberOfMessages": 11 }), "InvalidParameterValue"),
        ("ReceiveMessage", json!({ "QueueUrl": URL, "WaitTimeSeconds": 21 }), "InvalidParameterValue"),
        ("ReceiveMessage", json!({ "QueueUrl": URL, "VisibilityTimeout": 43_201 }), "InvalidParameterValue"),
        ("ReceiveMessage", json!({ "QueueUrl": URL, "AttributeNames": ["Colour"] }), "InvalidAttributeName"),
        ("ReceiveMessage", json!({ "QueueUrl": URL, "ReceiveRequestAttemptId": "1" }), "InvalidParameterValue"),
        ("DeleteMessage", json!({ "QueueUrl": URL, "ReceiptHandle": "x" }), "ReceiptHandleIsInvalid"),
        ("ChangeMessageVisibility", json!({ "QueueUrl": URL, "ReceiptHandle": "x" }), "MissingParameter"),
        ("GetQueueUrl", json!({ "QueueName": "none" }), "AWS.SimpleQueueService.NonExistentQueue"),
        (
            "GetQueueUrl",
            json!({ "QueueName": "orders", "QueueOwnerAWSAccountId": "1" }),
            "AWS.SimpleQueueService.NonExistentQueue",
        ),
        ("GetQueueAttributes", json!({ "QueueUrl": URL, "AttributeNames": ["Colour"] }), "InvalidAttributeName"),
        ("SetQueueAttributes", json!({ "QueueUrl": URL, "Attributes": { "Colour": "red" } }), "InvalidAttributeName"),
        (
            "SetQueueAttributes",
            json!({ "QueueUrl": URL, "Attributes": { "VisibilityTimeout": "x" } }),
            "InvalidAttributeValue",
        ),
        (
            "SetQueueAttributes",
            json!({ "QueueUrl": URL, "Attributes": { "RedrivePolicy": "{}" } }),
            "InvalidAttributeValue",
        ),
        ("CreateQueue", json!({ "QueueName": "orders", "Attributes": { "DelaySeconds": "1" } }), "QueueAlreadyExists"),
        ("CreateQueue", json!({ "QueueName": "a b" }), "InvalidParameterValue"),
        (
            "CreateQueue",
            json!({ "QueueName": "a.fifo", "Attributes": { "FifoQueue": "true" } }),
            "AWS.SimpleQueueService.UnsupportedOperation",
        ),
        (
            "CreateQueue",
            json!({ "QueueName": "a", "Attributes": { "ContentBasedDeduplication": "true" } }),
            "InvalidAttributeName",
        ),
        (
            "CreateQueue",
            json!({ "QueueName": "a", "Attributes": { "KmsMasterKeyId": "alias/x" } }),
            "AWS.SimpleQueueService.UnsupportedOperation",
        ),
        ("StartMessageMoveTask", json!({ "SourceArn": queues.arn("none") }), "ResourceNotFoundException"),
        ("StartMessageMoveTask", json!({ "SourceArn": queues.arn("orders") }), "InvalidParameterValue"),
        (
            "StartMessageMoveTask",
            json!({ "SourceArn": queues.arn("orders"), "MaxNumberOfMessagesPerSecond": 1 }),
            "AWS.SimpleQueueService.UnsupportedOperation",
        ),
        ("CancelMessageMoveTask", json!({ "TaskHandle": "x" }), "ResourceNotFoundException"),
        ("ListQueues", json!({ "MaxResults": 0 }), "InvalidParameterValue"),
        ("ListQueues", json!({ "NextToken": "%" }), "InvalidParameterValue"),
        ("AddPermission", json!({ "QueueUrl": URL }), "AWS.SimpleQueueService.UnsupportedOperation"),
        ("SendCarrierPigeon", json!({}), "UnknownOperationException"),
    ];
    for (action, request, code) in cases {
        let (status, header, body) = error(&queues, action, &request);
        assert_eq!((status, header), (400, format!("{code};Sender")), "{action} {body}");
        assert!(body["__type"].as_str().unwrap().contains('#'));
        assert!(!body["message"].as_str().unwrap().is_empty());
    }
    assert_eq!(queues.depth("orders").unwrap(), Depth::default(), "nothing was accepted");
    assert_eq!(queues.names(""), ["orders"]);
}

#[test]
fn a_second_purge_is_in_progress() {
    let (queues, _) = start();
    let request = json!({ "QueueUrl": URL });
    call(&queues, "PurgeQueue", request.to_string().as_bytes());
    let (_, header, _) = error(&queues, "PurgeQueue", &request);
    assert_eq!(header, "AWS.SimpleQueueService.PurgeQueueInProgress;Sender");
}

#[test]
fn a_message_that_timed_out_is_not_in_flight() {
    let (queues, clock) = start();
    send(&queues, "x");
    let handle = receive(&queues, 1).remove(0).receipt_handle;
    clock.advance_s(30);
    let request = json!({ "QueueUrl": URL, "ReceiptHandle": handle, "VisibilityTimeout": 1 });
    let (_, header, body) = error(&queues, "ChangeMessageVisibility", &request);
    assert_eq!(header, "AWS.SimpleQueueService.MessageNotInflight;Sender");
    assert_eq!(body["__type"], "com.amazonaws.sqs#MessageNotInflight");
}

#[test]
fn unreadable_requests_are_refused_without_quoting_them() {
    let (queues, _) = start();
    for body in [
        r#"{"QueueUrl": "#,
        r#"["secret"]"#,
        r#"{"QueueUrl": "orders", "MessageBody": "x", "DelaySeconds": "secret"}"#,
        "\u{0}",
    ] {
        let reply = call(&queues, "SendMessage", body.as_bytes());
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.query_error.as_deref(), Some("SerializationException;Sender"));
        assert!(!String::from_utf8(reply.body).unwrap().contains("secret"));
    }
}
