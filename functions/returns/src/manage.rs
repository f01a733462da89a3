//! Lists and single returns, and a person's yes or no.

use crate::change::{answer, change_return, operation_of, refused, release_units, return_of};
use crate::wire::{ApproveBody, DeclineBody};
use domain::account::Scope;
use domain::returns::{Return, ReturnState};
use platform::auth::{READERS, authenticate};
use platform::items::return_key;
use platform::listing::{Page, PageRequest};
use platform::{Deps, Problem, Request, Response, Step, Table};

/// List returns.
///
/// Newest first. With `state` a page may be shorter than `limit` without being the last: follow `next_cursor`.
#[utoipa::path(
    get, path = "/v1/returns", tag = "returns",
    params(
        ("state" = Option<String>, Query, description = "Only returns in this state, for example `requested`"),
        ("limit" = Option<u32>, Query, description = "Most entries, 1 to 100; 25 unless said otherwise"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of an earlier page"),
        ("Sklad-Merchant" = Option<String>, Header, description = "For which merchant a key of the platform acts"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<Return>),
        (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn list_returns(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, READERS).await?;
    let merchant = principal.merchant()?;
    let state = request.query::<ReturnState>("state")?;
    let page = PageRequest::of(request)?;
    let found = deps
        .store
        .list::<Return>(Table::Returns, "listed", &[merchant.as_str()], &page, true, |back| {
            state.is_none_or(|state| back.state == state)
        })
        .await?;
    Response::json(200, &found.map(|back| back.body))
}

/// One return.
///
/// With its timeline.
#[utoipa::path(
    get, path = "/v1/returns/{return}", tag = "returns",
    params(("return" = String, Path, description = "The return's id")),
    responses(
        (status = 200, description = "Its version in `ETag`", body = Return),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such return", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn get_return(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = return_of(deps, request, READERS).await?;
    let back = deps.store.require::<Return>(&return_key(&id), "this return").await?;
    Ok(Response::json(200, &back.body)?.with_version(back.version))
}

/// Approve a return.
///
/// A label is booked. Approving twice changes nothing.
#[utoipa::path(
    post, path = "/v1/returns/{return}/approve", tag = "returns",
    params(
        ("return" = String, Path, description = "The return's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key gives the first answer"),
        ("If-Match" = Option<String>, Header, description = "Only at this version"),
    ),
    request_body(content = Option<ApproveBody>, content_type = "application/json"),
    responses(
        (status = 200, description = "Its version in `ETag`", body = Return),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such return", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`return-ended`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "Changed since the version in If-Match", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn approve_return(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = return_of(deps, request, &[Scope::Operations]).await?;
    let body: ApproveBody = if request.body.is_empty() { ApproveBody::default() } else { request.json()? };
    let actor = body.actor()?;
    let operation = operation_of(deps, request, &id.merchant(), id.as_str())?;
    let now = deps.clock.now();
    let changed = change_return(deps, request, &id, &operation, async |loaded| Ok(loaded.body.approve(actor, now)?));
    answer(200, &changed.await.map_err(refused)?)
}

/// Decline a return.
///
/// Only a requested one, and never a withdrawal. Its units may be returned otherwise.
#[utoipa::path(
    post, path = "/v1/returns/{return}/decline", tag = "returns",
    params(
        ("return" = String, Path, description = "The return's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request under the same key gives the first answer"),
        ("If-Match" = Option<String>, Header, description = "Only at this version"),
    ),
    request_body = DeclineBody,
    responses(
        (status = 200, description = "Its version in `ETag`", body = Return),
        (status = 400, description = "A field is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key's scope does not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such return", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`withdrawal-not-declinable`, `return-not-declinable`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "Changed since the version in If-Match", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The Idempotency-Key was used with another body", body = Problem, content_type = "application/problem+json"),
    ),
    security(("api_key" = [])),
)]
pub(crate) async fn decline_return(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let (_, id) = return_of(deps, request, &[Scope::Operations]).await?;
    let body: DeclineBody = request.json()?;
    let (reason, actor) = body.command()?;
    let operation = operation_of(deps, request, &id.merchant(), id.as_str())?;
    let now = deps.clock.now();
    let changed = change_return(deps, request, &id, &operation, async |loaded| {
        let decision = loaded.body.decline(reason, actor, now)?;
        let also = if decision.next.state != loaded.body.state {
            release_units(deps, &loaded.body, &loaded.body.claimed(), &operation, now).await?
        } else {
            Vec::new()
        };
        Ok(Step { decision, also })
    });
    answer(200, &changed.await.map_err(refused)?)
}
