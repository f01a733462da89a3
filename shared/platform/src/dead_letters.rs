//! Dead letters: what cannot be processed is kept with its reason, can be listed, and is sent back to a named queue.

use crate::failure::Failure;
use crate::queues::{Queues, unavailable};
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName};
use domain::Queue;
use jiff::Timestamp;

/// A message in a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue's message id.
    pub message_id: String,
    /// Why it is here; absent when the queue itself moved it after too many receives.
    pub reason: Option<String>,
    /// The function that gave up on it.
    pub function: Option<String>,
    /// When that was, RFC 3339.
    pub failed_at: Option<String>,
    /// The body as it was.
    pub body: String,
    /// Handle to delete it with, valid while it is not visible to others.
    pub receipt_handle: String,
}

impl Queues {
    /// Keeps a message that cannot be processed, with the reason.
    ///
    /// # Errors
    /// [`Failure::Unavailable`]: then the message must stay in its own queue.
    pub async fn bury(
        &self,
        queue: Queue,
        body: &str,
        reason: &str,
        function: &str,
        at: Timestamp,
    ) -> Result<(), Failure> {
        self.bury_at(self.settings.dead_letters_url(queue)?, body, reason, function, at).await
    }

    /// The same, at a dead-letter queue that belongs to no work queue.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn bury_at(
        &self,
        url: &str,
        body: &str,
        reason: &str,
        function: &str,
        at: Timestamp,
    ) -> Result<(), Failure> {
        let attribute = |value: &str| {
            // SQS refuses empty attribute values and counts them into the message's size.
            let cut: String = value.chars().take(1000).collect();
            MessageAttributeValue::builder()
                .data_type("String")
                .string_value(if cut.is_empty() { "unknown".to_owned() } else { cut })
                .build()
                .map_err(|error| Failure::bug(error.to_string()))
        };
        self.client
            .send_message()
            .queue_url(url)
            .message_body(if body.is_empty() { "(empty)" } else { body })
            .message_attributes("reason", attribute(reason)?)
            .message_attributes("function", attribute(function)?)
            .message_attributes("failed_at", attribute(&at.to_string())?)
            .send()
            .await
            .map(drop)
            .map_err(|error| unavailable(&error))
    }

    /// Looks at up to `limit` (at most 10) dead letters, hiding them from other readers for `hidden_s` seconds.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn dead_letters(&self, url: &str, limit: i32, hidden_s: i32) -> Result<Vec<DeadLetter>, Failure> {
        let answer = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(limit.clamp(1, 10))
            .visibility_timeout(hidden_s)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(answer
            .messages
            .unwrap_or_default()
            .into_iter()
            .map(|message| {
                let attribute = |name: &str| {
                    message
                        .message_attributes
                        .as_ref()
                        .and_then(|attributes| attributes.get(name))
                        .and_then(|value| value.string_value.clone())
                };
                DeadLetter {
                    reason: attribute("reason"),
                    function: attribute("function"),
                    failed_at: attribute("failed_at"),
                    message_id: message.message_id.clone().unwrap_or_default(),
                    body: message.body.clone().unwrap_or_default(),
                    receipt_handle: message.receipt_handle.clone().unwrap_or_default(),
                }
            })
            .collect())
    }

    /// Sends a dead letter back: to `destination_url` first, then out of the dead-letter queue, so that it is never lost
    /// (a crash in between repeats it).
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn redrive(
        &self,
        letter: &DeadLetter,
        from_url: &str,
        destination_url: &str,
        group: &str,
    ) -> Result<(), Failure> {
        self.client
            .send_message()
            .queue_url(destination_url)
            .message_body(&letter.body)
            .message_group_id(group)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        self.discard(letter, from_url).await
    }

    /// Throws a dead letter away.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn discard(&self, letter: &DeadLetter, from_url: &str) -> Result<(), Failure> {
        self.client
            .delete_message()
            .queue_url(from_url)
            .receipt_handle(&letter.receipt_handle)
            .send()
            .await
            .map(drop)
            .map_err(|error| unavailable(&error))
    }

    /// Makes a message visible again after `after_s` seconds.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn retry_after(&self, url: &str, receipt_handle: &str, after_s: i32) -> Result<(), Failure> {
        self.client
            .change_message_visibility()
            .queue_url(url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(after_s)
            .send()
            .await
            .map(drop)
            .map_err(|error| unavailable(&error))
    }
}
