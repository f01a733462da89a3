//! What a reviewer of a production account looks for, as rules over every resource: a new one that breaks a rule fails here.

use super::{declared, overrides, root, text};
use infra::template::{Declared, kebab, load_all};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Resources of a type, by logical id.
pub(crate) fn of_type<'d>(declared: &'d Declared, wanted: &str) -> Vec<(&'d str, &'d Value)> {
    let found: Vec<_> = declared
        .resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == wanted)
        .map(|(id, resource)| (id.as_str(), resource))
        .collect();
    assert!(!found.is_empty(), "no {wanted}");
    found
}

pub(crate) fn alarms(declared: &Declared) -> Vec<(&str, &Value)> {
    let alarms = of_type(declared, "AWS::CloudWatch::Alarm");
    alarms.into_iter().map(|(id, alarm)| (id, &alarm["Properties"])).collect()
}

fn with(parameters: &[(&str, &str)]) -> Result<Declared, String> {
    let mut overrides = overrides();
    for (name, value) in parameters {
        overrides.parameters.insert((*name).to_owned(), (*value).to_owned());
    }
    load_all(&root().join("template.yaml"), &overrides).map_err(|error| error.to_string())
}

/// Whether an alarm watches this metric of the resource called `name` on one machine.
fn is_watched(declared: &Declared, metric: &str, dimension: &str, name: &str) -> bool {
    let dimensions = json!([{ "Name": dimension, "Value": name }]);
    alarms(declared).iter().any(|(_, alarm)| alarm["MetricName"] == metric && alarm["Dimensions"] == dimensions)
}

#[test]
fn each_queue_is_watched_for_what_waits_or_was_given_up() {
    let declared = declared();
    for queue in &declared.stack.queues {
        let metric = match queue.redrive {
            Some(_) => "ApproximateAgeOfOldestMessage",
            None => "ApproximateNumberOfMessagesVisible",
        };
        assert!(is_watched(&declared, metric, "QueueName", &queue.name), "no alarm on {metric} of {}", queue.name);
    }
    for (id, alarm) in alarms(&declared).iter().filter(|(id, _)| id.ends_with("DeadLettersAlarm")) {
        assert_eq!(alarm["Threshold"], 0, "{id}: the first dead letter is one too many");
    }
}

#[test]
fn each_reader_of_streams_is_watched_for_its_lag() {
    let declared = declared();
    for (name, function) in &declared.stack.functions {
        if !function.stream_sources.is_empty() {
            assert!(is_watched(&declared, "IteratorAge", "FunctionName", name), "{name}");
        }
        for source in &function.stream_sources {
            assert!(source.bisect_batch_on_function_error, "{name}: one record must not stop a batch");
            // Lambda's own default would try until the stream forgets the record, after 24 hours and without a word.
            assert!(source.maximum_record_age_s.is_some_and(|age_s| age_s < 86_400), "{name}");
        }
    }
}

#[test]
fn each_function_s_failed_invocations_are_watched_and_take_a_deployment_back() {
    let declared = declared();
    for (id, function) in of_type(&declared, "AWS::Serverless::Function") {
        let alarm = format!("{id}ErrorsAlarm");
        let properties = &declared.resources[&alarm]["Properties"];
        // By the function's name on one machine. An alarm on the API would wait for the aliases, which wait for the deployment.
        let name =
            function["Properties"]["CodeUri"].as_str().unwrap().trim_start_matches("functions/").trim_end_matches('/');
        assert_eq!(properties["Dimensions"], json!([{ "Name": "FunctionName", "Value": name }]), "{id}");
        assert_eq!(
            (&properties["Namespace"], &properties["MetricName"]),
            (&json!("AWS/Lambda"), &json!("Errors")),
            "{id}"
        );
        assert_eq!(function["Properties"]["DeploymentPreference"]["Alarms"], json!([kebab(&alarm)]), "{id}");
    }
}

#[test]
fn each_alarm_tells_somebody_when_it_comes_and_when_it_goes() {
    let declared = declared();
    for (id, alarm) in alarms(&declared) {
        for actions in ["AlarmActions", "OKActions"] {
            let actions = alarm[actions].as_array().unwrap_or_else(|| panic!("{id} has no {actions}"));
            assert!(actions.iter().all(|action| action.as_str().is_some_and(|arn| arn.contains(":sns:"))), "{id}");
            assert_eq!(actions.len(), 1, "{id}");
        }
        assert!(alarm["AlarmDescription"].as_str().is_some_and(|text| text.ends_with('.')), "{id}");
        // What is silent because nothing happens is well; only the schedule must be heard.
        let silence = if id == "SweeperAbsentAlarm" { "breaching" } else { "notBreaching" };
        assert_eq!(alarm["TreatMissingData"], silence, "{id}");
    }
}

#[test]
fn data_outlives_the_stack_and_can_be_restored() {
    let declared = declared();
    for (id, table) in of_type(&declared, "AWS::DynamoDB::Table") {
        let properties = &table["Properties"];
        assert_eq!(
            (&table["DeletionPolicy"], &table["UpdateReplacePolicy"]),
            (&json!("Retain"), &json!("Retain")),
            "{id}"
        );
        assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true, "{id}");
        assert_eq!(properties["SSESpecification"]["SSEEnabled"], true, "{id}");
        assert_eq!(properties["DeletionProtectionEnabled"], true, "{id}");
        // A name of CloudFormation's own, so that it can be replaced and stacks can stand side by side.
        assert!(properties.get("TableName").is_none(), "{id}");
        let days = properties["PointInTimeRecoverySpecification"].get("RecoveryPeriodInDays");
        assert_eq!(days, (id == "PeopleTable").then(|| json!(7)).as_ref(), "{id}: what is erased is not kept for long");
    }
    for (id, bucket) in of_type(&declared, "AWS::S3::Bucket") {
        assert_eq!(
            (&bucket["DeletionPolicy"], &bucket["UpdateReplacePolicy"]),
            (&json!("Retain"), &json!("Retain")),
            "{id}"
        );
    }
}

#[test]
fn each_bucket_is_closed_speaks_tls_only_and_forgets_in_time() {
    let declared = declared();
    for (id, bucket) in of_type(&declared, "AWS::S3::Bucket") {
        let properties = &bucket["Properties"];
        for flag in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
            assert_eq!(properties["PublicAccessBlockConfiguration"][flag], true, "{id} {flag}");
        }
        assert_eq!(properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced", "{id}");
        let rules = properties["LifecycleConfiguration"]["Rules"].as_array().unwrap();
        assert!(rules.iter().all(|rule| rule["Status"] == "Enabled"), "{id}");
        assert!(rules.iter().any(|rule| rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1), "{id}");
        assert!(rules.iter().any(|rule| rule["ExpirationInDays"] == 400), "{id}");
        // A version would keep what was erased.
        assert!(properties.get("VersioningConfiguration").is_none(), "{id}");
    }
    let policies = of_type(&declared, "AWS::S3::BucketPolicy");
    let buckets: Vec<&str> = declared.stack.buckets.iter().map(|bucket| bucket.name.as_str()).collect();
    let covered: Vec<&str> =
        policies.iter().filter_map(|(_, policy)| policy["Properties"]["Bucket"].as_str()).collect();
    assert_eq!(covered, buckets);
    for (id, policy) in policies {
        let statement = &policy["Properties"]["PolicyDocument"]["Statement"][0];
        assert_eq!(statement["Effect"], "Deny", "{id}");
        assert_eq!(statement["Condition"], json!({ "Bool": { "aws:SecureTransport": "false" } }), "{id}");
        let arns = statement["Resource"].as_array().unwrap();
        assert_eq!(arns.len(), 2, "{id}: the bucket and its objects");
    }
}

#[test]
fn the_account_s_own_key_encrypts_what_names_persons_if_it_is_asked_for() {
    let declared = declared();
    assert!(!declared.resources.contains_key("DataKey"));
    for (id, queue) in of_type(&declared, "AWS::SQS::Queue") {
        assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], true, "{id}");
    }
    let own = with(&[("EncryptionKey", "customer-managed")]).unwrap();
    let key = json!("arn:aws:kms:eu-central-1:000000000000:key/data-key");
    let data_key = &own.resources["DataKey"];
    assert_eq!(data_key["DeletionPolicy"], "Retain", "whoever deletes the key deletes the data");
    assert_eq!(data_key["Properties"]["EnableKeyRotation"], true);
    for (id, table) in of_type(&own, "AWS::DynamoDB::Table") {
        assert_eq!(table["Properties"]["SSESpecification"]["KMSMasterKeyId"], key, "{id}");
    }
    let bucket = &own.resources["DocumentsBucket"]["Properties"]["BucketEncryption"];
    let by_default = &bucket["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"];
    assert_eq!(by_default, &json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key }));
    let shared = of_type(&own, "AWS::IAM::ManagedPolicy");
    let statements = shared[0].1["Properties"]["PolicyDocument"]["Statement"].as_array().unwrap();
    let use_of_key = statements.iter().find(|statement| statement["Sid"] == "DataKey").unwrap();
    assert_eq!(use_of_key["Resource"], key);
    let services = &use_of_key["Condition"]["StringEquals"]["kms:ViaService"];
    assert_eq!(services.as_array().map(Vec::len), Some(3), "never by itself: {services}");
}

#[test]
fn logs_are_kept_for_a_while_and_all_functions_write_to_one_group() {
    let declared = declared();
    for (id, group) in of_type(&declared, "AWS::Logs::LogGroup") {
        assert_eq!(group["Properties"]["RetentionInDays"], 30, "{id}");
    }
    let text = text();
    let globals = text.find("\nGlobals:").unwrap()..text.find("\nResources:").unwrap();
    assert!(text[globals].contains("LogGroup: !Ref FunctionLogs"));
    for (id, function) in of_type(&declared, "AWS::Serverless::Function") {
        assert!(function["Properties"].get("LoggingConfig").is_none(), "{id} logs elsewhere");
    }
}

#[test]
fn partners_are_not_called_by_more_at_once_than_they_bear() {
    let declared = declared();
    let limits: BTreeSet<(&str, Option<u32>)> = declared
        .stack
        .functions
        .values()
        .flat_map(|function| &function.queue_sources)
        .map(|source| (source.queue.as_str(), source.maximum_concurrency))
        .filter(|(_, limit)| limit.is_some())
        .collect();
    assert_eq!(limits, BTreeSet::from([("bookings", Some(10)), ("fulfilments", Some(10))]));
}

#[test]
fn pollers_for_a_sale_are_a_parameter() {
    let pollers = |declared: &Declared| {
        declared.resources["StockReservation"]["Properties"]["Events"]["Messages"]["Properties"]
            .get("ProvisionedPollerConfig")
            .cloned()
    };
    assert_eq!(pollers(&declared()), None);
    let sale = with(&[("ReservationPollersMinimum", "20"), ("ReservationPollersMaximum", "500")]).unwrap();
    assert_eq!(pollers(&sale), Some(json!({ "MinimumPollers": 20, "MaximumPollers": 500 })));
    let error = with(&[("ReservationPollersMinimum", "1")]).unwrap_err();
    assert!(error.contains("must be from 2 to 200, is 1"), "{error}");
    let error = with(&[("ReservationPollersMinimum", "20"), ("ReservationPollersMaximum", "10")]).unwrap_err();
    assert!(error.contains("fewer than the least pollers, 20"), "{error}");
}

#[test]
fn a_sale_s_batches_have_time_enough() {
    let sale = with(&[("ReservationBatchSize", "1000"), ("ReservationBatchingWindowSeconds", "10")]).unwrap();
    let reservation = &sale.stack.functions["stock-reservation"];
    let [source] = reservation.queue_sources.as_slice() else { panic!("one queue") };
    let queue = sale.stack.queues.iter().find(|queue| queue.name == source.queue).unwrap();
    assert!(queue.visibility_timeout_s >= 6 * reservation.timeout_s + source.batching_window_s);
}

#[test]
fn each_route_is_throttled_and_the_open_and_dear_ones_most() {
    let declared = declared();
    let api = &of_type(&declared, "AWS::Serverless::HttpApi")[0].1["Properties"];
    let rate = |route: &str| {
        let settings = api["RouteSettings"].get(route).unwrap_or(&api["DefaultRouteSettings"]);
        assert!(settings["ThrottlingBurstLimit"].as_u64() >= settings["ThrottlingRateLimit"].as_u64(), "{route}");
        assert_eq!(settings["DetailedMetricsEnabled"], true, "{route}: its alarms read the route's own metrics");
        settings["ThrottlingRateLimit"].as_u64().unwrap()
    };
    assert_eq!(rate("GET /v1/orders"), 200, "of every route that is not named");
    assert_eq!(rate("POST /webhooks/shops/{channel}"), 1000);
    for open in ["GET /v1/health", "GET /v1/version", "GET /v1/openapi.json"] {
        assert!(rate(open) <= 50, "{open}");
    }
    for dear in ["POST /v1/items/import", "POST /v1/stock-audits", "POST /v1/recalls", "POST /v1/dead-letters/redrive"]
    {
        assert!(rate(dear) <= 10, "{dear}");
    }
}
