//! `cargo local demo`: real orders through every function, by the public HTTP API alone. It ends with a failure if anything
//! differs from what must be.

pub mod api;
mod check;
mod floor;
mod scenario;
pub mod setup;

use crate::sandbox;
use api::StepError;
use jiff::Timestamp;
use partners::http::{Method, Request};
use scenario::{Outcome, Scenario};
use setup::{Endpoints, set_up};
use std::path::Path;

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

/// Plays the demo and keeps its labels and packing slips in `documents`; `started` tells runs on one stack apart.
///
/// # Errors
/// [`StepError`]: what differs from what must be.
pub async fn run(endpoints: &Endpoints, documents: &Path, started: Timestamp) -> Result<(), StepError> {
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
    table(&world, &outcomes).await?;
    keep(documents, &outcomes).await?;
    println!("\nEverything is as it must be: stock, shop, carrier.");
    Ok(())
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
    Ok(())
}

/// Downloads every document by its link, as a browser would, and says where it can be opened.
async fn keep(directory: &Path, outcomes: &[Outcome]) -> Result<(), StepError> {
    let failed = |path: &Path, source: std::io::Error| StepError::Unexpected {
        what: format!("writing {}", path.display()),
        expected: "a file".to_owned(),
        got: source.to_string(),
    };
    std::fs::create_dir_all(directory).map_err(|source| failed(directory, source))?;
    println!("\nDocuments, downloaded by their links (which work for five minutes):");
    for outcome in outcomes {
        for (name, url) in &outcome.documents {
            let request = Request::new(Method::Get, url.clone());
            let what = format!("the {name} of {}", outcome.number);
            let answer =
                sandbox::call(&request).await.map_err(|source| StepError::Call { what: what.clone(), source })?;
            api::same(&what, (answer.status, answer.body.starts_with(b"%PDF-")), (200, true))?;
            let file = format!("{}-{}.pdf", outcome.number.trim_start_matches('#'), name.replace(' ', "-"));
            let path = directory.join(file);
            std::fs::write(&path, &answer.body).map_err(|source| failed(&path, source))?;
            println!("  {} {name:<13} {}", outcome.number, path.display());
        }
    }
    Ok(())
}
