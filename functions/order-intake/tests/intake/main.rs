//! The intake over the real SDK and the in-process engine.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

mod counted;
mod create_order;
mod privacy;
mod shop_webhook;
mod world;
