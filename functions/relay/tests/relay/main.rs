//! The relay, and the loop that every function runs in, over the real SDK and the in-process engine.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod queue_loop;
mod relay;
