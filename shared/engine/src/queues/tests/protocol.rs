//! The JSON protocol, as an SDK sees it.

use super::*;
use serde_json::{Value, json};

const URL: &str = "http://127.0.0.1:4566/000000000000/orders";

pub(super) fn ok(queues: &Queues, action: &str, request: Value) -> Value {
    let reply = call(queues, action, request.to_string().as_bytes());
    let text = String::from_utf8(reply.body.clone()).unwrap();
    assert_eq!(reply.status, 200, "{action}: {text}");
    assert_eq!(reply.query_error, None);
    match text.as_str() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap(),
    }
}

#[test]
fn the_life_of_a_message() {
    let (queues, clock) = start();
    let sent = ok(
        &queues,
        "AmazonSQS.SendMessage",
        json!({ "QueueUrl": URL, "MessageBody": "hello", "MessageGroupId": "m-1",
            "MessageAttributes": { "timestamp": { "DataType": "Number", "StringValue": "1493147359900" } },
            "MessageSystemAttributes": { "AWSTraceHeader": { "DataType": "String",
                "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793" } } }),
    );
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(sent["MD5OfMessageAttributes"], "235c5c510d26fb653d073faed50ae77c");
    assert_eq!(sent["MD5OfMessageSystemAttributes"], "62a56dd927315f2b2e12832b84617ea5");

    clock.advance_s(1);
    let received = ok(
        &queues,
        "ReceiveMessage",
        json!({ "QueueUrl": URL, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"], "WaitTimeSeconds": 20 }),
    );
    let message = &received["Messages"][0];
    assert_eq!(message["MessageId"], sent["MessageId"]);
    assert_eq!(message["Body"], "hello");
    assert_eq!(message["MD5OfBody"], sent["MD5OfMessageBody"]);
    assert_eq!(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    assert_eq!(
        message["MessageAttributes"],
        json!({ "timestamp": { "DataType": "Number", "StringValue": "1493147359900" } })
    );
    assert_eq!(
        message["Attributes"],
        json!({
            "ApproximateFirstReceiveTimestamp": (START_MS + 1_000).to_string(),
            "ApproximateReceiveCount": "1",
            "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793",
            "MessageGroupId": "m-1",
            "SenderId": "000000000000",
            "SentTimestamp": START_MS.to_string(),
        })
    );
    let handle = &message["ReceiptHandle"];
    let hide = json!({ "QueueUrl": URL, "ReceiptHandle": handle, "VisibilityTimeout": 60 });
    assert_eq!(ok(&queues, "ChangeMessageVisibility", hide), Value::Null);
    let delete = json!({ "QueueUrl": URL, "ReceiptHandle": handle });
    assert_eq!(ok(&queues, "DeleteMessage", delete), Value::Null);
    assert_eq!(queues.depth("orders").unwrap(), Depth::default());
}

/// The expected digests were computed by an independent implementation of the documented algorithm; the first
/// is what AWS itself is known to answer.
#[test]
fn attribute_digests_are_those_that_sdks_verify() {
    let (queues, _) = start();
    let check = |attributes: Value, expected: &str| {
        let request = json!({ "QueueUrl": URL, "MessageBody": "x", "MessageAttributes": attributes });
        let sent = ok(&queues, "SendMessage", request);
        assert_eq!(sent["MD5OfMessageAttributes"], expected);
    };
    check(
        json!({ "timestamp": { "DataType": "Number", "StringValue": "1493147359901" } }),
        "994258b45346a2cc3f9cbb611aa7af30",
    );
    check(
        json!({ "count": { "DataType": "Number.int", "StringValue": "42" },
            "city": { "DataType": "String", "StringValue": "Анкара" },
            "blob": { "DataType": "Binary.png", "BinaryValue": "AAH/" } }),
        "f764361af6a29be183b1419af8385682",
    );
}

#[test]
fn the_digest_covers_just_the_attributes_returned() {
    let (queues, clock) = start();
    let attribute = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let attributes = json!({ "a.x": attribute("1"), "a.y": attribute("2"), "b": attribute("3") });
    let request = json!({ "QueueUrl": URL, "MessageBody": "x", "MessageAttributes": attributes });
    let all = ok(&queues, "SendMessage", request)["MD5OfMessageAttributes"].clone();
    let select = |names: Value| {
        clock.advance_s(30);
        let request = json!({ "QueueUrl": URL, "MessageAttributeNames": names });
        let message = ok(&queues, "ReceiveMessage", request)["Messages"][0].clone();
        let names: Vec<String> =
            message["MessageAttributes"].as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
        (names, message["MD5OfMessageAttributes"].clone())
    };
    assert_eq!(select(json!([])), (vec![], Value::Null));
    let (names, digest) = select(json!(["a.*"]));
    assert_eq!(names, ["a.x", "a.y"]);
    assert_ne!(digest, all);
    assert_eq!(select(json!(["b"])).0, ["b"]);
    assert_eq!(select(json!([".*"])).1, all);
}

#[test]
fn batches_report_each_entry() {
    let (queues, _) = start();
    let sent = ok(
        &queues,
        "SendMessageBatch",
        json!({ "QueueUrl": URL, "Entries": [
            { "Id": "good", "MessageBody": "x" },
            { "Id": "slow", "MessageBody": "x", "DelaySeconds": 901 },
            { "Id": "empty" },
            { "Id": "fifo", "MessageBody": "x", "MessageDeduplicationId": "1" },
            { "Id": "also-good", "MessageBody": "y" },
        ] }),
    );
    let ids = |list: &Value| -> Vec<String> {
        let entries = list.as_array().unwrap().iter();
        entries.map(|entry| entry["Id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&sent["Successful"]), ["good", "also-good"]);
    assert_eq!(sent["Successful"][0]["MD5OfMessageBody"], "9dd4e461268c8034f5c8564e155c67a6");
    assert_eq!(ids(&sent["Failed"]), ["slow", "empty", "fifo"]);
    assert_eq!(sent["Failed"][1]["Code"], "MissingParameter");
    assert_eq!(sent["Failed"][1]["SenderFault"], true);

    let handles: Vec<String> = receive(&queues, 10).into_iter().map(|message| message.receipt_handle).collect();
    let changed = ok(
        &queues,
        "ChangeMessageVisibilityBatch",
        json!({ "QueueUrl": URL, "Entries": [
            { "Id": "1", "ReceiptHandle": handles[0], "VisibilityTimeout": 60 },
            { "Id": "2", "ReceiptHandle": handles[1], "VisibilityTimeout": 43_201 },
        ] }),
    );
    assert_eq!((ids(&changed["Successful"]), ids(&changed["Failed"])), (vec!["1".into()], vec!["2".into()]));
    let deleted = ok(
        &queues,
        "DeleteMessageBatch",
        json!({ "QueueUrl": URL, "Entries": [
            { "Id": "1", "ReceiptHandle": handles[0] },
            { "Id": "2", "ReceiptHandle": "invented" },
            { "Id": "3", "ReceiptHandle": handles[1] },
        ] }),
    );
    assert_eq!(ids(&deleted["Successful"]), ["1", "3"]);
    assert_eq!(deleted["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    assert_eq!(queues.depth("orders").unwrap(), Depth::default());
}

#[test]
fn an_empty_receive_says_how_long_to_wait() {
    let (queues, _) = start();
    let wait = |request: Value| {
        let reply = call(&queues, "AmazonSQS.ReceiveMessage", request.to_string().as_bytes());
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"{}".as_slice()));
        reply.long_poll.map(|poll| (poll.queue, poll.wait_ms))
    };
    assert_eq!(wait(json!({ "QueueUrl": URL })), None);
    let asked = wait(json!({ "QueueUrl": URL, "WaitTimeSeconds": 20 }));
    assert_eq!(asked, Some(("orders".into(), 20_000)));
    let attributes = json!({ "ReceiveMessageWaitTimeSeconds": "5" });
    ok(&queues, "SetQueueAttributes", json!({ "QueueUrl": URL, "Attributes": attributes }));
    assert_eq!(wait(json!({ "QueueUrl": URL })), Some(("orders".into(), 5_000)));
    assert_eq!(wait(json!({ "QueueUrl": URL, "WaitTimeSeconds": 0 })), None);
}

#[test]
fn queues_are_created_described_and_listed() {
    let (queues, clock) = start();
    ok(&queues, "CreateQueue", json!({ "QueueName": "dead" }));
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:000000000000:dead","maxReceiveCount":"4"}"#;
    let created = ok(
        &queues,
        "CreateQueue",
        json!({ "QueueName": "picks", "tags": { "team": "floor" }, "Attributes": {
            "VisibilityTimeout": "60", "RedrivePolicy": policy, "FifoQueue": "false" } }),
    );
    let url = created["QueueUrl"].clone();
    assert_eq!(url, "http://127.0.0.1:4566/000000000000/picks");
    assert_eq!(ok(&queues, "GetQueueUrl", json!({ "QueueName": "picks" }))["QueueUrl"], url);
    queues.send("picks", &OutgoingMessage::new("x")).unwrap();
    clock.advance_ms(2_500);
    let all = ok(&queues, "GetQueueAttributes", json!({ "QueueUrl": url, "AttributeNames": ["All"] }));
    let created_s = (START_MS / 1_000).to_string();
    assert_eq!(
        all["Attributes"],
        json!({
            "ApproximateNumberOfMessages": "1",
            "ApproximateNumberOfMessagesDelayed": "0",
            "ApproximateNumberOfMessagesNotVisible": "0",
            "CreatedTimestamp": created_s,
            "DelaySeconds": "0",
            "LastModifiedTimestamp": created_s,
            "MaximumMessageSize": "1048576",
            "MessageRetentionPeriod": "345600",
            "QueueArn": "arn:aws:sqs:eu-central-1:000000000000:picks",
            "ReceiveMessageWaitTimeSeconds": "0",
            "RedrivePolicy": policy.replace("\"4\"", "4"),
            "SqsManagedSseEnabled": "true",
            "VisibilityTimeout": "60",
        })
    );
    let some = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
    let some = ok(&queues, "GetQueueAttributes", some);
    assert_eq!(some["Attributes"].as_object().unwrap().len(), 1);

    let dead_url = queues.url("dead");
    let sources = ok(&queues, "ListDeadLetterSourceQueues", json!({ "QueueUrl": dead_url }));
    assert_eq!(sources["queueUrls"], json!([url]));

    let first = ok(&queues, "ListQueues", json!({ "MaxResults": 2 }));
    assert_eq!(first["QueueUrls"], json!([dead_url, URL]));
    let token = &first["NextToken"];
    let second = ok(&queues, "ListQueues", json!({ "MaxResults": 2, "NextToken": token }));
    assert_eq!(second, json!({ "QueueUrls": [url] }));

    ok(&queues, "TagQueue", json!({ "QueueUrl": url, "Tags": { "cost": "1" } }));
    ok(&queues, "UntagQueue", json!({ "QueueUrl": url, "TagKeys": ["team"] }));
    assert_eq!(ok(&queues, "ListQueueTags", json!({ "QueueUrl": url })), json!({ "Tags": { "cost": "1" } }));

    ok(&queues, "PurgeQueue", json!({ "QueueUrl": url }));
    assert_eq!(queues.depth("picks").unwrap(), Depth::default());
    ok(&queues, "DeleteQueue", json!({ "QueueUrl": url }));
    assert_eq!(queues.names(""), ["dead", "orders"]);
}

#[test]
fn dead_letters_are_moved_back() {
    let (queues, clock) = start_with_dead_letters(1);
    send(&queues, "poison");
    receive(&queues, 1);
    clock.advance_s(30);
    receive(&queues, 1);
    let source = queues.arn("dead");
    let task = ok(&queues, "StartMessageMoveTask", json!({ "SourceArn": source }));
    assert!(task["TaskHandle"].is_string());
    let listed = ok(&queues, "ListMessageMoveTasks", json!({ "SourceArn": source }));
    assert_eq!(
        listed["Results"],
        json!([{
            "Status": "COMPLETED",
            "SourceArn": source,
            "ApproximateNumberOfMessagesMoved": 1,
            "ApproximateNumberOfMessagesToMove": 1,
            "StartedTimestamp": START_MS + 30_000,
        }])
    );
    assert_eq!(bodies(&queues, 1), ["poison"]);
}

#[test]
fn any_host_in_the_queue_url_will_do() {
    let (queues, _) = start();
    for url in [
        "https://sqs.eu-central-1.amazonaws.com/000000000000/orders",
        "http://localhost:9/000000000000/orders/",
        "orders",
    ] {
        ok(&queues, "SendMessage", json!({ "QueueUrl": url, "MessageBody": "x" }));
    }
    assert_eq!(queues.depth("orders").unwrap().visible, 3);
}
