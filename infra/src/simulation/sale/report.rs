//! What `cargo local sim --sale` prints.

use std::path::Path;

use engine::dynamodb::adversity::Budgets;

use super::super::SimulationError;
use super::super::faults::Profile;
use super::{Sale, SaleReport, fairness, hold, hold_all, transaction_per_order};

/// Seeds of the printed figures.
const SEEDS: [u64; 3] = [1, 2, 3];
/// Batches whose costs are printed.
const BATCHES: [usize; 4] = [1, 10, 100, 1000];
/// Orders of the runs that count costs.
const ORDERS: u64 = 3000;
/// Virtual seconds of the runs at a rate.
const LASTS_S: u64 = 5;
/// Write units of the level that a batch costs: its take is opened by one write and closed by another.
const LEVEL_UNITS_OF_BATCH: u64 = 2;
/// Orders a second offered to the design that lost.
const RIVAL_RATES: [u64; 4] = [25, 50, 100, 200];
/// Stock for so many of a hundred orders.
const STOCK_PERCENT: u64 = 60;

/// Prints the figures of the sale, and says whether all is well: nothing oversold, undersold or lost, each rate held by one
/// of the batches, no write of the level for who comes too late, the quiet merchant served within 1.5 times its time alone.
///
/// # Errors
/// [`SimulationError`] when a sale cannot be held.
pub fn print(template: &Path, rates: &[u64], batches: &[usize]) -> Result<bool, SimulationError> {
    println!("A flash sale of one item at one location; stock for {STOCK_PERCENT} % of the orders, one unit each.");
    let mut all_well = costs(template)?;
    println!(
        "\nAt a rate, without faults, {LASTS_S} virtual seconds; a partition serves 1,000 write units in any second,"
    );
    println!(
        "tables and indexes metered. The least batch is the least of {batches:?} that no partition ever throttles:"
    );
    println!("     rate  batch  seed  counter writes  of which  counter   other  throttled  decided ms    at  safe");
    println!("                             per order   in vain  units/s  units/s      calls   p50   p99  once");
    for rate in rates {
        all_well &= least_batch(template, *rate, batches)?;
    }
    rivals(template)?;
    all_well &= fair();
    Ok(all_well)
}

/// What orders cost under faults and without.
fn costs(template: &Path) -> Result<bool, SimulationError> {
    let sales = |profile: &Profile, seeds: &[u64]| -> Vec<Sale> {
        let of_batch = |batch: usize| {
            // As fast as batches of this size can be taken in.
            let rate_per_s = (40 * batch as u64).min(10_000);
            seeds.iter().map(move |seed| sale(template, *seed, ORDERS, rate_per_s, batch, profile.clone()))
        };
        BATCHES.into_iter().flat_map(of_batch).collect()
    };
    let quiet = hold_all(&sales(&Profile::none(), &SEEDS[..1]))?;
    let faulty = hold_all(&sales(&Profile::standard(), &SEEDS))?;
    println!("\nPer order, {ORDERS} orders: without faults (seed {}), and with 5 % crashes, 5 % duplicates,", SEEDS[0]);
    println!("3 % zombies (seeds {SEEDS:?}); write units of all tables and indexes:");
    println!("         without faults            with faults");
    println!("  batch  counter writes   units    counter writes   units  times  oversold  undersold  lost  unsound");
    for ((batch, quiet), faulty) in BATCHES.iter().zip(&quiet).zip(faulty.chunks(SEEDS.len())) {
        let sum = |of: fn(&SaleReport) -> u64| faulty.iter().map(of).sum::<u64>();
        let orders = sum(|report| report.orders) as f64;
        let (before, units) = (
            quiet.costs.write_units / quiet.orders as f64,
            faulty.iter().map(|report| report.costs.write_units).sum::<f64>() / orders,
        );
        println!(
            "  {batch:5}  {:14.4}  {before:6.2}    {:14.4}  {units:6.2}  {:5.2}  {:8}  {:9}  {:4}  {:7}",
            counter_writes(quiet),
            sum(|report| report.counter_writes) as f64 / orders,
            units / before,
            sum(|report| report.oversold),
            sum(|report| report.undersold),
            sum(|report| report.lost),
            sum(|report| u64::from(!report.level_is_sound)),
        );
    }
    Ok(quiet.iter().chain(&faulty).all(SaleReport::is_safe))
}

/// Finds the least batch by which a rate is held, from the least that can hold it by arithmetic on, and holds it with the other
/// seeds, too. Prints each run as it ends; says whether a batch holds the rate, safely, and nobody who came too late cost a write of
/// the level.
fn least_batch(template: &Path, rate: u64, batches: &[usize]) -> Result<bool, SimulationError> {
    let at_rate = |seed: u64, batch: usize| sale(template, seed, rate * LASTS_S, rate, batch, Profile::none());
    let mut well = true;
    for &batch in batches {
        let at_least = LEVEL_UNITS_OF_BATCH * rate / (batch.max(1) as u64);
        if at_least > Budgets::default().write_units.into() {
            println!("  {rate:7}  {batch:5}  cannot: {at_least} units/s at the counter");
            continue;
        }
        let first = hold(&at_rate(SEEDS[0], batch))?;
        println!("{}", line(rate, batch, SEEDS[0], &first));
        well &= first.is_safe();
        if first.throttled > 0 {
            continue;
        }
        let others: Vec<Sale> = SEEDS[1..].iter().map(|seed| at_rate(*seed, batch)).collect();
        let mut reports = vec![first];
        reports.extend(hold_all(&others)?);
        for (seed, report) in SEEDS.iter().zip(&reports).skip(1) {
            println!("{}", line(rate, batch, *seed, report));
        }
        let sum = |of: fn(&SaleReport) -> u64| reports.iter().map(of).sum::<u64>();
        println!(
            "  {rate} orders a second: the least batch is {batch}; {} orders came when all was sold, and cost {} counter writes",
            sum(|report| report.refused_sold_out),
            sum(|report| report.counter_writes_sold_out)
        );
        let holds = reports.iter().all(|report| report.is_safe() && report.throttled == 0);
        return Ok(well && holds && sum(|report| report.counter_writes_sold_out) == 0);
    }
    println!("  {rate} orders a second: none of these batches is enough");
    Ok(false)
}

/// What one transaction an order comes to, by the same engine, latencies and limits.
fn rivals(template: &Path) -> Result<(), SimulationError> {
    println!(
        "\nThe design that lost, one transaction an order (six tries), without faults, {LASTS_S} virtual seconds:"
    );
    println!("  offered/s  reserved/s  tries spent  write units per reserved order");
    for offered_per_s in RIVAL_RATES {
        let rival = transaction_per_order(template, SEEDS[0], offered_per_s, LASTS_S)?;
        println!(
            "  {offered_per_s:9}  {:10.1}  {:9.1} %  {:30.1}",
            rival.served_per_s, rival.spent_percent, rival.write_units
        );
    }
    Ok(())
}

fn fair() -> bool {
    println!(
        "\nA model (deficit round robin over merchants, relay lag included) of a merchant with 50 orders a second"
    );
    println!("beside a sale of 10,000 a second, 99th percentile from commit to reservation:");
    println!("  batch  alone   beside the sale, in turn  times  beside the sale, by age");
    let mut fair = true;
    for batch in [10, 100, 1000] {
        let model = fairness(SEEDS[0], 10_000, batch);
        println!(
            "  {batch:5}  {:3} ms  {:21} ms  {:5.2}  {:20} ms",
            model.alone_ms,
            model.in_turn_ms,
            model.in_turn_ms as f64 / model.alone_ms.max(1) as f64,
            model.by_age_ms
        );
        fair &= model.in_turn_ms * 2 <= model.alone_ms * 3;
    }
    fair
}

fn sale(template: &Path, seed: u64, orders: u64, rate_per_s: u64, batch: usize, profile: Profile) -> Sale {
    let stock = u32::try_from(orders * STOCK_PERCENT / 100).unwrap_or(u32::MAX);
    Sale { template: template.to_owned(), seed, orders, stock, rate_per_s, batch, profile }
}

fn counter_writes(report: &SaleReport) -> f64 {
    report.counter_writes as f64 / report.orders.max(1) as f64
}

/// One run at a rate.
fn line(rate: u64, batch: usize, seed: u64, report: &SaleReport) -> String {
    format!(
        "  {rate:7}  {batch:5}  {seed:4}  {:14.4}  {:8}  {:7.0}  {:7.0}  {:9}  {:4}  {:4}  {:4}  {}",
        counter_writes(report),
        report.counter_writes_in_vain,
        report.counter_peak_units,
        report.other_peak_units,
        report.throttled,
        report.decided_p50_ms,
        report.decided_p99_ms,
        report.concurrency,
        if report.is_safe() { "yes" } else { "NO" },
    )
}
