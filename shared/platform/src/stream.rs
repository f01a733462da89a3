//! DynamoDB stream records, as `relay` and `facts` read them.

use crate::failure::Failure;
use crate::store::{Item, Outbox};
use aws_lambda_events::dynamodb::EventRecord;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Message;

/// One record of a table's stream.
#[derive(Debug, Clone)]
pub struct StreamRecord {
    /// Table name, from the stream's ARN.
    pub table: String,
    /// Sequence number within its shard.
    pub sequence_number: String,
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
    /// The item after the write; absent when it was removed.
    pub image: Option<Item>,
}

impl StreamRecord {
    /// Reads Lambda's form of a record.
    ///
    /// # Errors
    /// [`Failure::Malformed`] when its keys are not ours.
    pub fn from_event(record: EventRecord) -> Result<Self, Failure> {
        let arn = record.event_source_arn.unwrap_or_default();
        let table = arn.split("/").nth(1).unwrap_or_default().to_owned();
        let convert = |item: serde_dynamo::Item| -> Item { item.into() };
        let keys = convert(record.change.keys);
        let key = |name: &str| match keys.get(name) {
            Some(AttributeValue::S(text)) => Ok(text.clone()),
            _ => Err(Failure::Malformed(format!("a stream record of {table} without key {name}"))),
        };
        let removed = record.event_name == "REMOVE";
        Ok(Self {
            pk: key("pk")?,
            sk: key("sk")?,
            sequence_number: record.change.sequence_number.unwrap_or_default(),
            image: (!removed).then(|| convert(record.change.new_image)),
            table,
        })
    }

    /// A string attribute of the new image.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.image.as_ref()?.get(name)? {
            AttributeValue::S(text) => Some(text),
            _ => None,
        }
    }

    /// A whole-number attribute of the new image.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.image.as_ref()?.get(name)? {
            AttributeValue::N(number) => number.parse().ok(),
            _ => None,
        }
    }

    /// The messages that the commit of this record stored: none when the outbox is an older commit's.
    ///
    /// # Errors
    /// [`Failure::Malformed`] when it cannot be read.
    pub fn outbox(&self) -> Result<Vec<Message>, Failure> {
        let Some(text) = self.text("outbox") else { return Ok(Vec::new()) };
        let unreadable = |error: String| Failure::Malformed(format!("{}/{}/{}: {error}", self.table, self.pk, self.sk));
        let outbox: Outbox = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        let version = self.number("version").ok_or_else(|| unreadable("no version".to_owned()))?;
        match outbox.version {
            // Inventory levels are changed by arithmetic, whose every write sets or removes the outbox and cannot name the
            // version that it makes: the record does, so that two arrivals of one item are two messages.
            0 => Ok(outbox.messages.into_iter().map(|message| Message { version, ..message }).collect()),
            own if own == version => Ok(outbox.messages),
            _ => Ok(Vec::new()),
        }
    }
}
