//! How the API's description speaks of what these routes share.

pub(crate) use crate::wire::{CreateRefusals, ForMerchant, Idempotent, IfMatch, PageQuery, Refusals};
