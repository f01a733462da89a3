//! Leaving no trace of what was deleted. SQLite keeps the bytes of deleted rows in free pages and in its write-ahead log until
//! it needs the room, and dynoxide opens its connection without `secure_delete`. So for one table, that of personal data, it is
//! remembered that something was deleted or replaced; then the whole file is written anew, and the log cut off.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use rusqlite::Connection;

use super::DynamoDb;
use super::metered::Request;
use crate::error::EngineError;

/// What is remembered, also through a `kill -9`: by a file beside the database.
#[derive(Debug, Default)]
pub(super) struct Shredder {
    file: OnceLock<PathBuf>,
    table: RwLock<Option<String>>,
    pending: AtomicBool,
}

fn marker(database: &Path) -> PathBuf {
    database.with_extension("shred")
}

impl Shredder {
    pub(super) fn of(database: &Path) -> Self {
        let pending = AtomicBool::new(marker(database).exists());
        Self { file: OnceLock::from(database.to_owned()), pending, ..Self::default() }
    }

    /// Called before a write takes effect.
    pub(super) fn note(&self, request: &impl Request) -> Result<(), EngineError> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let Some(table) = table.as_deref().filter(|table| request.replaces_in(table)) else { return Ok(()) };
        let Some(file) = self.file.get() else { return Ok(()) };
        if !self.pending.swap(true, Ordering::SeqCst) {
            let marker = marker(file);
            std::fs::write(&marker, table).map_err(|error| EngineError::path(&marker, error))?;
        }
        Ok(())
    }
}

impl DynamoDb {
    /// From now on, what is deleted from or replaced in `table` is shredded by [`DynamoDb::shred`].
    pub fn shred_what_leaves(&self, table: &str) {
        *self.shredder.table.write().unwrap_or_else(PoisonError::into_inner) = Some(table.to_owned());
    }

    /// Writes the file anew if something was deleted or replaced that must leave no trace; says whether. It costs as much as
    /// the whole file, and every other call waits.
    ///
    /// # Errors
    /// The database cannot be written; then the next call tries again.
    pub fn shred(&self) -> Result<bool, EngineError> {
        let Some(file) = self.shredder.file.get() else { return Ok(false) };
        if !self.shredder.pending.swap(false, Ordering::SeqCst) {
            return Ok(false);
        }
        let marker = marker(file);
        // What comes meanwhile makes a marker of its own.
        let removed = std::fs::remove_file(&marker);
        let shredded = removed.map_err(|error| EngineError::path(&marker, error)).and_then(|()| {
            self.vacuum()?;
            cut_log(file)
        });
        if shredded.is_err() {
            self.shredder.pending.store(true, Ordering::SeqCst);
            std::fs::write(&marker, "").map_err(|error| EngineError::path(&marker, error))?;
        }
        shredded.map(|()| true)
    }
}

/// Moves everything of the write-ahead log into the database, and leaves none of it.
fn cut_log(file: &Path) -> Result<(), EngineError> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(EngineError::path(file, "its write-ahead log is in use and stays for now")) }
}
