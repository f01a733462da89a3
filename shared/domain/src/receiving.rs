//! Goods that come in, and corrections of what is there: what they do to a level.
//!
//! | Condition | Term of the equation |
//! |---|---|
//! | new | available: it can be sold; of a lot that has expired, expired |
//! | opened | inspection: a person says what becomes of it |
//! | damaged | damaged |

use crate::account::check_text;
use crate::aggregate::{Actor, Rejected};
use crate::catalogue::Item;
use crate::ids::{LocationId, ReceiptId, Sku};
use crate::lot_record::LotRecord;
use crate::stock::{
    ActivityFact, Bins, Condition, DEFAULT_BIN, Goods, Level, LevelId, LiableParty, Movement, MovementKind, STAGED_BIN,
    StockChange, Term,
};
use jiff::Timestamp;

/// Most units of one receipt or adjustment.
pub const UNITS_MAX: u32 = 100_000;
/// Longest bin, lot, serial number, badge or station, bytes.
pub const LABEL_BYTES_MAX: usize = 64;
/// Longest reason or reference, bytes.
pub const REASON_BYTES_MAX: usize = 400;

/// What was counted in or corrected: where, by whom, when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id: the cause of the movement.
    pub id: ReceiptId,
    /// The item.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// Bin, lot, expiry, serial, condition.
    pub goods: Goods,
    /// Who did it.
    pub actor: Actor,
    /// When, UTC.
    pub at: Timestamp,
}

/// Why stock is corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// Units added (positive) or taken away (negative); not zero.
    pub quantity: i64,
    /// `COUNT_ADJUST`, or `WRITE_OFF`, which only takes away.
    pub kind: MovementKind,
    /// In words.
    pub reason: String,
    /// Who pays.
    pub liable: LiableParty,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The movement of goods, for the entry itself to remember.
    pub movement: Movement,
    /// The change of the level, with the same movement.
    pub change: StockChange,
    /// What was done for the merchant.
    pub facts: Vec<ActivityFact>,
}

fn invalid(pointer: &str, detail: impl Into<String>) -> Rejected {
    Rejected::new("invalid-field", detail).at(pointer)
}

/// The term that goods of this condition are counted in.
#[must_use]
pub fn term_of(condition: Condition) -> Term {
    match condition {
        Condition::New => Term::Available,
        Condition::Opened => Term::Inspection,
        Condition::Damaged => Term::Damaged,
    }
}

/// Whether a person and a station are named.
///
/// # Errors
/// `invalid-field` at `/actor/person` or `/actor/station`.
pub fn check_actor(actor: &Actor) -> Result<(), Rejected> {
    check_text("/actor/person", &actor.person, LABEL_BYTES_MAX)?;
    check_text("/actor/station", &actor.station, LABEL_BYTES_MAX)
}

/// Whether a text can be a bin's name.
///
/// # Errors
/// `invalid-field` at `pointer`.
pub fn check_bin(pointer: &str, bin: &str) -> Result<(), Rejected> {
    check_text(pointer, bin, LABEL_BYTES_MAX)?;
    if bin == STAGED_BIN {
        return Err(invalid(pointer, format!("{STAGED_BIN} is where picked units are counted: name another bin")));
    }
    Ok(())
}

fn check_goods(goods: &Goods, units: u32) -> Result<(), Rejected> {
    check_bin("/goods/bin", &goods.bin)?;
    for (pointer, label) in [("/goods/lot", &goods.lot), ("/goods/serial", &goods.serial)] {
        if let Some(label) = label {
            check_text(pointer, label, LABEL_BYTES_MAX)?;
        }
    }
    if goods.serial.is_some() && units != 1 {
        return Err(invalid("/goods/serial", "a serial number names one unit: send quantity 1 for each"));
    }
    Ok(())
}

/// The serial number that goods must name, of an item whose units are kept by it.
///
/// # Errors
/// `serial-needed`.
pub fn serial_of<'a>(item: &Item, goods: &'a Goods) -> Result<Option<&'a str>, Rejected> {
    if !item.serial_tracked {
        return Ok(None);
    }
    let needed = "units of this item are kept by serial number: send one unit each, with its number";
    goods.serial.as_deref().map(Some).ok_or_else(|| Rejected::new("serial-needed", needed).at("/goods/serial"))
}

/// Counts goods in, into `lot` where the item is kept by lot ([`crate::lot_record::lot_received`]).
///
/// # Errors
/// `invalid-field` with the pointer of the field at fault.
pub fn receive(entry: &Entry, quantity: u32, lot: Option<&LotRecord>) -> Result<Posting, Rejected> {
    if !(1..=UNITS_MAX).contains(&quantity) {
        return Err(invalid("/quantity", format!("quantity is 1 to {UNITS_MAX}")));
    }
    check_actor(&entry.actor)?;
    check_goods(&entry.goods, quantity)?;
    let usual = term_of(entry.goods.condition);
    let term = lot.map_or(usual, |record| record.term(usual, entry.at));
    let lot = lot.map(|record| &record.lot);
    let movement = Movement {
        goods: entry.goods.clone().in_lot(lot),
        actor: Some(entry.actor.clone()),
        ..Movement::new(MovementKind::Receipt, quantity, None, Some(term), entry.id.as_str(), entry.at)
    };
    let fact = ActivityFact {
        activity: "receive".to_owned(),
        quantity,
        unit: "unit".to_owned(),
        cause: entry.id.to_string(),
        at: entry.at,
        actor: Some(entry.actor.clone()),
    };
    let change = StockChange::add(&entry.sku, &entry.location, quantity, term);
    let change = change.of_lot(lot.cloned()).moved([movement.clone()]);
    Ok(Posting { movement, change, facts: vec![fact] })
}

/// Corrects what is there; `level` is what is there now, of `lot` where one is kept ([`crate::lot_record::lot_corrected`]).
///
/// # Errors
/// `invalid-field` with the pointer of the field at fault; `insufficient-stock` when more would be taken away than is there.
pub fn correct(
    entry: &Entry,
    correction: &Correction,
    level: &Level,
    lot: Option<&LotRecord>,
) -> Result<Posting, Rejected> {
    let units = u32::try_from(correction.quantity.unsigned_abs()).unwrap_or(u32::MAX);
    if !(1..=UNITS_MAX).contains(&units) {
        return Err(invalid("/quantity", format!("quantity is -{UNITS_MAX} to {UNITS_MAX}, and not 0")));
    }
    let adds = correction.quantity > 0;
    match correction.kind {
        MovementKind::CountAdjust => {}
        MovementKind::WriteOff if !adds => {}
        MovementKind::WriteOff => {
            return Err(invalid("/quantity", "a write-off takes units away: send a negative quantity"));
        }
        _ => return Err(invalid("/type", "an adjustment is COUNT_ADJUST or WRITE_OFF")),
    }
    check_text("/reason", &correction.reason, REASON_BYTES_MAX)?;
    check_actor(&entry.actor)?;
    check_goods(&entry.goods, units)?;
    let usual = term_of(entry.goods.condition);
    // What has expired is still available until the sweeper has looked.
    let lacks = !adds && level.get(usual) < i64::from(units);
    let term = lot.filter(|_| adds || lacks).map_or(usual, |record| record.term(usual, entry.at));
    let lot = lot.map(|record| &record.lot);
    let there = level.get(term);
    if !adds && there < i64::from(units) {
        return Err(insufficient(level, term, units));
    }
    let (from, to) = if adds { (None, Some(term)) } else { (Some(term), None) };
    let movement = Movement {
        goods: entry.goods.clone().in_lot(lot),
        actor: Some(entry.actor.clone()),
        liable: Some(correction.liable),
        reason: Some(correction.reason.clone()),
        ..Movement::new(correction.kind, units, from, to, entry.id.as_str(), entry.at)
    };
    let change = if adds {
        StockChange::add(&entry.sku, &entry.location, units, term)
    } else {
        StockChange::remove(&entry.sku, &entry.location, units, term)
    };
    Ok(Posting { change: change.of_lot(lot.cloned()).moved([movement.clone()]), movement, facts: Vec::new() })
}

/// Carries units of a level from one bin (`entry.goods.bin`) to another. What is in no named bin is in `MAIN`.
///
/// # Errors
/// `invalid-field` with the pointer of the field at fault; `not-in-bin` when the record says that there are fewer.
pub fn carry(
    entry: &Entry,
    to_bin: &str,
    quantity: u32,
    (of, level, bins): (&LevelId, &Level, &Bins),
) -> Result<Posting, Rejected> {
    if !(1..=UNITS_MAX).contains(&quantity) {
        return Err(invalid("/quantity", format!("quantity is 1 to {UNITS_MAX}")));
    }
    check_actor(&entry.actor)?;
    check_bin("/from_bin", &entry.goods.bin)?;
    check_bin("/to_bin", to_bin)?;
    if entry.goods.bin == to_bin {
        return Err(invalid("/to_bin", "the units are to be carried to another bin than they are in"));
    }
    let there = bins.units_in(&entry.goods.bin, level);
    if there < i64::from(quantity) {
        let detail = format!(
            "on record {there} units are in bin {}: carry at most these, or count it first (POST /v1/count-tasks)",
            entry.goods.bin
        );
        return Err(Rejected::new("not-in-bin", detail).at("/quantity"));
    }
    let kind = if entry.goods.bin == DEFAULT_BIN { MovementKind::Putaway } else { MovementKind::Move };
    let movement = Movement {
        goods: entry.goods.clone().in_lot(of.lot.as_ref()),
        to_bin: Some(to_bin.to_owned()),
        actor: Some(entry.actor.clone()),
        ..Movement::new(kind, quantity, None, None, entry.id.as_str(), entry.at)
    };
    let fact = ActivityFact {
        activity: "putaway".to_owned(),
        quantity,
        unit: "unit".to_owned(),
        cause: entry.id.to_string(),
        at: entry.at,
        actor: Some(entry.actor.clone()),
    };
    Ok(Posting { change: StockChange::within(of).moved([movement.clone()]), movement, facts: vec![fact] })
}

fn insufficient(level: &Level, term: Term, units: u32) -> Rejected {
    let promised = level.get(Term::Reserved) + level.get(Term::Picked) + level.get(Term::OpenTakes);
    let there = level.get(term);
    let name = term.attribute();
    Rejected::new(
        "insufficient-stock",
        format!(
            "{units} units cannot be taken away: {there} are {name}, and {promised} more are promised to orders; \
             cancel orders or put goods back first, or take away at most {there}"
        ),
    )
    .at("/quantity")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::Lot;
    use proptest::prelude::*;

    fn entry(condition: Condition) -> Entry {
        Entry {
            id: ReceiptId::parse("rec_m_1").unwrap(),
            sku: Sku::parse("TEA").unwrap(),
            location: LocationId::parse("SOF1").unwrap(),
            goods: Goods { condition, ..Goods::default() },
            actor: Actor { person: "badge-17".to_owned(), station: "DOCK-1".to_owned() },
            at: "2026-03-01T10:00:00Z".parse().unwrap(),
        }
    }

    fn correction(quantity: i64, kind: MovementKind) -> Correction {
        Correction { quantity, kind, reason: "cycle count".to_owned(), liable: LiableParty::Warehouse }
    }

    fn condition() -> impl Strategy<Value = Condition> {
        prop_oneof![Just(Condition::New), Just(Condition::Opened), Just(Condition::Damaged)]
    }

    proptest! {
        #[test]
        fn receipts_and_corrections_keep_the_equation_and_never_go_below_zero(
            steps in proptest::collection::vec((condition(), -30_i64..40, any::<bool>()), 0..40),
        ) {
            let mut level = Level::default();
            let mut moved = 0_i64;
            for (condition, quantity, write_off) in steps {
                let entry = entry(condition);
                let kind = if write_off { MovementKind::WriteOff } else { MovementKind::CountAdjust };
                let posting = match u32::try_from(quantity) {
                    Ok(units) if !write_off => receive(&entry, units, None),
                    _ => correct(&entry, &correction(quantity, kind), &level, None),
                };
                let Ok(Posting { change, .. }) = posting else { continue };
                for movement in &change.movements {
                    let units = i64::from(movement.quantity);
                    moved += if movement.to.is_some() { units } else { -units };
                }
                level = level.after(&change).expect("what was accepted can be applied");
                prop_assert!(level.is_sound(), "{level:?}");
                prop_assert_eq!(level.get(Term::OnHand), moved);
            }
        }
    }

    fn refused<T: std::fmt::Debug>(result: Result<T, Rejected>) -> (&'static str, String) {
        let rejected = result.unwrap_err();
        (rejected.code, rejected.pointer.unwrap_or_default())
    }

    #[test]
    fn a_receipt_out_of_range_is_refused_with_the_field() {
        let new = entry(Condition::New);
        assert_eq!(refused(receive(&new, 0, None)).1, "/quantity");
        assert_eq!(refused(receive(&new, UNITS_MAX + 1, None)).1, "/quantity");
        let mut serial = new.clone();
        serial.goods.serial = Some("SN-1".to_owned());
        assert_eq!(refused(receive(&serial, 2, None)).1, "/goods/serial");
        assert!(receive(&serial, 1, None).is_ok());
        let mut nobody = new;
        nobody.actor.person.clear();
        assert_eq!(refused(receive(&nobody, 1, None)).1, "/actor/person");
    }

    #[test]
    fn only_sellable_goods_wake_waiting_orders() {
        for (condition, wakes) in [(Condition::New, true), (Condition::Opened, false), (Condition::Damaged, false)] {
            let posting = receive(&entry(condition), 1, None).unwrap();
            assert_eq!(posting.change.stock_arrived, wakes, "{condition:?}");
        }
    }

    #[test]
    fn goods_of_an_expired_lot_come_in_as_expired_and_are_written_off_from_there() {
        let lot = Lot { code: "L7".to_owned(), expiry: Some("2026-02-28".parse().unwrap()) };
        let record = LotRecord::new(
            &crate::MerchantId::derive(&["acme"]),
            &Sku::parse("TEA").unwrap(),
            lot.clone(),
            entry(Condition::New).at,
        );
        let posting = receive(&entry(Condition::New), 3, Some(&record)).unwrap();
        assert_eq!((posting.movement.to, posting.change.stock_arrived), (Some(Term::Expired), false));
        assert_eq!((posting.change.lot.clone(), posting.movement.goods.of_lot()), (Some(lot.clone()), Some(lot)));
        let level = Level::default().after(&posting.change).unwrap();
        let off =
            correct(&entry(Condition::New), &correction(-3, MovementKind::WriteOff), &level, Some(&record)).unwrap();
        assert_eq!(level.after(&off.change).unwrap().get(Term::OnHand), 0);
    }

    #[test]
    fn promised_units_cannot_be_adjusted_away() {
        let level = Level([(Term::OnHand, 10), (Term::Available, 3), (Term::Reserved, 7)].into());
        let taken = correct(&entry(Condition::New), &correction(-4, MovementKind::CountAdjust), &level, None);
        let rejected = taken.unwrap_err();
        assert_eq!(rejected.code, "insufficient-stock");
        assert!(rejected.detail.contains("3 are available") && rejected.detail.contains("7 more"), "{rejected}");
        assert!(correct(&entry(Condition::New), &correction(-3, MovementKind::WriteOff), &level, None).is_ok());
    }

    #[test]
    fn a_correction_out_of_range_is_refused_with_the_field() {
        let level = Level::default();
        let new = entry(Condition::New);
        for quantity in [0, i64::MIN, i64::MAX, -100_001, 100_001] {
            let result = correct(&new, &correction(quantity, MovementKind::CountAdjust), &level, None);
            assert_eq!(refused(result), ("invalid-field", "/quantity".to_owned()), "{quantity}");
        }
        assert_eq!(refused(correct(&new, &correction(1, MovementKind::WriteOff), &level, None)).1, "/quantity");
        assert_eq!(refused(correct(&new, &correction(1, MovementKind::Ship), &level, None)).1, "/type");
    }
}
