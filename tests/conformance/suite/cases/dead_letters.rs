//! Dead-letter queues and the way back.

use super::super::client::{INVALID_PARAMETER, Queue, Sqs, refusal, text};
use super::super::{Case, Outcome, same};
use serde_json::{Value, json};

const DEAD: &str = "SQSDeveloperGuide/sqs-dead-letter-queues";
const REDRIVE: &str = "SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive";
const MOVE: &str = "APIReference/API_StartMessageMoveTask";

pub(super) const CASES: &[Case] = &[
    Case::api("a message is delivered as often as allowed, then moved to the dead-letter queue", DEAD, moved),
    Case::api("a dead letter keeps its id, its sending time and its attributes", DEAD, kept),
    Case::api("a dead letter tells where it comes from", "APIReference/API_ReceiveMessage", origin),
    Case::api("the sources of a dead-letter queue are listed", "APIReference/API_ListDeadLetterSourceQueues", sources),
    Case::api("a message is delivered at least once and at most 1000 times", DEAD, receive_limits),
    Case::api("a dead-letter queue exists", DEAD, target_exists),
    Case::api("a dead-letter queue chooses its sources", DEAD, allow_policy),
    Case::api("a redrive policy is taken away by an empty one", "APIReference/API_SetQueueAttributes", taken_away),
    Case::api("a redrive moves dead letters back to where they came from, as new messages", REDRIVE, back),
    Case::api("a redrive can name another destination", MOVE, elsewhere),
    Case::api("a redrive reports what it moved", "APIReference/API_ListMessageMoveTasks", report),
    Case::api("a redrive starts at a dead-letter queue that exists", MOVE, redrive_source),
    Case::api("a task that does not exist cannot be cancelled", "APIReference/API_CancelMessageMoveTask", cancel),
];

/// Sends one message and receives it as often as the policy allows, and once more: then it is a dead letter.
fn one_dead_letter(queue: &Queue<'_>, dead: &Queue<'_>, receives: u32) -> Result<String, String> {
    let attributes = json!({"why": {"DataType": "String", "StringValue": "test"}});
    let id = queue.send_with(json!({"MessageBody": "a", "MessageAttributes": attributes}))?;
    for _ in 0..receives {
        queue.change(&queue.one()?, 0)?;
    }
    queue.nothing("though it was delivered as often as allowed")?;
    dead.sqs_until("the dead letter", |dead| Ok((dead.counts()?[0] == "1").then_some(())))?;
    Ok(id)
}

impl Queue<'_> {
    fn sqs_until<T>(&self, what: &str, look: impl Fn(&Self) -> Result<Option<T>, String>) -> Result<T, String> {
        self.sqs().until(what, || look(self))
    }
}

fn moved(sqs: &Sqs<'_>) -> Outcome {
    let (queue, dead) = sqs.with_dead_letters(2)?;
    queue.send("a")?;
    for receive in 1..=2 {
        let delivery = queue.one()?;
        same(
            "ApproximateReceiveCount",
            delivery.system("ApproximateReceiveCount"),
            Some(receive.to_string().as_str()),
        )?;
        dead.nothing("before the message was delivered as often as allowed")?;
        queue.change(&delivery, 0)?;
    }
    queue.nothing("though it was delivered as often as allowed")?;
    same("the dead letter", dead.one()?.body(), "a")
}

fn kept(sqs: &Sqs<'_>) -> Outcome {
    let (queue, dead) = sqs.with_dead_letters(1)?;
    let attributes = json!({"why": {"DataType": "String", "StringValue": "test"}});
    let id = queue.send_with(json!({"MessageBody": "a", "MessageAttributes": attributes}))?;
    let alive = queue.one()?;
    sqs.pass_s(1);
    queue.change(&alive, 0)?;
    queue.nothing("though it was delivered as often as allowed")?;
    let dead = dead.one()?;
    same("its id", dead.id(), id.as_str())?;
    same("its sending time", dead.system("SentTimestamp"), alive.system("SentTimestamp"))?;
    let why = dead.value().pointer("/MessageAttributes/why/StringValue").and_then(Value::as_str);
    same("its attribute", why, Some("test"))
}

fn origin(sqs: &Sqs<'_>) -> Outcome {
    let (queue, dead) = sqs.with_dead_letters(1)?;
    one_dead_letter(&queue, &dead, 1)?;
    same("DeadLetterQueueSourceArn", dead.one()?.system("DeadLetterQueueSourceArn"), Some(queue.arn()?.as_str()))
}

fn sources(sqs: &Sqs<'_>) -> Outcome {
    let (queue, dead) = sqs.with_dead_letters(1)?;
    let listed = |of: &Queue<'_>| -> Result<Vec<String>, String> {
        let answer = of.call("ListDeadLetterSourceQueues", json!({}))?;
        let urls = answer["queueUrls"].as_array().cloned().unwrap_or_default();
        Ok(urls.iter().filter_map(|url| url.as_str().map(str::to_owned)).collect())
    };
    same("sources of the dead-letter queue", listed(&dead)?, vec![queue.url.clone()])?;
    same("sources of the source", listed(&queue)?, vec![])
}

fn policy(target: &str, receives: &Value) -> Value {
    let policy = json!({"deadLetterTargetArn": target, "maxReceiveCount": receives});
    json!({"Attributes": {"RedrivePolicy": policy.to_string()}})
}

fn receive_limits(sqs: &Sqs<'_>) -> Outcome {
    let (queue, dead) = sqs.with_dead_letters(1)?;
    let target = dead.arn()?;
    for receives in [json!(0), json!(1001), json!("many")] {
        queue.refused(
            "SetQueueAttributes",
            policy(&target, &receives),
            super::super::client::INVALID_ATTRIBUTE_VALUE,
        )?;
    }
    for receives in [json!(1000), json!("1000"), json!(1)] {
        queue.call("SetQueueAttributes", policy(&target, &receives))?;
    }
    Ok(())
}

fn target_exists(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    let absent = queue.arn()?.replace("-q", "-absent");
    queue.refused("SetQueueAttributes", policy(&absent, &json!(3)), INVALID_PARAMETER)
}

fn allow_policy(sqs: &Sqs<'_>) -> Outcome {
    let (queue, dead) = sqs.with_dead_letters(1)?;
    let other = sqs.create("other", &[])?;
    let only = json!({"redrivePermission": "byQueue", "sourceQueueArns": [queue.arn()?]});
    dead.set("RedriveAllowPolicy", &only.to_string())?;
    let target = dead.arn()?;
    queue.call("SetQueueAttributes", policy(&target, &json!(2)))?;
    other.refused("SetQueueAttributes", policy(&target, &json!(2)), INVALID_PARAMETER)?;
    dead.set("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#)?;
    other.refused("SetQueueAttributes", policy(&target, &json!(2)), INVALID_PARAMETER)
}

fn taken_away(sqs: &Sqs<'_>) -> Outcome {
    let (queue, dead) = sqs.with_dead_letters(1)?;
    queue.set("RedrivePolicy", "")?;
    same("RedrivePolicy", queue.attribute("RedrivePolicy")?, None)?;
    queue.send("a")?;
    for _ in 0..3 {
        queue.change(&queue.one()?, 0)?;
    }
    dead.nothing("though no policy names the dead-letter queue")
}

fn back(sqs: &Sqs<'_>) -> Outcome {
    let (queue, dead) = sqs.with_dead_letters(1)?;
    let id = one_dead_letter(&queue, &dead, 1)?;
    let task = sqs.call("StartMessageMoveTask", &json!({"SourceArn": dead.arn()?}))?;
    text(&task, "TaskHandle")?;
    let moved = queue.sqs_until("the message back in its queue", |queue| Ok(queue.receive(10)?.pop()))?;
    same("the body", moved.body(), "a")?;
    same("ApproximateReceiveCount", moved.system("ApproximateReceiveCount"), Some("1"))?;
    same("the id is the old one", moved.id() == id, false)?;
    same("ready, in flight, delayed", dead.counts()?, ["0", "0", "0"].map(str::to_owned))
}

fn elsewhere(sqs: &Sqs<'_>) -> Outcome {
    let (queue, dead) = sqs.with_dead_letters(1)?;
    let other = sqs.create("other", &[])?;
    one_dead_letter(&queue, &dead, 1)?;
    sqs.call("StartMessageMoveTask", &json!({"SourceArn": dead.arn()?, "DestinationArn": other.arn()?}))?;
    let moved = other.sqs_until("the message in the other queue", |other| Ok(other.receive(10)?.pop()))?;
    same("the body", moved.body(), "a")?;
    queue.nothing("though another destination was named")
}

fn report(sqs: &Sqs<'_>) -> Outcome {
    let (queue, dead) = sqs.with_dead_letters(1)?;
    one_dead_letter(&queue, &dead, 1)?;
    let source = dead.arn()?;
    sqs.call("StartMessageMoveTask", &json!({"SourceArn": source}))?;
    let task = sqs.until("a completed task", || {
        let answer = sqs.call("ListMessageMoveTasks", &json!({"SourceArn": source}))?;
        Ok(answer["Results"].get(0).filter(|task| task["Status"] == "COMPLETED").cloned())
    })?;
    same("SourceArn", task["SourceArn"].as_str(), Some(source.as_str()))?;
    same("moved", task["ApproximateNumberOfMessagesMoved"].as_u64(), Some(1))?;
    same("TaskHandle of a task that does not run", task.get("TaskHandle"), None)
}

fn redrive_source(sqs: &Sqs<'_>) -> Outcome {
    let (queue, _) = sqs.with_dead_letters(1)?;
    let absent = refusal("ResourceNotFoundException", "ResourceNotFoundException");
    let missing = queue.arn()?.replace("-source", "-absent");
    sqs.refused("StartMessageMoveTask", &json!({"SourceArn": missing}), absent)?;
    sqs.refused("StartMessageMoveTask", &json!({"SourceArn": queue.arn()?}), INVALID_PARAMETER)
}

fn cancel(sqs: &Sqs<'_>) -> Outcome {
    let absent = refusal("ResourceNotFoundException", "ResourceNotFoundException");
    sqs.refused("CancelMessageMoveTask", &json!({"TaskHandle": "invented"}), absent)
}
