//! Tables, queues, buckets, and what has no effect on one machine.

use super::error::Checked;
use super::model::{Bucket, Queue, Redrive, Table};
use super::node::{Fields, Node};
use super::scope::{Kind, Scope};
use serde_json::{Value as Json, json};

/// The properties of a resource, after its attributes have been checked.
pub(super) fn properties<'n>(
    resource: &'n Node,
    attributes: &[&'static str],
) -> Checked<(Fields<'n>, Option<&'n Node>)> {
    let mut used = vec!["Type", "Properties"];
    used.extend(attributes);
    let inert = ["Condition", "DeletionPolicy", "UpdateReplacePolicy"];
    let fields = resource.fields("resource attribute", &used, &inert)?;
    for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
        if let Some(node) = fields.get(policy) {
            node.one_of("policy", &["Delete", "Retain", "RetainExceptOnCreate", "Snapshot"])?;
        }
    }
    Ok((fields, fields.get("Properties")))
}

fn required_properties(resource: &Node) -> Checked<&Node> {
    let (fields, _) = properties(resource, &[])?;
    fields.required("Properties")
}

/// A table, as the `CreateTable` request that CloudFormation would send.
pub(super) fn table(name: &str, resource: &Node) -> Checked<Table> {
    let fields = required_properties(resource)?.fields(
        "table property",
        &[
            "AttributeDefinitions",
            "BillingMode",
            "GlobalSecondaryIndexes",
            "KeySchema",
            "StreamSpecification",
            "TimeToLiveSpecification",
        ],
        &["DeletionProtectionEnabled", "PointInTimeRecoverySpecification", "SSESpecification"],
    )?;
    let billing = fields.required("BillingMode")?.one_of("billing mode", &["PAY_PER_REQUEST"])?;
    let mut defined = Vec::new();
    let mut definitions = Vec::new();
    for node in fields.required("AttributeDefinitions")?.list()? {
        let definition = node.fields("attribute property", &["AttributeName", "AttributeType"], &[])?;
        let attribute = definition.required("AttributeName")?.text()?;
        let kind = definition.required("AttributeType")?.one_of("attribute type", &["S", "N", "B"])?;
        definitions.push(json!({ "AttributeName": attribute, "AttributeType": kind }));
        if defined.iter().any(|(known, _)| *known == attribute) {
            return Err(node.invalid(format!("`{attribute}` is defined twice")));
        }
        defined.push((attribute, node));
    }
    let names: Vec<&str> = defined.iter().map(|(name, _)| name.as_str()).collect();
    let mut keys = Vec::new();
    let mut create = json!({
        "TableName": name,
        "BillingMode": billing,
        "AttributeDefinitions": definitions,
        "KeySchema": key_schema(fields.required("KeySchema")?, &names, &mut keys)?,
    });
    if let Some(node) = fields.get("GlobalSecondaryIndexes") {
        create["GlobalSecondaryIndexes"] = node
            .list()?
            .iter()
            .map(|index| global_index(index, &names, &mut keys))
            .collect::<Checked<Vec<_>>>()?
            .into();
    }
    if let Some((attribute, node)) = defined.iter().find(|(name, _)| !keys.contains(name)) {
        return Err(node.invalid(format!("`{attribute}` is the key of nothing; DynamoDB refuses such a definition")));
    }
    if let Some(node) = fields.get("StreamSpecification") {
        let stream = node.fields("stream property", &["StreamViewType"], &[])?;
        let view = stream.required("StreamViewType")?.one_of("stream view", &["NEW_IMAGE"])?;
        create["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": view });
    }
    Ok(Table {
        name: name.to_owned(),
        create,
        time_to_live_attribute: fields.get("TimeToLiveSpecification").map(time_to_live).transpose()?.flatten(),
    })
}

fn time_to_live(node: &Node) -> Checked<Option<String>> {
    let fields = node.fields("time-to-live property", &["AttributeName", "Enabled"], &[])?;
    let attribute = fields.required("AttributeName")?.text()?;
    Ok(fields.required("Enabled")?.boolean()?.then_some(attribute))
}

fn key_schema(node: &Node, defined: &[&str], keys: &mut Vec<String>) -> Checked<Json> {
    let mut schema = Vec::new();
    for (node, wanted) in node.list()?.iter().zip(["HASH", "RANGE"]) {
        let fields = node.fields("key property", &["AttributeName", "KeyType"], &[])?;
        let attribute_node = fields.required("AttributeName")?;
        let attribute = attribute_node.text()?;
        if !defined.contains(&attribute.as_str()) {
            return Err(attribute_node.unknown("attribute", attribute, defined));
        }
        let kind = fields.required("KeyType")?.one_of("key type", &[wanted])?;
        schema.push(json!({ "AttributeName": attribute, "KeyType": kind }));
        keys.push(attribute);
    }
    if schema.is_empty() || node.list()?.len() > 2 {
        return Err(node.invalid("a key is a HASH attribute and at most one RANGE attribute"));
    }
    Ok(schema.into())
}

fn global_index(node: &Node, defined: &[&str], keys: &mut Vec<String>) -> Checked<Json> {
    let fields = node.fields("index property", &["IndexName", "KeySchema", "Projection"], &[])?;
    let projection = fields.required("Projection")?.fields("projection property", &["ProjectionType"], &[])?;
    let projection = projection.required("ProjectionType")?.one_of("projection", &["ALL", "KEYS_ONLY"])?;
    Ok(json!({
        "IndexName": fields.required("IndexName")?.text()?,
        "KeySchema": key_schema(fields.required("KeySchema")?, defined, keys)?,
        "Projection": { "ProjectionType": projection },
    }))
}

/// A queue.
pub(super) fn queue(name: &str, resource: &Node, scope: &Scope<'_>) -> Checked<Queue> {
    let fields = required_properties(resource)?.fields(
        "queue property",
        &["MessageRetentionPeriod", "RedrivePolicy", "VisibilityTimeout"],
        &["SqsManagedSseEnabled"],
    )?;
    Ok(Queue {
        name: name.to_owned(),
        visibility_timeout_s: fields.integer_or("VisibilityTimeout", 0..=43_200, 30)?,
        message_retention_s: fields.integer_or("MessageRetentionPeriod", 60..=1_209_600, 345_600)?,
        redrive: fields.get("RedrivePolicy").map(|node| redrive(name, node, scope)).transpose()?,
    })
}

fn redrive(name: &str, node: &Node, scope: &Scope<'_>) -> Checked<Redrive> {
    let fields = node.fields("redrive property", &["deadLetterTargetArn", "maxReceiveCount"], &[])?;
    let target = fields.required("deadLetterTargetArn")?;
    let dead_letter_queue = scope.owner(target, Kind::Queue, "Arn")?;
    if dead_letter_queue == name {
        return Err(target.invalid("a queue cannot be its own dead-letter queue"));
    }
    Ok(Redrive { dead_letter_queue, max_receive_count: fields.required("maxReceiveCount")?.integer(1..=1_000)? })
}

/// A bucket.
pub(super) fn bucket(name: &str, resource: &Node) -> Checked<Bucket> {
    required_properties(resource)?.fields(
        "bucket property",
        &[],
        &["BucketEncryption", "LifecycleConfiguration", "OwnershipControls", "PublicAccessBlockConfiguration"],
    )?;
    Ok(Bucket { name: name.to_owned() })
}

/// A resource that AWS alone acts on. Its properties are listed all the same: a misspelt one is an error.
pub(super) fn inert(kind: Kind, resource: &Node) -> Checked<()> {
    let known: &[&'static str] = match kind {
        Kind::HttpApi => &["AccessLogSettings", "DefaultRouteSettings", "FailOnWarnings", "RouteSettings"],
        Kind::BucketPolicy => &["Bucket", "PolicyDocument"],
        Kind::ManagedPolicy => &["Description", "PolicyDocument"],
        Kind::LogGroup => &["RetentionInDays"],
        Kind::Alarm => &[
            "AlarmActions",
            "AlarmDescription",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "MetricName",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Threshold",
            "TreatMissingData",
        ],
        Kind::Dashboard => &["DashboardBody", "DashboardName"],
        Kind::Key => &["Description", "EnableKeyRotation", "KeyPolicy", "PendingWindowInDays"],
        Kind::Topic | Kind::Function | Kind::Table | Kind::Queue | Kind::Bucket | Kind::Role => &[],
    };
    if let (_, Some(node)) = properties(resource, &[])? {
        let fields = node.fields("property", &[], known)?;
        if let Some(body) = fields.get("DashboardBody") {
            serde_json::from_str::<Json>(&body.text()?)
                .map_err(|error| body.invalid(format!("the dashboard is not JSON: {error}")))?;
        }
    }
    Ok(())
}

/// A resource that a condition leaves out. Only what AWS alone acts on may have one: for anything else, a local run without
/// it would be another system.
pub(super) fn left_out(kind: Kind, resource: &Node) -> Checked<()> {
    match kind {
        Kind::Function | Kind::Table | Kind::Queue | Kind::Bucket | Kind::Role => {
            Err(resource.invalid("a resource that runs on one machine, too, has no Condition"))
        }
        inert_kind => inert(inert_kind, resource),
    }
}
