//! What one partition serves in a second, and what it was asked for.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::meter::Units;

/// The span that budgets are stated for.
const SECOND_MS: u64 = 1000;

/// Units that one partition serves in any 1,000 milliseconds.
///
/// A sliding window and not a bucket that refills: a bucket would let nearly twice its size through in its first
/// second, and a claim of "within 1,000 units a second" must hold for every second, however it is cut. A call that
/// costs more than a whole second's budget passes when its partition was idle for that long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Write units.
    pub write_units: u32,
    /// Read units.
    pub read_units: u32,
}

impl Default for Budgets {
    /// DynamoDB's own: 1,000 write and 3,000 read units.
    fn default() -> Self {
        Self { write_units: 1000, read_units: 3000 }
    }
}

/// One partition: all items of a table, or all entries of an index, that share a partition key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Partition {
    /// The table.
    pub table: String,
    /// The global secondary index; `None` for the table itself.
    pub index: Option<String>,
    /// The value of the partition key.
    pub key: String,
}

/// How fast a partition was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rate {
    /// All units consumed.
    pub units: f64,
    /// The most in any 1,000 milliseconds.
    pub peak_units_per_second: f64,
    /// When those ended (milliseconds since the epoch).
    pub peak_at_ms: u64,
    /// Calls, or items of a batch, that were refused for want of units.
    pub throttled: u64,
}

/// One partition's use.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartitionUsage {
    /// Which.
    pub partition: Partition,
    /// Writes.
    pub writes: Rate,
    /// Reads.
    pub reads: Rate,
}

/// What a call costs one partition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Charge {
    pub(super) partition: Partition,
    pub(super) units: Units,
}

#[derive(Debug, Default)]
struct Window {
    recent: VecDeque<(u64, f64)>,
    // Units are multiples of a half, so that sums are exact.
    sum: f64,
    rate: Rate,
}

impl Window {
    fn forget(&mut self, now_ms: u64) {
        while let Some((at, units)) = self.recent.front().copied().filter(|(at, _)| at + SECOND_MS <= now_ms) {
            debug_assert!(at <= now_ms);
            self.recent.pop_front();
            self.sum -= units;
        }
    }

    fn admits(&mut self, now_ms: u64, reserved: f64, units: f64, limit: u32) -> bool {
        self.forget(now_ms);
        let used = self.sum + reserved;
        let admitted = units == 0.0 || used == 0.0 || used + units <= f64::from(limit);
        self.rate.throttled += u64::from(!admitted);
        admitted
    }

    fn record(&mut self, now_ms: u64, units: f64) {
        if units == 0.0 {
            return;
        }
        self.forget(now_ms);
        match self.recent.back_mut() {
            Some((at, sum)) if *at == now_ms => *sum += units,
            _ => self.recent.push_back((now_ms, units)),
        }
        self.sum += units;
        self.rate.units += units;
        if self.sum > self.rate.peak_units_per_second {
            self.rate.peak_units_per_second = self.sum;
            self.rate.peak_at_ms = now_ms;
        }
    }
}

#[derive(Debug, Default)]
struct Usage {
    writes: Window,
    reads: Window,
}

/// All partitions' use.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    partitions: BTreeMap<Partition, Usage>,
}

impl Ledger {
    /// Whether every partition has units left for its share of `charges`, beside what is `reserved`; otherwise those
    /// that have not, in order.
    pub(super) fn admit(
        &mut self,
        budgets: Option<&Budgets>,
        now_ms: u64,
        reserved: &[Charge],
        charges: &[Charge],
    ) -> Result<(), Vec<Partition>> {
        let Some(budgets) = budgets else { return Ok(()) };
        let mut shares = BTreeMap::<&Partition, Units>::new();
        for charge in charges {
            shares.entry(&charge.partition).or_default().add(charge.units);
        }
        let mut exceeded = Vec::new();
        for (partition, units) in shares {
            let mut taken = Units::default();
            reserved.iter().filter(|c| c.partition == *partition).for_each(|c| taken.add(c.units));
            if !self.partitions.contains_key(partition) {
                self.partitions.insert(partition.clone(), Usage::default());
            }
            let Some(usage) = self.partitions.get_mut(partition) else { continue };
            let writes = usage.writes.admits(now_ms, taken.write, units.write, budgets.write_units);
            let reads = usage.reads.admits(now_ms, taken.read, units.read, budgets.read_units);
            if !(writes && reads) {
                exceeded.push(partition.clone());
            }
        }
        if exceeded.is_empty() { Ok(()) } else { Err(exceeded) }
    }

    pub(super) fn record(&mut self, now_ms: u64, charges: Vec<Charge>) {
        for Charge { partition, units } in charges {
            let usage = self.partitions.entry(partition).or_default();
            usage.writes.record(now_ms, units.write);
            usage.reads.record(now_ms, units.read);
        }
    }

    pub(super) fn usage(&self) -> Vec<PartitionUsage> {
        let one = |(partition, usage): (&Partition, &Usage)| PartitionUsage {
            partition: partition.clone(),
            writes: usage.writes.rate,
            reads: usage.reads.rate,
        };
        self.partitions.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn write(key: &str, units: f64) -> Charge {
        let partition = Partition { table: "t".into(), index: None, key: key.into() };
        Charge { partition, units: Units { read: 0.0, write: units } }
    }

    #[test]
    fn a_call_larger_than_the_budget_passes_an_idle_partition_only() {
        let mut ledger = Ledger::default();
        let budgets = Budgets { write_units: 10, read_units: 10 };
        assert!(ledger.admit(Some(&budgets), 0, &[], &[write("a", 50.0)]).is_ok());
        ledger.record(0, vec![write("a", 50.0)]);
        assert!(ledger.admit(Some(&budgets), 999, &[], &[write("a", 1.0)]).is_err());
        assert!(ledger.admit(Some(&budgets), 999, &[], &[write("b", 1.0)]).is_ok());
        assert!(ledger.admit(Some(&budgets), 1000, &[], &[write("a", 50.0)]).is_ok());
        assert_eq!(ledger.usage()[0].writes.throttled, 1);
    }

    #[test]
    fn two_charges_at_one_partition_are_weighed_together() {
        let mut ledger = Ledger::default();
        let budgets = Budgets { write_units: 10, read_units: 10 };
        ledger.record(0, vec![write("a", 5.0)]);
        assert!(ledger.admit(Some(&budgets), 1, &[], &[write("a", 3.0), write("a", 3.0)]).is_err());
        assert!(ledger.admit(Some(&budgets), 1, &[], &[write("a", 3.0), write("a", 2.0)]).is_ok());
        assert!(ledger.admit(Some(&budgets), 1, &[write("a", 3.0)], &[write("a", 3.0)]).is_err());
        assert!(ledger.admit(Some(&budgets), 1, &[write("b", 9.0)], &[write("b", 3.0)]).is_err(), "nor an idle one");
    }

    proptest! {
        /// Against the definition: no 1,000 ms, wherever they begin, hold more than the budget; the peak is the
        /// largest of them; and whoever is refused would have broken that.
        #[test]
        fn no_second_sees_more_than_the_budget(calls in prop::collection::vec((0_u64..400, 1_u32..8), 1..80)) {
            let budgets = Budgets { write_units: 20, read_units: 20 };
            let (mut ledger, mut now_ms) = (Ledger::default(), 0);
            let mut admitted: Vec<(u64, f64)> = Vec::new();
            for (pause_ms, units) in calls {
                now_ms += pause_ms;
                let units = f64::from(units);
                let last: f64 = admitted.iter().filter(|(at, _)| at + 1000 > now_ms).map(|(_, units)| units).sum();
                let outcome = ledger.admit(Some(&budgets), now_ms, &[], &[write("a", units)]);
                prop_assert_eq!(outcome.is_ok(), last + units <= 20.0);
                if outcome.is_ok() {
                    ledger.record(now_ms, vec![write("a", units)]);
                    admitted.push((now_ms, units));
                }
            }
            let within = |end: u64| admitted.iter().filter(move |(at, _)| *at <= end && at + 1000 > end);
            let peak = admitted.iter().map(|(end, _)| within(*end).map(|(_, units)| units).sum::<f64>()).fold(0.0, f64::max);
            prop_assert_eq!(ledger.usage()[0].writes.peak_units_per_second, peak);
            prop_assert!(peak <= 20.0);
        }
    }
}
