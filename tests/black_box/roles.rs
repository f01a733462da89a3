//! Roles: the AWS endpoint refuses a function what its role does not allow, and what a role allows is used.

use crate::stack::{Stack, sqs};
use domain::{MerchantId, MessageKind, OrderId, PickTaskId, Queue, ReturnId, ShipmentId, Sku};
use infra::demo::api::{Api, send};
use partners::http::{Method, Request};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_endpoint_refuses_a_function_what_its_role_does_not_allow() {
    let stack = Stack::own(&[]).await;
    let call = async |session: Option<&str>, target: &str| {
        let mut request = Request::new(Method::Post, format!("{}/", stack.aws_url)).with_header("x-amz-target", target);
        if let Some(session) = session {
            request = request.with_header("x-amz-security-token", session);
        }
        request.body =
            json!({"TableName": "orders", "Key": {"pk": {"S": "1"}, "sk": {"S": "1"}}}).to_string().into_bytes();
        send(&request).await.unwrap()
    };
    let read = "DynamoDB_20120810.GetItem";
    assert_eq!(call(None, read).await, (200, json!({})), "the operator reads");
    assert_eq!(call(Some("operations"), read).await, (200, json!({})), "its role reads orders");
    for (session, target) in [
        ("relay", read),
        ("nobody", read),
        ("operations", "DynamoDB_20120810.Scan"),
        ("operations", "DynamoDB_20120810.ListTables"),
        ("operations", "DynamoDBStreams_20120810.GetItem"),
    ] {
        let (status, answer) = call(Some(session), target).await;
        let kind = answer["__type"].as_str().unwrap_or_default();
        assert!(status == 400 && kind.ends_with("#AccessDeniedException"), "{session} {target}: {status} {answer}");
    }
    stack.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_any_queue_is_found_and_is_sent_back_or_thrown_away() {
    let stack = Stack::own(&[]).await;
    let administrator = Api::new(&stack.endpoints.api, &stack.endpoints.administrator_key);
    let merchant = MerchantId::derive(&["letters"]);
    let order = OrderId::derive(&merchant, &["letters"]);
    let shipment = ShipmentId::of(&order, 1);
    // Of an order that is not there: their readers give them up again.
    let kinds = [
        MessageKind::Reserve { order: order.clone() },
        MessageKind::CreatePickTasks { order: order.clone() },
        MessageKind::Book { task: PickTaskId::of(&order, 1) },
        MessageKind::ShipmentChanged { shipment: shipment.clone() },
        MessageKind::ReturnLabelBooked { return_id: ReturnId::of(&order, 1), shipment },
        MessageKind::PublishStock { sku: Sku::parse("TEA").unwrap(), cause: String::new() },
    ];
    assert_eq!(kinds.each_ref().map(MessageKind::queue), Queue::ALL, "one for each queue");
    let send_letter = async |queue: &str, body: &str| -> Value {
        let url = format!("{}/000000000000/{queue}-dead-letters", stack.aws_url);
        let sent = sqs(&stack.aws_url, "SendMessage", &json!({"QueueUrl": url, "MessageBody": body})).await;
        let path = format!("/v1/dead-letters?queue={queue}&limit=100");
        let listed = |body: &Value| {
            body["items"].as_array()?.iter().find(|letter| letter["message_id"] == sent["MessageId"]).cloned()
        };
        let letter = administrator.until("the letter", &path, listed).await.unwrap();
        assert_eq!(letter["queue"], queue, "{letter}");
        sent["MessageId"].clone()
    };
    for kind in kinds {
        let queue = kind.queue().name();
        let id = send_letter(queue, &serde_json::to_string(&kind.for_merchant(&merchant, &order)).unwrap()).await;
        let redrive = json!({"queue": queue, "message_ids": [id]});
        let report = administrator.post("/v1/dead-letters/redrive", &redrive).await.unwrap();
        assert_eq!(report["redriven"], 1, "{report}");
    }
    for queue in Queue::ALL.map(Queue::name).into_iter().chain(["relay", "facts"]) {
        let id = send_letter(queue, "not json").await;
        let discard = json!({"queue": queue, "message_ids": [id], "reason": "test"});
        let report = administrator.post("/v1/dead-letters/discard", &discard).await.unwrap();
        assert_eq!(report["discarded"], 1, "{report}");
    }
    stack.end().await;
}
