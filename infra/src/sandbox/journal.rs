//! What the sandbox keeps across restarts: one JSON object a line, the last one of a key counts.
//!
//! Appending costs the same however much is kept; the file is rewritten without superseded lines when it is opened.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

const FILE: &str = "sandbox.jsonl";

/// Why something could not be kept or read back.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system said no.
    #[error("cannot use {}: {source}; check that the directory can be written", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// A line in the middle of the file is not ours. (A torn last line is what a crash leaves, and is dropped.)
    #[error("{} line {line} is damaged: delete the file to start the sandbox afresh", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// A record of another version.
    #[error("`{key}` in {FILE} cannot be read: delete the file to start the sandbox afresh")]
    UnknownRecord {
        /// Its key.
        key: String,
    },
}

/// The file, open for appending; without one nothing is kept.
pub(super) struct Journal {
    path: PathBuf,
    file: Option<Mutex<File>>,
}

impl Journal {
    /// Opens the journal of `dir`, with what is kept in it by key.
    pub(super) fn open(dir: &Path) -> Result<(Self, BTreeMap<String, Value>), JournalError> {
        let path = dir.join(FILE);
        let io = |source| JournalError::Io { path: path.clone(), source };
        std::fs::create_dir_all(dir).map_err(io)?;
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(io(error)),
        };
        let kept = read(&text).map_err(|line| JournalError::Damaged { path: path.clone(), line })?;
        let compacted: String = kept.iter().map(|(key, value)| line(key, value)).collect();
        let beside = dir.join(format!("{FILE}.new"));
        std::fs::write(&beside, compacted).map_err(io)?;
        std::fs::rename(&beside, &path).map_err(io)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(io)?;
        Ok((Self { path, file: Some(Mutex::new(file)) }, kept))
    }

    /// A journal that keeps nothing: what the sandbox knows ends with it.
    pub(super) fn none() -> Self {
        Self { path: PathBuf::new(), file: None }
    }

    /// Keeps `value` under `key`. In the file when this returns, so that the end of the process loses nothing.
    pub(super) fn put(&self, key: &str, value: &impl serde::Serialize) -> Result<(), JournalError> {
        let Some(file) = &self.file else { return Ok(()) };
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        let value = serde_json::to_value(value).map_err(|error| io(error.into()))?;
        super::lock(file).write_all(line(key, &value).as_bytes()).map_err(io)
    }
}

fn line(key: &str, value: &Value) -> String {
    format!("{}\n", json!({ "key": key, "value": value }))
}

/// The last value of each key, or the number of the first damaged line that is not the torn end of the file.
fn read(text: &str) -> Result<BTreeMap<String, Value>, usize> {
    let mut kept = BTreeMap::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let record = serde_json::from_str::<Value>(line).ok();
        let key = record.as_ref().and_then(|record| record["key"].as_str()).map(str::to_owned);
        match (key, record) {
            (Some(key), Some(mut record)) => {
                kept.insert(key, record["value"].take());
            }
            _ if !line.ends_with('\n') => break,
            _ => return Err(number + 1),
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_key_survives_and_a_torn_end_does_not_hurt() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, kept) = Journal::open(dir.path()).unwrap();
        assert!(kept.is_empty());
        for n in 1..=3 {
            journal.put("a", &n).unwrap();
        }
        journal.put("b", &"Иван").unwrap();
        let path = dir.path().join(FILE);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"key\":\"c\",\"va").unwrap();
        let (journal, kept) = Journal::open(dir.path()).unwrap();
        assert_eq!(kept, BTreeMap::from([("a".to_owned(), json!(3)), ("b".to_owned(), json!("Иван"))]));
        journal.put("c", &true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3, "compacted, then one more");
        assert_eq!(Journal::open(dir.path()).unwrap().1.len(), 3);
    }

    #[test]
    fn damage_before_the_end_is_named_and_not_skipped() {
        assert_eq!(read("{\"key\":\"a\",\"value\":1}\nnonsense\n{\"key\":\"b\",\"value\":1}\n"), Err(2));
    }
}
