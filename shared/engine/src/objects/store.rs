//! Where objects lie: one file each, or a map in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::answer::S3Error;
use super::request::{decode, encode};
use crate::error::EngineError;

/// What is kept beside an object's bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The object's key.
    pub key: String,
    /// Bytes.
    pub length: u64,
    /// When it was put, in UTC epoch milliseconds.
    pub modified_ms: u64,
    /// The first half of the content's SHA-256, in hex.
    pub etag: String,
    /// Headers to give back as they came: content type, user metadata, checksum.
    pub headers: BTreeMap<String, String>,
}

/// An object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// All but the bytes.
    pub metadata: Metadata,
    /// The content.
    pub bytes: Vec<u8>,
}

/// All buckets. Writers wait for each other, so that a condition and its write are one step.
pub(super) enum Store {
    Memory(Mutex<BTreeMap<String, BTreeMap<String, Object>>>),
    Directory { root: PathBuf, writer: Mutex<u64> },
}

/// Marks a file that is not complete yet.
const TEMPORARY: &str = ".tmp-";

impl Store {
    pub(super) fn memory() -> Self {
        Self::Memory(Mutex::default())
    }

    /// Opens or makes the directory and removes what a killed process left half-written.
    pub(super) fn open(root: &Path) -> Result<Self, EngineError> {
        let failed = |error: std::io::Error| EngineError::path(root, error);
        fs::create_dir_all(root).map_err(failed)?;
        for bucket in fs::read_dir(root).map_err(failed)? {
            let bucket = bucket.map_err(failed)?.path();
            if !bucket.is_dir() {
                continue;
            }
            for file in fs::read_dir(&bucket).map_err(failed)? {
                let file = file.map_err(failed)?;
                if file.file_name().to_string_lossy().starts_with(TEMPORARY) {
                    fs::remove_file(file.path()).map_err(failed)?;
                }
            }
        }
        Ok(Self::Directory { root: root.to_owned(), writer: Mutex::new(0) })
    }

    /// Makes a bucket; `false` if it was there.
    pub(super) fn create_bucket(&self, bucket: &str) -> Result<bool, S3Error> {
        match self {
            Self::Memory(buckets) => {
                let mut buckets = lock(buckets);
                let fresh = !buckets.contains_key(bucket);
                buckets.entry(bucket.to_owned()).or_default();
                Ok(fresh)
            }
            Self::Directory { root, writer } => {
                let _one = lock(writer);
                match fs::create_dir(root.join(bucket)) {
                    Ok(()) => Ok(true),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
                    Err(error) => Err(S3Error::internal(error)),
                }
            }
        }
    }

    pub(super) fn has_bucket(&self, bucket: &str) -> bool {
        match self {
            Self::Memory(buckets) => lock(buckets).contains_key(bucket),
            Self::Directory { root, .. } => root.join(bucket).is_dir(),
        }
    }

    pub(super) fn buckets(&self) -> Result<BTreeSet<String>, S3Error> {
        match self {
            Self::Memory(buckets) => Ok(lock(buckets).keys().cloned().collect()),
            Self::Directory { root, .. } => fs::read_dir(root)
                .map_err(S3Error::internal)?
                .map(|entry| {
                    let entry = entry.map_err(S3Error::internal)?;
                    Ok(entry.file_name().to_string_lossy().into_owned())
                })
                .collect(),
        }
    }

    /// Puts an object, all of it or nothing; with `only_if_new`, `false` and nothing if the key is taken.
    pub(super) fn put(&self, bucket: &str, object: Object, only_if_new: bool) -> Result<bool, S3Error> {
        let key = object.metadata.key.clone();
        match self {
            Self::Memory(buckets) => {
                let mut buckets = lock(buckets);
                let objects = buckets.get_mut(bucket).ok_or_else(S3Error::no_such_bucket)?;
                if only_if_new && objects.contains_key(&key) {
                    return Ok(false);
                }
                objects.insert(key, object);
                Ok(true)
            }
            Self::Directory { root, writer } => {
                let dir = root.join(bucket);
                let file = dir.join(file_name(&key));
                let mut writes = lock(writer);
                if only_if_new && file.exists() {
                    return Ok(false);
                }
                *writes += 1;
                let temporary = dir.join(format!("{TEMPORARY}{writes}"));
                write_file(&temporary, &object).and_then(|()| fs::rename(&temporary, &file)).map_err(|error| {
                    if error.kind() == ErrorKind::NotFound {
                        S3Error::no_such_bucket()
                    } else {
                        S3Error::internal(error)
                    }
                })?;
                Ok(true)
            }
        }
    }

    pub(super) fn get(&self, bucket: &str, key: &str) -> Result<Object, S3Error> {
        match self {
            Self::Memory(buckets) => lock(buckets)
                .get(bucket)
                .ok_or_else(S3Error::no_such_bucket)?
                .get(key)
                .cloned()
                .ok_or_else(S3Error::no_such_key),
            Self::Directory { root, .. } => {
                let found = fs::File::open(root.join(bucket).join(file_name(key)));
                match found {
                    Ok(mut file) => {
                        let metadata = read_metadata(&mut file)?;
                        let mut bytes = Vec::new();
                        file.read_to_end(&mut bytes).map_err(S3Error::internal)?;
                        Ok(Object { metadata, bytes })
                    }
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        Err(if self.has_bucket(bucket) { S3Error::no_such_key() } else { S3Error::no_such_bucket() })
                    }
                    Err(error) => Err(S3Error::internal(error)),
                }
            }
        }
    }

    pub(super) fn head(&self, bucket: &str, key: &str) -> Result<Metadata, S3Error> {
        match self {
            Self::Memory(_) => Ok(self.get(bucket, key)?.metadata),
            Self::Directory { root, .. } => match fs::File::open(root.join(bucket).join(file_name(key))) {
                Ok(mut file) => read_metadata(&mut file),
                Err(error) if error.kind() == ErrorKind::NotFound => Err(S3Error::no_such_key()),
                Err(error) => Err(S3Error::internal(error)),
            },
        }
    }

    /// Deletes an object; one that is not there is no error.
    pub(super) fn delete(&self, bucket: &str, key: &str) -> Result<(), S3Error> {
        match self {
            Self::Memory(buckets) => {
                lock(buckets).get_mut(bucket).ok_or_else(S3Error::no_such_bucket)?.remove(key);
                Ok(())
            }
            Self::Directory { root, writer } => {
                if !self.has_bucket(bucket) {
                    return Err(S3Error::no_such_bucket());
                }
                let _one = lock(writer);
                match fs::remove_file(root.join(bucket).join(file_name(key))) {
                    Err(error) if error.kind() != ErrorKind::NotFound => Err(S3Error::internal(error)),
                    _ => Ok(()),
                }
            }
        }
    }

    /// The keys of a bucket that start with `prefix`, in byte order.
    pub(super) fn keys(&self, bucket: &str, prefix: &str) -> Result<BTreeSet<String>, S3Error> {
        match self {
            Self::Memory(buckets) => Ok(lock(buckets)
                .get(bucket)
                .ok_or_else(S3Error::no_such_bucket)?
                .keys()
                .filter(|key| key.starts_with(prefix))
                .cloned()
                .collect()),
            Self::Directory { root, .. } => {
                if !self.has_bucket(bucket) {
                    return Err(S3Error::no_such_bucket());
                }
                let mut keys = BTreeSet::new();
                for entry in fs::read_dir(root.join(bucket)).map_err(S3Error::internal)? {
                    let entry = entry.map_err(S3Error::internal)?;
                    if let Some(key) = key_of(&entry.path())?
                        && key.starts_with(prefix)
                    {
                        keys.insert(key);
                    }
                }
                Ok(keys)
            }
        }
    }
}

/// The longest encoded key that is a file name itself (file systems allow 255 bytes).
const NAME_BYTES_MAX: usize = 200;

/// A flat, safe name for a key: percent-encoded (capitals too, since some file systems ignore case), or its
/// hash where that grows too long. The prefix keeps the two apart and `.`, `..` impossible.
fn file_name(key: &str) -> String {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    let encoded = encode(key, plain);
    if encoded.len() <= NAME_BYTES_MAX {
        format!("k.{encoded}")
    } else {
        format!("h.{}", hex::encode(Sha256::digest(key)))
    }
}

/// The key behind a file name; `None` for a file that is no object.
fn key_of(file: &Path) -> Result<Option<String>, S3Error> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if let Some(encoded) = name.strip_prefix("k.") {
        return decode(encoded).map(Some);
    }
    if !name.starts_with("h.") {
        return Ok(None);
    }
    match fs::File::open(file) {
        Ok(mut file) => Ok(Some(read_metadata(&mut file)?.key)),
        // Deleted since the directory was read.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(S3Error::internal(error)),
    }
}

/// The length of the metadata (4 bytes, big endian), the metadata as JSON, the content.
fn write_file(path: &Path, object: &Object) -> std::io::Result<()> {
    let metadata = serde_json::to_vec(&object.metadata)?;
    let length = u32::try_from(metadata.len()).map_err(std::io::Error::other)?;
    let mut file = fs::File::create(path)?;
    file.write_all(&length.to_be_bytes())?;
    file.write_all(&metadata)?;
    file.write_all(&object.bytes)
}

fn read_metadata(file: &mut fs::File) -> Result<Metadata, S3Error> {
    let mut length = [0; 4];
    file.read_exact(&mut length).map_err(S3Error::internal)?;
    let mut json = Vec::new();
    file.take(u64::from(u32::from_be_bytes(length))).read_to_end(&mut json).map_err(S3Error::internal)?;
    serde_json::from_slice(&json).map_err(S3Error::internal)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn object(key: &str, bytes: &[u8]) -> Object {
        Object {
            metadata: Metadata { key: key.into(), length: bytes.len() as u64, ..Metadata::default() },
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn no_key_leaves_its_bucket() {
        for key in ["..", ".", "../../etc/passwd", "a/../../b", "\0", "/abs"] {
            let name = file_name(key);
            assert!(!name.contains(['/', '\\', '\0']) && name.starts_with("k."), "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn both_stores_hold_the_same(
            puts in proptest::collection::vec(("\\PC{1,90}|[a-cA-C/.]{1,4}", proptest::collection::vec(any::<u8>(), 0..9)), 1..12),
            gone in any::<prop::sample::Index>(),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let stores = [Store::memory(), Store::open(dir.path()).unwrap()];
            for store in &stores {
                prop_assert!(store.create_bucket("docs").unwrap());
                prop_assert!(!store.create_bucket("docs").unwrap());
                for (key, bytes) in &puts {
                    store.put("docs", object(key, bytes), false).unwrap();
                    prop_assert!(!store.put("docs", object(key, b"late"), true).unwrap());
                }
                store.delete("docs", &puts[gone.index(puts.len())].0).unwrap();
            }
            let again = Store::open(dir.path()).unwrap();
            let [memory, _] = &stores;
            prop_assert_eq!(memory.keys("docs", "").unwrap(), again.keys("docs", "").unwrap());
            for (key, _) in &puts {
                prop_assert_eq!(memory.get("docs", key), again.get("docs", key));
            }
        }
    }

    #[test]
    fn what_a_killed_process_left_half_written_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.create_bucket("docs").unwrap();
        let half = dir.path().join("docs").join(".tmp-7");
        fs::write(&half, b"half").unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert!(!half.exists());
        assert!(store.keys("docs", "").unwrap().is_empty());
    }
}
