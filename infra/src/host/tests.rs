//! The whole host with a small function of its own: this test binary, started again as the function's process.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fixtures::{function, stack};
use super::{DataError, Declaration, FunctionProgram, Host, HostError, Options};
use crate::template::model::{
    Function, Queue, QueueSource, Redrive, Schedule, Stack, StartingPosition, StreamSource, Table,
};

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

// ---------------------------------------------------------------- the function

/// Not a test: what the host starts as the function's process.
#[test]
#[ignore = "the function's process, started by the other tests"]
fn function_process() {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // It ends with an error when the host goes away.
    let _ = runtime.block_on(lambda_runtime::run(lambda_runtime::service_fn(handle)));
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
    let (event, context) = event.into_parts();
    if event["version"] == "2.0" {
        return answer(&event, &context.request_id).await;
    }
    if event["source"] == "aws.events" {
        return Ok(json!({"pid": std::process::id()}));
    }
    let mut failed = Vec::new();
    for record in event["Records"].as_array().into_iter().flatten() {
        if record["eventSource"] == "aws:sqs" {
            if record["body"] == "hang once" {
                let endpoint = std::env::var("AWS_ENDPOINT_URL")?;
                let marker = std::path::PathBuf::from(std::env::var("MARKER")?);
                if !marker.exists() {
                    std::fs::write(marker, "")?;
                    std::future::pending::<()>().await;
                }
                send(&endpoint, "seen", "came again").await;
            }
            if record["body"] == "poison" {
                failed.push(json!({"itemIdentifier": record["messageId"]}));
            }
        } else {
            let id = record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap_or_default();
            if id == "poison" {
                return Err("poison".into());
            }
            let endpoint = std::env::var("AWS_ENDPOINT_URL")?;
            send(&endpoint, "seen", id).await;
        }
    }
    Ok(json!({"batchItemFailures": failed}))
}

async fn answer(event: &Value, request_id: &str) -> Result<Value, lambda_runtime::Error> {
    match event["pathParameters"]["action"].as_str() {
        Some("error") => Err("as asked".into()),
        Some("crash") => std::process::exit(7),
        Some("hang") => std::future::pending().await,
        _ => Ok(json!({
            "statusCode": 201,
            "headers": {"content-type": "application/json"},
            "body": json!({"pid": std::process::id(), "request_id": request_id, "body": event["body"]}).to_string(),
        })),
    }
}

// ---------------------------------------------------------------- a client

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

async fn request(url: &str, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let authority = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

async fn aws(url: &str, target: &str, body: Value) -> Value {
    let headers = format!("x-amz-target: {target}\r\ncontent-type: application/x-amz-json-1.0\r\n");
    let answer = request(url, "POST", "/", &headers, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{target}: {}", answer.body);
    answer.json()
}

fn queue_url(url: &str, queue: &str) -> String {
    format!("{url}/000000000000/{queue}")
}

async fn send(url: &str, queue: &str, body: &str) {
    aws(url, "AmazonSQS.SendMessage", json!({"QueueUrl": queue_url(url, queue), "MessageBody": body})).await;
}

/// Receives and deletes one message, waiting for it.
async fn take(url: &str, queue: &str) -> String {
    let queue_url = queue_url(url, queue);
    let received = aws(
        url,
        "AmazonSQS.ReceiveMessage",
        json!({"QueueUrl": queue_url, "WaitTimeSeconds": 20, "MaxNumberOfMessages": 1}),
    )
    .await;
    let message = &received["Messages"][0];
    assert!(message.is_object(), "nothing came into {queue} within 20 s");
    let handle = &message["ReceiptHandle"];
    aws(url, "AmazonSQS.DeleteMessage", json!({"QueueUrl": queue_url, "ReceiptHandle": handle})).await;
    message["Body"].as_str().unwrap_or_default().to_owned()
}

async fn depth(url: &str, queue: &str) -> (String, String) {
    let answer =
        aws(url, "AmazonSQS.GetQueueAttributes", json!({"QueueUrl": queue_url(url, queue), "AttributeNames": ["All"]}))
            .await;
    let count = |name: &str| answer["Attributes"][name].as_str().unwrap_or("?").to_owned();
    (count("ApproximateNumberOfMessages"), count("ApproximateNumberOfMessagesNotVisible"))
}

// ---------------------------------------------------------------- stacks

fn options(stack: Stack, data: &Path) -> Options {
    let program = FunctionProgram {
        path: std::env::current_exe().unwrap(),
        arguments: ["--exact", "host::tests::function_process", "--ignored", "--nocapture"].map(str::to_owned).into(),
    };
    Options {
        program: Some(program),
        environments_max: 2,
        ..Options::new(Declaration::Stack(stack), data).on_free_ports()
    }
}

fn web() -> Function {
    Function { timeout_s: 1, ..function("web", &[("POST", "/do/{action}")]) }
}

fn queue(name: &str, redrive: Option<Redrive>) -> Queue {
    Queue { name: name.to_owned(), visibility_timeout_s: 1, message_retention_s: 3600, redrive }
}

// ---------------------------------------------------------------- tests

#[tokio::test(flavor = "multi_thread")]
async fn a_request_reaches_its_function_and_failures_stay_with_it() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(options(stack([web()]), data.path())).await.unwrap();
    let post = |path: &'static str, body: &'static str| {
        let url = host.api_url.clone();
        async move { request(&url, "POST", path, "content-type: text/plain\r\n", body).await }
    };

    let first = post("/do/echo", "hello").await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(first.json()["body"], "hello");
    let id = first.json()["request_id"].as_str().unwrap().to_owned();
    assert!(first.head.contains(&format!("apigw-requestid: {id}")), "{}", first.head);

    // As the HTTP API of AWS answers for itself.
    for (path, status, message) in [
        ("/do/error", 500, "Internal Server Error"),
        ("/do/crash", 500, "Internal Server Error"),
        ("/do/hang", 503, "Service Unavailable"),
        ("/nowhere", 404, "Not Found"),
    ] {
        let answer = post(path, "").await;
        assert_eq!((answer.status, answer.json()), (status, json!({"message": message})), "{path}");
        assert!(answer.head.contains("apigw-requestid: "), "{path}: {}", answer.head);
        assert_eq!(post("/do/echo", "").await.status, 201, "after {path}");
    }
    let wrong = request(&host.api_url, "GET", "/do/echo", "", "").await;
    assert_eq!((wrong.status, wrong.json()), (404, json!({"message": "Not Found"})), "another method is no route");

    let status = request(&host.aws_url, "GET", "/_sklad/status", "", "").await.json();
    let counts = ["invocations", "errors", "time_outs"].map(|name| status["functions"]["web"][name].as_u64());
    assert_eq!(counts, [Some(8), Some(3), Some(1)], "{status}");

    let all = futures_util::future::join_all((0..12).map(|_| post("/do/echo", ""))).await;
    let processes: BTreeSet<u64> = all.iter().map(|answer| answer.json()["pid"].as_u64().unwrap()).collect();
    assert!(processes.len() <= 2, "more processes than allowed: {processes:?}");

    let health = request(&host.aws_url, "GET", "/_sklad/health", "", "").await;
    assert_eq!(health.status, 200);
    host.shutdown().await;
    for process in processes {
        assert!(!Path::new(&format!("/proc/{process}/exe")).exists(), "process {process} outlives the host");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_limit_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(options(stack([web()]), data.path())).await.unwrap();
    let authority = host.api_url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&authority).await.unwrap();
    let head =
        format!("POST /do/echo HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: 10485761\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_message_goes_to_its_dead_letter_queue_while_its_neighbours_are_done() {
    let data = tempfile::tempdir().unwrap();
    let mut worker = function("worker", &[]);
    worker.queue_sources.push(QueueSource {
        queue: "picks".to_owned(),
        batch_size: 10,
        batching_window_s: 0,
        maximum_concurrency: None,
        report_batch_item_failures: true,
    });
    let mut stack = stack([worker]);
    let redrive = Redrive { dead_letter_queue: "picks-dead-letters".to_owned(), max_receive_count: 2 };
    stack.queues = vec![queue("picks", Some(redrive)), queue("picks-dead-letters", None)];
    let host = Host::start(options(stack, data.path())).await.unwrap();
    for body in ["good", "poison", "good"] {
        send(&host.aws_url, "picks", body).await;
    }
    assert_eq!(take(&host.aws_url, "picks-dead-letters").await, "poison");
    let none = || "0".to_owned();
    assert_eq!(depth(&host.aws_url, "picks").await, (none(), none()));
    host.shutdown().await;
}

#[test]
fn what_a_killed_host_was_working_on_comes_again_at_once() {
    let data = tempfile::tempdir().unwrap();
    let marker = data.path().join("marker");
    let mut worker = Function { timeout_s: 60, ..function("worker", &[]) };
    worker.environment.insert("MARKER".to_owned(), marker.to_string_lossy().into_owned());
    worker.queue_sources.push(QueueSource {
        queue: "picks".to_owned(),
        batch_size: 10,
        batching_window_s: 0,
        maximum_concurrency: None,
        report_batch_item_failures: true,
    });
    let mut stack = stack([worker]);
    let picks = Queue { visibility_timeout_s: 3600, ..queue("picks", None) };
    stack.queues = vec![picks, queue("seen", None)];
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();

    // Everything of the first host goes with its runtime, at whatever point it is.
    let killed = runtime();
    let host = killed.block_on(async {
        let host = Host::start(options(stack.clone(), &data.path().join("data"))).await.unwrap();
        send(&host.aws_url, "picks", "hang once").await;
        tokio::time::timeout(PATIENCE, async {
            while !marker.exists() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        host
    });
    killed.shutdown_timeout(PATIENCE);
    drop(host);

    runtime().block_on(async {
        let host = Host::start(options(stack, &data.path().join("data"))).await.unwrap();
        assert_eq!(take(&host.aws_url, "seen").await, "came again");
        host.shutdown().await;
    });
}

fn stream_stack() -> Stack {
    let mut reader = function("reader", &[]);
    reader.stream_sources.push(StreamSource {
        table: "orders".to_owned(),
        batch_size: 10,
        batching_window_s: 0,
        starting_position: StartingPosition::TrimHorizon,
        maximum_retry_attempts: Some(1),
        maximum_record_age_s: None,
        parallelization_factor: 1,
        bisect_batch_on_function_error: true,
        report_batch_item_failures: false,
        on_failure_queue: Some("given-up".to_owned()),
        filters: vec![json!({"dynamodb": {"Keys": {"pk": {"S": [{"anything-but": "unseen"}]}}}})],
    });
    let mut stack = stack([reader]);
    stack.queues = vec![queue("seen", None), queue("given-up", None)];
    stack.tables.push(Table {
        name: "orders".to_owned(),
        create: json!({
            "TableName": "orders",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"},
        }),
        time_to_live_attribute: None,
    });
    stack
}

async fn put(url: &str, id: &str) {
    aws(url, "DynamoDB_20120810.PutItem", json!({"TableName": "orders", "Item": {"pk": {"S": id}}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_read_in_order_past_poison_and_goes_on_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(options(stream_stack(), data.path())).await.unwrap();
    let url = host.aws_url.clone();
    for id in ["1", "poison", "unseen", "2"] {
        put(&url, id).await;
    }
    let given_up: Value = serde_json::from_str(&take(&url, "given-up").await).unwrap();
    assert_eq!(given_up["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(given_up["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(given_up["DDBStreamBatchInfo"]["batchSize"], 1);
    // The batch with the poison is tried again from its first record.
    let mut seen = take(&url, "seen").await;
    while seen == "1" {
        seen = take(&url, "seen").await;
    }
    assert_eq!(seen, "2");
    host.shutdown().await;

    let host = Host::start(options(stream_stack(), data.path())).await.unwrap();
    put(&host.aws_url, "3").await;
    assert_eq!(take(&host.aws_url, "seen").await, "3");
    let none = || "0".to_owned();
    assert_eq!(depth(&host.aws_url, "seen").await, (none(), none()));

    let second = Host::start(options(stream_stack(), data.path())).await;
    assert!(matches!(second, Err(HostError::Data(DataError::InUse(_)))));
    host.shutdown().await;

    let mut changed = stream_stack();
    changed.tables[0].create["KeySchema"] = json!([{"AttributeName": "id", "KeyType": "HASH"}]);
    let refused = Host::start(options(changed, data.path())).await.err().map(|error| error.to_string());
    assert!(refused.as_ref().is_some_and(|text| text.contains("--fresh")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_invokes_its_function_and_a_killed_process_is_replaced() {
    let data = tempfile::tempdir().unwrap();
    let mut ticking = function("ticking", &[]);
    ticking.schedules.push(Schedule { name: "EverySecond".to_owned(), every_s: 1, input: None });
    let host = Host::start(options(stack([ticking]), data.path())).await.unwrap();
    let event = json!({"source": "aws.events"});
    let pid = |answer: Vec<u8>| serde_json::from_slice::<Value>(&answer).unwrap()["pid"].as_u64().unwrap();
    let first = pid(host.invoke("ticking", &event).await.unwrap());
    let killed = std::process::Command::new("kill").args(["-9", &first.to_string()]).status().unwrap();
    assert!(killed.success());
    // Either the host has noticed, or the invocation is handed to a new process.
    let replaced = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Ok(answer) = host.invoke("ticking", &event).await
                && pid(answer.clone()) != first
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
    replaced.await.unwrap();
    assert!(host.invoke("nobody", &event).await.is_err());
    let meter = request(&host.aws_url, "GET", "/_sklad/meter", "", "").await;
    assert_eq!(meter.status, 200, "{}", meter.body);
    host.shutdown().await;
    let _: BTreeMap<String, Value> = serde_json::from_str(&meter.body).unwrap();
}
