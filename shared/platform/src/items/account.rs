//! Merchants, channels, carrier accounts, API keys.

use crate::secrets::Sealed;
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::account::{ApiKey, CarrierAccount, Channel, Merchant};
use domain::{CarrierAccountId, ChannelId, MerchantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A channel with its sealed secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedChannel {
    /// The channel.
    #[serde(flatten)]
    pub channel: Channel,
    /// Secrets that its webhooks are signed with, newest first: several while one is rotated.
    pub webhook_secrets: Vec<Sealed>,
    /// Token for the shop's API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Sealed>,
}

/// A carrier account with its sealed secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedCarrierAccount {
    /// The account.
    #[serde(flatten)]
    pub account: CarrierAccount,
    /// Key for the carrier's API.
    pub api_key: Sealed,
    /// Secrets that its webhooks are signed with, newest first.
    pub webhook_secrets: Vec<Sealed>,
}

/// Sort key prefix of a kind of account object: `merchant`, `channel`, `carrier` or `key`.
#[must_use]
pub fn key_prefix(kind: &str) -> String {
    format!("{kind}#")
}

/// The key of an API key by its SHA-256.
#[must_use]
pub fn key_of_api_key(merchant: &MerchantId, sha256: &str) -> Key {
    Key::new(Table::Accounts, merchant.as_str(), format!("key#{sha256}"))
}

/// An API key that was taken back: kept, so that a late repetition of the request that made it does not make it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedKey {
    /// The key as it was.
    pub key: ApiKey,
    /// When it was taken back, UTC.
    pub revoked_at: Timestamp,
}

/// Sort key prefix of the API keys whose SHA-256 begins so; `kind` is `key` or `revoked`.
#[must_use]
pub fn api_key_prefix(kind: &str, sha256: &str) -> String {
    format!("{kind}#{sha256}")
}

impl Stored for RevokedKey {
    fn key(&self) -> Key {
        Key::new(Table::Accounts, self.key.merchant.as_str(), api_key_prefix("revoked", &self.key.sha256))
    }
}

impl SealedChannel {
    /// The key of a channel.
    #[must_use]
    pub fn key_of(id: &ChannelId) -> Key {
        Key::new(Table::Accounts, id.merchant().as_str(), format!("channel#{id}"))
    }
}

impl SealedCarrierAccount {
    /// The key of a carrier account.
    #[must_use]
    pub fn key_of(id: &CarrierAccountId) -> Key {
        Key::new(Table::Accounts, id.merchant().as_str(), format!("carrier#{id}"))
    }
}

/// The key of a merchant.
#[must_use]
pub fn merchant_key(id: &MerchantId) -> Key {
    Key::new(Table::Accounts, MerchantId::platform().as_str(), format!("merchant#{id}"))
}

impl Stored for Merchant {
    fn key(&self) -> Key {
        merchant_key(&self.id)
    }
}

impl Stored for SealedChannel {
    fn key(&self) -> Key {
        Self::key_of(&self.channel.id)
    }
}

impl Stored for SealedCarrierAccount {
    fn key(&self) -> Key {
        Self::key_of(&self.account.id)
    }
}

impl Stored for ApiKey {
    fn key(&self) -> Key {
        key_of_api_key(&self.merchant, &self.sha256)
    }
}
