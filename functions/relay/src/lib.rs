//! `relay`: copies the outbox of every commit from the tables' streams to the queues. It knows no state machine.
//!
//! It tries every record and reports failure by failing the invocation: duplicates are allowed, a stopped shard is not.
//! A record that it cannot read goes, as keys, to its own dead-letter queue.

use platform::stream::StreamRecord;
use platform::{Deps, Failure, Function};

/// The function.
#[derive(Debug, Clone, Copy)]
pub struct Relay;

/// The setting that names the relay's own dead-letter queue.
const DEAD_LETTERS: &str = "RELAY_DEAD_LETTERS_QUEUE_URL";

impl Function for Relay {
    const NAME: &'static str = "relay";

    async fn records(&self, deps: &Deps, records: Vec<Result<StreamRecord, Failure>>) -> Result<(), Failure> {
        let mut messages = Vec::new();
        let mut failed = Ok(());
        for record in records {
            match record.and_then(|record| record.outbox()) {
                Ok(found) => messages.extend(found),
                Err(unreadable) => {
                    tracing::error!(reason = %unreadable, "stream record goes to the dead-letter queue");
                    let url = deps.settings.require(DEAD_LETTERS)?;
                    let body = unreadable.to_string();
                    let buried = deps.queues.bury_at(url, &body, "unreadable", Self::NAME, deps.clock.now());
                    if let Err(error) = buried.await {
                        failed = Err(error);
                    }
                }
            }
        }
        for message in &messages {
            tracing::debug!(correlation_id = message.correlation_id, queue = message.kind.queue().name(), "relayed");
        }
        deps.queues.send(&messages).await?;
        failed
    }
}

/// Runs the function on Lambda.
///
/// # Errors
/// As [`platform::run`].
pub async fn run() -> Result<(), platform::function::Error> {
    platform::run(Relay).await
}
