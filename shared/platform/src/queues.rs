//! Sending: always in batches of ten, failed entries again.

use crate::failure::Failure;
use crate::settings::Settings;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use domain::{Message, Queue};
use std::collections::BTreeMap;

/// Most messages of one request.
pub const BATCH_MAX: usize = 10;

/// The queues.
#[derive(Debug, Clone)]
pub struct Queues {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
}

impl Queues {
    /// The queues over a client.
    #[must_use]
    pub fn new(client: Client, settings: Settings) -> Self {
        Self { client, settings }
    }

    /// Sends messages, each to the queue whose reader does it; the merchant is the message group.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when some could not be sent after three tries: all may be sent again.
    pub async fn send(&self, messages: &[Message]) -> Result<(), Failure> {
        let mut by_queue: BTreeMap<Queue, Vec<&Message>> = BTreeMap::new();
        for message in messages {
            by_queue.entry(message.kind.queue()).or_default().push(message);
        }
        for (queue, messages) in by_queue {
            let url = self.settings.queue_url(queue)?;
            for chunk in messages.chunks(BATCH_MAX) {
                self.send_batch(url, chunk).await?;
            }
        }
        Ok(())
    }

    async fn send_batch(&self, url: &str, messages: &[&Message]) -> Result<(), Failure> {
        let mut entries = Vec::with_capacity(messages.len());
        for (index, message) in messages.iter().enumerate() {
            entries.push(
                SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(crate::store::json(message)?)
                    .message_group_id(message.merchant.as_str())
                    .build()
                    .map_err(|error| Failure::bug(error.to_string()))?,
            );
        }
        let mut reason = String::new();
        for _ in 0..3 {
            let answer = self
                .client
                .send_message_batch()
                .queue_url(url)
                .set_entries(Some(entries.clone()))
                .send()
                .await
                .map_err(|error| unavailable(&error))?;
            let failed: Vec<&str> = answer.failed().iter().map(aws_sdk_sqs::types::BatchResultErrorEntry::id).collect();
            if failed.is_empty() {
                return Ok(());
            }
            reason = answer.failed().first().map(|entry| entry.code().to_owned()).unwrap_or_default();
            entries.retain(|entry| failed.contains(&entry.id()));
        }
        Err(Failure::unavailable(format!("SQS refuses entries of a batch: {reason}")))
    }
}

/// An SQS call that did not succeed.
pub(crate) fn unavailable<E: std::error::Error>(error: &E) -> Failure {
    Failure::unavailable(format!("SQS: {}", aws_smithy_types::error::display::DisplayErrorContext(error)))
}
