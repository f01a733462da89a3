//! What channels may sell.

use domain::sellable::Sellable;
use domain::{ChannelId, Sku};
use jiff::Timestamp;
use platform::Versioned;
use serde::Serialize;
use utoipa::ToSchema;

/// What a channel may sell of an item.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SellableView {
    /// The channel.
    pub channel: ChannelId,
    /// The item.
    pub sku: Sku,
    /// Units: available and keeping long enough for the channel, less the safety stock, less what orders wait for.
    pub quantity: u32,
    /// Grows with every computation: of two figures the one with the greater version is the later one.
    pub version: u64,
    /// When the quantity became this, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

impl From<Versioned<Sellable>> for SellableView {
    fn from(stored: Versioned<Sellable>) -> Self {
        let Sellable { channel, sku, quantity, changed_at, .. } = stored.body;
        Self { channel, sku, quantity, version: stored.version, changed_at }
    }
}

/// What each channel may sell of an item.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SellableOfItem {
    /// The item.
    pub sku: Sku,
    /// The channels, in the order of their ids; one for which nothing was computed yet is left out.
    pub channels: Vec<SellableView>,
}
