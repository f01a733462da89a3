//! The sweeper over the real SDK and the in-process engine.

mod orders;
mod parcels;
mod world;
