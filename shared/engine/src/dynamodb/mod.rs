//! DynamoDB and its streams: dynoxide, with the bookkeeping around it that a running system needs.

pub mod adversity;
mod metered;
mod operations;
mod schema;
mod shred;
mod streams;
pub(crate) mod wire;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use dynoxide::Database;
use dynoxide::actions::TableDescription;
use http::Response;
use sha2::{Digest, Sha256};

use crate::clock::{Clock, ForDynoxide};
use crate::error::EngineError;
use crate::meter::Meter;

pub use streams::{Shard, StreamRecord};

/// Called with a table's name after a write to a table that has a stream.
pub type StreamListener = Arc<dyn Fn(&str) + Send + Sync>;

/// The tables and their streams.
///
/// A file-backed database keeps every acknowledged write through `kill -9` of the process (write-ahead log,
/// `synchronous = NORMAL`: a power cut may take the last moments, never consistency). It stamps stream records
/// and sweeps expired items by the system's clock, the one in memory by the clock that was handed in.
pub struct DynamoDb {
    database: Database,
    clock: Arc<dyn Clock>,
    meter: Arc<Meter>,
    has_stream: RwLock<HashMap<String, bool>>,
    listeners: RwLock<Vec<StreamListener>>,
    region: String,
    /// When each table was first described, by the injected clock; `None` for a file, which keeps dynoxide's word.
    made_at_ms: Option<Mutex<HashMap<String, u64>>>,
    stream_logs: Mutex<HashMap<String, streams::Log>>,
    adversity: OnceLock<Mutex<adversity::State>>,
    shredder: shred::Shredder,
}

impl DynamoDb {
    pub(crate) fn open(
        file: &Path,
        clock: Arc<dyn Clock>,
        meter: Arc<Meter>,
        region: String,
    ) -> Result<Self, EngineError> {
        let path = file.to_str().ok_or_else(|| EngineError::path(file, "its name is not UTF-8; choose another one"))?;
        let database = Database::new(path)?;
        // The one public switch that leaves a connection at `synchronous = NORMAL`.
        database.disable_bulk_loading()?;
        schema::extend(path)?;
        Ok(Self { shredder: shred::Shredder::of(file), ..Self::with(database, clock, meter, region) })
    }

    /// Everything that it answers follows from the calls and the clock.
    pub(crate) fn memory(clock: Arc<dyn Clock>, meter: Arc<Meter>, region: String) -> Result<Self, EngineError> {
        let database = Database::memory_with_clock(Arc::new(ForDynoxide(clock.clone())))?;
        database.restore_from(schema::empty_in_memory()?)?;
        Ok(Self { made_at_ms: Some(Mutex::default()), ..Self::with(database, clock, meter, region) })
    }

    fn with(database: Database, clock: Arc<dyn Clock>, meter: Arc<Meter>, region: String) -> Self {
        Self {
            database,
            clock,
            meter,
            has_stream: RwLock::default(),
            listeners: RwLock::default(),
            region,
            made_at_ms: None,
            stream_logs: Mutex::default(),
            adversity: OnceLock::new(),
            shredder: shred::Shredder::default(),
        }
    }

    /// Runs one operation (`PutItem`, `GetRecords`, …) from its JSON body, with no time between its arrival and its
    /// effect.
    pub fn call(self: &Arc<Self>, operation: &str, body: &[u8]) -> Response<Vec<u8>> {
        let begun = self.begin(operation, body);
        self.finish(operation, body, begun)
    }

    /// Deletes the items whose time to live has passed, as DynamoDB does by itself; someone has to call it
    /// now and then. Returns how many there were.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub fn sweep_ttl(&self) -> Result<usize, EngineError> {
        let deleted = self.database.sweep_ttl()?;
        if deleted > 0 {
            self.wake_all()?;
        }
        Ok(deleted)
    }

    /// Gives the space of deleted items back and with it the last trace of their content.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn vacuum(&self) -> Result<(), EngineError> {
        Ok(self.database.vacuum()?)
    }

    /// Copies a database file as it is at one instant, also while an engine works on it.
    ///
    /// # Errors
    /// The file cannot be read, or there is something at `copy`.
    pub fn copy(file: &Path, copy: &Path) -> Result<(), EngineError> {
        let path = copy.to_str().ok_or_else(|| EngineError::path(copy, "its name is not UTF-8; choose another one"))?;
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(file, flags)?;
        // Longer than any write takes.
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        connection.execute("VACUUM INTO ?1", [path])?;
        Ok(())
    }

    /// Has `listener` called after every successful write to a table that has a stream, on the writer's
    /// thread: it should do no more than wake whoever reads the stream.
    pub fn on_stream_record(&self, listener: StreamListener) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    fn wake(&self, table: &str) -> Result<(), dynoxide::DynoxideError> {
        if !self.has_stream(table)? {
            return Ok(());
        }
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in listeners {
            listener(table);
        }
        Ok(())
    }

    fn wake_all(&self) -> Result<(), dynoxide::DynoxideError> {
        for table in self.database.table_stats()? {
            self.wake(&table.table_name)?;
        }
        Ok(())
    }

    fn has_stream(&self, table: &str) -> Result<bool, dynoxide::DynoxideError> {
        let known = self.has_stream.read().unwrap_or_else(PoisonError::into_inner).get(table).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let enabled = self.database.get_table_metadata(table)?.is_some_and(|t| t.stream_enabled);
        self.has_stream.write().unwrap_or_else(PoisonError::into_inner).insert(table.to_owned(), enabled);
        Ok(enabled)
    }

    /// Replaces what dynoxide draws or takes from the clock on the wall.
    fn repeatable(&self, table: &mut TableDescription) {
        let Some(made_at_ms) = &self.made_at_ms else { return };
        let mut made_at_ms = made_at_ms.lock().unwrap_or_else(PoisonError::into_inner);
        let made_at_ms = *made_at_ms.entry(table.table_name.clone()).or_insert_with(|| self.clock.now_ms());
        let digest = hex::encode(Sha256::digest(format!("{}\0{made_at_ms}", table.table_name)));
        let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
        table.table_id =
            Some(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)));
        table.creation_date_time = Some((made_at_ms / 1000) as f64);
    }

    fn forget_tables(&self) {
        self.has_stream.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.forget_shapes();
    }
}
