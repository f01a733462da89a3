//! When an item is to be ordered again: rate of sale, days of stock left, reorder point, and an alert for each crossing.
//!
//! **Rate of sale**: units handed over per day over the last [`WINDOW_DAYS`] whole days (UTC). The window is four whole weeks and
//! all of its days weigh the same, so that every day of the week counts alike: a heavier weight for recent days would take the
//! week's rhythm for a trend. An item that began to sell within the window is measured over the days since then, one week at the
//! least, or new items would be ordered too late; a day without stock counts as one without demand, which the safety stock bears.
//!
//! **Crossing**: the position (what is free or coming, less what orders wait for) is at or below the reorder point. The alert is
//! raised once, and cleared once the position is above. A day's sales count from the next day on. Without them the rate can only
//! fall, and with it a computed reorder point: time alone never raises an alert, it only clears one. So an item is looked at when
//! its stock changes, and once a day while it sells or its alert is raised.

use crate::catalogue::Item;
use crate::ids::{MerchantId, Sku};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Days over which sales are averaged.
pub const WINDOW_DAYS: u32 = 28;
/// Least days over which the sales of a new item are averaged.
pub const WINDOW_DAYS_MIN: u32 = 7;
/// Days that a suggested quantity lasts, beyond the reorder point.
pub const COVERED_DAYS: u32 = 28;
/// A day's sum is final when it ended so many days ago: by then a stream has delivered a movement, or never will.
const FINAL_AFTER_DAYS: u32 = 1;

/// Units handed over, day by day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sales {
    /// Units of the days (UTC) of the window on which there were any.
    #[serde(default)]
    pub days: BTreeMap<Date, u32>,
    /// The first day with any, ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_on: Option<Date>,
    /// The day on which they were summed last: all days before it are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summed_on: Option<Date>,
}

fn days_before(day: Date, days: u32) -> Date {
    Span::new().try_days(days).ok().and_then(|span| day.checked_sub(span).ok()).unwrap_or(Date::MIN)
}

impl Sales {
    /// The first and last day whose movements are to be summed from the ledger; none when that was done today.
    #[must_use]
    pub fn missing(&self, today: Date) -> Option<(Date, Date)> {
        let start = days_before(today, WINDOW_DAYS);
        let first = match self.summed_on {
            Some(summed_on) if summed_on >= today => return None,
            Some(summed_on) => days_before(summed_on, FINAL_AFTER_DAYS).max(start),
            None => start,
        };
        Some((first, days_before(today, 1)))
    }

    /// With the sums of the days that were missing.
    #[must_use]
    pub fn summed(&self, sums: &BTreeMap<Date, u32>, today: Date) -> Self {
        let Some((first, last)) = self.missing(today) else { return self.clone() };
        let start = days_before(today, WINDOW_DAYS);
        let kept = self.days.iter().filter(|(day, _)| **day >= start && **day < first);
        let new = sums.iter().filter(|(day, units)| **day >= first && **day <= last && **units > 0);
        let days: BTreeMap<Date, u32> = kept.chain(new).map(|(day, units)| (*day, *units)).collect();
        let first_on = self.first_on.into_iter().chain(days.keys().next().copied()).min();
        Self { days, first_on, summed_on: Some(today) }
    }

    /// The rate of sale as of today.
    #[must_use]
    pub fn rate(&self, today: Date) -> Rate {
        let start = days_before(today, WINDOW_DAYS);
        let units =
            self.days.iter().filter(|(day, _)| **day >= start && **day < today).map(|(_, units)| u64::from(*units));
        let since = self.first_on.and_then(|first| (today - first).get_days().try_into().ok()).unwrap_or(0);
        Rate { units: units.sum(), days: u32::clamp(since, WINDOW_DAYS_MIN, WINDOW_DAYS) }
    }
}

/// Units sold within some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rate {
    /// Units handed over.
    pub units: u64,
    /// Within so many days: 28, fewer for an item that began to sell since, but at least 7.
    pub days: u32,
}

impl Rate {
    /// Units that sell within `days`, rounded up.
    #[must_use]
    pub fn within(&self, days: u32) -> u64 {
        self.units.saturating_mul(u64::from(days)).div_ceil(u64::from(self.days.max(1)))
    }

    /// Units a day, rounded to hundredths.
    #[must_use]
    pub fn per_day(&self) -> f64 {
        let hundredths = self.units.saturating_mul(100).saturating_add(u64::from(self.days) / 2);
        // A figure to be shown: past 2^53 its last digits are of no interest.
        #[allow(clippy::cast_precision_loss)]
        let shown = (hundredths / u64::from(self.days.max(1))) as f64;
        shown / 100.0
    }

    /// Whole days that `units` last; none when nothing sells.
    #[must_use]
    pub fn lasts(&self, units: u64) -> Option<u64> {
        units.saturating_mul(u64::from(self.days)).checked_div(self.units)
    }
}

/// The stock of an item over all locations, units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stock {
    /// In the warehouses.
    pub on_hand: u64,
    /// Free, with what a reservation under way has taken: that is neither sold nor free yet.
    pub available: u64,
    /// Announced, not arrived.
    pub incoming: u64,
    /// What orders wait for.
    pub backordered: u64,
}

/// What there is to say about replenishing an item. Units, over all locations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Figures {
    /// Rate of sale.
    pub sold: Rate,
    /// In the warehouses.
    pub on_hand: u64,
    /// Free to sell.
    pub available: u64,
    /// Announced, not arrived.
    pub incoming: u64,
    /// What orders wait for, counted up to 10,000 orders.
    pub backordered: u64,
    /// Whole days that what is available lasts at the rate of sale; absent when nothing sells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_left: Option<u64>,
    /// At or below this the item is to be ordered: its own, or else what sells within the lead time, and the safety stock.
    pub reorder_point: u64,
    /// Whether it is to be ordered now.
    pub needed: bool,
    /// Units to order now: up to the reorder point and 28 days' sale above it. 0 when none are needed.
    pub suggested_quantity: u64,
}

/// The reorder point of an item.
#[must_use]
pub fn reorder_point(item: &Item, sold: Rate) -> u64 {
    match item.reorder_point {
        Some(units) => u64::from(units),
        None => sold.within(item.lead_time_days).saturating_add(u64::from(item.safety_stock)),
    }
}

impl Figures {
    /// The figures of an item.
    #[must_use]
    pub fn of(item: &Item, stock: Stock, sold: Rate) -> Self {
        let reorder_point = reorder_point(item, sold);
        let free = stock.available.saturating_add(stock.incoming);
        // Where the point is zero, an item that nobody wants is not ordered because there is none.
        let is_low = free <= reorder_point.saturating_add(stock.backordered);
        let needed = is_low && (reorder_point > 0 || stock.backordered > 0);
        let target = reorder_point.saturating_add(stock.backordered).saturating_add(sold.within(COVERED_DAYS).max(1));
        Self {
            sold,
            on_hand: stock.on_hand,
            available: stock.available,
            incoming: stock.incoming,
            backordered: stock.backordered,
            days_left: sold.lasts(stock.available),
            reorder_point,
            needed,
            suggested_quantity: if needed { target.saturating_sub(free) } else { 0 },
        }
    }
}

/// Whether an item is to be ordered, as it was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It is to be ordered.
    Raised,
    /// There is enough again.
    Cleared,
}

/// The last crossing of an item's reorder point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Which way.
    pub state: AlertState,
    /// When, UTC.
    pub crossed_at: Timestamp,
    /// The figures then.
    pub figures: Figures,
    /// Where it stands in the feed: moved forward when nobody can tell whether it came out in time.
    pub changed_at: Timestamp,
}

/// What is kept of an item to know when it is to be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replenishment {
    /// The merchant.
    pub merchant: MerchantId,
    /// The item.
    pub sku: Sku,
    /// What was handed over.
    pub sales: Sales,
    /// The last crossing; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Alert>,
    /// When it is looked at again though its stock does not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

impl Replenishment {
    /// Of an item that was never looked at.
    #[must_use]
    pub fn new(merchant: MerchantId, sku: Sku) -> Self {
        Self { merchant, sku, sales: Sales::default(), alert: None, due_at: None }
    }

    /// Whether the alert is raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.alert.as_ref().is_some_and(|alert| alert.state == AlertState::Raised)
    }

    /// After a look. The next one is due tomorrow, `spread` into the day (so that not all items are looked at in one minute),
    /// unless this one was a day's own and found neither sales nor an alert.
    #[must_use]
    pub fn looked_at(&self, sales: Sales, figures: Figures, spread: SignedDuration, at: Timestamp) -> Self {
        let state = match (self.is_raised(), figures.needed) {
            (false, true) => Some(AlertState::Raised),
            (true, false) => Some(AlertState::Cleared),
            (false, false) | (true, true) => None,
        };
        let was_due = self.due_at.is_some_and(|due_at| due_at <= at);
        let goes_on = !was_due || figures.sold.units > 0 || figures.needed;
        let crossed = |state| Alert { state, crossed_at: at, figures, changed_at: at };
        let alert = state.map(crossed).or_else(|| self.alert.clone());
        let due_at = match self.due_at {
            Some(due_at) if !was_due => Some(due_at),
            Some(_) | None => goes_on.then(|| tomorrow(at) + spread),
        };
        Self { merchant: self.merchant.clone(), sku: self.sku.clone(), sales, alert, due_at }
    }
}

fn tomorrow(at: Timestamp) -> Timestamp {
    let day = at.to_zoned(TimeZone::UTC).date();
    let next = day.tomorrow().ok().and_then(|next| next.to_zoned(TimeZone::UTC).ok());
    next.map_or(at + SignedDuration::from_hours(24), |next| next.timestamp())
}

#[cfg(test)]
#[path = "replenishment/tests.rs"]
mod tests;
