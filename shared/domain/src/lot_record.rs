//! What is known of a lot: one record per merchant, item and code, so that a code means one expiry date, and what comes in
//! late of a lot that has expired or was recalled is not sold.
//!
//! | | good | expired | recalled |
//! |---|---|---|---|
//! | new goods come in, or back to the shelf | `available` | `expired` | `recalled` |
//! | opened, damaged goods come in | `inspection`, `damaged` | the same | the same |
//! | the sweeper looks, from the day after its expiry | – | `available` → `expired`; again a day later while units are promised | nothing |
//!
//! The record is written with every receipt of its lot, in the same transaction: of two that name a new code with different
//! dates one is decided again and refused, and none slips past a recall.

use crate::aggregate::{Decision, Rejected};
use crate::catalogue::Item;
use crate::ids::{LocationId, MerchantId, RecallId, Sku};
use crate::stock::{Goods, Level, Lot, Movement, MovementKind, StockChange, Term};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Code of the lot that returned goods are kept in when nobody can say which lot they are of. It has no record.
pub const UNKNOWN_LOT: &str = "UNKNOWN";

/// How long the sweeper waits while units of an expired lot are promised: they may be given back.
const LOOK_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// Levels of one look: a transaction has 100 items.
const LEVELS_MAX: usize = 80;

/// The record of a lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotRecord {
    /// Whose.
    pub merchant: MerchantId,
    /// The item.
    pub sku: Sku,
    /// Code and expiry date.
    pub lot: Lot,
    /// When goods of it came in first, UTC.
    pub first_received_at: Timestamp,
    /// Its recall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<RecallId>,
    /// How often goods of it came in: makes every receipt a new version.
    #[serde(default)]
    pub receipts: u64,
    /// When the sweeper looks at it next, UTC; absent when nothing of it can expire any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_look_at: Option<Timestamp>,
}

/// The day of an instant, UTC.
#[must_use]
pub fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

impl LotRecord {
    /// The record of a lot that was never seen before.
    #[must_use]
    pub fn new(merchant: &MerchantId, sku: &Sku, lot: Lot, at: Timestamp) -> Self {
        Self {
            merchant: merchant.clone(),
            sku: sku.clone(),
            next_look_at: lot.expiry.and_then(expires_at),
            lot,
            first_received_at: at,
            recall: None,
            receipts: 0,
        }
    }

    /// Where goods of this lot are counted that would be in `usual` otherwise: `available` only if they may be sold.
    #[must_use]
    pub fn term(&self, usual: Term, at: Timestamp) -> Term {
        match usual {
            Term::Available if self.recall.is_some() => Term::Recalled,
            Term::Available if self.is_expired(at) => Term::Expired,
            usual => usual,
        }
    }

    /// Whether its last good day is over (UTC).
    #[must_use]
    pub fn is_expired(&self, at: Timestamp) -> bool {
        self.lot.is_expired(day_of(at))
    }

    /// It is recalled: what comes in from now on is not sold. The recall itself blocks what is there.
    ///
    /// # Errors
    /// `lot-recalled` when it was before.
    pub fn recalled(&self, recall: &RecallId) -> Result<Self, Rejected> {
        match &self.recall {
            Some(earlier) => {
                let detail = format!("this lot is recalled already: see GET /v1/recalls/{earlier}");
                Err(Rejected::new("lot-recalled", detail).at("/lot"))
            }
            None => Ok(Self { recall: Some(recall.clone()), next_look_at: None, ..self.clone() }),
        }
    }

    /// Goods of it came in.
    #[must_use]
    pub fn received(&self) -> Self {
        Self { receipts: self.receipts + 1, ..self.clone() }
    }

    /// The sweeper looks: what is available of an expired lot (`levels`: all of the lot's) is expired. While units are promised,
    /// or there were too many levels for one transaction, it looks again.
    #[must_use]
    pub fn look(&self, levels: &[(LocationId, Level)], at: Timestamp) -> Decision<Self> {
        let mut next = self.clone();
        if self.recall.is_some() {
            next.next_look_at = None;
            return Decision::of(next);
        }
        if !self.is_expired(at) {
            next.next_look_at = self.lot.expiry.and_then(expires_at);
            return Decision::of(next);
        }
        let units = |level: &Level, term| u32::try_from(level.get(term)).unwrap_or(0);
        let sellable: Vec<_> = levels.iter().filter(|(_, level)| level.get(Term::Available) > 0).collect();
        let promised = [Term::OpenTakes, Term::Reserved, Term::Picked];
        let is_promised = levels.iter().any(|(_, level)| promised.into_iter().any(|term| level.get(term) > 0));
        next.next_look_at =
            if sellable.len() > LEVELS_MAX { Some(at) } else { is_promised.then_some(at + LOOK_AGAIN_AFTER) };
        let expired = sellable.into_iter().take(LEVELS_MAX).map(|(location, level)| {
            let quantity = units(level, Term::Available);
            let (from, to) = (Term::Available, Term::Expired);
            let movement = Movement {
                goods: Goods::default().in_lot(Some(&self.lot)),
                reason: Some("expired".to_owned()),
                ..Movement::new(MovementKind::StatusChange, quantity, Some(from), Some(to), &self.cause(), at)
            };
            StockChange::shift(&self.sku, location, quantity, from, to).of_lot(Some(self.lot.clone())).moved([movement])
        });
        Decision::of(next).with_stock(expired)
    }

    /// What movements name as their cause.
    #[must_use]
    pub fn cause(&self) -> String {
        format!("lot {}", self.lot.code)
    }
}

/// The first instant at which a lot with this expiry date is expired.
fn expires_at(expiry: Date) -> Option<Timestamp> {
    Some(expiry.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn lot_needed() -> Rejected {
    Rejected::new("lot-needed", "this item is kept by lot: say which lot these goods are of").at("/goods/lot")
}

/// The lot that goods are counted into: `None` for an item that is not kept by lot, where the lot is a note. `known` is the
/// record of the code that they name, if there is one.
///
/// # Errors
/// `lot-needed`; `lot-expiry-differs` when the code is known with another date; `invalid-field` for the reserved code.
pub fn lot_received(
    merchant: &MerchantId,
    item: &Item,
    goods: &Goods,
    known: Option<&LotRecord>,
    at: Timestamp,
) -> Result<Option<LotRecord>, Rejected> {
    if !item.lot_tracked {
        return Ok(None);
    }
    let code = goods.lot.as_deref().ok_or_else(lot_needed)?;
    if code == UNKNOWN_LOT {
        let detail = format!("{UNKNOWN_LOT} is kept for returned goods of which nobody knows the lot");
        return Err(Rejected::new("invalid-field", detail).at("/goods/lot"));
    }
    match known {
        Some(known) => known.named_by(goods).map(Some),
        None => {
            let lot = Lot { code: code.to_owned(), expiry: goods.expiry };
            Ok(Some(LotRecord::new(merchant, &item.sku, lot, at)))
        }
    }
}

/// The lot whose level a correction changes, as [`lot_received`]; what was counted in before the item was kept by lot is taken
/// away without naming one.
///
/// # Errors
/// As [`lot_received`]; `unknown-lot` when units of a lot are to be taken away that never came in.
pub fn lot_corrected(
    merchant: &MerchantId,
    item: &Item,
    goods: &Goods,
    adds: bool,
    known: Option<&LotRecord>,
    at: Timestamp,
) -> Result<Option<LotRecord>, Rejected> {
    match (known, adds) {
        (Some(known), _) => known.named_by(goods).map(Some),
        (None, true) => lot_received(merchant, item, goods, None, at),
        (None, false) if item.lot_tracked && goods.lot.is_some() => {
            Err(Rejected::new("unknown-lot", "no goods of this lot ever came in: see GET /v1/stock-levels/{sku}")
                .at("/goods/lot"))
        }
        (None, false) => Ok(None),
    }
}

impl LotRecord {
    fn named_by(&self, goods: &Goods) -> Result<Self, Rejected> {
        if goods.expiry.is_none() || goods.expiry == self.lot.expiry {
            return Ok(self.clone());
        }
        let known = self.lot.expiry.map_or("no expiry date".to_owned(), |expiry| format!("the expiry date {expiry}"));
        let detail = format!("lot {} is known with {known}: correct the date, or give it another code", self.lot.code);
        Err(Rejected::new("lot-expiry-differs", detail).at("/goods/expiry"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn record(expiry: Option<&str>) -> LotRecord {
        let lot = Lot { code: "L7".to_owned(), expiry: expiry.map(|date| date.parse().unwrap()) };
        LotRecord::new(&MerchantId::derive(&["acme"]), &Sku::parse("TEA").unwrap(), lot, at("2026-11-02T08:00:00Z"))
    }

    fn item(lot_tracked: bool) -> Item {
        let mut item: Item = serde_json::from_str(r#"{"sku":"TEA","name":"Tea"}"#).unwrap();
        item.lot_tracked = lot_tracked;
        item
    }

    fn goods(lot: Option<&str>, expiry: Option<&str>) -> Goods {
        let expiry = expiry.map(|date| date.parse().unwrap());
        Goods { lot: lot.map(str::to_owned), expiry, ..Goods::default() }
    }

    #[test]
    fn the_expiry_date_is_the_last_good_day() {
        let lot = record(Some("2027-01-31"));
        for (now, expect) in [("2027-01-31T23:59:59Z", Term::Available), ("2027-02-01T00:00:00Z", Term::Expired)] {
            assert_eq!(lot.term(Term::Available, at(now)), expect, "{now}");
            assert_eq!(lot.term(Term::Damaged, at(now)), Term::Damaged);
        }
        assert_eq!(lot.next_look_at, Some(at("2027-02-01T00:00:00Z")));
        assert_eq!(record(None).next_look_at, None);
    }

    #[test]
    fn a_recalled_lot_is_counted_apart_and_recalled_once() {
        let lot = record(Some("2027-01-31"));
        let recall = RecallId::derive(&lot.merchant, &["1"]);
        let recalled = lot.recalled(&recall).unwrap();
        for (usual, expect) in [(Term::Available, Term::Recalled), (Term::Damaged, Term::Damaged)] {
            assert_eq!(recalled.term(usual, at("2030-01-01T00:00:00Z")), expect);
        }
        assert_eq!(recalled.recalled(&recall).unwrap_err().code, "lot-recalled");
        assert_eq!((recalled.next_look_at, recalled.received().recall), (None, Some(recall)));
    }

    #[test]
    fn a_code_means_one_expiry_date() {
        let known = record(Some("2027-01-31"));
        let merchant = known.merchant.clone();
        let check = |lot, expiry, expect: Result<Option<&str>, &str>| {
            let got =
                lot_received(&merchant, &item(true), &goods(lot, expiry), lot.map(|_| &known), known.first_received_at);
            let got = got.map(|record| record.unwrap().lot.expiry.map(|date| date.to_string()));
            assert_eq!(
                got.as_ref().map(Option::as_deref).map_err(|rejected| rejected.code),
                expect,
                "{lot:?} {expiry:?}"
            );
        };
        check(Some("L7"), Some("2027-01-31"), Ok(Some("2027-01-31")));
        check(Some("L7"), None, Ok(Some("2027-01-31")));
        check(Some("L7"), Some("2027-02-01"), Err("lot-expiry-differs"));
        check(None, None, Err("lot-needed"));
        check(Some(UNKNOWN_LOT), None, Err("invalid-field"));
        assert_eq!(
            lot_received(&merchant, &item(false), &goods(Some("L7"), None), None, known.first_received_at),
            Ok(None),
            "a note only"
        );
    }

    #[test]
    fn units_are_taken_away_from_a_lot_that_came_in_or_from_what_is_kept_without() {
        let known = record(None);
        let merchant = known.merchant.clone();
        let correct = |lot, adds, known| {
            lot_corrected(&merchant, &item(true), &goods(lot, None), adds, known, at("2026-11-02T08:00:00Z"))
        };
        assert_eq!(correct(Some("L7"), false, Some(&known)), Ok(Some(known.clone())));
        assert_eq!(correct(Some("L8"), false, None).unwrap_err().code, "unknown-lot");
        assert_eq!(correct(None, false, None), Ok(None));
        assert_eq!(correct(None, true, None).unwrap_err().code, "lot-needed");
        assert_eq!(correct(Some("L8"), true, None).unwrap().unwrap().lot.code, "L8");
    }

    proptest! {
        #[test]
        fn nothing_of_an_expired_lot_stays_available_and_it_is_looked_at_while_units_are_promised(
            levels in prop::collection::vec((0_i64..5, 0_i64..3, 0_i64..3, 0_i64..3), 0..90),
            days in -2_i64..40,
        ) {
            let lot = record(Some("2027-01-31"));
            let now = at("2027-01-31T12:00:00Z") + SignedDuration::from_hours(24 * days);
            let level = |(available, takes, reserved, picked): (i64, i64, i64, i64)| Level([
                (Term::OnHand, available + takes + reserved + picked), (Term::Available, available),
                (Term::OpenTakes, takes), (Term::Reserved, reserved), (Term::Picked, picked),
            ].into());
            let mut levels: Vec<(LocationId, Level)> = (0..).zip(levels)
                .map(|(number, terms)| (LocationId::parse(&format!("L{number}")).unwrap(), level(terms))).collect();
            let mut record = lot;
            for _ in 0..3 {
                let decision = record.look(&levels, now);
                prop_assert!(decision.stock.len() <= LEVELS_MAX);
                for change in &decision.stock {
                    let (_, level) = levels.iter_mut().find(|(location, _)| *location == change.location).unwrap();
                    *level = level.after(change).expect("no term becomes negative");
                    prop_assert!(level.is_sound());
                    prop_assert_eq!(change.movements[0].goods.of_lot(), change.lot.clone());
                }
                record = decision.next;
                if record.next_look_at.is_none_or(|due| due > now) { break }
            }
            let available: i64 = levels.iter().map(|(_, level)| level.get(Term::Available)).sum();
            let promised: i64 = levels.iter()
                .map(|(_, level)| level.get(Term::OpenTakes) + level.get(Term::Reserved) + level.get(Term::Picked)).sum();
            if record.is_expired(now) {
                prop_assert_eq!(available, 0);
                prop_assert_eq!(record.next_look_at.is_some(), promised > 0);
            } else {
                prop_assert_eq!(record.next_look_at, Some(at("2027-02-01T00:00:00Z")));
            }
        }
    }
}
