//! All environments of one function: started when needed, at most so many, ended when idle.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::Instant;

use super::environment::{Delivery, Environment, FunctionError, Start, lock};
use super::figures::{Environments, Figures};
use super::launch::Launch;
use super::logs::Logs;
use super::runtime_api::Registry;
use super::status;
use crate::template::model::Function;

/// How long a process may take to its first poll.
const INIT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an environment beyond the first stays without work.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Pauses after failed starts: doubled from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// Pause before an environment that ended without work is replaced.
const IDLE_END_PAUSE: Duration = Duration::from_secs(1);
/// Starts for one invocation whose processes ended before they took it.
const DELIVERIES_MAX: usize = 3;

/// Why an invocation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvokeError {
    /// The function returned an error.
    #[error("{} ({})", .0.message, .0.kind)]
    Function(FunctionError),
    /// Its time is over; the process was ended.
    #[error("timed out after {0} s")]
    TimedOut(u32),
    /// The process ended during the invocation.
    #[error("its process ended during the invocation: {0}")]
    Crashed(String),
    /// The process could not start.
    #[error("its process could not start: {0}")]
    Init(String),
    /// The host is ending.
    #[error("the host is shutting down")]
    ShuttingDown,
}

/// The environments of one function.
#[derive(Debug)]
pub(crate) struct Pool {
    function: Function,
    name: Arc<str>,
    maximum: usize,
    launch: Arc<Launch>,
    registry: Arc<Registry>,
    logs: Logs,
    figures: Figures,
    slots: Arc<Semaphore>,
    state: Mutex<State>,
    /// When the next start may be tried, while starts fail.
    retry_at: watch::Sender<Option<Instant>>,
}

#[derive(Debug, Default)]
struct State {
    /// The last one is the one used last.
    idle: Vec<(Arc<Environment>, Instant)>,
    all: Vec<Arc<Environment>>,
    failed_starts: u32,
    closed: bool,
}

/// An environment in use; unless it is returned, its process is ended.
struct Lease<'a> {
    pool: &'a Pool,
    environment: Option<Arc<Environment>>,
}

impl Pool {
    /// A pool without environments.
    pub(crate) fn new(
        function: Function,
        maximum: usize,
        launch: Arc<Launch>,
        registry: Arc<Registry>,
        logs: Logs,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: function.name.as_str().into(),
            function,
            maximum,
            launch,
            registry,
            logs,
            figures: Figures::default(),
            slots: Arc::new(Semaphore::new(maximum)),
            state: Mutex::default(),
            retry_at: watch::Sender::new(None),
        })
    }

    /// What the template says of the function.
    pub(crate) fn function(&self) -> &Function {
        &self.function
    }

    /// Most environments at a time.
    pub(crate) fn maximum(&self) -> usize {
        self.maximum
    }

    /// What its invocations came to and how many environments it has.
    pub(crate) fn status(&self, now: Instant) -> status::Function {
        let environments = {
            let state = lock(&self.state);
            Environments { all: state.all.len(), idle: state.idle.len(), max: self.maximum }
        };
        self.figures.status(environments, now)
    }

    /// Invokes the function; waits while all environments are in use. The invocation runs to its end even if the
    /// caller goes away, as on AWS.
    pub(crate) async fn invoke(self: &Arc<Self>, request_id: String, payload: Bytes) -> Result<Bytes, InvokeError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| InvokeError::ShuttingDown)?;
        let pool = Arc::clone(self);
        let running = tokio::spawn(async move {
            let _slot = slot;
            let outcome = pool.run(request_id, payload).await;
            pool.figures.ended(outcome.as_ref().err());
            outcome
        });
        let outcome = match running.await {
            Ok(outcome) => outcome,
            Err(error) => Err(InvokeError::Crashed(format!("the host failed: {error}"))),
        };
        if let Err(error) = &outcome
            && *error != InvokeError::ShuttingDown
        {
            self.logs.host(format!("{}: {error}", self.name));
        }
        outcome
    }

    /// Starts the first environment, so that the first request does not wait for it.
    pub(crate) async fn warm(self: &Arc<Self>) -> Result<(), InvokeError> {
        let _slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| InvokeError::ShuttingDown)?;
        let lease = self.environment().await?;
        lease.give_back();
        Ok(())
    }

    /// Waits until a start may be tried again. Event sources wait here before they take work.
    pub(crate) async fn startable(&self) {
        let mut changes = self.retry_at.subscribe();
        loop {
            let until = *changes.borrow_and_update();
            match until {
                Some(until) if until > Instant::now() => {
                    tokio::select! {
                        () = tokio::time::sleep_until(until) => return,
                        // The sender lives in `self`.
                        _ = changes.changed() => {}
                    }
                }
                _ => return,
            }
        }
    }

    /// Waits until the last start succeeded, trying again where it did not. A queue waits here before it hands out
    /// messages: a function that cannot start must not use up their receives.
    pub(crate) async fn healthy(self: &Arc<Self>) {
        while lock(&self.state).failed_starts > 0 {
            self.startable().await;
            // The function's own lines say why it fails.
            if self.warm().await == Err(InvokeError::ShuttingDown) {
                return;
            }
        }
    }

    async fn run(self: &Arc<Self>, request_id: String, payload: Bytes) -> Result<Bytes, InvokeError> {
        let mut end = String::new();
        for _ in 0..DELIVERIES_MAX {
            let lease = self.environment().await?;
            let Some(environment) = lease.environment.clone() else {
                continue;
            };
            let (taken_sender, mut taken) = oneshot::channel();
            let (answer_sender, answer) = oneshot::channel();
            let delivery = Delivery {
                request_id: request_id.clone(),
                payload: payload.clone(),
                timeout: Duration::from_secs(self.function.timeout_s.into()),
                taken: taken_sender,
                answer: answer_sender,
            };
            if environment.deliver(delivery).is_err() {
                continue;
            }
            let took = tokio::select! {
                took = &mut taken => took.is_ok(),
                how = environment.ended() => {
                    end = how;
                    // It may have taken the invocation just before its end.
                    taken.try_recv().is_ok()
                }
                () = tokio::time::sleep(INIT_TIMEOUT) => false,
            };
            if !took {
                // Never seen by the function, so that another process may have it.
                continue;
            }
            let timeout = Duration::from_secs(self.function.timeout_s.into());
            let began = Instant::now();
            let answered = tokio::time::timeout(timeout, answer).await;
            self.figures.lasted(began.elapsed(), Instant::now());
            return match answered {
                Ok(Ok(outcome)) => {
                    lease.give_back();
                    outcome.map_err(InvokeError::Function)
                }
                Ok(Err(_)) => Err(InvokeError::Crashed(environment.ended().await)),
                Err(_) => Err(InvokeError::TimedOut(self.function.timeout_s)),
            };
        }
        Err(InvokeError::Crashed(end))
    }

    /// An idle environment, or a new one that has polled.
    async fn environment(self: &Arc<Self>) -> Result<Lease<'_>, InvokeError> {
        let idle = {
            let mut state = lock(&self.state);
            if state.closed {
                return Err(InvokeError::ShuttingDown);
            }
            loop {
                match state.idle.pop() {
                    Some((environment, _)) if environment.has_ended() => {}
                    Some((environment, _)) => break Some(environment),
                    None => break None,
                }
            }
        };
        if let Some(environment) = idle {
            return Ok(Lease { pool: self, environment: Some(environment) });
        }
        if self.retry_at.borrow().is_some_and(|until| until > Instant::now()) {
            return Err(InvokeError::Init("it failed a moment ago; the next start follows soon".to_owned()));
        }
        match self.start().await {
            Ok(lease) => {
                self.figures.started();
                lock(&self.state).failed_starts = 0;
                self.retry_at.send_replace(None);
                Ok(lease)
            }
            Err(error) => {
                let failed = {
                    let mut state = lock(&self.state);
                    state.failed_starts = state.failed_starts.saturating_add(1);
                    state.failed_starts
                };
                let pause = BACKOFF.0.saturating_mul(2_u32.saturating_pow(failed.min(16) - 1)).min(BACKOFF.1);
                self.retry_at.send_replace(Some(Instant::now() + pause));
                Err(error)
            }
        }
    }

    async fn start(self: &Arc<Self>) -> Result<Lease<'_>, InvokeError> {
        let environment = Environment::new(Arc::clone(&self.name));
        self.registry.add(&environment);
        let start = self.launch.start(&self.function, &environment.id);
        let started = {
            let mut state = lock(&self.state);
            if state.closed {
                Err(InvokeError::ShuttingDown)
            } else {
                state.all.push(Arc::clone(&environment));
                self.start_process(&environment, &start)
            }
        };
        if let Err(error) = started {
            self.forget(&environment.id);
            return Err(error);
        }
        let lease = Lease { pool: self, environment: Some(Arc::clone(&environment)) };
        tokio::select! {
            () = environment.ready() => Ok(lease),
            end = environment.ended() => Err(InvokeError::Init(match environment.init_error() {
                Some(error) => error.message,
                None => end,
            })),
            () = tokio::time::sleep(INIT_TIMEOUT) => {
                Err(InvokeError::Init(format!("no poll within {} s", INIT_TIMEOUT.as_secs())))
            }
        }
    }

    fn start_process(self: &Arc<Self>, environment: &Arc<Environment>, start: &Start) -> Result<(), InvokeError> {
        let pool = Arc::clone(self);
        let id = environment.id.clone();
        environment
            .start(start, &self.logs, move |end| pool.on_end(&id, end))
            .map_err(|error| InvokeError::Init(format!("{}: {error}", start.program.display())))
    }

    /// An environment's process has ended, for whatever reason.
    fn on_end(self: &Arc<Self>, id: &str, end: &str) {
        let was_idle = self.forget(id);
        if was_idle {
            self.logs.host(format!("{}: an idle process ended: {end}; starting it again", self.name));
            let pool = Arc::clone(self);
            tokio::spawn(async move {
                // One that polls and then ends must not keep the machine busy.
                tokio::time::sleep(IDLE_END_PAUSE).await;
                pool.startable().await;
                // A failure is logged where it is counted, and by the next invocation.
                if let Err(error) = pool.warm().await {
                    pool.logs.host(format!("{}: {error}", pool.name));
                }
            });
        }
    }

    /// Removes it everywhere; whether it was idle.
    fn forget(&self, id: &str) -> bool {
        self.registry.remove(id);
        let mut state = lock(&self.state);
        state.all.retain(|environment| environment.id != id);
        let idle = state.idle.len();
        state.idle.retain(|(environment, _)| environment.id != id);
        state.idle.len() < idle && !state.closed
    }

    /// Ends environments that have had no work for long; the first one stays.
    pub(crate) fn reap(&self) {
        let mut state = lock(&self.state);
        let Some(limit) = Instant::now().checked_sub(IDLE_MAX) else {
            return;
        };
        while state.all.len() > 1 {
            match state.idle.first() {
                Some((_, since)) if *since <= limit => {
                    let (environment, _) = state.idle.remove(0);
                    state.all.retain(|other| other.id != environment.id);
                    environment.kill();
                }
                _ => break,
            }
        }
    }

    /// Waits for running invocations, at most until `deadline`, then ends every process.
    pub(crate) async fn close(&self, deadline: Instant) {
        let everything = u32::try_from(self.maximum).unwrap_or(u32::MAX);
        // On time-out the processes are ended under their invocations, whose callers see them fail.
        let all_free = tokio::time::timeout_at(deadline, self.slots.acquire_many(everything)).await;
        self.slots.close();
        drop(all_free);
        let environments = {
            let mut state = lock(&self.state);
            state.closed = true;
            state.idle.clear();
            std::mem::take(&mut state.all)
        };
        for environment in &environments {
            environment.kill();
        }
        for environment in &environments {
            environment.ended().await;
        }
    }
}

impl Lease<'_> {
    /// The environment is free again.
    fn give_back(mut self) {
        if let Some(environment) = self.environment.take() {
            let mut state = lock(&self.pool.state);
            if state.closed || environment.has_ended() {
                environment.kill();
            } else {
                state.idle.push((environment, Instant::now()));
            }
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(environment) = self.environment.take() {
            environment.kill();
        }
    }
}
