//! IAM, as far as functions meet it: which rights a call asks for, and which of its function's allows it.

use std::collections::{BTreeMap, BTreeSet};

use engine::queues::name_of_url;
use http::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use testkit::connector::Service;

use crate::host::names::queue_arn;
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

/// What no policy of a function allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// An action.
    #[error("{function} is not authorized to perform: {action} on resource: {arn}")]
    Action { function: String, action: String, arn: String },
    /// A request that does not tell its resource.
    #[error("{function}: {operation} cannot be read: {reason}")]
    Unreadable { function: String, operation: String, reason: String },
}

/// The rights of `function` that a request to `service` uses.
///
/// # Errors
/// [`Denied`].
pub(crate) fn used(
    grants: &[Grant],
    function: &str,
    (service, operation): (Service, &str),
    request: &Request<Vec<u8>>,
) -> Result<Vec<Right>, Denied> {
    let mut asked = asked(service, operation, request).map_err(|error| Denied::Unreadable {
        function: function.to_owned(),
        operation: operation.to_owned(),
        reason: error.to_string(),
    })?;
    if asked.is_empty() && service != Service::Partner {
        // What speaks of nothing that a role could name is in no role: PartiQL, lists of tables, streams (Lambda reads those).
        asked.insert((format!("{}:{operation}", prefix(service)), "*".to_owned()));
    }
    asked
        .into_iter()
        .map(|(action, arn)| match grants.iter().find_map(|grant| grant.resource_for(&action, &arn)) {
            Some(resource) => Ok(Right { function: function.to_owned(), action, resource: resource.to_owned() }),
            None => Err(Denied::Action { function: function.to_owned(), action, arn }),
        })
        .collect()
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

fn prefix(service: Service) -> &'static str {
    match service {
        Service::DynamoDb | Service::DynamoDbStreams => "dynamodb",
        Service::Sqs => "sqs",
        Service::S3 => "s3",
        Service::Partner => "execute-api",
    }
}

/// Actions and ARNs that IAM would look at.
fn asked(
    service: Service,
    operation: &str,
    request: &Request<Vec<u8>>,
) -> Result<BTreeSet<(String, String)>, serde_json::Error> {
    let body = request.body();
    Ok(match service {
        Service::DynamoDb => tables(operation, &serde_json::from_slice(body)?),
        Service::Sqs => {
            let Sqs { queue_url } = serde_json::from_slice(body)?;
            let action = operation.strip_suffix("Batch").unwrap_or(operation);
            [(format!("sqs:{action}"), queue_arn(name_of_url(queue_url)))].into()
        }
        Service::S3 => [object(operation, request)].into(),
        // Partners are called by nobody's leave.
        Service::DynamoDbStreams | Service::Partner => BTreeSet::new(),
    })
}

fn tables(operation: &str, body: &DynamoDb<'_>) -> BTreeSet<(String, String)> {
    let table = |name: &str| format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}");
    let action = |operation: &str| format!("dynamodb:{operation}");
    if !body.transact_items.is_empty() {
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

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/orders";

    fn asks(target: &str, body: &str) -> Result<Vec<String>, Denied> {
        let request =
            Request::post("http://aws/").header("x-amz-target", target).body(body.as_bytes().to_vec()).unwrap();
        let grant = |actions: &[&str], resource: &str| Grant {
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
            resources: vec![resource.to_owned()],
        };
        let grants = [
            grant(&["dynamodb:GetItem", "dynamodb:ConditionCheckItem", "dynamodb:BatchGetItem"], TABLE),
            grant(&["sqs:SendMessage"], "arn:aws:sqs:eu-central-1:000000000000:picks"),
        ];
        let rights = used(&grants, "relay", testkit::connector::addressed(&request), &request)?;
        Ok(rights.into_iter().map(|right| right.action).collect())
    }

    #[test]
    fn each_part_of_a_batch_or_transaction_asks_for_its_own_right() {
        let check = |operation: &str, body: &str, expect: &[&str]| {
            assert_eq!(asks(&format!("DynamoDB_20120810.{operation}"), body).unwrap(), expect, "{operation}");
        };
        let part = |kind: &str| format!(r#"{{"TransactItems":[{{"{kind}":{{"TableName":"orders"}}}}]}}"#);
        check("TransactGetItems", &part("Get"), &["dynamodb:GetItem"]);
        check("TransactWriteItems", &part("ConditionCheck"), &["dynamodb:ConditionCheckItem"]);
        check("BatchGetItem", r#"{"RequestItems":{"orders":{}}}"#, &["dynamodb:BatchGetItem"]);
        assert!(asks("DynamoDB_20120810.TransactWriteItems", &part("Put")).is_err());
        assert!(asks("DynamoDB_20120810.BatchGetItem", r#"{"RequestItems":{"orders":{},"stock":{}}}"#).is_err());
    }

    #[test]
    fn what_names_no_resource_is_allowed_to_nobody() {
        for target in [
            "DynamoDB_20120810.ExecuteStatement",
            "DynamoDB_20120810.ListTables",
            "DynamoDBStreams_20120810.PutItem",
            "DynamoDBStreams_20120810.GetRecords",
        ] {
            let denied = asks(target, r#"{"TableName":null}"#).unwrap_err();
            assert!(denied.to_string().ends_with("on resource: *"), "{target}: {denied}");
        }
    }

    #[test]
    fn a_queue_is_the_one_that_the_url_leads_to() {
        let send = |url: &str| asks("AmazonSQS.SendMessage", &format!(r#"{{"QueueUrl":"{url}"}}"#));
        assert!(send("http://aws/000000000000/picks").is_ok());
        assert!(send("http://aws/000000000000/bookings#/picks").is_err());
        assert!(send("http://aws/000000000000/bookings?/picks").is_err());
    }
}
