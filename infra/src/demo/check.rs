//! What must be true at the end: the stock equation, what the shop knows, what the carrier sold.

use super::api::{StepError, same};
use super::setup::{CATALOGUE, LOCATIONS, World};
use std::collections::BTreeMap;

/// Units that went out (and, restocked or quarantined, came back), by item: what the scenario does to the stock.
fn shipped_for_good() -> BTreeMap<&'static str, i64> {
    BTreeMap::from([
        ("TEA-GREEN-100", 2),
        ("HONEY-ACACIA-400", 1),
        ("JAM-FIG-300", 2),
        ("SOAP-ROSE", 1),
        ("POT-CLAY-1L", 12),
    ])
}

/// Holds stock levels, the shop's fulfilments and stock, and the carrier's labels against what must be.
///
/// # Errors
/// [`StepError`] names the first difference.
pub(super) async fn all(world: &World, initial: impl Fn(usize, &str) -> u32) -> Result<(), StepError> {
    let shipped = shipped_for_good();
    for (index, line) in CATALOGUE.lines().skip(1).enumerate() {
        let Some(sku) = line.split(',').next() else { continue };
        let body = world.operations.get(&format!("/v1/stock-levels/{sku}")).await?;
        let mut on_hand = 0;
        for level in body["levels"].as_array().into_iter().flatten() {
            let units = |term: &str| level[term].as_i64().unwrap_or(0);
            let parts = ["available", "open_takes", "reserved", "picked", "receiving", "damaged", "quarantine"]
                .into_iter()
                .chain(["inspection", "expired", "recalled", "count_suspect", "compliance"])
                .map(units)
                .sum::<i64>();
            same(&format!("the stock equation of {sku}"), units("on_hand"), parts)?;
            same(&format!("reserved and picked units of {sku} at rest"), units("reserved") + units("picked"), 0)?;
            on_hand += units("on_hand");
        }
        let received: u32 = LOCATIONS.into_iter().map(|location| initial(index, location)).sum();
        let later = if sku == "POT-CLAY-1L" { 20 } else { 0 };
        let expected = i64::from(received) + later - shipped.get(sku).copied().unwrap_or(0);
        same(&format!("units of {sku} on hand"), on_hand, expected)?;
    }
    shop(world).await
}

/// Every parcel that went out was reported to the shop once, and the shop knows the sellable stock.
async fn shop(world: &World) -> Result<(), StepError> {
    let parcels = 6;
    world
        .shop_admin
        .until("every parcel reported to the shop once", "/shop/admin/state", |state| {
            let parts =
                state["orders"].as_array()?.iter().filter_map(|order| order["fulfilment_orders"].as_array()).flatten();
            let reported = parts.map(|part| part["fulfilments"].as_array().map_or(0, Vec::len)).sum::<usize>();
            (reported == parcels).then_some(())
        })
        .await?;
    let body = world.operations.get("/v1/stock-levels/CUP-BLUE").await?;
    let sellable = body["sellable"].as_u64();
    world
        .shop_admin
        .until("the shop's stock of CUP-BLUE", "/shop/admin/state", |state| {
            let item = state["items"].as_array()?.iter().find(|item| item["sku"] == "CUP-BLUE")?;
            (item["available"].as_u64() == sellable).then_some(())
        })
        .await
}
