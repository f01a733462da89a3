//! Returns over the real SDK and the in-process engine.

mod asking;
mod dock;
mod parcels;
mod refusals;
mod world;
