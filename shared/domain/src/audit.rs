//! The auditor: proves, level by level, the stock equation, the ledger of goods against the level, and promises against
//! orders; and says how a drift is repaired.
//!
//! | Check | What must be equal |
//! |---|---|
//! | `equation` | `on_hand`, and the sum of the other terms |
//! | `negative` | – : no term is below zero |
//! | `movements` | every term that only movements change (`on_hand`, `picked`, the blocked ones), and the movements' sum; `available + open_takes + reserved` together, since promises shift units between them without a movement |
//! | `orders` | `picked`; and `reserved` with what open takes owe it, and what unsettled orders hold |
//! | `takes` | `open_takes`, and the units of the open takes |
//! | `bins` | the units of each named bin, and the movements' sum; what is in no named bin is the rest of `on_hand` |
//!
//! **Work under way is no drift.** What an order holds of a level changes only together with the level: by one transaction,
//! or, while a take is open, by a claim that counts twice and cancels itself out (held by the order, owed by the take). So if
//! a level has the same version before and after every order was read (once each), the sums are exact, however the reading
//! mixed with the work. A level that changed meanwhile is not judged by that look. What remains is an index, a stream or a
//! batch that is late: so only what two looks, [`AGAIN_AFTER`] apart, find in the same amount is reported.

mod holdings;
mod ledger;
mod repair;
mod run;
#[cfg(test)]
mod tests;

pub use holdings::Held;
pub use ledger::Ledger;
pub use repair::{Believe, Repair, Restored};
pub use run::{
    AGAIN_AFTER, AuditCause, AuditState, DRIFTS_MAX, Found, KEPT_FOR, Look, Looked, NotJudged, StockAudit, Suspect,
};

use crate::ids::OrderId;
use crate::stock::{Bins, Level, LevelId, TakeId, Term};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// The terms that promises alone shift units between.
pub(crate) const PROMISED: [Term; 3] = [Term::Available, Term::OpenTakes, Term::Reserved];

/// The terms that nothing but movements of goods change.
pub(crate) const MOVED: [Term; 10] = [
    Term::OnHand,
    Term::Picked,
    Term::Receiving,
    Term::Damaged,
    Term::Quarantine,
    Term::Inspection,
    Term::Expired,
    Term::Recalled,
    Term::CountSuspect,
    Term::Compliance,
];

/// Which proof failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The stock equation.
    Equation,
    /// No term is negative.
    Negative,
    /// The ledger of goods.
    Movements,
    /// What orders hold.
    Orders,
    /// Open takes.
    Takes,
    /// A named bin.
    Bins,
}

/// One proof that failed: the level says one thing, the evidence another. Units.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Which proof.
    pub check: Check,
    /// The terms concerned; several are meant together.
    pub terms: Vec<Term>,
    /// The bin concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bin: Option<String>,
    /// What the level says.
    pub level: i64,
    /// What the evidence says.
    pub evidence: i64,
}

impl Finding {
    /// By how much, in which proof: what two looks must agree upon.
    fn amount(&self) -> (Check, &[Term], Option<&str>, i64) {
        (self.check, &self.terms, self.bin.as_deref(), self.level.saturating_sub(self.evidence))
    }
}

/// An order that holds units of a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Holder {
    /// The order.
    pub order: OrderId,
    /// Its version when it was read.
    pub version: u64,
    /// Units reserved for it.
    pub reserved: u32,
    /// Units picked for it.
    pub picked: u32,
}

/// An open take, and what orders have claimed of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenTake {
    /// Its name.
    #[schema(value_type = String)]
    pub take: TakeId,
    /// Its units.
    pub units: u32,
    /// Units of the orders that bear its name.
    pub claimed: u32,
}

/// What is known of a level besides itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// Σ movements.
    pub ledger: Ledger,
    /// Units that unsettled orders hold.
    pub held: Held,
    /// Who holds them: the first [`HOLDERS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Holder>,
    /// How many orders hold some.
    pub holders_total: u32,
    /// Open takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takes: Vec<OpenTake>,
}

/// Most orders named by a drift.
pub const HOLDERS_MAX: usize = 20;

impl Evidence {
    /// Counts an order in.
    pub fn add(&mut self, order: &OrderId, version: u64, held: Held) {
        if held == Held::default() {
            return;
        }
        self.held.reserved += held.reserved;
        self.held.picked += held.picked;
        self.holders_total += 1;
        if self.holders.len() < HOLDERS_MAX {
            let units = |units: i64| u32::try_from(units).unwrap_or(u32::MAX);
            let (reserved, picked) = (units(held.reserved), units(held.picked));
            self.holders.push(Holder { order: order.clone(), version, reserved, picked });
        }
    }

    /// Units that should be `reserved`: what orders hold, without what they claimed of takes that are open still.
    pub(crate) fn reserved(&self) -> i64 {
        self.held.reserved - self.takes.iter().map(|take| i64::from(take.claimed)).sum::<i64>()
    }

    /// Units that should be in `open_takes`.
    pub(crate) fn open_takes(&self) -> i64 {
        self.takes.iter().map(|take| i64::from(take.units)).sum()
    }
}

/// A level that is not what the evidence says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Drift {
    /// The level.
    #[schema(value_type = Object)]
    pub level: LevelId,
    /// The level's version that the evidence is of: a repair is made on this one or not at all.
    pub version: u64,
    /// Its terms.
    #[schema(value_type = Object)]
    pub terms: BTreeMap<Term, i64>,
    /// Which proofs failed, by how much.
    pub findings: Vec<Finding>,
    /// What speaks against it.
    pub evidence: Evidence,
    /// Set once it was repaired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<Repair>,
}

/// Every proof that fails for a level; none: it is what the evidence says.
#[must_use]
pub fn findings(level: &Level, bins: &Bins, evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut compare = |check, terms: &[Term], level: i64, evidence: i64| {
        if level != evidence {
            found.push(Finding { check, terms: terms.to_vec(), bin: None, level, evidence });
        }
    };
    let sum = |terms: &[Term]| terms.iter().map(|term| level.get(*term)).sum::<i64>();
    let parts: Vec<Term> =
        Term::ALL.into_iter().filter(|term| !matches!(term, Term::OnHand | Term::Incoming)).collect();
    compare(Check::Equation, &[Term::OnHand], level.get(Term::OnHand), sum(&parts));
    for term in Term::ALL {
        compare(Check::Negative, &[term], level.get(term).min(0), 0);
    }
    for term in MOVED {
        compare(Check::Movements, &[term], level.get(term), evidence.ledger.get(term));
    }
    let promised = PROMISED.iter().map(|term| evidence.ledger.get(*term)).sum();
    compare(Check::Movements, &PROMISED, sum(&PROMISED), promised);
    compare(Check::Orders, &[Term::Reserved], level.get(Term::Reserved), evidence.reserved());
    compare(Check::Orders, &[Term::Picked], level.get(Term::Picked), evidence.held.picked);
    compare(Check::Takes, &[Term::OpenTakes], level.get(Term::OpenTakes), evidence.open_takes());
    let of = |units: &BTreeMap<String, i64>, bin: &String| units.get(bin).copied().unwrap_or(0);
    let named: BTreeSet<&String> = bins.named().keys().chain(evidence.ledger.bins.keys()).collect();
    for bin in named {
        let (level, evidence) = (of(bins.named(), bin), of(&evidence.ledger.bins, bin));
        if level != evidence {
            found.push(Finding {
                check: Check::Bins,
                terms: vec![Term::OnHand],
                bin: Some(bin.clone()),
                level,
                evidence,
            });
        }
    }
    found
}

impl Drift {
    /// What is wrong with a level at `version`, if anything.
    #[must_use]
    pub fn of(id: LevelId, version: u64, (level, bins): (&Level, &Bins), evidence: Evidence) -> Option<Self> {
        let findings = findings(level, bins, &evidence);
        let terms = level.0.iter().filter(|(_, units)| **units != 0).map(|(term, units)| (*term, *units)).collect();
        (!findings.is_empty()).then_some(Self { level: id, version, terms, findings, evidence, repaired: None })
    }

    /// Whether two looks found the same.
    fn agrees_with(&self, earlier: &[Finding]) -> bool {
        self.findings.len() == earlier.len()
            && self.findings.iter().zip(earlier).all(|(now, before)| now.amount() == before.amount())
    }
}
