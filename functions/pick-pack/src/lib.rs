//! `pick-pack`.
