use std::collections::{BTreeMap, BTreeSet};

use engine::dynamodb::adversity::{Adversities, Lag};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{NOW_MS, World, get, key, order, put};

const LAG_MS: u64 = 50;

fn late(seed: u64) -> Adversities {
    let lag = Some(Lag { max_ms: LAG_MS, per_mille: 1000 });
    Adversities { seed, stale_reads: lag, index_lag: lag, ..Adversities::default() }
}

fn due(shard: &str, limit: Option<u32>) -> Value {
    let mut query = json!({
        "TableName": "orders",
        "IndexName": "due",
        "KeyConditionExpression": "due_pk = :p",
        "ExpressionAttributeValues": { ":p": { "S": shard } },
    });
    if let Some(limit) = limit {
        query["Limit"] = json!(limit);
    }
    query
}

#[test]
fn a_stale_read_gives_way_to_the_latest_state_when_the_lag_has_passed() {
    let world = World::new(late(1));
    world.ok("PutItem", &put(&order("o1", Some(("a", "1")), "new")));
    let batch = json!({ "RequestItems": { "orders": { "Keys": [key("o1"), key("o2")] } } });
    let mut missed = [0; 3];
    for _ in 0..50 {
        world.clock.advance(1);
        assert_eq!(world.ok("GetItem", &get("o1", true))["Item"]["state"]["S"], "new");
        missed[0] += u32::from(world.ok("GetItem", &get("o1", false)).get("Item").is_none());
        missed[1] += u32::from(world.ok("Query", &due("a", None))["Count"] == 0);
        missed[2] += u32::from(world.ok("BatchGetItem", &batch)["Responses"]["orders"] == json!([]));
    }
    assert!(missed.iter().all(|missed| (10..45).contains(missed)), "{missed:?} of 50 reads each were late");
    world.clock.advance(1);
    assert_eq!(world.ok("GetItem", &get("o1", false))["Item"]["state"]["S"], "new");
    assert_eq!(world.ok("Query", &due("a", None))["Count"], 1);
    assert_eq!(world.ok("BatchGetItem", &batch)["Responses"]["orders"][0]["state"]["S"], "new");
}

#[test]
fn two_changes_reach_an_index_each_in_its_own_time() {
    let world = World::new(late(2));
    world.ok("PutItem", &put(&order("o1", Some(("a", "1")), "new")));
    world.ok("PutItem", &put(&order("o2", Some(("a", "2")), "new")));
    world.clock.advance(LAG_MS / 2);
    let mut seen = BTreeSet::new();
    for _ in 0..40 {
        let found = world.ok("Query", &due("a", None));
        seen.insert(
            found["Items"].as_array().unwrap().iter().map(|item| item["pk"]["S"].to_string()).collect::<String>(),
        );
    }
    assert_eq!(seen.len(), 4, "none, either, and both: {seen:?}");
}

#[test]
fn healed_reads_are_never_stale() {
    let world = World::new(late(1));
    world.engine.dynamodb().set_adversities(Adversities::default());
    for n in 0..20 {
        world.ok("PutItem", &put(&order("o1", Some(("a", "1")), &n.to_string())));
        assert_eq!(world.ok("GetItem", &get("o1", false))["Item"]["state"]["S"], n.to_string());
        world.clock.advance(1);
    }
}

#[test]
fn a_filter_and_a_projection_hold_for_late_items_too() {
    let world = World::new(late(3));
    let query = json!({
        "TableName": "orders",
        "KeyConditionExpression": "#pk = :p AND begins_with(sk, :s)",
        "FilterExpression": "#state = :new",
        "ProjectionExpression": "#state",
        "ExpressionAttributeNames": { "#pk": "pk", "#state": "state" },
        "ExpressionAttributeValues": { ":p": { "S": "o1" }, ":s": { "S": "ord" }, ":new": { "S": "new" } },
    });
    let mut seen = BTreeSet::new();
    for n in 0..60 {
        world.ok("PutItem", &put(&order("o1", None, if n % 2 == 0 { "new" } else { "old" })));
        world.clock.advance(3);
        seen.insert(world.ok("Query", &query)["Items"].to_string());
    }
    assert_eq!(seen, BTreeSet::from([json!([]).to_string(), json!([{ "state": { "S": "new" } }]).to_string()]));
}

#[derive(Clone, Debug)]
enum Write {
    Put(u8, Option<(u8, u8)>),
    Delete(u8),
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        4 => (0_u8..4, prop::option::of((0_u8..2, 0_u8..4))).prop_map(|(o, due)| Write::Put(o, due)),
        1 => (0_u8..4).prop_map(Write::Delete),
    ]
}

type State = BTreeMap<u8, (Option<(u8, u8)>, usize)>;

/// What each kind of read answers in a state: of one item, of two, and of each order its entry in the index.
fn answers(state: &State) -> Vec<Value> {
    let item = |o: u8| match state.get(&o) {
        Some((_, n)) => json!(n.to_string()),
        None => Value::Null,
    };
    let entry = |o: u8| match state.get(&o) {
        Some((Some((0, at)), _)) => json!(at.to_string()),
        _ => Value::Null,
    };
    [item(0), json!([item(1), item(2)])].into_iter().chain((0..4).map(entry)).collect()
}

fn ask(world: &World) -> Vec<Value> {
    let state = |item: &Value| item["state"]["S"].clone();
    let one = world.ok("GetItem", &get("0", false));
    let batch = json!({ "RequestItems": { "orders": { "Keys": [key("1"), key("2")] } } });
    let batch = world.ok("BatchGetItem", &batch);
    let found = |items: &Value, pk: &str, value: &dyn Fn(&Value) -> Value| {
        let items = items.as_array().unwrap();
        items.iter().find(|item| item["pk"]["S"] == pk).map_or(Value::Null, value)
    };
    let two = &batch["Responses"]["orders"];
    let index = world.ok("Query", &due("0", None));
    let entry = |o: u8| found(&index["Items"], &o.to_string(), &|item| item["due_sk"]["S"].clone());
    let first = [state(&one["Item"]), json!([found(two, "1", &state), found(two, "2", &state)])];
    first.into_iter().chain((0..4).map(entry)).collect()
}

/// An index query with a limit gives the first entries of what one without would give, and where to go on.
#[test]
fn a_limit_holds_for_a_late_index() {
    let world = World::new(late(5));
    for n in 0..40_u32 {
        world.ok("PutItem", &put(&order(&(n % 5).to_string(), Some(("0", &format!("{n:02}"))), "new")));
        world.clock.advance(7);
        let page = world.ok("Query", &due("0", Some(2)));
        let items = page["Items"].as_array().unwrap();
        assert!(items.len() <= 2);
        let instants: Vec<_> = items.iter().map(|item| item["due_sk"]["S"].as_str().unwrap()).collect();
        assert!(instants.is_sorted());
        assert_eq!(items.len() == 2, page.get("LastEvaluatedKey").is_some(), "{page}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Against a history of whole states: what a late read answers was true at some moment within the lag.
    #[test]
    fn a_late_answer_was_true_within_the_lag(
        seed in any::<u64>(),
        writes in prop::collection::vec((0_u64..20, write()), 1..40),
    ) {
        let world = World::new(late(seed));
        let mut state = State::new();
        let mut history = vec![(NOW_MS, answers(&state))];
        for (n, (pause_ms, write)) in writes.into_iter().enumerate() {
            world.clock.advance(pause_ms);
            match write {
                Write::Put(o, due) => {
                    let text = due.map(|(shard, at)| (shard.to_string(), at.to_string()));
                    let due_text = text.as_ref().map(|(shard, at)| (shard.as_str(), at.as_str()));
                    world.ok("PutItem", &put(&order(&o.to_string(), due_text, &n.to_string())));
                    state.insert(o, (due, n));
                }
                Write::Delete(o) => {
                    world.ok("DeleteItem", &json!({ "TableName": "orders", "Key": key(&o.to_string()) }));
                    state.remove(&o);
                }
            }
            history.push((world.now_ms(), answers(&state)));
            let since = world.now_ms() - LAG_MS;
            let at_its_start = history.iter().rposition(|(at, _)| *at <= since).unwrap_or(0);
            let possible = &history[at_its_start..];
            for (kind, answer) in ask(&world).into_iter().enumerate() {
                prop_assert!(
                    possible.iter().any(|(_, answers)| answers[kind] == answer),
                    "read {} answered {} but was {:?}", kind, answer, possible
                );
            }
        }
    }
}
