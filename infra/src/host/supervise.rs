//! Background tasks that may fail without taking the host down, and never silently.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;

use super::logs::Logs;

/// Pause before a task that panicked starts again.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs `task` until it returns; starts it again when it panics.
pub(crate) fn supervised<F>(name: String, logs: Logs, task: impl Fn() -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send,
{
    tokio::spawn(async move {
        // The panic hook has printed where it was.
        while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
            logs.host(format!("{name} panicked; it starts again"));
            tokio::time::sleep(PAUSE).await;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::host::logs::Output;

    #[tokio::test]
    async fn a_task_that_panics_starts_again_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let (logs, thread) = Logs::start(directory.path(), [].into_iter(), Output::Quiet).unwrap();
        let runs = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&runs);
        supervised("the task".to_owned(), logs, move || {
            let run = count.fetch_add(1, Ordering::SeqCst);
            async move { assert!(run > 0, "first run") }
        })
        .await
        .unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        thread.join().unwrap();
        let log = std::fs::read_to_string(directory.path().join("host.log")).unwrap();
        assert!(log.contains("the task panicked"), "{log}");
    }
}
