//! What comes in and goes out over HTTP.

use domain::aggregate::{Actor, History};
use domain::catalogue::Item;
use domain::count_task::{Count, CountState, CountTask};
use domain::pick_task::{Parcel, PickTask, PickTaskState, Scan};
use domain::receiving::check_bin;
use domain::stock::{Condition, DEFAULT_BIN, Goods, LevelId, LiableParty, Lot, STAGED_BIN};
use domain::{CountTaskId, LocationId, OrderId, PickTaskId, Sku};
use jiff::Timestamp;
use jiff::civil::Date;
use platform::Problem;
use platform::items::StoredLevel;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Longest badge, station, barcode, bin, lot or serial number, characters.
pub const TEXT_CHARS_MAX: usize = 64;

/// Who claims the task.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// Person and station.
    pub actor: Actor,
}

/// A scan.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanRequest {
    /// What the scanner read: a barcode of the item or its SKU.
    #[schema(example = "3800000000017")]
    pub barcode: String,
    /// Units that the scan stands for, 1 unless said otherwise.
    #[serde(default = "one")]
    #[schema(default = 1, minimum = 1)]
    pub quantity: u32,
    /// Person and station.
    pub actor: Actor,
    /// Bin the units were taken from, `MAIN` unless said otherwise.
    #[serde(default)]
    pub bin: Option<String>,
    /// Lot: needed where the line names one, and then that one.
    #[serde(default)]
    pub lot: Option<String>,
    /// Expiry date.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub expiry: Option<Date>,
    /// Serial number, of one unit: needed where the line says so, and then one that is in stock here.
    #[serde(default)]
    pub serial: Option<String>,
}

fn one() -> u32 {
    1
}

/// Units that are not where they should be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShortPickRequest {
    /// The item.
    pub sku: Sku,
    /// The lot, where several of the item are to be picked.
    #[serde(default)]
    pub lot: Option<String>,
    /// Units that were not found.
    #[schema(minimum = 1)]
    pub quantity: u32,
    /// The bin where they should be: named, it is frozen until it is counted.
    #[serde(default)]
    pub bin: Option<String>,
    /// Person and station.
    pub actor: Actor,
}

/// A packed parcel.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PackRequest {
    /// The parcel, as weighed and measured.
    pub parcel: Parcel,
    /// Person and station.
    pub actor: Actor,
}

/// Every scanned unit of a cancelled order, or the surplus of kits that lack a component, lies in its bin again.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutBackRequest {
    /// Person and station.
    pub actor: Actor,
}

/// A count to be done.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCountTask {
    /// The item.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// Code of the lot, where the item is kept by lot.
    #[serde(default)]
    pub lot: Option<String>,
    /// Only this bin; everything that is not picked without.
    #[serde(default)]
    pub bin: Option<String>,
    /// Why, in up to 64 characters.
    pub reason: String,
}

/// Who counts, or cancels.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountsRequest {
    /// Person and station.
    pub actor: Actor,
}

/// What was counted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountedRequest {
    /// Units on the shelf: all but those that are picked; of a count of one bin, the units in it.
    pub units: u32,
    /// Person and station.
    pub actor: Actor,
}

/// What a person says of a count.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewRequest {
    /// Whether the record becomes what was counted; otherwise it is counted again.
    pub approve: bool,
    /// Who pays for the difference; needed to approve.
    #[serde(default)]
    pub liable: Option<LiableParty>,
    /// Why, in up to 64 characters.
    pub reason: String,
    /// Person and station.
    pub actor: Actor,
}

/// A count task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CountTaskView {
    /// Its id.
    pub id: CountTaskId,
    /// The item.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// The lot, where the item is kept by lot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
    /// The bin to count; the whole shelf without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bin: Option<String>,
    /// Why: the pick task that did not find its units, or a person's words.
    pub cause: String,
    /// How far it is.
    pub state: CountState,
    /// Badge of the person who counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// What was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    /// Units found too many (positive) or missing (negative).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<i64>,
    /// When it was requested, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Timeline.
    pub history: History,
}

impl From<CountTask> for CountTaskView {
    fn from(task: CountTask) -> Self {
        let CountTask { id, level, bin, suspect: _, cause, state, assigned_to, count, created_at, history } = task;
        let LevelId { sku, location, lot } = level;
        let difference = count.as_ref().map(Count::difference);
        Self { id, sku, location, lot, bin, cause, state, assigned_to, count, difference, created_at, history }
    }
}

/// One item to pick.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskLine {
    /// The item.
    pub sku: Sku,
    /// Its name; only in the answers to a claim and for one task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Units on record by bin, where to pick them: `MAIN` is what lies in no named bin, and bins that are to be counted are left
    /// out. Only in the answers to a claim and for one task.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bins: BTreeMap<String, i64>,
    /// The lot to pick, where the item is kept by lot: a scan of another is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
    /// Whether each unit is scanned with its serial number.
    pub serial_tracked: bool,
    /// Barcodes of one unit; the SKU can be scanned too.
    pub barcodes: Vec<String>,
    /// Units to pick.
    pub quantity: u32,
    /// Units scanned.
    pub picked: u32,
    /// Units that were not found.
    pub short: u32,
    /// Units left to scan.
    pub remaining: u32,
    /// Units scanned for a kit that lacks another component: put them back, then say so by put-back.
    pub surplus: u32,
}

/// A pick task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Task {
    /// Its id.
    pub id: PickTaskId,
    /// The order.
    pub order: OrderId,
    /// Number of the fulfilment order within the order.
    pub number: u32,
    /// Where it is picked.
    pub location: LocationId,
    /// How far it is.
    pub state: PickTaskState,
    /// What to pick.
    pub lines: Vec<TaskLine>,
    /// Badge of the person who claimed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// The parcel, once packed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parcel: Option<Parcel>,
    /// When it was created, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Timeline.
    pub history: History,
}

impl From<&PickTask> for Task {
    fn from(task: &PickTask) -> Self {
        let lines = task.lines.iter().map(|line| TaskLine {
            sku: line.sku.clone(),
            lot: line.lot.clone(),
            serial_tracked: line.serial_tracked,
            name: None,
            bins: BTreeMap::new(),
            barcodes: line.barcodes.clone(),
            quantity: line.quantity(),
            picked: line.picked(),
            short: line.short,
            remaining: line.remaining(),
            surplus: line.surplus(),
        });
        Self {
            id: task.id.clone(),
            order: task.order.clone(),
            number: task.number,
            location: task.location.clone(),
            state: task.state,
            lines: lines.collect(),
            assigned_to: task.assigned_to.clone(),
            parcel: task.parcel,
            created_at: task.created_at,
            history: task.history.clone(),
        }
    }
}

impl Task {
    /// Adds the items' names, and where their units are.
    #[must_use]
    pub fn named(mut self, items: &BTreeMap<Sku, Item>, levels: &BTreeMap<LevelId, StoredLevel>) -> Self {
        for line in &mut self.lines {
            line.name = items.get(&line.sku).map(|item| item.name.clone());
            let (sku, location, lot) = (line.sku.clone(), self.location.clone(), line.lot.clone());
            let Some(stored) = levels.get(&LevelId { sku, location, lot }) else { continue };
            let bins = stored.bins();
            line.bins = bins.all(&stored.level());
            line.bins.retain(|bin, units| *units > 0 && bin != STAGED_BIN && !bins.frozen().contains(bin));
        }
        self
    }
}

impl ScanRequest {
    /// The scan and who made it.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn read(self) -> Result<(Scan, Actor), Problem> {
        let actor = actor(self.actor)?;
        let barcode = text("/barcode", self.barcode)?;
        let quantity = units("/quantity", self.quantity)?;
        let optional = |pointer: &str, value: Option<String>| value.map(|value| text(pointer, value)).transpose();
        let goods = Goods {
            bin: bin(self.bin)?.unwrap_or_else(|| DEFAULT_BIN.to_owned()),
            lot: optional("/lot", self.lot)?,
            expiry: self.expiry,
            serial: optional("/serial", self.serial)?,
            condition: Condition::New,
        };
        if goods.serial.is_some() && quantity != 1 {
            return Err(Problem::invalid("/quantity", "a serial number is of one unit: scan each by itself"));
        }
        Ok((Scan { barcode, quantity, goods }, actor))
    }
}

impl PackRequest {
    /// The parcel and who packed it.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn read(self) -> Result<(Parcel, Actor), Problem> {
        let actor = actor(self.actor)?;
        self.parcel.check().map_err(|error| Problem::invalid(format!("/parcel/{}", error.field), error.to_string()))?;
        Ok((self.parcel, actor))
    }
}

/// Person and station, both named.
///
/// # Errors
/// 400 naming the field.
pub fn actor(actor: Actor) -> Result<Actor, Problem> {
    Ok(Actor { person: text("/actor/person", actor.person)?, station: text("/actor/station", actor.station)? })
}

/// A bin's name.
///
/// # Errors
/// 400 at `/bin`.
pub fn bin(bin: Option<String>) -> Result<Option<String>, Problem> {
    let bin = bin.map(|bin| text("/bin", bin)).transpose()?;
    if let Some(bin) = &bin {
        check_bin("/bin", bin).map_err(|rejected| Problem::invalid("/bin", rejected.detail))?;
    }
    Ok(bin)
}

/// A number of units, at least one.
///
/// # Errors
/// 400 naming the field.
pub fn units(pointer: &str, units: u32) -> Result<u32, Problem> {
    if units == 0 {
        return Err(Problem::invalid(pointer, "a quantity is at least 1"));
    }
    Ok(units)
}

/// A short text as a scanner or a badge reader sends it, without the space around it.
///
/// # Errors
/// 400 naming the field.
pub fn text(pointer: &str, text: String) -> Result<String, Problem> {
    let trimmed = text.trim();
    let bad = trimmed.is_empty() || trimmed.chars().count() > TEXT_CHARS_MAX || trimmed.chars().any(char::is_control);
    if bad {
        return Err(Problem::invalid(pointer, format!("this is a printable text of 1 to {TEXT_CHARS_MAX} characters")));
    }
    Ok(if trimmed.len() == text.len() { text } else { trimmed.to_owned() })
}
