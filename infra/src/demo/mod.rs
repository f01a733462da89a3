//! `cargo local demo`: real orders through every function, by the public HTTP API alone. It ends with a failure if anything
//! differs from what must be.

pub mod api;
mod check;
mod floor;
mod scenario;
pub mod setup;

use api::StepError;
use jiff::Timestamp;
use scenario::{Outcome, Scenario};
use setup::{Endpoints, set_up};

/// Units of each item in each location at the start: every location lacks something of the split order.
fn initial(index: usize, location: &str) -> u32 {
    let sku = setup::CATALOGUE.lines().nth(index + 1).and_then(|line| line.split(',').next()).unwrap_or_default();
    match (sku, location) {
        ("HONEY-ACACIA-400", "VAR1") | ("JAM-FIG-300", "SOF1") | ("POT-CLAY-1L", "VAR1") => 0,
        ("POT-CLAY-1L", _) => 5,
        (_, "SOF1") => 40,
        _ => 15,
    }
}

/// Plays the demo; `started` tells runs on one stack apart.
///
/// # Errors
/// [`StepError`]: what differs from what must be.
pub async fn run(endpoints: &Endpoints, started: Timestamp) -> Result<(), StepError> {
    println!("\nSetting up: a merchant, a Shopify channel, a carrier account, two locations, a catalogue");
    let world = set_up(endpoints, &format!("Чайна къща {}", started.as_millisecond())).await?;
    let items = world.stock_up(initial).await?;
    println!("  merchant {}; {items} items in {} locations\n", world.merchant, setup::LOCATIONS.len());
    println!("Orders, as their timelines grow:");
    let mut scenario = Scenario::new(&world, started);
    let outcomes = vec![
        scenario.delivered_and_returned().await?,
        scenario.split().await?,
        scenario.duplicate().await?,
        scenario.forged().await?,
        scenario.backordered().await?,
        scenario.refused().await?,
    ];
    check::all(&world, initial).await?;
    table(&world, &outcomes).await
}

async fn table(world: &setup::World, outcomes: &[Outcome]) -> Result<(), StepError> {
    println!("\n{:<7} {:<13} {:<10} {:<10} what it shows", "order", "fulfilment", "delivery", "money");
    for outcome in outcomes {
        let axes = match &outcome.order {
            None => ["–".to_owned(), "–".to_owned(), "–".to_owned()],
            Some(id) => {
                let body = world.operations.get(&format!("/v1/orders/{id}")).await?;
                ["fulfilment", "delivery", "money"].map(|axis| body[axis].as_str().unwrap_or("?").to_owned())
            }
        };
        println!("{:<7} {:<13} {:<10} {:<10} {}", outcome.number, axes[0], axes[1], axes[2], outcome.story);
    }
    println!("\nDocuments (links work for five minutes):");
    for outcome in outcomes {
        for (name, url) in &outcome.documents {
            println!("  {} {name:<13} {url}", outcome.number);
        }
    }
    println!("\nEverything is as it must be: stock, shop, carrier.");
    Ok(())
}
