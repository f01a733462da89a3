//! Ledgers and shops over the real SDK and the in-process engine.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod fulfilments;
mod kits;
mod ledgers;
mod publishing;
mod replenishment;
mod sellable;
mod shop;
