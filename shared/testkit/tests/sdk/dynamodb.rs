use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, ConditionCheck, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    Projection, ProjectionType, Put, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
    ScalarAttributeType, StreamSpecification, StreamViewType, TimeToLiveSpecification, TransactWriteItem, Update,
};
use engine::Engine;
use engine::clock::ManualClock;

use crate::{NOW_MS, Stack};

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
}

pub(crate) async fn create_orders(client: &Client) {
    let mut create = client
        .create_table()
        .table_name("orders")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .stream_specification(
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewImage)
                .build()
                .unwrap(),
        )
        .global_secondary_indexes(
            GlobalSecondaryIndex::builder()
                .index_name("due")
                .key_schema(key("due_pk", KeyType::Hash))
                .key_schema(key("due_sk", KeyType::Range))
                .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
                .build()
                .unwrap(),
        );
    for name in ["pk", "sk", "due_pk", "due_sk"] {
        create = create.attribute_definitions(
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap(),
        );
    }
    create.send().await.unwrap();
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn n(number: u32) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

async fn put(client: &Client, pk: &str) {
    client
        .put_item()
        .table_name("orders")
        .item("pk", s(pk))
        .item("sk", s("order"))
        .item("version", n(1))
        .item("due_pk", s("0"))
        .item("due_sk", s(pk))
        .send()
        .await
        .unwrap();
}

fn put_new(pk: &str) -> TransactWriteItem {
    TransactWriteItem::builder()
        .put(
            Put::builder()
                .table_name("orders")
                .item("pk", s(pk))
                .item("sk", s("order"))
                .condition_expression("attribute_not_exists(pk)")
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .build()
                .unwrap(),
        )
        .build()
}

#[tokio::test]
async fn a_failed_condition_returns_the_item_only_if_asked() {
    let stack = Stack::new();
    let client = stack.dynamodb();
    create_orders(&client).await;
    put(&client, "a").await;
    for asked in [true, false] {
        let mut request = client
            .put_item()
            .table_name("orders")
            .item("pk", s("a"))
            .item("sk", s("order"))
            .condition_expression("attribute_not_exists(pk)");
        if asked {
            request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        }
        let error = request.send().await.unwrap_err().into_service_error();
        let failure = match error {
            aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failure) => failure,
            other => panic!("{other:?}"),
        };
        assert_eq!(failure.item().is_some(), asked);
        if let Some(item) = failure.item() {
            assert_eq!(item["version"], n(1));
        }
    }
    let usage = stack.engine.meter().snapshot();
    let puts = &usage.tables["orders"].operations["PutItem"];
    assert_eq!(
        (puts.requests, puts.units.table.write, puts.units.total.write),
        (3, 3.0, 4.0),
        "a failed condition costs a write of the table, not of the index"
    );
}

#[tokio::test]
async fn a_cancelled_transaction_tells_the_reason_of_each_write() {
    let stack = Stack::new();
    let client = stack.dynamodb();
    create_orders(&client).await;
    put(&client, "a").await;
    let error = client
        .transact_write_items()
        .transact_items(put_new("b"))
        .transact_items(put_new("a"))
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let reasons = match &error {
        aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
            canceled,
        ) => canceled.cancellation_reasons(),
        other => panic!("{other:?}"),
    };
    let codes: Vec<_> = reasons.iter().map(|r| r.code().unwrap_or("?")).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed"]);
    assert_eq!(reasons[1].item().unwrap()["pk"], s("a"));
    let b = client.get_item().table_name("orders").key("pk", s("b")).key("sk", s("order"));
    assert!(b.send().await.unwrap().item.is_none(), "nothing was written");
}

#[tokio::test]
async fn a_transaction_is_metered_twice_per_item_and_by_kind() {
    let stack = Stack::new();
    let client = stack.dynamodb();
    create_orders(&client).await;
    put(&client, "a").await;
    stack.engine.meter().reset();
    let update = Update::builder()
        .table_name("orders")
        .key("pk", s("a"))
        .key("sk", s("order"))
        .update_expression("SET due_sk = :later")
        .expression_attribute_values(":later", s("z"))
        .build()
        .unwrap();
    let note = Put::builder().table_name("orders").item("pk", s("a")).item("sk", s("note#1")).build().unwrap();
    let check = ConditionCheck::builder()
        .table_name("orders")
        .key("pk", s("q"))
        .key("sk", s("order"))
        .condition_expression("attribute_not_exists(pk)")
        .build()
        .unwrap();
    let answer = client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().update(update).build())
        .transact_items(TransactWriteItem::builder().put(note).build())
        .transact_items(TransactWriteItem::builder().condition_check(check).build())
        .send()
        .await
        .unwrap();
    assert!(answer.consumed_capacity().is_empty(), "nobody asked for it");
    let usage = stack.engine.meter().snapshot();
    let table = &usage.tables["orders"];
    assert_eq!(table.units.table.write, 6.0);
    // The index entry moved, one deleted and one written: an index is not billed twice for a transaction.
    assert_eq!(table.units.indexes["due"].write, 2.0);
    assert_eq!(table.kinds["order"].items, 2);
    assert_eq!(table.kinds["note"].units.table.write, 2.0);
}

#[tokio::test]
async fn the_cost_is_answered_as_it_was_asked_for() {
    let stack = Stack::new();
    let client = stack.dynamodb();
    create_orders(&client).await;
    let write = |mode: Option<ReturnConsumedCapacity>| {
        client
            .put_item()
            .table_name("orders")
            .item("pk", s("a"))
            .item("sk", s("order"))
            .item("due_pk", s("0"))
            .item("due_sk", s("a"))
            .set_return_consumed_capacity(mode)
            .send()
    };
    assert!(write(None).await.unwrap().consumed_capacity.is_none());
    let total = write(Some(ReturnConsumedCapacity::Total)).await.unwrap();
    let total = total.consumed_capacity.unwrap();
    assert_eq!((total.capacity_units, total.table.is_some()), (Some(1.0), false));
    let split = write(Some(ReturnConsumedCapacity::Indexes)).await.unwrap();
    assert!(split.consumed_capacity.unwrap().table.is_some());
}

#[tokio::test]
async fn an_index_is_queried_and_metered_apart_from_its_table() {
    let stack = Stack::new();
    let client = stack.dynamodb();
    create_orders(&client).await;
    for pk in ["a", "b", "c"] {
        put(&client, pk).await;
    }
    stack.engine.meter().reset();
    let found = client
        .query()
        .table_name("orders")
        .index_name("due")
        .key_condition_expression("due_pk = :shard AND due_sk <= :now")
        .expression_attribute_values(":shard", s("0"))
        .expression_attribute_values(":now", s("b"))
        .send()
        .await
        .unwrap();
    let keys: Vec<_> = found.items().iter().map(|i| i["pk"].as_s().unwrap().as_str()).collect();
    assert_eq!(keys, ["a", "b"]);
    let usage = stack.engine.meter().snapshot();
    let table = &usage.tables["orders"];
    assert_eq!((table.units.table.read, table.units.indexes["due"].read), (0.0, 0.5));
    assert_eq!(table.kinds["order"].items, 2);
}

#[tokio::test]
async fn a_stream_gives_every_write_in_order_and_wakes_its_reader() {
    let stack = Stack::new();
    let client = stack.dynamodb();
    create_orders(&client).await;
    let woken = Arc::new(Mutex::new(Vec::new()));
    let log = woken.clone();
    stack.engine.dynamodb().on_stream_record(Arc::new(move |table| {
        log.lock().unwrap().push(table.to_owned());
    }));
    put(&client, "a").await;
    client
        .update_item()
        .table_name("orders")
        .key("pk", s("a"))
        .key("sk", s("order"))
        .update_expression("SET version = :two")
        .expression_attribute_values(":two", n(2))
        .return_values(ReturnValue::AllNew)
        .send()
        .await
        .unwrap();
    client.delete_item().table_name("orders").key("pk", s("a")).key("sk", s("order")).send().await.unwrap();
    assert_eq!(*woken.lock().unwrap(), ["orders", "orders", "orders"]);

    let dynamodb = stack.engine.dynamodb();
    let first = dynamodb.stream_records("orders", None, 2).unwrap();
    let rest = dynamodb.stream_records("orders", Some(&first[1].sequence_number), 10).unwrap();
    let names: Vec<_> = first.iter().chain(&rest).map(|r| r.event["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["INSERT", "MODIFY", "REMOVE"]);
    let event = &first[1].event;
    assert_eq!(event["eventSource"], "aws:dynamodb");
    assert!(event["eventSourceARN"].as_str().unwrap().contains(":table/orders/stream/"));
    assert_eq!(event["dynamodb"]["Keys"]["pk"]["S"], "a");
    assert_eq!(event["dynamodb"]["NewImage"]["version"]["N"], "2");
    assert_eq!(event["dynamodb"]["StreamViewType"], "NEW_IMAGE");
    assert_eq!(event["dynamodb"]["ApproximateCreationDateTime"].as_f64(), Some((NOW_MS / 1000) as f64));
    assert!(event["dynamodb"].get("OldImage").is_none());

    dynamodb.trim_stream("orders", &rest[0].sequence_number).unwrap();
    let kept = dynamodb.stream_records("orders", None, 10).unwrap();
    assert_eq!(kept, rest, "the newest record stays");
    let after = dynamodb.stream_records("orders", Some(&rest[0].sequence_number), 10).unwrap();
    assert!(after.is_empty());
}

#[tokio::test]
async fn records_older_than_a_day_can_be_dropped() {
    let stack = Stack::new();
    let client = stack.dynamodb();
    create_orders(&client).await;
    put(&client, "a").await;
    stack.clock.advance(25 * 60 * 60 * 1000);
    put(&client, "b").await;
    put(&client, "c").await;
    let dynamodb = stack.engine.dynamodb();
    dynamodb.trim_streams_older_than_a_day().unwrap();
    let kept = dynamodb.stream_records("orders", None, 10).unwrap();
    let keys: Vec<_> = kept.iter().map(|r| &r.event["dynamodb"]["Keys"]["pk"]["S"]).collect();
    assert_eq!(keys, ["b", "c"]);
}

#[tokio::test]
async fn a_same_run_gives_the_same_stream() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let stack = Stack::new();
        let client = stack.dynamodb();
        create_orders(&client).await;
        put(&client, "a").await;
        put(&client, "b").await;
        let records = stack.engine.dynamodb().stream_records("orders", None, 10).unwrap();
        let events: Vec<_> = records
            .into_iter()
            .map(|mut r| {
                // The label of a stream is part of its ARN.
                r.event["eventSourceARN"].take();
                r
            })
            .collect();
        runs.push(events);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn expired_items_go_when_swept() {
    let stack = Stack::new();
    let client = stack.dynamodb();
    create_orders(&client).await;
    client
        .update_time_to_live()
        .table_name("orders")
        .time_to_live_specification(
            TimeToLiveSpecification::builder().enabled(true).attribute_name("expires").build().unwrap(),
        )
        .send()
        .await
        .unwrap();
    client
        .put_item()
        .table_name("orders")
        .item("pk", s("a"))
        .item("sk", s("order"))
        .item("expires", AttributeValue::N((NOW_MS / 1000 + 60).to_string()))
        .send()
        .await
        .unwrap();
    let dynamodb = stack.engine.dynamodb();
    assert_eq!(dynamodb.sweep_ttl().unwrap(), 0);
    stack.clock.advance(61_000);
    assert_eq!(dynamodb.sweep_ttl().unwrap(), 1);
}

#[tokio::test]
async fn a_file_keeps_items_and_streams_across_openings() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(NOW_MS);
    let open = || {
        let engine = Engine::open(dir.path(), Arc::new(clock.clone()), 7).unwrap();
        Stack::over(clock.clone(), engine)
    };
    let before = {
        let stack = open();
        let client = stack.dynamodb();
        create_orders(&client).await;
        for pk in ["a", "b", "c"] {
            put(&client, pk).await;
        }
        let records = stack.engine.dynamodb().stream_records("orders", None, 10).unwrap();
        stack.engine.dynamodb().trim_stream("orders", &records[0].sequence_number).unwrap();
        records
    };
    let stack = open();
    let records = stack.engine.dynamodb().stream_records("orders", None, 10).unwrap();
    assert_eq!(records, before[1..]);
    let a = stack.dynamodb().get_item().table_name("orders").key("pk", s("a")).key("sk", s("order"));
    assert!(a.send().await.unwrap().item.is_some());
}

#[tokio::test]
async fn errors_have_the_types_that_the_sdk_knows() {
    let stack = Stack::new();
    let client = stack.dynamodb();
    let missing = client.get_item().table_name("nowhere").key("pk", s("a")).send().await;
    assert!(missing.unwrap_err().into_service_error().is_resource_not_found_exception());
    create_orders(&client).await;
    let invalid =
        client.put_item().table_name("orders").item("pk", s("a")).send().await.unwrap_err().into_service_error();
    assert_eq!(invalid.meta().code(), Some("ValidationException"), "{invalid:?}");
    let again = client
        .create_table()
        .table_name("orders")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash))
        .attribute_definitions(
            AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S).build().unwrap(),
        )
        .send()
        .await;
    assert!(again.unwrap_err().into_service_error().is_resource_in_use_exception());
}
