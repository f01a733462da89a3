//! The tables as the template declares them; a test of `infra` holds the two against each other.

use platform::Table;
use serde_json::{Value, json};

/// One table: which, and its indexes; every table has `pk` and `sk`, every index `<name>_pk` and `<name>_sk`.
#[derive(Debug, Clone, Copy)]
pub struct TableShape {
    /// Which.
    pub table: Table,
    /// Its name in tests.
    pub name: &'static str,
    /// Whether it has a stream of new images.
    pub stream: bool,
    /// Its sparse indexes, keys only.
    pub indexes: &'static [&'static str],
}

/// Every table.
pub const TABLES: [TableShape; 9] = [
    TableShape { table: Table::Accounts, name: "accounts", stream: false, indexes: &[] },
    TableShape { table: Table::Catalogue, name: "catalogue", stream: false, indexes: &[] },
    TableShape { table: Table::Stock, name: "stock", stream: true, indexes: &["due"] },
    TableShape { table: Table::Movements, name: "movements", stream: false, indexes: &["changed", "due"] },
    TableShape { table: Table::Orders, name: "orders", stream: true, indexes: &["listed", "waiting", "due"] },
    TableShape { table: Table::Tasks, name: "tasks", stream: true, indexes: &["work"] },
    TableShape { table: Table::Shipments, name: "shipments", stream: true, indexes: &["closeout", "due"] },
    TableShape { table: Table::Returns, name: "returns", stream: true, indexes: &["listed", "due"] },
    TableShape { table: Table::People, name: "people", stream: false, indexes: &[] },
];

impl TableShape {
    /// The `CreateTable` request.
    #[must_use]
    pub fn create_request(&self) -> Value {
        let mut names = vec!["pk".to_owned(), "sk".to_owned()];
        for index in self.indexes {
            names.extend([format!("{index}_pk"), format!("{index}_sk")]);
        }
        let keys = |pk: &str, sk: &str| json!([{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}]);
        let attributes: Vec<Value> =
            names.iter().map(|name| json!({"AttributeName": name, "AttributeType": "S"})).collect();
        let mut request = json!({
            "TableName": self.name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": keys("pk", "sk"),
            "AttributeDefinitions": attributes,
        });
        if !self.indexes.is_empty() {
            let indexes: Vec<Value> = self
                .indexes
                .iter()
                .map(|index| {
                    json!({
                        "IndexName": index,
                        "KeySchema": keys(&format!("{index}_pk"), &format!("{index}_sk")),
                        "Projection": {"ProjectionType": "KEYS_ONLY"},
                    })
                })
                .collect();
            request["GlobalSecondaryIndexes"] = Value::Array(indexes);
        }
        if self.stream {
            request["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"});
        }
        request
    }
}
