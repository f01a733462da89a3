//! Ledgers and shops over the real SDK and the in-process engine.

mod fulfilments;
mod ledgers;
mod publishing;
mod shop;
