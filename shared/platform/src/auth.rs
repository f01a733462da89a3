//! Who is asking: API keys, stored hashed, with scopes. The tenant comes from the key, never from the body.

use crate::deps::Deps;
use crate::http::Request;
use crate::items::key_of_api_key;
use crate::problem::Problem;
use domain::account::{ApiKey, Scope};
use domain::{ApiKeyId, MerchantId};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The header by which a key of the platform says for which merchant it acts.
pub const MERCHANT_HEADER: &str = "sklad-merchant";

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The key; absent for the bootstrap administrator.
    pub key: Option<ApiKeyId>,
    /// What the key may be used for.
    pub scope: Scope,
    /// The merchant that it acts for; absent when a key of the platform names none.
    pub merchant: Option<MerchantId>,
}

/// The text of a new key: `sklad_<merchant>_<secret>`.
#[must_use]
pub fn new_key(merchant: &MerchantId, secret: &str) -> String {
    format!("sklad_{}_{secret}", merchant.tail())
}

/// What is stored of a key.
#[must_use]
pub fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

impl Principal {
    /// The merchant that is acted for.
    ///
    /// # Errors
    /// 400 when a key of the platform names none.
    pub fn merchant(&self) -> Result<&MerchantId, Problem> {
        self.merchant.as_ref().ok_or_else(|| {
            Problem::new(
                400,
                "merchant-missing",
                "a key of the platform says for which merchant it acts: send the header Sklad-Merchant: mer_…",
            )
        })
    }

    /// Whether an object of `owner` may be seen. Another merchant's object does not exist for this caller.
    ///
    /// # Errors
    /// 404.
    pub fn may_see(&self, owner: &MerchantId, what: impl std::fmt::Display) -> Result<(), Problem> {
        match &self.merchant {
            Some(own) if own != owner => Err(Problem::not_found(what)),
            Some(_) | None => Ok(()),
        }
    }
}

/// Who may read what a merchant has: every scope. Callers may write less.
pub const READERS: &[Scope] = &[Scope::Merchant, Scope::Floor, Scope::Operations];

/// Finds out who is asking, and whether they may.
///
/// # Errors
/// 401 without a valid key, 403 when its scope is not among `allowed` (an administrator's always is).
pub async fn authenticate(deps: &Deps, request: &Request, allowed: &[Scope]) -> Result<Principal, Problem> {
    let unauthorised = || Problem::new(401, "unauthorised", "send a valid API key as `Authorization: Bearer sklad_…`");
    let key = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")))
        .map(str::trim)
        .ok_or_else(unauthorised)?;
    let sha256 = hash(key);
    let tail = key.strip_prefix("sklad_").and_then(|rest| rest.split('_').next()).ok_or_else(unauthorised)?;
    let owner = MerchantId::parse(&format!("{}_{tail}", MerchantId::PREFIX)).map_err(|_| unauthorised())?;
    let bootstrap = deps.settings.get("ADMINISTRATOR_KEY_SHA256").unwrap_or_default();
    let is_bootstrap = !bootstrap.is_empty() && bool::from(bootstrap.as_bytes().ct_eq(sha256.as_bytes()));
    let (id, scope) = if is_bootstrap {
        (None, Scope::Administrator)
    } else {
        let stored = deps.store.load::<ApiKey>(&key_of_api_key(&owner, &sha256)).await?.ok_or_else(unauthorised)?.body;
        (Some(stored.id), stored.scope)
    };
    if scope != Scope::Administrator && !allowed.contains(&scope) {
        return Err(Problem::new(403, "forbidden", format!("a key of scope {scope:?} may not do this").to_lowercase()));
    }
    let named = request
        .header(MERCHANT_HEADER)
        .map(|text| MerchantId::parse(text).map_err(|error| Problem::new(400, "invalid-header", error.to_string())))
        .transpose()?;
    let merchant = if owner == MerchantId::platform() {
        named
    } else if named.as_ref().is_none_or(|named| *named == owner) {
        Some(owner)
    } else {
        return Err(Problem::new(
            403,
            "forbidden",
            "this key acts for its own merchant only: leave the header Sklad-Merchant out",
        ));
    };
    Ok(Principal { key: id, scope, merchant })
}
