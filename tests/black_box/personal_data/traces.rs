//! Where texts are found: through the APIs, and in files.

use crate::stack::{Stack, aws, sqs};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::OrderId;
use platform::deps::Seams;
use platform::{Deps, Settings};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of a compressed body that are looked for.
const PIECE: usize = 24;

/// What is looked for.
pub(crate) struct Traces {
    texts: Vec<String>,
    bytes: Vec<Vec<u8>>,
}

impl Traces {
    /// These texts, as they are and as JSON may escape them.
    pub(crate) fn of(_: &Stack, texts: &[&str]) -> Self {
        let escaped = |text: &&str| {
            let unit = |unit: u16| match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
                _ => format!("\\u{unit:04x}"),
            };
            text.encode_utf16().map(unit).collect::<String>()
        };
        let mut all: Vec<String> =
            texts.iter().map(|text| (*text).to_owned()).chain(texts.iter().map(escaped)).collect();
        all.sort();
        all.dedup();
        Self { bytes: all.iter().map(|text| text.clone().into_bytes()).collect(), texts: all }
    }

    /// And pieces of the bodies that are stored compressed, as bytes and in base64.
    pub(crate) async fn compressed(&mut self, stack: &Stack) {
        for item in scan(stack, "people").await {
            let text = item["raw"]["B"].as_str().expect("a body");
            let raw = BASE64_STANDARD.decode(text).expect("base64");
            assert!(raw.len() > 4 * PIECE);
            let middle = raw.len() / 2;
            self.bytes.push(raw[middle..middle + PIECE].to_vec());
            let middle = text.len() / 2;
            self.texts.push(text[middle..middle + 2 * PIECE].to_owned());
            self.bytes.push(text.as_bytes()[middle..middle + 2 * PIECE].to_vec());
        }
    }

    fn are_in(&self, text: &str) -> bool {
        self.texts.iter().any(|own| text.contains(own))
    }

    /// The tables that have some.
    pub(crate) async fn in_tables(&self, stack: &Stack) -> Vec<String> {
        let mut found = Vec::new();
        let tables = tables(stack).await;
        assert!(tables.len() >= 9, "{tables:?}");
        for table in tables {
            if scan(stack, &table).await.iter().any(|item| self.are_in(&item.to_string())) {
                found.push(table);
            }
        }
        found
    }

    /// The tables whose streams have some, from the oldest record that is there.
    pub(crate) async fn in_streams(&self, stack: &Stack) -> Vec<String> {
        let mut found = Vec::new();
        let streams = call(stack, "DynamoDBStreams_20120810.ListStreams", json!({})).await;
        let streams = streams["Streams"].as_array().cloned().unwrap_or_default();
        assert!(streams.len() >= 5, "{streams:?}");
        for stream in streams {
            let arn = &stream["StreamArn"];
            assert_ne!(stream["TableName"], "people", "what is erased must not live on in a stream");
            let described = call(stack, "DynamoDBStreams_20120810.DescribeStream", json!({"StreamArn": arn})).await;
            for shard in described["StreamDescription"]["Shards"].as_array().into_iter().flatten() {
                let from = json!({"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"});
                let mut iterator =
                    call(stack, "DynamoDBStreams_20120810.GetShardIterator", from).await["ShardIterator"].take();
                while iterator.is_string() {
                    let next = json!({"ShardIterator": iterator});
                    let mut page = call(stack, "DynamoDBStreams_20120810.GetRecords", next).await;
                    if page["Records"].as_array().is_none_or(Vec::is_empty) {
                        break;
                    }
                    if self.are_in(&page.to_string()) {
                        found.push(stream["TableName"].as_str().unwrap_or_default().to_owned());
                    }
                    iterator = page["NextShardIterator"].take();
                }
            }
        }
        found
    }

    /// The queues and dead-letter queues that have some.
    pub(crate) async fn in_queues(&self, stack: &Stack) -> Vec<String> {
        let mut found = Vec::new();
        let queues = sqs(&stack.aws_url, "ListQueues", &json!({})).await;
        let queues = queues["QueueUrls"].as_array().cloned().unwrap_or_default();
        assert!(queues.len() >= 14, "{queues:?}");
        for queue in queues {
            let peek = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0, "MessageAttributeNames": ["All"]});
            // Messages of a sandbox's size: a few looks see each of them.
            for _ in 0..5 {
                if self.are_in(&sqs(&stack.aws_url, "ReceiveMessage", &peek).await.to_string()) {
                    found.push(queue.to_string());
                }
            }
        }
        found
    }

    /// The keys of every document of the order; there are no others.
    pub(crate) async fn objects(&self, stack: &Stack, order: &OrderId) -> Vec<String> {
        let buckets = entries(&stack.data().expect("a stack of the test's own").join("aws/objects"));
        let [bucket] = buckets.as_slice() else { panic!("one bucket: {buckets:?}") };
        let name = bucket.file_name().unwrap_or_default().to_string_lossy();
        let variables = [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_ENDPOINT_URL", stack.aws_url.as_str()),
            ("DOCUMENTS_BUCKET", &name),
        ];
        let settings: Settings =
            variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let seams = Seams::of_machine(&settings);
        let keys = Deps::new(settings, seams).expect("clients").documents.keys(order).await.expect("S3 answers");
        assert_eq!(keys.len(), entries(bucket).len(), "all documents are the order's");
        keys
    }

    /// The logs that have some.
    pub(crate) fn in_logs(&self, stack: &Stack) -> Vec<String> {
        let logs = stack.data().expect("a stack of the test's own").join("logs");
        let files = entries(&logs);
        assert!(files.iter().any(|file| fs::metadata(file).is_ok_and(|log| log.len() > 0)), "there are logs");
        self.files_with(files)
    }

    /// The files of the run that have some, but for those of the sandbox partners: they are what a carrier and a shop have
    /// of the shopper themselves.
    pub(crate) fn in_files(&self, stack: &Stack) -> Vec<String> {
        let data = stack.data().expect("a stack of the test's own");
        let own = entries(data).into_iter().filter(|entry| !entry.ends_with("sandbox"));
        self.files_with(own.flat_map(|entry| below(&entry)).collect())
    }

    fn files_with(&self, files: Vec<PathBuf>) -> Vec<String> {
        let has_some = |file: &PathBuf| {
            // A file that went meanwhile has nothing.
            let content = fs::read(file).unwrap_or_default();
            self.bytes.iter().any(|own| content.windows(own.len()).any(|window| window == own))
        };
        files.into_iter().filter(has_some).map(|file| file.to_string_lossy().into_owned()).collect()
    }
}

async fn call(stack: &Stack, target: &str, body: Value) -> Value {
    aws(&stack.aws_url, target, &body).await
}

async fn tables(stack: &Stack) -> Vec<String> {
    let tables = call(stack, "DynamoDB_20120810.ListTables", json!({})).await;
    tables["TableNames"].as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Every item of a table.
async fn scan(stack: &Stack, table: &str) -> Vec<Value> {
    let (mut found, mut start) = (Vec::new(), Value::Null);
    loop {
        let mut request = json!({"TableName": table, "ConsistentRead": true});
        if !start.is_null() {
            request["ExclusiveStartKey"] = start;
        }
        let mut page = call(stack, "DynamoDB_20120810.Scan", request).await;
        found.extend(page["Items"].as_array().cloned().unwrap_or_default());
        start = page["LastEvaluatedKey"].take();
        if start.is_null() {
            return found;
        }
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()).collect()
}

fn below(entry: &Path) -> Vec<PathBuf> {
    if entry.is_dir() { entries(entry).iter().flat_map(|entry| below(entry)).collect() } else { vec![entry.to_owned()] }
}
