use engine::dynamodb::adversity::Adversities;
use serde_json::{Value, json};

use crate::{World, answer, class, count, get, key, order, put, reasons};

fn transaction(items: &[Value]) -> Value {
    json!({ "TransactItems": items })
}

fn order_and_counter(o: &str) -> Value {
    transaction(&[json!({ "Put": put(&order(o, None, "reserved")) }), json!({ "Update": count("hot") })])
}

#[test]
fn overlapping_transactions_on_an_item_conflict_and_the_first_one_wins() {
    let world = World::new(Adversities::default());
    let first = world.begin("TransactWriteItems", &order_and_counter("o1"));
    world.clock.advance(5);
    let second = world.begin("TransactWriteItems", &order_and_counter("o2"));
    let third = world.begin("TransactWriteItems", &transaction(&[json!({ "Put": put(&order("o3", None, "new")) })]));
    assert_eq!(reasons(&answer(second).unwrap_err()), ["None", "TransactionConflict"]);
    answer(first).unwrap();
    answer(third).unwrap();
    world.ok("TransactWriteItems", &order_and_counter("o2"));
    // Two that took effect and one that was cancelled, at two units each.
    assert_eq!(world.usage("stock", None, "hot").writes.units, 6.0);
    assert_eq!(world.usage("orders", None, "o2").writes.units, 4.0);
}

#[test]
fn a_plain_write_of_a_held_item_is_refused_and_a_plain_read_sees_the_state_before() {
    let world = World::new(Adversities::default());
    world.ok("PutItem", &put(&order("o1", None, "new")));
    let ticket = world.begin("TransactWriteItems", &order_and_counter("o1"));
    assert_eq!(world.refused("PutItem", &put(&order("o1", None, "other"))), "TransactionConflictException");
    assert_eq!(world.refused("UpdateItem", &count("hot")), "TransactionConflictException");
    let delete = json!({ "TableName": "orders", "Key": key("o1") });
    assert_eq!(world.refused("DeleteItem", &delete), "TransactionConflictException");
    assert_eq!(world.ok("GetItem", &get("o1", true))["Item"]["state"]["S"], "new");
    let reads = json!({ "TransactItems": [
        { "Get": { "TableName": "orders", "Key": key("o1") } }, { "Get": { "TableName": "orders", "Key": key("o2") } },
    ] });
    assert_eq!(reasons(&world.call("TransactGetItems", &reads).unwrap_err()), ["TransactionConflict", "None"]);
    let batch = json!({ "RequestItems": { "orders": [{ "DeleteRequest": { "Key": key("o1") } }] } });
    assert_eq!(world.ok("BatchWriteItem", &batch)["UnprocessedItems"], batch["RequestItems"]);
    answer(ticket).unwrap();
    assert_eq!(world.ok("GetItem", &get("o1", true))["Item"]["state"]["S"], "reserved");
    world.ok("TransactGetItems", &reads);
    world.ok("DeleteItem", &delete);
    assert_eq!(world.usage("orders", None, "o1").writes.units, 6.0, "each refusal is billed");
}

#[test]
fn a_checked_item_is_held_too() {
    let world = World::new(Adversities::default());
    let check = json!({ "ConditionCheck": {
        "TableName": "orders", "Key": key("o1"), "ConditionExpression": "attribute_not_exists(pk)",
    } });
    let ticket = world.begin("TransactWriteItems", &transaction(&[check, json!({ "Update": count("hot") })]));
    assert_eq!(world.refused("PutItem", &put(&order("o1", None, "new"))), "TransactionConflictException");
    answer(ticket).unwrap();
}

#[test]
fn a_dropped_transaction_has_no_effect_and_frees_its_items() {
    let world = World::new(Adversities::default());
    drop(world.begin("TransactWriteItems", &order_and_counter("o1")));
    world.ok("UpdateItem", &count("hot"));
    assert_eq!(world.ok("GetItem", &get("o1", true)), json!({}));
}

#[test]
fn a_cancelled_transaction_frees_its_items() {
    let world = World::new(Adversities::default());
    world.ok("PutItem", &put(&order("o1", None, "new")));
    let mut create = put(&order("o1", None, "again"));
    create["ConditionExpression"] = json!("attribute_not_exists(pk)");
    let ticket = world.begin("TransactWriteItems", &transaction(&[json!({ "Put": create })]));
    assert_eq!(class(&answer(ticket).unwrap_err()), "TransactionCanceledException");
    world.ok("PutItem", &put(&order("o1", None, "other")));
}
