//! The orders' half of `operations` over the real SDK and the in-process engine.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod changes;
mod close_out;
mod dead_letters;
mod detail;
mod documents;
mod edits;
mod list;
mod privacy;
mod recipient;
mod world;
