//! The attributes of a queue.

use super::super::client::{INVALID_ATTRIBUTE_VALUE, Refusal, Sqs, refusal};
use super::super::{Case, Outcome, same};
use serde_json::json;

const CREATE: &str = "APIReference/API_CreateQueue";
const GET: &str = "APIReference/API_GetQueueAttributes";
const SET: &str = "APIReference/API_SetQueueAttributes";

const UNKNOWN_ATTRIBUTE: Refusal = refusal("InvalidAttributeName", "InvalidAttributeName");

pub(super) const CASES: &[Case] = &[
    Case::api("a queue has the documented defaults", CREATE, defaults),
    Case::api("attributes are read as they were set", SET, set_and_read),
    Case::api("an attribute's value is within its range", SET, ranges),
    Case::api("an unknown attribute is refused", SET, unknown),
    Case::api("just the attributes asked for are read", GET, just_those),
    Case::api("messages are counted as ready, in flight and delayed", GET, counts),
    Case::api("changing an attribute shows in LastModifiedTimestamp alone", GET, modified).slow(),
];

fn defaults(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    for (name, value) in [
        ("DelaySeconds", "0"),
        ("MaximumMessageSize", "1048576"),
        ("MessageRetentionPeriod", "345600"),
        ("ReceiveMessageWaitTimeSeconds", "0"),
        ("VisibilityTimeout", "30"),
        ("SqsManagedSseEnabled", "true"),
    ] {
        same(name, queue.attribute(name)?.as_deref(), Some(value))?;
    }
    Ok(())
}

fn set_and_read(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("DelaySeconds", "5")])?;
    let wanted = [
        ("DelaySeconds", "900"),
        ("MaximumMessageSize", "1024"),
        ("MessageRetentionPeriod", "1209600"),
        ("ReceiveMessageWaitTimeSeconds", "20"),
        ("VisibilityTimeout", "43200"),
    ];
    for (name, value) in wanted {
        queue.set(name, value)?;
    }
    for (name, value) in wanted {
        same(name, queue.attribute(name)?.as_deref(), Some(value))?;
    }
    Ok(())
}

fn ranges(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    for (name, value) in [
        ("DelaySeconds", "901"),
        ("DelaySeconds", "-1"),
        ("MaximumMessageSize", "1023"),
        ("MaximumMessageSize", "1048577"),
        ("MessageRetentionPeriod", "59"),
        ("MessageRetentionPeriod", "1209601"),
        ("ReceiveMessageWaitTimeSeconds", "21"),
        ("VisibilityTimeout", "43201"),
        ("VisibilityTimeout", "soon"),
        ("RedrivePolicy", "{"),
    ] {
        queue.refused("SetQueueAttributes", json!({"Attributes": {name: value}}), INVALID_ATTRIBUTE_VALUE)?;
        let create = json!({"QueueName": sqs.name("bad"), "Attributes": {name: value}});
        sqs.refused("CreateQueue", &create, INVALID_ATTRIBUTE_VALUE)?;
    }
    same("VisibilityTimeout", queue.attribute("VisibilityTimeout")?.as_deref(), Some("30"))
}

fn unknown(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.refused("SetQueueAttributes", json!({"Attributes": {"Nonsense": "1"}}), UNKNOWN_ATTRIBUTE)?;
    queue.refused("GetQueueAttributes", json!({"AttributeNames": ["Nonsense"]}), UNKNOWN_ATTRIBUTE)
}

fn just_those(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let read = |names: &[&str]| -> Result<Vec<String>, String> {
        let answer = queue.call("GetQueueAttributes", json!({"AttributeNames": names}))?;
        Ok(answer["Attributes"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default())
    };
    same("one", read(&["QueueArn"])?, vec!["QueueArn".to_owned()])?;
    same("none", read(&[])?, vec![])?;
    let all = read(&["All"])?;
    for name in ["QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", "ApproximateNumberOfMessages"] {
        same(name, all.iter().any(|got| got == name), true)?;
    }
    Ok(())
}

fn counts(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    for _ in 0..3 {
        queue.send("a")?;
    }
    queue.send_with(json!({"MessageBody": "b", "DelaySeconds": 900}))?;
    queue.receive(2)?;
    same("ready, in flight, delayed", queue.counts()?, ["1", "2", "1"].map(str::to_owned))
}

fn modified(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let times = || -> Result<_, String> {
        Ok((queue.attribute("CreatedTimestamp")?, queue.attribute("LastModifiedTimestamp")?))
    };
    let (created, modified) = times()?;
    same("at first", &modified, &created)?;
    sqs.pass_s(2);
    queue.set("VisibilityTimeout", "40")?;
    let (still, later) = times()?;
    same("CreatedTimestamp", still, created)?;
    same("LastModifiedTimestamp stayed", later == modified, false)
}
