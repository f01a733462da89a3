//! Writes: may their partitions serve them, does a transaction hold their item, and what they cost.

use std::sync::Arc;

use dynoxide::actions::batch_write_item::{BatchWriteItemRequest, WriteRequest};
use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::actions::update_item::UpdateItemRequest;
use dynoxide::types::{Item, item_size};
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde_json::{Value, json};

use super::World;
use super::budget::{Charge, Partition};
use super::refusal::{Outcome, Refusal};
use super::shape::{ItemKey, Shape};
use crate::dynamodb::metered::{Answer, Request};
use crate::dynamodb::wire;

/// What a write does to its item.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// The whole new image.
    Put(Item),
    /// An image that only dynoxide can tell.
    Update,
    /// None.
    Delete,
    /// The old one.
    Check,
}

/// One item that a request writes.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) shape: Arc<Shape>,
    pub(super) key: ItemKey,
    attributes: Item,
    pub(super) effect: Effect,
}

/// A target with its image before the write.
pub(super) struct Planned {
    pub(super) target: Target,
    pub(super) before: Option<Item>,
}

impl Planned {
    /// The image after the write, as far as it is known before; an update is taken not to change it.
    pub(super) fn expected(&self) -> Option<&Item> {
        match &self.target.effect {
            Effect::Put(item) => Some(item),
            Effect::Update | Effect::Check => self.before.as_ref(),
            Effect::Delete => None,
        }
    }

    /// What it costs if nothing is written.
    pub(super) fn refused(&self, factor: f64) -> Charge {
        self.target.shape.base_charge(&self.target.key, self.before.as_ref(), self.expected(), factor)
    }

    /// What it costs with `after` written.
    pub(super) fn charges(&self, after: Option<&Item>, factor: f64) -> Vec<Charge> {
        let Target { shape, key, .. } = &self.target;
        let mut charges = shape.index_charges(self.before.as_ref(), after);
        charges.push(shape.base_charge(key, self.before.as_ref(), after, factor));
        charges
    }

    pub(super) fn place(&self) -> (String, ItemKey) {
        (self.target.shape.table.clone(), self.target.key.clone())
    }
}

impl World<'_> {
    pub(super) fn put_item(&mut self) -> Outcome {
        let request: PutItemRequest = wire::read(self.call.body)?;
        let target = self.target(&request.table_name, &request.item, Effect::Put(request.item.clone()))?;
        self.single(target, request, Database::put_item)
    }

    pub(super) fn update_item(&mut self) -> Outcome {
        let request: UpdateItemRequest = wire::read(self.call.body)?;
        let target = self.target(&request.table_name, &request.key, Effect::Update)?;
        self.single(target, request, Database::update_item)
    }

    pub(super) fn delete_item(&mut self) -> Outcome {
        let request: DeleteItemRequest = wire::read(self.call.body)?;
        let target = self.target(&request.table_name, &request.key, Effect::Delete)?;
        self.single(target, request, Database::delete_item)
    }

    /// `None` where dynoxide will refuse the request: no such table, or no key.
    pub(super) fn target(&mut self, table: &str, item: &Item, effect: Effect) -> Result<Option<Target>, DynoxideError> {
        let Some(shape) = self.shape(table)? else { return Ok(None) };
        let Some(key) = shape.key(item) else { return Ok(None) };
        let attributes = shape.key_attributes(item);
        Ok(Some(Target { shape, key, attributes, effect }))
    }

    /// Reads the image before. A key that dynoxide refuses to read it will refuse to write, too, in its own words.
    pub(super) fn plan(&self, target: Target) -> Result<Planned, DynoxideError> {
        let before = match self.image(&target.shape.table, &target.attributes) {
            Ok(image) => image,
            Err(error) if error.status_code() == 400 => None,
            Err(error) => return Err(error),
        };
        Ok(Planned { target, before })
    }

    fn single<Q: Request, A: Serialize + Answer>(
        &mut self,
        target: Option<Target>,
        request: Q,
        run: impl FnOnce(&Database, Q) -> Result<A, DynoxideError>,
    ) -> Outcome {
        let Some(target) = target else { return Ok(self.call.apply(request, run)?) };
        let planned = self.plan(target)?;
        self.admit(&planned.charges(planned.expected(), 1.0))?;
        if self.state.holds.is_held(&planned.place()) {
            let (table, before) = (planned.target.shape.table.clone(), planned.before.as_ref());
            self.call.failed_condition(table, planned.expected().map(item_size), before, &request.touched());
            let charge = planned.refused(1.0);
            self.state.ledger.record(self.now_ms, vec![charge]);
            return Err(Refusal::Conflict);
        }
        match self.call.apply(request, run) {
            Ok(answer) => {
                self.written(vec![planned], 1.0)?;
                Ok(answer)
            }
            Err(error) => {
                if matches!(error, DynoxideError::ConditionalCheckFailedException(..)) {
                    self.state.ledger.record(self.now_ms, vec![planned.refused(1.0)]);
                }
                Err(error.into())
            }
        }
    }

    /// Whether the partitions can serve a write.
    fn admit(&mut self, charges: &[Charge]) -> Result<(), Refusal> {
        self.within_budget(&[], charges).map_err(|exceeded| Refusal::Throttled { writes: true, exceeded })
    }

    /// The partitions that have not the units for `charges` beside those that the call has `reserved` already.
    pub(super) fn within_budget(&mut self, reserved: &[Charge], charges: &[Charge]) -> Result<(), Vec<Partition>> {
        let state = &mut *self.state;
        state.ledger.admit(state.config.budgets.as_ref(), self.now_ms, reserved, charges)
    }

    /// Bills writes that have taken effect and notes what was there before.
    pub(super) fn written(&mut self, writes: Vec<Planned>, factor: f64) -> Result<(), DynoxideError> {
        let horizon_ms = self.state.config.horizon_ms();
        for planned in writes {
            let reread = match planned.target.effect {
                Effect::Update => self.image(&planned.target.shape.table, &planned.target.attributes)?,
                Effect::Put(_) | Effect::Delete | Effect::Check => None,
            };
            let after = reread.as_ref().or(planned.expected());
            let charges = planned.charges(after, factor);
            self.state.ledger.record(self.now_ms, charges);
            if planned.target.effect != Effect::Check {
                let Target { shape, key, .. } = planned.target;
                self.state.journal.note(self.now_ms, horizon_ms, &shape.table, key, planned.before);
            }
        }
        Ok(())
    }

    /// What finds no units, or its item held, stays unprocessed; none at all for want of units is an error.
    pub(super) fn batch_write_item(&mut self) -> Outcome {
        let mut request: BatchWriteItemRequest = wire::read(self.call.body)?;
        let mut tables: Vec<String> = request.request_items.keys().cloned().collect();
        tables.sort_unstable();
        let mut writes = Vec::new();
        let mut charges = Vec::new();
        let mut exceeded = Vec::new();
        let mut unprocessed = serde_json::Map::new();
        for table in tables {
            let mut left = Vec::new();
            let mut taken = Vec::new();
            for write in request.request_items.remove(&table).unwrap_or_default() {
                let Some(target) = self.batch_target(&table, &write)? else {
                    taken.push(write);
                    continue;
                };
                let planned = self.plan(target)?;
                let cost = planned.charges(planned.expected(), 1.0);
                let throttled = self.within_budget(&charges, &cost).err();
                if throttled.is_some() || self.state.holds.is_held(&planned.place()) {
                    exceeded.extend(throttled.into_iter().flatten());
                    left.push(as_json(&write)?);
                } else {
                    charges.extend(cost);
                    writes.push(planned);
                    taken.push(write);
                }
            }
            if !taken.is_empty() {
                request.request_items.insert(table.clone(), taken);
            }
            if !left.is_empty() {
                unprocessed.insert(table, Value::Array(left));
            }
        }
        if request.request_items.is_empty() && !unprocessed.is_empty() {
            exceeded.sort();
            exceeded.dedup();
            return match exceeded.is_empty() {
                true => Ok(wire::write(&json!({ "UnprocessedItems": unprocessed }))?),
                false => Err(Refusal::Throttled { writes: true, exceeded }),
            };
        }
        let body = self.call.apply(request, |database, request| {
            let mut answer = database.batch_write_item(request)?;
            answer.unprocessed_items.extend(unprocessed);
            Ok(answer)
        })?;
        self.written(writes, 1.0)?;
        Ok(body)
    }

    fn batch_target(&mut self, table: &str, write: &WriteRequest) -> Result<Option<Target>, DynoxideError> {
        match (&write.put_request, &write.delete_request) {
            (Some(put), None) => self.target(table, &put.item, Effect::Put(put.item.clone())),
            (None, Some(delete)) => self.target(table, &delete.key, Effect::Delete),
            _ => Ok(None),
        }
    }
}

fn as_json(write: &WriteRequest) -> Result<Value, DynoxideError> {
    let written = match (&write.put_request, &write.delete_request) {
        (Some(put), _) => serde_json::to_value(&put.item).map(|item| json!({ "PutRequest": { "Item": item } })),
        (None, Some(delete)) => serde_json::to_value(&delete.key).map(|key| json!({ "DeleteRequest": { "Key": key } })),
        (None, None) => Ok(json!({})),
    };
    written.map_err(|error| DynoxideError::InternalServerError(format!("A write cannot be given back: {error}")))
}
