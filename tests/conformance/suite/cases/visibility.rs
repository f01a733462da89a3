//! Visibility time-out, deleting, and how often a message was received.

use super::super::client::{INVALID_PARAMETER, Sqs, refusal};
use super::super::{Case, Outcome, same};
use serde_json::json;

const PAGE: &str = "SQSDeveloperGuide/sqs-visibility-timeout";

pub(super) const CASES: &[Case] = &[
    Case::api("a received message is hidden until its visibility time-out passes", PAGE, hidden),
    Case::api("a receive may choose another visibility time-out than the queue's", PAGE, chosen),
    Case::api("a visibility time-out of 0 leaves the message available", PAGE, zero),
    Case::api("a visibility time-out can be prolonged", PAGE, prolonged),
    Case::api("a visibility time-out of 0 set later makes the message available at once", PAGE, ended),
    Case::api("a message that is not in flight has no visibility to change", PAGE, not_in_flight),
    Case::api("a visibility time-out is at most 12 hours", "APIReference/API_ChangeMessageVisibility", twelve_hours),
    Case::api("a message stays in flight for at most 12 hours from its receive", PAGE, twelve_hours_in_all).slow(),
    Case::api("a deleted message never comes back", "APIReference/API_DeleteMessage", deleted),
    Case::api("every receive gives another handle, and the latest deletes", "APIReference/API_DeleteMessage", handles),
    Case::api("a handle deletes after its time-out too, while it is the latest", PAGE, late_delete),
    Case::api("receives are counted, and the first one's time is kept", "APIReference/API_ReceiveMessage", counted),
];

fn hidden(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("VisibilityTimeout", "1")])?;
    queue.send("a")?;
    same("the body", queue.one()?.body(), "a")?;
    queue.nothing("while the message is in flight")?;
    sqs.pass_s(1);
    same("the body", queue.one()?.body(), "a")
}

fn chosen(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("VisibilityTimeout", "30")])?;
    queue.send("a")?;
    same("messages", queue.receive_with(json!({"VisibilityTimeout": 1}))?.len(), 1)?;
    queue.nothing("while the message is in flight")?;
    sqs.pass_s(1);
    queue.one().map(drop)
}

fn zero(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send("a")?;
    for receive in 1..=3 {
        let got = queue.receive_with(json!({"VisibilityTimeout": 0}))?;
        same(&format!("messages of receive {receive}"), got.len(), 1)?;
    }
    Ok(())
}

fn prolonged(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("VisibilityTimeout", "1")])?;
    queue.send("a")?;
    queue.change(&queue.one()?, 3)?;
    sqs.pass_s(1);
    queue.nothing("though its visibility time-out was prolonged")?;
    sqs.pass_s(2);
    queue.one().map(drop)
}

fn ended(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send("a")?;
    queue.change(&queue.one()?, 0)?;
    queue.one().map(drop)
}

fn not_in_flight(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send("a")?;
    let delivery = queue.one()?;
    queue.change(&delivery, 0)?;
    let request = json!({"ReceiptHandle": delivery.handle()?, "VisibilityTimeout": 5});
    let refusal = refusal("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight");
    queue.refused("ChangeMessageVisibility", request, refusal)
}

fn twelve_hours(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send("a")?;
    let handle = queue.one()?.handle()?;
    for seconds in [43_201, -1] {
        let request = json!({"ReceiptHandle": handle, "VisibilityTimeout": seconds});
        queue.refused("ChangeMessageVisibility", request, INVALID_PARAMETER)?;
    }
    Ok(())
}

fn twelve_hours_in_all(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("VisibilityTimeout", "43200")])?;
    queue.send("a")?;
    let handle = queue.one()?.handle()?;
    sqs.pass_s(3_600);
    let request = json!({"ReceiptHandle": handle, "VisibilityTimeout": 43_200});
    queue.refused("ChangeMessageVisibility", request, INVALID_PARAMETER)
}

fn deleted(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("VisibilityTimeout", "1")])?;
    queue.send("a")?;
    queue.delete(&queue.one()?)?;
    sqs.pass_s(1);
    queue.nothing("though the message was deleted")
}

fn handles(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send("a")?;
    let first = queue.one()?;
    queue.change(&first, 0)?;
    let second = queue.one()?;
    if first.handle()? == second.handle()? {
        return Err("two receives gave the same handle".to_owned());
    }
    same("the id of the second delivery", second.id(), first.id())?;
    queue.delete(&second)?;
    same("messages", queue.counts()?, ["0", "0", "0"].map(str::to_owned))
}

fn late_delete(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[("VisibilityTimeout", "1")])?;
    queue.send("a")?;
    let delivery = queue.one()?;
    sqs.pass_s(1);
    queue.delete(&delivery)?;
    queue.nothing("though the message was deleted")
}

fn counted(sqs: &Sqs<'_>) -> Outcome {
    let queue = sqs.create("q", &[])?;
    queue.send("a")?;
    let mut first_received = None;
    for receive in 1..=3 {
        let delivery = queue.one()?;
        same(
            "ApproximateReceiveCount",
            delivery.system("ApproximateReceiveCount"),
            Some(receive.to_string().as_str()),
        )?;
        let first = delivery.system("ApproximateFirstReceiveTimestamp").map(str::to_owned);
        same("the time of the first receive", &first, first_received.get_or_insert_with(|| first.clone()))?;
        let times: Vec<u64> = ["SentTimestamp", "ApproximateFirstReceiveTimestamp"]
            .into_iter()
            .filter_map(|name| delivery.system(name)?.parse().ok())
            .collect();
        match times[..] {
            [sent, received] if sent <= received => {}
            _ => return Err(format!("no two ordered times in {}", delivery.value())),
        }
        queue.change(&delivery, 0)?;
    }
    Ok(())
}
