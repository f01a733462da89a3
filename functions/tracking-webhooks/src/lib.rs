//! `tracking-webhooks`.
