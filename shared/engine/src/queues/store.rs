//! The SQLite file: schema, opening, and the cache of queue rows.

use super::attributes::QueueAttributes;
use super::{QueueError, message};
use rusqlite::{Connection, OptionalExtension, Row};
use std::collections::BTreeMap;
use std::path::Path;

/// Changes with every change of the tables below.
const SCHEMA_VERSION: i64 = 1;

/// `group_id` is `''` for messages without one, so that they share a lane of the fair receive.
/// `sequence` never comes back, since ids are drawn from it. `receives` counts in all queues and numbers the
/// receipt handles; `receives_here` counts in the present queue and decides about dead letters.
const SCHEMA: &str = "
CREATE TABLE settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE queues (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  attributes TEXT NOT NULL,
  tags TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  modified_at_ms INTEGER NOT NULL,
  purged_at_ms INTEGER
) STRICT;
CREATE TABLE deleted_queues (name TEXT PRIMARY KEY, deleted_at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE messages (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  queue INTEGER NOT NULL,
  id TEXT NOT NULL,
  body TEXT NOT NULL,
  attributes TEXT,
  trace_header TEXT,
  group_id TEXT NOT NULL,
  sent_at_ms INTEGER NOT NULL,
  visible_at_ms INTEGER NOT NULL,
  received_at_ms INTEGER,
  first_received_at_ms INTEGER,
  receives INTEGER NOT NULL DEFAULT 0,
  receives_here INTEGER NOT NULL DEFAULT 0,
  dead_letter_source TEXT
) STRICT;
CREATE INDEX messages_by_group ON messages (queue, group_id, visible_at_ms, sequence);
CREATE INDEX messages_by_time ON messages (queue, visible_at_ms);
CREATE TABLE move_tasks (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  destination TEXT,
  started_at_ms INTEGER NOT NULL,
  to_move INTEGER NOT NULL,
  moved INTEGER NOT NULL,
  failure TEXT
) STRICT;
";

/// A queue's row, and what is known of its messages.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) key: i64,
    pub(super) attributes: QueueAttributes,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created_at_ms: u64,
    pub(super) modified_at_ms: u64,
    pub(super) purged_at_ms: Option<u64>,
    /// No message of the queue is older than this; it may be too early, never too late.
    pub(super) oldest_sent_at_ms: Option<u64>,
    /// The group that the last receive ended with; the next one starts after it.
    pub(super) last_group: String,
}

/// Opens the file, or a database in memory, and creates the tables in a new one.
pub(super) fn open(path: Option<&Path>) -> Result<Connection, QueueError> {
    let connection = match path {
        Some(path) => Connection::open(path)?,
        None => Connection::open_in_memory()?,
    };
    connection.set_prepared_statement_cache_capacity(64);
    // Queue rows are cached, so a second process must not get in.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found {
        SCHEMA_VERSION => {}
        0 => {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            transaction.commit()?;
        }
        _ => {
            return Err(QueueError::OtherSchema { found, expected: SCHEMA_VERSION });
        }
    }
    Ok(connection)
}

/// The seed of the file: the first one that it was opened with, since handles issued from it are still out.
pub(super) fn seed(connection: &Connection, wanted: u64) -> Result<u64, QueueError> {
    connection.execute("INSERT OR IGNORE INTO settings (name, value) VALUES ('seed', ?1)", [wanted.cast_signed()])?;
    let stored: i64 = connection.query_row("SELECT value FROM settings WHERE name = 'seed'", [], |row| row.get(0))?;
    Ok(stored.cast_unsigned())
}

/// The next free message sequence.
pub(super) fn next_sequence(connection: &Connection) -> Result<i64, QueueError> {
    let last: Option<i64> = connection
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'messages'", [], |row| row.get(0))
        .optional()?;
    Ok(last.unwrap_or(0) + 1)
}

/// All queues by name.
pub(super) fn load_queues(connection: &Connection) -> Result<BTreeMap<String, Queue>, QueueError> {
    let mut statement = connection.prepare(
        "SELECT name, key, attributes, tags, created_at_ms, modified_at_ms, purged_at_ms,
           (SELECT MIN(sent_at_ms) FROM messages WHERE queue = queues.key)
         FROM queues",
    )?;
    let mut rows = statement.query([])?;
    let mut queues = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let attributes: String = row.get(2)?;
        let tags: String = row.get(3)?;
        let corrupt = |_| QueueError::Corrupt { what: "queue" };
        let queue = Queue {
            key: row.get(1)?,
            attributes: serde_json::from_str(&attributes).map_err(corrupt)?,
            tags: serde_json::from_str(&tags).map_err(corrupt)?,
            created_at_ms: row.get(4)?,
            modified_at_ms: row.get(5)?,
            purged_at_ms: row.get(6)?,
            oldest_sent_at_ms: row.get(7)?,
            last_group: String::new(),
        };
        queues.insert(row.get(0)?, queue);
    }
    Ok(queues)
}

/// Writes the queue's attributes and tags; `key` 0 inserts. Answers the row's key.
pub(super) fn save_queue(connection: &Connection, name: &str, queue: &Queue) -> Result<i64, QueueError> {
    let corrupt = |_| QueueError::Corrupt { what: "queue" };
    let attributes = serde_json::to_string(&queue.attributes).map_err(corrupt)?;
    let tags = serde_json::to_string(&queue.tags).map_err(corrupt)?;
    if queue.key == 0 {
        connection.execute(
            "INSERT INTO queues (name, attributes, tags, created_at_ms, modified_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            (name, attributes, tags, queue.created_at_ms, queue.modified_at_ms),
        )?;
        return Ok(connection.last_insert_rowid());
    }
    connection.execute(
        "UPDATE queues SET attributes = ?2, tags = ?3, modified_at_ms = ?4, purged_at_ms = ?5 WHERE key = ?1",
        (queue.key, attributes, tags, queue.modified_at_ms, queue.purged_at_ms),
    )?;
    Ok(queue.key)
}

/// A message to insert.
pub(super) struct NewMessage<'a> {
    pub(super) sequence: i64,
    pub(super) queue: i64,
    pub(super) id: &'a str,
    pub(super) message: &'a message::OutgoingMessage,
    pub(super) sent_at_ms: u64,
    pub(super) visible_at_ms: u64,
}

/// Inserts a message that was checked before.
pub(super) fn insert_message(connection: &Connection, new: &NewMessage<'_>) -> Result<(), QueueError> {
    let attributes = if new.message.attributes.is_empty() {
        None
    } else {
        let wire: BTreeMap<&String, message::WireAttribute> =
            new.message.attributes.iter().map(|(name, attribute)| (name, attribute.into())).collect();
        let text = serde_json::to_string(&wire).map_err(|_| QueueError::Corrupt { what: "message attribute" })?;
        Some(text)
    };
    let mut statement = connection.prepare_cached(
        "INSERT INTO messages
           (sequence, queue, id, body, attributes, trace_header, group_id, sent_at_ms, visible_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    statement.execute((
        new.sequence,
        new.queue,
        new.id,
        &new.message.body,
        attributes,
        &new.message.trace_header,
        new.message.group_id.as_deref().unwrap_or_default(),
        new.sent_at_ms,
        new.visible_at_ms,
    ))?;
    Ok(())
}

/// A message's stored attributes.
pub(super) fn read_attributes(
    row: &Row<'_>,
    column: usize,
) -> Result<BTreeMap<String, message::MessageAttribute>, QueueError> {
    let corrupt = || QueueError::Corrupt { what: "message attribute" };
    let Some(text) = row.get::<_, Option<String>>(column)? else {
        return Ok(BTreeMap::new());
    };
    let wire: BTreeMap<String, message::WireAttribute> = serde_json::from_str(&text).map_err(|_| corrupt())?;
    wire.into_iter()
        .map(|(name, attribute)| {
            let attribute = attribute.try_into().map_err(|_| corrupt())?;
            Ok((name, attribute))
        })
        .collect()
}
