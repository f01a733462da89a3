//! Items: how a value becomes a DynamoDB item and back. The only module that knows the envelope's attributes.

use crate::failure::Failure;
use crate::metrics::Sample;
use crate::operation::Operation;
use crate::settings::{Settings, Table};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use domain::Message;
use domain::audit::Restored;
use domain::seeded_bugs::{SeededBug, is_on};
use domain::stock::{ActivityFact, LevelId, StockChange};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// An item as DynamoDB has it.
pub type Item = HashMap<String, AttributeValue>;

/// Most operations remembered on one item.
pub const OPERATIONS_MAX: usize = 16;

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its table.
    pub table: Table,
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    /// A key.
    pub fn new(table: Table, pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { table, pk: pk.into(), sk: sk.into() }
    }

    pub(crate) fn attributes(&self) -> Item {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk.clone())),
            ("sk".to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }
}

/// A value that is stored as one item. Its serde form is the persisted form: change it only compatibly.
pub trait Stored: Serialize + DeserializeOwned + Clone + PartialEq {
    /// Where it is stored.
    fn key(&self) -> Key;

    /// Key attributes of the sparse indexes that it is in; `shards` is over how many partitions a list is spread.
    fn indexes(&self, _shards: u32) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What the business counts when `self` is stored in place of `before`.
    fn counted(&self, _before: Option<&Self>) -> Vec<Sample> {
        Vec::new()
    }
}

/// A stored value with its version and the last operations applied to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub body: T,
    /// Its version, from 1.
    pub version: u64,
    /// Marks of the last [`OPERATIONS_MAX`] operations, oldest first.
    pub operations: Vec<String>,
}

/// What the relay reads: the messages that a commit stored with the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    /// The item's version when it was stored; 0 for inventory levels, whose every write replaces it.
    pub version: u64,
    /// The messages.
    pub messages: Vec<Message>,
}

/// What `facts` copies out: activity facts stored with the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactsOutbox {
    /// The operation: part of the facts' key, so that copying twice writes once.
    pub operation: String,
    /// The facts.
    pub facts: Vec<ActivityFact>,
}

/// One write of a commit.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new item, and what is counted with it; fails if there is one.
    Create(Key, Item, Vec<Sample>),
    /// The next version of an item, and what is counted with it; fails if it is not at `version`.
    Replace(Key, Item, u64, Vec<Sample>),
    /// A put without condition: content-keyed children.
    Put(Key, Item),
    /// A delete without condition.
    Delete(Key),
    /// A change of an inventory level; fails if a term would become negative.
    Level {
        /// The level's key.
        key: Key,
        /// The change.
        change: StockChange,
        /// The operation that causes it.
        operation: String,
    },
    /// A level set to what an audit's evidence says; fails if it is not at the version that the evidence is of.
    Restore {
        /// The level's key.
        key: Key,
        /// The level.
        level: LevelId,
        /// Its version in the evidence.
        version: u64,
        /// What it becomes.
        restored: Restored,
        /// The operation that causes it.
        operation: String,
    },
}

impl Write {
    /// Which item it writes.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Create(key, ..) | Self::Replace(key, ..) | Self::Put(key, _) | Self::Delete(key) => key,
            Self::Level { key, .. } | Self::Restore { key, .. } => key,
        }
    }

    /// What is counted when it is done.
    #[must_use]
    pub fn counted(&self) -> &[Sample] {
        match self {
            Self::Create(.., samples) | Self::Replace(.., samples) => samples,
            Self::Put(..) | Self::Delete(_) | Self::Level { .. } | Self::Restore { .. } => &[],
        }
    }
}

/// The tables.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) sleep: SharedAsyncSleep,
}

impl Store {
    /// The store over a client; `sleep` passes the time between tries.
    #[must_use]
    pub fn new(client: Client, settings: Settings, sleep: SharedAsyncSleep) -> Self {
        Self { client, settings, sleep }
    }

    /// Over how many partitions a list is spread.
    #[must_use]
    pub fn list_shards(&self) -> u32 {
        self.settings.list_shards()
    }

    /// Reads one item, consistently.
    ///
    /// # Errors
    /// [`Failure::Unavailable`], or [`Failure::Bug`] when the item is not what its key says.
    pub async fn load<T: Stored>(&self, key: &Key) -> Result<Option<Versioned<T>>, Failure> {
        let answer = self
            .client
            .get_item()
            .table_name(self.settings.table(key.table)?)
            .set_key(Some(key.attributes()))
            .consistent_read(!is_on(SeededBug::AcknowledgedOnStaleRead))
            .send()
            .await
            .map_err(unavailable)?;
        answer.item.map(|item| decode(key, item)).transpose()
    }

    /// Reads one item that must exist.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when it does not; otherwise as [`Store::load`].
    pub async fn require<T: Stored>(&self, key: &Key, what: impl std::fmt::Display) -> Result<Versioned<T>, Failure> {
        self.load(key).await?.ok_or_else(|| Failure::NotFound(what.to_string()))
    }

    /// Reads many items, in the order asked for; those that do not exist are left out.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub async fn load_many<T: Stored>(&self, keys: &[Key]) -> Result<Vec<Versioned<T>>, Failure> {
        let mut found: HashMap<(String, String), Item> = HashMap::new();
        let mut unique: Vec<Key> = keys.to_vec();
        unique.sort();
        unique.dedup();
        for chunk in unique.chunks(100) {
            let Some(first) = chunk.first() else { continue };
            let table = self.settings.table(first.table)?.to_owned();
            let mut pending: Vec<Item> = chunk.iter().map(Key::attributes).collect();
            let mut tries = 0;
            while !pending.is_empty() {
                tries += 1;
                if tries > 8 {
                    return Err(Failure::unavailable("DynamoDB leaves keys of a batch read unprocessed"));
                }
                let request = KeysAndAttributes::builder()
                    .set_keys(Some(std::mem::take(&mut pending)))
                    .consistent_read(true)
                    .build()
                    .map_err(|error| Failure::bug(error.to_string()))?;
                let answer =
                    self.client.batch_get_item().request_items(&table, request).send().await.map_err(unavailable)?;
                for item in answer.responses.into_iter().flatten().flat_map(|(_, items)| items) {
                    found.insert((text(&item, "pk"), text(&item, "sk")), item);
                }
                if let Some(rest) = answer.unprocessed_keys.and_then(|mut rest| rest.remove(&table)) {
                    pending = rest.keys;
                }
            }
        }
        keys.iter()
            .filter_map(|key| found.remove(&(key.pk.clone(), key.sk.clone())).map(|item| decode(key, item)))
            .collect()
    }

    /// Reads every item of a partition whose sort key begins with `prefix`, consistently, up to `limit` items.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub async fn query<T: Stored>(
        &self,
        table: Table,
        pk: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned<T>)>, Failure> {
        let mut found = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let page = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
            let mut query = self
                .client
                .query()
                .table_name(self.settings.table(table)?)
                .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()));
            // A key condition takes no empty text: without prefix there is no condition on the sort key.
            query = if prefix.is_empty() {
                query.key_condition_expression("pk = :pk")
            } else {
                query
                    .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                    .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            };
            let answer = query
                .consistent_read(true)
                .limit(page)
                .set_exclusive_start_key(start.take())
                .send()
                .await
                .map_err(unavailable)?;
            for item in answer.items.unwrap_or_default() {
                let key = Key::new(table, text(&item, "pk"), text(&item, "sk"));
                let value = decode(&key, item)?;
                found.push((key, value));
            }
            start = answer.last_evaluated_key;
            if start.is_none() || found.len() >= limit {
                return Ok(found);
            }
        }
    }

    /// One page of keys of an index partition, in ascending (or descending) order of the index sort key,
    /// after `after` and not past `until` (both are index sort keys; index reads are hints: read the items themselves).
    ///
    /// # Errors
    /// As [`Store::load`].
    pub async fn index_page(&self, page: &IndexPage<'_>) -> Result<Vec<(String, Key)>, Failure> {
        let (pk, sk) = (format!("{}_pk", page.index), format!("{}_sk", page.index));
        let mut query = self
            .client
            .query()
            .table_name(self.settings.table(page.table)?)
            .index_name(page.index)
            .scan_index_forward(!page.descending)
            .limit(i32::try_from(page.limit).unwrap_or(i32::MAX))
            .expression_attribute_names("#pk", &pk)
            .expression_attribute_values(":pk", AttributeValue::S(page.partition.to_owned()));
        let mut condition = "#pk = :pk".to_owned();
        // A key condition takes one comparison of the sort key: ascending pages may have either bound, descending ones `after`.
        let bound = match (page.descending, page.after, page.until) {
            (false, Some(after), Some(until)) => {
                query = query.expression_attribute_values(":low", AttributeValue::S(format!("{after}\u{0}")));
                Some((" AND #sk BETWEEN :low AND :bound", until))
            }
            (false, Some(after), None) => Some((" AND #sk > :bound", after)),
            (false, None, Some(until)) => Some((" AND #sk <= :bound", until)),
            (true, Some(after), _) => Some((" AND #sk < :bound", after)),
            (_, None, _) => None,
        };
        if let Some((clause, value)) = bound {
            condition.push_str(clause);
            query = query
                .expression_attribute_names("#sk", &sk)
                .expression_attribute_values(":bound", AttributeValue::S(value.to_owned()));
        }
        let answer = query.key_condition_expression(condition).send().await.map_err(unavailable)?;
        Ok(answer
            .items
            .unwrap_or_default()
            .into_iter()
            .map(|item| (text(&item, &sk), Key::new(page.table, text(&item, "pk"), text(&item, "sk"))))
            .collect())
    }
}

/// What to read of an index.
#[derive(Debug, Clone, Copy)]
pub struct IndexPage<'a> {
    /// The table.
    pub table: Table,
    /// The index; its key attributes are `<index>_pk` and `<index>_sk`.
    pub index: &'a str,
    /// The partition.
    pub partition: &'a str,
    /// Only keys after this one (before it, when descending).
    pub after: Option<&'a str>,
    /// Only keys up to this one.
    pub until: Option<&'a str>,
    /// Newest first.
    pub descending: bool,
    /// Most keys.
    pub limit: usize,
}

/// The item of `body` at `version`: envelope, index keys, and the body's own fields.
pub(crate) fn encode<T: Stored>(
    body: &T,
    version: u64,
    operations: &[String],
    messages: Vec<Message>,
    facts: Vec<ActivityFact>,
    operation: &Operation,
    shards: u32,
) -> Result<Item, Failure> {
    let mut item: Item = serde_dynamo::aws_sdk_dynamodb_1::to_item(body)
        .map_err(|error| Failure::bug(format!("a value cannot be stored: {error}")))?;
    let key = body.key();
    item.extend(key.attributes());
    item.insert("version".to_owned(), AttributeValue::N(version.to_string()));
    item.insert("ops".to_owned(), AttributeValue::L(operations.iter().cloned().map(AttributeValue::S).collect()));
    for (name, value) in body.indexes(shards) {
        item.insert(name.to_owned(), AttributeValue::S(value));
    }
    if !messages.is_empty() {
        let messages = messages.into_iter().map(|message| Message { version, ..message }).collect();
        item.insert("outbox".to_owned(), AttributeValue::S(json(&Outbox { version, messages })?));
    }
    if !facts.is_empty() {
        let facts = FactsOutbox { operation: operation.id().to_owned(), facts };
        item.insert("facts".to_owned(), AttributeValue::S(json(&facts)?));
    }
    Ok(item)
}

/// Reads an item back.
///
/// # Errors
/// [`Failure::Bug`] when it is not what its key says.
pub fn decode<T: Stored>(key: &Key, mut item: Item) -> Result<Versioned<T>, Failure> {
    let version = match item.get("version") {
        Some(AttributeValue::N(number)) => number.parse().unwrap_or(0),
        _ => 0,
    };
    let operations = match item.remove("ops") {
        Some(AttributeValue::L(marks)) => marks.into_iter().filter_map(|mark| mark.as_s().ok().cloned()).collect(),
        _ => Vec::new(),
    };
    let body = serde_dynamo::aws_sdk_dynamodb_1::from_item(item)
        .map_err(|error| Failure::bug(format!("item {}/{} cannot be read: {error}", key.pk, key.sk)))?;
    Ok(Versioned { body, version, operations })
}

pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::bug(error.to_string()))
}

pub(crate) fn text(item: &Item, name: &str) -> String {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text.clone(),
        _ => String::new(),
    }
}

/// An error of the SDK that no condition explains: throttled, down, or a request that we built wrongly.
pub(crate) fn unavailable<E>(error: SdkError<E>) -> Failure
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    use aws_sdk_dynamodb::error::ProvideErrorMetadata;
    match error.as_service_error() {
        Some(service) => {
            let code = ProvideErrorMetadata::code(service).unwrap_or("unknown");
            let detail = ProvideErrorMetadata::message(service).unwrap_or_default();
            match code {
                "ValidationException" | "AccessDeniedException" | "ResourceNotFoundException" | "AccessDenied" => {
                    Failure::bug(format!("{code}: {detail}"))
                }
                _ => Failure::unavailable(format!("{code}: {detail}")),
            }
        }
        None => Failure::unavailable(format!("{}", aws_smithy_types::error::display::DisplayErrorContext(&error))),
    }
}
