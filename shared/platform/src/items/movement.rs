//! The ledger of goods and the activity facts: written once by `facts` from what the commits embedded, never changed.

use super::shard;
use crate::level::MovementOutbox;
use crate::settings::Table;
use crate::store::{FactsOutbox, Key, Stored};
use domain::stock::{ActivityFact, LevelId, Lot, Movement};
use domain::{LocationId, MerchantId, Sku};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Over how many partitions a merchant's facts of a day are spread. Part of the key: it never changes.
pub const FACT_SHARDS: u32 = 4;

/// One entry of the ledger of goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMovement {
    /// Whose goods.
    pub merchant: MerchantId,
    /// The item.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// The lot whose level it changed, where the item is kept by lot; the movement's own lot may be a note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
    /// The operation that moved them.
    pub operation: String,
    /// Which of the operation's movements of this level it is, from 0.
    pub index: u32,
    /// The movement.
    pub movement: Movement,
}

/// What one operation did for a merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFacts {
    /// For whom.
    pub merchant: MerchantId,
    /// The operation.
    pub operation: String,
    /// When, UTC: the first fact's instant.
    pub at: Timestamp,
    /// The facts, at least one.
    pub facts: Vec<ActivityFact>,
}

/// An instant as part of a sort key, to the millisecond as the clock gives it: all have the same length, so that their order as text is their order in time.
#[must_use]
pub fn sort_instant(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// The partition of the ledger of one item at one location.
#[must_use]
pub fn movements_partition(merchant: &MerchantId, sku: &Sku, location: &LocationId) -> String {
    format!("{merchant}#{sku}#{location}")
}

/// A partition of the facts of a day (UTC).
#[must_use]
pub fn facts_partition(merchant: &MerchantId, day: Date, shard: u32) -> String {
    format!("{merchant}#activity#{day}#{shard}")
}

impl StoredMovement {
    /// The entries of what a commit embedded in a level. Copying them twice writes the same items.
    #[must_use]
    pub fn all_of(merchant: &MerchantId, level: &LevelId, outbox: MovementOutbox) -> Vec<Self> {
        (0..)
            .zip(outbox.movements)
            .map(|(index, movement)| Self {
                merchant: merchant.clone(),
                sku: level.sku.clone(),
                location: level.location.clone(),
                lot: level.lot.clone(),
                operation: outbox.operation.clone(),
                index,
                movement,
            })
            .collect()
    }
}

impl StoredFacts {
    /// The item of what a commit embedded in an aggregate; none when there are no facts. Copying it twice writes the same item.
    #[must_use]
    pub fn of(merchant: &MerchantId, outbox: FactsOutbox) -> Option<Self> {
        let at = outbox.facts.first()?.at;
        Some(Self { merchant: merchant.clone(), operation: outbox.operation, at, facts: outbox.facts })
    }
}

impl Stored for StoredMovement {
    fn key(&self) -> Key {
        // One operation may change several lots of an item at a location: each level counts its own movements.
        let lot = self.lot.as_ref().map(|lot| format!("#{}", lot.code)).unwrap_or_default();
        Key::new(
            Table::Movements,
            movements_partition(&self.merchant, &self.sku, &self.location),
            format!("{}#{}#{:03}{lot}", sort_instant(self.movement.at), self.operation, self.index),
        )
    }
}

impl Stored for StoredFacts {
    fn key(&self) -> Key {
        let day = self.at.to_zoned(TimeZone::UTC).date();
        Key::new(
            Table::Movements,
            facts_partition(&self.merchant, day, shard(&self.operation, FACT_SHARDS)),
            format!("{}#{}", sort_instant(self.at), self.operation),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::stock::{MovementKind, Term};

    fn movement(at: &str) -> Movement {
        Movement::new(MovementKind::Receipt, 3, None, Some(Term::Available), "rec_m_1", at.parse().unwrap())
    }

    fn entries(at: &str, operation: &str, count: usize) -> Vec<StoredMovement> {
        let merchant = MerchantId::derive(&["acme"]);
        let outbox = MovementOutbox { operation: operation.to_owned(), movements: vec![movement(at); count] };
        let (sku, location) = (Sku::parse("TEA").unwrap(), LocationId::parse("SOF1").unwrap());
        StoredMovement::all_of(&merchant, &LevelId { sku, location, lot: None }, outbox)
    }

    #[test]
    fn the_ledger_sorts_by_time_also_within_a_second() {
        let keys: Vec<String> = ["2026-03-01T10:00:00Z", "2026-03-01T10:00:00.5Z", "2026-03-01T10:00:01Z"]
            .into_iter()
            .map(|at| entries(at, "op", 1).remove(0).key().sk)
            .collect();
        assert!(keys.is_sorted(), "{keys:?}");
    }

    #[test]
    fn movements_of_one_operation_have_keys_of_their_own_and_copying_twice_gives_the_same_keys() {
        let keys = |_| entries("2026-03-01T10:00:00Z", "op", 12).iter().map(Stored::key).collect::<Vec<_>>();
        let mut first: Vec<Key> = keys(0);
        assert_eq!(first, keys(1));
        assert!(first.is_sorted());
        first.dedup();
        assert_eq!(first.len(), 12);
    }

    #[test]
    fn lots_that_one_operation_moves_have_entries_of_their_own() {
        let mut of_lots = entries("2026-03-01T10:00:00Z", "op", 1);
        for code in ["A", "B"] {
            let lot = Some(Lot { code: code.to_owned(), expiry: None });
            of_lots.push(StoredMovement { lot, ..of_lots[0].clone() });
        }
        let keys: std::collections::BTreeSet<Key> = of_lots.iter().map(Stored::key).collect();
        assert_eq!(keys.len(), 3);
    }

    #[test]
    fn facts_lie_in_the_partition_of_their_day_in_utc() {
        let fact = ActivityFact {
            activity: "receive".to_owned(),
            quantity: 3,
            unit: "unit".to_owned(),
            cause: "rec_m_1".to_owned(),
            at: "2026-03-01T23:59:59.9Z".parse().unwrap(),
            actor: None,
        };
        let merchant = MerchantId::derive(&["acme"]);
        let outbox = FactsOutbox { operation: "op".to_owned(), facts: vec![fact] };
        let stored = StoredFacts::of(&merchant, outbox).unwrap();
        assert!(stored.key().pk.starts_with(&format!("{merchant}#activity#2026-03-01#")), "{:?}", stored.key());
        assert_eq!(StoredFacts::of(&merchant, FactsOutbox { operation: "op".to_owned(), facts: vec![] }), None);
    }
}
