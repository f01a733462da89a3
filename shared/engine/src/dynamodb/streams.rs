//! A table's stream as its host reads it: records in order, as a function's event carries them.

use std::sync::PoisonError;

use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::{decode_shard_iterator, encode_shard_iterator};
use dynoxide::actions::tag_resource::TagResourceRequest;
use dynoxide::types::Tag;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::adversity::shape::Shape;
use super::{DynamoDb, schema};
use crate::error::EngineError;

/// A sequence number as given out is the stored one (microseconds of the write, made unique) plus this, so that
/// all have 21 digits and sort as text.
const OFFSET: u128 = 100_000_000_000_000_000_000;

/// How dynoxide's ARNs begin.
const DYNOXIDE_ARN: &str = "arn:aws:dynamodb:dynoxide:";

/// One record of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamRecord {
    /// Its position; ask for what follows it with this.
    pub sequence_number: String,
    /// One element of `Records` in the event of a function that reads the stream.
    pub event: Value,
}

/// One of several shards of a stream: records of one partition key are in one shard, in order; between two shards
/// there is no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    /// Which, from 0.
    pub index: u32,
    /// Of how many; as DynamoDB has them, a stream's readers all see the same number.
    pub of: u32,
}

impl Shard {
    /// All shards of a stream that has `of`.
    pub fn all(of: u32) -> impl Iterator<Item = Self> {
        (0..of).map(move |index| Self { index, of })
    }

    fn holds(self, place: u32) -> bool {
        place % self.of.max(1) == self.index
    }
}

/// A table's records as they are handed out, read from dynoxide once; each with the hash of its partition key.
pub(super) type Log = Vec<(u32, StreamRecord)>;

impl DynamoDb {
    /// Up to `limit` (at most 1,000) records of `table`'s stream that follow `after_sequence`, oldest first;
    /// from the oldest kept one without it. Empty where nothing new is there. The same position may be asked for
    /// again.
    ///
    /// # Errors
    /// No such table, a sequence number that is none, or the database fails.
    pub fn stream_records(
        &self,
        table: &str,
        after_sequence: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StreamRecord>, EngineError> {
        let position = after_sequence.map(stored).transpose()?.unwrap_or(0);
        Ok(self.read_stream(table, position, limit)?.into_iter().map(|(_, record)| record).collect())
    }

    /// [`DynamoDb::stream_records`] of one shard alone. It keeps what it has read in memory until the stream is
    /// trimmed: for simulations, whose readers are many.
    ///
    /// # Errors
    /// As [`DynamoDb::stream_records`].
    pub fn shard_records(
        &self,
        table: &str,
        shard: Shard,
        after_sequence: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StreamRecord>, EngineError> {
        // Sequence numbers are of one length and sort as text.
        let after = after_sequence.map(|sequence| stored(sequence).map(|_| sequence)).transpose()?.unwrap_or_default();
        let mut logs = self.stream_logs.lock().unwrap_or_else(PoisonError::into_inner);
        if !logs.contains_key(table) {
            logs.insert(table.to_owned(), Log::new());
        }
        let Some(log) = logs.get_mut(table) else { return Ok(Vec::new()) };
        loop {
            let position = log.last().map(|(_, record)| stored(&record.sequence_number)).transpose()?.unwrap_or(0);
            let more = self.read_stream(table, position, 1000)?;
            if more.is_empty() {
                break;
            }
            log.extend(more);
        }
        let start = log.partition_point(|(_, record)| record.sequence_number.as_str() <= after);
        let found = log.iter().skip(start).filter(|(place, _)| shard.holds(*place)).take(limit);
        Ok(found.map(|(_, record)| record.clone()).collect())
    }

    fn read_stream(&self, table: &str, position: i64, limit: usize) -> Result<Log, EngineError> {
        let shard = dynoxide::streams::shard_id(table);
        let found = self.database.get_records(GetRecordsRequest {
            shard_iterator: encode_shard_iterator(table, &shard, position),
            limit: Some(limit),
        })?;
        if found.records.is_empty() {
            return Ok(Log::new());
        }
        let metadata = self.database.get_table_metadata(table)?;
        let label = metadata.as_ref().and_then(|t| t.stream_label.clone()).unwrap_or_default();
        let arn = self.arn_out(&dynoxide::streams::stream_arn(table, &label));
        let shape = metadata.map(|metadata| Shape::of(&metadata)).transpose()?;
        found
            .records
            .into_iter()
            .map(|mut record| {
                name_event(table, &mut record);
                record.aws_region.clone_from(&self.region);
                let key = shape.as_ref().and_then(|shape| shape.key(&record.dynamodb.keys));
                let place = key.map_or(0, |key| crc32fast::hash(key.pk.as_bytes()));
                let sequence_number = record.dynamodb.sequence_number.clone();
                let mut event = serde_json::to_value(record)?;
                event["eventSourceARN"] = Value::String(arn.clone());
                Ok((place, StreamRecord { sequence_number, event }))
            })
            .collect()
    }

    /// An ARN as callers know it: dynoxide's name a region of its own.
    pub(super) fn arn_out(&self, text: &str) -> String {
        text.replace(DYNOXIDE_ARN, &format!("arn:aws:dynamodb:{}:", self.region))
    }

    /// The same the other way.
    pub(super) fn arn_in(&self, text: &str) -> String {
        text.replace(&format!("arn:aws:dynamodb:{}:", self.region), DYNOXIDE_ARN)
    }

    /// Drops the records of `table`'s stream up to and including `up_to_sequence`: once all its readers have
    /// acknowledged them. The newest record stays.
    ///
    /// # Errors
    /// No such table, a sequence number that is none, or the database fails.
    pub fn trim_stream(&self, table: &str, up_to_sequence: &str) -> Result<(), EngineError> {
        self.trim(table, stored(up_to_sequence)?)
    }

    /// Drops what is older than a day from every stream, read or not, as AWS does, but for each one's newest
    /// record.
    ///
    /// # Errors
    /// The database fails.
    pub fn trim_streams_older_than_a_day(&self) -> Result<(), EngineError> {
        const DAY_MS: u64 = 24 * 60 * 60 * 1000;
        let horizon_ms = self.clock.now_ms().saturating_sub(DAY_MS);
        let up_to = i64::try_from(horizon_ms.saturating_mul(1000)).unwrap_or(i64::MAX);
        for table in self.database.table_stats()? {
            if self.has_stream(&table.table_name)? {
                self.trim(&table.table_name, up_to)?;
            }
        }
        Ok(())
    }

    fn trim(&self, table: &str, up_to: i64) -> Result<(), EngineError> {
        // Read again from what is left.
        self.stream_logs.lock().unwrap_or_else(PoisonError::into_inner).remove(table);
        self.database.tag_resource(TagResourceRequest {
            resource_arn: Some(dynoxide::streams::table_arn(table)),
            tags: vec![Tag { key: schema::READ_UP_TO.to_owned(), value: up_to.to_string() }],
        })?;
        Ok(())
    }
}

/// Replaces the id that dynoxide draws by one that follows from the record, so that a run can be repeated.
fn name_event(table: &str, record: &mut Record) {
    let mut digest = Sha256::new();
    digest.update(table);
    digest.update([0]);
    digest.update(&record.dynamodb.sequence_number);
    record.event_id = hex::encode(&digest.finalize()[..16]);
}

/// The same for the answer of `GetRecords`.
pub(super) fn name_events(iterator: &str, region: &str, records: &mut [Record]) {
    if let Some((table, _, _)) = decode_shard_iterator(iterator) {
        for record in records {
            name_event(&table, record);
            region.clone_into(&mut record.aws_region);
        }
    }
}

fn stored(sequence: &str) -> Result<i64, EngineError> {
    sequence
        .parse::<u128>()
        .ok()
        .and_then(|number| number.checked_sub(OFFSET))
        .and_then(|number| i64::try_from(number).ok())
        .ok_or_else(|| EngineError::SequenceNumber(sequence.to_owned()))
}
