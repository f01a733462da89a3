//! What tests of the functions need: the official SDK over an engine in process.

pub mod connector;
pub mod parcel;
pub mod request;
pub mod stack;
pub mod tables;
pub mod time;

pub use request::{read, request};
pub use stack::Stack;
