//! `pick-pack` over the real SDK and the engine in process.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which Clippy does not see as tests")]

mod cancelling;
mod counting;
mod creating;
mod packing;
mod picking;
mod refusals;
mod world;
