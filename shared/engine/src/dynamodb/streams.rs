//! A table's stream as its host reads it: records in order, as a function's event carries them.

use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::{decode_shard_iterator, encode_shard_iterator};
use dynoxide::actions::tag_resource::TagResourceRequest;
use dynoxide::types::Tag;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{DynamoDb, schema};
use crate::error::EngineError;

/// A sequence number as given out is the stored one (microseconds of the write, made unique) plus this, so that
/// all have 21 digits and sort as text.
const OFFSET: u128 = 100_000_000_000_000_000_000;

/// One record of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamRecord {
    /// Its position; ask for what follows it with this.
    pub sequence_number: String,
    /// One element of `Records` in the event of a function that reads the stream.
    pub event: Value,
}

impl DynamoDb {
    /// Up to `limit` (at most 1,000) records of `table`'s stream that follow `after_sequence`, oldest first;
    /// from the oldest kept one without it. Empty where nothing new is there.
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
        let shard = dynoxide::streams::shard_id(table);
        let found = self.database.get_records(GetRecordsRequest {
            shard_iterator: encode_shard_iterator(table, &shard, position),
            limit: Some(limit),
        })?;
        if found.records.is_empty() {
            return Ok(Vec::new());
        }
        let label = self.database.get_table_metadata(table)?.and_then(|t| t.stream_label).unwrap_or_default();
        let arn = dynoxide::streams::stream_arn(table, &label);
        found
            .records
            .into_iter()
            .map(|mut record| {
                name_event(table, &mut record);
                let sequence_number = record.dynamodb.sequence_number.clone();
                let mut event = serde_json::to_value(record)?;
                event["eventSourceARN"] = Value::String(arn.clone());
                Ok(StreamRecord { sequence_number, event })
            })
            .collect()
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
pub(super) fn name_events(iterator: &str, records: &mut [Record]) {
    if let Some((table, _, _)) = decode_shard_iterator(iterator) {
        for record in records {
            name_event(&table, record);
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
