//! What every command on a return shares: whose it is, once per request, at the version asked for.

use domain::account::Scope;
use domain::order::{AllocatedLine, Order};
use domain::returns::{Return, ReturnKind};
use domain::{Rejected, ReturnId};
use jiff::Timestamp;
use platform::auth::{Principal, authenticate};
use platform::items::{order_key, return_key};
use platform::{Changed, Deps, Failure, Operation, Problem, Request, Response, Step, Versioned, Write};

/// Who asks, and the return that the path names.
pub(crate) async fn return_of(
    deps: &Deps,
    request: &Request,
    allowed: &[Scope],
) -> Result<(Principal, ReturnId), Problem> {
    let principal = authenticate(deps, request, allowed).await?;
    let id: ReturnId = request.parameter("return")?;
    principal.may_see(&id.merchant(), "this return")?;
    Ok((principal, id))
}

/// The operation that a request is; its subject is the return, where the path names one.
pub(crate) fn operation_of(
    deps: &Deps,
    request: &Request,
    merchant: &domain::MerchantId,
    subject: &str,
) -> Result<Operation, Problem> {
    let key = request.idempotency_key(&*deps.ids)?;
    Ok(Operation::of_request(merchant, &request.route, subject, &key, &request.body))
}

/// Changes a return, once for `operation`, and only at the version that `If-Match` asks for.
pub(crate) async fn change_return<S: Into<Step<Return>>>(
    deps: &Deps,
    request: &Request,
    id: &ReturnId,
    operation: &Operation,
    mut decide: impl AsyncFnMut(&Versioned<Return>) -> Result<S, Failure>,
) -> Result<Changed<Return>, Failure> {
    let expected = request.if_match().map_err(|problem| Failure::Malformed(problem.detail))?;
    let key = return_key(id);
    let changed = deps.store.change(&key, operation, async |loaded: Option<&Versioned<Return>>| {
        let loaded = loaded.ok_or_else(|| Failure::NotFound("this return".to_owned()))?;
        if expected.is_some_and(|version| version != loaded.version) {
            return Err(Failure::Rejected(Rejected::new(
                "precondition-failed",
                "the return has changed since the version in If-Match: read it again and decide anew",
            )));
        }
        decide(loaded).await.map(Into::<Step<Return>>::into)
    });
    let changed = changed.await?;
    let back = &changed.value.body;
    tracing::info!(correlation_id = back.correlation_id(), return_id = %id, state = back.state.name(),
        replayed = changed.replayed, "return changed");
    Ok(changed)
}

/// The write that gives units of a return's order free for another return.
pub(crate) async fn release_units(
    deps: &Deps,
    back: &Return,
    units: &[AllocatedLine],
    operation: &Operation,
    at: Timestamp,
) -> Result<Vec<Write>, Failure> {
    let Some(order) = back.order.as_ref().filter(|_| !units.is_empty()) else { return Ok(Vec::new()) };
    let order = deps.store.require::<Order>(&order_key(order), "the return's order").await?;
    let ended = order.body.return_ended(units, back.kind == ReturnKind::Refused, at);
    Ok(deps.store.write_of(Some(&order), ended, operation)?.0)
}

/// A failure as a problem; a version that is no longer the one asked for is a 412.
pub(crate) fn refused(failure: Failure) -> Problem {
    let mut problem = Problem::from(failure);
    if problem.kind.ends_with(":precondition-failed") {
        problem.status = 412;
    }
    problem
}

/// The return as it is after a command.
pub(crate) fn answer(status: u16, changed: &Changed<Return>) -> Result<Response, Problem> {
    let mut response = Response::json(status, &changed.value.body)?.with_version(changed.value.version);
    if changed.replayed {
        response.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
    }
    Ok(response)
}
