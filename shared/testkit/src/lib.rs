//! What tests of the functions need: the official SDK over an engine in process.

pub mod connector;
