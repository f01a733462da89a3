//! The local AWS: DynamoDB with streams, SQS and S3 in process, behind one [`Engine::call`].
//!
//! It speaks the services' own wire formats, so that functions run against it through the official SDK, and it
//! takes the time from a [`clock::Clock`], so that a run can be repeated. It opens no sockets and starts no
//! threads: whoever owns it decides when it is called, when a stream is read and when expired items go.

pub mod clock;
pub mod dynamodb;
mod engine;
mod error;
pub mod meter;
pub mod objects;
pub mod queues;

pub use engine::{Engine, Ticket, access_denied};
pub use error::EngineError;
