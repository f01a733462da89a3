//! Takes and claims (see `domain::stock::Take`): the writes by which a batch of orders shares one write of a level.

use crate::commit::number;
use crate::failure::Failure;
use crate::items::TakeRecord;
use crate::level::{self, TAKE_PREFIX, TakeWrite, level_key};
use crate::metrics;
use crate::operation::Operation;
use crate::store::{Store, Stored, Versioned, decode, encode, unavailable};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use domain::Decision;
use domain::MerchantId;
use domain::stock::{LevelId, StockChange, Take, TakenFor};

/// Up to this many orders are named in the level itself; more in an item of their own, since every write of a level is
/// billed by its size.
const EMBEDDED_MAX: usize = 4;

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq)]
pub enum Replaced<T> {
    /// It is stored.
    Yes(Versioned<T>),
    /// This is stored instead.
    No(Box<Versioned<T>>),
}

impl Store {
    /// Opens a take. Says whether the level had that many available units; if not, nothing has changed.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]: then it may be open all the same.
    pub async fn open_take(
        &self,
        merchant: &MerchantId,
        level: &LevelId,
        id: &str,
        mut take: Take,
    ) -> Result<bool, Failure> {
        let change = StockChange::open_take(&level.sku, &level.location, take.units).of_lot(level.lot.clone());
        if take.orders.len() > EMBEDDED_MAX {
            let orders = std::mem::take(&mut take.orders);
            let record = TakeRecord::new(merchant, level, id, orders, take.opened_at);
            self.put_child(&record, &Operation::of(&[id])).await?;
        }
        match self.write_level(merchant, level, &change, id, TakeWrite::Open(&take)).await? {
            Written::Yes => Ok(true),
            // Our own write whose answer was lost on the way, and which was sent again.
            Written::No { take_is_open } => Ok(take_is_open),
        }
    }

    /// Closes a take of `units` of which `claimed` were claimed. One that somebody closed before stays closed.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn close_take(
        &self,
        merchant: &MerchantId,
        level: &LevelId,
        id: &str,
        units: u32,
        claimed: u32,
    ) -> Result<(), Failure> {
        let change = StockChange::close_take(&level.sku, &level.location, units, claimed).of_lot(level.lot.clone());
        self.write_level(merchant, level, &change, id, TakeWrite::Close).await.map(drop)
    }

    /// For whom a take was opened.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], or [`Failure::Bug`] when nothing names them.
    pub async fn orders_of_take(
        &self,
        merchant: &MerchantId,
        level: &LevelId,
        id: &str,
        take: &Take,
    ) -> Result<Vec<TakenFor>, Failure> {
        if !take.orders.is_empty() {
            return Ok(take.orders.clone());
        }
        let key = TakeRecord::key_of(merchant, level, id);
        let record = self.load::<TakeRecord>(&key).await?;
        record
            .map(|record| record.body.orders)
            .ok_or_else(|| Failure::bug(format!("nobody knows whom take {id} is for")))
    }

    /// Writes the next version of an aggregate if it is still what was loaded, in one conditional put without a mark of
    /// the operation: for steps that the state itself shows as done.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]: then it may be stored all the same.
    pub async fn replace<T: Stored>(
        &self,
        loaded: &Versioned<T>,
        decision: Decision<T>,
    ) -> Result<Replaced<T>, Failure> {
        let Decision { next, messages, stock, facts } = decision;
        if !stock.is_empty() {
            return Err(Failure::bug("a change of inventory levels needs a transaction"));
        }
        let (key, version) = (next.key(), loaded.version + 1);
        let counted = next.counted(Some(&loaded.body));
        let operation = Operation::of(&[]);
        let item = encode(&next, version, &loaded.operations, messages, facts, &operation, self.list_shards())?;
        let put = self.client.put_item().table_name(self.settings.table(key.table)?).set_item(Some(item));
        let sent = put
            .condition_expression("#version = :version")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", number(loaded.version))
            .return_values_on_condition_check_failure(AllOld)
            .send()
            .await;
        let error = match sent {
            Ok(_) => {
                metrics::emit(&counted);
                return Ok(Replaced::Yes(Versioned { body: next, version, operations: loaded.operations.clone() }));
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => match failed.item.clone() {
                Some(stored) => Ok(Replaced::No(Box::new(decode(&key, stored)?))),
                None => Err(Failure::bug(format!("{}/{} is gone", key.pk, key.sk))),
            },
            Some(PutItemError::TransactionConflictException(_)) => {
                Err(Failure::Conflict("a transaction holds the item".to_owned()))
            }
            _ => Err(unavailable(error)),
        }
    }

    async fn write_level(
        &self,
        merchant: &MerchantId,
        level: &LevelId,
        change: &StockChange,
        id: &str,
        take: TakeWrite<'_>,
    ) -> Result<Written, Failure> {
        let key = level_key(merchant, level);
        let update = level::update(merchant, change, id, take)?;
        let sent = self
            .client
            .update_item()
            .table_name(self.settings.table(key.table)?)
            .set_key(Some(key.attributes()))
            .update_expression(update.expression)
            .set_condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .return_values_on_condition_check_failure(AllOld)
            .send()
            .await;
        let Err(error) = sent else { return Ok(Written::Yes) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let open = format!("{TAKE_PREFIX}{id}");
                Ok(Written::No { take_is_open: failed.item().is_some_and(|item| item.contains_key(&open)) })
            }
            Some(UpdateItemError::TransactionConflictException(_)) => {
                Err(Failure::Conflict("a transaction holds the level".to_owned()))
            }
            _ => Err(unavailable(error)),
        }
    }
}

/// What became of a write of a level.
enum Written {
    Yes,
    No { take_is_open: bool },
}
