//! The sweeper over the real SDK and the in-process engine.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod audits;
mod expiry;
mod lots;
mod orders;
mod parcels;
mod privacy;
mod recalls;
mod stock;
mod world;
