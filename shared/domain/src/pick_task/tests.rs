//! All states × all commands, and random runs against the stock equation.

use super::*;
use crate::aggregate::{Decision, Rejected};
use crate::allocation::Component;
use crate::catalogue::Item;
use crate::ids::MerchantId;
use crate::money::Currency;
use crate::order::{
    AllocatedGoods, AllocationRule, DeliveryState, FulfillmentOrder, FulfillmentOrderStatus, FulfilmentState,
    MoneyState, Order, OrderLine,
};
use crate::stock::Level;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn at() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

fn person(badge: &str) -> Actor {
    Actor { person: badge.to_owned(), station: "PICK-1".to_owned() }
}

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

/// `TEA@A` is lot A of the tea: its SKU and its lot.
fn goods(code: &str) -> (Sku, Option<Lot>) {
    let (item, lot) = code.split_once('@').map_or((code, None), |(item, lot)| (item, Some(lot)));
    let expiry = Some("2027-01-31".parse().unwrap());
    (sku(item), lot.map(|code| Lot { code: code.to_owned(), expiry }))
}

/// What a kit is made of: item or lot of one, and units.
fn kit(code: &str) -> &'static [(&'static str, u32)] {
    match code {
        "SET" => &[("TEA@A", 1), ("TEA@B", 1), ("CUP", 1)],
        "BOX" => &[("CUP", 2), ("JAR", 1)],
        _ => &[],
    }
}

fn components(code: &str) -> Vec<Component> {
    let mut units: BTreeMap<Sku, u32> = BTreeMap::new();
    for (part, quantity) in kit(code) {
        *units.entry(goods(part).0).or_default() += quantity;
    }
    units.into_iter().map(|(sku, quantity)| Component { sku, quantity }).collect()
}

fn order_of(lines: &[(&'static str, u32)]) -> Order {
    let merchant = MerchantId::derive(&["acme"]);
    let id = OrderId::derive(&merchant, &["api", "1001"]);
    let numbered = || (1..).zip(lines.iter());
    Order {
        id,
        channel: None,
        source_id: "1001".to_owned(),
        number: "#1001".to_owned(),
        content: "c".to_owned(),
        placed_at: at(),
        created_at: at(),
        currency: Currency::parse("EUR").unwrap(),
        total_minor: 100,
        cash_on_delivery_minor: None,
        ship_to_country: Some("BG".to_owned()),
        rule: AllocationRule::Split,
        priority: 0,
        hold_unpaid_stock_minutes: 0,
        min_remaining_shelf_life_days: 0,
        reserved_until: None,
        reservation_expired: false,
        fulfilment: FulfilmentState::Allocated,
        delivery: DeliveryState::None,
        money: MoneyState::Settled,
        holds: Vec::new(),
        lines: numbered()
            .map(|(number, (code, quantity))| OrderLine {
                number,
                source_line_id: number.to_string(),
                sku: Some(goods(code).0),
                quantity: *quantity,
                unit_price_minor: 100,
                kit: components(code),
                returned: 0,
                undelivered: 0,
            })
            .collect(),
        fulfillment_orders: vec![FulfillmentOrder {
            number: 1,
            location: LocationId::parse("SOF1").unwrap(),
            status: FulfillmentOrderStatus::Open,
            delivery: DeliveryState::None,
            comes_back: false,
            lines: numbered().map(|(line, (_, quantity))| AllocatedLine { line, quantity: *quantity }).collect(),
            goods: if lines.iter().any(|(code, _)| code.contains('@') || !kit(code).is_empty()) {
                let parts = |(line, (code, quantity)): (u32, &(&'static str, u32))| {
                    let own = [(*code, 1)];
                    let parts = if kit(code).is_empty() { own.to_vec() } else { kit(code).to_vec() };
                    let quantity = *quantity;
                    parts.into_iter().map(move |(part, per_unit)| {
                        let (sku, lot) = goods(part);
                        AllocatedGoods { line, sku, lot, quantity: quantity * per_unit }
                    })
                };
                numbered().flat_map(parts).collect()
            } else {
                vec![]
            },
            take: String::new(),
        }],
        waits_for: Vec::new(),
        cancel_requested: false,
        personal_data: None,
        returns: 0,
        next_look_at: None,
        history: History::default(),
    }
}

fn task_of(lines: &[(&'static str, u32)]) -> PickTask {
    let order = order_of(lines);
    PickTask::create(&order, &order.fulfillment_orders[0], &BTreeMap::new(), at()).unwrap().next
}

fn scan_of(barcode: &str, quantity: u32) -> Scan {
    let (sku, lot) = goods(barcode);
    let lot = lot.map(|lot| lot.code);
    Scan { barcode: sku.to_string(), quantity, goods: Goods { lot, ..Goods::default() } }
}

const PARCEL: Parcel = Parcel { weight_grams: 500, length_mm: 200, width_mm: 150, height_mm: 100 };

#[derive(Debug, Clone)]
enum Command {
    Claim(&'static str),
    Scan(&'static str, u32, &'static str),
    ShortPick(&'static str, u32, &'static str),
    Pack,
    Cancel(Label),
    PutBack,
}

fn apply(task: &PickTask, command: &Command) -> Result<Decision<PickTask>, Rejected> {
    match command {
        Command::Claim(badge) => task.claim(&person(badge), at()),
        Command::Scan(code, quantity, badge) => task.scan(&scan_of(code, *quantity), &person(badge), at()),
        Command::ShortPick(code, quantity, badge) => {
            let (sku, lot) = goods(code);
            task.short_pick(&sku, lot.map(|lot| lot.code).as_deref(), *quantity, &person(badge), at())
        }
        Command::Pack => task.pack(PARCEL, &person("packer"), at()),
        Command::Cancel(label) => Ok(task.request_cancel(*label, at())),
        Command::PutBack => task.put_back(&person(task.assigned_to.as_deref().unwrap_or("packer")), at()),
    }
}

fn after(commands: &[Command]) -> PickTask {
    commands.iter().fold(task_of(&[("TEA", 2)]), |task, command| apply(&task, command).unwrap().next)
}

#[test]
fn every_state_answers_every_command_as_the_table_says() {
    use Command as C;
    use PickTaskState as S;
    let (claim, one, rest) = (C::Claim("ann"), C::Scan("TEA", 1, "ann"), C::Scan("TEA", 2, "ann"));
    let cancel = C::Cancel(Label::Possible);
    let start = |commands: &[&C]| after(&commands.iter().map(|c| (*c).clone()).collect::<Vec<_>>());
    let states = [
        start(&[]),
        start(&[&claim]),
        start(&[&claim, &one]),
        start(&[&claim, &rest]),
        start(&[&claim, &rest, &C::Pack]),
        start(&[&claim, &one, &cancel]),
        start(&[&claim, &C::ShortPick("TEA", 2, "ann")]),
        start(&[&cancel]),
    ];
    let commands = [
        C::Claim("ann"),
        C::Claim("bob"),
        C::Scan("TEA", 1, "ann"),
        C::Scan("TEA", 1, "bob"),
        C::Scan("CUP", 1, "ann"),
        C::Scan("TEA", 3, "ann"),
        C::ShortPick("TEA", 1, "ann"),
        C::ShortPick("TEA", 1, "bob"),
        C::Pack,
        C::Cancel(Label::Possible),
        C::Cancel(Label::Voided),
        C::PutBack,
    ];
    let no = "not-claimed";
    let cancelled = "order-cancelled";
    let nothing = "nothing-to-put-back";
    type Row = (S, [Result<S, &'static str>; 12]);
    #[rustfmt::skip]
    let table: [Row; 8] = [
        (S::Released, [Ok(S::Assigned), Ok(S::Assigned), Err(no), Err(no), Err(no), Err(no), Err(no), Err(no),
            Err("not-picked"), Ok(S::Cancelled), Ok(S::Cancelled), Err(nothing)]),
        (S::Assigned, [Ok(S::Assigned), Err("task-claimed"), Ok(S::InProgress), Err("task-claimed"), Err("wrong-item"),
            Err("over-scan"), Ok(S::Assigned), Err("task-claimed"), Err("not-picked"), Ok(S::Cancelled), Ok(S::Cancelled),
            Err(nothing)]),
        (S::InProgress, [Ok(S::InProgress), Err("task-claimed"), Ok(S::Picked), Err("task-claimed"), Err("wrong-item"),
            Err("over-scan"), Ok(S::Picked), Err("task-claimed"), Err("not-picked"), Ok(S::PutBack), Ok(S::PutBack),
            Err(nothing)]),
        (S::Picked, [Ok(S::Picked), Err("task-claimed"), Err("already-picked"), Err("already-picked"),
            Err("already-picked"), Err("already-picked"), Err("already-picked"), Err("already-picked"), Ok(S::Packed),
            Ok(S::PutBack), Ok(S::PutBack), Err(nothing)]),
        (S::Packed, [Err("already-packed"), Err("already-packed"), Err("already-packed"), Err("already-packed"),
            Err("already-packed"), Err("already-packed"), Err("already-packed"), Err("already-packed"),
            Err("already-packed"), Ok(S::Packed), Ok(S::PutBack), Err(nothing)]),
        (S::PutBack, [Err(cancelled), Err(cancelled), Err(cancelled), Err(cancelled), Err(cancelled), Err(cancelled),
            Err(cancelled), Err(cancelled), Err(cancelled), Ok(S::PutBack), Ok(S::PutBack), Ok(S::Cancelled)]),
        (S::ShortPicked, [Err("task-ended"), Err("task-ended"), Err("task-ended"), Err("task-ended"), Err("task-ended"),
            Err("task-ended"), Err("task-ended"), Err("task-ended"), Err("task-ended"), Ok(S::ShortPicked),
            Ok(S::ShortPicked), Err(nothing)]),
        (S::Cancelled, [Err(cancelled), Err(cancelled), Err(cancelled), Err(cancelled), Err(cancelled), Err(cancelled),
            Err(cancelled), Err(cancelled), Err(cancelled), Ok(S::Cancelled), Ok(S::Cancelled), Err(nothing)]),
    ];
    for (task, (state, row)) in states.iter().zip(table) {
        assert_eq!(task.state, state);
        for (command, expected) in commands.iter().zip(row) {
            let got = apply(task, command).map(|decision| decision.next.state).map_err(|rejected| rejected.code);
            assert_eq!(got, expected, "{state:?} × {command:?}");
        }
    }
}

const CODES: [&str; 5] = ["TEA", "CUP", "JAR", "TEA@A", "TEA@B"];
const SOLD: [&str; 7] = ["TEA", "CUP", "JAR", "TEA@A", "TEA@B", "SET", "BOX"];
const BADGES: [&str; 2] = ["ann", "bob"];

fn command() -> impl Strategy<Value = Command> {
    let code = || prop::sample::select(CODES.to_vec());
    let badge = || prop::sample::select(BADGES.to_vec());
    // Weighted towards what picks: otherwise most runs end early by a cancellation.
    prop_oneof![
        3 => badge().prop_map(Command::Claim),
        9 => (code(), 0_u32..5, badge()).prop_map(|(c, q, b)| Command::Scan(c, q, b)),
        3 => (code(), 0_u32..4, badge()).prop_map(|(c, q, b)| Command::ShortPick(c, q, b)),
        2 => Just(Command::Pack),
        1 => prop::sample::select(vec![Label::Possible, Label::Voided]).prop_map(Command::Cancel),
        2 => Just(Command::PutBack),
    ]
}

fn is_legal(from: PickTaskState, to: PickTaskState) -> bool {
    use PickTaskState as S;
    let next: &[S] = match from {
        S::Released => &[S::Assigned, S::Cancelled],
        S::Assigned => &[S::InProgress, S::Picked, S::ShortPicked, S::Cancelled],
        S::InProgress => &[S::Assigned, S::Picked, S::ShortPicked, S::PutBack],
        S::Picked => &[S::Packed, S::PutBack],
        S::Packed => &[S::PutBack],
        S::PutBack => &[S::Cancelled],
        S::ShortPicked | S::Cancelled => &[],
    };
    from == to || next.contains(&to)
}

fn units(lines: &[AllocatedLine]) -> u32 {
    lines.iter().map(|line| line.quantity).sum()
}

proptest! {
    #[test]
    fn no_move_is_illegal_and_no_unit_is_lost(
        lines in prop::collection::vec((prop::sample::select(SOLD.to_vec()), 1_u32..4), 1..5),
        commands in prop::collection::vec(command(), 0..40),
    ) {
        let mut task = task_of(&lines);
        prop_assert_eq!(units(&task.shipping()), lines.iter().map(|(_, units)| units).sum::<u32>());
        let mut levels: BTreeMap<(Sku, Option<Lot>), Level> = task
            .lines
            .iter()
            .map(|line| {
                let units = i64::from(line.quantity());
                ((line.sku.clone(), line.lot.clone()), Level(BTreeMap::from([(Term::OnHand, units), (Term::Reserved, units)])))
            })
            .collect();
        for command in commands {
            let Ok(decision) = apply(&task, &command) else { continue };
            prop_assert!(is_legal(task.state, decision.next.state), "{:?} → {:?}", task.state, decision.next.state);
            for change in &decision.stock {
                let level = levels.get_mut(&(change.sku.clone(), change.lot.clone())).unwrap();
                if change.deltas.contains_key(&Term::Available) {
                    // A promise taken back is no movement, and goods that were scanned wait for their put-back.
                    prop_assert!(change.movements.is_empty() && change.stock_arrived);
                    *level = level.after(change).expect("no term becomes negative");
                    continue;
                }
                let moved: u32 = change.movements.iter().map(|movement| movement.quantity).sum();
                prop_assert_eq!(i64::from(moved), change.deltas.values().copied().max().unwrap_or(0));
                prop_assert!(change.movements.iter().all(|movement| movement.actor.is_some()));
                let of_it = |movement: &Movement| change.lot.is_none() || movement.goods.of_lot() == change.lot;
                prop_assert!(change.movements.iter().all(of_it));
                *level = level.after(change).expect("no term becomes negative");
                prop_assert!(level.is_sound());
            }
            task = decision.next;
            let all_picked = task.remaining() == 0 && task.surplus() == 0 && task.picked() > 0;
            for line in &task.lines {
                prop_assert_eq!(line.picked() + line.short + line.remaining(), line.quantity() + line.surplus());
                let level = &levels[&(line.sku.clone(), line.lot.clone())];
                prop_assert_eq!(level.get(Term::CountSuspect), i64::from(line.short));
                let picked = if all_picked { line.picked() } else { 0 };
                prop_assert_eq!(level.get(Term::Picked), i64::from(picked));
                prop_assert_eq!(level.get(Term::Reserved), i64::from(line.held() - picked));
                let given_back = level.get(Term::OnHand) - i64::from(line.held() + line.short);
                prop_assert_eq!(level.get(Term::Available), given_back);
            }
            // What ships are whole kits, and what is held is what ships and what waits to be put back.
            let contents = task.contents();
            let ships: u32 = contents.iter().map(|goods| goods.quantity).sum();
            prop_assert_eq!(task.held().map(PickLine::held).sum::<u32>(), ships + task.surplus());
            let whole: u32 = task.shipping().iter().map(|line| {
                let kit = task.kit_of(line.line);
                line.quantity * if kit.is_empty() { 1 } else { kit.iter().map(|part| part.quantity).sum() }
            }).sum();
            prop_assert_eq!(whole, ships);
            match task.state {
                PickTaskState::Packed | PickTaskState::Picked => prop_assert_eq!(ships, task.picked()),
                PickTaskState::Cancelled => prop_assert_eq!(task.picked(), 0),
                PickTaskState::ShortPicked => prop_assert_eq!(task.held().count(), 0),
                PickTaskState::InProgress | PickTaskState::PutBack => prop_assert!(task.picked() > 0),
                PickTaskState::Released | PickTaskState::Assigned => prop_assert_eq!(task.picked(), 0),
            }
        }
    }
}

fn kinds(decision: &Decision<PickTask>) -> Vec<MessageKind> {
    decision.messages.iter().map(|message| message.kind.clone()).collect()
}

#[test]
fn lines_with_the_same_sku_are_picked_as_one_and_go_short_from_the_last() {
    let task = task_of(&[("TEA", 2), ("CUP", 1), ("TEA", 3)]);
    assert_eq!(task.lines.len(), 2);
    let task = task.claim(&person("ann"), at()).unwrap().next;
    let decision = task.short_pick(&sku("TEA"), None, 4, &person("ann"), at()).unwrap();
    assert_eq!(kinds(&decision), vec![MessageKind::ShortPicked { task: task.id.clone() }]);
    let line = |line, quantity| AllocatedLine { line, quantity };
    assert_eq!(decision.next.shipping(), vec![line(1, 1), line(2, 1)]);
}

#[test]
fn a_barcode_means_its_item_and_movements_say_where_the_units_were() {
    let order = order_of(&[("TEA", 3)]);
    let item: Item = serde_json::from_str(r#"{"sku":"TEA","name":"Чай","barcodes":["3800000000017"]}"#).unwrap();
    let items = BTreeMap::from([(sku("TEA"), item)]);
    let task = PickTask::create(&order, &order.fulfillment_orders[0], &items, at()).unwrap().next;
    let ann = person("ann");
    let task = task.claim(&ann, at()).unwrap().next;
    let goods = Goods { bin: "A-01".to_owned(), lot: Some("L7".to_owned()), ..Goods::default() };
    let scan = Scan { goods: goods.clone(), ..scan_of("3800000000017", 2) };
    let task = task.scan(&scan, &ann, at()).unwrap().next;
    let done = task.scan(&scan_of("TEA", 1), &ann, at()).unwrap();
    let [change] = done.stock.as_slice() else { panic!("one level changes: {:?}", done.stock) };
    let got: Vec<_> = change.movements.iter().map(|m| (m.kind, m.quantity, m.goods.clone(), m.actor.clone())).collect();
    assert_eq!(
        got,
        vec![(MovementKind::Pick, 2, goods, Some(ann.clone())), (MovementKind::Pick, 1, Goods::default(), Some(ann)),]
    );
}

#[test]
fn the_scan_must_match_the_lot_that_was_promised() {
    let ann = person("ann");
    let task = task_of(&[("TEA@A", 2), ("TEA@B", 1), ("CUP", 1)]).claim(&ann, at()).unwrap().next;
    assert_eq!(task.lines.len(), 3);
    for wrong in ["TEA", "TEA@C"] {
        let refused = task.scan(&scan_of(wrong, 1), &ann, at()).unwrap_err();
        assert_eq!((refused.code, refused.pointer.as_deref()), ("wrong-lot", Some("/lot")), "{wrong}");
        assert!(refused.detail.contains("2 × TEA lot A, expires 2027-01-31; 1 × TEA lot B"), "{refused}");
    }
    let mut other = scan_of("TEA@A", 1);
    other.goods.expiry = Some("2027-02-01".parse().unwrap());
    assert_eq!(task.scan(&other, &ann, at()).unwrap_err().code, "wrong-lot");
    assert_eq!(task.scan(&scan_of("TEA@B", 2), &ann, at()).unwrap_err().code, "over-scan");
    let task = ["TEA@B", "TEA@A", "CUP"]
        .into_iter()
        .fold(task, |task, code| task.scan(&scan_of(code, 1), &ann, at()).unwrap().next);
    let done = task.scan(&scan_of("TEA@A", 1), &ann, at()).unwrap();
    let levels: Vec<_> =
        done.stock.iter().map(|change| (change.lot.clone(), change.movements[0].goods.of_lot())).collect();
    let (a, b) = (goods("TEA@A").1, goods("TEA@B").1);
    assert_eq!(levels, [(a.clone(), a), (b.clone(), b), (None, None)]);
}

#[test]
fn units_that_are_kept_by_serial_number_are_scanned_with_it() {
    let order = order_of(&[("TEA", 2)]);
    let item: Item = serde_json::from_str(r#"{"sku":"TEA","name":"Чай","serial_tracked":true}"#).unwrap();
    let items = BTreeMap::from([(sku("TEA"), item)]);
    let ann = person("ann");
    let task = PickTask::create(&order, &order.fulfillment_orders[0], &items, at()).unwrap().next;
    let task = task.claim(&ann, at()).unwrap().next;
    assert_eq!(task.scan(&scan_of("TEA", 1), &ann, at()).unwrap_err().code, "serial-needed");
    let goods = Goods { serial: Some("S1".to_owned()), ..Goods::default() };
    let task = task.scan(&Scan { goods, ..scan_of("TEA", 1) }, &ann, at()).unwrap().next;
    assert_eq!(task.serials(), [(sku("TEA"), "S1".to_owned())].into());
}

#[test]
fn what_is_missing_is_said_of_a_lot_where_there_are_several() {
    let ann = person("ann");
    let task = task_of(&[("TEA@A", 2), ("TEA@B", 1)]).claim(&ann, at()).unwrap().next;
    let short = |lot, units| task.short_pick(&sku("TEA"), lot, units, &ann, at());
    let code = |lot, units| short(lot, units).unwrap_err().code;
    assert_eq!((code(None, 1), code(Some("C"), 1), code(Some("B"), 2)), ("lot-needed", "wrong-lot", "over-short"));
    let decision = short(Some("B"), 1).unwrap();
    assert_eq!(decision.stock[0].lot, goods("TEA@B").1);
    let left: Vec<_> =
        decision.next.contents().into_iter().map(|goods| (goods.line, goods.lot, goods.quantity)).collect();
    assert_eq!(left, [(1, goods("TEA@A").1, 2)]);
    assert!(decision.next.short_pick(&sku("TEA"), None, 1, &ann, at()).is_ok(), "one lot is left");
}

#[test]
fn a_missing_component_gives_up_its_kit_and_what_was_scanned_for_it_is_put_back_first() {
    let ann = person("ann");
    let changes = |decision: &Decision<PickTask>| {
        let change = |change: &StockChange| (change.sku.to_string(), change.deltas.clone());
        decision.stock.iter().map(change).collect::<Vec<_>>()
    };
    let shift = |from, to, units: i64| BTreeMap::from([(from, -units), (to, units)]);
    let (reserved, available) = (Term::Reserved, Term::Available);
    let task = task_of(&[("BOX", 2), ("CUP", 1)]).claim(&ann, at()).unwrap().next;
    let task = task.scan(&scan_of("CUP", 4), &ann, at()).unwrap().next;
    // One jar of two: one box less, whose two cups are one unscanned and one scanned too many.
    let short = task.short_pick(&sku("JAR"), None, 1, &ann, at()).unwrap();
    let missing = ("JAR".to_owned(), shift(reserved, Term::CountSuspect, 1));
    assert_eq!(changes(&short), [missing, ("CUP".to_owned(), shift(reserved, available, 1))]);
    let line = |line, quantity| AllocatedLine { line, quantity };
    assert_eq!(short.next.shipping(), vec![line(1, 1), line(2, 1)]);
    let task = short.next.scan(&scan_of("JAR", 1), &ann, at()).unwrap().next;
    assert_eq!((task.state, task.remaining(), task.surplus()), (PickTaskState::InProgress, 0, 1));
    let refused = task.pack(PARCEL, &ann, at()).unwrap_err();
    assert!(refused.code == "not-picked" && refused.detail.contains("put them back"), "{refused}");
    assert_eq!(task.put_back(&person("bob"), at()).unwrap_err().code, "task-claimed");
    let back = task.put_back(&ann, at()).unwrap();
    assert_eq!(back.next.state, PickTaskState::Picked);
    assert_eq!(
        StockChange::merged(changed_only(&back, "CUP"))[0].deltas,
        BTreeMap::from([(reserved, -4), (available, 1), (Term::Picked, 3)])
    );
    assert_eq!(back.next.put_back(&ann, at()).unwrap_err().code, "nothing-to-put-back");
}

fn changed_only(decision: &Decision<PickTask>, code: &str) -> Vec<StockChange> {
    decision.stock.iter().filter(|change| change.sku == sku(code)).cloned().collect()
}

#[test]
fn a_cancelled_task_gives_back_the_surplus_with_the_rest() {
    let ann = person("ann");
    let task = task_of(&[("BOX", 1)]).claim(&ann, at()).unwrap().next;
    let task = task.scan(&scan_of("CUP", 2), &ann, at()).unwrap().next;
    let task = task.short_pick(&sku("JAR"), None, 1, &ann, at()).unwrap().next;
    assert_eq!((task.shipping(), task.surplus()), (vec![], 2));
    let task = task.request_cancel(Label::Possible, at()).next;
    let back = task.put_back(&person("eve"), at()).unwrap();
    assert_eq!(changed_only(&back, "CUP"), [StockChange::release(&sku("CUP"), &task.location, 2)]);
    assert_eq!((back.next.state, back.next.held().count()), (PickTaskState::Cancelled, 0));
}

#[test]
fn the_same_serial_number_is_scanned_once() {
    let ann = person("ann");
    let task = task_of(&[("TEA", 3)]).claim(&ann, at()).unwrap().next;
    let goods = Goods { serial: Some("S1".to_owned()), ..Goods::default() };
    let scan = Scan { goods, ..scan_of("TEA", 1) };
    let task = task.scan(&scan, &ann, at()).unwrap().next;
    assert_eq!(task.scan(&scan, &ann, at()).unwrap_err().code, "serial-scanned");
}

#[test]
fn a_wrong_item_is_told_what_is_expected() {
    let ann = person("ann");
    let task = task_of(&[("TEA", 2), ("CUP", 1)]).claim(&ann, at()).unwrap().next;
    let task = task.scan(&scan_of("CUP", 1), &ann, at()).unwrap().next;
    let rejected = task.scan(&scan_of("JAR", 1), &ann, at()).unwrap_err();
    assert_eq!(rejected.detail, "not an item of this task: expected 2 × TEA");
    assert_eq!(rejected.pointer.as_deref(), Some("/barcode"));
}

#[test]
fn packing_books_the_parcel_and_says_who_picked_and_who_packed() {
    let task = after(&[Command::Claim("ann"), Command::Scan("TEA", 2, "ann")]);
    let decision = task.pack(PARCEL, &person("eve"), at()).unwrap();
    assert_eq!(kinds(&decision), vec![MessageKind::Book { task: task.id.clone() }]);
    let facts: Vec<_> = decision
        .facts
        .iter()
        .map(|fact| (fact.activity.as_str(), fact.quantity, fact.actor.as_ref().unwrap().person.as_str()))
        .collect();
    assert_eq!(facts, vec![("pick", 2, "ann"), ("pack", 1, "eve")]);
    assert!(!decision.next.needs_floor());
}

#[test]
fn cancelling_gives_back_by_stage() {
    use Command as C;
    let check = |commands: &[C], label, state, expect: fn(&PickTask) -> Vec<MessageKind>| {
        let decision = after(commands).request_cancel(label, at());
        assert_eq!(decision.next.state, state);
        assert_eq!(kinds(&decision), expect(&decision.next));
    };
    let release = |task: &PickTask| vec![MessageKind::Release { task: task.id.clone() }];
    let void = |task: &PickTask| vec![MessageKind::Void { shipment: task.id.shipment() }];
    let nothing = |_: &PickTask| Vec::new();
    let packed = [C::Claim("ann"), C::Scan("TEA", 2, "ann"), C::Pack];
    check(&[], Label::Possible, PickTaskState::Cancelled, release);
    check(&packed[..1], Label::Possible, PickTaskState::Cancelled, release);
    check(&packed[..2], Label::Possible, PickTaskState::PutBack, nothing);
    check(&packed, Label::Possible, PickTaskState::Packed, void);
    check(&packed, Label::Voided, PickTaskState::PutBack, nothing);
}

#[test]
fn the_task_of_an_order_that_is_being_cancelled_is_born_cancelled() {
    let order = Order { cancel_requested: true, ..order_of(&[("TEA", 2)]) };
    let decision = PickTask::create(&order, &order.fulfillment_orders[0], &BTreeMap::new(), at()).unwrap();
    assert_eq!(decision.next.state, PickTaskState::Cancelled);
    assert_eq!(kinds(&decision), vec![MessageKind::Release { task: decision.next.id.clone() }]);
    assert_eq!(decision.next.held().map(PickLine::held).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_parcel_has_a_weight_and_three_sides_within_range() {
    let check = |parcel: Parcel, field: Option<&str>| {
        assert_eq!(parcel.check().err().map(|error| error.field), field);
    };
    check(PARCEL, None);
    check(Parcel { weight_grams: 0, ..PARCEL }, Some("weight_grams"));
    check(Parcel { weight_grams: 1_000_001, ..PARCEL }, Some("weight_grams"));
    check(Parcel { length_mm: 10_001, ..PARCEL }, Some("length_mm"));
    check(Parcel { width_mm: 0, ..PARCEL }, Some("width_mm"));
    check(Parcel { height_mm: 10_001, ..PARCEL }, Some("height_mm"));
    check(Parcel { weight_grams: 1_000_000, height_mm: 10_000, ..PARCEL }, None);
}

#[test]
fn a_usual_task_stays_small() {
    let order = order_of(&[("TEA-GREEN-100G", 2), ("CUP-WHITE-300ML", 1)]);
    let items = ["TEA-GREEN-100G", "CUP-WHITE-300ML"].map(|code| {
        let json = format!(r#"{{"sku":"{code}","name":"n","barcodes":["3800000000017"]}}"#);
        (sku(code), serde_json::from_str::<Item>(&json).unwrap())
    });
    let ann = person("badge-17");
    let mut task = PickTask::create(&order, &order.fulfillment_orders[0], &BTreeMap::from(items), at()).unwrap().next;
    task = task.claim(&ann, at()).unwrap().next;
    for code in ["TEA-GREEN-100G", "TEA-GREEN-100G", "CUP-WHITE-300ML"] {
        task = task.scan(&scan_of(code, 1), &ann, at()).unwrap().next;
    }
    // JSON is a little larger than DynamoDB's own form; keys, index keys and five operation marks take some 310 bytes.
    let bytes = serde_json::to_string(&task).unwrap().len();
    assert!(bytes <= 820, "{bytes} bytes");
}
