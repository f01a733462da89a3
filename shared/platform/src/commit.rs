//! Commit: a decision becomes true in one write or one transaction, and the loop around it: load, decide, commit,
//! and on a conflict load and decide again.

use crate::failure::Failure;
use crate::level;
use crate::metrics;
use crate::operation::Operation;
use crate::settings::Table;
use crate::store::{Item, Key, OPERATIONS_MAX, Store, Stored, Versioned, Write, encode, unavailable};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Delete, Put, PutRequest, TransactWriteItem, Update, WriteRequest};
use aws_smithy_async::rt::sleep::AsyncSleep;
use domain::Decision;
use domain::MerchantId;
use domain::seeded_bugs::{SeededBug, is_on};
use domain::stock::StockChange;
use std::collections::BTreeMap;

/// How often a step is decided again after a conflict.
pub const TRIES_MAX: u32 = 6;

/// A decision about one aggregate, and the other items that must change with it.
#[derive(Debug, Clone)]
pub struct Step<T> {
    /// The decision.
    pub decision: Decision<T>,
    /// Other writes of the same transaction.
    pub also: Vec<Write>,
}

impl<T> From<Decision<T>> for Step<T> {
    fn from(decision: Decision<T>) -> Self {
        Self { decision, also: Vec::new() }
    }
}

/// What became of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed<T> {
    /// It, as stored.
    pub value: Versioned<T>,
    /// Whether the operation had been applied before: the caller gives the first answer again.
    pub replayed: bool,
}

/// Why a commit did not happen.
#[derive(Debug)]
enum CommitError {
    /// A condition failed or another transaction was under way: load and decide again.
    Conflict(String),
    /// Anything else.
    Failure(Failure),
}

impl Store {
    /// Changes one aggregate: loads it, lets `decide` say what follows, and commits that, at most once for `operation`.
    /// `decide` may be called several times and must have no effects of its own.
    ///
    /// # Errors
    /// What `decide` returns; `idempotency-key-reused`; [`Failure::Conflict`] when the tries are spent; [`Failure::Unavailable`].
    pub async fn change<T, S>(
        &self,
        key: &Key,
        operation: &Operation,
        mut decide: impl AsyncFnMut(Option<&Versioned<T>>) -> Result<S, Failure>,
    ) -> Result<Changed<T>, Failure>
    where
        T: Stored,
        S: Into<Step<T>>,
    {
        let mut last = String::new();
        for attempt in 0..TRIES_MAX {
            let loaded = self.load::<T>(key).await?;
            if let Some(current) = &loaded
                && operation.is_done(&current.operations)?
            {
                return Ok(Changed { value: current.clone(), replayed: true });
            }
            let step: Step<T> = decide(loaded.as_ref()).await?.into();
            match self.commit_step(key, loaded, operation, step).await {
                Ok(value) => {
                    return Ok(Changed { value, replayed: false });
                }
                Err(CommitError::Failure(failure)) => return Err(failure),
                Err(CommitError::Conflict(reason)) => {
                    last = reason;
                    self.back_off(attempt).await;
                }
            }
        }
        Err(Failure::Conflict(last))
    }

    /// Creates an aggregate without loading it first: one request in the usual case. If it exists, the caller gets what is
    /// stored, with `replayed` set; whether that is the same thing is the caller's to say.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], [`Failure::Conflict`].
    pub async fn create<T: Stored>(
        &self,
        operation: &Operation,
        step: impl Into<Step<T>>,
    ) -> Result<Changed<T>, Failure> {
        let step: Step<T> = step.into();
        let key = step.decision.next.key();
        let mut last = String::new();
        for attempt in 0..TRIES_MAX {
            match self.commit_step(&key, None, operation, step.clone()).await {
                Ok(value) => {
                    return Ok(Changed { value, replayed: false });
                }
                Err(CommitError::Failure(failure)) => return Err(failure),
                Err(CommitError::Conflict(reason)) => {
                    if let Some(value) = self.load::<T>(&key).await? {
                        return Ok(Changed { value, replayed: true });
                    }
                    last = reason;
                    self.back_off(attempt).await;
                }
            }
        }
        Err(Failure::Conflict(last))
    }

    /// A write of a second aggregate, for [`Step::also`].
    ///
    /// # Errors
    /// [`Failure::Bug`] when it cannot be stored.
    pub fn write_of<T: Stored>(
        &self,
        loaded: Option<&Versioned<T>>,
        decision: Decision<T>,
        operation: &Operation,
    ) -> Result<(Vec<Write>, Versioned<T>), Failure> {
        let key = decision.next.key();
        let version = loaded.map_or(0, |loaded| loaded.version) + 1;
        let mut operations = loaded.map(|loaded| loaded.operations.clone()).unwrap_or_default();
        operations.push(operation.mark());
        if operations.len() > OPERATIONS_MAX {
            operations.remove(0);
        }
        let Decision { next, mut messages, stock, facts } = decision;
        if is_on(SeededBug::SentWithoutOutbox) && fastrand::u8(..8) == 0 {
            // The crash between the write and what is sent after it.
            messages.clear();
        }
        let item = encode(&next, version, &operations, messages, facts, operation, self.list_shards())?;
        let counted = next.counted(loaded.map(|loaded| &loaded.body));
        let mut writes = vec![match loaded {
            None => Write::Create(key.clone(), item, counted),
            Some(loaded) => Write::Replace(key.clone(), item, loaded.version, counted),
        }];
        let merchant = merchant_of(&key)?;
        for change in StockChange::merged(stock) {
            if change.is_nothing() {
                continue;
            }
            writes.push(Write::Level {
                key: level::level_key(&merchant, &change.level()),
                change,
                operation: operation.id().to_owned(),
            });
        }
        Ok((writes, Versioned { body: next, version, operations }))
    }

    /// A write of an item that its key alone identifies, for [`Step::also`].
    ///
    /// # Errors
    /// [`Failure::Bug`] when it cannot be stored.
    pub fn put_of<T: Stored>(&self, value: &T, operation: &Operation) -> Result<Write, Failure> {
        let item = encode(value, 1, &[], Vec::new(), Vec::new(), operation, self.list_shards())?;
        Ok(Write::Put(value.key(), item))
    }

    async fn commit_step<T: Stored>(
        &self,
        key: &Key,
        loaded: Option<Versioned<T>>,
        operation: &Operation,
        step: Step<T>,
    ) -> Result<Versioned<T>, CommitError> {
        let Step { decision, also } = step;
        let nothing_follows = decision.messages.is_empty() && decision.stock.is_empty() && decision.facts.is_empty();
        if let Some(current) = &loaded
            && nothing_follows
            && also.is_empty()
            && current.body == decision.next
        {
            return Ok(current.clone());
        }
        if decision.next.key() != *key {
            return Err(CommitError::Failure(Failure::bug(format!("a decision moved an item from {key:?}"))));
        }
        let (mut writes, value) = self.write_of(loaded.as_ref(), decision, operation).map_err(CommitError::Failure)?;
        writes.extend(also);
        self.commit(writes).await?;
        Ok(value)
    }

    /// Writes a child, whatever is there.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn put_child<T: Stored>(&self, child: &T, operation: &Operation) -> Result<(), Failure> {
        self.apply(vec![self.put_of(child, operation)?]).await
    }

    /// Writes a child that its content names, unless it is there: what was changed in it since stays.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn create_child<T: Stored>(&self, child: &T, operation: &Operation) -> Result<(), Failure> {
        let (writes, _) = self.write_of(None, Decision::of(child.clone()), operation)?;
        match self.apply(writes).await {
            Ok(()) | Err(Failure::Conflict(_)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Puts items of one table that their keys alone identify, 25 a request.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when DynamoDB leaves some unprocessed after several tries: all may be put again.
    pub async fn put_all<T: Stored>(&self, table: Table, values: &[T]) -> Result<(), Failure> {
        let name = self.settings.table(table)?;
        let operation = Operation::of(&[]);
        // A request may name a key once.
        let mut items: BTreeMap<Key, Item> = BTreeMap::new();
        for value in values {
            let item = encode(value, 1, &[], Vec::new(), Vec::new(), &operation, self.list_shards())?;
            items.insert(value.key(), item);
        }
        let items: Vec<Item> = items.into_values().collect();
        for chunk in items.chunks(25) {
            let mut pending = Vec::with_capacity(chunk.len());
            for item in chunk {
                let put = PutRequest::builder().set_item(Some(item.clone())).build();
                let put = put.map_err(|error| Failure::bug(error.to_string()))?;
                pending.push(WriteRequest::builder().put_request(put).build());
            }
            for attempt in 0..TRIES_MAX {
                let request = self.client.batch_write_item().request_items(name, std::mem::take(&mut pending));
                let answer = request.send().await.map_err(unavailable)?;
                pending = answer.unprocessed_items.and_then(|mut rest| rest.remove(name)).unwrap_or_default();
                if pending.is_empty() {
                    break;
                }
                self.back_off(attempt).await;
            }
            if !pending.is_empty() {
                return Err(Failure::unavailable("DynamoDB leaves items of a batch write unprocessed"));
            }
        }
        Ok(())
    }

    /// Applies writes that carry their own conditions, outside the loop.
    ///
    /// # Errors
    /// [`Failure::Conflict`] when a condition fails; [`Failure::Unavailable`].
    pub async fn apply(&self, writes: Vec<Write>) -> Result<(), Failure> {
        self.commit(writes).await.map_err(|error| match error {
            CommitError::Conflict(reason) => Failure::Conflict(reason),
            CommitError::Failure(failure) => failure,
        })
    }

    async fn back_off(&self, attempt: u32) {
        let limit = 20_u64 << attempt.min(5);
        self.sleep.sleep(std::time::Duration::from_millis(fastrand::u64(1..=limit))).await;
    }

    async fn commit(&self, mut writes: Vec<Write>) -> Result<(), CommitError> {
        let counted: Vec<_> = writes.iter().flat_map(Write::counted).cloned().collect();
        match (writes.pop(), writes.len()) {
            (None, _) => Ok(()),
            (Some(write), 0) => self.write_one(write).await,
            (Some(last), _) => {
                writes.push(last);
                self.write_all(writes).await
            }
        }?;
        metrics::emit(&counted);
        Ok(())
    }

    async fn write_one(&self, write: Write) -> Result<(), CommitError> {
        let table = self.settings.table(write.key().table).map_err(CommitError::Failure)?;
        match write {
            Write::Create(_, item, _) => {
                let put = self.client.put_item().table_name(table).set_item(Some(item));
                put.condition_expression("attribute_not_exists(pk)").send().await.map(drop).map_err(put_error)
            }
            Write::Replace(_, item, version, _) => {
                let put = self.client.put_item().table_name(table).set_item(Some(item));
                if is_on(SeededBug::StatusWithoutVersion) {
                    return put.send().await.map(drop).map_err(put_error);
                }
                put.condition_expression("#version = :version")
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":version", number(version))
                    .send()
                    .await
                    .map(drop)
                    .map_err(put_error)
            }
            Write::Put(_, item) => {
                self.client.put_item().table_name(table).set_item(Some(item)).send().await.map(drop).map_err(put_error)
            }
            Write::Delete(key) => {
                let delete = self.client.delete_item().table_name(table).set_key(Some(key.attributes()));
                delete.send().await.map(drop).map_err(|error| CommitError::Failure(unavailable(error)))
            }
            Write::Level { key, .. } | Write::Restore { key, .. } => Err(CommitError::Failure(Failure::bug(format!(
                "an inventory level ({}) changes only together with the item that remembers the operation",
                key.pk
            )))),
        }
    }

    async fn write_all(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        let mut items = Vec::with_capacity(writes.len());
        for write in writes {
            items.push(self.transact_item(write).map_err(CommitError::Failure)?);
        }
        if items.len() > 100 {
            return Err(CommitError::Failure(Failure::bug("a transaction of more than 100 items")));
        }
        match self.client.transact_write_items().set_transact_items(Some(items)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(transaction_error(error)),
        }
    }

    fn transact_item(&self, write: Write) -> Result<TransactWriteItem, Failure> {
        let table = self.settings.table(write.key().table)?;
        let built = |error: aws_sdk_dynamodb::error::BuildError| Failure::bug(error.to_string());
        let item = TransactWriteItem::builder();
        Ok(match write {
            Write::Create(_, attributes, _) => item.put(
                Put::builder()
                    .table_name(table)
                    .set_item(Some(attributes))
                    .condition_expression("attribute_not_exists(pk)")
                    .build()
                    .map_err(built)?,
            ),
            Write::Replace(_, attributes, version, _) => item.put(
                Put::builder()
                    .table_name(table)
                    .set_item(Some(attributes))
                    .condition_expression("#version = :version")
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":version", number(version))
                    .build()
                    .map_err(built)?,
            ),
            Write::Put(_, attributes) => {
                item.put(Put::builder().table_name(table).set_item(Some(attributes)).build().map_err(built)?)
            }
            Write::Delete(key) => {
                item.delete(Delete::builder().table_name(table).set_key(Some(key.attributes())).build().map_err(built)?)
            }
            Write::Level { key, change, operation } => {
                let update = level::update(&merchant_of(&key)?, &change, &operation, level::TakeWrite::None)?;
                item.update(update_of(table, &key, update)?)
            }
            Write::Restore { key, level, version, restored, operation } => {
                let update = level::restore(&merchant_of(&key)?, &level, version, &restored, &operation)?;
                item.update(update_of(table, &key, update)?)
            }
        }
        .build())
    }
}

fn update_of(table: &str, key: &Key, update: level::Update) -> Result<Update, Failure> {
    Update::builder()
        .table_name(table)
        .set_key(Some(key.attributes()))
        .update_expression(update.expression)
        .set_condition_expression(update.condition)
        .set_expression_attribute_names(Some(update.names))
        .set_expression_attribute_values(Some(update.values))
        .build()
        .map_err(|error| Failure::bug(error.to_string()))
}

pub(crate) fn number(value: u64) -> aws_sdk_dynamodb::types::AttributeValue {
    aws_sdk_dynamodb::types::AttributeValue::N(value.to_string())
}

/// The merchant of a key: tenancy is the first part of every partition key.
fn merchant_of(key: &Key) -> Result<MerchantId, Failure> {
    let first = key.pk.split('#').next().unwrap_or_default();
    MerchantId::parse(first).map_err(|error| Failure::bug(format!("a key without merchant: {error}")))
}

fn put_error(error: SdkError<aws_sdk_dynamodb::operation::put_item::PutItemError>) -> CommitError {
    match error.as_service_error() {
        Some(service) if service.is_conditional_check_failed_exception() => {
            CommitError::Conflict("the item changed meanwhile".to_owned())
        }
        Some(service) if service.is_transaction_conflict_exception() => {
            CommitError::Conflict("another transaction holds the item".to_owned())
        }
        _ => CommitError::Failure(unavailable(error)),
    }
}

fn transaction_error(error: SdkError<TransactWriteItemsError>) -> CommitError {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                CommitError::Conflict("the transaction is in progress".to_owned())
            }
            _ => CommitError::Failure(unavailable(error)),
        };
    };
    let codes: Vec<&str> = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    let conflict = codes.iter().any(|code| matches!(*code, "ConditionalCheckFailed" | "TransactionConflict"));
    if conflict {
        return CommitError::Conflict(format!("transaction cancelled: {}", codes.join(", ")));
    }
    match codes.iter().copied().find(|code| *code != "None") {
        Some(code @ ("ValidationError" | "ItemCollectionSizeLimitExceeded")) => {
            CommitError::Failure(Failure::bug(format!("transaction refused: {code}")))
        }
        Some(code) => CommitError::Failure(Failure::unavailable(format!("transaction cancelled: {code}"))),
        None => CommitError::Failure(Failure::unavailable("transaction cancelled without reason")),
    }
}
