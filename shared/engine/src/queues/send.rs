//! Sending.

use super::store::NewMessage;
use super::{
    MESSAGE_BYTES_MAX, OutgoingMessage, QueueError, Queues, SentMessage, check_batch_length, no_such_queue, store,
};

impl Queues {
    /// Sends one message. It is durable when this returns.
    ///
    /// # Errors
    /// If the queue does not exist or SQS would refuse the message.
    pub fn send(&self, name: &str, message: &OutgoingMessage) -> Result<SentMessage, QueueError> {
        match self.send_batch(name, std::slice::from_ref(message))?.pop() {
            Some(answer) => answer,
            None => Err(QueueError::EmptyBatch),
        }
    }

    /// Sends up to ten messages; each is accepted or refused by itself, in the order given.
    ///
    /// # Errors
    /// If the queue does not exist, or the batch is empty, too long or holds too many messages: then none
    /// was sent.
    pub fn send_batch(
        &self,
        name: &str,
        messages: &[OutgoingMessage],
    ) -> Result<Vec<Result<SentMessage, QueueError>>, QueueError> {
        self.with(|core, now, arrivals| {
            let queue = core.queues.get_mut(name).ok_or_else(|| no_such_queue(name))?;
            check_batch_length(messages.len())?;
            let bytes = messages.iter().map(OutgoingMessage::size_bytes).sum();
            if messages.len() > 1 && bytes > MESSAGE_BYTES_MAX {
                return Err(QueueError::BatchTooLong { bytes, bytes_max: MESSAGE_BYTES_MAX });
            }
            let transaction = core.connection.unchecked_transaction()?;
            let mut answers = Vec::with_capacity(messages.len());
            let mut any = false;
            for message in messages {
                if let Err(refused) = message.check(queue.attributes.maximum_message_bytes) {
                    answers.push(Err(refused));
                    continue;
                }
                let sequence = core.next_sequence;
                core.next_sequence += 1;
                let id = core.ids.message_id(sequence);
                let delay = message.delay_seconds.unwrap_or(queue.attributes.delay_seconds);
                store::insert_message(
                    &transaction,
                    &NewMessage {
                        sequence,
                        queue: queue.key,
                        id: &id,
                        message,
                        sent_at_ms: now,
                        visible_at_ms: now + u64::from(delay) * 1_000,
                    },
                )?;
                any = true;
                answers.push(Ok(message.answer(id)));
            }
            transaction.commit()?;
            if any {
                queue.note_sent_at(now);
                arrivals.insert(name.to_owned());
            }
            Ok(answers)
        })
    }
}
