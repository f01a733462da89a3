//! Random tasks against the stock equation: who loses what, and that nothing is taken twice.

use super::*;
use crate::aggregate::History;
use crate::ids::{LocationId, MerchantId, OrderId, Sku};
use crate::order::AllocatedLine;
use crate::pick_task::{PickLine, Scan};
use crate::stock::{LiableParty, Lot};
use proptest::prelude::*;

fn at() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

fn office() -> Actor {
    Actor { person: "badge-9".to_owned(), station: "DESK-1".to_owned() }
}

fn level_id() -> LevelId {
    LevelId { sku: Sku::parse("TEA").unwrap(), location: LocationId::parse("SOF1").unwrap(), lot: None }
}

fn entry() -> Entry {
    let LevelId { sku, location, .. } = level_id();
    let id = ReceiptId::derive(&MerchantId::derive(&["acme"]), &["adjustment"]);
    Entry { id, sku, location, goods: Goods::default(), actor: office(), at: at() }
}

fn correction(quantity: i64) -> Correction {
    let reason = "water damage".to_owned();
    Correction { quantity, kind: MovementKind::WriteOff, reason, liable: LiableParty::Warehouse }
}

/// A task of `units`, of which `scanned` are scanned; claimed when `claimed` or begun.
fn task(number: u32, units: u32, scanned: u32, claimed: bool) -> PickTask {
    let order = OrderId::derive(&MerchantId::derive(&["acme"]), &["api", &number.to_string()]);
    let LevelId { sku, location, lot } = level_id();
    let line = PickLine {
        sku,
        lot,
        serial_tracked: false,
        barcodes: Vec::new(),
        lines: vec![AllocatedLine { line: 1, quantity: units }],
        short: 0,
        scans: Vec::new(),
    };
    let mut task = PickTask {
        id: PickTaskId::of(&order, 1),
        order,
        number: 1,
        location,
        state: PickTaskState::Released,
        lines: vec![line],
        kits: Vec::new(),
        assigned_to: None,
        parcel: None,
        created_at: at() + jiff::SignedDuration::from_secs(i64::from(number)),
        history: History::default(),
    };
    let picker = Actor { person: "badge-1".to_owned(), station: "PICK-1".to_owned() };
    if claimed || scanned > 0 {
        task = task.claim(&picker, at()).unwrap().next;
    }
    if scanned > 0 {
        let scan = Scan { barcode: "TEA".to_owned(), quantity: scanned, goods: Goods::default() };
        task = task.scan(&scan, &picker, at()).unwrap().next;
    }
    task
}

fn level(available: u32, suspect: u32, tasks: &[PickTask], without_task: u32) -> Level {
    let picked = |task: &&PickTask| task.state == PickTaskState::Picked;
    let of = |tasks: Vec<&PickTask>| -> i64 { tasks.iter().map(|task| i64::from(task.lines[0].quantity())).sum() };
    let (picked, reserved) =
        (of(tasks.iter().filter(picked).collect()), of(tasks.iter().filter(|t| !picked(t)).collect()));
    let (available, suspect) = (i64::from(available), i64::from(suspect));
    let reserved = reserved + i64::from(without_task);
    let terms = [
        (Term::OnHand, available + suspect + reserved + picked),
        (Term::Available, available),
        (Term::CountSuspect, suspect),
        (Term::Reserved, reserved),
        (Term::Picked, picked),
    ];
    Level(terms.into())
}

fn apply(level: &mut Level, changes: &[StockChange]) {
    for change in StockChange::merged(changes.to_vec()) {
        assert!(change.is_balanced() && change.level() == level_id(), "{change:?}");
        *level = level.after(&change).expect("no term below zero");
        assert!(level.is_sound(), "{level:?}");
    }
}

proptest! {
    #[test]
    fn tasks_lose_exactly_what_is_neither_free_nor_suspect_and_scanned_units_stay(
        tasks in proptest::collection::vec((1_u32..6, 0_u32..6, any::<bool>(), 0_u32..3), 0..8),
        available in 0_u32..6, suspect in 0_u32..4, without_task in 0_u32..3, gone in 1_i64..40,
    ) {
        let priorities: Vec<u32> = tasks.iter().map(|task| task.3).collect();
        let mut tasks: Vec<PickTask> =
            (1..).zip(&tasks).map(|(n, (units, scanned, claimed, _))| task(n, *units, *scanned.min(units), *claimed)).collect();
        let mut level = level(available, suspect, &tasks, without_task);
        let before = level.clone();
        let unscanned: u32 = tasks.iter().map(|task| task.unscanned_of(&level_id())).sum();
        let opened = Shortage::open(&entry(), &correction(-gone), (&level, None), "mark");
        let Ok(opened) = opened else {
            prop_assert!(gone > before.get(Term::OnHand) - before.get(Term::Picked), "{opened:?}");
            return Ok(());
        };
        apply(&mut level, &opened.stock);
        prop_assert!(level.get(Term::Available) == 0 || opened.next.lacking(&level, None, at()) == 0);
        let mut shortage = opened.next;
        let mut turns: Vec<usize> = (0..tasks.len()).collect();
        turns.sort_by_key(|index| turn(&tasks[*index], priorities[*index]));
        for index in turns {
            if let Some((decision, next)) = shortage.take_from(&tasks[index], (&level, None), at()).unwrap() {
                apply(&mut level, &decision.stock);
                prop_assert_eq!(decision.messages.len(), 1, "its order is told");
                tasks[index] = decision.next;
                shortage = next;
            }
        }
        let needed = (gone - i64::from(available + suspect)).max(0);
        prop_assert_eq!(i64::from(shortage.lost()), needed.min(i64::from(unscanned)));
        let closed = shortage.close(&entry(), &correction(-gone), (&level, None));
        prop_assert_eq!(closed.is_ok(), needed <= i64::from(unscanned));
        match closed {
            Ok((Posting { movement, change, .. }, closed)) => {
                apply(&mut level, &[change]);
                prop_assert_eq!((i64::from(movement.quantity), closed.closed), (gone, true));
                prop_assert_eq!(level.get(Term::OnHand), before.get(Term::OnHand) - gone);
                prop_assert!(closed.take_from(&task(99, 5, 0, false), (&level, None), at()).unwrap().is_none());
            }
            Err(rejected) => prop_assert_eq!(rejected.code, "shortage-unfinished"),
        }
        // A task of which everything was scanned and the rest was missing is picked now; else picked stays as it was.
        let picked: u32 = tasks.iter().filter(|t| t.state == PickTaskState::Picked).map(PickTask::picked).sum();
        prop_assert_eq!(level.get(Term::Picked), i64::from(picked));
        prop_assert_eq!(
            level.get(Term::Reserved),
            i64::from(without_task) + tasks.iter().filter(|task| task.state != PickTaskState::Picked)
                .map(|task| i64::from(task.lines[0].held())).sum::<i64>()
        );
    }
}

#[test]
fn who_nobody_has_begun_loses_first_then_the_lowest_priority_then_the_newest() {
    let tasks = [
        (task(1, 5, 2, true), 0, 5),
        (task(2, 5, 0, true), 0, 4),
        (task(3, 5, 0, false), 7, 3),
        (task(4, 5, 0, false), 2, 2),
        (task(5, 5, 0, false), 2, 1),
    ];
    let mut turns: Vec<_> = tasks.iter().collect();
    turns.sort_by_key(|(task, priority, _)| turn(task, *priority));
    assert_eq!(turns.iter().map(|(_, _, place)| *place).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[test]
fn only_good_stock_that_goes_away_can_be_short() {
    let level = level(5, 0, &[], 0);
    let refused = |entry: &Entry, quantity| {
        let rejected = Shortage::open(entry, &correction(quantity), (&level, None), "mark").unwrap_err();
        (rejected.code, rejected.pointer.unwrap_or_default())
    };
    assert_eq!(refused(&entry(), 3), ("invalid-field", "/shortage".to_owned()));
    assert_eq!(refused(&entry(), i64::MIN), ("invalid-field", "/quantity".to_owned()));
    let mut damaged = entry();
    damaged.goods.condition = Condition::Damaged;
    assert_eq!(refused(&damaged, -3), ("invalid-field", "/shortage".to_owned()));
    assert_eq!(refused(&entry(), -6), ("insufficient-stock", "/quantity".to_owned()));
}

#[test]
fn a_task_of_another_level_loses_nothing() {
    let task = task(1, 5, 0, false);
    let lot = Some(Lot { code: "L7".to_owned(), expiry: None });
    let others = [
        LevelId { lot, ..level_id() },
        LevelId { sku: Sku::parse("CUP").unwrap(), ..level_id() },
        LevelId { location: LocationId::parse("VAR1").unwrap(), ..level_id() },
    ];
    for level in others {
        assert_eq!(task.go_short(&level, 5, &office(), at()), None, "{level:?}");
    }
    let (decision, units) = task.go_short(&level_id(), 9, &office(), at()).unwrap();
    assert_eq!((units, decision.next.state), (5, PickTaskState::ShortPicked), "nothing of it is left to pick");
    let (decision, _) = task.go_short(&level_id(), 2, &office(), at()).unwrap();
    assert_eq!((decision.next.state, decision.next.remaining()), (PickTaskState::Released, 3));
}
