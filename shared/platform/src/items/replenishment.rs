//! When items are to be ordered again, and what was handed over day by day, from the ledger.

use super::sellable::due;
use super::{StoredLevel, StoredMovement, derived_partition, list_partition, movements_partition, shard, sort_instant};
use crate::failure::Failure;
use crate::feed::FeedItem;
use crate::settings::Table;
use crate::store::{Key, Store, Stored, decode, text, unavailable};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::replenishment::{Alert, Replenishment, Stock};
use domain::stock::Term;
use domain::{LocationId, MerchantId, Sku};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// What the feed of alerts is called in the keys of its index, after the merchant.
pub const ALERTS_PART: &str = "replenishment";

/// The key of what is kept to replenish an item.
#[must_use]
pub fn replenishment_key(merchant: &MerchantId, sku: &Sku) -> Key {
    Key::new(Table::Movements, derived_partition(merchant, sku), "replenishment")
}

impl Stored for Replenishment {
    fn key(&self) -> Key {
        replenishment_key(&self.merchant, &self.sku)
    }

    fn indexes(&self, shards: u32) -> Vec<(&'static str, String)> {
        let (merchant, sku) = (self.merchant.as_str(), self.sku.as_str());
        let mut keys = Vec::new();
        if let Some(alert) = &self.alert {
            keys.push(("changed_pk", list_partition(&[merchant, ALERTS_PART], shard(sku, shards))));
            keys.push(("changed_sk", format!("{}#{sku}", sort_instant(alert.changed_at))));
        }
        keys.extend(self.due_at.into_iter().flat_map(|at| due(&format!("{merchant}#{sku}"), at, shards)));
        keys
    }
}

impl FeedItem for Replenishment {
    fn changed_at(&self) -> Option<Timestamp> {
        self.alert.as_ref().map(|alert| alert.changed_at)
    }

    fn stamped(self, at: Timestamp) -> Self {
        Self { alert: self.alert.map(|alert| Alert { changed_at: at, ..alert }), ..self }
    }
}

/// The stock of an item over all of its levels; `backordered` is what orders wait for.
#[must_use]
pub fn stock_of(levels: &[StoredLevel], backordered: u64) -> Stock {
    let sum = |terms: &[Term]| {
        let units = levels.iter().flat_map(|level| {
            let level = level.level();
            terms.iter().map(move |term| u64::try_from(level.get(*term)).unwrap_or(0)).collect::<Vec<_>>()
        });
        units.fold(0, u64::saturating_add)
    };
    Stock {
        on_hand: sum(&[Term::OnHand]),
        available: sum(&[Term::Available, Term::OpenTakes]),
        incoming: sum(&[Term::Incoming]),
        backordered,
    }
}

fn midnight(day: Date) -> Result<String, Failure> {
    let start = day.to_zoned(TimeZone::UTC).map_err(|error| Failure::bug(error.to_string()))?;
    Ok(sort_instant(start.timestamp()))
}

impl Store {
    /// Units of an item that were handed over at a location, by day (UTC), from `first` to `last`. It reads that part of one
    /// ledger. The reads are eventually consistent: what they miss of the last day is read again on the next.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub async fn shipped(
        &self,
        merchant: &MerchantId,
        sku: &Sku,
        location: &LocationId,
        (first, last): (Date, Date),
    ) -> Result<BTreeMap<Date, u32>, Failure> {
        let end = last.tomorrow().map_err(|error| Failure::bug(error.to_string()))?;
        let partition = movements_partition(merchant, sku, location);
        let mut sums: BTreeMap<Date, u32> = BTreeMap::new();
        let mut start = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(self.settings.table(Table::Movements)?)
                // Sort keys go on after their instant: one of the end's own is greater than the end.
                .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :end")
                .filter_expression("movement.#type = :ship")
                .expression_attribute_names("#type", "type")
                .expression_attribute_values(":pk", AttributeValue::S(partition.clone()))
                .expression_attribute_values(":first", AttributeValue::S(midnight(first)?))
                .expression_attribute_values(":end", AttributeValue::S(midnight(end)?))
                .expression_attribute_values(":ship", AttributeValue::S("SHIP".to_owned()))
                .set_exclusive_start_key(start.take())
                .send()
                .await
                .map_err(unavailable)?;
            for item in answer.items.unwrap_or_default() {
                let key = Key::new(Table::Movements, text(&item, "pk"), text(&item, "sk"));
                let movement = decode::<StoredMovement>(&key, item)?.body.movement;
                let units = sums.entry(movement.at.to_zoned(TimeZone::UTC).date()).or_default();
                *units = units.saturating_add(movement.quantity);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(sums);
            }
        }
    }
}
