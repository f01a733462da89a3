//! Pack, with the packing slip.

use crate::world::{World, actor, person, scan};
use documents::{PackingSlip, Party, SlipLine, packing_slip};
use domain::allocation::Component;
use domain::order::{AllocatedGoods, Hold, HoldReason, Order, OrderLine};
use domain::pick_task::PickTaskState;
use domain::{Decision, MessageKind};
use platform::documents::document_key;
use platform::items::{PersonRecord, order_key};
use platform::store::FactsOutbox;
use platform::{Operation, Versioned};
use serde_json::{Value, json};

fn parcel() -> Value {
    json!({
        "parcel": {"weight_grams": 750, "length_mm": 300, "width_mm": 200, "height_mm": 100},
        "actor": {"person": "eve", "station": "PACK-2"},
    })
}

async fn slip(world: &World) -> Option<Vec<u8>> {
    world.stack.deps.documents.get(&document_key(&world.order, "packing-slip-1.pdf")).await.unwrap()
}

fn expected(world: &World, lines: Vec<SlipLine<'_>>) -> Vec<u8> {
    let to = person();
    let slip = PackingSlip {
        shop_name: "Чаена къща",
        order_number: "#1001",
        date: "2026-11-02".parse().unwrap(),
        recipient: Party {
            name: &to.name,
            line1: &to.address.line1,
            postal_code: to.address.postal_code.as_deref(),
            city: &to.address.city,
            country: &to.address.country,
            phone: to.phone.as_deref(),
            ..Party::default()
        },
        barcode: world.task.as_str(),
        lines,
    };
    packing_slip::pdf(&slip).unwrap()
}

#[tokio::test]
async fn a_kit_is_picked_by_component_and_on_the_slip_with_what_is_in_it() {
    let world = World::allocated(&[("SET", 1), ("TEA", 2), ("CUP", 1)]).await;
    // The other two lines are what the first is made of.
    let (key, operation) = (order_key(&world.order), Operation::of(&["kit"]));
    let changed = world.stack.deps.store.change::<Order, _>(&key, &operation, async |loaded| {
        let mut next = loaded.unwrap().body.clone();
        let component = |line: OrderLine| Component { sku: line.sku.unwrap(), quantity: line.quantity };
        let kit: Vec<Component> = next.lines.drain(1..).map(component).collect();
        let goods =
            |part: &Component| AllocatedGoods { line: 1, sku: part.sku.clone(), lot: None, quantity: part.quantity };
        next.fulfillment_orders[0].goods = kit.iter().map(goods).collect();
        next.fulfillment_orders[0].lines.truncate(1);
        next.lines[0].kit = kit;
        Ok(Decision::of(next))
    });
    changed.await.unwrap();
    world.deliver().await;
    world.ok("claim", json!({"actor": actor("ann")})).await;
    world.ok("scans", scan("TEA", 2)).await;
    let picked = world.ok("scans", scan("CUP", 1)).await;
    assert_eq!((picked["state"].as_str(), picked["lines"][0]["surplus"].as_u64()), (Some("picked"), Some(0)));
    world.ok("pack", parcel()).await;
    let line = |sku, title, quantity, in_kit| SlipLine { sku, title, quantity, in_kit };
    let kit = line("SET", "Стока SET", 1, false);
    let lines = vec![kit, line("TEA", "Стока TEA", 2, true), line("CUP", "Стока CUP", 1, true)];
    assert_eq!(slip(&world).await.expect("the slip"), expected(&world, lines));
}

#[tokio::test]
async fn a_picked_task_is_packed_with_its_slip_and_booked() {
    let world = World::picked(&[("TEA", 2), ("CUP", 1)]).await;
    let _ = world.stack.outbox();
    let answer = world.ok("pack", parcel()).await;
    assert_eq!((answer["state"].as_str(), answer["parcel"]["weight_grams"].as_u64()), (Some("packed"), Some(750)));
    let line = |sku, title, quantity| SlipLine { sku, title, quantity, in_kit: false };
    let lines = vec![line("TEA", "Стока TEA", 2), line("CUP", "Стока CUP", 1)];
    assert_eq!(slip(&world).await.expect("the slip"), expected(&world, lines));
    let records = world.stack.stream_records();
    let facts = records.iter().find_map(|record| record.text("facts")).expect("facts");
    let facts: Vec<_> = serde_json::from_str::<FactsOutbox>(facts)
        .unwrap()
        .facts
        .into_iter()
        .map(|fact| (fact.activity, fact.quantity, fact.unit, fact.actor.unwrap().person))
        .collect();
    let fact = |activity: &str, quantity, unit: &str, by: &str| {
        (activity.to_owned(), quantity, unit.to_owned(), by.to_owned())
    };
    assert_eq!(facts, vec![fact("pick", 3, "unit", "ann"), fact("pack", 1, "parcel", "eve")]);
    assert!(world.work().await.is_empty(), "the floor is done with it");
}

#[tokio::test]
async fn packing_asks_for_the_label_once() {
    let world = World::picked(&[("TEA", 2)]).await;
    let _ = world.stack.outbox();
    world.faults.arm(&["PutItem"], 3);
    let (status, _) = world.call_as(&world.key, "pack-1", "pack", &parcel()).await;
    assert_eq!(status, 503, "the answers of the commit are lost");
    let (status, answer) = world.call_as(&world.key, "pack-1", "pack", &parcel()).await;
    assert_eq!((status, answer["state"].as_str()), (200, Some("packed")));
    let kinds: Vec<_> = world.stack.outbox().into_iter().map(|message| message.kind).collect();
    assert_eq!(kinds, vec![MessageKind::Book { task: world.task.clone() }]);
    world.refused("pack", parcel(), 409, "already-packed").await;
}

#[tokio::test]
async fn an_unpicked_task_is_not_packed() {
    let world = World::released(&[("TEA", 2)]).await;
    world.refused("pack", parcel(), 409, "not-picked").await;
    world.ok("claim", json!({"actor": actor("ann")})).await;
    world.ok("scans", scan("TEA", 1)).await;
    let refusal = world.refused("pack", parcel(), 409, "not-picked").await;
    assert!(refusal["detail"].as_str().unwrap().starts_with("1 units are left"), "{refusal}");
    assert_eq!(slip(&world).await, None);
}

#[tokio::test]
async fn an_order_on_hold_or_cancelled_is_not_packed() {
    let world = World::picked(&[("TEA", 2)]).await;
    let now = world.stack.now();
    let hold = Hold { reason: HoldReason::IncorrectAddress, note: None };
    world.change_order("hold", |order| order.place_hold(hold.clone(), now).unwrap().next).await;
    world.refused("pack", parcel(), 409, "order-on-hold").await;
    world.change_order("release", |order| order.release_hold(HoldReason::IncorrectAddress, now).unwrap().next).await;
    world.change_order("cancel", |order| order.request_cancel(now).unwrap().next).await;
    world.refused("pack", parcel(), 409, "order-cancelled").await;
    assert_eq!((slip(&world).await, world.task().await.body.state), (None, PickTaskState::Picked));
}

#[tokio::test]
async fn a_parcel_for_nobody_is_not_packed() {
    let world = World::picked(&[("TEA", 1)]).await;
    let record = PersonRecord {
        order: world.order.clone(),
        content: "content-1001".to_owned(),
        person: None,
        note: None,
        raw: Vec::new(),
    };
    world.stack.deps.store.put_child(&record, &Operation::of(&["test", "nobody"])).await.unwrap();
    world.refused("pack", parcel(), 409, "recipient-missing").await;
}

#[tokio::test]
async fn what_was_missing_is_not_on_the_slip() {
    let world = World::released(&[("TEA", 2), ("CUP", 1)]).await;
    world.ok("claim", json!({"actor": actor("ann")})).await;
    world.ok("scans", scan("TEA", 2)).await;
    world.ok("short-picks", json!({"sku": "CUP", "quantity": 1, "actor": actor("ann")})).await;
    world.ok("pack", parcel()).await;
    let all = World::picked(&[("TEA", 2), ("CUP", 1)]).await;
    all.ok("pack", parcel()).await;
    assert_eq!(all.task, world.task, "the same order but for what was found");
    assert_ne!(slip(&world).await.expect("a slip"), slip(&all).await.expect("a slip"));
    let Versioned { body, .. } = world.task().await;
    assert_eq!(body.shipping().len(), 1);
}

#[tokio::test]
async fn a_parcel_out_of_range_names_the_field() {
    let world = World::picked(&[("TEA", 1)]).await;
    let check = async |field: &str, value: Value| {
        let mut body = parcel();
        body["parcel"][field] = value;
        let refusal = world.refused("pack", body, 400, "invalid-field").await;
        assert_eq!(refusal["pointer"], format!("/parcel/{field}"), "{refusal}");
    };
    check("weight_grams", json!(0)).await;
    check("weight_grams", json!(1_000_001)).await;
    check("weight_grams", json!(-1)).await;
    check("weight_grams", json!(1.5)).await;
    check("length_mm", json!(10_001)).await;
    check("width_mm", json!(0)).await;
    check("height_mm", json!("100")).await;
}
