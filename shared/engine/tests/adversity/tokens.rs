use engine::dynamodb::adversity::Adversities;
use serde_json::{Value, json};

use crate::{World, answer, class, count, key};

fn counted(token: &str, counter: &str) -> Value {
    json!({ "ClientRequestToken": token, "TransactItems": [{ "Update": count(counter) }] })
}

fn taken(world: &World, counter: &str) -> Value {
    let get = json!({ "TableName": "stock", "Key": key(counter), "ConsistentRead": true });
    world.ok("GetItem", &get)["Item"]["taken"]["N"].clone()
}

#[test]
fn a_token_makes_one_transaction_of_two_for_ten_minutes() {
    let world = World::new(Adversities::default());
    world.ok("TransactWriteItems", &counted("a", "hot"));
    world.clock.advance(10 * 60 * 1000 - 1);
    world.ok("TransactWriteItems", &counted("a", "hot"));
    assert_eq!(taken(&world, "hot"), "1");
    assert_eq!(world.refused("TransactWriteItems", &counted("a", "other")), "IdempotentParameterMismatchException");
    world.clock.advance(1);
    world.ok("TransactWriteItems", &counted("a", "hot"));
    assert_eq!(taken(&world, "hot"), "2");
}

#[test]
fn a_repetition_while_the_first_is_running_is_in_progress() {
    let world = World::new(Adversities::default());
    let first = world.begin("TransactWriteItems", &counted("a", "hot"));
    let error = world.call("TransactWriteItems", &counted("a", "hot")).unwrap_err();
    assert_eq!(class(&error), "TransactionInProgressException");
    answer(first).unwrap();
    world.ok("TransactWriteItems", &counted("a", "hot"));
    assert_eq!(taken(&world, "hot"), "1");
    // Two for the write, and a read of the item for the repetition.
    let usage = world.usage("stock", None, "hot");
    assert_eq!(usage.writes.units, 2.0);
    assert_eq!(usage.reads.units, 3.0);
}

#[test]
fn a_cancelled_transaction_leaves_its_token_free() {
    let world = World::new(Adversities::default());
    let mut guarded = counted("a", "hot");
    guarded["TransactItems"][0]["Update"]["ConditionExpression"] = json!("attribute_exists(pk)");
    assert_eq!(world.refused("TransactWriteItems", &guarded), "TransactionCanceledException");
    world.ok("UpdateItem", &count("hot"));
    world.ok("TransactWriteItems", &guarded);
    assert_eq!(taken(&world, "hot"), "2");
}
