//! `engine`.

pub mod clock;
pub mod queues;
