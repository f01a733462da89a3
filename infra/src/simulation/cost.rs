//! What faults cost: the same seeds once without faults and once in the standard profile, in the same worlds.

use super::command::{Many, Summary, run_many};
use super::faults::Profile;
use super::{Report, SimulationError};

/// Write units per order in the standard profile, by those without faults: no more than this.
pub const COST_BOUND: f64 = 1.2;
/// With fewer pairs than this chance weighs more than cost.
pub const COST_IS_DUE_AFTER: u64 = 30;

/// The same seeds with and without faults.
#[derive(Debug)]
pub struct Cost {
    /// In the standard profile.
    pub with: Summary,
    /// Without faults.
    pub without: Summary,
}

impl Cost {
    /// Runs each seed of `many` twice.
    ///
    /// # Errors
    /// [`SimulationError`], when a run could not be made at all.
    pub fn measure(many: &Many<'_>) -> Result<Self, SimulationError> {
        let (standard, none) = (Profile::standard(), Profile::none());
        Ok(Self {
            with: run_many(&Many { profile: Some(&standard), ..*many })?,
            without: run_many(&Many { profile: Some(&none), ..*many })?,
        })
    }

    /// Write units per order with faults, by those without.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.with.units_per_order() / self.without.units_per_order().max(f64::MIN_POSITIVE)
    }

    /// Whether the bound is kept, as far as there are pairs enough to tell.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.with.seeds < COST_IS_DUE_AFTER || self.ratio() <= COST_BOUND
    }

    /// Runs that broke something.
    pub fn failed(&self) -> impl Iterator<Item = &Report> {
        self.without.failed.iter().chain(&self.with.failed)
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "write units per order, {} pairs of runs", self.with.seeds)?;
        writeln!(f, "  without faults       {:>12.2}", self.without.units_per_order())?;
        writeln!(f, "  standard profile     {:>12.2}", self.with.units_per_order())?;
        let due = if self.with.seeds < COST_IS_DUE_AFTER { ", not held against so few pairs" } else { "" };
        writeln!(f, "  ratio                {:>12.2}  (bound {COST_BOUND}{due})", self.ratio())?;
        writeln!(f, "\n  {:<30} {:>10} {:>10}", "of which", "without", "with")?;
        let per_order = |summary: &Summary, kind: &str| {
            summary.write_units.get(kind).copied().unwrap_or_default() / summary.orders.max(1) as f64
        };
        for kind in self.with.write_units.keys() {
            let (without, with) = (per_order(&self.without, kind), per_order(&self.with, kind));
            if with > 0.0 {
                writeln!(f, "  {kind:<30} {without:>10.2} {with:>10.2}")?;
            }
        }
        for report in self.failed() {
            write!(f, "\nseed {} ({}): {:?}", report.seed, report.profile, report.violations)?;
        }
        Ok(())
    }
}
