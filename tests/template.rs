//! The system's declaration: that `template.yaml` loads, that it keeps the rules which neither cfn-lint nor a
//! deployment checks, and that a mistake in it is refused where it stands.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use infra::template::model::{Function, Queue};
use infra::template::{Declared, Overrides, filter, load_all};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[path = "template/manifests.rs"]
mod manifests;
#[path = "template/measured.rs"]
mod measured;
#[path = "template/mistakes.rs"]
mod mistakes;
#[path = "template/pages.rs"]
mod pages;
#[path = "template/production.rs"]
mod production;
#[path = "template/rights.rs"]
mod rights;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn overrides() -> Overrides {
    Overrides {
        parameters: BTreeMap::from([
            ("SecretsKey".to_owned(), format!("{}=", "A".repeat(43))),
            ("AdministratorKeyHash".to_owned(), "0".repeat(64)),
        ]),
        ..Overrides::default()
    }
}

fn declared() -> Declared {
    match load_all(&root().join("template.yaml"), &overrides()) {
        Ok(declared) => declared,
        Err(error) => panic!("{error}"),
    }
}

fn text() -> String {
    match std::fs::read_to_string(root().join("template.yaml")) {
        Ok(text) => text,
        Err(error) => panic!("template.yaml: {error}"),
    }
}

fn queue<'d>(declared: &'d Declared, name: &str) -> &'d Queue {
    declared.stack.queues.iter().find(|queue| queue.name == name).unwrap_or_else(|| panic!("no queue {name}"))
}

fn names<'s>(iter: impl IntoIterator<Item = &'s String>) -> BTreeSet<&'s str> {
    iter.into_iter().map(String::as_str).collect()
}

#[test]
fn each_function_folder_is_declared_and_nothing_else() {
    let folders: BTreeSet<String> = std::fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names(declared().stack.functions.keys()), names(&folders));
}

#[test]
fn tables_queues_and_bucket_are_those_of_the_contract() {
    let declared = declared();
    let tables: Vec<&str> = declared.stack.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(
        tables,
        ["accounts", "catalogue", "stock", "movements", "orders", "tasks", "shipments", "returns", "people"]
    );
    let indexes: BTreeMap<&str, Vec<&str>> = declared
        .stack
        .tables
        .iter()
        .filter_map(|table| {
            let indexes = table.create["GlobalSecondaryIndexes"].as_array()?;
            let names = indexes.iter().filter_map(|index| index["IndexName"].as_str());
            Some((table.name.as_str(), names.collect()))
        })
        .collect();
    assert_eq!(
        indexes,
        BTreeMap::from([
            ("stock", vec!["due"]),
            ("movements", vec!["changed", "due"]),
            ("orders", vec!["listed", "waiting", "due"]),
            ("tasks", vec!["work"]),
            ("shipments", vec!["closeout", "due"]),
            ("returns", vec!["listed", "due"]),
        ])
    );
    let streaming: Vec<&str> = declared
        .stack
        .tables
        .iter()
        .filter(|table| table.create["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE")
        .map(|table| table.name.as_str())
        .collect();
    // Not people: what is erased there must not live on in a stream.
    assert_eq!(streaming, ["stock", "orders", "tasks", "shipments", "returns"]);
    let work: Vec<&str> =
        declared.stack.queues.iter().filter(|queue| queue.redrive.is_some()).map(|queue| queue.name.as_str()).collect();
    assert_eq!(work, ["reservations", "picks", "bookings", "tracking", "returns", "fulfilments"]);
    assert_eq!(declared.stack.buckets[0].name, "documents");
}

#[test]
fn only_records_that_may_be_forgotten_expire() {
    let expiring: Vec<(String, Option<String>)> = declared()
        .stack
        .tables
        .into_iter()
        .filter(|table| table.time_to_live_attribute.is_some())
        .map(|table| (table.name, table.time_to_live_attribute))
        .collect();
    let expect = ["catalogue", "stock", "orders"];
    assert_eq!(expiring, expect.map(|table| (table.to_owned(), Some("expires_at".to_owned()))));
}

#[test]
fn an_index_holds_keys_only() {
    for table in declared().stack.tables {
        for index in table.create["GlobalSecondaryIndexes"].as_array().into_iter().flatten() {
            assert_eq!(index["Projection"]["ProjectionType"], "KEYS_ONLY", "{}", table.name);
        }
    }
}

#[test]
fn references_become_names_and_addresses_of_this_machine() {
    let mut overrides = overrides();
    overrides.aws_port = 4999;
    overrides.api_port = 8123;
    overrides.parameters.insert("ListShards".to_owned(), "7".to_owned());
    let declared = load_all(&root().join("template.yaml"), &overrides).unwrap();
    let environment = &declared.stack.functions["stock-reservation"].environment;
    assert_eq!(environment["ORDERS_TABLE"], "orders");
    assert_eq!(environment["RESERVATIONS_QUEUE_URL"], "http://127.0.0.1:4999/000000000000/reservations");
    assert_eq!(environment["LIST_SHARDS"], "7", "Globals and parameters reach the function");
    assert_eq!(declared.outputs["ApiUrl"], "http://127.0.0.1:8123");
}

#[test]
fn a_function_has_its_own_numbers_before_those_of_globals() {
    let functions = declared().stack.functions;
    assert_eq!(functions["order-intake"].timeout_s, 10);
    assert_eq!(functions["sweeper"].timeout_s, 50);
    assert_eq!(functions["sweeper"].schedules[0].every_s, 60);
    assert!(u64::from(functions["sweeper"].timeout_s) < functions["sweeper"].schedules[0].every_s);
}

#[test]
fn routes_are_unique_and_their_permissions_fit_into_a_function_s_policy() {
    let declared = declared();
    let mut seen = BTreeSet::new();
    for (name, function) in &declared.stack.functions {
        for route in &function.routes {
            assert!(seen.insert(route.clone()), "{name}: {} {}", route.method, route.path);
        }
        // Lambda's resource policy holds 20 KB; a route's statement takes some 402 bytes of it, with a stack's name of 16 letters.
        assert!(function.routes.len() <= 50, "{name}");
        // The API waits 30 s.
        assert!(function.routes.is_empty() || function.timeout_s < 30, "{name}");
    }
}

#[test]
fn each_work_queue_has_one_reader_and_time_enough() {
    let declared = declared();
    for queue in declared.stack.queues.iter().filter(|queue| queue.redrive.is_some()) {
        let readers: Vec<(&Function, _)> = declared
            .stack
            .functions
            .values()
            .flat_map(|function| function.queue_sources.iter().map(move |source| (function, source)))
            .filter(|(_, source)| source.queue == queue.name)
            .collect();
        let [(function, source)] = readers.as_slice() else {
            panic!("{} has {} readers", queue.name, readers.len());
        };
        assert!(queue.visibility_timeout_s >= 6 * function.timeout_s + source.batching_window_s, "{}", queue.name);
        assert!(source.report_batch_item_failures, "{}", queue.name);
    }
}

#[test]
fn each_queue_has_a_dead_letter_queue_that_keeps_longer() {
    let declared = declared();
    for queue_ in &declared.stack.queues {
        let Some(redrive) = &queue_.redrive else {
            assert!(queue_.name.ends_with("-dead-letters"), "{}", queue_.name);
            continue;
        };
        assert_eq!(redrive.dead_letter_queue, format!("{}-dead-letters", queue_.name));
        // A partner's outage must not put messages aside: their waits add up to hours.
        let partners = matches!(queue_.name.as_str(), "bookings" | "fulfilments");
        assert_eq!(redrive.max_receive_count, if partners { 20 } else { 10 }, "{}", queue_.name);
        let dead_letters = queue(&declared, &redrive.dead_letter_queue);
        assert!(dead_letters.message_retention_s > queue_.message_retention_s);
    }
}

#[test]
fn each_stream_gives_up_explicitly_and_has_two_readers_at_most() {
    let declared = declared();
    let mut readers: BTreeMap<&str, u32> = BTreeMap::new();
    for (name, function) in &declared.stack.functions {
        for source in &function.stream_sources {
            *readers.entry(&source.table).or_default() += 1;
            assert!(source.maximum_retry_attempts.is_some(), "{name}");
            assert!(source.maximum_record_age_s.is_some(), "{name}");
            assert_eq!(source.on_failure_queue, Some(format!("{name}-dead-letters")));
            assert!(!source.filters.is_empty(), "{name}");
        }
    }
    assert!(readers.values().all(|count| *count <= 2), "{readers:?}");
}

fn admits(function: &str, table: &str, image: &Value) -> bool {
    let keys = json!({ "pk": image["pk"], "sk": image["sk"] });
    admits_record(function, table, &json!({ "eventName": "MODIFY", "dynamodb": { "Keys": keys, "NewImage": image } }))
}

fn admits_record(function: &str, table: &str, record: &Value) -> bool {
    let declared = declared();
    let source = declared.stack.functions[function]
        .stream_sources
        .iter()
        .find(|source| source.table == table)
        .unwrap_or_else(|| panic!("{function} does not read {table}"));
    source.filters.iter().any(|pattern| filter::matches(pattern, record))
}

#[test]
fn relay_is_woken_by_an_outbox_and_by_nothing_else() {
    for table in ["stock", "orders", "tasks", "shipments", "returns"] {
        let plain = json!({ "pk": { "S": "mer_1#x" }, "sk": { "S": "order" }, "version": { "N": "1" } });
        assert!(!admits("relay", table, &plain));
        let mut sending = plain;
        sending["outbox"] = json!({ "S": "[]" });
        assert!(admits("relay", table, &sending));
    }
}

#[test]
fn facts_is_woken_by_movements_facts_and_what_may_be_sold() {
    let item = |sk: &str| json!({ "pk": { "S": "mer_1#x" }, "sk": { "S": sk } });
    assert!(!admits("facts", "stock", &item("level#loc_1")));
    for attribute in ["movement", "sellable", "facts"] {
        let mut changed = item("level#loc_1");
        changed[attribute] = json!({ "S": "{}" });
        assert!(admits("facts", "stock", &changed), "{attribute}");
    }
    let waiting = |event: &str| {
        // An order's rank begins with four digits, `Order::waiting_rank`; no other sort key begins with one.
        ["0000#2026-01-01T00:00:00.000Z#ord_1", "9999#2026-01-01T00:00:00.000Z#ord_1"].into_iter().all(|rank| {
            let keys = json!({ "pk": { "S": "mer_1#x#waiting#0" }, "sk": { "S": rank } });
            admits_record("facts", "stock", &json!({ "eventName": event, "dynamodb": { "Keys": keys } }))
        })
    };
    assert!(
        waiting("INSERT") && waiting("REMOVE"),
        "an order that waits is less to sell, one that is filled or gone is not"
    );
    let mut receipt = item("receipt");
    receipt["movement"] = json!({ "S": "{}" });
    assert!(admits("facts", "stock", &receipt));
    for table in ["tasks", "shipments", "returns"] {
        assert!(!admits("facts", table, &item("task")));
        let mut worked = item("task");
        worked["facts"] = json!({ "S": "[]" });
        assert!(admits("facts", table, &worked));
    }
}
