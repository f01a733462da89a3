//! Repair: a drifted level becomes what the evidence says, and the ledger of goods adds up to it again.
//!
//! Of goods there are two witnesses, the movements and the level itself, and no third but a count: so a person says whom to
//! believe. Of promises the orders are the only witness, and of open takes the level's own entries.
//!
//! | Drifted | What the repair does |
//! |---|---|
//! | goods, the movements are believed | the level is set to what they add up to; no movement, since they are all there |
//! | goods, the level is believed | the movements that the ledger lacks are added: `STATUS_CHANGE` between terms, `COUNT_ADJUST` for what came or went |
//! | more is picked than orders hold | the rest becomes `count_suspect` by a `STATUS_CHANGE`: a person counts it |
//! | less is picked than orders hold | the rest is taken from `available` by a `STATUS_CHANGE` |
//! | a named bin | it becomes what the movements say: nothing else knows of bins |
//! | only promises | `reserved`, `open_takes` and `available` are set anew, no movement |
//!
//! Units that appear in or vanish from the books are somebody's to pay: then the liable party is asked for.

use super::{Drift, MOVED, PROMISED};
use crate::aggregate::{Actor, Rejected};
use crate::ids::AuditId;
use crate::stock::{Goods, Level, LiableParty, Movement, MovementKind, Term};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Which witness of the goods is believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Believe {
    /// The ledger of goods.
    #[default]
    Movements,
    /// The level.
    Level,
}

/// How a drift was repaired, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Repair {
    /// Whom the person believed.
    pub believe: Believe,
    /// Who pays, where units appeared or vanished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liable: Option<LiableParty>,
    /// Who decided.
    pub actor: Actor,
    /// When, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A level as it is to be written, on the version that the evidence is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Every term.
    pub level: Level,
    /// Units of the named bins that drifted.
    pub bins: BTreeMap<String, i64>,
    /// Movements that the ledger of goods gets.
    pub movements: Vec<Movement>,
    /// Whether waiting orders may be filled from it.
    pub stock_arrived: bool,
}

impl Drift {
    /// What the level becomes.
    ///
    /// # Errors
    /// `liable-missing`; `level-not-believable` and `movements-not-believable` when that witness has units below zero;
    /// `promises-exceed-stock` when orders hold more than there is.
    pub fn restore(&self, repair: &Repair, audit: &AuditId) -> Result<Restored, Rejected> {
        let level = Level(self.terms.clone());
        let of_level = goods(|term| level.get(term));
        let of_ledger = goods(|term| self.evidence.ledger.get(term));
        let (believed, other, code) = match repair.believe {
            Believe::Movements => (&of_ledger, "level", "movements-not-believable"),
            Believe::Level => (&of_level, "movements", "level-not-believable"),
        };
        if believed.values().any(|units| *units < 0) {
            return Err(Rejected::new(
                code,
                format!("units below zero are no truth: believe the {other}, or adjust the stock first"),
            ));
        }
        let mut entries = Entries { movements: Vec::new(), drift: self, repair, audit };
        if repair.believe == Believe::Level {
            entries.between(&of_ledger, &of_level);
        }
        let mut terms = believed.clone();
        let surplus = terms.get(&Term::Picked).copied().unwrap_or(0) - self.evidence.held.picked;
        let (from, to) = if surplus > 0 { (Term::Picked, Term::CountSuspect) } else { (Term::Available, Term::Picked) };
        entries.push(MovementKind::StatusChange, surplus.abs(), Some(from), Some(to));
        *terms.entry(from).or_default() -= surplus.abs();
        *terms.entry(to).or_default() += surplus.abs();
        let (reserved, open_takes) = (self.evidence.reserved(), self.evidence.open_takes());
        let available = terms.entry(Term::Available).or_default();
        *available -= reserved + open_takes;
        if *available < 0 || reserved < 0 {
            return Err(Rejected::new(
                "promises-exceed-stock",
                format!(
                    "orders hold {} units more than there are: cancel some of them, or count goods in, and audit again",
                    available.unsigned_abs()
                ),
            ));
        }
        terms.insert(Term::Reserved, reserved);
        terms.insert(Term::OpenTakes, open_takes);
        terms.insert(Term::OnHand, terms.values().sum());
        terms.insert(Term::Incoming, level.get(Term::Incoming).max(0));
        let movements = entries.movements;
        let appear = terms.get(&Term::OnHand).is_some_and(|units| *units != level.get(Term::OnHand))
            || movements.iter().any(|movement| movement.kind == MovementKind::CountAdjust);
        if appear && repair.liable.is_none() {
            return Err(Rejected::new(
                "liable-missing",
                "units appear in the books or vanish from them: say who pays, `liable`",
            ));
        }
        let stock_arrived = terms.get(&Term::Available).is_some_and(|units| *units > level.get(Term::Available));
        let level = Level(Term::ALL.into_iter().map(|term| (term, terms.get(&term).copied().unwrap_or(0))).collect());
        let drifted = self.findings.iter().filter_map(|finding| Some((finding.bin.clone()?, finding.evidence)));
        Ok(Restored { level, bins: drifted.collect(), movements, stock_arrived })
    }
}

/// Units by what movements can tell apart: all promised ones as available.
fn goods(units: impl Fn(Term) -> i64) -> BTreeMap<Term, i64> {
    let promised = (Term::Available, PROMISED.iter().map(|term| units(*term)).sum());
    let moved = MOVED.into_iter().filter(|term| *term != Term::OnHand).map(|term| (term, units(term)));
    moved.chain([promised]).collect()
}

/// Movements of a repair.
struct Entries<'a> {
    movements: Vec<Movement>,
    drift: &'a Drift,
    repair: &'a Repair,
    audit: &'a AuditId,
}

impl Entries<'_> {
    fn push(&mut self, kind: MovementKind, units: i64, from: Option<Term>, to: Option<Term>) {
        let mut units = units;
        let lot = self.drift.level.lot.as_ref();
        let goods =
            Goods { lot: lot.map(|lot| lot.code.clone()), expiry: lot.and_then(|lot| lot.expiry), ..Goods::default() };
        while units > 0 {
            let quantity = u32::try_from(units).unwrap_or(u32::MAX);
            units -= i64::from(quantity);
            self.movements.push(Movement {
                goods: goods.clone(),
                actor: Some(self.repair.actor.clone()),
                liable: self.repair.liable,
                reason: Some("stock audit".to_owned()),
                ..Movement::new(kind, quantity, from, to, self.audit.as_str(), self.repair.at)
            });
        }
    }

    /// What turns one stock into another, with as few units coming or going as can be.
    fn between(&mut self, before: &BTreeMap<Term, i64>, after: &BTreeMap<Term, i64>) {
        let mut rest: BTreeMap<Term, i64> =
            after.iter().map(|(term, units)| (*term, units - before.get(term).copied().unwrap_or(0))).collect();
        while let (Some((from, gone)), Some((to, come))) =
            (rest.iter().find(|(_, units)| **units < 0), rest.iter().find(|(_, units)| **units > 0))
        {
            let (from, to, units) = (*from, *to, (-gone).min(*come));
            self.push(MovementKind::StatusChange, units, Some(from), Some(to));
            *rest.entry(from).or_default() += units;
            *rest.entry(to).or_default() -= units;
        }
        for (term, units) in rest {
            match units {
                0 => {}
                come @ 1.. => self.push(MovementKind::CountAdjust, come, None, Some(term)),
                gone => self.push(MovementKind::CountAdjust, -gone, Some(term), None),
            }
        }
    }
}
