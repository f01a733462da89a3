use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue;
use http::{Response, StatusCode};
use testkit::connector::{Call, EngineConnector, Fault, Faults};

use crate::Stack;
use crate::dynamodb::create_orders;

/// Faults by number of the `PutItem` call, before and after it.
#[derive(Default)]
struct Script {
    before: BTreeMap<usize, Fault>,
    after: BTreeMap<usize, Fault>,
    puts: Mutex<usize>,
}

impl Faults for Script {
    fn before(&self, call: &Call) -> Option<Fault> {
        if call.operation != "PutItem" {
            return None;
        }
        let mut puts = self.puts.lock().unwrap();
        *puts += 1;
        self.before.get(&*puts).cloned()
    }

    fn after(&self, call: &Call) -> Option<Fault> {
        let puts = *self.puts.lock().unwrap();
        (call.operation == "PutItem").then(|| self.after.get(&puts).cloned())?
    }
}

fn throttled() -> Fault {
    Fault::Answer { status: StatusCode::BAD_REQUEST, code: "ProvisionedThroughputExceededException".into() }
}

pub(crate) async fn put_once(stack: &Stack) -> Result<(), String> {
    stack
        .dynamodb()
        .put_item()
        .table_name("orders")
        .item("pk", AttributeValue::S("a".into()))
        .item("sk", AttributeValue::S("order".into()))
        .condition_expression("attribute_not_exists(pk)")
        .send()
        .await
        .map(|_| ())
        .map_err(|error| error.into_service_error().meta().code().unwrap_or("none").to_owned())
}

async fn with(script: Script) -> (Stack, Arc<Script>) {
    let mut stack = Stack::new();
    create_orders(&stack.dynamodb()).await;
    let script = Arc::new(script);
    stack.connector = EngineConnector::new(stack.engine.clone()).faults(script.clone());
    (stack, script)
}

#[tokio::test]
async fn faults_before_a_call_leave_nothing_and_the_sdk_tries_again() {
    for fault in [throttled(), Fault::Connection, Fault::TimeOut] {
        let (stack, script) = with(Script { before: [(1, fault.clone())].into(), ..Script::default() }).await;
        assert_eq!(put_once(&stack).await, Ok(()), "{fault:?}");
        assert_eq!(*script.puts.lock().unwrap(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_hides_a_write_that_took_effect() {
    for fault in [Fault::TimeOut, Fault::Connection, throttled()] {
        let (stack, script) = with(Script { after: [(1, fault.clone())].into(), ..Script::default() }).await;
        // The SDK's second try meets the first one's item.
        assert_eq!(put_once(&stack).await, Err("ConditionalCheckFailedException".into()), "{fault:?}");
        assert_eq!(*script.puts.lock().unwrap(), 2);
    }
}

#[tokio::test]
async fn partners_are_reached_by_url_and_nobody_else_is() {
    use aws_smithy_runtime_api::client::http::HttpConnector;
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    let stack = Stack::new();
    let answer =
        |text: &'static str| Arc::new(move |_| Response::new(text.as_bytes().to_vec())) as testkit::connector::Handler;
    let connector = stack
        .connector
        .clone()
        .route("https://carrier.example/", answer("carrier"))
        .route("https://carrier.example/v2/", answer("carrier v2"));
    let ask = |url: &'static str| {
        let connector = connector.clone();
        async move {
            let response = connector.call(HttpRequest::get(url).unwrap()).await.ok()?;
            Some(String::from_utf8(response.body().bytes()?.to_vec()).unwrap())
        }
    };
    assert_eq!(ask("https://carrier.example/rates").await.as_deref(), Some("carrier"));
    assert_eq!(ask("https://carrier.example/v2/rates").await.as_deref(), Some("carrier v2"));
    assert_eq!(ask("https://elsewhere.example/").await, None);
}

#[tokio::test]
async fn every_call_lets_others_run_first() {
    let stack = Stack::new();
    let client = stack.dynamodb();
    create_orders(&client).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let task = |name: &'static str| {
        let client = client.clone();
        let order = order.clone();
        async move {
            for _ in 0..3 {
                client.list_tables().send().await.unwrap();
                order.lock().unwrap().push(name);
            }
        }
    };
    tokio::join!(task("one"), task("two"));
    for turn in order.lock().unwrap().chunks(2) {
        assert_ne!(turn[0], turn[1], "neither overtakes the other");
    }
}
