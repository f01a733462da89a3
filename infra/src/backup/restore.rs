//! A backup becomes the data of a directory: new tables, empty queues, streams without a past.

use std::fs;
use std::path::Path;

use engine::Engine;

use super::items::{engine_on, read, remove};
use super::{BackupError, FORMAT, KEYS, MANIFEST, Manifest, OBJECTS, TABLES, at, copy_all};
use crate::host::{DataDir, RESTORED, provision};
use crate::template::model::Stack;

/// Records read at a time.
const RECORDS_MAX: usize = 1000;

/// Restores the backup `from` into the data directory `data`, on which no stack may run. What was there is kept beside it, in
/// `before-restore-<instant>`; keys that are there stay, and the partners' own data are not ours to restore. From the next start on
/// carriers are asked before a label is bought, since what was bought after the backup is not in it.
///
/// # Errors
/// [`BackupError`]; then the data directory is as it was.
pub fn restore(from: &Path, data: &Path, stack: &Stack) -> Result<Manifest, BackupError> {
    let manifest = manifest_of(from)?;
    if let Some(unknown) = manifest.tables.keys().find(|name| !stack.tables.iter().any(|table| table.name == **name)) {
        return Err(BackupError::UnknownTable(unknown.clone()));
    }
    // Nobody else works on it from here to the end.
    let directory = DataDir::open(data, false)?;
    let data = directory.path();
    let new = data.join("restoring");
    remove(&new)?;
    copy_all(&from.join(OBJECTS), &new.join("aws").join(OBJECTS))?;
    let checkpoints = new.join("checkpoints");
    fs::create_dir_all(&checkpoints).map_err(at(&checkpoints))?;
    {
        let engine = engine_on(&new.join("aws"))?;
        provision::all(&engine, stack)?;
        for (table, expected) in &manifest.tables {
            let path = from.join(TABLES).join(format!("{table}.jsonl"));
            let found = read(&engine, table, &path)?;
            if found != *expected {
                return Err(BackupError::NotWhole { path, reason: format!("it has {found} items of {expected}") });
            }
        }
        begin_at_the_end(&engine, stack, &checkpoints)?;
    }
    for key in KEYS {
        let to = data.join(key);
        if !to.exists() {
            fs::copy(from.join(key), &to).map_err(at(&to))?;
        }
    }
    let before = data.join(format!("before-restore-{}", crate::host::now().as_millisecond()));
    fs::create_dir(&before).map_err(at(&before))?;
    for name in ["aws", "checkpoints", "in-flight"] {
        let (old, kept) = (data.join(name), before.join(name));
        if old.exists() {
            fs::rename(&old, &kept).map_err(at(&old))?;
        }
    }
    for name in ["checkpoints", "aws"] {
        let (made, to) = (new.join(name), data.join(name));
        fs::rename(&made, &to).map_err(at(&made))?;
    }
    remove(&new)?;
    let marker = data.join(RESTORED);
    fs::write(&marker, format!("{}\n", manifest.taken_at)).map_err(at(&marker))?;
    Ok(manifest)
}

fn manifest_of(from: &Path) -> Result<Manifest, BackupError> {
    let path = from.join(MANIFEST);
    let not_whole = |reason: String| BackupError::NotWhole { path: from.to_owned(), reason };
    let text = fs::read(&path).map_err(|error| not_whole(format!("{MANIFEST}: {error}")))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| not_whole(format!("{MANIFEST}: {error}")))?;
    match manifest.format {
        FORMAT => Ok(manifest),
        other => Err(not_whole(format!("it has the form {other}, this program reads {FORMAT}"))),
    }
}

/// A restored table's stream is empty. Ours has a record of each item that was put: every reader begins behind them.
fn begin_at_the_end(engine: &Engine, stack: &Stack, checkpoints: &Path) -> Result<(), BackupError> {
    for function in stack.functions.values() {
        for source in &function.stream_sources {
            let mut last: Option<String> = None;
            while let Some(record) =
                engine.dynamodb().stream_records(&source.table, last.as_deref(), RECORDS_MAX)?.pop()
            {
                last = Some(record.sequence_number);
            }
            if let Some(last) = last {
                let path = checkpoints.join(format!("{}.{}", function.name, source.table));
                fs::write(&path, last).map_err(at(&path))?;
            }
        }
    }
    Ok(())
}
