//! Operation by name: JSON in, dynoxide's typed call, JSON out, and the cost to the meter.

use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::types::{Item, item_size, table_write_capacity_units, write_capacity_units};
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::metered::{Answer, Request, consumed};
use super::{DynamoDb, streams, wire};
use crate::meter::{Consumed, Touched, Units};

type Outcome = Result<Vec<u8>, DynoxideError>;

/// Runs `operation`; `None` if there is no such one.
pub(super) fn run(db: &DynamoDb, operation: &str, body: &[u8]) -> Option<Outcome> {
    let call = Call { db, operation, body };
    Some(match operation {
        "PutItem" => call.write(Database::put_item),
        "UpdateItem" => call.write(Database::update_item),
        "DeleteItem" => call.write(Database::delete_item),
        "BatchWriteItem" => call.write(Database::batch_write_item),
        "TransactWriteItems" => call.write(Database::transact_write_items),
        "ExecuteStatement" => call.statement(Database::execute_statement),
        "ExecuteTransaction" => call.statement(Database::execute_transaction),
        "BatchExecuteStatement" => call.statement(Database::batch_execute_statement),
        "GetItem" => call.read(Database::get_item),
        "BatchGetItem" => call.read(Database::batch_get_item),
        "TransactGetItems" => call.read(Database::transact_get_items),
        "Query" => call.read(Database::query),
        "Scan" => call.read(Database::scan),
        "CreateTable" => call.table(|database, request| {
            let mut answer = database.create_table(request)?;
            db.repeatable(&mut answer.table_description);
            Ok(answer)
        }),
        "UpdateTable" => call.table(|database, request| {
            let mut answer = database.update_table(request)?;
            db.repeatable(&mut answer.table_description);
            Ok(answer)
        }),
        "DeleteTable" => call.table(|database, request| {
            let mut answer = database.delete_table(request)?;
            db.repeatable(&mut answer.table_description);
            Ok(answer)
        }),
        "DescribeTable" => call.plain(|database, request| {
            let mut answer = database.describe_table(request)?;
            db.repeatable(&mut answer.table);
            Ok(answer)
        }),
        "ListTables" => call.plain(Database::list_tables),
        "UpdateTimeToLive" => call.plain(Database::update_time_to_live),
        "DescribeTimeToLive" => call.plain(Database::describe_time_to_live),
        "TagResource" => call.plain(Database::tag_resource),
        "UntagResource" => call.plain(Database::untag_resource),
        "ListTagsOfResource" => call.plain(Database::list_tags_of_resource),
        "ListStreams" => call.plain(Database::list_streams),
        "DescribeStream" => call.plain(Database::describe_stream),
        "GetShardIterator" => call.plain(Database::get_shard_iterator),
        "GetRecords" => call.plain(|database, request: GetRecordsRequest| {
            let iterator = request.shard_iterator.clone();
            let mut answer = database.get_records(request)?;
            streams::name_events(&iterator, &db.region, &mut answer.records);
            Ok(answer)
        }),
        _ => return None,
    })
}

/// One operation on its way.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) db: &'a DynamoDb,
    pub(super) operation: &'a str,
    pub(super) body: &'a [u8],
}

impl Call<'_> {
    /// No capacity is counted for these.
    fn plain<Q: DeserializeOwned, A: Serialize>(
        &self,
        run: impl FnOnce(&Database, Q) -> Result<A, DynoxideError>,
    ) -> Outcome {
        // Only these operations name ARNs. What is not text is for the reader to refuse.
        let request = match std::str::from_utf8(self.body) {
            Ok(text) => wire::read(self.db.arn_in(text).as_bytes())?,
            Err(_) => wire::read(self.body)?,
        };
        self.db.meter.dynamodb(self.operation, &[], &[]);
        let answer = String::from_utf8(wire::write(&run(&self.db.database, request)?)?)
            .map_err(|error| DynoxideError::InternalServerError(format!("The answer is not UTF-8: {error}")))?;
        Ok(self.db.arn_out(&answer).into_bytes())
    }

    fn table<Q: DeserializeOwned, A: Serialize>(
        &self,
        run: impl FnOnce(&Database, Q) -> Result<A, DynoxideError>,
    ) -> Outcome {
        let outcome = self.plain(run);
        self.db.forget_tables();
        outcome
    }

    fn read<Q: DeserializeOwned + Request, A: Serialize + Answer>(
        &self,
        run: impl FnOnce(&Database, Q) -> Result<A, DynoxideError>,
    ) -> Outcome {
        self.look(wire::read(self.body)?, run)
    }

    /// Answers a read.
    pub(super) fn look<Q: Request, A: Serialize + Answer>(
        &self,
        request: Q,
        run: impl FnOnce(&Database, Q) -> Result<A, DynoxideError>,
    ) -> Outcome {
        let named = request.touched();
        let searched = request.searched();
        self.metered(request, false, run, |answer| {
            let Some(table) = searched else { return named };
            let found = answer.touched(&table);
            if found.is_empty() {
                vec![Touched { table, kind: "nothing_found".to_owned(), weight: 1.0 }]
            } else {
                found
            }
        })
    }

    fn statement<Q: DeserializeOwned + Request, A: Serialize + Answer>(
        &self,
        run: impl FnOnce(&Database, Q) -> Result<A, DynoxideError>,
    ) -> Outcome {
        let request: Q = wire::read(self.body)?;
        let outcome = self.metered(request, true, run, |_| Vec::new())?;
        // Which tables a statement wrote is inside its text.
        self.db.wake_all()?;
        Ok(outcome)
    }

    fn write<Q: DeserializeOwned + Request, A: Serialize + Answer>(
        &self,
        run: impl FnOnce(&Database, Q) -> Result<A, DynoxideError>,
    ) -> Outcome {
        self.apply(wire::read(self.body)?, run)
    }

    /// Lets a write take effect.
    pub(super) fn apply<Q: Request, A: Serialize + Answer>(
        &self,
        mut request: Q,
        run: impl FnOnce(&Database, Q) -> Result<A, DynoxideError>,
    ) -> Outcome {
        self.db.shredder.note(&request).map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
        let touched = request.touched();
        let single = request.single_write();
        // The item that a condition failed on tells what the failed write cost.
        let failure_mode = request.on_condition_failure().and_then(|mode| {
            let asked = mode.clone();
            if asked.as_deref().is_none_or(|m| m == "NONE") {
                *mode = Some("ALL_OLD".to_owned());
            }
            asked
        });
        match self.metered(request, true, run, |_| touched.clone()) {
            Ok(body) => {
                let mut tables: Vec<_> = touched.iter().map(|t| t.table.as_str()).collect();
                tables.sort_unstable();
                tables.dedup();
                for table in tables {
                    self.db.wake(table)?;
                }
                Ok(body)
            }
            Err(DynoxideError::ConditionalCheckFailedException(message, item)) => {
                if let Some((table, new_size)) = single {
                    self.failed_condition(table, new_size, item.as_ref(), &touched);
                }
                let item = item.filter(|_| failure_mode.as_deref() == Some("ALL_OLD"));
                Err(DynoxideError::ConditionalCheckFailedException(message, item))
            }
            Err(error @ DynoxideError::TransactionCanceledException(..)) => {
                self.canceled_transaction(&touched);
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// A write that failed its condition costs what the larger image would have.
    pub(super) fn failed_condition(
        &self,
        table: String,
        new_size: Option<usize>,
        old: Option<&Item>,
        touched: &[Touched],
    ) {
        let write = table_write_capacity_units(old.map(item_size), new_size);
        let consumed = Consumed { name: table, table: Units { read: 0.0, write }, indexes: Vec::new() };
        self.db.meter.dynamodb(self.operation, &[consumed], touched);
    }

    /// So does a cancelled transaction, twice, for each of its items; dynoxide does not say how large the
    /// stored ones were, so the items that were only named count with one unit.
    pub(super) fn canceled_transaction(&self, touched: &[Touched]) {
        let mut tables = std::collections::BTreeMap::<&str, f64>::new();
        for item in touched {
            *tables.entry(&item.table).or_default() += 2.0 * item.weight.max(write_capacity_units(0));
        }
        let consumed: Vec<_> = tables
            .into_iter()
            .map(|(table, write)| Consumed {
                name: table.to_owned(),
                table: Units { read: 0.0, write },
                indexes: Vec::new(),
            })
            .collect();
        self.db.meter.dynamodb(self.operation, &consumed, touched);
    }

    /// Runs the call asking for its full cost, counts that, and answers with what the caller asked for.
    fn metered<Q: Request, A: Serialize + Answer>(
        &self,
        mut request: Q,
        writes: bool,
        run: impl FnOnce(&Database, Q) -> Result<A, DynoxideError>,
        touched: impl FnOnce(&A) -> Vec<Touched>,
    ) -> Outcome {
        let mode = request.capacity_mode();
        let asked = mode.clone();
        // Anything else is for dynoxide to refuse.
        if matches!(asked.as_deref(), None | Some("NONE" | "TOTAL")) {
            *mode = Some("INDEXES".to_owned());
        }
        let mut answer = run(&self.db.database, request)?;
        let cost: Vec<_> = answer.consumed().into_iter().map(|capacity| consumed(capacity, writes)).collect();
        self.db.meter.dynamodb(self.operation, &cost, &touched(&answer));
        answer.restrict(asked.as_deref());
        wire::write(&answer)
    }
}
