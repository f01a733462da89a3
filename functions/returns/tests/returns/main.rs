//! Returns over the real SDK and the in-process engine.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod asking;
mod dock;
mod parcels;
mod refusals;
mod world;
