//! One execution environment: a process of one function, its Runtime API side, and its end.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::io::BufReader;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::logs::Logs;
use super::moment;

/// What an invocation came to.
pub(crate) type Outcome = Result<Bytes, FunctionError>;

/// The function itself answered with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionError {
    /// `errorType` of the Runtime API.
    pub(crate) kind: String,
    /// `errorMessage` of the Runtime API.
    pub(crate) message: String,
}

/// An invocation on its way to the process.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) timeout: Duration,
    /// Told when the process has taken it; its time counts from there.
    pub(crate) taken: oneshot::Sender<()>,
    /// Told the outcome.
    pub(crate) answer: oneshot::Sender<Outcome>,
}

/// A delivery as the process sees it.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) deadline_ms: i64,
}

/// A running process of a function. At most one invocation is in it at a time.
#[derive(Debug)]
pub(crate) struct Environment {
    /// Unguessable among the environments of one host.
    pub(crate) id: String,
    /// The function's name.
    pub(crate) function: Arc<str>,
    deliveries: mpsc::Sender<Delivery>,
    waiting: tokio::sync::Mutex<mpsc::Receiver<Delivery>>,
    current: Mutex<Option<(String, oneshot::Sender<Outcome>)>>,
    polled: watch::Sender<bool>,
    init_error: Mutex<Option<FunctionError>>,
    ended: watch::Sender<Option<String>>,
    kill: Notify,
}

/// Everything that a process is started with.
#[derive(Debug)]
pub(crate) struct Start {
    /// Program and arguments.
    pub(crate) program: std::path::PathBuf,
    pub(crate) arguments: Vec<String>,
    /// The whole environment; nothing else is inherited.
    pub(crate) variables: Vec<(String, String)>,
}

/// The process is not the one that the request is for, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such invocation is running in this environment")]
pub(crate) struct UnknownInvocation;

impl Environment {
    /// An environment whose process is started next.
    pub(crate) fn new(function: Arc<str>) -> Arc<Self> {
        let (deliveries, waiting) = mpsc::channel(1);
        Arc::new(Self {
            id: moment::request_id().replace('-', ""),
            function,
            deliveries,
            waiting: tokio::sync::Mutex::new(waiting),
            current: Mutex::new(None),
            polled: watch::Sender::new(false),
            init_error: Mutex::new(None),
            ended: watch::Sender::new(None),
            kill: Notify::new(),
        })
    }

    /// Starts the process and, beside it, the task that waits for its end and copies its output.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn start(
        self: &Arc<Self>,
        start: &Start,
        logs: &Logs,
        at_end: impl FnOnce(&str) + Send + 'static,
    ) -> std::io::Result<()> {
        let mut child = Command::new(&start.program)
            .args(&start.arguments)
            .env_clear()
            .envs(start.variables.iter().map(|(name, value)| (name, value)))
            // The pipe stays open as long as the host lives: its end tells the process that the host is gone.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in the terminal is for the host, which lets running invocations end first.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        if let Some(output) = child.stdout.take() {
            let (logs, source) = (logs.clone(), Arc::clone(&self.function));
            tokio::spawn(async move { logs.copy(source, BufReader::new(output)).await });
        }
        if let Some(output) = child.stderr.take() {
            let (logs, source) = (logs.clone(), Arc::clone(&self.function));
            tokio::spawn(async move { logs.copy(source, BufReader::new(output)).await });
        }
        let environment = Arc::clone(self);
        tokio::spawn(async move {
            let end = environment.end_of(child).await;
            at_end(&end);
            // An answer that never comes: the invocation learns of it by the dropped sender.
            lock(&environment.current).take();
            environment.ended.send_replace(Some(end));
        });
        Ok(())
    }

    async fn end_of(&self, mut child: Child) -> String {
        // Held here, since `wait` would close it.
        let _stdin = child.stdin.take();
        let status = tokio::select! {
            status = child.wait() => status,
            () = self.kill.notified() => match child.start_kill() {
                Ok(()) => child.wait().await,
                Err(error) => Err(error),
            },
        };
        match status {
            Ok(status) => status.to_string(),
            Err(error) => format!("its end cannot be waited for: {error}"),
        }
    }

    /// Ends the process at once.
    pub(crate) fn kill(&self) {
        self.kill.notify_one();
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Waits for the process's end and says how it ended.
    pub(crate) async fn ended(&self) -> String {
        match self.ended.subscribe().wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or_default(),
            Err(_) => "its supervisor is gone".to_owned(),
        }
    }

    /// Waits for the first poll, which ends the initialisation.
    pub(crate) async fn ready(&self) {
        // The sender lives in `self`, so that this cannot fail.
        let _ = self.polled.subscribe().wait_for(|polled| *polled).await;
    }

    /// Hands over an invocation; it comes back if the process takes none any more.
    pub(crate) fn deliver(&self, delivery: Delivery) -> Result<(), Delivery> {
        self.deliveries.try_send(delivery).map_err(|error| match error {
            mpsc::error::TrySendError::Full(delivery) | mpsc::error::TrySendError::Closed(delivery) => delivery,
        })
    }

    /// The process asks for its next invocation: waits for one.
    pub(crate) async fn next(&self) -> Option<Taken> {
        self.polled.send_replace(true);
        let delivery = self.waiting.lock().await.recv().await?;
        // Nothing is awaited from here on: a dropped request cannot lose the delivery half way.
        let deadline_ms = moment::now_ms() + i64::try_from(delivery.timeout.as_millis()).unwrap_or(i64::MAX / 2);
        *lock(&self.current) = Some((delivery.request_id.clone(), delivery.answer));
        // The invoker may have given up; the process's answer is then unknown, as on AWS.
        let _ = delivery.taken.send(());
        Some(Taken { request_id: delivery.request_id, payload: delivery.payload, deadline_ms })
    }

    /// The process answers.
    ///
    /// # Errors
    /// When that invocation is not the running one.
    pub(crate) fn answer(&self, request_id: &str, outcome: Outcome) -> Result<(), UnknownInvocation> {
        let mut current = lock(&self.current);
        match current.take() {
            Some((running, answer)) if running == request_id => {
                // Nobody waits any more: a time-out was faster.
                let _ = answer.send(outcome);
                Ok(())
            }
            other => {
                *current = other;
                Err(UnknownInvocation)
            }
        }
    }

    /// The process says why it cannot start.
    pub(crate) fn fail_init(&self, error: FunctionError) {
        *lock(&self.init_error) = Some(error);
    }

    /// Why the process said that it cannot start.
    pub(crate) fn init_error(&self) -> Option<FunctionError> {
        lock(&self.init_error).clone()
    }
}

/// A panic elsewhere must not spread: all data behind these locks is whole at every moment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
