//! Who may do what: merchants, connected shops, carrier accounts, API keys. Secrets are not here: they are stored sealed.

use crate::ids::{ApiKeyId, CarrierAccountId, ChannelId, LocationId, MerchantId};
use crate::order::AllocationRule;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// A merchant's own systems: orders, stock levels, returns.
    Merchant,
    /// People with scanners: pick, pack, receive.
    Floor,
    /// Ops teams: everything of the merchants' day.
    Operations,
    /// The deployment: merchants, channels, carrier accounts, keys.
    Administrator,
}

/// A merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Merchant {
    /// Its id.
    pub id: MerchantId,
    /// Its name, printed on packing slips.
    pub name: String,
    /// What to do when one location cannot fill an order.
    #[serde(default)]
    pub allocation_rule: AllocationRule,
    /// Days after delivery within which a return may be requested.
    pub return_window_days: u32,
    /// The carrier account that parcels are booked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_carrier_account: Option<CarrierAccountId>,
    /// When it was created, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A connected shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// Its id: part of the webhook's URL.
    pub id: ChannelId,
    /// The shop's platform, for example `shopify`: a row of `partners::shops`.
    pub platform: String,
    /// Name for people.
    pub name: String,
    /// The shop's domain, for example `acme.myshopify.com`: webhooks of another shop are refused.
    pub shop_domain: String,
    /// Base URL of the shop's API.
    pub api_url: String,
    /// The shop's own id of the location whose stock is published, where the platform wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop_location: Option<String>,
    /// When it was created, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A merchant's account with a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CarrierAccount {
    /// Its id: part of the webhook's URL.
    pub id: CarrierAccountId,
    /// The carrier: a row of `partners::carriers`.
    pub carrier: String,
    /// Name for people.
    pub name: String,
    /// Base URL of the carrier's API.
    pub api_url: String,
    /// The carrier's service to book, for example `standard`.
    pub service: String,
    /// When it was created, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// An API key, without the key: only its SHA-256 is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    /// Its public id.
    pub id: ApiKeyId,
    /// Whose it is; the platform's own keys act for the merchant that the header `Sklad-Merchant` names.
    pub merchant: MerchantId,
    /// What it may be used for.
    pub scope: Scope,
    /// Name for people.
    pub name: String,
    /// SHA-256 of the key, hexadecimal.
    pub sha256: String,
    /// When it was created, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Location {
    /// Its code.
    pub id: LocationId,
    /// Name for people.
    pub name: String,
    /// Where parcels are sent from.
    pub address: crate::address::Address,
    /// Telephone for the carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Locations with a lower number are preferred when several could ship.
    #[serde(default)]
    pub priority: u32,
}
