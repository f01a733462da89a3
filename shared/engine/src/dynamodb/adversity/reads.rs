//! Reads: of the latest state or of an earlier one, within their partition's units.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dynoxide::actions::batch_get_item::BatchGetItemRequest;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::query::QueryRequest;
use dynoxide::types::{AttributeValue, Item};
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde_json::{Value, json};

use super::budget::{Charge, Partition};
use super::journal::Earlier;
use super::past::{Contents, Past};
use super::refusal::{Outcome, Refusal};
use super::shape::{ItemKey, Shape, key_text};
use super::{Lag, World};
use crate::dynamodb::metered::{Answer, Request, consumed};
use crate::dynamodb::wire;
use crate::meter::{Consumed, Units};

/// The least that a read costs: what a partition must have left to be asked.
const LEAST: Units = Units { read: 0.5, write: 0.0 };

impl World<'_> {
    pub(super) fn get_item(&mut self) -> Outcome {
        let request: GetItemRequest = wire::read(self.call.body)?;
        let place = self.shape(&request.table_name)?.and_then(|shape| Some((shape.key(&request.key)?, shape)));
        let Some((key, shape)) = place else { return Ok(self.call.look(request, Database::get_item)?) };
        let partition = shape.partition(&key);
        self.readable(&partition)?;
        let lag = self.state.config.stale_reads.filter(|_| request.consistent_read != Some(true));
        let earlier = self.earlier(lag, &shape.table, |changed| *changed == key);
        let contents =
            earlier.map(|earlier| vec![Contents { shape, items: earlier.into_values().flatten().collect() }]);
        self.read(partition, contents, request, Database::get_item)
    }

    pub(super) fn query(&mut self) -> Outcome {
        let request: QueryRequest = wire::read(self.call.body)?;
        let index = request.index_name.clone();
        let place = self.shape(&request.table_name)?.and_then(|shape| {
            let attribute = shape.partition_attribute(index.as_deref())?.to_owned();
            let value = asked_for(&request, &attribute)?;
            Some((key_text(&value)?, attribute, value, shape))
        });
        let Some((key, attribute, value, shape)) = place else {
            return Ok(self.call.look(request, Database::query)?);
        };
        let partition = Partition { table: shape.table.clone(), index, key };
        self.readable(&partition)?;
        let contents = self.earlier_partition(&shape, &partition, request.consistent_read, &attribute, &value)?;
        self.read(partition, contents, request, Database::query)
    }

    /// The items of a partition as they were at some time, if that differs from now.
    fn earlier_partition(
        &mut self,
        shape: &Arc<Shape>,
        partition: &Partition,
        consistent: Option<bool>,
        attribute: &str,
        value: &AttributeValue,
    ) -> Result<Option<Vec<Contents>>, DynoxideError> {
        let index = partition.index.as_deref().and_then(|name| shape.index(name));
        let earlier = match index {
            Some(_) => self.earlier_entries(&partition.table),
            None => {
                let lag = self.state.config.stale_reads.filter(|_| consistent != Some(true));
                self.earlier(lag, &partition.table, |changed| changed.pk == partition.key)
            }
        };
        let Some(earlier) = earlier else { return Ok(None) };
        let mut items = self.partition_now(shape, partition.index.as_deref(), attribute, value)?;
        let mut differs = false;
        for (key, before) in earlier {
            let was_here = |item: &Item| match index {
                Some(index) => index.partition_of(item).as_ref() == Some(&partition.key),
                None => true,
            };
            let before = before.filter(was_here);
            differs |= items.remove(&key).is_some() || before.is_some();
            items.extend(before.map(|item| (key, item)));
        }
        Ok(differs.then(|| vec![Contents { shape: shape.clone(), items: items.into_values().collect() }]))
    }

    /// Everything that a partition holds now.
    fn partition_now(
        &self,
        shape: &Shape,
        index: Option<&str>,
        attribute: &str,
        value: &AttributeValue,
    ) -> Result<BTreeMap<ItemKey, Item>, DynoxideError> {
        let mut items = BTreeMap::new();
        let mut start = None;
        loop {
            let answer = self.db.database.query(QueryRequest {
                table_name: shape.table.clone(),
                index_name: index.map(str::to_owned),
                key_condition_expression: Some("#partition = :partition".to_owned()),
                expression_attribute_names: Some(HashMap::from([("#partition".to_owned(), attribute.to_owned())])),
                expression_attribute_values: Some(HashMap::from([(":partition".to_owned(), value.clone())])),
                exclusive_start_key: start,
                ..QueryRequest::default()
            })?;
            let page = answer.items.into_iter().flatten();
            items.extend(page.filter_map(|item| Some((shape.key(&item)?, item))));
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// Keys whose partition has no units left stay unprocessed; if all of them do, that is an error.
    pub(super) fn batch_get_item(&mut self) -> Outcome {
        let mut request: BatchGetItemRequest = wire::read(self.call.body)?;
        let mut tables: Vec<String> = request.request_items.keys().cloned().collect();
        tables.sort_unstable();
        let mut charges: Vec<Charge> = Vec::new();
        let mut exceeded = Vec::new();
        let mut unprocessed = HashMap::new();
        let mut contents = Vec::new();
        let mut differs = false;
        for table in tables {
            let Some(shape) = self.shape(&table)? else { continue };
            let Some(asked) = request.request_items.get_mut(&table) else { continue };
            let mut left = Vec::new();
            for key in std::mem::take(&mut asked.keys) {
                let Some(place) = shape.key(&key) else {
                    asked.keys.push(key);
                    continue;
                };
                let charge = Charge { partition: shape.partition(&place), units: LEAST };
                match self.within_budget(&charges, std::slice::from_ref(&charge)) {
                    Ok(()) => {
                        charges.push(charge);
                        asked.keys.push(key);
                    }
                    Err(partitions) => {
                        exceeded.extend(partitions);
                        left.push(key);
                    }
                }
            }
            let lag = self.state.config.stale_reads.filter(|_| asked.consistent_read != Some(true));
            let wanted: Vec<_> = asked.keys.iter().filter_map(|key| shape.key(key)).collect();
            let earlier = self.earlier(lag, &table, |changed| wanted.contains(changed));
            differs |= earlier.is_some();
            contents.push((shape, earlier.unwrap_or_default(), asked.keys.clone()));
            if asked.keys.is_empty() {
                request.request_items.remove(&table);
            }
            if !left.is_empty() {
                let rest = unprocessed_keys(self.call.body, &table, &left)?;
                unprocessed.insert(table, rest);
            }
        }
        if request.request_items.is_empty() && !unprocessed.is_empty() {
            exceeded.sort();
            exceeded.dedup();
            return Err(Refusal::Throttled { writes: false, exceeded });
        }
        let contents = if differs { Some(self.images(contents)?) } else { None };
        let (body, cost) = self.ask(contents, request, |database, request| {
            let mut answer = database.batch_get_item(request)?;
            answer.unprocessed_keys.extend(unprocessed);
            Ok(answer)
        })?;
        // What a table's keys cost is not told apart: they share it.
        for Consumed { name, table: units, .. } in cost {
            let keys: Vec<_> = charges.iter_mut().filter(|charge| charge.partition.table == name).collect();
            let share = 1.0 / keys.len() as f64;
            keys.into_iter().for_each(|charge| charge.units = units.share(share));
        }
        self.state.ledger.record(self.now_ms, charges);
        Ok(body)
    }

    /// The images of the keys of several tables: as they were where that is said, otherwise as they are.
    fn images(&self, tables: Vec<(Arc<Shape>, Earlier, Vec<Item>)>) -> Result<Vec<Contents>, DynoxideError> {
        let mut contents = Vec::new();
        for (shape, mut earlier, keys) in tables {
            let mut items = Vec::new();
            for key in keys {
                let before = shape.key(&key).and_then(|key| earlier.remove(&key));
                items.extend(match before {
                    Some(before) => before,
                    None => self.image(&shape.table, &key)?,
                });
            }
            contents.push(Contents { shape, items });
        }
        Ok(contents)
    }

    /// The wanted items of a table that were otherwise when this read looks; `None` if it sees the latest state.
    fn earlier(&mut self, lag: Option<Lag>, table: &str, wanted: impl Fn(&ItemKey) -> bool) -> Option<Earlier> {
        let age_ms = self.state.age_ms(lag)?;
        let then_ms = self.now_ms.saturating_sub(age_ms);
        Some(self.state.journal.as_of(then_ms, table, wanted)).filter(|earlier| !earlier.is_empty())
    }

    /// The same for an index, which each item reaches in its own time.
    fn earlier_entries(&mut self, table: &str) -> Option<Earlier> {
        let lag = self.state.config.index_lag?;
        let changed = self.state.journal.changed(self.now_ms.saturating_sub(lag.max_ms), table);
        let mut then_ms = BTreeMap::new();
        for key in changed {
            if let Some(age_ms) = self.state.age_ms(Some(lag)) {
                then_ms.insert(key, self.now_ms.saturating_sub(age_ms));
            }
        }
        Some(self.state.journal.as_of_each(table, &then_ms)).filter(|earlier| !earlier.is_empty())
    }

    fn readable(&mut self, partition: &Partition) -> Result<(), Refusal> {
        self.within_budget(&[], &[Charge { partition: partition.clone(), units: LEAST }])
            .map_err(|exceeded| Refusal::Throttled { writes: false, exceeded })
    }

    fn read<Q: Request, A: Serialize + Answer>(
        &mut self,
        partition: Partition,
        contents: Option<Vec<Contents>>,
        request: Q,
        run: impl FnOnce(&Database, Q) -> Result<A, DynoxideError>,
    ) -> Outcome {
        let (body, cost) = self.ask(contents, request, run)?;
        let mut units = Units::default();
        for consumed in cost {
            units.add(consumed.table);
            consumed.indexes.into_iter().for_each(|(_, more)| units.add(more));
        }
        self.state.ledger.record(self.now_ms, vec![Charge { partition, units }]);
        Ok(body)
    }

    /// Runs a read over the tables, or over `contents` alone.
    fn ask<Q: Request, A: Serialize + Answer>(
        &mut self,
        contents: Option<Vec<Contents>>,
        request: Q,
        run: impl FnOnce(&Database, Q) -> Result<A, DynoxideError>,
    ) -> Result<(Vec<u8>, Vec<Consumed>), DynoxideError> {
        let mut cost = Vec::new();
        let clock = self.db.clock.clone();
        let past = &mut self.state.past;
        let body = self.call.look(request, |present, request| {
            let answer = match contents {
                None => run(present, request)?,
                Some(contents) => {
                    let past = match past {
                        Some(past) => past,
                        None => past.insert(Past::new(clock)?),
                    };
                    past.read(present, &contents, |database| run(database, request))?
                }
            };
            cost = answer.consumed().into_iter().map(|capacity| consumed(capacity, false)).collect();
            Ok(answer)
        })?;
        Ok((body, cost))
    }
}

/// The value that a query's key condition wants the partition key to have. dynoxide checks the condition; here it
/// is enough to find the one equation that names the key.
fn asked_for(request: &QueryRequest, attribute: &str) -> Option<AttributeValue> {
    let condition = request.key_condition_expression.as_deref()?;
    let spaced = condition.replace(['(', ')'], " ").replace('=', " = ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let names = request.expression_attribute_names.as_ref();
    let is_key = |token: &str| token == attribute || names.and_then(|n| n.get(token)).is_some_and(|n| n == attribute);
    let value = tokens.windows(3).find_map(|window| match window {
        [key, "=", value] if is_key(key) => Some(*value),
        [value, "=", key] if is_key(key) => Some(*value),
        _ => None,
    })?;
    request.expression_attribute_values.as_ref()?.get(value).cloned()
}

/// A table's part of a batch request for only some of its keys.
fn unprocessed_keys(body: &[u8], table: &str, keys: &[Item]) -> Result<Value, DynoxideError> {
    let unreadable = |error: serde_json::Error| DynoxideError::SerializationException(error.to_string());
    let mut request: Value = serde_json::from_slice(body).map_err(unreadable)?;
    let mut rest = request["RequestItems"][table].take();
    rest["Keys"] = json!(keys);
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_that_a_query_asks_for_is_found_in_its_condition() {
        let check = |condition: &str, found: bool| {
            let request = QueryRequest {
                key_condition_expression: Some(condition.to_owned()),
                expression_attribute_names: Some(HashMap::from([("#p".to_owned(), "pk".to_owned())])),
                expression_attribute_values: Some(HashMap::from([(
                    ":p".to_owned(),
                    AttributeValue::S("value".to_owned()),
                )])),
                ..QueryRequest::default()
            };
            let value = asked_for(&request, "pk").and_then(|value| key_text(&value));
            assert_eq!(value.as_deref(), found.then_some("value"), "{condition}");
        };
        check("pk = :p", true);
        check("#p=:p", true);
        check(":p = #p AND sk > :s", true);
        check("(begins_with(sk, :s)) AND (#p = :p)", true);
        check("sk = :p", false);
        check("sk >= :s and other = :p", false);
    }
}
