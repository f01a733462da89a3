//! Merchants, channels, carrier accounts, keys.

use domain::account::{ApiKey, CarrierAccount, Channel, RETURN_WINDOW_DAYS_DEFAULT, Scope};
use domain::order::AllocationRule;
use domain::{ApiKeyId, CarrierAccountId, MerchantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A merchant to be created.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMerchant {
    /// Its name, printed on packing slips: 1 to 200 characters.
    #[schema(example = "Чаена ООД")]
    pub name: String,
    /// What to do when one location cannot fill an order.
    #[serde(default)]
    pub allocation_rule: AllocationRule,
    /// Days after delivery within which a return may be requested: 0 to 3650.
    #[serde(default = "return_window_days_default")]
    #[schema(default = 14)]
    pub return_window_days: u32,
    /// Minutes for which stock is held for an order that is not paid yet: 0 to 43200. With 0 an unpaid order is not reserved.
    #[serde(default)]
    pub hold_unpaid_stock_minutes: u32,
}

/// A merchant as it is to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MerchantEdit {
    /// Its name, printed on packing slips: 1 to 200 characters.
    pub name: String,
    /// What to do when one location cannot fill an order; orders that are there keep theirs.
    pub allocation_rule: AllocationRule,
    /// Days after delivery within which a return may be requested: 0 to 3650.
    pub return_window_days: u32,
    /// Minutes for which stock is held for an order that is not paid yet: 0 to 43200; orders that are there keep theirs.
    pub hold_unpaid_stock_minutes: u32,
    /// The carrier account that parcels are booked with; null: none.
    #[serde(default)]
    pub default_carrier_account: Option<CarrierAccountId>,
}

fn return_window_days_default() -> u32 {
    RETURN_WINDOW_DAYS_DEFAULT
}

/// A shop to be connected.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    /// The shop's platform: `shopify`, or `own` for a shop that speaks our own order document.
    #[schema(example = "shopify")]
    pub platform: String,
    /// Name for people.
    pub name: String,
    /// The shop's domain: webhooks of another shop are refused.
    #[schema(example = "acme.myshopify.com")]
    pub shop_domain: String,
    /// Base URL of the shop's API: `https`, or `http` on this machine only. Not for `own`.
    #[serde(default)]
    #[schema(example = "https://acme.myshopify.com")]
    pub api_url: Option<String>,
    /// The shop's own id of the location whose stock is published, where the platform wants one.
    #[serde(default)]
    pub shop_location: Option<String>,
    /// Days for which goods with an expiry date must still keep to be sold here, 0 to 3650.
    #[serde(default)]
    #[schema(maximum = 3650)]
    pub min_remaining_shelf_life_days: u32,
    /// Secrets that the shop's webhooks are signed with, newest first: 1 to 5, several while one is rotated.
    /// For `own` each is `whsec_` and the base64 of 24 to 64 bytes. Never shown again.
    pub webhook_secrets: Vec<String>,
    /// Token for the shop's API. Never shown again. Not for `own`.
    #[serde(default)]
    pub access_token: Option<String>,
}

/// A connected shop as it is to be. Platform and domain stay.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelEdit {
    /// Name for people.
    pub name: String,
    /// Base URL of the shop's API: `https`, or `http` on this machine only. Not for `own`.
    #[serde(default)]
    pub api_url: Option<String>,
    /// The shop's own id of the location whose stock is published, where the platform wants one.
    #[serde(default)]
    pub shop_location: Option<String>,
    /// Days for which goods with an expiry date must still keep to be sold here: 0 to 3650.
    #[serde(default)]
    pub min_remaining_shelf_life_days: u32,
    /// Secrets that the shop's webhooks are signed with, newest first: 1 to 5, several while one is rotated. Left out: they stay.
    #[serde(default)]
    pub webhook_secrets: Option<Vec<String>>,
    /// Token for the shop's API. Left out: it stays.
    #[serde(default)]
    pub access_token: Option<String>,
}

/// A connected shop, without its secrets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChannelView {
    /// The channel.
    #[serde(flatten)]
    pub channel: Channel,
    /// Where the shop sends its orders: a path of this API.
    #[schema(example = "/webhooks/shops/chn_…")]
    pub webhook_path: String,
}

impl From<Channel> for ChannelView {
    fn from(channel: Channel) -> Self {
        let has_webhook = partners::shops::find(&channel.platform).is_some_and(|platform| platform.orders.is_some());
        let webhook_path =
            if has_webhook { format!("/webhooks/shops/{}", channel.id) } else { "/v1/orders".to_owned() };
        Self { channel, webhook_path }
    }
}

/// A carrier account to be connected.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCarrierAccount {
    /// The carrier, for example `sandbox`.
    #[schema(example = "sandbox")]
    pub carrier: String,
    /// Name for people.
    pub name: String,
    /// Base URL of the carrier's API: `https`, or `http` on this machine only.
    pub api_url: String,
    /// The carrier's service to book.
    #[schema(example = "standard")]
    pub service: String,
    /// Key for the carrier's API. Never shown again.
    pub api_key: String,
    /// Secrets that the carrier's webhooks are signed with, newest first: up to 5. Never shown again.
    #[serde(default)]
    pub webhook_secrets: Vec<String>,
    /// Whether the merchant's parcels are booked with it from now on.
    #[serde(default)]
    pub default: bool,
}

/// A carrier account, without its secrets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CarrierAccountView {
    /// The account.
    #[serde(flatten)]
    pub account: CarrierAccount,
    /// Where the carrier sends its tracking: a path of this API.
    #[schema(example = "/webhooks/carriers/car_…")]
    pub webhook_path: String,
}

impl From<CarrierAccount> for CarrierAccountView {
    fn from(account: CarrierAccount) -> Self {
        let webhook_path = format!("/webhooks/carriers/{}", account.id);
        Self { account, webhook_path }
    }
}

/// An API key to be issued.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What it may be used for; `administrator` only for the platform.
    pub scope: Scope,
    /// Name for people.
    pub name: String,
    /// Whose it is; absent for a key of the platform, which acts for the merchant that `Sklad-Merchant` names.
    #[serde(default)]
    pub merchant: Option<MerchantId>,
}

/// An API key, without the key.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyView {
    /// Its public id.
    pub id: ApiKeyId,
    /// Whose it is: `mer_platform` for the platform's.
    pub merchant: MerchantId,
    /// What it may be used for.
    pub scope: Scope,
    /// Name for people.
    pub name: String,
    /// When it was issued, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, merchant, scope, name, created_at, sha256: _ } = key;
        Self { id, merchant, scope, name, created_at }
    }
}

/// A new API key: the only answer that has the key itself.
#[derive(Clone, Serialize, ToSchema)]
pub struct IssuedKey {
    /// What is known of it from now on.
    #[serde(flatten)]
    pub view: KeyView,
    /// The key: keep it, it is stored hashed and cannot be shown again.
    #[schema(example = "sklad_…")]
    pub key: String,
}

/// What a request to seal secrets anew did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ResealReport {
    /// Id of the key that seals now.
    #[schema(example = "1a2b3c4d")]
    pub key: String,
    /// Channels and carrier accounts whose secrets were sealed anew.
    pub resealed: u32,
    /// Those whose secrets were all under that key already.
    pub current: u32,
    /// Those with a secret that no key of the deployment opens: they are left as they are.
    pub unopened: Vec<String>,
    /// Send it as `cursor` for the next page of merchants; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
