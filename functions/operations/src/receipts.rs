//! Goods that come in, and corrections: each is an item that remembers its request, so that it counts once.

use crate::requests::{created, failed, operation, refused};
use crate::wire::{CreateRefusals, ForMerchant, Idempotent, Refusals};
use crate::wire::{NewAdjustment, NewReceipt, ReceiptView};
use domain::account::{Scope, check_text};
use domain::receiving::{Correction, Entry, Posting, REASON_BYTES_MAX, correct, receive};
use domain::{Decision, LocationId, MerchantId, ReceiptId, Sku};
use platform::auth::authenticate;
use platform::items::{Receipt, StoredItem, StoredLevel, StoredLocation, item_key, location_key, receipt_key};
use platform::{Deps, Failure, Problem, Request, Response};

/// Count goods in.
///
/// New goods are available at once, and orders that wait for them are filled.
#[utoipa::path(
    post, path = "/v1/receipts", tag = "operations", params(Idempotent, ForMerchant), request_body = NewReceipt,
    responses((status = 201, description = "Counted in", body = ReceiptView), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_receipt(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Floor, Scope::Operations]).await?;
    let merchant = principal.merchant()?;
    let new: NewReceipt = request.json()?;
    let operation = operation(deps, request, merchant)?;
    let entry = Entry {
        id: ReceiptId::derive(merchant, &["receipt", operation.id()]),
        sku: new.sku,
        location: new.location,
        goods: new.goods.into(),
        actor: new.actor,
        at: deps.clock.now(),
    };
    let Posting { movement, change, facts } = receive(&entry, new.quantity).map_err(refused)?;
    check_reference(new.reference.as_deref())?;
    require_known(deps, merchant, &entry.sku, &entry.location).await?;
    let receipt = receipt(entry, movement, new.reference);
    let decision = Decision::of(receipt).with_stock([change]).with_facts(facts);
    created(deps.store.create(&operation, decision).await?, &operation, ReceiptView::from)
}

/// Correct what is on record.
#[utoipa::path(
    post, path = "/v1/adjustments", tag = "operations", params(Idempotent, ForMerchant), request_body = NewAdjustment,
    responses((status = 201, description = "Corrected", body = ReceiptView), Refusals, CreateRefusals),
    security(("api_key" = [])),
)]
pub(crate) async fn create_adjustment(deps: &Deps, request: &Request) -> Result<Response, Problem> {
    let principal = authenticate(deps, request, &[Scope::Operations]).await?;
    let merchant = principal.merchant()?;
    let new: NewAdjustment = request.json()?;
    let operation = operation(deps, request, merchant)?;
    let entry = Entry {
        id: ReceiptId::derive(merchant, &["adjustment", operation.id()]),
        sku: new.sku,
        location: new.location,
        goods: new.goods.into(),
        actor: new.actor,
        at: deps.clock.now(),
    };
    let correction =
        Correction { quantity: new.quantity, kind: new.kind.into(), reason: new.reason, liable: new.liable };
    check_reference(new.reference.as_deref())?;
    require_known(deps, merchant, &entry.sku, &entry.location).await?;
    let level_key = StoredLevel::key_of(merchant, &entry.sku, &entry.location);
    let changed = deps
        .store
        .change::<Receipt, _>(&receipt_key(&entry.id), &operation, async |_| {
            // Read anew at every try: the guard of the write says whether it still holds.
            let stored = deps.store.load::<StoredLevel>(&level_key).await?;
            let level = stored.map(|stored| stored.body.level()).unwrap_or_default();
            let Posting { movement, change, facts } = correct(&entry, &correction, &level).map_err(Failure::from)?;
            let receipt = receipt(entry.clone(), movement, new.reference.clone());
            Ok(Decision::of(receipt).with_stock([change]).with_facts(facts))
        })
        .await
        .map_err(failed)?;
    created(changed, &operation, ReceiptView::from)
}

fn receipt(entry: Entry, movement: domain::stock::Movement, reference: Option<String>) -> Receipt {
    Receipt { id: entry.id, sku: entry.sku, location: entry.location, movement, reference }
}

fn check_reference(reference: Option<&str>) -> Result<(), Problem> {
    reference.map_or(Ok(()), |text| check_text("/reference", text, REASON_BYTES_MAX)).map_err(refused)
}

/// Refuses an item or a location that the merchant has not.
async fn require_known(deps: &Deps, merchant: &MerchantId, sku: &Sku, at: &LocationId) -> Result<(), Problem> {
    let (item_key, location_key) = (item_key(merchant, sku), location_key(merchant, at));
    let (item, location) =
        tokio::try_join!(deps.store.load::<StoredItem>(&item_key), deps.store.load::<StoredLocation>(&location_key),)?;
    let Some(item) = item else {
        let detail = "there is no item with this SKU: create it first, with POST /v1/items or an import";
        return Err(Problem::new(422, "unknown-item", detail).at("/sku"));
    };
    if item.body.item.is_kit() {
        let detail = "this item is a kit, which has no stock: count its components, see GET /v1/items/{sku}";
        return Err(Problem::new(422, "item-is-kit", detail).at("/sku"));
    }
    let Some(location) = location else {
        let detail = "there is no location with this code: create it first, with POST /v1/locations";
        return Err(Problem::new(422, "unknown-location", detail).at("/location"));
    };
    if location.body.location.closed {
        let detail = "the location is closed: open it again first, with PUT /v1/locations/{location}";
        return Err(Problem::new(409, "location-closed", detail).at("/location"));
    }
    Ok(())
}
