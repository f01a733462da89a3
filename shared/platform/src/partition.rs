//! Lists that are a table's own partitions: pages in sort-key order, read consistently, shards merged on read.

use crate::failure::Failure;
use crate::listing::{Page, PageRequest};
use crate::settings::Table;
use crate::store::{Item, Key, Store, Stored, Versioned, decode, text, unavailable};
use aws_sdk_dynamodb::types::AttributeValue;

/// Longest sort key of DynamoDB, bytes.
const SORT_KEY_BYTES_MAX: usize = 1024;

/// What to read of a table.
#[derive(Debug, Clone, Copy)]
pub struct PartitionList<'a> {
    /// The table.
    pub table: Table,
    /// The partitions over which the list is spread.
    pub partitions: &'a [String],
    /// Only sort keys that begin with this; empty for all.
    pub prefix: &'a str,
    /// Newest (greatest) first.
    pub descending: bool,
}

impl Store {
    /// One page of the list.
    ///
    /// # Errors
    /// [`Failure::Malformed`] when the cursor is of another list; otherwise as [`Store::load`].
    pub async fn list_partitions<T: Stored>(
        &self,
        list: &PartitionList<'_>,
        page: &PageRequest,
    ) -> Result<Page<Versioned<T>>, Failure> {
        // DynamoDB refuses a start outside the condition: a cursor of another list is the caller's mistake, not ours.
        let belongs =
            |after: &String| !after.is_empty() && after.len() <= SORT_KEY_BYTES_MAX && after.starts_with(list.prefix);
        if !page.after.as_ref().is_none_or(belongs) {
            return Err(Failure::Malformed(
                "cursor takes `next_cursor` of an earlier page of the same list".to_owned(),
            ));
        }
        let mut found: Vec<(Key, Item)> = Vec::new();
        for partition in list.partitions {
            // One more than asked for tells whether there is a next page.
            self.read_partition(list, partition, page.after.as_deref(), page.limit + 1, &mut found).await?;
        }
        found.sort_by(|(left, _), (right, _)| left.sk.cmp(&right.sk));
        if list.descending {
            found.reverse();
        }
        let more = found.len() > page.limit;
        found.truncate(page.limit);
        let next_cursor = found.last().filter(|_| more).map(|(last, _)| PageRequest::cursor(&last.sk));
        let items = found.into_iter().map(|(key, item)| decode(&key, item)).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor })
    }

    async fn read_partition(
        &self,
        list: &PartitionList<'_>,
        partition: &str,
        after: Option<&str>,
        limit: usize,
        found: &mut Vec<(Key, Item)>,
    ) -> Result<(), Failure> {
        let mut left = limit;
        let mut start = after.map(|after| Key::new(list.table, partition, after).attributes());
        loop {
            let query = self
                .client
                .query()
                .table_name(self.settings.table(list.table)?)
                .consistent_read(true)
                .scan_index_forward(!list.descending)
                .limit(i32::try_from(left).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take())
                .expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()));
            let query = if list.prefix.is_empty() {
                query.key_condition_expression("pk = :pk")
            } else {
                query
                    .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                    .expression_attribute_values(":prefix", AttributeValue::S(list.prefix.to_owned()))
            };
            let answer = query.send().await.map_err(unavailable)?;
            let items = answer.items.unwrap_or_default();
            left = left.saturating_sub(items.len());
            found.extend(
                items.into_iter().map(|item| (Key::new(list.table, text(&item, "pk"), text(&item, "sk")), item)),
            );
            start = answer.last_evaluated_key;
            if start.is_none() || left == 0 {
                return Ok(());
            }
        }
    }
}
