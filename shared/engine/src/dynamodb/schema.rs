//! What dynoxide's SQLite schema lacks for a stream that lives long: an index that keeps writes and reads flat
//! as records pile up, and a way to trim them.
//!
//! dynoxide's connection is its own, so the trimming is a trigger: acknowledging is a tag on the table, and the
//! trigger deletes what the tag says has been read. The newest record of each table stays, since dynoxide
//! numbers the next one after it.

use std::sync::OnceLock;

use dynoxide::Database;
use rusqlite::Connection;

use crate::error::EngineError;

/// The tag that says up to which stored sequence number a table's stream has been read.
pub(super) const READ_UP_TO: &str = "engine:stream-read-up-to";

const EXTENSIONS: &str = "
    CREATE INDEX IF NOT EXISTS engine_stream_position
        ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
    CREATE TRIGGER IF NOT EXISTS engine_trim_stream AFTER UPDATE OF tags ON _tables
    BEGIN
        DELETE FROM _stream_records
        WHERE table_name = NEW.table_name
          AND CAST(sequence_number AS INTEGER) <= (
              SELECT CAST(json_extract(value, '$.Value') AS INTEGER) FROM json_each(NEW.tags)
              WHERE json_extract(value, '$.Key') = 'engine:stream-read-up-to')
          AND CAST(sequence_number AS INTEGER) < (
              SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records
              WHERE table_name = NEW.table_name);
    END;";

/// Adds the extensions to the database at `path` (a file name or SQLite URI), once.
pub(super) fn extend(path: &str) -> Result<(), EngineError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    connection.execute_batch(EXTENSIONS)?;
    Ok(())
}

/// The URI of an empty, extended database in this process's memory, to copy from.
pub(super) fn empty_in_memory() -> Result<&'static str, EngineError> {
    const URI: &str = "file:/engine-empty?vfs=memdb";
    // The database lives as long as a connection to it does.
    static EMPTY: OnceLock<Result<Database, String>> = OnceLock::new();
    let made = EMPTY.get_or_init(|| {
        let database = Database::new(URI).map_err(|error| error.to_string())?;
        extend(URI).map_err(|error| error.to_string())?;
        Ok(database)
    });
    match made {
        Ok(_) => Ok(URI),
        Err(error) => Err(EngineError::Template(error.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two queries of dynoxide that grow with the number of records: the next number on every write, and
    /// the reader's.
    const QUERIES: &[&str] = &[
        "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = ?1",
        "SELECT event_name FROM _stream_records
         WHERE table_name = ?1 AND shard_id = 'x' AND CAST(sequence_number AS INTEGER) > 5
         ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT 10",
    ];

    #[test]
    fn the_stream_is_written_and_read_through_the_index() {
        let connection = Connection::open(empty_in_memory().unwrap()).unwrap();
        for query in QUERIES {
            let plan: Vec<String> = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
                .unwrap()
                .query_map(["orders"], |row| row.get(3))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let plan = plan.join("; ");
            assert!(plan.contains("engine_stream_position"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
