//! `operations`.
