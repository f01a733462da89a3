use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use engine::dynamodb::adversity::{Adversities, Budgets};
use http::Response;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::connector::{Call, Fault, Gate, Verdict, Wait};

use crate::Stack;
use crate::dynamodb::create_orders;

/// Lets others run a while between the arrival of a transaction and its effect; loses its first answer on request.
#[derive(Default)]
struct Slow {
    lose_answer: AtomicBool,
}

impl Gate for Slow {
    fn arrive<'a>(&'a self, call: &'a Call<'a>) -> Wait<'a, Verdict> {
        Box::pin(async {
            for _ in 0..if call.operation == "UpdateItem" { 10 } else { 1 } {
                tokio::task::yield_now().await;
            }
            Verdict::Pass
        })
    }

    fn effect<'a>(&'a self, call: &'a Call<'a>) -> Wait<'a, ()> {
        Box::pin(async {
            for _ in 0..if call.operation == "TransactWriteItems" { 20 } else { 0 } {
                tokio::task::yield_now().await;
            }
        })
    }

    fn answer<'a>(&'a self, call: &'a Call<'a>, _: &'a Response<Vec<u8>>) -> Wait<'a, Verdict> {
        let lost = call.operation == "TransactWriteItems" && self.lose_answer.swap(false, Ordering::SeqCst);
        Box::pin(std::future::ready(if lost { Verdict::Fail(Fault::TimeOut) } else { Verdict::Pass }))
    }
}

async fn slow(gate: Slow, adversities: Adversities) -> Stack {
    let mut stack = Stack::new();
    stack.engine.dynamodb().set_adversities(adversities);
    create_orders(&stack.dynamodb()).await;
    stack.connector = stack.connector.gate(Arc::new(gate));
    stack
}

fn count(by: i64) -> Update {
    Update::builder()
        .table_name("orders")
        .key("pk", AttributeValue::S("hot".into()))
        .key("sk", AttributeValue::S("order".into()))
        .update_expression("ADD taken :by")
        .expression_attribute_values(":by", AttributeValue::N(by.to_string()))
        .build()
        .unwrap()
}

async fn transact(client: &Client) -> Result<(), Vec<String>> {
    let item = TransactWriteItem::builder().update(count(1)).build();
    match client.transact_write_items().transact_items(item).send().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let error = error.into_service_error();
            let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { panic!("{error:?}") };
            Err(cancelled.cancellation_reasons().iter().filter_map(|r| r.code().map(str::to_owned)).collect())
        }
    }
}

async fn taken(client: &Client) -> i64 {
    let get = client.get_item().table_name("orders").consistent_read(true);
    let get = get.key("pk", AttributeValue::S("hot".into())).key("sk", AttributeValue::S("order".into()));
    let item = get.send().await.unwrap().item.unwrap_or_default();
    item.get("taken").map_or(0, |taken| taken.as_n().unwrap().parse().unwrap())
}

#[tokio::test]
async fn of_two_transactions_at_once_one_learns_of_the_conflict() {
    let stack = slow(Slow::default(), Adversities::default()).await;
    let client = stack.dynamodb();
    let (one, other) = tokio::join!(transact(&client), transact(&client));
    assert!(one.is_ok() || other.is_ok());
    assert_eq!(one.and(other), Err(vec!["TransactionConflict".to_owned()]));
    assert_eq!(taken(&client).await, 1);
}

#[tokio::test]
async fn a_plain_write_beside_a_transaction_is_a_conflict_that_the_sdk_names() {
    let stack = slow(Slow::default(), Adversities::default()).await;
    let client = stack.dynamodb();
    let update = client
        .update_item()
        .table_name("orders")
        .key("pk", AttributeValue::S("hot".into()))
        .key("sk", AttributeValue::S("order".into()))
        .update_expression("ADD taken :by")
        .expression_attribute_values(":by", AttributeValue::N("1".into()));
    let (first, second) = tokio::join!(transact(&client), update.send());
    assert_eq!(first, Ok(()));
    assert!(second.unwrap_err().into_service_error().is_transaction_conflict_exception());
    assert_eq!(taken(&client).await, 1);
}

#[tokio::test]
async fn a_transaction_whose_answer_is_lost_is_sent_again_and_takes_effect_once() {
    let stack = slow(Slow { lose_answer: AtomicBool::new(true) }, Adversities::default()).await;
    let client = stack.dynamodb();
    assert_eq!(transact(&client).await, Ok(()));
    let sent = stack.engine.meter().snapshot().dynamodb["TransactWriteItems"];
    assert_eq!((sent, taken(&client).await), (2, 1));
}

#[tokio::test]
async fn the_sdk_gives_up_on_a_partition_without_units() {
    let budgets = Some(Budgets { write_units: 2, read_units: 3000 });
    let stack = slow(Slow::default(), Adversities { budgets, ..Adversities::default() }).await;
    let client = stack.dynamodb();
    assert_eq!(transact(&client).await, Ok(()));
    assert_eq!(transact(&client).await, Err(vec!["ThrottlingError".to_owned()]));
    let put = client
        .put_item()
        .table_name("orders")
        .item("pk", AttributeValue::S("hot".into()))
        .item("sk", AttributeValue::S("order".into()));
    let error = put.send().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("ProvisionedThroughputExceededException"));
    let usage = stack.engine.dynamodb().partition_usage();
    let hot = usage.iter().find(|usage| usage.partition.key == "hot").unwrap();
    assert_eq!(hot.writes.throttled, 4, "the SDK tries a put three times, a cancelled transaction once");
}
