//! Reads of an earlier state: a second, small dynoxide gets the items as they were, and answers the request itself,
//! with its own expressions, limits and pages. So a stale answer is one that the table really would have given.

use std::collections::BTreeSet;
use std::sync::Arc;

use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::types::Item;
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

use super::shape::Shape;
use crate::clock::{Clock, ForDynoxide};

/// The second database; empty between two reads.
pub(super) struct Past {
    database: Database,
    tables: BTreeSet<String>,
}

/// A table's items for one read.
pub(super) struct Contents {
    pub(super) shape: Arc<Shape>,
    pub(super) items: Vec<Item>,
}

impl Past {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Result<Self, DynoxideError> {
        let database = Database::memory_with_clock(Arc::new(ForDynoxide(clock)))?;
        Ok(Self { database, tables: BTreeSet::new() })
    }

    /// Runs `read` over tables of `present` that hold just `contents`.
    pub(super) fn read<A>(
        &mut self,
        present: &Database,
        contents: &[Contents],
        read: impl FnOnce(&Database) -> Result<A, DynoxideError>,
    ) -> Result<A, DynoxideError> {
        for Contents { shape, items } in contents {
            self.ensure(present, &shape.table)?;
            for item in items {
                self.database.put_item(PutItemRequest {
                    table_name: shape.table.clone(),
                    item: item.clone(),
                    ..PutItemRequest::default()
                })?;
            }
        }
        let answer = read(&self.database);
        for Contents { shape, items } in contents {
            for item in items {
                self.database.delete_item(DeleteItemRequest {
                    table_name: shape.table.clone(),
                    key: shape.key_attributes(item),
                    ..DeleteItemRequest::default()
                })?;
            }
        }
        answer
    }

    /// Makes the table as it is in `present`, without its stream.
    fn ensure(&mut self, present: &Database, table: &str) -> Result<(), DynoxideError> {
        if self.tables.contains(table) {
            return Ok(());
        }
        let Some(shape) = present.get_table_metadata(table)? else { return Ok(()) };
        let mut request = json!({
            "TableName": table,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": definition(&shape.key_schema)?,
            "AttributeDefinitions": definition(&shape.attribute_definitions)?,
        });
        for (name, indexes) in
            [("GlobalSecondaryIndexes", &shape.gsi_definitions), ("LocalSecondaryIndexes", &shape.lsi_definitions)]
        {
            if let Some(indexes) = indexes {
                request[name] = definition(indexes)?;
            }
        }
        let request = serde_json::from_value(request).map_err(|error| unreadable(&error))?;
        self.database.create_table(request)?;
        self.tables.insert(table.to_owned());
        Ok(())
    }
}

fn definition(json: &str) -> Result<Value, DynoxideError> {
    serde_json::from_str(json).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> DynoxideError {
    DynoxideError::InternalServerError(format!("A table's definition cannot be read: {error}"))
}
