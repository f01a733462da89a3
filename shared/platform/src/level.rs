//! The expression that changes an inventory level: guarded arithmetic, in one place.

use crate::failure::Failure;
use crate::settings::Table;
use crate::store::{Item, Key, Outbox, json};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::audit::Restored;
use domain::seeded_bugs::{SeededBug, is_on};
use domain::stock::{Level, LevelId, Lot, Movement, StockChange, Take, Term};
use domain::{LocationId, MerchantId, MessageKind, Sku};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Movements that a write embeds in the level; `facts` copies them to the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MovementOutbox {
    /// The operation: part of the ledger entries' key.
    pub operation: String,
    /// The movements.
    pub movements: Vec<Movement>,
}

/// The key of an inventory level.
#[must_use]
pub fn level_key(merchant: &MerchantId, level: &LevelId) -> Key {
    let LevelId { sku, location, lot } = level;
    let sk = match lot {
        None => format!("level#{location}"),
        Some(lot) => format!("level#{location}#{}", lot.sort_key()),
    };
    Key::new(Table::Stock, format!("{merchant}#{sku}"), sk)
}

/// Reads the sort key of a level.
#[must_use]
pub fn level_of(sku: &Sku, sk: &str) -> Option<LevelId> {
    let rest = sk.strip_prefix("level#")?;
    let (location, lot) = match rest.split_once('#') {
        None => (rest, None),
        Some((location, lot)) => (location, Some(Lot::of_sort_key(lot)?)),
    };
    Some(LevelId { sku: sku.clone(), location: LocationId::parse(location).ok()?, lot })
}

/// An `UpdateItem`, in parts.
pub(crate) struct Update {
    pub(crate) expression: String,
    pub(crate) condition: Option<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: Item,
}

/// What a write does to a take that is kept in the level.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TakeWrite<'a> {
    /// Nothing.
    None,
    /// It is opened, unless one of this name is.
    Open(&'a Take),
    /// It is closed, if it is open.
    Close,
}

/// The attribute of a level whose lot is recalled.
pub(crate) const RECALLED: &str = "lot_recalled";

/// The attribute of the units in a named bin.
pub(crate) const BIN_PREFIX: &str = "bin:";

/// The attribute of a bin that is frozen.
pub(crate) const FROZEN_PREFIX: &str = "frozen:";

/// The attribute of an open take.
pub(crate) const TAKE_PREFIX: &str = "take:";

/// The update that applies `change`, if no term becomes negative. `operation` is the take's name where there is one.
pub(crate) fn update(
    merchant: &MerchantId,
    change: &StockChange,
    operation: &str,
    take: TakeWrite<'_>,
) -> Result<Update, Failure> {
    if !change.is_balanced() {
        return Err(Failure::bug(format!("a stock change that breaks the equation: {:?}", change.deltas)));
    }
    let mut names = HashMap::from([("#version".to_owned(), "version".to_owned())]);
    let mut values = HashMap::from([(":one".to_owned(), AttributeValue::N("1".to_owned()))]);
    let mut adds = vec!["#version :one".to_owned()];
    let mut guards = Vec::new();
    for (index, (term, delta)) in change.deltas.iter().enumerate() {
        names.insert(format!("#t{index}"), term.attribute().to_owned());
        values.insert(format!(":d{index}"), AttributeValue::N(delta.to_string()));
        adds.push(format!("#t{index} :d{index}"));
        let unguarded = is_on(SeededBug::TakenWithoutCondition) && matches!(take, TakeWrite::Open(_));
        if *delta < 0 && !unguarded {
            values.insert(format!(":g{index}"), AttributeValue::N((-delta).to_string()));
            guards.push(format!("#t{index} >= :g{index}"));
        }
    }
    for (index, (bin, delta)) in change.bins().into_iter().enumerate() {
        names.insert(format!("#b{index}"), format!("{BIN_PREFIX}{bin}"));
        values.insert(format!(":b{index}"), AttributeValue::N(delta.to_string()));
        adds.push(format!("#b{index} :b{index}"));
    }
    let mut sets = Vec::new();
    let mut removes = Vec::new();
    for (index, (bin, frozen)) in change.freezes.iter().enumerate() {
        names.insert(format!("#f{index}"), format!("{FROZEN_PREFIX}{bin}"));
        if *frozen {
            values.insert(":frozen".to_owned(), AttributeValue::Bool(true));
            sets.push(format!("#f{index} = :frozen"));
        } else {
            removes.push(format!("#f{index}"));
        }
    }
    match take {
        TakeWrite::None => {}
        TakeWrite::Open(take) => {
            values.insert(":take".to_owned(), AttributeValue::S(json(take)?));
            sets.push("#take = :take".to_owned());
            if !is_on(SeededBug::TakenWithoutName) {
                guards.push("attribute_not_exists(#take)".to_owned());
            }
        }
        TakeWrite::Close => {
            removes.push("#take".to_owned());
            guards.push("attribute_exists(#take)".to_owned());
        }
    }
    if !matches!(take, TakeWrite::None) {
        names.insert("#take".to_owned(), format!("{TAKE_PREFIX}{operation}"));
    }
    if change.recalls_lot {
        values.insert(":recalled".to_owned(), AttributeValue::Bool(true));
        sets.push(format!("{RECALLED} = :recalled"));
    }
    let follows = Follows {
        movements: &change.movements,
        arrived: change.stock_arrived.then(|| change.level()),
        sellable: change.deltas.contains_key(&Term::Available),
    };
    follows.write(merchant, operation, &mut values, &mut sets, &mut removes)?;
    let mut expression = format!("ADD {}", adds.join(", "));
    if !sets.is_empty() {
        expression.push_str(&format!(" SET {}", sets.join(", ")));
    }
    if !removes.is_empty() {
        expression.push_str(&format!(" REMOVE {}", removes.join(", ")));
    }
    let condition = (!guards.is_empty()).then(|| guards.join(" AND "));
    Ok(Update { expression, condition, names, values })
}

/// What a write of a level embeds for the readers of its stream; each write replaces what the one before embedded.
struct Follows<'a> {
    movements: &'a [Movement],
    /// The level that waiting orders may be filled from now.
    arrived: Option<LevelId>,
    /// Whether shops must hear of it.
    sellable: bool,
}

impl Follows<'_> {
    fn write(
        self,
        merchant: &MerchantId,
        operation: &str,
        values: &mut Item,
        sets: &mut Vec<String>,
        removes: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let movements = self.movements.to_vec();
        let movement = (!movements.is_empty())
            .then(|| json(&MovementOutbox { operation: operation.to_owned(), movements }))
            .transpose()?;
        let message = self.arrived.map(|LevelId { sku, location, .. }| {
            let correlation = format!("{sku}@{location}");
            MessageKind::StockArrived { sku, location }.for_merchant(merchant, correlation)
        });
        let outbox = message.map(|message| json(&Outbox { version: 0, messages: vec![message] })).transpose()?;
        // Tells `facts` that shops must hear of it, and its event filter that the other writes are of no interest.
        let sellable = self.sellable.then(|| operation.to_owned());
        for (name, value) in [("movement", movement), ("outbox", outbox), ("sellable", sellable)] {
            match value {
                Some(value) => {
                    values.insert(format!(":{name}"), AttributeValue::S(value));
                    sets.push(format!("{name} = :{name}"));
                }
                None => removes.push(name.to_owned()),
            }
        }
        Ok(())
    }
}

/// The update that sets every term to what an audit's evidence says, if the level is still at the version that the evidence
/// is of.
pub(crate) fn restore(
    merchant: &MerchantId,
    level: &LevelId,
    version: u64,
    restored: &Restored,
    operation: &str,
) -> Result<Update, Failure> {
    if !restored.level.is_sound() {
        return Err(Failure::bug(format!("a repair that breaks the equation: {:?}", restored.level)));
    }
    let mut names = HashMap::from([("#version".to_owned(), "version".to_owned())]);
    let mut values = HashMap::from([
        (":one".to_owned(), AttributeValue::N("1".to_owned())),
        (":version".to_owned(), AttributeValue::N(version.to_string())),
    ]);
    let (mut sets, mut removes) = (Vec::new(), Vec::new());
    for (index, (term, units)) in restored.level.0.iter().enumerate() {
        names.insert(format!("#t{index}"), term.attribute().to_owned());
        values.insert(format!(":u{index}"), AttributeValue::N(units.to_string()));
        sets.push(format!("#t{index} = :u{index}"));
    }
    for (index, (bin, units)) in restored.bins.iter().enumerate() {
        names.insert(format!("#b{index}"), format!("{BIN_PREFIX}{bin}"));
        values.insert(format!(":b{index}"), AttributeValue::N(units.to_string()));
        sets.push(format!("#b{index} = :b{index}"));
    }
    let arrived = restored.stock_arrived.then(|| level.clone());
    let follows = Follows { movements: &restored.movements, arrived, sellable: true };
    follows.write(merchant, operation, &mut values, &mut sets, &mut removes)?;
    let mut expression = format!("ADD #version :one SET {}", sets.join(", "));
    if !removes.is_empty() {
        expression.push_str(&format!(" REMOVE {}", removes.join(", ")));
    }
    // Evidence of a level that is gone is of version 0.
    let condition =
        if version == 0 { "attribute_not_exists(#version) OR #version = :version" } else { "#version = :version" };
    Ok(Update { expression, condition: Some(condition.to_owned()), names, values })
}

/// The terms of a level's item.
#[must_use]
pub fn read(item: &Item) -> Level {
    Level(
        Term::ALL
            .into_iter()
            .filter_map(|term| match item.get(term.attribute()) {
                Some(AttributeValue::N(units)) => units.parse().ok().map(|units| (term, units)),
                _ => None,
            })
            .collect(),
    )
}
