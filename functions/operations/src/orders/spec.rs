//! How the API's description speaks of what these routes share.

pub(crate) use crate::wire::{CreateRefusals, ForMerchant, Idempotent, PageQuery, Refusals};
use utoipa::IntoParams;

/// The header by which an edit says which version it is an edit of.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header; it is read by `platform::Request`")]
pub(crate) struct IfMatch {
    /// `ETag` of an earlier answer: the edit is refused with 412 when the object has changed since.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}
