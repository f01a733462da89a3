//! The intake over the real SDK and the in-process engine.

mod create_order;
mod shop_webhook;
mod world;
