//! Black-box tests: the whole stack as `cargo local` runs it, spoken to over HTTP alone.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod bad_input;
mod description;
mod flow;
mod restart;
mod stack;
