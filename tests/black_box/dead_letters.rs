//! What an operator does with dead letters: looks, sends back what can be, throws away the rest; nothing is done twice by that.

use crate::shop::{now, shopper, units, webhook};
use crate::stack::{Stack, sqs};
use domain::{MerchantId, MessageKind, OrderId};
use infra::demo::api::Api;
use infra::demo::setup::set_up;
use infra::sandbox::ShopOrder;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SKU: &str = "CUP-BLUE";

/// The dead-letter queue of the queue of reservations, as the queue itself names it.
async fn dead_letters_url(stack: &Stack) -> String {
    let asked = json!({"QueueUrl": stack.reservations_queue_url, "AttributeNames": ["RedrivePolicy"]});
    let attributes = sqs(&stack.aws_url, "GetQueueAttributes", &asked).await;
    let policy: Value = serde_json::from_str(attributes["Attributes"]["RedrivePolicy"].as_str().unwrap()).unwrap();
    let name = policy["deadLetterTargetArn"].as_str().unwrap().rsplit(':').next().unwrap();
    let found = sqs(&stack.aws_url, "GetQueueUrl", &json!({"QueueName": name})).await;
    found["QueueUrl"].as_str().unwrap().to_owned()
}

async fn is_worked_off(stack: &Stack) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    loop {
        let asked = json!({"QueueUrl": stack.reservations_queue_url, "AttributeNames": names});
        let attributes = sqs(&stack.aws_url, "GetQueueAttributes", &asked).await;
        if names.iter().all(|name| attributes["Attributes"][name] == "0") {
            return;
        }
        assert!(Instant::now() < deadline, "{attributes}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_were_done_meanwhile_are_sent_back_without_harm_and_the_others_are_thrown_away() {
    let stack = Stack::start().await;
    let world = set_up(&stack.endpoints, "Dead letters").await.unwrap();
    world.stock_up(|_, location| if location == "SOF1" { 5 } else { 0 }).await.unwrap();
    let order = ShopOrder::new(3, 3, now(), shopper()).line(SKU, "Чаша", 2, 100);
    let id = webhook(&world, &order, now()).await;
    world.order_is(&id, "fulfilment", "allocated").await.unwrap();
    world.pick_tasks(&id, 1).await.unwrap();
    let before = world.operations.get(&format!("/v1/orders/{id}")).await.unwrap();
    let stock = async || (units(&world, SKU, "reserved").await, units(&world, SKU, "available").await);
    let stock_before = stock().await;

    // The message that reserved it, given up three times over; one of another queue; and one that nobody can read.
    let merchant = MerchantId::parse(&world.merchant).unwrap();
    let root = OrderId::parse(&id).unwrap();
    let message = |kind: MessageKind| serde_json::to_string(&kind.for_merchant(&merchant, &root)).unwrap();
    let reserve = message(MessageKind::Reserve { order: root.clone() });
    let stray = message(MessageKind::CreatePickTasks { order: root.clone() });
    let url = dead_letters_url(&stack).await;
    for body in [&reserve, &reserve, &reserve, &stray, &"not json".to_owned()] {
        sqs(&stack.aws_url, "SendMessage", &json!({"QueueUrl": url, "MessageBody": body})).await;
    }
    let administrator = Api::new(&stack.endpoints.api, &stack.endpoints.administrator_key);
    let path = "/v1/dead-letters?queue=reservations&limit=100";
    let listed = |body: &Value| {
        let letters = body["items"].as_array()?;
        let own = letters.iter().filter(|letter| letter["correlation_id"] == id.as_str()).count();
        (own == 4).then(|| letters.clone())
    };
    let letters = administrator.until("the dead letters", path, listed).await.unwrap();
    assert!(letters.iter().all(|letter| letter.get("body").is_none()), "{letters:?}");
    let seen_by_the_merchant = world.operations.get(path).await.unwrap();
    assert_eq!(seen_by_the_merchant["items"].as_array().unwrap().len(), 4, "what is no message is nobody's");

    let redrive = json!({"queue": "reservations", "messages_per_second": 50});
    let report = administrator.post("/v1/dead-letters/redrive", &redrive).await.unwrap();
    let of = |result: &str| {
        let lines = report["messages"].as_array().unwrap().iter().filter(|line| line["result"] == result);
        lines.map(|line| line["message_id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("redriven").len(), 3, "{report}");
    let refused = of("refused");
    assert!(refused.len() >= 2, "{report}");
    is_worked_off(&stack).await;
    let after = world.operations.get(&format!("/v1/orders/{id}")).await.unwrap();
    assert_eq!(after, before, "what was done is not done again");
    assert_eq!(stock().await, stock_before);

    let discard = json!({"queue": "reservations", "message_ids": refused, "reason": "unreadable"});
    let report = administrator.post("/v1/dead-letters/discard", &discard).await.unwrap();
    assert_eq!(report["discarded"].as_u64(), Some(refused.len() as u64), "{report}");
    let left = administrator.get(path).await.unwrap();
    assert!(left["items"].as_array().unwrap().iter().all(|letter| letter["correlation_id"] != id.as_str()), "{left}");
    stack.end().await;
}
