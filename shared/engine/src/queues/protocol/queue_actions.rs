//! The actions on queues.

use super::super::attributes::{AttributeChanges, is_readable};
use super::super::moves::TASKS_LISTED_MAX;
use super::super::naming::ACCOUNT_ID;
use super::super::{MoveTask, QueueError, Queues};
use super::{Answer, QueueOnly, Text, queue_of, required};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

const PAGE_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    queue_name: Option<String>,
    #[serde(default)]
    attributes: Text,
    // SQS spells this one in lower case.
    #[serde(default, rename = "tags")]
    tags: Text,
}

pub(super) fn create(queues: &Queues, request: Create) -> Result<Answer, QueueError> {
    let name = required(request.queue_name, "QueueName")?;
    if request.attributes.is_empty() {
        // Says what is wrong with a name like `x.fifo` before anything else.
        super::super::naming::check_name(&name)?;
    }
    let changes = AttributeChanges::read(&request.attributes, &queues.naming())?;
    let url = queues.create_tagged(&name, &changes, &request.tags)?;
    Ok(json!({ "QueueUrl": url }).into())
}

pub(super) fn delete(queues: &Queues, request: QueueOnly) -> Result<Answer, QueueError> {
    queues.delete_queue(queue_of(&request.queue_url)?)?;
    Ok(Answer::default())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Url {
    queue_name: Option<String>,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    owner: Option<String>,
}

pub(super) fn url(queues: &Queues, request: Url) -> Result<Answer, QueueError> {
    let name = required(request.queue_name, "QueueName")?;
    if request.owner.is_some_and(|owner| owner != ACCOUNT_ID) {
        return Err(QueueError::NoSuchQueue { name });
    }
    queues.attributes(&name)?;
    Ok(json!({ "QueueUrl": queues.url(&name) }).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    #[serde(default)]
    queue_name_prefix: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

pub(super) fn list(queues: &Queues, request: List) -> Result<Answer, QueueError> {
    let names = queues.names(&request.queue_name_prefix);
    page(queues, names, request.max_results, request.next_token, "QueueUrls")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeadLetterSources {
    queue_url: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

pub(super) fn dead_letter_sources(queues: &Queues, request: DeadLetterSources) -> Result<Answer, QueueError> {
    let names = queues.dead_letter_sources(queue_of(&request.queue_url)?)?;
    // SQS spells this list in lower case.
    page(queues, names, request.max_results, request.next_token, "queueUrls")
}

/// One page of queue URLs. A token names the last queue of the page before; as on AWS, it is given only to
/// callers that limit their pages.
fn page(
    queues: &Queues,
    names: Vec<String>,
    max_results: Option<usize>,
    token: Option<String>,
    list: &'static str,
) -> Result<Answer, QueueError> {
    if max_results.is_some_and(|max| !(1..=PAGE_MAX).contains(&max)) {
        return Err(QueueError::InvalidParameter { name: "MaxResults", reason: format!("must be 1 to {PAGE_MAX}") });
    }
    let after = match token {
        None => None,
        Some(token) => {
            let name = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(
                QueueError::InvalidParameter {
                    name: "NextToken",
                    reason: "must be the token of the page before".into(),
                },
            )?;
            Some(name)
        }
    };
    let mut rest = names.into_iter().filter(|name| after.as_ref().is_none_or(|after| name > after));
    let page: Vec<String> = rest.by_ref().take(max_results.unwrap_or(PAGE_MAX)).collect();
    let naming = queues.naming();
    let urls: Vec<String> = page.iter().map(|name| naming.url(name)).collect();
    let mut body = json!({ list: urls });
    if let (Some(_), Some(_), Some(last)) = (max_results, rest.next(), page.last()) {
        body["NextToken"] = STANDARD.encode(last).into();
    }
    Ok(body.into())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetAttributes {
    queue_url: Option<String>,
    #[serde(default)]
    attribute_names: Vec<String>,
}

pub(super) fn attributes(queues: &Queues, request: GetAttributes) -> Result<Answer, QueueError> {
    let all = queues.describe(queue_of(&request.queue_url)?)?;
    let wanted = &request.attribute_names;
    if let Some(unknown) = wanted.iter().find(|name| !is_readable(name)) {
        return Err(QueueError::InvalidAttributeName { name: unknown.clone() });
    }
    let everything = wanted.iter().any(|name| name == "All");
    let attributes: serde_json::Map<String, Value> = all
        .into_iter()
        .filter(|(name, _)| everything || wanted.iter().any(|wanted| wanted == name))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    Ok(json!({ "Attributes": attributes }).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SetAttributes {
    queue_url: Option<String>,
    attributes: Option<Text>,
}

pub(super) fn set_attributes(queues: &Queues, request: SetAttributes) -> Result<Answer, QueueError> {
    let name = queue_of(&request.queue_url)?;
    let attributes = required(request.attributes, "Attributes")?;
    let changes = AttributeChanges::read(&attributes, &queues.naming())?;
    queues.set_attributes(name, &changes)?;
    Ok(Answer::default())
}

pub(super) fn purge(queues: &Queues, request: QueueOnly) -> Result<Answer, QueueError> {
    queues.purge(queue_of(&request.queue_url)?)?;
    Ok(Answer::default())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct StartMove {
    source_arn: Option<String>,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<i64>,
}

pub(super) fn start_move(queues: &Queues, request: StartMove) -> Result<Answer, QueueError> {
    if request.max_number_of_messages_per_second.is_some() {
        return Err(QueueError::Unsupported {
            what: "MaxNumberOfMessagesPerSecond: the move is done at once; leave it out",
        });
    }
    let source = resource(queues, request.source_arn, "SourceArn")?;
    let destination = match request.destination_arn {
        None => None,
        arn => Some(resource(queues, arn, "DestinationArn")?),
    };
    let task = queues.start_move(&source, destination.as_deref())?;
    Ok(json!({ "TaskHandle": task.handle }).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListMoves {
    source_arn: Option<String>,
    max_results: Option<u32>,
}

pub(super) fn list_moves(queues: &Queues, request: ListMoves) -> Result<Answer, QueueError> {
    let source = resource(queues, request.source_arn, "SourceArn")?;
    let max = request.max_results.unwrap_or(1);
    if !(1..=TASKS_LISTED_MAX).contains(&max) {
        return Err(QueueError::InvalidParameter {
            name: "MaxResults",
            reason: format!("must be 1 to {TASKS_LISTED_MAX}"),
        });
    }
    let tasks = queues.moves(&source)?;
    let results: Vec<Value> = tasks.iter().take(max as usize).map(|task| describe_move(queues, task)).collect();
    Ok(json!({ "Results": results }).into())
}

fn describe_move(queues: &Queues, task: &MoveTask) -> Value {
    let mut body = json!({
        "Status": if task.failure.is_some() { "FAILED" } else { "COMPLETED" },
        "SourceArn": queues.arn(&task.source),
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": task.started_at_ms,
    });
    if let Some(destination) = &task.destination {
        body["DestinationArn"] = queues.arn(destination).into();
    }
    if let Some(failure) = &task.failure {
        body["FailureReason"] = failure.clone().into();
    }
    body
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CancelMove {
    task_handle: Option<String>,
}

/// A move is over as soon as it was started, so there is never one to cancel.
pub(super) fn cancel_move(request: CancelMove) -> Result<Answer, QueueError> {
    required(request.task_handle, "TaskHandle")?;
    Err(QueueError::ResourceNotFound { parameter: "TaskHandle" })
}

/// The existing queue that an ARN names.
fn resource(queues: &Queues, arn: Option<String>, parameter: &'static str) -> Result<String, QueueError> {
    let arn = required(arn, parameter)?;
    let name = queues.name_of_arn(&arn).ok_or(QueueError::ResourceNotFound { parameter })?;
    match queues.attributes(&name) {
        Ok(_) => Ok(name),
        Err(QueueError::NoSuchQueue { .. }) => Err(QueueError::ResourceNotFound { parameter }),
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tag {
    queue_url: Option<String>,
    tags: Option<Text>,
}

pub(super) fn tag(queues: &Queues, request: Tag) -> Result<Answer, QueueError> {
    let name = queue_of(&request.queue_url)?;
    let added = required(request.tags, "Tags")?;
    queues.change_tags(name, |tags| tags.extend(added))?;
    Ok(Answer::default())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Untag {
    queue_url: Option<String>,
    tag_keys: Option<Vec<String>>,
}

pub(super) fn untag(queues: &Queues, request: Untag) -> Result<Answer, QueueError> {
    let name = queue_of(&request.queue_url)?;
    let keys = required(request.tag_keys, "TagKeys")?;
    queues.change_tags(name, |tags| tags.retain(|key, _| !keys.contains(key)))?;
    Ok(Answer::default())
}

pub(super) fn tags(queues: &Queues, request: QueueOnly) -> Result<Answer, QueueError> {
    let tags = queues.tags(queue_of(&request.queue_url)?)?;
    Ok(json!({ "Tags": tags }).into())
}
