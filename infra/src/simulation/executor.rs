//! One thread, all tasks: polls what is ready, kills and freezes what it is told to, and lets virtual time pass when
//! nothing else is left to do.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use super::clock::{Agenda, lock};

/// Names a task of one run.
pub(crate) type TaskId = u64;

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// What is to be done with tasks: also from within them.
#[derive(Debug, Default)]
pub(crate) struct Control {
    ready: VecDeque<TaskId>,
    killed: Vec<TaskId>,
    frozen_until_us: BTreeMap<TaskId, u64>,
}

/// The way to [`Control`], for those who must be `Send`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reins(Arc<Mutex<Control>>);

impl Reins {
    /// Drops the task's future before it is polled again.
    pub(crate) fn kill(&self, task: TaskId) {
        lock(&self.0).killed.push(task);
    }

    /// Leaves the task unpolled until that instant.
    pub(crate) fn freeze(&self, task: TaskId, until_us: u64) {
        lock(&self.0).frozen_until_us.insert(task, until_us);
    }

    /// Whether the task is frozen now.
    pub(crate) fn is_frozen(&self, task: TaskId) -> bool {
        lock(&self.0).frozen_until_us.contains_key(&task)
    }

    /// Ends every freeze: those tasks go on where they were.
    pub(crate) fn thaw_all(&self) {
        let mut control = lock(&self.0);
        let tasks: Vec<TaskId> = std::mem::take(&mut control.frozen_until_us).into_keys().collect();
        control.ready.extend(tasks);
    }
}

struct Alarm {
    task: TaskId,
    reins: Reins,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        let mut control = lock(&self.reins.0);
        if !control.ready.contains(&self.task) {
            control.ready.push_back(self.task);
        }
    }
}

/// Where new tasks come from. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Spawner {
    spawned: Rc<RefCell<Vec<(TaskId, Work)>>>,
    next: Rc<RefCell<TaskId>>,
}

impl Spawner {
    /// A task to be polled soon.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + 'static) -> TaskId {
        let mut next = self.next.borrow_mut();
        *next += 1;
        self.spawned.borrow_mut().push((*next, Box::pin(work)));
        *next
    }
}

struct Task {
    work: Work,
    waker: Waker,
}

/// All tasks of one run.
pub(crate) struct Executor {
    agenda: Agenda,
    reins: Reins,
    spawner: Spawner,
    tasks: BTreeMap<TaskId, Task>,
}

impl Executor {
    pub(crate) fn new(agenda: Agenda, reins: Reins, spawner: Spawner) -> Self {
        Self { agenda, reins, spawner, tasks: BTreeMap::new() }
    }

    /// Runs until `done` says so, or `until_us` is reached, or nothing is left that could happen.
    pub(crate) fn run(&mut self, until_us: u64, mut done: impl FnMut() -> bool) -> Ended {
        loop {
            self.poll_ready();
            if done() {
                return Ended::Done;
            }
            if self.agenda.clock.now_us() >= until_us {
                return Ended::TimeIsUp;
            }
            if self.agenda.advance().is_none() {
                return Ended::NothingLeft;
            }
        }
    }

    fn poll_ready(&mut self) {
        loop {
            self.take_spawned();
            self.drop_killed();
            let Some(id) = self.next_ready() else { return };
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            let waker = task.waker.clone();
            if task.work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                self.tasks.remove(&id);
            }
        }
    }

    /// The next task that may be polled. What wakes a frozen one is kept for its thaw.
    fn next_ready(&self) -> Option<TaskId> {
        loop {
            let (id, frozen_until_us) = {
                let mut control = lock(&self.reins.0);
                let id = control.ready.pop_front()?;
                (id, control.frozen_until_us.get(&id).copied())
            };
            let Some(until_us) = frozen_until_us else { return Some(id) };
            if until_us <= self.agenda.clock.now_us() {
                lock(&self.reins.0).frozen_until_us.remove(&id);
                return Some(id);
            }
            if let Some(task) = self.tasks.get(&id) {
                self.agenda.wake_at(until_us, task.waker.clone());
            }
        }
    }

    fn take_spawned(&mut self) {
        let spawned = std::mem::take(&mut *self.spawner.spawned.borrow_mut());
        for (id, work) in spawned {
            let waker = Waker::from(Arc::new(Alarm { task: id, reins: self.reins.clone() }));
            self.tasks.insert(id, Task { work, waker });
            lock(&self.reins.0).ready.push_back(id);
        }
    }

    fn drop_killed(&mut self) {
        let killed = std::mem::take(&mut lock(&self.reins.0).killed);
        for id in killed {
            lock(&self.reins.0).frozen_until_us.remove(&id);
            self.tasks.remove(&id);
        }
    }
}

/// Why the executor stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What was waited for came about.
    Done,
    /// It did not in time.
    TimeIsUp,
    /// Every task waits for something that nobody will do.
    NothingLeft,
}
