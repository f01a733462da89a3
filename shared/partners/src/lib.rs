//! `partners`.
