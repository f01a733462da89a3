//! How each request is asked for its cost, and each answer relieved of what its caller did not ask for.

use dynoxide::actions::{
    batch_execute_statement as batch_execute, batch_get_item, batch_write_item, delete_item, execute_statement,
    execute_transaction, get_item, put_item, query, scan, transact_get_items, transact_write_items, update_item,
};
use dynoxide::types::{AttributeValue, ConsumedCapacity, item_size, write_capacity_units};
use std::collections::HashMap;

use crate::meter::{Consumed, Touched, UNNAMED, Units, kind_of};

type Attributes = HashMap<String, AttributeValue>;

/// A request whose cost DynamoDB reports on demand.
pub(super) trait Request {
    /// The field that asks for the cost.
    fn capacity_mode(&mut self) -> &mut Option<String>;
    /// The field that asks for the item a condition failed on.
    fn on_condition_failure(&mut self) -> Option<&mut Option<String>> {
        None
    }
    /// The items that it names.
    fn touched(&self) -> Vec<Touched> {
        Vec::new()
    }
    /// The table that it searches, where it names no item.
    fn searched(&self) -> Option<String> {
        None
    }
    /// Whether it deletes items of `table`, or may put others in their place.
    fn replaces_in(&self, _table: &str) -> bool {
        false
    }
    /// The table and size of an item that it writes, where it names one.
    fn single_write(&self) -> Option<(String, Option<usize>)> {
        None
    }
}

/// An answer that may carry the cost.
pub(super) trait Answer {
    /// The cost by table.
    fn consumed(&self) -> Vec<&ConsumedCapacity>;
    /// Leaves only as much of the cost as `mode` asks for.
    fn restrict(&mut self, mode: Option<&str>);
    /// The items that it returns, where the request names none.
    fn touched(&self, _table: &str) -> Vec<Touched> {
        Vec::new()
    }
}

fn touched(table: &str, item: &Attributes, weight: f64) -> Touched {
    let kind = match item.get("sk") {
        Some(AttributeValue::S(key)) => kind_of(key),
        _ => UNNAMED,
    };
    Touched { table: table.to_owned(), kind: kind.to_owned(), weight }
}

fn written(table: &str, item: &Attributes) -> Touched {
    touched(table, item, write_capacity_units(item_size(item)))
}

fn restrict_one(capacity: &mut ConsumedCapacity) {
    capacity.table = None;
    capacity.global_secondary_indexes = None;
    capacity.local_secondary_indexes = None;
    capacity.vector_indexes = None;
}

/// Whether a put with this condition finds nothing in its place.
fn creates(condition: Option<&str>) -> bool {
    condition.is_some_and(|condition| condition.trim() == "attribute_not_exists(pk)")
}

macro_rules! request {
    ($type:path $(, |$request:ident| $touched:expr $(, |$table:ident| $replaces:expr)?)?) => {
        impl Request for $type {
            fn capacity_mode(&mut self) -> &mut Option<String> {
                &mut self.return_consumed_capacity
            }
            $(fn touched(&self) -> Vec<Touched> {
                let $request = self;
                $touched
            }
            $(fn replaces_in(&self, $table: &str) -> bool {
                let $request = self;
                $replaces
            })?)?
        }
    };
}

macro_rules! search_request {
    ($type:path) => {
        impl Request for $type {
            fn capacity_mode(&mut self) -> &mut Option<String> {
                &mut self.return_consumed_capacity
            }
            fn searched(&self) -> Option<String> {
                Some(self.table_name.clone())
            }
        }
    };
}

macro_rules! write_request {
    ($type:path, |$request:ident| $touched:expr, $size:expr, $replaces:expr) => {
        impl Request for $type {
            fn capacity_mode(&mut self) -> &mut Option<String> {
                &mut self.return_consumed_capacity
            }
            fn on_condition_failure(&mut self) -> Option<&mut Option<String>> {
                Some(&mut self.return_values_on_condition_check_failure)
            }
            fn touched(&self) -> Vec<Touched> {
                let $request = self;
                vec![$touched]
            }
            fn replaces_in(&self, table: &str) -> bool {
                let $request = self;
                $request.table_name == table && $replaces
            }
            fn single_write(&self) -> Option<(String, Option<usize>)> {
                let $request = self;
                Some(($request.table_name.clone(), $size))
            }
        }
    };
}

write_request!(
    put_item::PutItemRequest,
    |r| written(&r.table_name, &r.item),
    Some(item_size(&r.item)),
    !creates(r.condition_expression.as_deref())
);
write_request!(update_item::UpdateItemRequest, |r| touched(&r.table_name, &r.key, 1.0), None, true);
write_request!(delete_item::DeleteItemRequest, |r| touched(&r.table_name, &r.key, 1.0), None, true);
request!(get_item::GetItemRequest, |r| vec![touched(&r.table_name, &r.key, 1.0)]);
search_request!(query::QueryRequest);
search_request!(scan::ScanRequest);
request!(execute_statement::ExecuteStatementRequest);
request!(batch_execute::BatchExecuteStatementRequest);
request!(execute_transaction::ExecuteTransactionRequest);
request!(batch_get_item::BatchGetItemRequest, |r| r
    .request_items
    .iter()
    .flat_map(|(table, keys)| keys.keys.iter().map(|key| touched(table, key, 1.0)))
    .collect());
request!(
    batch_write_item::BatchWriteItemRequest,
    |r| r
        .request_items
        .iter()
        .flat_map(|(table, writes)| writes.iter().filter_map(|write| {
            let put = write.put_request.as_ref().map(|p| written(table, &p.item));
            put.or_else(|| write.delete_request.as_ref().map(|d| touched(table, &d.key, 1.0)))
        }))
        .collect(),
    |table| r.request_items.contains_key(table)
);
request!(transact_get_items::TransactGetItemsRequest, |r| r
    .transact_items
    .iter()
    .map(|item| touched(&item.get.table_name, &item.get.key, 1.0))
    .collect());
request!(
    transact_write_items::TransactWriteItemsRequest,
    |r| r
        .transact_items
        .iter()
        .filter_map(|item| {
            let put = item.put.as_ref().map(|p| written(&p.table_name, &p.item));
            let update = || item.update.as_ref().map(|u| (&u.table_name, &u.key));
            let delete = || item.delete.as_ref().map(|d| (&d.table_name, &d.key));
            let check = || item.condition_check.as_ref().map(|c| (&c.table_name, &c.key));
            put.or_else(|| update().or_else(delete).or_else(check).map(|(table, key)| touched(table, key, 1.0)))
        })
        .collect(),
    |table| r.transact_items.iter().any(|item| {
        item.put.as_ref().is_some_and(|p| p.table_name == table && !creates(p.condition_expression.as_deref()))
            || item.update.as_ref().is_some_and(|u| u.table_name == table)
            || item.delete.as_ref().is_some_and(|d| d.table_name == table)
    })
);

macro_rules! answer {
    ($type:path, one $(, $items:ident)?) => {
        impl Answer for $type {
            fn consumed(&self) -> Vec<&ConsumedCapacity> {
                self.consumed_capacity.iter().collect()
            }
            fn restrict(&mut self, mode: Option<&str>) {
                match mode {
                    Some("INDEXES") => {}
                    Some("TOTAL") => self.consumed_capacity.iter_mut().for_each(restrict_one),
                    _ => self.consumed_capacity = None,
                }
            }
            $(fn touched(&self, table: &str) -> Vec<Touched> {
                self.$items.iter().flatten().map(|item| touched(table, item, 1.0)).collect()
            })?
        }
    };
    ($type:path, many) => {
        impl Answer for $type {
            fn consumed(&self) -> Vec<&ConsumedCapacity> {
                self.consumed_capacity.iter().flatten().collect()
            }
            fn restrict(&mut self, mode: Option<&str>) {
                match mode {
                    Some("INDEXES") => {}
                    Some("TOTAL") => {
                        self.consumed_capacity.iter_mut().flatten().for_each(restrict_one);
                    }
                    _ => self.consumed_capacity = None,
                }
            }
        }
    };
}

answer!(put_item::PutItemResponse, one);
answer!(update_item::UpdateItemResponse, one);
answer!(delete_item::DeleteItemResponse, one);
answer!(get_item::GetItemResponse, one);
answer!(query::QueryResponse, one, items);
answer!(scan::ScanResponse, one, items);
answer!(execute_statement::ExecuteStatementResponse, one, items);
answer!(batch_get_item::BatchGetItemResponse, many);
answer!(batch_write_item::BatchWriteItemResponse, many);
answer!(transact_get_items::TransactGetItemsResponse, many);
answer!(transact_write_items::TransactWriteItemsResponse, many);
answer!(execute_transaction::ExecuteTransactionResponse, many);
answer!(batch_execute::BatchExecuteStatementResponse, many);

/// What `capacity` says, as the meter counts it. dynoxide names read and write units only where both may
/// occur; elsewhere the operation tells which they are.
pub(super) fn consumed(capacity: &ConsumedCapacity, writes: bool) -> Consumed {
    let units = |all: f64, read: Option<f64>, write: Option<f64>| match (read, write) {
        (None, None) if writes => Units { read: 0.0, write: all },
        (None, None) => Units { read: all, write: 0.0 },
        (read, write) => Units { read: read.unwrap_or_default(), write: write.unwrap_or_default() },
    };
    let table = capacity.table.as_ref().map_or_else(
        || units(capacity.capacity_units, capacity.read_capacity_units, capacity.write_capacity_units),
        |t| units(t.capacity_units, t.read_capacity_units, t.write_capacity_units),
    );
    let indexes = capacity
        .global_secondary_indexes
        .iter()
        .chain(&capacity.local_secondary_indexes)
        .flatten()
        .map(|(name, i)| {
            let index = units(i.capacity_units, i.read_capacity_units, i.write_capacity_units);
            (name.clone(), index)
        })
        .collect();
    Consumed { name: capacity.table_name.clone(), table, indexes }
}
