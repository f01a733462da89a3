//! One machine as the whole system: the host of `template.yaml` and what surrounds it.

/// The simulation allocates a few million times a second, on all processors.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod backup;
pub mod bench;
mod cargo;
pub mod cli;
pub mod demo;
pub mod host;
pub mod openapi;
pub mod package;
pub mod rights;
pub mod sandbox;
pub mod simulation;
pub mod template;
pub mod top;
