//! Starts what the template says invokes a function by itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::environments::Pool;
use super::housekeeping::Readers;
use super::in_flight::InFlight;
use super::logs::Logs;
use super::queue_mapping::{self, QueueMapping};
use super::schedule;
use super::services::Services;
use super::stream_mapping::StreamMapping;
use super::supervise::supervised;

/// What all event sources have in common.
pub(crate) struct Shared<'a> {
    pub(crate) pools: &'a BTreeMap<String, Arc<Pool>>,
    pub(crate) services: &'a Services,
    pub(crate) logs: &'a Logs,
    pub(crate) stopping: &'a watch::Receiver<bool>,
    /// Where streams keep their positions.
    pub(crate) checkpoints: &'a Path,
    /// Where queues note what is being worked on.
    pub(crate) in_flight: &'a Path,
}

fn in_flight(shared: &Shared<'_>, function: &str, queue: &str) -> InFlight {
    InFlight::new(shared.in_flight.join(format!("{function}.{queue}")))
}

/// Makes the messages visible that a killed host was working on; before [`start`].
pub(crate) async fn release(shared: &Shared<'_>) {
    for pool in shared.pools.values() {
        let function = &pool.function().name;
        for source in &pool.function().queue_sources {
            match in_flight(shared, function, &source.queue).release(&source.queue, shared.services).await {
                Ok(0) => {}
                Ok(count) => shared
                    .logs
                    .host(format!("{count} messages of {} that {function} was working on come again", source.queue)),
                // They come again after their visibility time-out.
                Err(error) => shared.logs.host(format!("queue {}: {error}", source.queue)),
            }
        }
    }
}

/// Starts all of them; tells how far each stream has been read.
pub(crate) fn start(shared: &Shared<'_>) -> (Vec<JoinHandle<()>>, Readers) {
    let mut tasks = Vec::new();
    let mut readers = Readers::default();
    for pool in shared.pools.values() {
        let function = pool.function();
        for source in &function.queue_sources {
            let mapping = QueueMapping {
                concurrency: Arc::new(Semaphore::new(queue_mapping::concurrency(source, pool))),
                in_flight: in_flight(shared, &function.name, &source.queue),
                source: source.clone(),
                pool: Arc::clone(pool),
                services: shared.services.clone(),
                logs: shared.logs.clone(),
                stopping: shared.stopping.clone(),
            };
            let name = format!("queue {} to {}", source.queue, function.name);
            tasks.push(supervised(name, shared.logs.clone(), move || mapping.clone().run()));
        }
        for source in &function.stream_sources {
            let position = watch::Sender::new(None);
            readers.add(&source.table, position.subscribe());
            let mapping = Arc::new(StreamMapping {
                source: source.clone(),
                pool: Arc::clone(pool),
                services: shared.services.clone(),
                logs: shared.logs.clone(),
                checkpoint: shared.checkpoints.join(format!("{}.{}", function.name, source.table)),
                position,
                stopping: shared.stopping.clone(),
            });
            let name = format!("stream of {} to {}", source.table, function.name);
            tasks.push(supervised(name, shared.logs.clone(), move || {
                let mapping = Arc::clone(&mapping);
                async move { mapping.run().await }
            }));
        }
        for one in &function.schedules {
            let (one, pool, stopping) = (one.clone(), Arc::clone(pool), shared.stopping.clone());
            let name = format!("schedule {} to {}", one.name, function.name);
            tasks.push(supervised(name, shared.logs.clone(), move || {
                let (one, pool, stopping) = (one.clone(), Arc::clone(&pool), stopping.clone());
                async move { schedule::run(&one, &pool, stopping).await }
            }));
        }
    }
    (tasks, readers)
}
