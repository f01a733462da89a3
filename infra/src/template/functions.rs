//! Functions and their event sources.

use super::error::{Checked, Fault, Problem};
use super::filter;
use super::model::{Function, QueueSource, Route, Schedule, StartingPosition, StreamSource};
use super::node::{Fields, Node, merged};
use super::resources::properties;
use super::schedule::period_s;
use super::scope::{Kind, Scope};
use std::collections::BTreeMap;

/// Most bytes of all environment variables of a function, names included: Lambda's limit.
const ENVIRONMENT_BYTES_MAX: usize = 4_096;

/// `Globals.Function`, checked on its own so that a mistake is reported where it stands.
pub(super) fn globals(node: &Node) -> Checked<()> {
    function_fields(node).map(|_| ())
}

fn function_fields(node: &Node) -> Checked<Fields<'_>> {
    node.fields(
        "function property",
        &["Architectures", "CodeUri", "Environment", "Events", "Handler", "MemorySize", "Role", "Runtime", "Timeout"],
        &[
            "AutoPublishAlias",
            "AutoPublishAliasAllProperties",
            "DeploymentPreference",
            "Description",
            "EventInvokeConfig",
            "KmsKeyArn",
            "LoggingConfig",
            "Tracing",
            "VersionDescription",
        ],
    )
}

/// A function, and the name of the role that it runs with.
pub(super) fn function(
    name: &str,
    resource: &Node,
    globals: Option<&Node>,
    scope: &Scope<'_>,
) -> Checked<(Function, String)> {
    let (attributes, _) = properties(resource, &["Metadata"])?;
    let metadata = attributes.required("Metadata")?.fields("build property", &["BuildMethod"], &[])?;
    metadata.required("BuildMethod")?.one_of("build method", &["rust-cargolambda"])?;
    let own = attributes.required("Properties")?;
    function_fields(own)?;
    let node = globals.map_or_else(|| own.clone(), |globals| merged(globals, own));
    let fields = function_fields(&node)?;
    fields.required("Runtime")?.one_of("runtime", &["provided.al2023"])?;
    fields.required("Handler")?.one_of("handler", &["bootstrap"])?;
    for architecture in fields.required("Architectures")?.list()? {
        architecture.one_of("architecture", &["arm64", "x86_64"])?;
    }
    let code = fields.required("CodeUri")?;
    let folder = format!("functions/{name}/");
    if code.text()? != folder {
        return Err(code.invalid(format!(
            "the code of `{name}` is in `{folder}`: folder, package and binary are called like the function"
        )));
    }
    let role = scope.owner(fields.required("Role")?, Kind::Role, "Arn")?;
    let mut function = Function {
        name: name.to_owned(),
        memory_mib: fields.integer_or("MemorySize", 128..=10_240, 128)?,
        timeout_s: fields.integer_or("Timeout", 1..=900, 3)?,
        environment: fields.get("Environment").map(environment).transpose()?.unwrap_or_default(),
        routes: Vec::new(),
        queue_sources: Vec::new(),
        stream_sources: Vec::new(),
        schedules: Vec::new(),
    };
    for (key, node) in fields.required("Events")?.map()? {
        event(&key.name, node, scope, &mut function)?;
    }
    Ok((function, role))
}

fn environment(node: &Node) -> Checked<BTreeMap<String, String>> {
    let fields = node.fields("environment property", &["Variables"], &[])?;
    let variables = fields.required("Variables")?;
    let mut environment = BTreeMap::new();
    for (key, value) in variables.map()? {
        let name = &key.name;
        let letters = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !letters || name.starts_with("AWS_") || name.starts_with("_") {
            return Err(Fault { line: key.line, ..value.invalid("Lambda refuses or reserves this variable name") });
        }
        environment.insert(name.clone(), value.text()?);
    }
    let bytes: usize = environment.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > ENVIRONMENT_BYTES_MAX {
        return Err(variables.invalid(format!("{bytes} bytes of environment; Lambda takes {ENVIRONMENT_BYTES_MAX}")));
    }
    Ok(environment)
}

fn event(name: &str, node: &Node, scope: &Scope<'_>, function: &mut Function) -> Checked<()> {
    let fields = node.fields("event attribute", &["Properties", "Type"], &[])?;
    let kind = fields.required("Type")?.one_of("event type", &["HttpApi", "SQS", "DynamoDB", "Schedule"])?;
    let properties = fields.required("Properties")?;
    match kind {
        "HttpApi" => function.routes.push(route(properties, scope)?),
        "SQS" => function.queue_sources.push(queue_source(properties, scope)?),
        "DynamoDB" => function.stream_sources.push(stream_source(properties, scope)?),
        _ => function.schedules.push(schedule(name, properties)?),
    }
    Ok(())
}

fn route(node: &Node, scope: &Scope<'_>) -> Checked<Route> {
    let fields = node.fields("route property", &["ApiId", "Method", "Path"], &[])?;
    let api = fields.required("ApiId")?;
    let id = api.text()?;
    if !scope.is_named(&id, Kind::HttpApi) {
        return Err(api.invalid("must be !Ref to the AWS::Serverless::HttpApi of this template"));
    }
    let method = fields.required("Method")?.one_of("method", &["DELETE", "GET", "PATCH", "POST", "PUT"])?;
    let path_node = fields.required("Path")?;
    let path = path_node.text()?;
    let valid = path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment));
    if !valid {
        return Err(
            path_node.invalid(format!("`{path}` is no path of segments and {{parameters}}: /v1/orders/{{order}}"))
        );
    }
    Ok(Route { method: method.to_owned(), path })
}

fn is_segment(segment: &str) -> bool {
    let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let word = |text: &str, extra: &[u8]| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
    };
    name.map_or_else(|| word(segment, b"-_."), |name| word(name, b"_"))
}

fn reports_item_failures(fields: &Fields<'_>) -> Checked<bool> {
    let Some(node) = fields.get("FunctionResponseTypes") else {
        return Ok(false);
    };
    for kind in node.list()? {
        kind.one_of("response type", &["ReportBatchItemFailures"])?;
    }
    Ok(!node.list()?.is_empty())
}

fn queue_source(node: &Node, scope: &Scope<'_>) -> Checked<QueueSource> {
    let fields = node.fields(
        "queue event property",
        &[
            "BatchSize",
            "FunctionResponseTypes",
            "MaximumBatchingWindowInSeconds",
            "ProvisionedPollerConfig",
            "Queue",
            "ScalingConfig",
        ],
        &[],
    )?;
    if let Some(pollers) = fields.get("ProvisionedPollerConfig") {
        provisioned_pollers(pollers)?;
        if fields.get("ScalingConfig").is_some() {
            return Err(pollers.invalid("Lambda takes provisioned pollers or a maximum concurrency, not both"));
        }
    }
    let maximum_concurrency = fields
        .get("ScalingConfig")
        .map(|node| {
            node.fields("scaling property", &["MaximumConcurrency"], &[])?
                .required("MaximumConcurrency")?
                .integer(2..=1_000)
        })
        .transpose()?;
    let source = QueueSource {
        queue: scope.owner(fields.required("Queue")?, Kind::Queue, "Arn")?,
        batch_size: fields.integer_or("BatchSize", 1..=10_000, 10)?,
        batching_window_s: fields.integer_or("MaximumBatchingWindowInSeconds", 0..=300, 0)?,
        maximum_concurrency,
        report_batch_item_failures: reports_item_failures(&fields)?,
    };
    if source.batch_size > 10 && source.batching_window_s == 0 {
        return Err(fields
            .get("BatchSize")
            .unwrap_or(node)
            .invalid("a BatchSize over 10 needs a MaximumBatchingWindowInSeconds of at least 1"));
    }
    Ok(source)
}

/// Pollers are AWS's to provide; one machine polls as it does.
fn provisioned_pollers(node: &Node) -> Checked<()> {
    let fields = node.fields("poller property", &["MaximumPollers", "MinimumPollers"], &[])?;
    let minimum = fields.required("MinimumPollers")?.integer(2..=200)?;
    let most = fields.required("MaximumPollers")?;
    if most.integer(2..=2_000)? < minimum {
        return Err(most.invalid(format!("fewer than the least pollers, {minimum}")));
    }
    Ok(())
}

fn stream_source(node: &Node, scope: &Scope<'_>) -> Checked<StreamSource> {
    let fields = node.fields(
        "stream event property",
        &[
            "BatchSize",
            "BisectBatchOnFunctionError",
            "DestinationConfig",
            "FilterCriteria",
            "FunctionResponseTypes",
            "MaximumBatchingWindowInSeconds",
            "MaximumRecordAgeInSeconds",
            "MaximumRetryAttempts",
            "ParallelizationFactor",
            "StartingPosition",
            "Stream",
        ],
        &[],
    )?;
    let starting_position =
        match fields.required("StartingPosition")?.one_of("starting position", &["LATEST", "TRIM_HORIZON"])? {
            "LATEST" => StartingPosition::Latest,
            _ => StartingPosition::TrimHorizon,
        };
    let optional = |name: &str, range| fields.get(name).map(|node| node.integer(range)).transpose();
    Ok(StreamSource {
        table: scope.owner(fields.required("Stream")?, Kind::Table, "StreamArn")?,
        batch_size: fields.integer_or("BatchSize", 1..=10_000, 100)?,
        batching_window_s: fields.integer_or("MaximumBatchingWindowInSeconds", 0..=300, 0)?,
        starting_position,
        maximum_retry_attempts: optional("MaximumRetryAttempts", 0..=10_000)?,
        maximum_record_age_s: optional("MaximumRecordAgeInSeconds", 60..=604_800)?,
        parallelization_factor: fields.integer_or("ParallelizationFactor", 1..=10, 1)?,
        bisect_batch_on_function_error: fields.get("BisectBatchOnFunctionError").map_or(Ok(false), Node::boolean)?,
        report_batch_item_failures: reports_item_failures(&fields)?,
        on_failure_queue: fields.get("DestinationConfig").map(|node| on_failure(node, scope)).transpose()?,
        filters: fields.get("FilterCriteria").map(filters).transpose()?.unwrap_or_default(),
    })
}

fn on_failure(node: &Node, scope: &Scope<'_>) -> Checked<String> {
    let fields = node.fields("destination property", &["OnFailure"], &[])?;
    let fields = fields.required("OnFailure")?.fields("destination property", &["Destination", "Type"], &[])?;
    fields.required("Type")?.one_of("destination type", &["SQS"])?;
    scope.owner(fields.required("Destination")?, Kind::Queue, "Arn")
}

fn filters(node: &Node) -> Checked<Vec<serde_json::Value>> {
    let fields = node.fields("filter property", &["Filters"], &[])?;
    let list = fields.required("Filters")?;
    let filters = list
        .list()?
        .iter()
        .map(|node| {
            let fields = node.fields("filter property", &["Pattern"], &[])?;
            let pattern = fields.required("Pattern")?;
            let json = serde_json::from_str(&pattern.text()?)
                .map_err(|error| pattern.invalid(format!("the pattern is not JSON: {error}")))?;
            filter::check_stream(&json).map_err(|error| pattern.invalid(error.to_string()))?;
            Ok(json)
        })
        .collect::<Checked<Vec<_>>>()?;
    if filters.is_empty() || filters.len() > 5 {
        return Err(list.fault(Problem::OutOfRange {
            found: i64::try_from(filters.len()).unwrap_or(i64::MAX),
            from: 1,
            to: 5,
        }));
    }
    Ok(filters)
}

fn schedule(name: &str, node: &Node) -> Checked<Schedule> {
    let fields = node.fields("schedule property", &["Input", "Schedule"], &["RetryPolicy"])?;
    let expression = fields.required("Schedule")?;
    let input = fields
        .get("Input")
        .map(|node| {
            serde_json::from_str(&node.text()?).map_err(|error| node.invalid(format!("the input is not JSON: {error}")))
        })
        .transpose()?;
    Ok(Schedule {
        name: name.to_owned(),
        every_s: period_s(&expression.text()?).map_err(|problem| expression.invalid(problem))?,
        input,
    })
}
