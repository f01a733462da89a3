//! The master data of the HTTP API, over the real SDK and the in-process engine.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod accounts;
mod catalogue;
mod crash;
mod edits;
mod import;
mod keys;
mod reseal;
mod routes;
mod tenancy;

/// Two merchants and the function.
pub(crate) type World = testkit::api::World<operations::Operations>;
