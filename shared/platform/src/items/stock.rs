//! Inventory levels, receipts, and the orders that wait for stock.

use super::shard;
use crate::failure::Failure;
use crate::level::{BIN_PREFIX, FROZEN_PREFIX, MovementOutbox, RECALLED, TAKE_PREFIX, level_key, level_of};
use crate::settings::Table;
use crate::store::{Key, Stored};
use domain::order::Order;
use domain::stock::{Bins, Level, LevelId, Movement, Take, TakeId, TakenFor, Term};
use domain::{LocationId, MerchantId, OrderId, ReceiptId, Sku};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A level as it is read. It is never written as a whole: only by guarded arithmetic (`crate::level`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLevel {
    /// Partition key: merchant and SKU.
    pub pk: String,
    /// Sort key: `level#<location>`, and `#<expiry>#<lot>` where the item is kept by lot.
    pub sk: String,
    /// Terms and open takes.
    #[serde(flatten)]
    attributes: BTreeMap<String, serde_json::Value>,
}

impl StoredLevel {
    /// Which level it is, from the key.
    #[must_use]
    pub fn id(&self) -> Option<LevelId> {
        let sku = Sku::parse(self.pk.split_once('#')?.1).ok()?;
        level_of(&sku, &self.sk)
    }

    /// The location, from the key.
    #[must_use]
    pub fn location(&self) -> Option<LocationId> {
        self.id().map(|level| level.location)
    }

    /// The level.
    #[must_use]
    pub fn level(&self) -> Level {
        Level(
            Term::ALL
                .into_iter()
                .filter_map(|term| Some((term, self.attributes.get(term.attribute())?.as_i64()?)))
                .collect(),
        )
    }

    /// Its bins.
    #[must_use]
    pub fn bins(&self) -> Bins {
        let named = |(name, value): (&String, &serde_json::Value)| {
            Some((name.strip_prefix(BIN_PREFIX)?.to_owned(), value.as_i64()?))
        };
        let frozen = |name: &String| name.strip_prefix(FROZEN_PREFIX).map(str::to_owned);
        let units = self.attributes.iter().filter_map(named).filter(|(_, units)| *units != 0);
        Bins::new(units.collect(), self.attributes.keys().filter_map(frozen).collect())
    }

    /// Whether its lot is recalled: nothing is promised from it.
    #[must_use]
    pub fn is_recalled(&self) -> bool {
        self.attributes.get(RECALLED).and_then(serde_json::Value::as_bool).unwrap_or(false)
    }

    /// The movements that its last write embedded.
    ///
    /// # Errors
    /// [`Failure::Bug`] when they cannot be read.
    pub fn movement(&self) -> Result<Option<MovementOutbox>, Failure> {
        let text = self.attributes.get("movement").and_then(serde_json::Value::as_str);
        text.map(|text| {
            serde_json::from_str(text)
                .map_err(|error| Failure::bug(format!("{}/{}: movement: {error}", self.pk, self.sk)))
        })
        .transpose()
    }

    /// Its open takes by name.
    #[must_use]
    pub fn takes(&self) -> BTreeMap<TakeId, Take> {
        self.attributes
            .iter()
            .filter_map(|(name, value)| {
                let id = name.strip_prefix(TAKE_PREFIX)?;
                Some((id.to_owned(), serde_json::from_str(value.as_str()?).ok()?))
            })
            .collect()
    }
}

impl Stored for StoredLevel {
    fn key(&self) -> Key {
        Key::new(Table::Stock, self.pk.clone(), self.sk.clone())
    }
}

/// For whom a take of many orders was opened: written before the take, removed by its time to live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakeRecord {
    /// Partition key: merchant and take, apart from the level that is written often.
    pk: String,
    /// Sort key: the level.
    sk: String,
    /// The orders.
    pub orders: Vec<TakenFor>,
    /// When it may be removed, seconds since the epoch.
    pub expires_at: i64,
}

impl TakeRecord {
    /// A take is settled within minutes; this is long after the last message of its orders has left every queue.
    const REMEMBERED: SignedDuration = SignedDuration::from_hours(14 * 24);

    pub(crate) fn new(
        merchant: &MerchantId,
        level: &LevelId,
        take: &str,
        orders: Vec<TakenFor>,
        at: Timestamp,
    ) -> Self {
        let Key { pk, sk, .. } = Self::key_of(merchant, level, take);
        Self { pk, sk, orders, expires_at: (at + Self::REMEMBERED).as_second() }
    }

    pub(crate) fn key_of(merchant: &MerchantId, level: &LevelId, take: &str) -> Key {
        let Key { sk, .. } = level_key(merchant, level);
        Key::new(Table::Stock, format!("{merchant}#{take}"), format!("take#{}#{sk}", level.sku))
    }
}

impl Stored for TakeRecord {
    fn key(&self) -> Key {
        Key::new(Table::Stock, self.pk.clone(), self.sk.clone())
    }
}

/// An order that waits for an item: written before the order says so, deleted when it is found not to wait any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingOrder {
    /// The item it waits for: the line's, or a component of its kit.
    pub sku: Sku,
    /// The order.
    pub order: OrderId,
    /// Its place in the queue ([`Order::waiting_rank`]): the least is filled first.
    pub rank: String,
    /// Units that it lacks.
    pub units: u32,
    /// Version of the order that waits: an entry that was written again for a later version is another entry.
    pub since: u64,
    /// Over which partition of the queue it is listed.
    pub shard: u32,
}

/// The partition of an item's levels.
#[must_use]
pub fn stock_partition(merchant: &MerchantId, sku: &Sku) -> String {
    format!("{merchant}#{sku}")
}

/// A partition of the queue of orders that wait for an item: apart from its levels, and spread over shards, since in a sale
/// more orders come too late than in time.
#[must_use]
pub fn waiting_partition(merchant: &MerchantId, sku: &Sku, shard: u32) -> String {
    format!("{merchant}#{sku}#waiting#{shard}")
}

/// Sort key prefix of levels.
#[must_use]
pub fn level_prefix() -> &'static str {
    "level#"
}

impl WaitingOrder {
    /// The entry of an order that lacks `units` of an item since its version `since`.
    #[must_use]
    pub fn new(order: &Order, sku: Sku, units: u32, since: u64, shards: u32) -> Self {
        let shard = shard(order.id.as_str(), shards);
        Self { sku, order: order.id.clone(), rank: order.waiting_rank(), units, since, shard }
    }
}

impl Stored for WaitingOrder {
    fn key(&self) -> Key {
        let partition = waiting_partition(&self.order.merchant(), &self.sku, self.shard);
        Key::new(Table::Stock, partition, self.rank.clone())
    }
}

/// Goods that came in, or a correction: remembers its operation, so that it counts once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its id.
    pub id: ReceiptId,
    /// The item.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// The movement.
    pub movement: Movement,
    /// What the paper says: delivery note, purchase order, count sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// The key of a receipt.
#[must_use]
pub fn receipt_key(id: &ReceiptId) -> Key {
    Key::new(Table::Stock, format!("{}#{id}", id.merchant()), "receipt")
}

impl Stored for Receipt {
    fn key(&self) -> Key {
        receipt_key(&self.id)
    }
}

impl StoredLevel {
    /// The key of the level of an item that is not kept by lot.
    #[must_use]
    pub fn key_of(merchant: &MerchantId, sku: &Sku, location: &LocationId) -> Key {
        level_key(merchant, &LevelId { sku: sku.clone(), location: location.clone(), lot: None })
    }
}
