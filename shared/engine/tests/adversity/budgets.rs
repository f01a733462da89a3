use engine::dynamodb::adversity::{Adversities, Budgets};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{World, class, count, get, key, order, put, reasons};

fn limited(write_units: u32, read_units: u32) -> World {
    World::new(Adversities { budgets: Some(Budgets { write_units, read_units }), ..Adversities::default() })
}

#[test]
fn a_partition_takes_its_units_a_second_and_no_more() {
    let world = limited(10, 3000);
    for _ in 0..10 {
        world.ok("UpdateItem", &count("hot"));
    }
    let refusal = world.call("UpdateItem", &count("hot")).unwrap_err();
    assert_eq!(class(&refusal), "ProvisionedThroughputExceededException");
    assert_eq!(refusal["ThrottlingReasons"][0]["reason"], "TableWriteKeyRangeThroughputExceeded");
    assert_eq!(refusal["ThrottlingReasons"][0]["resource"], "arn:aws:dynamodb:eu-central-1:000000000000:table/stock");
    world.ok("UpdateItem", &count("other"));
    world.clock.advance(999);
    assert_eq!(world.refused("UpdateItem", &count("hot")), "ProvisionedThroughputExceededException");
    world.clock.advance(1);
    world.ok("UpdateItem", &count("hot"));
    let usage = world.usage("stock", None, "hot");
    assert_eq!((usage.writes.units, usage.writes.peak_units_per_second, usage.writes.throttled), (11.0, 10.0, 2));
}

#[test]
fn a_throttled_index_partition_throttles_the_write_of_the_table() {
    let world = limited(3, 3000);
    for n in 0..3 {
        world.ok("PutItem", &put(&order(&format!("o{n}"), Some(("due", "1")), "new")));
    }
    let refusal = world.call("PutItem", &put(&order("o9", Some(("due", "1")), "new"))).unwrap_err();
    assert_eq!(refusal["ThrottlingReasons"][0]["reason"], "IndexWriteKeyRangeThroughputExceeded");
    world.ok("PutItem", &put(&order("o9", Some(("due2", "1")), "new")));
    world.ok("PutItem", &put(&order("o8", None, "new")));
}

#[test]
fn a_changed_index_key_is_two_writes_and_an_unchanged_entry_none() {
    let world = World::new(Adversities::default());
    world.ok("PutItem", &put(&order("o1", Some(("a", "1")), "new")));
    world.ok("PutItem", &put(&order("o1", Some(("a", "1")), "picked")));
    assert_eq!(world.usage("orders", Some("due"), "a").writes.units, 1.0);
    world.ok("PutItem", &put(&order("o1", Some(("a", "2")), "picked")));
    assert_eq!(world.usage("orders", Some("due"), "a").writes.units, 3.0);
    world.ok("PutItem", &put(&order("o1", Some(("b", "2")), "picked")));
    assert_eq!(world.usage("orders", Some("due"), "a").writes.units, 4.0);
    assert_eq!(world.usage("orders", Some("due"), "b").writes.units, 1.0);
    world.ok("DeleteItem", &json!({ "TableName": "orders", "Key": key("o1") }));
    assert_eq!(world.usage("orders", Some("due"), "b").writes.units, 2.0);
    assert_eq!(world.usage("orders", None, "o1").writes.units, 5.0);
}

#[test]
fn a_failed_condition_is_billed() {
    let world = limited(3, 3000);
    let mut create = put(&order("o1", None, "new"));
    create["ConditionExpression"] = json!("attribute_not_exists(pk)");
    world.ok("PutItem", &create);
    for _ in 0..2 {
        assert_eq!(world.refused("PutItem", &create), "ConditionalCheckFailedException");
    }
    assert_eq!(world.refused("PutItem", &create), "ProvisionedThroughputExceededException");
    assert_eq!(world.usage("orders", None, "o1").writes.units, 3.0);
}

#[test]
fn a_transaction_costs_double_also_when_it_is_cancelled() {
    let world = limited(10, 3000);
    let mut create = put(&order("o1", Some(("due", "1")), "new"));
    create["ConditionExpression"] = json!("attribute_not_exists(pk)");
    let transaction = json!({ "TransactItems": [{ "Put": create }, { "Update": count("hot") }] });
    world.ok("TransactWriteItems", &transaction);
    assert_eq!(world.usage("orders", None, "o1").writes.units, 2.0);
    assert_eq!(world.usage("orders", Some("due"), "due").writes.units, 1.0);
    for _ in 0..4 {
        let error = world.call("TransactWriteItems", &transaction).unwrap_err();
        assert_eq!(reasons(&error), ["ConditionalCheckFailed", "None"]);
    }
    assert_eq!(world.usage("stock", None, "hot").writes.units, 10.0);
    let error = world.call("TransactWriteItems", &transaction).unwrap_err();
    assert_eq!(reasons(&error), ["ThrottlingError", "ThrottlingError"]);
    assert_eq!(world.usage("stock", None, "hot").writes.units, 10.0);
}

#[test]
fn a_batch_leaves_unprocessed_what_its_partition_cannot_take() {
    let world = limited(2, 3000);
    let item = |pk: &str, sk: &str| json!({ "pk": { "S": pk }, "sk": { "S": sk } });
    let batch = |items: Vec<Value>| {
        let puts: Vec<_> = items.into_iter().map(|item| json!({ "PutRequest": { "Item": item } })).collect();
        json!({ "RequestItems": { "stock": puts } })
    };
    let answer =
        world.ok("BatchWriteItem", &batch(vec![item("a", "1"), item("a", "2"), item("a", "3"), item("b", "1")]));
    assert_eq!(answer["UnprocessedItems"]["stock"], batch(vec![item("a", "3")])["RequestItems"]["stock"]);
    let again = json!({ "RequestItems": answer["UnprocessedItems"] });
    assert_eq!(world.refused("BatchWriteItem", &again), "ProvisionedThroughputExceededException");
    world.clock.advance(1000);
    assert_eq!(world.ok("BatchWriteItem", &again)["UnprocessedItems"], json!({}));
    let all = json!({ "TableName": "stock", "KeyConditionExpression": "pk = :p", "ConsistentRead": true,
        "ExpressionAttributeValues": { ":p": { "S": "a" } } });
    assert_eq!(world.ok("Query", &all)["Count"], 3);
}

#[test]
fn reads_have_a_budget_of_their_own() {
    let world = limited(1000, 2);
    world.ok("PutItem", &put(&order("o1", None, "new")));
    world.ok("GetItem", &get("o1", true));
    world.ok("GetItem", &get("o1", false));
    world.ok("GetItem", &get("o1", false));
    let refusal = world.call("GetItem", &get("o1", false)).unwrap_err();
    assert_eq!(refusal["ThrottlingReasons"][0]["reason"], "TableReadKeyRangeThroughputExceeded");
    let batch = json!({ "RequestItems": { "orders": { "Keys": [key("o1"), key("o2")], "ConsistentRead": true } } });
    let answer = world.ok("BatchGetItem", &batch);
    assert_eq!(answer["UnprocessedKeys"]["orders"]["Keys"], json!([key("o1")]));
    assert_eq!(answer["UnprocessedKeys"]["orders"]["ConsistentRead"], true);
    assert_eq!(world.usage("orders", None, "o2").reads.units, 1.0);
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, Option<(u8, u8)>, usize),
    Delete(u8),
    Count(u8),
    Transaction(u8, Option<(u8, u8)>, usize, u8),
    Batch(u8, u8, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let due = || prop::option::of((0_u8..2, 0_u8..2));
    let size = || 0_usize..3000;
    prop_oneof![
        (0_u8..4, due(), size()).prop_map(|(o, due, size)| Step::Put(o, due, size)),
        (0_u8..4).prop_map(Step::Delete),
        (0_u8..2).prop_map(Step::Count),
        (0_u8..4, due(), size(), 0_u8..2).prop_map(|(o, due, size, n)| Step::Transaction(o, due, size, n)),
        (0_u8..4, 0_u8..4, size()).prop_map(|(a, b, size)| Step::Batch(a, b, size)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// dynoxide counts a call's cost by table and index; the same must come out summed over partitions.
    #[test]
    fn partitions_sum_up_to_what_the_meter_says(steps in prop::collection::vec(step(), 1..25)) {
        let world = World::new(Adversities::default());
        let item = |o: u8, due: Option<(u8, u8)>, size: usize| {
            let due = due.map(|(shard, at)| (shard.to_string(), at.to_string()));
            order(&o.to_string(), due.as_ref().map(|(s, a)| (s.as_str(), a.as_str())), &"x".repeat(size))
        };
        for step in steps {
            match step {
                Step::Put(o, due, size) => world.ok("PutItem", &put(&item(o, due, size))),
                Step::Delete(o) => world.ok("DeleteItem", &json!({ "TableName": "orders", "Key": key(&o.to_string()) })),
                Step::Count(n) => world.ok("UpdateItem", &count(&n.to_string())),
                Step::Transaction(o, due, size, n) => world.ok("TransactWriteItems", &json!({ "TransactItems": [
                    { "Put": put(&item(o, due, size)) }, { "Update": count(&n.to_string()) },
                ] })),
                Step::Batch(a, b, size) => {
                    let mut writes = vec![json!({ "PutRequest": { "Item": item(a, None, size) } })];
                    if a != b {
                        writes.push(json!({ "DeleteRequest": { "Key": key(&b.to_string()) } }));
                    }
                    world.ok("BatchWriteItem", &json!({ "RequestItems": { "orders": writes } }))
                }
            };
        }
        let usage = world.engine.dynamodb().partition_usage();
        let sum = |table: &str, index: Option<&str>| -> f64 {
            let of = usage.iter().filter(|u| u.partition.table == table && u.partition.index.as_deref() == index);
            of.map(|u| u.writes.units).sum()
        };
        for (table, metered) in world.engine.meter().snapshot().tables {
            prop_assert_eq!(sum(&table, None), metered.units.table.write, "{}", table);
            let due = metered.units.indexes.get("due").map_or(0.0, |units| units.write);
            prop_assert_eq!(sum(&table, Some("due")), due, "{}", table);
        }
    }
}
