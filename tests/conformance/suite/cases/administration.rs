//! Creating, finding, purging, tagging and deleting queues.

use super::super::client::{NO_QUEUE, Sqs, refusal, text};
use super::super::{Case, Outcome, same};
use serde_json::{Value, json};

const CREATE: &str = "APIReference/API_CreateQueue";

pub(super) const CASES: &[Case] = &[
    Case::api("creating a queue again with the same attributes gives the same URL", CREATE, same_again),
    Case::api("a queue that exists with other attributes is not created", CREATE, other_attributes),
    Case::api("a queue's name has 1 to 80 letters, digits, hyphens and underscores", CREATE, names),
    Case::api("a deleted queue's name is taken for 60 seconds", "APIReference/API_DeleteQueue", deleted_recently),
    Case::api("a deleted queue is gone with its messages", "APIReference/API_DeleteQueue", deleted),
    Case::api("a queue's URL is found by its name", "APIReference/API_GetQueueUrl", found),
    Case::api("queues are listed by prefix, page by page", "APIReference/API_ListQueues", listed),
    Case::api("a purge takes every message, those in flight too", "APIReference/API_PurgeQueue", purged),
    Case::api("a queue is purged once in 60 seconds", "APIReference/API_PurgeQueue", purged_once),
    Case::api("a queue can be purged again after 60 seconds", "APIReference/API_PurgeQueue", purged_again).slow(),
    Case::api("tags are added, changed and taken away", "APIReference/API_TagQueue", tags),
];

fn same_again(sqs: &Sqs<'_>) -> Outcome {
    let first = sqs.create("q", &[("VisibilityTimeout", "7")])?;
    let again = sqs.create("q", &[("VisibilityTimeout", "7")])?;
    same("the URL", &again.url, &first.url)?;
    same("the URL without attributes", &sqs.create("q", &[])?.url, &first.url)
}

fn other_attributes(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("VisibilityTimeout", "7")])?;
    let request = json!({"QueueName": sqs.name("q"), "Attributes": {"VisibilityTimeout": "8"}});
    sqs.refused("CreateQueue", &request, refusal("QueueNameExists", "QueueAlreadyExists"))?;
    same("VisibilityTimeout", queue.attribute("VisibilityTimeout")?.as_deref(), Some("7"))
}

fn names(sqs: &Sqs<'_>) -> Outcome {
    let long = "a".repeat(81);
    for name in ["a b", "a.b", "ж", long.as_str()] {
        sqs.refused("CreateQueue", &json!({"QueueName": name}), super::super::client::INVALID_PARAMETER)?;
    }
    sqs.create(&"a".repeat(40), &[])?;
    sqs.create("A-z_9", &[]).map(drop)
}

fn deleted_recently(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.call("DeleteQueue", json!({}))?;
    let refusal = refusal("QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently");
    sqs.refused("CreateQueue", &json!({"QueueName": sqs.name("q")}), refusal)
}

fn deleted(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send("a")?;
    queue.call("DeleteQueue", json!({}))?;
    queue.refused("SendMessage", json!({"MessageBody": "b"}), NO_QUEUE)?;
    sqs.refused("GetQueueUrl", &json!({"QueueName": sqs.name("q")}), NO_QUEUE)
}

fn found(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let found = sqs.call("GetQueueUrl", &json!({"QueueName": sqs.name("q")}))?;
    same("the URL", text(&found, "QueueUrl")?, queue.url.clone())?;
    sqs.refused("GetQueueUrl", &json!({"QueueName": sqs.name("absent")}), NO_QUEUE)
}

fn listed(sqs: &Sqs<'_>) -> Outcome {
    let mut urls = Vec::new();
    for name in ["list-a", "list-b", "list-c"] {
        urls.push(sqs.create(name, &[])?.url);
    }
    sqs.create("other", &[])?;
    let prefix = sqs.name("list-");
    let mut got = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..3 {
        let mut request = json!({"QueueNamePrefix": prefix, "MaxResults": 2});
        if let Some(token) = &token {
            request["NextToken"] = json!(token);
        }
        let page = sqs.call("ListQueues", &request)?;
        let found = page["QueueUrls"].as_array().cloned().unwrap_or_default();
        got.extend(found.iter().filter_map(|url| url.as_str().map(str::to_owned)));
        token = page["NextToken"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    got.sort();
    urls.sort();
    same("the queues of the pages", got, urls)
}

fn purged(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    for _ in 0..3 {
        queue.send("a")?;
    }
    queue.one_of(3)?;
    queue.call("PurgeQueue", json!({}))?;
    // It may take up to a minute.
    sqs.until("an empty queue", || Ok((queue.counts()? == ["0", "0", "0"]).then_some(())))
}

fn purged_once(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.call("PurgeQueue", json!({}))?;
    let refusal = refusal("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress");
    queue.refused("PurgeQueue", json!({}), refusal)
}

fn purged_again(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.call("PurgeQueue", json!({}))?;
    sqs.pass_s(60);
    queue.call("PurgeQueue", json!({})).map(drop)
}

fn tags(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.call("TagQueue", json!({"Tags": {"a": "1", "b": "2"}}))?;
    queue.call("TagQueue", json!({"Tags": {"b": "3"}}))?;
    let read = || -> Result<Value, String> { Ok(queue.call("ListQueueTags", json!({}))?["Tags"].clone()) };
    same("tags", read()?, json!({"a": "1", "b": "3"}))?;
    queue.call("UntagQueue", json!({"TagKeys": ["a", "absent"]}))?;
    same("tags", read()?, json!({"b": "3"}))
}
