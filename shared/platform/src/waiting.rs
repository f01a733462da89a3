//! The queue of orders that wait for an item.
//!
//! An order first enters the queue, then says that it waits, and then looks once more whether something has come; stock
//! first comes, then is announced, and then the queue is read. So one of the two always sees the other.

use crate::commit::number;
use crate::failure::Failure;
use crate::items::{WaitingOrder, waiting_partition};
use crate::operation::Operation;
use crate::store::{Store, Stored, encode, unavailable};
use domain::{MerchantId, Sku};
use futures_util::{StreamExt, TryStreamExt};

/// Shards read at the same time.
const AT_ONCE: usize = 8;

impl Store {
    /// The orders that wait for an item, the first to be filled first, at most `limit`.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub async fn waiting(&self, merchant: &MerchantId, sku: &Sku, limit: usize) -> Result<Vec<WaitingOrder>, Failure> {
        let partitions = (0..self.list_shards()).map(|shard| waiting_partition(merchant, sku, shard));
        let pages: Vec<_> = futures_util::stream::iter(partitions)
            .map(
                |partition| async move { self.query::<WaitingOrder>(crate::Table::Stock, &partition, "", limit).await },
            )
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut found: Vec<WaitingOrder> = pages.into_iter().flatten().map(|(_, entry)| entry.body).collect();
        found.sort_by(|left, right| left.rank.cmp(&right.rank));
        found.truncate(limit);
        Ok(found)
    }

    /// Enters an order into the queue. The entry of a later version of the order stays.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn enter_waiting(&self, entry: &WaitingOrder) -> Result<(), Failure> {
        let (key, operation) = (entry.key(), Operation::of(&[]));
        let item = encode(entry, 1, &[], Vec::new(), Vec::new(), &operation, self.list_shards())?;
        let put = self.client.put_item().table_name(self.settings.table(key.table)?).set_item(Some(item));
        let sent = put
            .condition_expression("attribute_not_exists(since) OR since <= :since")
            .expression_attribute_values(":since", number(entry.since))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Takes an entry out of the queue, since the order did not wait any more at `version`; one that it entered later stays.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn leave_waiting(&self, entry: &WaitingOrder, version: u64) -> Result<(), Failure> {
        let key = entry.key();
        let delete = self.client.delete_item().table_name(self.settings.table(key.table)?);
        let sent = delete
            .set_key(Some(key.attributes()))
            .condition_expression("attribute_not_exists(since) OR since <= :since")
            .expression_attribute_values(":since", number(version))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }
}
