//! A table's keys and indexes: which partitions a write touches, and what it costs each of them.

use dynoxide::types::{
    AttributeValue, GlobalSecondaryIndex, Item, KeySchemaElement, KeyType, ProjectionType, item_size,
    table_write_capacity_units, write_capacity_units,
};
use dynoxide::{DynoxideError, TableMetadata};
use serde::de::DeserializeOwned;

use super::budget::{Charge, Partition};
use crate::meter::Units;

/// Base writes of a transaction cost double; those of indexes do not.
pub(super) const TRANSACTION_FACTOR: f64 = 2.0;

/// An item within its table, in a form that can be compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ItemKey {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

#[derive(Debug)]
struct Keys {
    hash: Vec<String>,
    range: Vec<String>,
}

impl Keys {
    fn new(schema: &[KeySchemaElement]) -> Self {
        let named = |kind: KeyType| {
            schema.iter().filter(|e| e.key_type == kind).map(|e| e.attribute_name.clone()).collect::<Vec<_>>()
        };
        Self { hash: named(KeyType::HASH), range: named(KeyType::RANGE) }
    }

    fn of(&self, item: &Item) -> Option<ItemKey> {
        Some(ItemKey { pk: joined(&self.hash, item)?, sk: joined(&self.range, item)? })
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.hash.iter().chain(&self.range)
    }
}

/// One global secondary index.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) name: String,
    keys: Keys,
    /// Attributes beyond the keys; `None` for all.
    projected: Option<Vec<String>>,
}

/// One table.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(super) table: String,
    keys: Keys,
    pub(super) indexes: Vec<Index>,
}

impl Shape {
    pub(crate) fn of(table: &TableMetadata) -> Result<Self, DynoxideError> {
        let indexes: Vec<GlobalSecondaryIndex> =
            table.gsi_definitions.as_deref().map(parsed).transpose()?.unwrap_or_default();
        let index = |index: GlobalSecondaryIndex| Index {
            name: index.index_name,
            keys: Keys::new(&index.key_schema),
            projected: match index.projection.projection_type {
                Some(ProjectionType::ALL) | None => None,
                Some(ProjectionType::KEYS_ONLY) => Some(Vec::new()),
                Some(ProjectionType::INCLUDE) => Some(index.projection.non_key_attributes.unwrap_or_default()),
            },
        };
        Ok(Self {
            table: table.table_name.clone(),
            keys: Keys::new(&parsed::<Vec<KeySchemaElement>>(&table.key_schema)?),
            indexes: indexes.into_iter().map(index).collect(),
        })
    }

    /// The key of an item, or of its key attributes alone; `None` if they are not all there.
    pub(crate) fn key(&self, item: &Item) -> Option<ItemKey> {
        self.keys.of(item)
    }

    pub(super) fn key_attributes(&self, item: &Item) -> Item {
        self.keys.names().filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect()
    }

    /// The name of the partition key of the table, or of one of its indexes; `None` where it has several parts or
    /// there is no such index.
    pub(super) fn partition_attribute(&self, index: Option<&str>) -> Option<&str> {
        let keys = match index {
            None => &self.keys,
            Some(name) => &self.index(name)?.keys,
        };
        match keys.hash.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    pub(super) fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name)
    }

    /// The table's own partition that holds `key`.
    pub(super) fn partition(&self, key: &ItemKey) -> Partition {
        Partition { table: self.table.clone(), index: None, key: key.pk.clone() }
    }

    /// The cost of replacing `old` by `new` at the table itself.
    pub(super) fn base_charge(&self, key: &ItemKey, old: Option<&Item>, new: Option<&Item>, factor: f64) -> Charge {
        let write = factor * table_write_capacity_units(old.map(item_size), new.map(item_size));
        Charge { partition: self.partition(key), units: Units { read: 0.0, write } }
    }

    /// The cost at every index: nothing where its entry stays as it is, two writes where its key changes.
    pub(super) fn index_charges(&self, old: Option<&Item>, new: Option<&Item>) -> Vec<Charge> {
        let mut charges = Vec::new();
        for index in &self.indexes {
            let mut charge = |key: ItemKey, write: f64| {
                let partition = Partition { table: self.table.clone(), index: Some(index.name.clone()), key: key.pk };
                charges.push(Charge { partition, units: Units { read: 0.0, write } });
            };
            let entry = |item: &Item| {
                let key = index.keys.of(item)?;
                let entry = self.projected(index, item);
                Some((key, write_capacity_units(item_size(&entry)), entry))
            };
            match (old.and_then(entry), new.and_then(entry)) {
                (None, None) => {}
                (Some((key, units, _)), None) | (None, Some((key, units, _))) => charge(key, units),
                (Some((old_key, old_units, old)), Some((new_key, new_units, new))) if old_key == new_key => {
                    if old != new {
                        charge(new_key, old_units.max(new_units));
                    }
                }
                (Some((old_key, old_units, _)), Some((new_key, new_units, _))) => {
                    charge(old_key, old_units);
                    charge(new_key, new_units);
                }
            }
        }
        charges
    }

    /// What the index stores of an item.
    fn projected(&self, index: &Index, item: &Item) -> Item {
        let Some(more) = &index.projected else { return item.clone() };
        let names = self.keys.names().chain(index.keys.names()).chain(more);
        names.filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect()
    }
}

impl Index {
    /// The partition of this index that an item is in, if it is in one.
    pub(super) fn partition_of(&self, item: &Item) -> Option<String> {
        self.keys.of(item).map(|key| key.pk)
    }
}

fn parsed<T: DeserializeOwned>(json: &str) -> Result<T, DynoxideError> {
    serde_json::from_str(json)
        .map_err(|error| DynoxideError::InternalServerError(format!("A table's definition cannot be read: {error}")))
}

fn joined(names: &[String], item: &Item) -> Option<String> {
    let parts: Option<Vec<String>> = names.iter().map(|name| key_text(item.get(name)?)).collect();
    Some(parts?.join("\u{0}"))
}

/// A key's value as text; types are fixed by the table, so that two values never look the same.
pub(super) fn key_text(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::S(text) => Some(text.clone()),
        AttributeValue::N(_) | AttributeValue::B(_) => value.to_key_string(),
        _ => None,
    }
}
