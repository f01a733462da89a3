//! How the API's description speaks of what routes share: headers, pages, refusals.

use crate::Problem;
use std::collections::BTreeMap;
use utoipa::openapi::{ContentBuilder, RefOr, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// The header by which a repeated request is recognised.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header; it is read by [`crate::Request`]")]
pub struct Idempotent {
    /// Repeating the request under the same key gives the first answer; another body under it is refused. At most 128 bytes.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
}

/// The header by which a key of the platform says for which merchant it acts.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header; it is read by [`crate::auth`]")]
pub struct ForMerchant {
    /// For which merchant a key of the platform acts; a merchant's own key leaves it out.
    #[param(rename = "Sklad-Merchant")]
    sklad_merchant: Option<String>,
}

/// The header by which an edit says which version it is an edit of.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header; it is read by [`crate::Request`]")]
pub struct IfMatch {
    /// `ETag` of an earlier answer: the edit is refused with 412 when the object has changed since.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// Which page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query; it is read by [`crate::listing`]")]
pub struct PageQuery {
    /// Most entries, 1 to 100; 25 unless given.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The refusals that every route with a key has.
pub struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::response::Response>> {
        described([
            ("400", "A header, parameter or field is wrong: the problem names it"),
            ("401", "No valid key"),
            ("403", "The key's scope does not allow it"),
            ("404", "No such object, or another merchant's"),
            ("503", "Busy: repeat after the seconds in `Retry-After`"),
        ])
    }
}

/// The refusals of a request that creates, beside [`Refusals`].
pub struct CreateRefusals;

impl IntoResponses for CreateRefusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::response::Response>> {
        described([
            ("409", "It is there already, or the state does not allow it"),
            ("413", "More than 1 MiB"),
            ("422", "The Idempotency-Key was used with another body, or a named object does not exist"),
        ])
    }
}

/// The refusals of an edit, beside [`Refusals`].
pub struct EditRefusals;

impl IntoResponses for EditRefusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::response::Response>> {
        described([
            ("409", "The state does not allow it"),
            ("412", "Changed since the version in If-Match"),
            ("422", "The Idempotency-Key was used with another body, or a named object does not exist"),
        ])
    }
}

fn described<const N: usize>(of: [(&str, &str); N]) -> BTreeMap<String, RefOr<utoipa::openapi::response::Response>> {
    of.into_iter()
        .map(|(status, description)| {
            let content = ContentBuilder::new().schema(Some(reference())).build();
            let response =
                ResponseBuilder::new().description(description).content("application/problem+json", content).build();
            (status.to_owned(), RefOr::T(response))
        })
        .collect()
}

fn reference() -> RefOr<utoipa::openapi::schema::Schema> {
    utoipa::openapi::Ref::from_schema_name(Problem::name()).into()
}
