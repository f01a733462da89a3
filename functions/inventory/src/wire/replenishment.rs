//! What is to be ordered again.

use domain::Sku;
use domain::replenishment::{AlertState, Figures, Replenishment};
use jiff::Timestamp;
use platform::Versioned;
use serde::Serialize;
use utoipa::ToSchema;

/// What there is to say about replenishing an item.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReplenishmentView {
    /// The item.
    pub sku: Sku,
    /// Name for people.
    pub name: String,
    /// Days from ordering it to having it in stock.
    pub lead_time_days: u32,
    /// Units that are never published.
    pub safety_stock: u32,
    /// Units sold per day, rounded to hundredths.
    pub units_per_day: f64,
    /// Units and days.
    #[serde(flatten)]
    pub figures: Figures,
}

/// One crossing of an item's reorder point.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReplenishmentAlert {
    /// The item.
    pub sku: Sku,
    /// Whether it is to be ordered, or is no longer.
    pub state: AlertState,
    /// When it crossed, UTC: an entry that comes again has the same.
    #[schema(value_type = String, format = DateTime)]
    pub crossed_at: Timestamp,
    /// Grows with every change: of two entries of an item the one with the greater version is the later one.
    pub version: u64,
    /// The figures when it crossed.
    #[serde(flatten)]
    pub figures: Figures,
}

/// An item that has never crossed stands in no feed.
pub(crate) fn alert_of(stored: Versioned<Replenishment>) -> Option<ReplenishmentAlert> {
    let Versioned { body: Replenishment { sku, alert, .. }, version, .. } = stored;
    let alert = alert?;
    Some(ReplenishmentAlert { sku, state: alert.state, crossed_at: alert.crossed_at, version, figures: alert.figures })
}
