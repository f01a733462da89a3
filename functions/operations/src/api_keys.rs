//! API keys. A key is shown once and stored as its SHA-256.
//!
//! The secret is not drawn but derived, from the request's operation, under the deployment's key: so the repetition of a
//! request whose answer was lost gets the same key, though nothing that is stored could tell it.

use crate::wire::{IssuedKey, KeyView, NewKey};
use domain::account::{ApiKey, Scope, check_name};
use domain::{ApiKeyId, Decision, MerchantId};
use platform::auth::{Principal, authenticate, hash, new_key};
use platform::items::{RevokedKey, api_key_prefix, key_prefix};
use platform::listing::{Page, PageRequest};
use platform::partition::PartitionList;
use platform::requests::{created, operation, platform_only, refused, require_merchant};
use platform::spec::{CreateRefusals, ForMerchant, Idempotent, PageQuery, Refusals};
use platform::{Deps, Failure, Operation, Problem, Request, Response, Stored, Table, Versioned, Write};

/// Digits of the key's SHA-256 in its public id: enough to find it, too few to help anyone who guesses keys of 160 bits.
const ID_DIGITS: usize = 20;

/// Issue a key.
///
/// The answer is the only one that has the key.
#[utoipa::path(
    post, path = "/v1/api-keys", tag = "operations", params(Idempotent, ForMerchant), request_body = NewKey,
    responses((status = 201, description = "Issued", body = IssuedKey), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_api_key(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[]).await?;
    platform_only(&principal)?;
    let new: NewKey = request.json()?;
    check_name("/name", &new.name).map_err(refused)?;
    let merchant = owner(&principal, new.merchant)?;
    let is_platforms = merchant == MerchantId::platform();
    if new.scope == Scope::Administrator && !is_platforms {
        let detail = "administrators are the platform's: leave merchant out, or grant merchant, floor or operations";
        return Err(Problem::invalid("/scope", detail));
    }
    if !is_platforms {
        require_merchant(deps, &merchant, "merchant").await.map_err(|problem| problem.at("/merchant"))?;
    }
    let operation = operation(deps, request, &merchant)?;
    let text = key_text(deps, &merchant, &operation).await?;
    let sha256 = hash(&text);
    let id = key_id(&merchant, &sha256)?;
    let key = ApiKey { id, merchant, scope: new.scope, name: new.name, sha256, created_at: deps.clock.now() };
    if find::<RevokedKey>(deps, &key.id, "revoked").await?.is_some() {
        let detail = "the key of this request was taken back: send the request under a new Idempotency-Key";
        return Err(Problem::new(409, "key-revoked", detail));
    }
    created(deps.store.create(&operation, Decision::of(key)).await?, &operation, |key| IssuedKey {
        view: KeyView::from(key),
        key: text,
    })
}

/// Whose keys these are: the body's merchant, else the header's, else the platform's.
fn owner(principal: &Principal, named: Option<MerchantId>) -> Result<MerchantId, Problem> {
    match (&principal.merchant, named) {
        (Some(header), Some(body)) if *header != body => Err(Problem::invalid(
            "/merchant",
            "the header Sklad-Merchant names another merchant: leave one of them out",
        )),
        (_, Some(body)) => Ok(body),
        (Some(header), None) => Ok(header.clone()),
        (None, None) => Ok(MerchantId::platform()),
    }
}

/// The key that this request makes. While the deployment's key is rotated, the repetition of a request gets what the key before made.
async fn key_text(deps: &Deps, merchant: &MerchantId, operation: &Operation) -> Result<String, Problem> {
    let mut texts =
        deps.secrets.derived("api key", operation.id())?.into_iter().map(|secret| new_key(merchant, &secret));
    let text = texts.next().ok_or_else(|| Failure::bug("no key to derive from"))?;
    for older in texts {
        let id = key_id(merchant, &hash(&older))?;
        if find::<ApiKey>(deps, &id, "key").await?.is_some()
            || find::<RevokedKey>(deps, &id, "revoked").await?.is_some()
        {
            return Ok(older);
        }
    }
    Ok(text)
}

fn key_id(merchant: &MerchantId, sha256: &str) -> Result<ApiKeyId, Failure> {
    ApiKeyId::parse(&format!("{}_{}_{}", ApiKeyId::PREFIX, merchant.tail(), &sha256[..ID_DIGITS]))
        .map_err(|error| Failure::bug(error.to_string()))
}

/// The key, or what is left of one that was taken back, by its public id.
async fn find<T: Stored>(deps: &Deps, id: &ApiKeyId, kind: &str) -> Result<Option<Versioned<T>>, Failure> {
    let Some((_, digits)) = id.tail().split_once('_').filter(|(_, digits)| digits.len() == ID_DIGITS) else {
        return Ok(None);
    };
    let prefix = api_key_prefix(kind, digits);
    let found = deps.store.query::<T>(Table::Accounts, id.merchant().as_str(), &prefix, 1).await?;
    Ok(found.into_iter().next().map(|(_, stored)| stored))
}

/// List keys: the merchant's that `Sklad-Merchant` names, or the platform's.
#[utoipa::path(
    get, path = "/v1/api-keys", tag = "operations", params(PageQuery, ForMerchant),
    responses((status = 200, description = "One page", body = Page<KeyView>), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn list_api_keys(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[]).await?;
    platform_only(&principal)?;
    let list = PartitionList {
        table: Table::Accounts,
        partitions: &[owner(&principal, None)?.to_string()],
        prefix: &key_prefix("key"),
        descending: false,
    };
    let page = deps.store.list_partitions::<ApiKey>(&list, &PageRequest::of(request)?).await?;
    Response::json(200, &page.map(|stored| KeyView::from(stored.body)))
}

/// Take a key back, from now on and for good.
#[utoipa::path(
    delete, path = "/v1/api-keys/{key}", tag = "operations",
    params(("key" = String, Path, description = "Its id"), ForMerchant),
    responses((status = 204, description = "Taken back"), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn delete_api_key(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[]).await?;
    platform_only(&principal)?;
    let id: ApiKeyId = request.parameter("key")?;
    principal.may_see(&id.merchant(), "this key")?;
    let Some(stored) = find::<ApiKey>(deps, &id, "key").await? else {
        return match find::<RevokedKey>(deps, &id, "revoked").await? {
            Some(_) => Ok(Response::empty(204)),
            None => Err(Problem::not_found("this key")),
        };
    };
    let operation = Operation::of(&["revoke", id.as_str()]);
    let live = stored.body.key();
    let revoked = RevokedKey { key: stored.body, revoked_at: deps.clock.now() };
    let (mut writes, _) = deps.store.write_of(None, Decision::of(revoked), &operation)?;
    writes.push(Write::Delete(live));
    match deps.store.apply(writes).await {
        Ok(()) => {}
        // Somebody else took it back at this moment.
        Err(Failure::Conflict(_)) if find::<RevokedKey>(deps, &id, "revoked").await?.is_some() => {}
        Err(failure) => return Err(failure.into()),
    }
    tracing::info!(key = %id, "API key taken back");
    Ok(Response::empty(204))
}
