//! Bins: where the units of a level lie.
//!
//! Every unit on hand lies in one bin: a named one, [`STAGED_BIN`] once it is picked (in a tote or a parcel), or [`DEFAULT_BIN`],
//! which is wherever nobody said. So Σ bins = `on_hand`. Only named bins are stored, and only movements change them: whoever
//! names none pays for none.
//!
//! A picker is never stopped by the record of a bin, since the goods are in his hand: a bin below zero says that units were
//! carried without telling, and is for a count to mend.

use super::{DEFAULT_BIN, Level, Movement, StockChange, Term};
use std::collections::{BTreeMap, BTreeSet};

/// Bin of units that are picked.
pub const STAGED_BIN: &str = "STAGED";

/// Units of a level by named bin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bins {
    units: BTreeMap<String, i64>,
    frozen: BTreeSet<String>,
}

impl Bins {
    /// As it is stored: units by name, and the names of those that are frozen.
    #[must_use]
    pub fn new(units: BTreeMap<String, i64>, frozen: BTreeSet<String>) -> Self {
        Self { units, frozen }
    }

    /// Units of every bin that is not empty, `MAIN` and `STAGED` too: together they are `on_hand`.
    #[must_use]
    pub fn all(&self, level: &Level) -> BTreeMap<String, i64> {
        let picked = level.get(Term::Picked);
        let main = level.get(Term::OnHand) - picked - self.units.values().sum::<i64>();
        let mut all = self.units.clone();
        all.extend([(DEFAULT_BIN.to_owned(), main), (STAGED_BIN.to_owned(), picked)]);
        all.retain(|_, units| *units != 0);
        all
    }

    /// Units in `bin`.
    #[must_use]
    pub fn units_in(&self, bin: &str, level: &Level) -> i64 {
        self.all(level).get(bin).copied().unwrap_or(0)
    }

    /// Units by named bin, as stored.
    #[must_use]
    pub fn named(&self) -> &BTreeMap<String, i64> {
        &self.units
    }

    /// Bins that nobody should pick from until they are counted.
    #[must_use]
    pub fn frozen(&self) -> &BTreeSet<String> {
        &self.frozen
    }
}

impl Movement {
    /// What it adds to named bins.
    #[must_use]
    pub fn bins(&self) -> BTreeMap<&str, i64> {
        let units = i64::from(self.quantity);
        let bin = self.goods.bin.as_str();
        let mut deltas = BTreeMap::new();
        match (self.from, self.to, self.to_bin.as_deref()) {
            (_, _, Some(to_bin)) => {
                deltas.insert(bin, -units);
                *deltas.entry(to_bin).or_insert(0) += units;
            }
            // What is picked lies in no bin of the shelf.
            (Some(Term::Picked), None | Some(Term::Picked), None) => {}
            (None, Some(Term::Picked), None) => {}
            (Some(Term::Picked) | None, Some(_), None) => drop(deltas.insert(bin, units)),
            (Some(_), Some(Term::Picked) | None, None) => drop(deltas.insert(bin, -units)),
            (Some(_), Some(_), None) | (None, None, None) => {}
        }
        deltas.retain(|bin, units| *units != 0 && *bin != DEFAULT_BIN);
        deltas
    }
}

impl StockChange {
    /// What its movements add to named bins.
    #[must_use]
    pub fn bins(&self) -> BTreeMap<&str, i64> {
        let mut deltas: BTreeMap<&str, i64> = BTreeMap::new();
        for (bin, units) in self.movements.iter().flat_map(Movement::bins) {
            *deltas.entry(bin).or_insert(0) += units;
        }
        deltas.retain(|_, units| *units != 0);
        deltas
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::{Goods, MovementKind};
    use proptest::prelude::*;

    const BINS: [&str; 3] = [DEFAULT_BIN, "A-01", "B-02"];

    fn movement(quantity: u32, from: Option<Term>, to: Option<Term>, bin: usize, to_bin: Option<usize>) -> Movement {
        Movement {
            goods: Goods { bin: BINS[bin].to_owned(), ..Goods::default() },
            to_bin: to_bin.map(|bin| BINS[bin].to_owned()),
            ..Movement::new(MovementKind::Move, quantity, from, to, "test", jiff::Timestamp::UNIX_EPOCH)
        }
    }

    proptest! {
        #[test]
        fn bins_add_up_to_on_hand_whatever_moves(
            steps in proptest::collection::vec((0_u8..7, 1_u32..9, 0_usize..3, 0_usize..3), 0..40),
        ) {
            let (mut level, mut bins) = (Level::default(), Bins::default());
            let mut where_it_is: BTreeMap<String, i64> = BTreeMap::new();
            for (step, quantity, bin, other) in steps {
                let (available, picked) = (Some(Term::Available), Some(Term::Picked));
                let movement = match step {
                    0 => movement(quantity, None, available, bin, None),
                    1 => movement(quantity, available, picked, bin, None),
                    2 => movement(quantity, picked, available, bin, None),
                    3 => movement(quantity, picked, None, bin, None),
                    4 => movement(quantity, available, None, bin, None),
                    5 => movement(quantity, available, Some(Term::Damaged), bin, None),
                    _ => movement(quantity, None, None, bin, Some(other)),
                };
                let units = i64::from(quantity);
                let on_hand = i64::from(movement.from.is_none()) - i64::from(movement.to.is_none());
                let mut deltas = BTreeMap::from([(Term::OnHand, on_hand * units)]);
                for (term, sign) in [(movement.from, -1), (movement.to, 1)] {
                    if let Some(term) = term {
                        *deltas.entry(term).or_default() += sign * units;
                    }
                }
                for (term, delta) in deltas {
                    *level.0.entry(term).or_default() += delta;
                }
                for (bin, delta) in movement.bins() {
                    *bins.units.entry(bin.to_owned()).or_default() += delta;
                }
                // Told apart by hand: where the units were carried.
                let at = |bin: usize| BINS[bin].to_owned();
                let (left, came) = match step {
                    0 => (None, Some(at(bin))),
                    1 => (Some(at(bin)), Some(STAGED_BIN.to_owned())),
                    2 => (Some(STAGED_BIN.to_owned()), Some(at(bin))),
                    3 => (Some(STAGED_BIN.to_owned()), None),
                    4 => (Some(at(bin)), None),
                    5 => (None, None),
                    _ => (Some(at(bin)), Some(at(other))),
                };
                if let Some(left) = left {
                    *where_it_is.entry(left).or_default() -= units;
                }
                if let Some(came) = came {
                    *where_it_is.entry(came).or_default() += units;
                }
                where_it_is.retain(|_, units| *units != 0);
                let all = bins.all(&level);
                prop_assert_eq!(all.values().sum::<i64>(), level.get(Term::OnHand));
                prop_assert_eq!(&all, &where_it_is);
            }
        }
    }
}
