//! Items of a table as lines of DynamoDB's JSON: what can be read, searched and compared without any program.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use engine::Engine;
use serde_json::{Value, json};

use super::{BackupError, at, private_directory};
use crate::host::MachineClock;

/// Items of one batch write (DynamoDB's limit).
const BATCH_MAX: usize = 25;
/// How often what a batch leaves undone is tried.
const TRIES_MAX: usize = 10;

/// An engine on a directory.
pub(super) fn engine_on(directory: &Path) -> Result<Engine, BackupError> {
    Ok(Engine::open(directory, Arc::new(MachineClock), fastrand::u64(..))?)
}

/// Writes every table of the engine's directory `from`; gives how many items each has.
pub(super) fn write_all(from: &Path, into: &Path) -> Result<BTreeMap<String, usize>, BackupError> {
    private_directory(into)?;
    let engine = engine_on(from)?;
    let listed = call(&engine, "ListTables", "every table", &json!({}))?;
    let mut counts = BTreeMap::new();
    for name in listed["TableNames"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        counts.insert(name.to_owned(), write(&engine, name, &into.join(format!("{name}.jsonl")))?);
    }
    Ok(counts)
}

fn write(engine: &Engine, table: &str, path: &Path) -> Result<usize, BackupError> {
    let mut file = BufWriter::new(File::create(path).map_err(at(path))?);
    let mut count = 0;
    let mut start = Value::Null;
    loop {
        let mut scan = json!({"TableName": table, "ConsistentRead": true});
        if !start.is_null() {
            scan["ExclusiveStartKey"] = start;
        }
        let page = call(engine, "Scan", table, &scan)?;
        for item in page["Items"].as_array().into_iter().flatten() {
            writeln!(file, "{item}").map_err(at(path))?;
            count += 1;
        }
        start = page["LastEvaluatedKey"].clone();
        if start.is_null() {
            break;
        }
    }
    file.into_inner().map_err(|error| at(path)(error.into_error()))?.sync_all().map_err(at(path))?;
    Ok(count)
}

/// Puts every item of a file into its table; gives how many.
pub(super) fn read(engine: &Engine, table: &str, path: &Path) -> Result<usize, BackupError> {
    let mut count = 0;
    let mut batch = Vec::with_capacity(BATCH_MAX);
    let unreadable = |line: usize, error: serde_json::Error| BackupError::NotWhole {
        path: path.to_owned(),
        reason: format!("line {} is no item: {error}", line + 1),
    };
    for (number, line) in BufReader::new(File::open(path).map_err(at(path))?).lines().enumerate() {
        let item: Value = serde_json::from_str(&line.map_err(at(path))?).map_err(|error| unreadable(number, error))?;
        batch.push(json!({"PutRequest": {"Item": item}}));
        count += 1;
        if batch.len() == BATCH_MAX {
            put(engine, table, std::mem::take(&mut batch))?;
        }
    }
    if !batch.is_empty() {
        put(engine, table, batch)?;
    }
    Ok(count)
}

fn put(engine: &Engine, table: &str, batch: Vec<Value>) -> Result<(), BackupError> {
    let mut pending = Value::Array(batch);
    for _ in 0..TRIES_MAX {
        let answer = call(engine, "BatchWriteItem", table, &json!({"RequestItems": {table: pending}}))?;
        pending = answer["UnprocessedItems"][table].clone();
        if pending.is_null() {
            return Ok(());
        }
    }
    let message = "some items are left unprocessed again and again".to_owned();
    Err(BackupError::Refused { operation: "BatchWriteItem", table: table.to_owned(), message })
}

fn call(engine: &Engine, operation: &'static str, table: &str, body: &Value) -> Result<Value, BackupError> {
    let response = engine.dynamodb().call(operation, body.to_string().as_bytes());
    let answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    if response.status().is_success() {
        return Ok(answer);
    }
    Err(BackupError::Refused { operation, table: table.to_owned(), message: answer.to_string() })
}

/// Removes a directory if it is there.
pub(super) fn remove(path: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}
