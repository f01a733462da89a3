//! The ledger of goods: what moved, where, by whom; and what was done for a merchant.

use super::{Lot, Term};
use crate::actor::Actor;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Kinds of movement in the ledger of goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)]
pub enum MovementKind {
    Receipt,
    Putaway,
    Move,
    Replenish,
    Pick,
    Unpick,
    Stage,
    Ship,
    TransferOut,
    TransferIn,
    StatusChange,
    CountAdjust,
    WriteOff,
    ReturnReceipt,
    KitBuild,
    KitUnbuild,
    Sample,
    OwnerChange,
}

/// Condition of goods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Condition {
    #[default]
    New,
    Opened,
    Damaged,
}

/// Bin of what lies where nobody said.
pub const DEFAULT_BIN: &str = "MAIN";

fn default_bin() -> String {
    DEFAULT_BIN.to_owned()
}

fn is_default_bin(bin: &String) -> bool {
    bin == DEFAULT_BIN
}

/// The physical side of goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Goods {
    /// Bin, `MAIN` unless said otherwise.
    #[serde(default = "default_bin", skip_serializing_if = "is_default_bin")]
    pub bin: String,
    /// Lot (batch).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// Expiry date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub expiry: Option<Date>,
    /// Serial number, for a quantity of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Condition.
    #[serde(default)]
    pub condition: Condition,
}

impl Default for Goods {
    fn default() -> Self {
        Self { bin: default_bin(), lot: None, expiry: None, serial: None, condition: Condition::New }
    }
}

/// Who pays for an adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum LiableParty {
    Warehouse,
    Merchant,
    Carrier,
    Supplier,
}

/// One entry of the ledger of goods: `quantity` units moved from one term of the equation to another
/// (`from` absent: they came in; `to` absent: they left; both absent: they changed their bin).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Movement {
    /// Kind.
    #[serde(rename = "type")]
    pub kind: MovementKind,
    /// Units, at least 1.
    pub quantity: u32,
    /// The term that the units left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Term>,
    /// The term that the units entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Term>,
    /// Bin, lot, expiry, serial, condition.
    #[serde(flatten)]
    pub goods: Goods,
    /// The bin they were carried to, of a `MOVE` or `PUTAWAY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_bin: Option<String>,
    /// Id of what caused it: pick task, shipment, receipt, return.
    pub cause: String,
    /// When, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Person and station, where a person did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// Who pays, for adjustments and write-offs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liable: Option<LiableParty>,
    /// Reason in words, for adjustments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Movement {
    /// A movement of ordinary goods without person: fill in the rest by struct update.
    #[must_use]
    pub fn new(
        kind: MovementKind,
        quantity: u32,
        from: Option<Term>,
        to: Option<Term>,
        cause: &str,
        at: Timestamp,
    ) -> Self {
        Self {
            kind,
            quantity,
            from,
            to,
            goods: Goods::default(),
            to_bin: None,
            cause: cause.to_owned(),
            at,
            actor: None,
            liable: None,
            reason: None,
        }
    }
}

/// What was done for a merchant: what 3PL billing and reports are computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivityFact {
    /// Activity: `pick`, `pack`, `ship`, `receive`, `return_receive`, `inspect`, …
    pub activity: String,
    /// How much.
    pub quantity: u32,
    /// Of what: `unit`, `parcel`, `label`, `line`.
    pub unit: String,
    /// Id of what caused it.
    pub cause: String,
    /// When, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Person and station, where a person did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}

impl Goods {
    /// The same goods, of `lot` where there is one.
    #[must_use]
    pub fn in_lot(mut self, lot: Option<&Lot>) -> Self {
        if let Some(lot) = lot {
            self.lot = Some(lot.code.clone());
            self.expiry = lot.expiry;
        }
        self
    }

    /// The lot, as levels are kept by it.
    #[must_use]
    pub fn of_lot(&self) -> Option<Lot> {
        self.lot.as_ref().map(|code| Lot { code: code.clone(), expiry: self.expiry })
    }
}
