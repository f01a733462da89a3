//! The expression that changes an inventory level: guarded arithmetic, in one place.

use crate::failure::Failure;
use crate::settings::Table;
use crate::store::{Item, Key, Outbox, json};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::stock::{Level, Movement, StockChange, Term};
use domain::{LocationId, MerchantId, Message, MessageKind, Sku};
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
pub fn level_key(merchant: &MerchantId, sku: &Sku, location: &LocationId) -> Key {
    Key::new(Table::Stock, format!("{merchant}#{sku}"), format!("level#{location}"))
}

/// An `UpdateItem`, in parts.
pub(crate) struct Update {
    pub(crate) expression: String,
    pub(crate) condition: Option<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: Item,
}

/// The update that applies `change`, if no term becomes negative.
pub(crate) fn update(merchant: &MerchantId, change: &StockChange, operation: &str) -> Result<Update, Failure> {
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
        if *delta < 0 {
            values.insert(format!(":g{index}"), AttributeValue::N((-delta).to_string()));
            guards.push(format!("#t{index} >= :g{index}"));
        }
    }
    let mut sets = Vec::new();
    let mut removes = Vec::new();
    let mut attribute = |name: &str, value: Option<String>| match value {
        Some(value) => {
            values.insert(format!(":{name}"), AttributeValue::S(value));
            sets.push(format!("{name} = :{name}"));
        }
        None => removes.push(name.to_owned()),
    };
    let movements = if change.movements.is_empty() {
        None
    } else {
        Some(json(&MovementOutbox { operation: operation.to_owned(), movements: change.movements.clone() })?)
    };
    attribute("movement", movements);
    attribute(
        "outbox",
        arrival(merchant, change).map(|message| json(&Outbox { version: 0, messages: vec![message] })).transpose()?,
    );
    // Tells `facts` that shops must hear of it, and its event filter that the other writes are of no interest.
    let sellable = change.deltas.contains_key(&Term::Available).then(|| operation.to_owned());
    attribute("sellable", sellable);
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

fn arrival(merchant: &MerchantId, change: &StockChange) -> Option<Message> {
    change.stock_arrived.then(|| {
        MessageKind::StockArrived { sku: change.sku.clone(), location: change.location.clone() }
            .for_merchant(merchant, format!("{}@{}", change.sku, change.location))
    })
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
