//! Lots, and which level a change is of.

use crate::ids::{LocationId, Sku};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A lot (batch) of an item that is kept by lot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct Lot {
    /// When it expires; the day itself is the last good one. Absent: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub expiry: Option<Date>,
    /// Its code.
    pub code: String,
}

/// What the key of a lot without expiry has in its place: after every date.
const NEVER: &str = "9999-99-99";

impl Lot {
    /// Whether its last good day is before `day`.
    #[must_use]
    pub fn is_expired(&self, day: Date) -> bool {
        self.expiry.is_some_and(|expiry| expiry < day)
    }

    /// As part of a sort key, first expired first.
    #[must_use]
    pub fn sort_key(&self) -> String {
        match self.expiry {
            Some(expiry) => format!("{expiry}#{}", self.code),
            None => format!("{NEVER}#{}", self.code),
        }
    }

    /// Reads [`Lot::sort_key`].
    #[must_use]
    pub fn of_sort_key(text: &str) -> Option<Self> {
        let (expiry, code) = text.split_once('#')?;
        let expiry = if expiry == NEVER { None } else { Some(expiry.parse().ok()?) };
        Some(Self { expiry, code: code.to_owned() })
    }
}

/// One inventory level: an item at a location, and its lot where it is kept by lot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LevelId {
    /// The item.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// The lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<Lot>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_expire_sorts_first_and_reads_back() {
        let lot = |expiry: Option<&str>, code: &str| Lot {
            expiry: expiry.map(|date| date.parse().unwrap()),
            code: code.to_owned(),
        };
        let sorted = [lot(Some("2026-09-30"), "Z"), lot(Some("2026-10-01"), "A#1"), lot(None, "A")];
        let keys: Vec<String> = sorted.iter().map(Lot::sort_key).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        for (lot, key) in sorted.iter().zip(&keys) {
            assert_eq!(Lot::of_sort_key(key).as_ref(), Some(lot));
        }
    }
}
