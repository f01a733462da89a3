use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use crate::Stack;

#[tokio::test]
async fn a_batch_is_sent_received_and_deleted() {
    let stack = Stack::new();
    let client = stack.sqs();
    let queue = client.create_queue().queue_name("picks").send().await.unwrap();
    let url = queue.queue_url().unwrap();
    let mut batch = client.send_message_batch().queue_url(url);
    for id in ["a", "b", "c"] {
        batch = batch.entries(
            SendMessageBatchRequestEntry::builder()
                .id(id)
                .message_body(format!("body {id}"))
                .message_group_id("mer_1")
                .build()
                .unwrap(),
        );
    }
    let sent = batch.send().await.unwrap();
    assert_eq!(sent.successful().len(), 3);
    let mut bodies = Vec::new();
    while bodies.len() < 3 {
        let received = client.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
        assert!(!received.messages().is_empty());
        for message in received.messages() {
            bodies.push(message.body().unwrap().to_owned());
            client
                .delete_message()
                .queue_url(url)
                .receipt_handle(message.receipt_handle().unwrap())
                .send()
                .await
                .unwrap();
        }
    }
    bodies.sort();
    assert_eq!(bodies, ["body a", "body b", "body c"]);
    let requests = stack.engine.meter().snapshot().sqs;
    assert_eq!(requests["SendMessageBatch"], 1);
    assert_eq!(requests["DeleteMessage"], 3);
}

#[tokio::test]
async fn an_unknown_queue_is_the_error_that_the_sdk_knows() {
    let stack = Stack::new();
    let error = stack.sqs().get_queue_url().queue_name("nowhere").send().await.unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
}
