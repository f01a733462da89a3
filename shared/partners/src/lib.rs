//! Shops and carriers: verify what they send, parse it, build what we send them, read what they answer.
//!
//! Pure: no I/O, no clock, no random numbers. The platform sends a [`http::Request`] and hands back a
//! [`http::Response`]; instants are arguments. One file per partner, one row per partner in
//! [`shops::PLATFORMS`] or [`carriers::CARRIERS`]; a conformance test walks both tables.

pub mod carriers;
pub mod http;
pub mod json;
mod retry;
pub mod shops;
pub mod signature;
pub mod standard_webhooks;

pub use json::{FieldError, FieldProblem};
pub use retry::Retry;
pub use signature::SignatureError;
