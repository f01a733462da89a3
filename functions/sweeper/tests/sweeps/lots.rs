//! What is left of a lot when it expires.

use crate::world::world;
use domain::lot_record::LotRecord;
use domain::stock::{LevelId, Lot, MovementKind, StockChange, Term};
use domain::{Decision, LocationId};
use platform::Operation;
use platform::items::{Receipt, lot_key};
use platform::level::MovementOutbox;
use sweeper::sweep;

#[tokio::test]
async fn what_is_available_of_an_expired_lot_is_available_no_more() {
    let world = world().await;
    let tomorrow = world.stack.now().to_zoned(jiff::tz::TimeZone::UTC).date().tomorrow().unwrap();
    let lots = ["A", "B"].map(|code| Lot { code: code.to_owned(), expiry: Some(tomorrow) });
    let sofia = |lot: &Lot| LevelId { sku: world.tea.clone(), location: world.sofia.clone(), lot: Some(lot.clone()) };
    let varna = LevelId { location: LocationId::parse("VAR1").unwrap(), ..sofia(&lots[0]) };
    let levels = [sofia(&lots[0]), sofia(&lots[1]), varna];
    for level in &levels {
        world.stack.stock_of(&world.merchant, level, 5).await;
    }
    // One unit is promised: it is sent, or it comes back to the shelf.
    let reserve = StockChange::reserve(&world.tea, &world.sofia, 1).of_lot(Some(lots[0].clone()));
    let give_back = StockChange::release(&world.tea, &world.sofia, 1).of_lot(Some(lots[0].clone()));
    let post = async |name: &str, change: StockChange| {
        let id = domain::ReceiptId::derive(&world.merchant, &[name]);
        let movement = domain::stock::Movement::new(MovementKind::Move, 1, None, None, "test", world.stack.now());
        let (sku, location) = (world.tea.clone(), world.sofia.clone());
        let item = Receipt { id, sku, location, movement, reference: None };
        let decision = Decision::of(item).with_stock([change]);
        world.stack.deps.store.create(&Operation::of(&["test", name]), decision).await.unwrap();
    };
    post("reserve", reserve).await;
    let units = async || {
        let mut units = Vec::new();
        for level in &levels {
            let level = world.stack.level_of(&world.merchant, level).await;
            assert!(level.is_sound(), "{level:?}");
            units.push((level.get(Term::Available), level.get(Term::Expired)));
        }
        units
    };
    world.minutes(24 * 60);
    world.sweep().await;
    assert_eq!(units().await, [(4, 0), (5, 0), (5, 0)], "the date of expiry is a good day");
    let _ = world.stack.stream_records();
    world.minutes(24 * 60);
    sweep(&world.stack.deps).await.1.unwrap();
    assert_eq!(units().await, [(0, 4), (0, 5), (0, 5)]);
    let records = world.stack.stream_records();
    let moved: Vec<MovementOutbox> =
        records.iter().filter_map(|record| Some(serde_json::from_str(record.text("movement")?).unwrap())).collect();
    let kinds: Vec<_> = moved.iter().map(|outbox| (outbox.movements[0].kind, outbox.movements[0].quantity)).collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    assert!(kinds.iter().all(|(kind, units)| *kind == MovementKind::StatusChange && *units >= 4), "{kinds:?}");
    let operations: std::collections::BTreeSet<_> = moved.iter().map(|outbox| &outbox.operation).collect();
    assert_eq!(operations.len(), 2, "each lot is a step of its own");
    let record = async |lot: &Lot| {
        let key = lot_key(&world.merchant, &world.tea, &lot.code);
        world.load::<LotRecord>(&key).await.unwrap().body.next_look_at
    };
    assert_eq!(record(&lots[1]).await, None, "nothing of it can expire any more");
    assert!(record(&lots[0]).await.is_some(), "a promised unit may come back");
    post("release", give_back).await;
    world.minutes(24 * 60);
    world.sweep().await;
    assert_eq!(units().await[0], (0, 5));
    assert_eq!(record(&lots[0]).await, None);
}
