//! `facts`.
