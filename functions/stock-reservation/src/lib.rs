//! `stock-reservation`.
