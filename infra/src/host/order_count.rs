//! How many orders are in each state now. The metrics say what entered a state, and nothing says what left it, so the table
//! itself is counted: only when somebody asks, page by page, and for a tenth of the time at most.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::moment;
use super::services::{ServiceError, Services};
use super::status::Orders;

/// Items of one page: between two pages whoever waits for the tables gets them.
const PAGE_ITEMS_MAX: u32 = 200;
/// A count is good for so long at least.
const GOOD_FOR_MIN: Duration = Duration::from_secs(1);
/// And for so many times as long as it took.
const PAUSE_FACTOR: u32 = 10;

/// Counts the orders of one table.
#[derive(Debug)]
pub(crate) struct OrderCount {
    table: Option<String>,
    /// Held while a count runs: who asks meanwhile gets the same one.
    last: Mutex<Option<Counted>>,
}

#[derive(Debug)]
struct Counted {
    orders: Orders,
    ended: Instant,
    took: Duration,
}

impl OrderCount {
    /// Of the stack's table of orders, if it has one.
    pub(crate) fn of(table: Option<String>) -> Self {
        Self { table, last: Mutex::default() }
    }

    /// The last count if it is good, or a new one.
    pub(crate) async fn now(&self, services: &Services) -> Result<Option<Orders>, ServiceError> {
        let Some(table) = &self.table else {
            return Ok(None);
        };
        let mut last = self.last.lock().await;
        if let Some(counted) = &*last
            && counted.ended.elapsed() < good_for(counted.took)
        {
            return Ok(Some(counted.orders.clone()));
        }
        let began = Instant::now();
        let orders = count(services, table).await?;
        *last = Some(Counted { orders: orders.clone(), ended: Instant::now(), took: began.elapsed() });
        Ok(Some(orders))
    }
}

fn good_for(took: Duration) -> Duration {
    took.saturating_mul(PAUSE_FACTOR).max(GOOD_FOR_MIN)
}

async fn count(services: &Services, table: &str) -> Result<Orders, ServiceError> {
    let counted_at = moment::now();
    let mut by_state = BTreeMap::new();
    let mut start = Value::Null;
    loop {
        let mut scan = json!({
            "TableName": table,
            "Limit": PAGE_ITEMS_MAX,
            "FilterExpression": "sk = :order",
            "ExpressionAttributeValues": {":order": {"S": "order"}},
            "ProjectionExpression": "fulfilment",
        });
        if !start.is_null() {
            scan["ExclusiveStartKey"] = start;
        }
        let response = services.with(move |engine| engine.dynamodb().call("Scan", scan.to_string().as_bytes())).await?;
        let mut page: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        if !response.status().is_success() {
            return Err(ServiceError::Refused {
                operation: "Scan",
                table: table.to_owned(),
                message: page.to_string(),
            });
        }
        for item in page["Items"].as_array().into_iter().flatten() {
            let state = item["fulfilment"]["S"].as_str().unwrap_or("unknown");
            *by_state.entry(state.to_owned()).or_default() += 1;
        }
        start = page["LastEvaluatedKey"].take();
        if start.is_null() {
            return Ok(Orders { counted_at, by_state });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Engine;
    use proptest::prelude::*;

    const TABLE: &str = "orders";

    fn call(engine: &Engine, operation: &str, body: &Value) {
        let answer = engine.dynamodb().call(operation, body.to_string().as_bytes());
        assert!(answer.status().is_success(), "{}", String::from_utf8_lossy(answer.body()));
    }

    async fn services(directory: &std::path::Path) -> Services {
        let services = Services::open(directory, ([127, 0, 0, 1], 4566).into()).unwrap();
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let attribute = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
        let table = json!({
            "TableName": TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
            "AttributeDefinitions": [attribute("pk"), attribute("sk")],
        });
        services.with(move |engine| call(engine, "CreateTable", &table)).await.unwrap();
        services
    }

    async fn put(services: &Services, pk: String, sk: &str, state: &str) {
        let item = json!({"pk": {"S": pk}, "sk": {"S": sk}, "fulfilment": {"S": state}});
        let body = json!({"TableName": TABLE, "Item": item});
        services.with(move |engine| call(engine, "PutItem", &body)).await.unwrap();
    }

    #[tokio::test]
    async fn every_order_of_every_page_is_counted_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let services = services(directory.path()).await;
        for number in 0..PAGE_ITEMS_MAX + 5 {
            put(&services, format!("o{number}"), "order", if number < 3 { "received" } else { "fulfilled" }).await;
        }
        put(&services, "o1".to_owned(), "idempotency", "received").await;
        let count = OrderCount::of(Some(TABLE.to_owned()));
        let orders = count.now(&services).await.unwrap().unwrap();
        let expect = [("fulfilled".to_owned(), u64::from(PAGE_ITEMS_MAX) + 2), ("received".to_owned(), 3)];
        assert_eq!(orders.by_state, BTreeMap::from(expect));

        put(&services, "late".to_owned(), "order", "received").await;
        let again = count.now(&services).await.unwrap().unwrap();
        assert_eq!(again, orders, "who asks again at once gets the same count");
    }

    #[tokio::test]
    async fn a_table_that_cannot_be_read_is_an_error_and_none_is_no_count() {
        let directory = tempfile::tempdir().unwrap();
        let services = services(directory.path()).await;
        assert_eq!(OrderCount::of(None).now(&services).await.unwrap(), None);
        let error = OrderCount::of(Some("nowhere".to_owned())).now(&services).await.unwrap_err();
        assert!(matches!(error, ServiceError::Refused { operation: "Scan", .. }), "{error}");
    }

    proptest! {
        #[test]
        fn counting_takes_a_tenth_of_the_time_at_most(took_ms in 0_u64..1_000_000) {
            let took = Duration::from_millis(took_ms);
            prop_assert!(good_for(took) >= took * 10);
            prop_assert!(good_for(took) >= GOOD_FOR_MIN);
        }
    }
}
