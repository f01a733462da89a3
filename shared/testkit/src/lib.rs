//! What tests of the functions need: the official SDK over an engine in process.

pub mod api;
pub mod connector;
pub mod lost_answers;
pub mod parcel;
pub mod request;
pub mod routes;
pub mod stack;
pub mod tables;
pub mod time;

pub use lost_answers::LostAnswers;
pub use request::{read, request};
pub use stack::Stack;
