//! The data directory: one host at a time, nothing readable by others that must not be.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::moment::{NoRandomness, secret};

/// What a data directory of ours contains, and no other directory does.
const LOCK: &str = "sklad.lock";
/// The file that says that the data were restored from a backup: while it is there, carriers are asked before a label is bought.
pub const RESTORED: &str = "restored";

/// The file that says where the stack on a data directory answers.
const ADDRESSES: &str = "endpoints.json";

/// Where a stack answers, as its data directory has it; also of one that is gone.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Addresses {
    pub(crate) api_url: String,
    pub(crate) aws_url: String,
    /// Of the sandbox partners, if they were started.
    pub(crate) sandbox_url: Option<String>,
}

impl Addresses {
    /// Those of the last stack on this directory.
    pub(crate) fn noted(data: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(data.join(ADDRESSES)).ok()?).ok()
    }
}

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Another host runs on it.
    #[error("another `cargo local` runs on {0}: stop it, or choose another directory with --data")]
    InUse(PathBuf),
    /// `--fresh` on a directory that is none of ours.
    #[error(
        "{0} is not empty and no data directory of ours, so that --fresh does not empty it: choose another one with --data"
    )]
    NotOurs(PathBuf),
    /// The operating system refuses.
    #[error("{path}: {source}")]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No keys can be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// An opened data directory. The lock goes with the value, also when the process is killed.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Secrets of this data directory.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    /// The API key of the administrator, in the form of every key: `sklad_<merchant>_<secret>`.
    pub(crate) administrator: String,
    /// What seals stored secrets: 32 bytes in base64.
    pub(crate) secrets: String,
}

impl Keys {
    /// SHA-256 of the administrator's key in hexadecimal, which is all that functions see of it.
    pub(crate) fn administrator_hash(&self) -> String {
        hex::encode(Sha256::digest(self.administrator.as_bytes()))
    }
}

impl DataDir {
    /// Opens it, or makes it. With `fresh`, whatever was in it is gone.
    pub(crate) fn open(path: &Path, fresh: bool) -> Result<Self, DataError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
        let path = path.canonicalize().map_err(at(path))?;
        let lock_path = path.join(LOCK);
        if fresh && !lock_path.exists() && fs::read_dir(&path).map_err(at(&path))?.next().is_some() {
            return Err(DataError::NotOurs(path));
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(at(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataError::InUse(path)),
            Err(TryLockError::Error(source)) => return Err(at(&lock_path)(source)),
        }
        if fresh {
            for entry in fs::read_dir(&path).map_err(at(&path))? {
                let entry = entry.map_err(at(&path))?;
                let entry_path = entry.path();
                if entry_path == lock_path {
                    continue;
                }
                let removed = if entry.file_type().map_err(at(&entry_path))?.is_dir() {
                    fs::remove_dir_all(&entry_path)
                } else {
                    fs::remove_file(&entry_path)
                };
                removed.map_err(at(&entry_path))?;
            }
        }
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A directory in it, which exists afterwards.
    pub(crate) fn directory(&self, name: &str) -> Result<PathBuf, DataError> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(at(&path))?;
        Ok(path)
    }

    /// The keys, made on the first start.
    pub(crate) fn keys(&self) -> Result<Keys, DataError> {
        Ok(Keys {
            administrator: self.kept("administrator.key", || Ok(format!("sklad_platform_{}", secret(48)?)))?,
            secrets: self.kept("secrets.key", || {
                let bytes = hex::decode(secret(64)?).map_err(|_| NoRandomness)?;
                Ok(BASE64_STANDARD.encode(bytes))
            })?,
        })
    }

    /// Notes where the stack answers.
    pub(crate) fn note(&self, addresses: &Addresses) -> Result<(), DataError> {
        let text = serde_json::to_string_pretty(addresses).map_err(|error| at(&self.path)(error.into()))?;
        self.write(ADDRESSES, &format!("{text}\n"))
    }

    /// Writes a file that is whole or absent at every moment.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<(), DataError> {
        let path = self.path.join(name);
        let new = self.path.join(format!("{name}.new"));
        let write = || {
            let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(content.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(at(&path))
    }

    fn kept(&self, name: &str, make: impl Fn() -> Result<String, NoRandomness>) -> Result<String, DataError> {
        let path = self.path.join(name);
        let mut kept = String::new();
        match File::open(&path).and_then(|mut file| file.read_to_string(&mut kept)) {
            Ok(_) if !kept.trim().is_empty() => return Ok(kept.trim().to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(at(&path)(source)),
        }
        let made = make()?;
        self.write(name, &format!("{made}\n"))?;
        Ok(made)
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> DataError {
    let path = path.to_owned();
    move |source| DataError::Io { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_second_host_on_the_same_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let first = DataDir::open(directory.path(), false).unwrap();
        assert!(matches!(DataDir::open(directory.path(), false), Err(DataError::InUse(_))));
        drop(first);
        DataDir::open(directory.path(), false).unwrap();
    }

    #[test]
    fn keys_are_made_once_and_for_the_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let keys = DataDir::open(directory.path(), false).unwrap().keys().unwrap();
        let data = DataDir::open(directory.path(), false).unwrap();
        assert!(data.keys().unwrap() == keys);
        assert_eq!(BASE64_STANDARD.decode(&keys.secrets).unwrap().len(), 32);
        let mode = fs::metadata(directory.path().join("administrator.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn fresh_empties_our_own_directory_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("letter.txt"), "mine").unwrap();
        assert!(matches!(DataDir::open(directory.path(), true), Err(DataError::NotOurs(_))));
        assert!(directory.path().join("letter.txt").exists());

        let ours = directory.path().join("ours");
        let before = DataDir::open(&ours, true).unwrap().keys().unwrap();
        fs::create_dir(ours.join("logs")).unwrap();
        let data = DataDir::open(&ours, true).unwrap();
        assert!(!ours.join("logs").exists());
        assert!(data.keys().unwrap() != before);
    }
}
