//! Carrier accounts: which one a merchant books with, and the way to the carrier through it.

use domain::account::Merchant;
use domain::{CarrierAccountId, MerchantId, ShipmentId};
use partners::carriers::{Account, Carrier, CarrierError, Found, Voided};
use partners::http::Request;
use platform::items::{SealedCarrierAccount, merchant_key};
use platform::outbound::OutboundError;
use platform::{Deps, Failure};
use std::time::Duration;

/// A carrier account, opened.
#[derive(Debug)]
pub(crate) struct OpenAccount {
    pub(crate) carrier: &'static Carrier,
    pub(crate) account: Account,
}

/// What a void came to.
pub(crate) enum VoidOutcome {
    /// The label is not valid any more.
    Voided,
    /// The carrier does not take it back.
    Kept(String),
}

/// The merchant, and the account that it books with by default; `None` when it has none.
pub(crate) async fn default_of(
    deps: &Deps,
    merchant: &MerchantId,
) -> Result<(Merchant, Option<SealedCarrierAccount>), Failure> {
    let merchant = deps.store.require::<Merchant>(&merchant_key(merchant), "the merchant").await?.body;
    let account = match &merchant.default_carrier_account {
        None => None,
        Some(id) => deps.store.load::<SealedCarrierAccount>(&SealedCarrierAccount::key_of(id)).await?,
    };
    Ok((merchant, account.map(|stored| stored.body)))
}

/// Loads and opens an account.
pub(crate) async fn open(deps: &Deps, id: &CarrierAccountId) -> Result<OpenAccount, Failure> {
    let sealed = deps.store.require::<SealedCarrierAccount>(&SealedCarrierAccount::key_of(id), id).await?.body;
    opened(deps, &sealed)
}

/// Opens an account's credentials.
pub(crate) fn opened(deps: &Deps, sealed: &SealedCarrierAccount) -> Result<OpenAccount, Failure> {
    let carrier = partners::carriers::find(&sealed.account.carrier)
        .ok_or_else(|| Failure::bug(format!("there is no carrier `{}`", sealed.account.carrier)))?;
    let api_key = deps.secrets.open(sealed.account.id.as_str(), &sealed.api_key)?;
    Ok(OpenAccount { carrier, account: Account { base_url: sealed.account.api_url.clone(), api_key } })
}

impl OpenAccount {
    /// The live labels under our reference; `None` when the carrier cannot be asked for it.
    pub(crate) async fn live_labels(
        &self,
        deps: &Deps,
        reference: &ShipmentId,
    ) -> Result<Option<Vec<Found>>, CarrierError> {
        let Some(look_up) = self.carrier.look_up else { return Ok(None) };
        let response = ask(deps, look_up.build_lookup(&self.account, reference)).await?;
        let found = look_up.read_lookup(&response)?;
        Ok(Some(found.into_iter().filter(|found| !found.voided).collect()))
    }

    /// Gives a label back. A void may be repeated.
    pub(crate) async fn void(&self, deps: &Deps, carrier_shipment_id: &str) -> Result<VoidOutcome, Failure> {
        let Some(void) = self.carrier.void else {
            return Ok(VoidOutcome::Kept("the carrier takes no labels back".to_owned()));
        };
        let response = ask(deps, void.build_void(&self.account, carrier_shipment_id)).await.map_err(busy)?;
        match void.read_void(&response) {
            Ok(Voided { .. }) => Ok(VoidOutcome::Voided),
            Err(refused @ CarrierError::Refused { .. }) => Ok(VoidOutcome::Kept(refused.to_string())),
            Err(error) => Err(busy(error)),
        }
    }
}

/// Asks a question, which may be repeated: whatever goes wrong on the way is only a delay.
async fn ask(deps: &Deps, request: Request) -> Result<partners::http::Response, CarrierError> {
    deps.partners.call(request).await.map_err(|error| match error {
        OutboundError::NotSent(_) | OutboundError::Indeterminate(_) => {
            tracing::warn!(%error, "the carrier did not answer");
            CarrierError::Unavailable { retry_after_seconds: None }
        }
    })
}

/// An error that time or a person heals: the message comes again, in the end from its dead-letter queue.
pub(crate) fn busy(error: CarrierError) -> Failure {
    let after = match &error {
        CarrierError::Unavailable { retry_after_seconds } => retry_after_seconds.map(|s| Duration::from_secs(s.into())),
        _ => None,
    };
    Failure::Unavailable { reason: error.to_string(), after }
}
