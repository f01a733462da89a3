//! What functions call, against what their roles allow. IAM is not simulated: a call that it would refuse is a violation, and
//! which rights were used is counted, so that the ones that nobody needs can be found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use http::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use testkit::connector::{Call, Service};

use super::SimulationError;
use super::declared::declared;
use crate::host::names::queue_arn;
use crate::template::model::Function;
use crate::template::{ACCOUNT, Grant, REGION};

/// A right of a function: an action, on resources as its policy names them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The function.
    pub function: String,
    /// `dynamodb:GetItem`.
    pub action: String,
    /// An ARN, `*` at its end included.
    pub resource: String,
}

impl std::fmt::Display for Right {
    /// `relay: sqs:SendMessage picks`: the resource without what all of its kind begin with.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.resource.rsplit(':').next().unwrap_or(&self.resource);
        write!(f, "{}: {} {}", self.function, self.action, name.strip_prefix("table/").unwrap_or(name))
    }
}

/// The rights of `function` that a call used.
///
/// # Errors
/// What no policy allows.
pub(crate) fn used(grants: &[Grant], function: &str, call: &Call<'_>) -> Result<Vec<Right>, String> {
    let asked = asked(call)?.into_iter();
    asked
        .map(|(action, arn)| {
            match grants.iter().filter(|grant| grant.allow).find_map(|grant| grant.resource_for(&action, &arn)) {
                Some(resource) => Ok(Right { function: function.to_owned(), action, resource: resource.to_owned() }),
                None => Err(format!("{function} may not call {action} on {arn}")),
            }
        })
        .collect()
}

/// The rights of the template that are not among those `used`, without those that Lambda itself uses for the functions: it
/// reads their queues and streams, and sets aside what it gives up.
///
/// # Errors
/// [`SimulationError`], when the template cannot be read.
pub fn unused(template: &Path, used: &BTreeSet<Right>) -> Result<BTreeSet<Right>, SimulationError> {
    let declared = declared(template)?;
    let mut unused = BTreeSet::new();
    for (name, grants) in &declared.grants {
        let by_lambda = declared.stack.functions.get(name).map(by_lambda).unwrap_or_default();
        for grant in grants {
            let pairs = grant.actions.iter().flat_map(|action| grant.resources.iter().map(move |on| (action, on)));
            let own = pairs.filter(|(action, resource)| {
                !resource.contains("/stream/") && !by_lambda.contains(&((*action).clone(), (*resource).clone()))
            });
            unused.extend(own.map(|(action, resource)| Right {
                function: name.clone(),
                action: action.clone(),
                resource: resource.clone(),
            }));
        }
    }
    Ok(&unused - used)
}

/// What Lambda does in the function's name, beside reading its streams.
fn by_lambda(function: &Function) -> BTreeSet<(String, String)> {
    let queues = function.queue_sources.iter().flat_map(|source| {
        let actions = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
        actions.map(|action| (format!("sqs:{action}"), queue_arn(&source.queue)))
    });
    let aside = function.stream_sources.iter().filter_map(|source| source.on_failure_queue.as_deref());
    queues.chain(aside.map(|queue| ("sqs:SendMessage".to_owned(), queue_arn(queue)))).collect()
}

/// Of a call of DynamoDB, what its rights depend on.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DynamoDb<'a> {
    table_name: Option<&'a str>,
    index_name: Option<&'a str>,
    #[serde(borrow, default)]
    transact_items: Vec<BTreeMap<&'a str, Named<'a>>>,
    #[serde(borrow, default)]
    request_items: BTreeMap<&'a str, &'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named<'a> {
    table_name: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sqs<'a> {
    queue_url: &'a str,
}

/// Actions and ARNs that IAM would look at.
fn asked(call: &Call<'_>) -> Result<BTreeSet<(String, String)>, String> {
    let unreadable = |error: serde_json::Error| format!("{} cannot be read: {error}", call.operation);
    let body = call.request.body();
    Ok(match call.service {
        Service::DynamoDb => tables(call.operation, &serde_json::from_slice(body).map_err(unreadable)?),
        Service::Sqs => {
            let Sqs { queue_url } = serde_json::from_slice(body).map_err(unreadable)?;
            let action = call.operation.strip_suffix("Batch").unwrap_or(call.operation);
            [(format!("sqs:{action}"), queue_arn(queue_url.rsplit('/').next().unwrap_or(queue_url)))].into()
        }
        Service::S3 => [object(call.operation, call.request)].into(),
        // Streams are read by Lambda, partners by nobody's leave.
        Service::DynamoDbStreams | Service::Partner => BTreeSet::new(),
    })
}

fn tables(operation: &str, body: &DynamoDb<'_>) -> BTreeSet<(String, String)> {
    let table = |name: &str| format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}");
    let action = |operation: &str| format!("dynamodb:{operation}");
    if operation == "TransactWriteItems" {
        let parts = body.transact_items.iter().flatten();
        // `ConditionCheck` has a right of its own, the others share theirs with the call for one item.
        let part = |(kind, named): (&&str, &Named<'_>)| (action(&format!("{kind}Item")), table(named.table_name));
        return parts.map(part).collect();
    }
    let one = body.table_name.map(|name| match body.index_name {
        Some(index) => format!("{}/index/{index}", table(name)),
        None => table(name),
    });
    one.into_iter()
        .chain(body.request_items.keys().map(|name| table(name)))
        .map(|arn| (action(operation), arn))
        .collect()
}

fn object(method: &str, request: &Request<Vec<u8>>) -> (String, String) {
    let path = request.uri().path().trim_matches('/');
    let method = match method {
        "GET" if !path.contains('/') => "ListBucket",
        "PUT" => "PutObject",
        "DELETE" => "DeleteObject",
        _ => "GetObject",
    };
    (format!("s3:{method}"), format!("arn:aws:s3:::{path}"))
}
