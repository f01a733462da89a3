//! Kits of the catalogue. A component knows in how many kits it is, and changes with them in one transaction: so an item
//! is never a kit and a component at once, whoever changes what at the same time. What it is a part of is listed beside it, for
//! its kits to be computed anew when its stock changes.

use domain::allocation::Component;
use domain::{Decision, MerchantId, Rejected, Sku};
use platform::items::{PartOf, StoredItem, item_key};
use platform::{Deps, Failure, Operation, Stored, Versioned, Write};
use std::collections::BTreeMap;

/// Most kits that an item is a component of: each is computed anew with every change of its stock.
const KITS_MAX: u32 = 1000;

/// What changes with an item whose kit changes from that of `current` to that of `next`: what its components know of it.
///
/// # Errors
/// [`Failure::Rejected`]: `unknown-item`, `kit-contains-kit`, `item-has-stock`, `too-many-kits`, with the pointer.
pub(crate) async fn follow(
    deps: &Deps,
    current: Option<&StoredItem>,
    next: &StoredItem,
    operation: &Operation,
) -> Result<Vec<Write>, Failure> {
    let was: &[Component] = current.map_or(&[], |current| &current.item.kit);
    let (merchant, kit) = (&next.merchant, next.item.kit.as_slice());
    if was.is_empty() && !kit.is_empty() {
        becomes_kit(deps, merchant, current, &next.item.sku).await?;
    }
    let names = |kit: &[Component], sku: &Sku| kit.iter().any(|component| component.sku == *sku);
    let keys: Vec<_> = was.iter().chain(kit).map(|component| item_key(merchant, &component.sku)).collect();
    let items = deps.store.load_many::<StoredItem>(&keys).await?;
    let items: BTreeMap<Sku, Versioned<StoredItem>> =
        items.into_iter().map(|item| (item.body.item.sku.clone(), item)).collect();
    for (index, component) in kit.iter().enumerate() {
        let refused = |code, detail: &str| Rejected::new(code, detail).at(format!("/kit/{index}/sku"));
        match items.get(&component.sku) {
            None => {
                let detail = "there is no item with this SKU: create it first, with POST /v1/items or an import";
                return Err(refused("unknown-item", detail).into());
            }
            Some(item) if item.body.item.is_kit() => {
                let detail = "this item is a kit: list what it is made of instead";
                return Err(refused("kit-contains-kit", detail).into());
            }
            Some(item) if item.body.kits >= KITS_MAX && !names(was, &component.sku) => {
                let detail =
                    "this item is a component of 1000 kits, which is the most: take it out of another kit first";
                return Err(refused("too-many-kits", detail).into());
            }
            Some(_) => {}
        }
    }
    let mut writes = Vec::new();
    for (sku, item) in &items {
        let part = PartOf { merchant: merchant.clone(), sku: sku.clone(), kit: next.item.sku.clone() };
        let kits = match (names(was, sku), names(kit, sku)) {
            (false, true) => {
                writes.push(deps.store.put_of(&part, operation)?);
                item.body.kits + 1
            }
            (true, false) => {
                writes.push(Write::Delete(part.key()));
                item.body.kits.saturating_sub(1)
            }
            _ => continue,
        };
        // Another operation than the item's own: an import may have a line for the component too.
        let counted = Operation::of(&["kit", operation.id(), sku.as_str()]);
        writes.extend(
            deps.store.write_of(Some(item), Decision::of(StoredItem { kits, ..item.body.clone() }), &counted)?.0,
        );
    }
    Ok(writes)
}

/// An item that is kept in stock, or is a part of kits, does not become a kit: its units would never be promised again.
async fn becomes_kit(
    deps: &Deps,
    merchant: &MerchantId,
    current: Option<&StoredItem>,
    sku: &Sku,
) -> Result<(), Failure> {
    if let Some(StoredItem { kits: kits @ 1.., .. }) = current {
        let detail =
            format!("this item is a component of {kits} kits, and a kit contains no kit: take it out of them first");
        return Err(Rejected::new("kit-contains-kit", detail).at("/kit").into());
    }
    let levels = deps.store.levels(merchant, sku).await?;
    if levels.iter().any(|(_, stored)| stored.body.level().0.values().any(|units| *units != 0)) {
        let detail =
            "units of this item are in stock, and a kit has none: ship them or adjust them away, or use another SKU";
        return Err(Rejected::new("item-has-stock", detail).at("/kit").into());
    }
    Ok(())
}
