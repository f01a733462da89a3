//! `returns`.
