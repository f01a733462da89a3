//! What every route that creates something shares: its operation, its tenant, its answer.

use crate::auth::Principal;
use crate::items::{CatalogueRequest, merchant_key};
use crate::{Changed, Deps, Failure, Key, Operation, Problem, Request, Response, Step, Stored, Versioned, Write};
use domain::{LocationId, MerchantId, Rejected, Sku};
use serde::Serialize;

/// The operation that a request of `merchant` causes.
pub fn operation(deps: &Deps, request: &Request, merchant: &MerchantId) -> Result<Operation, Problem> {
    let key = request.idempotency_key(&*deps.ids)?;
    Ok(Operation::of_request(merchant, &request.route, "", &key, &request.body))
}

/// A rejection by the domain: a field at fault is 400, a lot or serial number that is missing or not known 422, a state that does not allow it 409.
pub fn refused(rejected: Rejected) -> Problem {
    match (rejected.code, &rejected.pointer) {
        ("invalid-field", Some(pointer)) => Problem::invalid(pointer.clone(), rejected.detail),
        ("lot-needed" | "unknown-lot" | "serial-needed", _) => Problem { status: 422, ..rejected.into() },
        ("precondition-failed", _) => Problem { status: 412, ..rejected.into() },
        _ => rejected.into(),
    }
}

/// As [`refused`], for what a commit answers.
pub fn failed(failure: Failure) -> Problem {
    match failure {
        Failure::Rejected(rejected) => refused(rejected),
        other => other.into(),
    }
}

/// Refuses an edit of another version than the one that `If-Match` asks for.
pub fn at_version(expected: Option<u64>, version: u64) -> Result<(), Failure> {
    match expected {
        Some(expected) if expected != version => Err(Failure::Rejected(Rejected::new(
            "precondition-failed",
            "it has changed since the version in If-Match: read it again and decide anew",
        ))),
        _ => Ok(()),
    }
}

/// Edits an object of `merchant` (`subject` is its id), once for the request's key, and only at the version that `If-Match`
/// asks for.
pub async fn edit<T: Stored>(
    deps: &Deps,
    request: &Request,
    merchant: &MerchantId,
    (key, subject, what): (&Key, &str, &str),
    decide: impl AsyncFn(&T) -> Result<T, Failure>,
) -> Result<Changed<T>, Problem> {
    let idempotency_key = request.idempotency_key(&*deps.ids)?;
    let operation = Operation::of_request(merchant, &request.route, subject, &idempotency_key, &request.body);
    let expected = request.if_match()?;
    let changed = deps.store.change(key, &operation, async |loaded: Option<&Versioned<T>>| {
        let loaded = loaded.ok_or_else(|| Failure::NotFound(what.to_owned()))?;
        at_version(expected, loaded.version)?;
        decide(&loaded.body).await.map(domain::Decision::of)
    });
    changed.await.map_err(failed)
}

/// 200 with the version, saying whether it is the answer to a repetition.
pub fn edited<T, V: Serialize>(changed: Changed<T>, view: impl FnOnce(T) -> V) -> Result<Response, Problem> {
    let mut response = answer(changed, view)?;
    response.status = 200;
    Ok(response)
}

/// The merchant that is acted for. One that a key of the platform names must exist: nothing is created for nobody.
pub async fn existing_merchant<'a>(deps: &Deps, principal: &'a Principal) -> Result<&'a MerchantId, Problem> {
    let merchant = principal.merchant()?;
    if is_platforms(principal) {
        require_merchant(deps, merchant, "the header Sklad-Merchant").await?;
    }
    Ok(merchant)
}

/// Refuses a merchant that does not exist; `named_by` says what names it.
pub async fn require_merchant(deps: &Deps, merchant: &MerchantId, named_by: &str) -> Result<(), Problem> {
    match deps.store.load::<domain::account::Merchant>(&merchant_key(merchant)).await? {
        Some(_) => Ok(()),
        None => Err(Problem::new(422, "unknown-merchant", format!("{named_by} names a merchant that does not exist"))),
    }
}

fn is_platforms(principal: &Principal) -> bool {
    principal.key.as_ref().is_none_or(|key| key.merchant() == MerchantId::platform())
}

/// Refuses keys of merchants, whatever their scope: what belongs to the whole deployment is the platform's.
pub fn platform_only(principal: &Principal) -> Result<(), Problem> {
    if is_platforms(principal) {
        Ok(())
    } else {
        Err(Problem::new(403, "forbidden", "only a key of the platform may do this"))
    }
}

/// The answer to a request whose object's id is derived from the request: 201, the same again when it is repeated.
///
/// # Errors
/// 422 when the repetition had another body.
pub fn created<T, V: Serialize>(
    changed: Changed<T>,
    operation: &Operation,
    view: impl FnOnce(T) -> V,
) -> Result<Response, Problem> {
    if changed.replayed {
        operation.is_done(&changed.value.operations)?;
    }
    answer(changed, view)
}

/// 201 with the version, saying whether it is the answer to a repetition.
pub fn answer<T, V: Serialize>(changed: Changed<T>, view: impl FnOnce(T) -> V) -> Result<Response, Problem> {
    let Changed { value, replayed } = changed;
    let mut response = Response::json(201, &view(value.body))?.with_version(value.version);
    if replayed {
        response.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
    }
    Ok(response)
}

/// Creates an object of the catalogue that the caller names. Its name cannot tell two requests under one key apart, so the
/// key is remembered beside it, in the same transaction; so is what else must be written (`also`).
///
/// # Errors
/// `exists` when there is such an object that this request did not make; 422 when the key was used with another body.
pub async fn create_named<T: Stored>(
    deps: &Deps,
    request: &Request,
    merchant: &MerchantId,
    body: T,
    also: Vec<Write>,
    exists: Problem,
) -> Result<Changed<T>, Problem> {
    let operation = operation(deps, request, merchant)?;
    let mut step = Step { decision: domain::Decision::of(body), also };
    let mut was_here = false;
    if request.header("idempotency-key").is_some() {
        let record = CatalogueRequest::new(merchant, &operation, deps.clock.now());
        let stored: Option<Versioned<CatalogueRequest>> = deps.store.load(&record.key()).await?;
        was_here = stored.map(|stored| operation.is_done(&stored.operations)).transpose()?.unwrap_or(false);
        let (writes, _) = deps.store.write_of(None, domain::Decision::of(record), &operation)?;
        step.also.extend(writes);
    }
    let changed = deps.store.create(&operation, step).await?;
    if changed.replayed && !operation.is_done(&changed.value.operations)? && !was_here {
        return Err(exists);
    }
    Ok(changed)
}

/// The SKU that the query names.
pub fn query_sku(request: &Request) -> Result<Option<Sku>, Problem> {
    let read = |text: &String| Sku::parse(text).map_err(|error| Problem::invalid("?sku", error.to_string()));
    request.query.get("sku").map(read).transpose()
}

/// The location that the query names.
pub fn query_location(request: &Request) -> Result<Option<LocationId>, Problem> {
    let read =
        |text: &String| LocationId::parse(text).map_err(|error| Problem::invalid("?location", error.to_string()));
    request.query.get("location").map(read).transpose()
}
