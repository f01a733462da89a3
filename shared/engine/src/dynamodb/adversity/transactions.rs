//! Transactions: they hold their items from arrival to effect, and a token makes one of equal requests.

use std::sync::Arc;

use dynoxide::Database;
use dynoxide::DynoxideError;
use dynoxide::actions::transact_get_items::TransactGetItemsRequest;
use dynoxide::actions::transact_write_items::{TransactWriteItem, TransactWriteItemsRequest};
use dynoxide::types::{item_size, read_capacity_units};

use super::World;
use super::budget::Charge;
use super::holds::Known;
use super::refusal::{Cause, Outcome, Refusal, cancelled};
use super::shape::TRANSACTION_FACTOR;
use super::writes::{Effect, Planned, Target};
use crate::dynamodb::metered::Request;
use crate::dynamodb::{DynamoDb, wire};
use crate::meter::{Consumed, Units};

/// A transaction that holds its items until it is finished or dropped.
pub(crate) struct Held {
    /// Where it is held; `None` once it is free.
    db: Option<Arc<DynamoDb>>,
    id: u64,
    request: TransactWriteItemsRequest,
    targets: Option<Vec<Target>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(mut state) = self.db.as_ref().and_then(|db| db.adversity()) {
            state.holds.release(self.id);
        }
    }
}

impl World<'_> {
    /// Holds the transaction's items; the outcome where that is decided on arrival.
    pub(super) fn begin_transaction(&mut self, db: &Arc<DynamoDb>) -> Result<Held, Outcome> {
        let request: TransactWriteItemsRequest = wire::read(self.call.body).map_err(|error| Err(error.into()))?;
        let token = request.client_request_token.as_deref();
        if let Some(token) = token {
            self.repeated(token, &request)?;
        }
        let targets = self.targets(&request.transact_items).map_err(|error| Err(error.into()))?;
        let places: Vec<_> =
            targets.iter().flatten().map(|target| (target.shape.table.clone(), target.key.clone())).collect();
        let cause = |place| if self.state.holds.is_held(place) { Cause::Conflict } else { Cause::None };
        let causes: Vec<_> = places.iter().map(cause).collect();
        if causes.contains(&Cause::Conflict) {
            let planned = self.plans(targets).map_err(|error| Err(error.into()))?;
            self.call.canceled_transaction(&request.touched());
            self.bill_refused(&planned);
            return Err(Err(cancelled(&causes)));
        }
        let id = self.state.holds.hold(places, token);
        Ok(Held { db: Some(db.clone()), id, request, targets })
    }

    /// Lets it take effect and frees what it held.
    pub(super) fn finish_transaction(&mut self, mut held: Held) -> Outcome {
        self.state.holds.release(held.id);
        // Dropping it would take the lock that this call has.
        held.db = None;
        let mut request = std::mem::take(&mut held.request);
        // dynoxide remembers tokens by the clock on the wall.
        let token = request.client_request_token.take();
        let parameters = token.as_ref().map(|_| parameters(&request)).transpose()?;
        let planned = self.plans(held.targets.take())?;
        let outcome = self.transact(request, planned);
        let (Some(token), Some(parameters)) = (token, parameters) else {
            return outcome.map(|(body, _)| body);
        };
        let (body, replay) = outcome?;
        self.state.tokens.finished(self.now_ms, token, parameters, body.clone(), replay);
        Ok(body)
    }

    fn plans(&self, targets: Option<Vec<Target>>) -> Result<Vec<Planned>, DynoxideError> {
        targets.into_iter().flatten().map(|target| self.plan(target)).collect()
    }

    fn transact(
        &mut self,
        request: TransactWriteItemsRequest,
        planned: Vec<Planned>,
    ) -> Result<(Vec<u8>, Vec<Charge>), Refusal> {
        let charges: Vec<Vec<Charge>> =
            planned.iter().map(|planned| planned.charges(planned.expected(), TRANSACTION_FACTOR)).collect();
        if let Err(exceeded) = self.within_budget(&[], &charges.concat()) {
            let over = |charge: &Charge| exceeded.contains(&charge.partition);
            let cause = |charges: &Vec<Charge>| {
                if charges.iter().any(over) { Cause::Throttled } else { Cause::None }
            };
            return Err(cancelled(&charges.iter().map(cause).collect::<Vec<_>>()));
        }
        match self.call.apply(request, Database::transact_write_items) {
            Ok(body) => {
                let replay = planned.iter().map(read_again).collect();
                self.written(planned, TRANSACTION_FACTOR)?;
                Ok((body, replay))
            }
            Err(error) => {
                if matches!(error, DynoxideError::TransactionCanceledException(..)) {
                    self.bill_refused(&planned);
                }
                Err(error.into())
            }
        }
    }

    fn bill_refused(&mut self, planned: &[Planned]) {
        let charges = planned.iter().map(|planned| planned.refused(TRANSACTION_FACTOR)).collect();
        self.state.ledger.record(self.now_ms, charges);
    }

    /// Answers a request whose token is known.
    fn repeated(&mut self, token: &str, request: &TransactWriteItemsRequest) -> Result<(), Outcome> {
        let parameters = parameters(request).map_err(|error| Err(error.into()))?;
        if self.state.holds.is_running(token) {
            return Err(Err(Refusal::InProgress));
        }
        let now_ms = self.now_ms;
        match self.state.tokens.known(now_ms, token, &parameters) {
            Known::No => Ok(()),
            Known::OtherParameters => Err(Err(DynoxideError::IdempotentParameterMismatchException(
                "The ClientRequestToken was used with other parameters within the last ten minutes".to_owned(),
            )
            .into())),
            Known::Answer(body, replay) => {
                let consumed: Vec<_> = replay
                    .iter()
                    .map(|charge| Consumed {
                        name: charge.partition.table.clone(),
                        table: charge.units,
                        indexes: Vec::new(),
                    })
                    .collect();
                self.db.meter.dynamodb(self.call.operation, &consumed, &[]);
                self.state.ledger.record(now_ms, replay);
                Err(Ok(body))
            }
        }
    }

    /// The items of a transaction, in order; `None` where dynoxide will refuse one of them.
    fn targets(&mut self, items: &[TransactWriteItem]) -> Result<Option<Vec<Target>>, DynoxideError> {
        let mut targets = Vec::with_capacity(items.len());
        for item in items {
            let target = match item {
                TransactWriteItem { put: Some(put), .. } => {
                    self.target(&put.table_name, &put.item, Effect::Put(put.item.clone()))?
                }
                TransactWriteItem { update: Some(update), .. } => {
                    self.target(&update.table_name, &update.key, Effect::Update)?
                }
                TransactWriteItem { delete: Some(delete), .. } => {
                    self.target(&delete.table_name, &delete.key, Effect::Delete)?
                }
                TransactWriteItem { condition_check: Some(check), .. } => {
                    self.target(&check.table_name, &check.key, Effect::Check)?
                }
                _ => None,
            };
            match target {
                Some(target) => targets.push(target),
                None => return Ok(None),
            }
        }
        Ok(Some(targets))
    }

    /// Reads of a transaction see no item that another one is about to write.
    pub(super) fn transact_get_items(&mut self) -> Outcome {
        let request: TransactGetItemsRequest = wire::read(self.call.body)?;
        let mut causes = Vec::with_capacity(request.transact_items.len());
        for item in &request.transact_items {
            let shape = self.shape(&item.get.table_name)?;
            let place = shape.and_then(|shape| Some((shape.table.clone(), shape.key(&item.get.key)?)));
            let held = place.is_some_and(|place| self.state.holds.is_held(&place));
            causes.push(if held { Cause::Conflict } else { Cause::None });
        }
        if causes.contains(&Cause::Conflict) {
            return Err(cancelled(&causes));
        }
        Ok(self.call.look(request, Database::transact_get_items)?)
    }
}

/// What a repetition of the write costs: its items are read.
fn read_again(planned: &Planned) -> Charge {
    let size = planned.expected().or(planned.before.as_ref()).map_or(0, item_size);
    let units = Units { read: TRANSACTION_FACTOR * read_capacity_units(size), write: 0.0 };
    Charge { partition: planned.target.shape.partition(&planned.target.key), units }
}

/// The parameters that a token stands for, in one form.
fn parameters(request: &TransactWriteItemsRequest) -> Result<String, DynoxideError> {
    // Through a value: its maps are sorted.
    serde_json::to_value(&request.transact_items)
        .map(|value| value.to_string())
        .map_err(|error| DynoxideError::InternalServerError(format!("A transaction cannot be compared: {error}")))
}
