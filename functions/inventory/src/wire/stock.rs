//! Receipts, adjustments, levels, the ledger.

use domain::aggregate::Actor;
use domain::shortage::ShortTask;
use domain::stock::{Bins, Condition, Level, LevelId, LiableParty, Lot, Movement, MovementKind, Term};
use domain::{LocationId, ReceiptId, Sku};
use jiff::civil::Date;
use platform::items::Receipt;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// The physical side of goods that come in or are corrected.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Goods {
    /// Bin; `MAIN` unless given.
    #[serde(default)]
    pub bin: Option<String>,
    /// Lot (batch): needed where the item is kept by lot.
    #[serde(default)]
    pub lot: Option<String>,
    /// Expiry date, the last good day; of a lot that is known it may be left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub expiry: Option<Date>,
    /// Serial number, for a quantity of one.
    #[serde(default)]
    pub serial: Option<String>,
    /// Condition: `new` goods can be sold, `opened` ones wait for inspection, `damaged` ones are blocked.
    #[serde(default)]
    pub condition: Condition,
}

impl From<Goods> for domain::stock::Goods {
    fn from(goods: Goods) -> Self {
        let Goods { bin, lot, expiry, serial, condition } = goods;
        Self { bin: bin.unwrap_or_else(|| Self::default().bin), lot, expiry, serial, condition }
    }
}

/// Goods that came in.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReceipt {
    /// Where.
    pub location: LocationId,
    /// The item.
    pub sku: Sku,
    /// Units, 1 to 100000.
    #[schema(minimum = 1, maximum = 100_000)]
    pub quantity: u32,
    /// Bin, lot, expiry, serial, condition.
    #[serde(default)]
    #[schema(inline)]
    pub goods: Goods,
    /// Who counted them.
    pub actor: Actor,
    /// What the paper says: delivery note, purchase order.
    #[serde(default)]
    pub reference: Option<String>,
}

/// Units that were carried from one bin to another.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMove {
    /// Where.
    pub location: LocationId,
    /// The item.
    pub sku: Sku,
    /// Code of the lot, where the item is kept by lot.
    #[serde(default)]
    pub lot: Option<String>,
    /// Units, 1 to 100000.
    #[schema(minimum = 1, maximum = 100_000)]
    pub quantity: u32,
    /// The bin they were in; `MAIN` unless given: what was received without a bin.
    #[serde(default)]
    pub from_bin: Option<String>,
    /// The bin they are in now.
    pub to_bin: String,
    /// Who carried them.
    pub actor: Actor,
}

/// Kind of adjustment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AdjustmentKind {
    /// Something else was counted than was on record.
    #[default]
    CountAdjust,
    /// Goods are lost or destroyed: only takes away.
    WriteOff,
}

impl From<AdjustmentKind> for MovementKind {
    fn from(kind: AdjustmentKind) -> Self {
        match kind {
            AdjustmentKind::CountAdjust => Self::CountAdjust,
            AdjustmentKind::WriteOff => Self::WriteOff,
        }
    }
}

/// A correction of what is on record.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdjustment {
    /// Where.
    pub location: LocationId,
    /// The item.
    pub sku: Sku,
    /// Units added (positive) or taken away (negative), up to 100000; not 0.
    #[schema(minimum = -100_000, maximum = 100_000)]
    pub quantity: i64,
    /// Kind; `COUNT_ADJUST` unless given.
    #[serde(rename = "type", default)]
    #[schema(inline)]
    pub kind: AdjustmentKind,
    /// In words.
    pub reason: String,
    /// Who pays.
    pub liable: LiableParty,
    /// Bin, lot, expiry, serial, and the condition that says which stock is corrected.
    #[serde(default)]
    #[schema(inline)]
    pub goods: Goods,
    /// Who did it.
    pub actor: Actor,
    /// What the paper says: count sheet, damage report.
    #[serde(default)]
    pub reference: Option<String>,
    /// The goods are gone although orders are promised them: where too little is free, pick tasks lose units that are not scanned
    /// yet, and their orders are served from elsewhere or wait. Only with a negative quantity, and for new goods.
    #[serde(default)]
    pub shortage: bool,
}

/// A receipt or adjustment that is durable.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReceiptView {
    /// Its id.
    pub id: ReceiptId,
    /// The item.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// What moved.
    pub movement: Movement,
    /// What the paper says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// An adjustment that is durable.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AdjustmentView {
    /// It.
    #[serde(flatten)]
    pub receipt: ReceiptView,
    /// Pick tasks that lost units for it, since it is a shortage.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub short_picked: Vec<ShortTask>,
}

impl From<Receipt> for AdjustmentView {
    fn from(receipt: Receipt) -> Self {
        Self { receipt: receipt.into(), short_picked: Vec::new() }
    }
}

impl From<Receipt> for ReceiptView {
    fn from(receipt: Receipt) -> Self {
        let Receipt { id, sku, location, movement, reference } = receipt;
        Self { id, sku, location, movement, reference }
    }
}

/// Every term of the stock equation at one location (and of one lot, where the item is kept by lot), in units:
/// `on_hand = available + open_takes + reserved + picked + blocked`; `incoming` lies outside.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct LevelView {
    pub location: LocationId,
    /// Code and expiry date, where the item is kept by lot: a location has one level for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
    /// How often this level was changed.
    pub version: u64,
    /// Units by bin, together `on_hand`: `MAIN` is what lies in no named bin, `STAGED` what is picked. One below zero was picked
    /// from without telling: count it.
    pub bins: BTreeMap<String, i64>,
    /// Bins that wait to be counted: nobody is sent there.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub frozen_bins: BTreeSet<String>,
    pub on_hand: i64,
    pub available: i64,
    pub open_takes: i64,
    pub reserved: i64,
    pub picked: i64,
    /// The eight terms below, from `receiving` to `compliance`, together.
    pub blocked: i64,
    pub receiving: i64,
    pub damaged: i64,
    pub quarantine: i64,
    pub inspection: i64,
    pub expired: i64,
    pub recalled: i64,
    pub count_suspect: i64,
    pub compliance: i64,
    pub incoming: i64,
}

impl LevelView {
    pub(crate) fn new(id: LevelId, version: u64, (level, bins): (&Level, &Bins)) -> Self {
        let of = |term| level.get(term);
        let blocked = [
            Term::Receiving,
            Term::Damaged,
            Term::Quarantine,
            Term::Inspection,
            Term::Expired,
            Term::Recalled,
            Term::CountSuspect,
            Term::Compliance,
        ];
        Self {
            location: id.location,
            lot: id.lot,
            version,
            bins: bins.all(level),
            frozen_bins: bins.frozen().clone(),
            on_hand: of(Term::OnHand),
            available: of(Term::Available),
            open_takes: of(Term::OpenTakes),
            reserved: of(Term::Reserved),
            picked: of(Term::Picked),
            blocked: blocked.into_iter().map(of).sum(),
            receiving: of(Term::Receiving),
            damaged: of(Term::Damaged),
            quarantine: of(Term::Quarantine),
            inspection: of(Term::Inspection),
            expired: of(Term::Expired),
            recalled: of(Term::Recalled),
            count_suspect: of(Term::CountSuspect),
            compliance: of(Term::Compliance),
            incoming: of(Term::Incoming),
        }
    }
}

/// The stock of one item.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StockView {
    /// The item.
    pub sku: Sku,
    /// Units that shops are told of: available at all locations and not past their last day, less the safety stock, less what
    /// waiting orders need; never below zero. A channel may be told of fewer, by how long goods must keep for it: see
    /// `GET /v1/sellable-stock/{sku}`. A kit has no levels: it is computed from its components'.
    pub sellable: u64,
    /// Units that are never published.
    pub safety_stock: u32,
    /// Where it is; a location that never had the item is left out.
    pub levels: Vec<LevelView>,
}

/// One entry of the ledger of goods.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MovementView {
    /// The item.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// What moved.
    #[serde(flatten)]
    pub movement: Movement,
}
