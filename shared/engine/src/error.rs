//! Why the engine cannot start or its own (not AWS's) calls fail.

use std::path::{Path, PathBuf};

/// A failure of the engine itself. What AWS would answer is a response, not this.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A file or directory cannot be used.
    #[error("{}: {reason}", path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// DynamoDB's database failed.
    #[error("the database of the tables: {0}")]
    DynamoDb(#[from] dynoxide::DynoxideError),
    /// SQLite failed beneath it.
    #[error("the database of the tables: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The queues' database failed.
    #[error("the database of the queues: {0}")]
    Queues(#[from] crate::queues::QueueError),
    /// The empty database in memory could not be made.
    #[error("the empty database in memory could not be made: {0}")]
    Template(String),
    /// A stream was asked for a position that it never gave out.
    #[error("{0:?} is not a sequence number of a stream; take it from a record")]
    SequenceNumber(String),
    /// A stream record cannot be written as JSON.
    #[error("a stream record cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl EngineError {
    pub(crate) fn path(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Path { path: path.to_owned(), reason: reason.to_string() }
    }
}
