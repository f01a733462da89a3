//! Claim, scan, short pick.

use crate::world::{World, actor, scan};
use domain::MessageKind;
use domain::serial_record::{SerialRecord, SerialState};
use domain::stock::MovementKind;
use domain::{Decision, LocationId, Sku};
use platform::Operation;
use platform::items::serial_key;
use platform::level::MovementOutbox;
use serde_json::json;

#[tokio::test]
async fn a_claimed_task_is_picked_by_its_last_scan() {
    let world = World::released(&[("TEA", 2), ("CUP", 1)]).await;
    let claimed = world.ok("claim", json!({"actor": actor("ann")})).await;
    assert_eq!((claimed["state"].as_str(), claimed["assigned_to"].as_str()), (Some("assigned"), Some("ann")));
    assert_eq!(claimed["lines"][0]["name"], "Стока TEA");
    world.ok("scans", scan("TEA", 1)).await;
    let body = json!({
        "barcode": "TEA", "actor": {"person": "ann", "station": "CART-9"},
        "bin": "A-01", "lot": "L7", "expiry": "2027-01-31", "serial": "S1",
    });
    let answer = world.ok("scans", body).await;
    assert_eq!((answer["state"].as_str(), answer["lines"][1]["remaining"].as_u64()), (Some("in_progress"), Some(1)));
    assert_eq!(world.level("TEA").await, [8, 2, 0, 0], "a unit is reserved until the pick is complete");
    let _ = world.stack.stream_records();
    let answer = world.ok("scans", scan("CUP", 1)).await;
    assert_eq!(answer["state"], "picked");
    assert_eq!((world.level("TEA").await, world.level("CUP").await), ([8, 0, 2, 0], [9, 0, 1, 0]));
    let records = world.stack.stream_records();
    let mut movements: Vec<_> = records
        .iter()
        .filter_map(|record| record.text("movement"))
        .flat_map(|text| serde_json::from_str::<MovementOutbox>(text).unwrap().movements)
        .map(|m| {
            assert_eq!((m.kind, m.cause.as_str()), (MovementKind::Pick, world.task.as_str()));
            let by = m.actor.unwrap();
            let expiry = m.goods.expiry.map(|day| day.to_string());
            (by.station, by.person, m.goods.bin, m.goods.lot, expiry, m.goods.serial)
        })
        .collect();
    movements.sort();
    let plain = || ("PICK-1".to_owned(), "ann".to_owned(), "MAIN".to_owned(), None, None, None);
    let special = (
        "CART-9".to_owned(),
        "ann".to_owned(),
        "A-01".to_owned(),
        Some("L7".to_owned()),
        Some("2027-01-31".to_owned()),
        Some("S1".to_owned()),
    );
    assert_eq!(movements, vec![special, plain(), plain()]);
    assert_eq!(world.work().await, vec![world.task.to_string()], "it is still to be packed");
}

#[tokio::test]
async fn a_task_has_one_picker() {
    let world = World::released(&[("TEA", 2)]).await;
    world.refused("scans", scan("TEA", 1), 409, "not-claimed").await;
    let first = world.ok("claim", json!({"actor": actor("ann")})).await;
    let second = world.ok("claim", json!({"actor": actor("ann")})).await;
    assert_eq!(first, second);
    let refusal = world.refused("claim", json!({"actor": actor("bob")}), 409, "task-claimed").await;
    assert!(refusal["detail"].as_str().unwrap().contains("ann"), "{refusal}");
    let scan_of_bob = json!({"barcode": "TEA", "actor": actor("bob")});
    world.refused("scans", scan_of_bob, 409, "task-claimed").await;
    world
        .refused("short-picks", json!({"sku": "TEA", "quantity": 1, "actor": actor("bob")}), 409, "task-claimed")
        .await;
    assert_eq!(world.task().await.version, 2, "nothing but the claim was written");
}

#[tokio::test]
async fn a_wrong_or_superfluous_scan_changes_nothing() {
    let world = World::released(&[("TEA", 2), ("CUP", 1)]).await;
    world.ok("claim", json!({"actor": actor("ann")})).await;
    let refusal = world.refused("scans", scan("JAR", 1), 409, "wrong-item").await;
    assert_eq!(refusal["pointer"], "/barcode");
    assert_eq!(refusal["detail"], "not an item of this task: expected 2 × TEA, 1 × CUP");
    world.refused("scans", scan("TEA", 3), 409, "over-scan").await;
    world.refused("short-picks", json!({"sku": "JAR", "quantity": 1, "actor": actor("ann")}), 409, "wrong-item").await;
    world.refused("short-picks", json!({"sku": "TEA", "quantity": 3, "actor": actor("ann")}), 409, "over-short").await;
    assert_eq!(world.task().await.body.picked(), 0);
    world.ok("scans", scan("TEA", 2)).await;
    world.ok("scans", scan("CUP", 1)).await;
    world.refused("scans", scan("CUP", 1), 409, "already-picked").await;
    assert_eq!((world.level("TEA").await, world.level("CUP").await), ([8, 0, 2, 0], [9, 0, 1, 0]));
}

#[tokio::test]
async fn a_repeated_scan_counts_once_under_its_key() {
    let world = World::released(&[("TEA", 3)]).await;
    world.ok("claim", json!({"actor": actor("ann")})).await;
    let first = world.call_as(&world.key, "scan-1", "scans", &scan("TEA", 1)).await;
    let again = world.call_as(&world.key, "scan-1", "scans", &scan("TEA", 1)).await;
    assert_eq!(first, again);
    assert_eq!(world.task().await.body.picked(), 1);
    let (status, problem) = world.call_as(&world.key, "scan-1", "scans", &scan("TEA", 2)).await;
    assert_eq!((status, problem["type"].as_str()), (422, Some("urn:sklad:problem:idempotency-key-reused")));
    world.call_as(&world.key, "scan-2", "scans", &scan("TEA", 1)).await;
    assert_eq!(world.task().await.body.picked(), 2);
}

#[tokio::test]
async fn a_lost_answer_of_the_last_scan_moves_stock_once() {
    for lost in [1, 3] {
        let world = World::released(&[("TEA", 2)]).await;
        world.ok("claim", json!({"actor": actor("ann")})).await;
        world.faults.arm(&["TransactWriteItems"], lost);
        let (status, _) = world.call_as(&world.key, "last", "scans", &scan("TEA", 2)).await;
        assert_eq!(status, if lost == 1 { 200 } else { 503 }, "the SDK repeats a call twice by itself");
        let (status, answer) = world.call_as(&world.key, "last", "scans", &scan("TEA", 2)).await;
        assert_eq!((status, answer["state"].as_str()), (200, Some("picked")));
        assert_eq!(world.level("TEA").await, [8, 0, 2, 0]);
    }
}

#[tokio::test]
async fn a_missing_unit_becomes_suspect_and_the_rest_goes_on() {
    let world = World::released(&[("TEA", 2), ("CUP", 1)]).await;
    world.ok("claim", json!({"actor": actor("ann")})).await;
    world.ok("scans", scan("CUP", 1)).await;
    world.ok("scans", scan("TEA", 1)).await;
    let body = json!({"sku": "TEA", "quantity": 1, "actor": actor("ann")});
    let _ = world.stack.outbox();
    let answer = world.ok("short-picks", body).await;
    assert_eq!((answer["state"].as_str(), answer["lines"][0]["short"].as_u64()), (Some("picked"), Some(1)));
    assert_eq!((world.level("TEA").await, world.level("CUP").await), ([8, 0, 1, 1], [9, 0, 1, 0]));
    let kinds: Vec<_> = world.stack.outbox().into_iter().map(|message| (message.kind, message.version)).collect();
    let version = world.task().await.version;
    assert_eq!(kinds, vec![(MessageKind::ShortPicked { task: world.task.clone() }, version)]);
}

#[tokio::test]
async fn a_task_of_which_nothing_is_there_ends() {
    let world = World::released(&[("TEA", 2)]).await;
    world.ok("claim", json!({"actor": actor("ann")})).await;
    let answer = world.ok("short-picks", json!({"sku": "TEA", "quantity": 2, "actor": actor("ann")})).await;
    assert_eq!(answer["state"], "short_picked");
    assert_eq!(world.level("TEA").await, [8, 0, 0, 2]);
    assert!(world.work().await.is_empty());
    world.refused("scans", scan("TEA", 1), 409, "task-ended").await;
    world.refused("claim", json!({"actor": actor("ann")}), 409, "task-ended").await;
}

#[tokio::test]
async fn a_unit_that_is_kept_by_serial_number_is_scanned_only_where_it_is_in_stock() {
    let world = World::released(&[("SERIAL-PHONE", 1)]).await;
    let phone = Sku::parse("SERIAL-PHONE").unwrap();
    for (serial, place) in [("S1", "SOF1"), ("S2", "VAR1")] {
        let place = LocationId::parse(place).unwrap();
        let record = SerialRecord::receive((&world.merchant, &phone, serial), &place, None).unwrap();
        let operation = Operation::of(&["test", serial]);
        world.stack.deps.store.create(&operation, Decision::of(record)).await.unwrap();
    }
    world.ok("claim", json!({"actor": actor("ann")})).await;
    let unit = |serial: &str| {
        let mut body = scan("SERIAL-PHONE", 1);
        body["serial"] = json!(serial);
        body
    };
    world.refused("scans", scan("SERIAL-PHONE", 1), 409, "serial-needed").await;
    for elsewhere in ["S2", "S3"] {
        let answer = world.refused("scans", unit(elsewhere), 409, "serial-not-in-stock").await;
        assert_eq!(answer["pointer"], "/serial", "{answer}");
    }
    world.ok("scans", unit("S1")).await;
    let record = async || {
        let key = serial_key(&world.merchant, &phone, "S1");
        let record = world.stack.deps.store.load::<SerialRecord>(&key).await.unwrap().unwrap().body;
        (record.state, record.order)
    };
    assert_eq!(record().await, (SerialState::WithOrder, Some(world.order.clone())));
    world.cancel().await;
    world.ok("put-back", json!({"actor": actor("ann")})).await;
    assert_eq!(record().await, (SerialState::InStock, None));
}
