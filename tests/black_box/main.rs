//! Black-box tests: the whole stack, spoken to over HTTP alone; as `cargo local` runs it, or as another one does that
//! `SKLAD_STACK` describes (see `stack`).

#![allow(clippy::unwrap_used)] // A test fails by panicking.

#[path = "../conformance/suite/mod.rs"]
mod conformance;

mod bad_input;
mod dead_letters;
mod description;
mod flow;
mod owasp;
mod personal_data;
mod recovery;
mod restart;
mod roles;
mod shop;
mod sqs;
mod stack;
mod top;
