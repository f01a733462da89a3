//! What the running system asked of AWS: requests and capacity units, the basis of every cost figure.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Capacity units, as DynamoDB counts them (a read may cost half a unit).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Units {
    /// Read capacity units.
    pub read: f64,
    /// Write capacity units.
    pub write: f64,
}

impl Units {
    pub(crate) fn add(&mut self, other: Units) {
        self.read += other.read;
        self.write += other.write;
    }

    pub(crate) fn share(self, share: f64) -> Units {
        Units { read: self.read * share, write: self.write * share }
    }
}

/// Units split into the table's own and each index's.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Split {
    /// Sum over the table and its indexes.
    pub total: Units,
    /// The table's own.
    pub table: Units,
    /// By index name.
    pub indexes: BTreeMap<String, Units>,
}

impl Split {
    fn add(&mut self, consumed: &Consumed, share: f64) {
        self.table.add(consumed.table.share(share));
        self.total.add(consumed.table.share(share));
        for (index, units) in &consumed.indexes {
            let part = units.share(share);
            self.indexes.entry(index.clone()).or_default().add(part);
            self.total.add(part);
        }
    }
}

/// One operation on one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OperationUsage {
    /// Requests that touched the table; one transaction over two tables counts at both.
    pub requests: u64,
    /// What they cost at this table.
    pub units: Split,
}

/// One kind of item: what stands before the first `#` of its sort key.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct KindUsage {
    /// Items named or returned by requests.
    pub items: u64,
    /// Their share of the cost. Exact where a request touched one kind of item per table; otherwise a
    /// transaction's cost is shared out by the size of what was sent.
    pub units: Split,
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TableUsage {
    /// Sum over all operations.
    pub units: Split,
    /// By operation name (`PutItem`, …).
    pub operations: BTreeMap<String, OperationUsage>,
    /// By kind of item.
    pub kinds: BTreeMap<String, KindUsage>,
}

/// All counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Snapshot {
    /// DynamoDB requests by operation.
    pub dynamodb: BTreeMap<String, u64>,
    /// DynamoDB by table.
    pub tables: BTreeMap<String, TableUsage>,
    /// SQS requests by action.
    pub sqs: BTreeMap<String, u64>,
    /// S3 requests by operation.
    pub s3: BTreeMap<String, u64>,
}

/// What one request consumed at one table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Consumed {
    pub(crate) name: String,
    pub(crate) table: Units,
    pub(crate) indexes: Vec<(String, Units)>,
}

/// An item that a request touched.
#[derive(Clone, Debug)]
pub(crate) struct Touched {
    pub(crate) table: String,
    pub(crate) kind: String,
    /// Its weight when several kinds share a request's cost.
    pub(crate) weight: f64,
}

/// Counts since the start or the last reset.
#[derive(Debug, Default)]
pub struct Meter {
    counts: Mutex<Snapshot>,
}

impl Meter {
    /// The counts so far.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Starts again from nought.
    pub fn reset(&self) {
        *self.lock() = Snapshot::default();
    }

    pub(crate) fn sqs(&self, action: &str) {
        count(&mut self.lock().sqs, action);
    }

    pub(crate) fn s3(&self, operation: &str) {
        count(&mut self.lock().s3, operation);
    }

    pub(crate) fn dynamodb(&self, operation: &str, consumed: &[Consumed], touched: &[Touched]) {
        let mut counts = self.lock();
        count(&mut counts.dynamodb, operation);
        for one in consumed {
            let table = counts.tables.entry(one.name.clone()).or_default();
            table.units.add(one, 1.0);
            let usage = table.operations.entry(operation.to_owned()).or_default();
            usage.requests += 1;
            usage.units.add(one, 1.0);
            let items: Vec<_> = touched.iter().filter(|t| t.table == one.name).collect();
            let weight: f64 = items.iter().map(|t| t.weight).sum();
            for item in items {
                let kind = table.kinds.entry(item.kind.clone()).or_default();
                kind.items += 1;
                kind.units.add(one, item.weight / weight);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Snapshot> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(n) => *n += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}

/// The kind of an item from its sort key: `level#loc_1` is a `level`, `order` an `order`. A key that does not
/// start with a word of lower-case letters (an instant, a SKU) is just an `item`, or kinds would be endless.
pub(crate) fn kind_of(sort_key: &str) -> &str {
    let word = sort_key.split('#').next().unwrap_or_default();
    let named = !word.is_empty() && word.len() <= 32 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if named { word } else { UNNAMED }
}

/// The kind of an item whose sort key names none.
pub(crate) const UNNAMED: &str = "item";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_the_word_before_the_hash() {
        let check = |key: &str, kind: &str| assert_eq!(kind_of(key), kind, "{key:?}");
        check("level#loc_1", "level");
        check("order", "order");
        check("2026-01-02T03:04:05Z#op", "item");
        check("SKU-1", "item");
        check("", "item");
        check("#x", "item");
    }

    #[test]
    fn shared_cost_goes_by_weight_and_sums_to_the_whole() {
        let meter = Meter::default();
        let consumed = Consumed {
            name: "stock".into(),
            table: Units { read: 0.0, write: 8.0 },
            indexes: vec![("due".into(), Units { read: 0.0, write: 4.0 })],
        };
        let touched = |kind: &str, weight| Touched { table: "stock".into(), kind: kind.into(), weight };
        meter.dynamodb("TransactWriteItems", &[consumed], &[touched("level", 1.0), touched("waiting", 3.0)]);
        let table = meter.snapshot().tables.remove("stock").unwrap();
        assert_eq!(table.units.total.write, 12.0);
        assert_eq!(table.kinds["level"].units.table.write, 2.0);
        assert_eq!(table.kinds["waiting"].units.indexes["due"].write, 3.0);
        meter.reset();
        assert_eq!(meter.snapshot(), Snapshot::default());
    }
}
