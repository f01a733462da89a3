//! Two versions of the code at once: the functions of an older commit, run by that commit's own program, beside the new ones,
//! on the same tables, queues and streams.
//!
//! The old program is a child process that holds all old environments of a run, as this process holds the new ones. It speaks
//! in lock-step ([`protocol`]): it is told what happened, runs until it waits, and says for what. Every call it reports takes
//! the way of a new environment's calls, so that faults, freezes, rights and invariants are the same for both, and a
//! seed replays exactly. Roles, tables and event sources are the new template's, as they are once a stack update has
//! begun; the old functions' variables are the old template's, as published versions keep theirs.

pub(crate) mod checkout;
pub(crate) mod environment;
pub(crate) mod origins;
pub(crate) mod process;
pub(crate) mod protocol;
pub(crate) mod rollout;
pub(crate) mod versions;
pub(crate) mod worker;

use std::path::PathBuf;

pub use origins::MARKS;

/// What the subcommand is called that runs old environments.
pub const WORKER: &str = "sim-environments";

/// A program that has the previous version of the functions.
#[derive(Debug, Clone)]
pub struct Previous {
    /// The program: the `sklad` of its commit.
    pub program: PathBuf,
    /// The template of its commit.
    pub template: PathBuf,
    /// What its commit was called by whoever asked for it.
    pub commit: String,
    /// A stored or sent name that this version has otherwise: whatever comes to it has the second in place of the first and
    /// the first in place of the second, and so has what it says. A test's way to a version that is not compatible.
    pub renamed: Option<(String, String)>,
}

/// Which code an environment runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// That of the previous program.
    Old,
    /// This program's.
    New,
}

/// Why there is no previous version to run, or why it stopped.
#[derive(Debug, thiserror::Error)]
pub enum PreviousError {
    /// The template is in no repository.
    #[error("{0} is in no git repository: the previous version is taken from its history")]
    NoRepository(PathBuf),
    /// The repository has no such commit.
    #[error("this repository has no commit `{0}`")]
    UnknownCommit(String),
    /// The commit is too old.
    #[error("{0} cannot be simulated as a previous version: its program has no `{WORKER}`")]
    NoWorker(String),
    /// Its program speaks otherwise.
    #[error(
        "{commit} cannot be simulated as a previous version: its program speaks version {theirs} of the protocol, this one {ours}"
    )]
    OtherProtocol {
        /// The commit.
        commit: String,
        /// What its program speaks.
        theirs: u32,
        /// What this one speaks.
        ours: u32,
    },
    /// Git did not do what it was asked to.
    #[error("`git {command}` failed: {said}")]
    Git {
        /// What it was asked.
        command: String,
        /// What it said.
        said: String,
    },
    /// Cargo failed; its own words are above.
    #[error("the program of {0} could not be built: see above")]
    Cargo(String),
    /// A program cannot be started, or a file or pipe not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The old program ended in the middle of a run.
    #[error("the previous version's program ended by itself ({0}): its last words are on standard error")]
    Ended(String),
    /// The old program refused to start.
    #[error("the previous version's program refuses: {0}")]
    Refused(String),
    /// A frame is none that is expected there.
    #[error("unexpected from the previous version's program: {0}")]
    Unexpected(String),
}

impl PreviousError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
