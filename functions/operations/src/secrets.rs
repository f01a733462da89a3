//! Rotation of the key that seals: what is stored under another key is sealed anew with the current one.

use crate::wire::ResealReport;
use domain::{Decision, MerchantId};
use platform::items::{SealedCarrierAccount, SealedChannel, key_prefix};
use platform::listing::PageRequest;
use platform::secrets::Sealed;
use platform::spec::{PageQuery, Refusals};
use platform::{Deps, Failure, Operation, Problem, Request, Response, Stored, Table, Versioned};

/// Objects sealed anew after which a page ends early: some seconds of a request that has 29.
const OBJECTS_MAX: u32 = 300;

/// An object with secrets.
trait Sealing: Stored {
    /// First part of its sort key.
    const KIND: &'static str;

    /// Its id: whom its secrets were sealed for.
    fn owner(&self) -> String;

    /// Its secrets.
    fn secrets(&mut self) -> Vec<&mut Sealed>;
}

impl Sealing for SealedChannel {
    const KIND: &'static str = "channel";

    fn owner(&self) -> String {
        self.channel.id.to_string()
    }

    fn secrets(&mut self) -> Vec<&mut Sealed> {
        self.webhook_secrets.iter_mut().chain(&mut self.access_token).collect()
    }
}

impl Sealing for SealedCarrierAccount {
    const KIND: &'static str = "carrier";

    fn owner(&self) -> String {
        self.account.id.to_string()
    }

    fn secrets(&mut self) -> Vec<&mut Sealed> {
        std::iter::once(&mut self.api_key).chain(&mut self.webhook_secrets).collect()
    }
}

/// Seal secrets anew.
///
/// Every secret of shops and carriers that is sealed under another key than the deployment's current one is sealed with that. One page
/// of merchants at a time; may be repeated and interrupted at will. When a walk over all pages finds nothing to seal and nothing
/// that does not open, no secret is left under an old key.
#[utoipa::path(
    post, path = "/v1/sealed-secrets/reseal", tag = "operations", params(PageQuery),
    responses((status = 200, description = "What was done for this page of merchants", body = ResealReport), Refusals),
    security(("api_key" = [])),
)]
pub(crate) async fn reseal(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let page = crate::merchants::page(deps, request).await?;
    let mut report = ResealReport {
        key: deps.secrets.current_key()?.to_owned(),
        resealed: 0,
        current: 0,
        unopened: Vec::new(),
        next_cursor: page.next_cursor,
    };
    let mut merchants = page.items.into_iter().peekable();
    while let Some(merchant) = merchants.next() {
        reseal_all::<SealedChannel>(deps, &merchant.id, &mut report).await?;
        reseal_all::<SealedCarrierAccount>(deps, &merchant.id, &mut report).await?;
        if report.resealed >= OBJECTS_MAX && merchants.peek().is_some() {
            report.next_cursor = Some(PageRequest::cursor(&merchant.key().sk));
            break;
        }
    }
    tracing::info!(
        key = report.key,
        resealed = report.resealed,
        current = report.current,
        unopened = report.unopened.len(),
        "secrets sealed anew"
    );
    Response::json(200, &report)
}

async fn reseal_all<T: Sealing>(deps: &Deps, merchant: &MerchantId, report: &mut ResealReport) -> Result<(), Failure> {
    let found = deps.store.query::<T>(Table::Accounts, merchant.as_str(), &key_prefix(T::KIND), usize::MAX).await?;
    for (key, stored) in found {
        let owner = stored.body.owner();
        match resealed(deps, &stored.body) {
            Ok(None) => {
                report.current += 1;
                continue;
            }
            Ok(Some(_)) => {}
            Err(failure) => {
                tracing::error!(subject = owner, reason = %failure, "a secret does not open");
                report.unopened.push(owner);
                continue;
            }
        }
        // Named by the version, too: what comes back under an old key afterwards is another thing to do.
        let version = stored.version.to_string();
        let operation = Operation::of(&["reseal", &owner, deps.secrets.current_key()?, &version]);
        deps.store
            .change(&key, &operation, async |loaded: Option<&Versioned<T>>| {
                let loaded = loaded.ok_or_else(|| Failure::NotFound(owner.clone()))?;
                let next = resealed(deps, &loaded.body)?.unwrap_or_else(|| loaded.body.clone());
                Ok(Decision::of(next))
            })
            .await?;
        report.resealed += 1;
    }
    Ok(())
}

/// The object with all its secrets under the current key; absent when they are.
fn resealed<T: Sealing>(deps: &Deps, object: &T) -> Result<Option<T>, Failure> {
    let mut next = object.clone();
    let owner = next.owner();
    let mut changed = false;
    for sealed in next.secrets() {
        if !deps.secrets.is_current(sealed)? {
            *sealed = deps.secrets.seal(&owner, &deps.secrets.open(&owner, sealed)?, &deps.ids.random(24))?;
            changed = true;
        }
    }
    Ok(changed.then_some(next))
}
