//! Rights: each function may do what it is there for, on what it is given, and nothing else.

use super::{declared, text};
use infra::template::Declared;
use std::collections::BTreeSet;

/// What an ARN of a policy speaks of: a table's or bucket's or queue's name, or a table's stream.
fn subject(arn: &str) -> String {
    let resource = arn.rsplit(':').next().unwrap_or(arn);
    let resource = resource.strip_prefix("table/").unwrap_or(resource);
    match resource.split_once('/') {
        Some((table, rest)) if rest.starts_with("stream/") => format!("{table} stream"),
        Some((name, _)) => name.to_owned(),
        None => resource.to_owned(),
    }
}

fn service(arn: &str) -> &str {
    arn.split(':').nth(2).unwrap_or(arn)
}

#[test]
fn a_function_has_rights_on_exactly_what_it_is_given() {
    let declared = declared();
    for (name, function) in &declared.stack.functions {
        let mut given: BTreeSet<(&str, String)> = BTreeSet::new();
        for (variable, value) in &function.environment {
            let last = value.rsplit('/').next().unwrap_or(value).to_owned();
            if variable.ends_with("_TABLE") {
                given.insert(("dynamodb", last));
            } else if variable.ends_with("_QUEUE_URL") {
                given.insert(("sqs", last));
            } else if variable.ends_with("_BUCKET") {
                given.insert(("s3", last));
            }
        }
        for source in &function.stream_sources {
            given.insert(("dynamodb", format!("{} stream", source.table)));
        }
        let granted: BTreeSet<(&str, String)> = declared.grants[name]
            .iter()
            .flat_map(|grant| &grant.resources)
            .map(|arn| (service(arn), subject(arn)))
            .collect();
        assert_eq!(given, granted, "{name}");
    }
}

fn may(declared: &Declared, function: &str, action: &str, resource: &str) -> bool {
    let prefix = match action.split(':').next() {
        Some("dynamodb") => "arn:aws:dynamodb:eu-central-1:000000000000:table/",
        Some("sqs") => "arn:aws:sqs:eu-central-1:000000000000:",
        _ => "arn:aws:s3:::",
    };
    let arn = format!("{prefix}{resource}");
    declared.grants[function].iter().any(|grant| grant.resource_for(action, &arn).is_some())
}

#[test]
fn a_right_ends_where_its_resource_ends() {
    let declared = declared();
    assert!(may(&declared, "pick-pack", "s3:PutObject", "documents/orders/ord_1/slip.pdf"));
    assert!(!may(&declared, "pick-pack", "s3:GetObject", "documents/orders/ord_1/slip.pdf"));
    assert!(!may(&declared, "pick-pack", "s3:PutObject", "documents-of-others/slip.pdf"));
    assert!(may(&declared, "sweeper", "dynamodb:Query", "orders/index/due"));
    // An expired reservation is given back in one transaction, in which the order leaves the waiting queue.
    assert!(may(&declared, "sweeper", "dynamodb:UpdateItem", "stock"));
    assert!(may(&declared, "sweeper", "dynamodb:DeleteItem", "stock"));
    assert!(!may(&declared, "sweeper", "dynamodb:Query", "orders/index/listed"));
    assert!(!may(&declared, "sweeper", "dynamodb:Query", "orders"));
    assert!(!may(&declared, "facts", "dynamodb:PutItem", "stock"));
    assert!(!may(&declared, "relay", "dynamodb:GetItem", "orders"));
}

#[test]
fn an_event_source_s_reader_may_read_it_and_set_failures_aside() {
    let declared = declared();
    for (name, function) in &declared.stack.functions {
        for source in &function.queue_sources {
            for action in ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility"] {
                assert!(may(&declared, name, &format!("sqs:{action}"), &source.queue), "{name} {action}");
            }
            let dead_letters = format!("{}-dead-letters", source.queue);
            assert!(may(&declared, name, "sqs:SendMessage", &dead_letters), "{name}");
        }
        for source in &function.stream_sources {
            let stream = format!("{}/stream/latest", source.table);
            for action in ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"] {
                assert!(may(&declared, name, &format!("dynamodb:{action}"), &stream), "{name} {action}");
            }
            let on_failure = source.on_failure_queue.as_deref().unwrap_or_default();
            assert!(may(&declared, name, "sqs:SendMessage", on_failure), "{name}");
        }
    }
    for queue in declared.stack.queues.iter().filter(|queue| queue.redrive.is_some()) {
        assert!(may(&declared, "relay", "sqs:SendMessage", &queue.name), "{}", queue.name);
    }
}

#[test]
fn no_right_is_a_wildcard() {
    for (name, grants) in &declared().grants {
        // The open routes touch nothing.
        assert_eq!(grants.is_empty(), name == "about", "{name}");
        for grant in grants {
            assert!(grant.actions.iter().all(|action| !action.contains('*')), "{name}: {grant:?}");
            assert!(!grant.actions.iter().any(|action| action == "dynamodb:Scan"), "{name}: {grant:?}");
            assert!(grant.resources.iter().all(|arn| arn.starts_with("arn:")), "{name}: {grant:?}");
        }
    }
}

#[test]
fn the_only_wildcard_actions_are_a_refusal_and_a_key_s_own_policy() {
    // The shared policies are not read into grants, so the text is searched.
    let text = text();
    let wildcards: Vec<&str> =
        text.lines().map(str::trim).filter(|line| line.contains("Action:") && line.contains('*')).collect();
    assert_eq!(wildcards, ["Action: \"s3:*\"", "Action: \"kms:*\""]);
    assert!(text.contains("Effect: Deny\n            Principal: \"*\"\n            Action: \"s3:*\""));
    // A key's own policy: it hands the key to the account's IAM, whose policies name actions.
    assert!(text.contains("${AWS::AccountId}:root\" }\n            Action: \"kms:*\""));
}
