//! What `cargo local sim --sale` prints.

use std::path::Path;

use super::super::SimulationError;
use super::super::faults::Profile;
use super::{Sale, SaleReport, fairness, hold};

/// Seeds of the printed figures.
const SEEDS: [u64; 3] = [1, 2, 3];
/// Orders of the runs with faults.
const ORDERS: u64 = 3000;
/// Virtual seconds of the runs at a rate.
const LASTS_S: u64 = 5;
/// Stock for so many of a hundred orders.
const STOCK_PERCENT: u64 = 60;

/// Prints the figures of the sale, and says whether all is well.
///
/// # Errors
/// [`SimulationError`] when a sale cannot be held.
pub fn print(template: &Path, rates: &[u64], batches: &[usize]) -> Result<bool, SimulationError> {
    let mut all_well = true;
    println!("A flash sale of one item at one location; stock for {STOCK_PERCENT} % of the orders, one unit each.");
    println!("\nUnder faults (5 % crashes, 5 % duplicates, 3 % zombies), {ORDERS} orders, seeds {SEEDS:?}:");
    println!("  batch  counter writes per order  all write units per order  oversold  undersold  lost");
    for batch in [1, 10, 100, 1000] {
        let mut reports = Vec::new();
        for seed in SEEDS {
            let profile = Profile::standard();
            // As fast as batches of this size can be taken in.
            let rate_per_s = (40 * batch as u64).min(10_000);
            reports.push(hold(&sale(template, seed, ORDERS, rate_per_s, batch, profile))?);
        }
        all_well &= reports.iter().all(SaleReport::is_safe);
        let orders = (ORDERS * SEEDS.len() as u64) as f64;
        let sum = |of: fn(&SaleReport) -> f64| reports.iter().map(of).sum::<f64>();
        println!(
            "  {batch:5}  {:24.3}  {:25.2}  {:8}  {:9}  {:4}",
            sum(|report| report.counter_writes as f64) / orders,
            sum(|report| report.write_units) / orders,
            sum(|report| report.oversold as f64),
            sum(|report| report.undersold as f64),
            sum(|report| report.lost as f64),
        );
    }
    println!("\nAt a rate, without faults, {LASTS_S} virtual seconds; a partition serves 1,000 write units a second:");
    for rate in rates {
        let mut least = None;
        for batch in batches {
            let report = hold(&sale(template, SEEDS[0], rate * LASTS_S, *rate, *batch, Profile::none()))?;
            print_line(*rate, *batch, &report);
            all_well &= report.is_safe();
            if report.throttled == 0 && report.is_safe() {
                least = Some(*batch);
                break;
            }
        }
        match least {
            Some(batch) => {
                println!("  {rate} orders a second: the least of these batches that is never throttled is {batch}")
            }
            None => println!("  {rate} orders a second: none of these batches is enough"),
        }
        all_well &= least.is_some();
    }
    println!(
        "\nA model (deficit round robin over merchants, relay lag included) of a merchant with 50 orders a second"
    );
    println!("beside a sale of 10,000 a second, 99th percentile from commit to reservation:");
    println!("  batch  alone  beside the sale, in turn  beside the sale, by age");
    for batch in [10, 100, 1000] {
        let model = fairness(SEEDS[0], 10_000, batch);
        println!("  {batch:5}  {:3} ms  {:21} ms  {:20} ms", model.alone_ms, model.in_turn_ms, model.by_age_ms);
        all_well &= model.in_turn_ms * 2 <= model.alone_ms * 3;
    }
    Ok(all_well)
}

fn sale(template: &Path, seed: u64, orders: u64, rate_per_s: u64, batch: usize, profile: Profile) -> Sale {
    let stock = u32::try_from(orders * STOCK_PERCENT / 100).unwrap_or(u32::MAX);
    Sale { template: template.to_owned(), seed, orders, stock, rate_per_s, batch, profile }
}

/// Prints one run at a rate.
fn print_line(rate: u64, batch: usize, report: &SaleReport) {
    println!(
        "  {rate:6}/s batch {batch:4}: counter {:.3} writes/order, peak {:.0} units/s (others {:.0}), throttled {}, \
         decided p50 {} ms p99 {} ms, {} at once, oversold {} undersold {} lost {}",
        report.counter_writes as f64 / (report.reserved + report.waiting).max(1) as f64,
        report.counter_peak_units,
        report.other_peak_units,
        report.throttled,
        report.decided_p50_ms,
        report.decided_p99_ms,
        report.concurrency,
        report.oversold,
        report.undersold,
        report.lost,
    );
}
