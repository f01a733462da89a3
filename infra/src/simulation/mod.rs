//! The deterministic simulation: one process, one thread, a virtual clock and a seed; the real functions over the real
//! SDK, against the engine; people, shops and carriers around them who use nothing but the public interfaces.
//!
//! A seed and a commit replay a run exactly. First things go wrong (see [`faults`]); then everything is healed, and the
//! run must come to rest within a stated time. What must hold is in [`invariants`].

mod actors;
pub mod bugs;
pub mod cli;
mod clock;
pub mod command;
mod core;
pub mod cost;
mod declared;
mod door;
mod environment;
mod executor;
pub mod faults;
mod functions;
mod gate;
pub mod invariants;
mod lambda;
mod mappings;
mod partners;
pub mod previous;
pub mod rights;
mod run;
pub mod sale;
pub mod side_by_side;
pub mod size;
mod trace;
mod watch;

pub use run::{Plan, Report, run};

/// Why a run could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The template.
    #[error(transparent)]
    Template(#[from] crate::template::TemplateError),
    /// Its routes.
    #[error(transparent)]
    Routes(#[from] crate::host::RouteConflict),
    /// Its resources.
    #[error(transparent)]
    Provision(#[from] crate::host::ProvisionError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
    /// A function that the template does not have.
    #[error("template.yaml declares no function `{0}`")]
    NoFunction(String),
    /// A release build has no bugs to switch on.
    #[error("the seeded bugs are in dev builds only: run this without --release")]
    NoBugs,
    /// There is no previous version to run beside this one.
    #[error(transparent)]
    Previous(#[from] previous::PreviousError),
    /// The world could not be set up.
    #[error("the world could not be set up: {0}")]
    Setup(String),
}
