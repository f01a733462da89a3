//! `order-intake`.
