//! What an endpoint is known to keep differently from AWS's documentation. A rule that is listed here and holds fails
//! the run too, so that the lists stay true.

/// A rule that is not kept.
pub(crate) struct Deviation {
    /// Its name.
    pub(crate) case: &'static str,
    /// What the endpoint does instead.
    pub(crate) reason: &'static str,
}

/// Those of a kind of server.
pub(crate) fn of(server: &str) -> &'static [Deviation] {
    match server {
        "ministack" => MINISTACK,
        "moto" => MOTO,
        _ => &[],
    }
}

const fn differs(case: &'static str, reason: &'static str) -> Deviation {
    Deviation { case, reason }
}

/// Of ministack 1.5.33.
const MINISTACK: &[Deviation] = &[
    differs("a bad entry fails by itself", "delays over 15 minutes are taken"),
    differs("a dead-letter queue chooses its sources", "RedriveAllowPolicy is kept and not looked at"),
    differs("a dead-letter queue exists", "refused as InvalidAttributeValue"),
    differs("a delay is at most 15 minutes", "any delay is taken"),
    differs("a deleted queue's name is taken for 60 seconds", "the name is free at once"),
    differs("a group id is 1 to 128 letters, digits and punctuation marks", "any group id is taken"),
    differs("a long poll waits for at most 20 seconds", "any wait is taken"),
    differs("a message has at most ten attributes", "any number is taken"),
    differs("a message that is not in flight has no visibility to change", "the change is made"),
    differs(
        "a noisy group's backlog does not hold up a quiet one",
        "messages come in the order of sending, whatever their group",
    ),
    differs("a parameter of the wrong type is refused", "answered with 500"),
    differs("a queue has the documented defaults", "SqsManagedSseEnabled is absent"),
    differs("a queue is purged once in 60 seconds", "every purge is done"),
    differs("a queue's name has 1 to 80 letters, digits, hyphens and underscores", "any name is taken"),
    differs("a redrive can name another destination", "no message move tasks"),
    differs("a redrive moves dead letters back to where they came from, as new messages", "no message move tasks"),
    differs("a redrive reports what it moved", "no message move tasks"),
    differs("a redrive starts at a dead-letter queue that exists", "no message move tasks"),
    differs("a task that does not exist cannot be cancelled", "no message move tasks"),
    differs("a visibility time-out is at most 12 hours", "any time-out is taken"),
    differs("an attribute has a type and a value of it", "any attribute is taken"),
    differs("an unknown attribute is refused", "it is kept"),
    differs("an unknown system attribute is refused", "it is passed over"),
    differs("every action on a queue that does not exist is refused alike", "no ListDeadLetterSourceQueues"),
    differs("just the attributes asked for are read", "all are read when none is named"),
    differs("the queue's limit counts the body and all of each attribute", "the body alone is counted"),
    differs("the sources of a dead-letter queue are listed", "no ListDeadLetterSourceQueues"),
    differs("what an action needs is named when it is missing", "without QueueUrl the queue does not exist"),
    differs("what only FIFO queues know is refused by a standard queue", "it is passed over"),
];

/// Of moto 5.2.5.
const MOTO: &[Deviation] = &[
    differs("a bad entry fails by itself", "characters outside XML are taken"),
    differs("a batch holds one to ten entries", "an empty ChangeMessageVisibilityBatch succeeds"),
    differs("a character that XML does not allow is refused", "it is taken"),
    differs("a dead letter tells where it comes from", "DeadLetterQueueSourceArn is absent"),
    differs("a dead-letter queue chooses its sources", "RedriveAllowPolicy is kept and not looked at"),
    differs("a dead-letter queue exists", "refused as QueueDoesNotExist"),
    differs("a delay is at most 15 minutes", "negative delays are taken"),
    differs("a deleted queue's name is taken for 60 seconds", "the name is free at once"),
    differs("a group id is 1 to 128 letters, digits and punctuation marks", "any group id is taken"),
    differs("a message has a body", "answered with 500 and a page of HTML"),
    differs("a message has at most ten attributes", "any number is taken"),
    differs("a message is delivered at least once and at most 1000 times", "any count is taken"),
    differs("a message that is not in flight has no visibility to change", "the change is made"),
    differs(
        "a noisy group's backlog does not hold up a quiet one",
        "messages come in the order of sending, whatever their group",
    ),
    differs("a parameter of the wrong type is refused", "answered with 500 and a page of HTML"),
    differs("a queue is purged once in 60 seconds", "refused with 403"),
    differs("a redrive can name another destination", "no message move tasks"),
    differs("a redrive moves dead letters back to where they came from, as new messages", "no message move tasks"),
    differs("a redrive reports what it moved", "no message move tasks"),
    differs("a redrive starts at a dead-letter queue that exists", "no message move tasks"),
    differs("a task that does not exist cannot be cancelled", "no message move tasks"),
    differs("a visibility time-out is at most 12 hours", "negative time-outs are taken"),
    differs("an action that SQS does not have is refused", "answered with 500 and a page of HTML"),
    differs("an attribute has a type and a value of it", "a String may be empty"),
    differs("an attribute's value is within its range", "any value is taken"),
    differs("an unknown attribute is refused", "it is kept"),
    differs("an unknown system attribute is refused", "it is passed over"),
    differs("the queue's limit counts the body and all of each attribute", "the body alone is counted"),
    differs("what an action needs is named when it is missing", "answered with 500 and a page of HTML"),
    differs("what only FIFO queues know is refused by a standard queue", "it is passed over"),
];
