//! Legal work is never a drift; one corruption is reported, just as it is; a repair leaves nothing to report.

mod world;

use super::*;
use crate::aggregate::Actor;
use crate::ids::AuditId;
use crate::stock::{LiableParty, Movement, MovementKind};
use jiff::Timestamp;
use proptest::prelude::*;
use world::{Step, World};

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0_u8..15, 0_usize..4, 1_u32..6), 0..120)
}

/// What somebody may break from outside, or a bug from inside.
#[derive(Debug, Clone)]
enum Corruption {
    Term(Term, i64),
    Shift(Term, Term, i64),
    MovementLost(usize),
    MovementTwice(usize),
    TakeLost,
    OrderLost(usize),
}

fn corruption() -> impl Strategy<Value = Corruption> {
    let amount = || prop_oneof![-5_i64..0, 1_i64..6];
    let term = || proptest::sample::select(Term::ALL.into_iter().filter(|t| *t != Term::Incoming).collect::<Vec<_>>());
    let part = || proptest::sample::select(PARTS.to_vec());
    prop_oneof![
        (term(), amount()).prop_map(|(term, units)| Corruption::Term(term, units)),
        (part(), part(), 1_i64..6).prop_map(|(from, to, units)| Corruption::Shift(from, to, units)),
        any::<usize>().prop_map(Corruption::MovementLost),
        any::<usize>().prop_map(Corruption::MovementTwice),
        Just(Corruption::TakeLost),
        any::<usize>().prop_map(Corruption::OrderLost),
    ]
}

const PARTS: [Term; 6] =
    [Term::Available, Term::OpenTakes, Term::Reserved, Term::Picked, Term::CountSuspect, Term::Quarantine];

/// By how much each proof is off: level without evidence.
type Off = BTreeMap<(Check, Vec<Term>), i64>;

fn off(findings: &[Finding]) -> Off {
    findings.iter().map(|f| ((f.check, f.terms.clone()), f.level - f.evidence)).collect()
}

/// What a change of a term by `units` must put off.
fn expect_term(expected: &mut Off, world: &World, term: Term, units: i64) {
    let mut add = |check, terms: &[Term], units: i64| {
        *expected.entry((check, terms.to_vec())).or_default() += units;
    };
    add(Check::Equation, &[Term::OnHand], if term == Term::OnHand { units } else { -units });
    if PROMISED.contains(&term) {
        add(Check::Movements, &PROMISED, units);
    } else {
        add(Check::Movements, &[term], units);
    }
    match term {
        Term::Reserved | Term::Picked => add(Check::Orders, &[term], units),
        Term::OpenTakes => add(Check::Takes, &[term], units),
        _ => {}
    }
    add(Check::Negative, &[term], world.level.get(term).min(0));
}

fn expect_movement(expected: &mut Off, movement: &Movement, sign: i64) {
    let units = sign * i64::from(movement.quantity);
    let mut add = |term: Term, units: i64| {
        let terms = if PROMISED.contains(&term) { PROMISED.to_vec() } else { vec![term] };
        *expected.entry((Check::Movements, terms)).or_default() += units;
    };
    if let Some(to) = movement.to {
        add(to, units);
    } else {
        add(Term::OnHand, -units);
    }
    if let Some(from) = movement.from {
        add(from, -units);
    } else {
        add(Term::OnHand, units);
    }
}

impl Corruption {
    /// Breaks the world; gives what is off now, or `None` when there is nothing of that kind to break.
    fn apply(&self, world: &mut World) -> Option<Off> {
        let mut expected = Off::new();
        match self {
            Self::Term(term, units) => {
                *world.level.0.entry(*term).or_default() += units;
                expect_term(&mut expected, world, *term, *units);
            }
            Self::Shift(from, to, _) if from == to => return None,
            Self::Shift(from, to, units) => {
                *world.level.0.entry(*from).or_default() -= units;
                *world.level.0.entry(*to).or_default() += units;
                expect_term(&mut expected, world, *from, -units);
                expect_term(&mut expected, world, *to, *units);
            }
            Self::MovementLost(index) => {
                let index = index.checked_rem(world.movements.len())?;
                expect_movement(&mut expected, &world.movements.remove(index), 1);
            }
            Self::MovementTwice(index) => {
                let movement = world.movements.get(index.checked_rem(world.movements.len())?)?.clone();
                expect_movement(&mut expected, &movement, -1);
                world.movements.push(movement);
            }
            Self::TakeLost => {
                let evidence = world.evidence();
                let lost = evidence.takes.first()?;
                world.takes.remove(&lost.take);
                expected.insert((Check::Takes, vec![Term::OpenTakes]), i64::from(lost.units));
                expected.insert((Check::Orders, vec![Term::Reserved]), -i64::from(lost.claimed));
            }
            Self::OrderLost(index) => {
                let before = world.evidence();
                world.orders.remove(index % world.orders.len());
                let after = world.evidence();
                expected.insert((Check::Orders, vec![Term::Reserved]), before.reserved() - after.reserved());
                expected.insert((Check::Orders, vec![Term::Picked]), before.held.picked - after.held.picked);
            }
        }
        expected.retain(|_, units| *units != 0);
        Some(expected)
    }
}

fn at() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

fn actor() -> Actor {
    Actor { person: "badge-1".to_owned(), station: "OFFICE".to_owned() }
}

fn repair(believe: Believe) -> Repair {
    Repair { believe, liable: Some(LiableParty::Warehouse), actor: actor(), at: at() }
}

fn audit_id() -> AuditId {
    AuditId::derive(&world::order_id(0).merchant(), &["1"])
}

proptest! {
    #[test]
    fn legal_work_is_never_a_drift(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            let found = findings(&world.level, &Bins::default(), &world.evidence());
            prop_assert!(found.is_empty(), "after {step:?}: {found:?}\n{world:?}");
        }
    }

    #[test]
    fn one_corruption_is_reported_just_as_it_is(steps in steps(), corruption in corruption()) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        let Some(expected) = corruption.apply(&mut world) else { return Ok(()) };
        prop_assert_eq!(off(&findings(&world.level, &Bins::default(), &world.evidence())), expected);
    }

    #[test]
    fn a_repair_leaves_nothing_to_report(steps in steps(), corruption in corruption(), believe_level in any::<bool>()) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        corruption.apply(&mut world);
        let Some(drift) = Drift::of(world::level_id(), 7, (&world.level, &Bins::default()), world.evidence()) else { return Ok(()) };
        let believe = if believe_level { Believe::Level } else { Believe::Movements };
        let restored = match drift.restore(&repair(believe), &audit_id()) {
            Ok(restored) => restored,
            Err(rejected) => {
                let known = ["promises-exceed-stock", "level-not-believable", "movements-not-believable"];
                prop_assert!(known.contains(&rejected.code), "{rejected:?}");
                return Ok(());
            }
        };
        prop_assert!(restored.level.is_sound());
        world.level = restored.level;
        world.movements.extend(restored.movements);
        let found = findings(&world.level, &Bins::default(), &world.evidence());
        prop_assert!(found.is_empty(), "{found:?}");
    }
}

/// A level of five available, three reserved and two picked units, with its evidence.
fn sound() -> (Level, Evidence) {
    let level = Level([(Term::OnHand, 10), (Term::Available, 5), (Term::Reserved, 3), (Term::Picked, 2)].into());
    let mut evidence = Evidence::default();
    evidence.ledger.add(&Movement::new(MovementKind::Receipt, 10, None, Some(Term::Available), "rec", at()));
    evidence.ledger.add(&Movement::new(MovementKind::Pick, 2, Some(Term::Reserved), Some(Term::Picked), "tsk", at()));
    evidence.add(&world::order_id(1), 4, Held { reserved: 3, picked: 2 });
    (level, evidence)
}

fn drift(level: &Level, evidence: &Evidence) -> Drift {
    Drift::of(world::level_id(), 7, (level, &Bins::default()), evidence.clone()).expect("a drift")
}

#[test]
fn a_bin_that_is_not_what_the_movements_say_is_set_right() {
    let (level, mut evidence) = sound();
    let carried = Movement {
        to_bin: Some("A-01".to_owned()),
        ..Movement::new(MovementKind::Putaway, 4, None, None, "rec", at())
    };
    evidence.ledger.add(&carried);
    let bins = |units: i64| Bins::new([("A-01".to_owned(), units)].into(), std::collections::BTreeSet::new());
    assert_eq!(findings(&level, &bins(4), &evidence), []);
    let drift = Drift::of(world::level_id(), 7, (&level, &bins(5)), evidence).expect("a drift");
    let [finding] = drift.findings.as_slice() else { panic!("{drift:?}") };
    assert_eq!(
        (finding.check, finding.bin.as_deref(), finding.level, finding.evidence),
        (Check::Bins, Some("A-01"), 5, 4)
    );
    let restored = drift.restore(&repair(Believe::Movements), &audit_id()).unwrap();
    assert_eq!((restored.bins, restored.movements), ([("A-01".to_owned(), 4)].into(), vec![]));
}

#[test]
fn drifted_promises_are_set_right_without_a_movement() {
    let (mut level, evidence) = sound();
    *level.0.entry(Term::Reserved).or_default() += 2;
    *level.0.entry(Term::Available).or_default() -= 2;
    let mut by = repair(Believe::Movements);
    by.liable = None;
    let restored = drift(&level, &evidence).restore(&by, &audit_id()).unwrap();
    assert_eq!((restored.level.get(Term::Available), restored.level.get(Term::Reserved)), (5, 3));
    assert!(restored.movements.is_empty() && restored.stock_arrived);
}

#[test]
fn units_that_appear_are_somebodys_to_pay() {
    let (level, mut evidence) = sound();
    evidence.ledger.add(&Movement::new(MovementKind::Receipt, 4, None, Some(Term::Available), "rec", at()));
    let drift = drift(&level, &evidence);
    let mut by = repair(Believe::Level);
    by.liable = None;
    assert_eq!(drift.restore(&by, &audit_id()).unwrap_err().code, "liable-missing");
    let restored = drift.restore(&repair(Believe::Level), &audit_id()).unwrap();
    let [movement] = restored.movements.as_slice() else { panic!("{restored:?}") };
    assert_eq!((movement.kind, movement.quantity), (MovementKind::CountAdjust, 4));
    assert_eq!((movement.from, movement.to), (Some(Term::Available), None));
    assert_eq!((movement.liable, movement.actor.as_ref()), (Some(LiableParty::Warehouse), Some(&actor())));
    assert_eq!(restored.level.get(Term::OnHand), 10);
    let restored = drift.restore(&repair(Believe::Movements), &audit_id()).unwrap();
    assert_eq!((restored.level.get(Term::OnHand), restored.level.get(Term::Available)), (14, 9));
    assert!(restored.movements.is_empty(), "the ledger has them all");
}

#[test]
fn what_is_picked_for_nobody_waits_to_be_counted() {
    let (level, mut evidence) = sound();
    evidence.held.picked = 0;
    let restored = drift(&level, &evidence).restore(&repair(Believe::Movements), &audit_id()).unwrap();
    assert_eq!((restored.level.get(Term::Picked), restored.level.get(Term::CountSuspect)), (0, 2));
    assert_eq!(restored.movements[0].kind, MovementKind::StatusChange);
}

#[test]
fn more_promises_than_goods_are_not_repaired_away() {
    let (level, mut evidence) = sound();
    evidence.held.reserved = 9;
    let rejected = drift(&level, &evidence).restore(&repair(Believe::Movements), &audit_id()).unwrap_err();
    assert_eq!(rejected.code, "promises-exceed-stock");
    assert!(rejected.detail.contains("1 units more"), "{rejected}");
}

fn running() -> StockAudit {
    StockAudit::begin(audit_id(), AuditCause::Requested, vec![], at())
}

fn look(audit: &StockAudit, found: Found, at: Timestamp) -> (StockAudit, usize) {
    let (decision, proven) = audit.looked(Looked { levels: vec![(world::level_id(), found)], after: None }, at);
    (decision.next, proven.len())
}

fn suspected() -> Found {
    let (mut level, evidence) = sound();
    *level.0.entry(Term::Damaged).or_default() += 1;
    Found::Drift(Box::new(drift(&level, &evidence)))
}

#[test]
fn a_drift_is_reported_when_two_looks_agree() {
    let (audit, proven) = look(&running(), suspected(), at());
    assert_eq!((audit.state, proven), (AuditState::Running, 0));
    assert_eq!(audit.next_look(at()), Look::Later(at() + AGAIN_AFTER));
    let later = at() + AGAIN_AFTER;
    assert_eq!(audit.next_look(later), Look::Again(vec![world::level_id()]));
    let (audit, proven) = look(&audit, suspected(), later);
    assert_eq!((audit.state, proven, audit.drifts.len(), audit.levels), (AuditState::Done, 1, 1, 1));
    assert_eq!(audit.next_look(later), Look::Nothing);
}

#[test]
fn what_passes_by_itself_is_not_reported() {
    let (audit, _) = look(&running(), suspected(), at());
    let (audit, _) = look(&audit, Found::Proven, at() + AGAIN_AFTER);
    assert_eq!((audit.state, audit.drifts.len()), (AuditState::Done, 0));
}

#[test]
fn a_level_that_never_rests_is_said_not_to_be_judged() {
    let mut audit = running();
    for looks in 1..=5 {
        assert_eq!(audit.state, AuditState::Running, "after {looks}");
        audit = look(&audit, Found::Changed, at()).0;
    }
    assert_eq!((audit.state, audit.not_judged_total, audit.not_judged.len()), (AuditState::Done, 1, 1));
}

#[test]
fn an_audit_goes_on_after_the_items_that_it_has_seen() {
    let tea = crate::ids::Sku::parse("TEA").unwrap();
    let looked = Looked { levels: vec![(world::level_id(), Found::Proven)], after: Some(tea.clone()) };
    let (decision, _) = running().looked(looked, at());
    assert_eq!(decision.next.next_look(at()), Look::Items { after: Some(tea.clone()) });
    let (suspects, _) = look(&decision.next, suspected(), at());
    assert!(suspects.all_seen, "the last items, and one of them suspect");
    let (done, _) = look(&suspects, Found::Proven, at());
    assert_eq!((done.state, done.levels), (AuditState::Done, 2), "a second look counts no level again");
}

#[test]
fn a_drift_is_repaired_once() {
    let (audit, _) = look(&running(), suspected(), at());
    let (audit, _) = look(&audit, suspected(), at());
    let (drift, repaired) = audit.repaired(&world::level_id(), &repair(Believe::Movements)).unwrap();
    assert_eq!(drift.version, 7);
    let code = |audit: &StockAudit, level: &LevelId| audit.repaired(level, &repair(Believe::Level)).unwrap_err().code;
    assert_eq!(code(&repaired, &world::level_id()), "drift-repaired");
    let other = LevelId { location: crate::ids::LocationId::parse("ELSEWHERE").unwrap(), ..world::level_id() };
    assert_eq!(code(&audit, &other), "no-such-drift");
}
