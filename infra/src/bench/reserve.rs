//! Counts and CPU time of one reservation, by batch: the function alone, over the engine in this process.

use std::path::Path;

use crate::simulation::SimulationError;
use crate::simulation::sale::{Basket, Measured, measure};

/// Batches that are measured.
const BATCHES: [usize; 3] = [1, 10, 100];
/// Orders of each measurement.
const ORDERS: u64 = 1000;

/// Measures everything and prints it.
///
/// # Errors
/// [`SimulationError`].
pub fn print(template: &Path) -> Result<(), SimulationError> {
    let build = if cfg!(debug_assertions) { "dev build" } else { "release build" };
    println!("stock-reservation per order: {ORDERS} orders, one batch after the other, no faults.");
    println!(
        "Requests to SQS are the event source's, ten messages each. CPU time is this thread's (CLOCK_THREAD_CPUTIME_ID),"
    );
    println!(
        "median of the batches, {build}: the function with the SDK, and apart from it the engine, which stands for AWS."
    );
    println!("  basket                 batch   write    read  DynamoDB       SQS  CPU us    engine");
    println!("                                 units   units  requests  requests            CPU us");
    for basket in Basket::ALL {
        for batch in BATCHES {
            print_line(basket, batch, &measure(template, basket, batch, ORDERS)?);
        }
    }
    Ok(())
}

fn print_line(basket: Basket, batch: usize, measured: &Measured) {
    let name = match basket {
        Basket::Hot => "1 line, hot item",
        Basket::Spread => "3 lines of 200 items",
        Basket::SoldOut => "1 line, sold out",
    };
    let per_order = |count: f64| count / measured.orders as f64;
    println!(
        "  {name:<21}  {batch:5}  {:6.2}  {:6.2}  {:8.2}  {:8.2}  {:6.0}  {:8.0}",
        per_order(measured.costs.write_units),
        per_order(measured.costs.read_units),
        per_order(measured.costs.requests as f64),
        per_order((measured.function_sqs + measured.source_sqs) as f64),
        measured.cpu_us,
        measured.engine_cpu_us,
    );
    let operations: Vec<String> =
        measured.operations.iter().map(|(name, count)| format!("{name} {:.2}", per_order(*count as f64))).collect();
    println!("                                 {}", operations.join(", "));
}
