//! `cargo local backup` and `restore`: what AWS keeps and gives back, and nothing more. A backup has the items of each table and the
//! documents. It has no queue and no position in a stream, as a point-in-time recovery has none: the sweeper derives from the
//! restored state what they held.

mod items;
mod restore;

pub use restore::restore;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use engine::EngineError;
use serde::{Deserialize, Serialize};

use crate::host::DataError;

/// Says what a backup has, and is written last: without it a backup is not whole.
pub(crate) const MANIFEST: &str = "backup.json";
/// The tables, one file of items each.
pub(crate) const TABLES: &str = "tables";
/// The documents.
pub(crate) const OBJECTS: &str = "objects";
/// The keys without which the sealed secrets stay closed: a backup is worth as much as what it was taken of.
pub(crate) const KEYS: [&str; 2] = ["administrator.key", "secrets.key"];

/// What a backup has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this form.
    pub format: u32,
    /// When it was taken, UTC.
    pub taken_at: String,
    /// Items of each table.
    pub tables: BTreeMap<String, usize>,
    /// Documents.
    pub objects: usize,
}

/// The form that is written and read.
pub(crate) const FORMAT: u32 = 1;

/// Why a backup cannot be taken or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something already.
    #[error("{0} is not empty: name a directory that does not exist yet")]
    NotEmpty(PathBuf),
    /// No data to back up.
    #[error("{0} holds no tables: name the data directory with --data")]
    NoData(PathBuf),
    /// It was not taken to its end, or is none.
    #[error("{path} is no whole backup: {reason}")]
    NotWhole {
        /// The backup.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// The template has no such table.
    #[error(
        "the backup has a table {0} that template.yaml does not declare: restore with the template that it was taken with"
    )]
    UnknownTable(String),
    /// The data directory.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The tables and queues could not be made.
    #[error(transparent)]
    Provision(#[from] crate::host::ProvisionError),
    /// The engine refused a request.
    #[error("{operation} of {table}: {message}")]
    Refused {
        /// Which request.
        operation: &'static str,
        /// Of which table.
        table: String,
        /// Its reason.
        message: String,
    },
    /// The operating system refuses.
    #[error("{path}: {source}")]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { path: path.clone(), source }
}

/// Backs up the data directory `data` into `into`, also while a stack runs on it. All tables are of one instant; a document that is
/// written meanwhile may be in it or not, which the tables then say.
///
/// # Errors
/// [`BackupError`].
pub fn backup(data: &Path, into: &Path) -> Result<Manifest, BackupError> {
    let aws = data.join("aws");
    let database = aws.join("dynamodb.sqlite");
    if !database.is_file() {
        return Err(BackupError::NoData(data.to_owned()));
    }
    if into.exists() && fs::read_dir(into).map_err(at(into))?.next().is_some() {
        return Err(BackupError::NotEmpty(into.to_owned()));
    }
    private_directory(into)?;
    let copy = into.join("copy");
    private_directory(&copy)?;
    engine::dynamodb::DynamoDb::copy(&database, &copy.join("dynamodb.sqlite"))?;
    let tables = items::write_all(&copy, &into.join(TABLES))?;
    fs::remove_dir_all(&copy).map_err(at(&copy))?;
    let objects = copy_all(&aws.join(OBJECTS), &into.join(OBJECTS))?;
    for key in KEYS {
        let (from, to) = (data.join(key), into.join(key));
        fs::copy(&from, &to).map_err(at(&from))?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).map_err(at(&to))?;
    }
    let manifest = Manifest { format: FORMAT, taken_at: crate::host::now().to_string(), tables, objects };
    let text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    let path = into.join(MANIFEST);
    fs::write(&path, text).map_err(at(&path))?;
    Ok(manifest)
}

fn private_directory(path: &Path) -> Result<(), BackupError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

/// Copies a directory's files, and those of its directories; gives how many. What is deleted meanwhile is left out.
pub(crate) fn copy_all(from: &Path, to: &Path) -> Result<usize, BackupError> {
    private_directory(to)?;
    let mut copied = 0;
    for entry in fs::read_dir(from).map_err(at(from))? {
        let entry = entry.map_err(at(from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copied += copy_all(&path, &target)?;
            continue;
        }
        // A document that is being written has another name until it is whole.
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        match fs::copy(&path, &target) {
            Ok(_) => copied += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(at(&path)(source)),
        }
    }
    Ok(copied)
}
