//! An audit under way: some items at a time, each suspect level looked at twice.
//!
//! | State ↓ / look → | found nothing | drifts | a suspect again, same amount | another amount, or none | changed meanwhile |
//! |---|---|---|---|---|---|
//! | `running`, no suspects | next items | suspects | – | – | suspects |
//! | `running`, suspects | – | – | reported | suspect anew, or proven | suspect still; after [`TRIES_MAX`] looks not judged |
//! | `running`, no items left, no suspects | `done` | | | | |
//! | `done` | no-op | | | | |

use super::{Drift, Finding, Repair};
use crate::aggregate::{Decision, Rejected};
use crate::ids::{AuditId, MerchantId, Sku};
use crate::stock::LevelId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Least time between two looks at a suspect: past any usual lag of an index or a stream.
pub const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// How long an audit is kept.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Most drifts that one audit reports: an item has a size.
pub const DRIFTS_MAX: usize = 40;
/// Most levels that it names as not judged.
const NOT_JUDGED_MAX: usize = 50;
/// Looks at a level that changes all the time.
const TRIES_MAX: u32 = 5;

/// Why it was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum AuditCause {
    Requested,
    Scheduled,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum AuditState {
    Running,
    Done,
}

/// A level to be looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// The level.
    pub level: LevelId,
    /// What the last look found; nothing when it changed meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Looks so far.
    pub looks: u32,
}

/// A level about which nothing was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotJudged {
    /// The level.
    #[schema(value_type = Object)]
    pub level: LevelId,
    /// Why.
    pub reason: String,
}

/// An audit of a merchant's stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockAudit {
    /// Its id.
    pub id: AuditId,
    /// Why it was begun.
    pub cause: AuditCause,
    /// The items; none: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skus: Vec<Sku>,
    /// How far it is.
    pub state: AuditState,
    /// When it was begun, UTC.
    pub started_at: Timestamp,
    /// When it ended, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// The item after which it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Sku>,
    /// Whether every item was looked at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all_seen: bool,
    /// Levels looked at so far.
    pub levels: u32,
    /// Levels to be looked at again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspects: Vec<Suspect>,
    /// When the suspects were looked at, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// What is wrong: at most [`DRIFTS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drifts: Vec<Drift>,
    /// Drifts beyond those.
    #[serde(default)]
    pub more_drifts: u32,
    /// Levels about which nothing was proven: the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_judged: Vec<NotJudged>,
    /// How many those are.
    #[serde(default)]
    pub not_judged_total: u32,
    /// Unix seconds after which DynamoDB may forget it.
    pub expires_at: i64,
}

/// What a look found of one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is what the evidence says.
    Proven,
    /// It is not.
    Drift(Box<Drift>),
    /// It changed while it was looked at.
    Changed,
    /// It cannot be judged, for this reason.
    Beyond(String),
}

/// What to look at next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Items after this one (from the first).
    Items {
        /// The last item of the look before.
        after: Option<Sku>,
    },
    /// These levels again.
    Again(Vec<LevelId>),
    /// Nothing before this instant, UTC.
    Later(Timestamp),
    /// Nothing any more.
    Nothing,
}

/// A look that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Levels, with what was found.
    pub levels: Vec<(LevelId, Found)>,
    /// The last item, when there are more; of a look at items.
    pub after: Option<Sku>,
}

impl StockAudit {
    /// A new audit of `skus` (none: of every item).
    #[must_use]
    pub fn begin(id: AuditId, cause: AuditCause, skus: Vec<Sku>, at: Timestamp) -> Self {
        let mut skus = skus;
        skus.sort();
        skus.dedup();
        Self {
            id,
            cause,
            skus,
            state: AuditState::Running,
            started_at: at,
            finished_at: None,
            after: None,
            all_seen: false,
            levels: 0,
            suspects: Vec::new(),
            looked_at: None,
            drifts: Vec::new(),
            more_drifts: 0,
            not_judged: Vec::new(),
            not_judged_total: 0,
            expires_at: (at + KEPT_FOR).as_second(),
        }
    }

    /// The merchant.
    #[must_use]
    pub fn merchant(&self) -> MerchantId {
        self.id.merchant()
    }

    /// What to look at next.
    #[must_use]
    pub fn next_look(&self, at: Timestamp) -> Look {
        if self.state == AuditState::Done {
            return Look::Nothing;
        }
        if self.suspects.is_empty() {
            return Look::Items { after: self.after.clone() };
        }
        match self.looked_at.map(|looked| looked + AGAIN_AFTER).filter(|again| *again > at) {
            Some(again) => Look::Later(again),
            None => Look::Again(self.suspects.iter().map(|suspect| suspect.level.clone()).collect()),
        }
    }

    /// Takes in a look. Gives the drifts that are proven by it.
    #[must_use]
    pub fn looked(&self, looked: Looked, at: Timestamp) -> (Decision<Self>, Vec<Drift>) {
        let mut next = self.clone();
        if self.state == AuditState::Done {
            return (Decision::of(next), Vec::new());
        }
        let again = !self.suspects.is_empty();
        let mut proven = Vec::new();
        next.suspects.clear();
        next.looked_at = Some(at);
        for (level, found) in looked.levels {
            let before = self.suspects.iter().find(|suspect| suspect.level == level);
            let looks = before.map_or(0, |suspect| suspect.looks) + 1;
            if before.is_none() {
                next.levels = next.levels.saturating_add(1);
            }
            match found {
                Found::Proven => {}
                Found::Drift(drift) if before.is_some_and(|suspect| drift.agrees_with(&suspect.findings)) => {
                    proven.push(*drift);
                }
                Found::Drift(drift) if looks < TRIES_MAX => {
                    next.suspects.push(Suspect { level, findings: drift.findings, looks });
                }
                Found::Changed if looks < TRIES_MAX => {
                    next.suspects.push(Suspect { level, findings: Vec::new(), looks });
                }
                Found::Drift(_) | Found::Changed => {
                    next.set_aside(
                        level,
                        format!("it changed during each of {TRIES_MAX} looks: audit it alone, later"),
                    );
                }
                Found::Beyond(reason) => next.set_aside(level, reason),
            }
        }
        for drift in &proven {
            if next.drifts.len() < DRIFTS_MAX {
                next.drifts.push(drift.clone());
            } else {
                next.more_drifts = next.more_drifts.saturating_add(1);
            }
        }
        if !again {
            next.all_seen = looked.after.is_none();
            next.after = looked.after;
        }
        if next.all_seen && next.suspects.is_empty() {
            next.state = AuditState::Done;
            next.finished_at = Some(at);
        }
        (Decision::of(next), proven)
    }

    fn set_aside(&mut self, level: LevelId, reason: String) {
        self.not_judged_total = self.not_judged_total.saturating_add(1);
        if self.not_judged.len() < NOT_JUDGED_MAX {
            self.not_judged.push(NotJudged { level, reason });
        }
    }

    /// Notes that the drift of `level` is repaired.
    ///
    /// # Errors
    /// `no-such-drift`; `drift-repaired` when it was before.
    pub fn repaired(&self, level: &LevelId, repair: &Repair) -> Result<(Drift, Self), Rejected> {
        let mut next = self.clone();
        let Some(drift) = next.drifts.iter_mut().find(|drift| drift.level == *level) else {
            return Err(Rejected::new("no-such-drift", "the audit reports no drift of this level: see its `drifts`"));
        };
        if drift.repaired.is_some() {
            return Err(Rejected::new("drift-repaired", "this drift was repaired before: audit again to see"));
        }
        let before = drift.clone();
        drift.repaired = Some(repair.clone());
        Ok((before, next))
    }
}
