//! `infra`.
